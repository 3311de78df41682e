# SPDX-License-Identifier: GPL-2.0-only
"""Frames that nobody should send, from a machine's wire: none gets through, none does harm, and
each is counted; afterwards the machine works as before. And a guest that floods.

In the first cases domain 0 is a test kernel (tests/guest/net_outside.c) that tells of each frame
that reached an interface; in the others it is the CD's.
"""
import json
import os
import random
import re
import statistics
import struct
import subprocess
import time

import netpeer
import qemu
from cases import case
from netpeer import (ACK, ARP, BROADCAST, FIN, ICMP, IP4, IP6, PSH, RST, SYN, TCP, UDP, VLAN, Peer,
                     arp, ether, icmp, ip4, mac, tcp, udp)
from qemu import Failure, Machine
from test_disk import archive

OWN, PEER, GUEST, GATEWAY = "192.0.2.15", "192.0.2.1", "10.0.0.22", "10.0.0.1"
CARD, STRANGER = "52:54:00:00:02:0f", "52:54:00:00:02:99"
ROUTER = "fe:ff:ff:ff:ff:ff"
RANDOM_FRAMES = 3000
DRIVERS = ("virtio-net-pci", "e1000", "e1000e")


# --- the attacks: each makes frames, of which none may reach anybody

def from_us(payload, proto=UDP, src=PEER, dst=OWN, smac=STRANGER, **how):
    """An IP frame to the card."""
    return ether(CARD, smac, IP4, ip4(src, dst, proto, payload, **how))


def good_udp(src=PEER, dst=OWN, port=5):
    """What a rule drops, and nothing else is wrong with."""
    return udp(src, dst, 999, port, b"attack" * 8)


def spoofed():
    """Addresses of the domains, of the router, of nobody; the card's own MAC."""
    for src in (OWN, GUEST, "127.0.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1"):
        for dst in (OWN, GUEST):
            for port in (5, 7, 9):
                yield from_us(good_udp(src, dst, port), src=src, dst=dst)
    for smac in (CARD, BROADCAST, "00:00:00:00:00:00", "01:00:5e:00:00:01"):
        yield from_us(good_udp(port=7), smac=smac)
    for dst in (GUEST, GATEWAY, "10.0.0.99", "127.0.0.1", "0.0.0.0", "240.0.0.1", "192.0.2.77"):
        yield from_us(good_udp(dst=dst, port=7), dst=dst)


def misdirected():
    """To others on the wire."""
    for dmac in (ROUTER, STRANGER, "00:16:3e:00:00:11"):
        yield ether(dmac, STRANGER, IP4, ip4(PEER, OWN, UDP, good_udp(port=7)))


def truncated():
    """A good frame that ends too early, at each byte of its headers; lengths that do not agree."""
    whole = from_us(good_udp(port=7))
    for length in range(14, 46):
        yield whole[:length]
    for total in (0, 19, 20, 27, 100, 1500, 65535):
        yield from_us(good_udp(port=7)[:20], total=total)
    for header in (0, 1, 4, 6, 15):
        yield from_us(good_udp(port=7), header=header)
    for length in (0, 7, 9, 40, 200, 65535):
        yield from_us(udp(PEER, OWN, 999, 7, b"x" * 48, length=length))
    for offset in (0, 4, 10, 15):
        yield from_us(tcp(PEER, OWN, 999, 8080, SYN, offset=offset), TCP)
    yield from_us(good_udp(port=7), version=6)
    yield from_us(good_udp(port=7), version=5)
    for size in range(0, 8):
        yield from_us(icmp(8, 0, 1, b"")[:size], ICMP)


def fragmented():
    """Pieces that overlap, that are too small for a header, that end behind 64 KiB, whose first
    was refused or never came."""
    packet = good_udp(port=5)
    syn = tcp(PEER, OWN, 999, 8080, SYN)
    more, ident = 0x2000, 0x4242
    for at in (1, 2, 3):
        yield from_us(packet[:24], ident=ident, fragment=more)
        yield from_us(packet[8:], ident=ident, fragment=at)
        yield from_us(syn[:8], TCP, ident=ident + at, fragment=more)
        yield from_us(syn[8:], TCP, ident=ident + at, fragment=at)
        yield from_us(syn, TCP, ident=ident + at, fragment=more | at)
    for size in (0, 4, 8, 12, 16):
        yield from_us(syn[:size], TCP, fragment=more)
        yield from_us(packet[:size], UDP, fragment=more)
    for at in (0x1FFF, 0x1FF8, 0x1FFE, 0x3FFF, 0x8000, 0xFFFF):
        yield from_us(b"x" * 600, fragment=at)
    for at in range(1, 40):  # and never the first
        yield from_us(b"x" * 512, ident=ident, fragment=more | at * 64)


def oversized():
    """More than a wire carries."""
    for size in (1473, 1500, 2000, 4000, 9000, 16000, 60000):
        yield from_us(udp(PEER, OWN, 999, 7, b"x" * size))
    for size in (1515, 1519, 2048, 9018, 16384, 65535):
        yield from_us(good_udp(port=7)) + bytes(size)


def tagged():
    """VLAN tags and what is not IPv4."""
    inner = from_us(good_udp(port=7))
    for tag in (0, 1, 5, 0xE000, 0xFFF):
        yield inner[:12] + struct.pack("!HH", VLAN, tag) + inner[12:]
        yield inner[:12] + struct.pack("!HH", 0x88A8, tag) + inner[12:]
        yield inner[:12] + struct.pack("!HHHH", VLAN, tag, VLAN, 5) + inner[12:]
    for kind in (0x8864, 0x8847, 0x88CC, 0x0805, 0x05FF, 46, 0, 0xFFFF, 0x88E1):
        yield inner[:12] + struct.pack("!H", kind) + inner[14:]
    head = struct.pack("!IHBB", 6 << 28, 8, 17, 64) + bytes(15) + b"\x01" + bytes(15) + b"\x02"
    for dst in (CARD, BROADCAST):
        yield ether(dst, STRANGER, IP6, head + bytes(8))
        yield ether(dst, STRANGER, IP6, head[:20])
    yield inner[:12] + struct.pack("!HH", VLAN, 5)


def options():
    """Source routes, and options that do not end."""
    for option in (b"\x83\x07\x04\xc0\x00\x02\x01\0", b"\x89\x07\x04\xc0\x00\x02\x01\0",
                   b"\x07\xff\x04\0", b"\x07\0\0\0", b"\x44\x01\0\0", b"\x01\x01\x01\x07"):
        yield from_us(good_udp(port=7), options=option)


def stray():
    """Of no connection: TCP, ICMP errors, answers that nobody has asked for."""
    for flags in (0, FIN, RST, ACK, SYN | ACK, FIN | ACK, RST | ACK, FIN | PSH | 32, SYN | FIN,
                  255):
        for port in (22, 80, 8080, 30000, 30500):
            yield from_us(tcp(PEER, OWN, 4000, port, flags & ~SYN if port == 8080 else flags,
                              seq=random.getrandbits(32)), TCP)
    for kind, code in ((3, 0), (3, 1), (3, 3), (3, 4), (3, 13), (4, 0), (5, 0), (5, 1), (11, 0),
                       (12, 0), (0, 0), (8, 0), (13, 0), (17, 0), (30, 0), (9, 0)):
        for about in (ip4(OWN, PEER, UDP, udp(OWN, PEER, 30123, 53, b"")),
                      ip4(OWN, PEER, TCP, tcp(OWN, PEER, 30123, 80, ACK)),
                      ip4(GUEST, PEER, UDP, udp(GUEST, PEER, 4712, 7, b"")), b"", b"E" * 27):
            yield from_us(icmp(kind, code, 0x5678, about), ICMP)
    for port in range(30000, 30100, 7):
        yield from_us(udp(PEER, OWN, 7, port, b"an answer"))


def probes():
    """Ports and protocols one after the other, and forwarded ones from the wrong side."""
    for port in list(range(1, 1024, 13)) + [2049, 3306, 6000, 8079, 8081]:
        if port not in (7, 9):
            yield from_us(good_udp(port=port))
        yield from_us(tcp(PEER, OWN, 4001, port, SYN), TCP)
    for dst in (GUEST, "10.0.0.2", GATEWAY):
        for port in (8080, 22, 443):
            yield from_us(tcp(PEER, dst, 4002, port, SYN), TCP, dst=dst)
    for proto in (0, 2, 4, 41, 47, 50, 51, 89, 132, 255):
        yield from_us(bytes(64), proto)
    yield from_us(udp(PEER, OWN, 4003, 8080, b"x"))


def groups():
    """To everybody, and to everybody's addresses."""
    for dst in ("255.255.255.255", "192.0.2.255", "224.0.0.1", "224.0.0.251", "239.255.255.250"):
        yield ether(BROADCAST, STRANGER, IP4, ip4(PEER, dst, UDP, good_udp(dst=dst, port=7)))
    for dmac in (BROADCAST, "01:00:5e:00:00:01", "33:33:00:00:00:01"):
        yield ether(dmac, STRANGER, IP4, ip4(PEER, OWN, UDP, good_udp(port=7)))


def mutant(rng):
    """A good frame with some bytes changed, or none that is good."""
    if rng.random() < 0.2:
        body = rng.randbytes(rng.choice((14, 20, 46, 60, 200, 1500)))
        return mac(rng.choice((CARD, BROADCAST))) + mac(STRANGER) + body
    src = rng.choice((PEER, OWN, GUEST, "198.51.100.7"))
    dst = rng.choice((OWN, OWN, GUEST, "192.0.2.200"))
    body = rng.choice((
        lambda: (UDP, udp(src, dst, rng.getrandbits(16), 11, rng.randbytes(rng.randrange(600)))),
        lambda: (TCP, tcp(src, dst, rng.getrandbits(16), 11, rng.getrandbits(8),
                          rng.getrandbits(32), rng.getrandbits(32), rng.randbytes(40))),
        lambda: (ICMP, icmp(rng.getrandbits(5), rng.getrandbits(3), rng.getrandbits(32),
                            ip4(dst, src, UDP, udp(dst, src, 1, 2, b"")))),
        lambda: (rng.getrandbits(8), rng.randbytes(rng.randrange(100)))))()
    frame = bytearray(ether(CARD, STRANGER, IP4, ip4(
        src, dst, *body, ttl=rng.getrandbits(8),
        fragment=rng.choice((0, 0, 0, rng.getrandbits(16))),
        options=rng.randbytes(4 * rng.randrange(3)))))
    for _ in range(rng.randrange(4)):
        frame[rng.randrange(12, min(70, len(frame)))] = rng.getrandbits(8)
    return bytes(frame)


def may_pass(frame):
    """By chance it is what a rule accepts: an echo or a command, or a forwarded connection."""
    p = netpeer.Packet(frame)
    if p.kind == ARP:
        return True
    return p.kind == IP4 and p.dport in (7, 9, 8080) or p.proto == ICMP and p.data[:1] == b"\x08"


def random_frames(seed=1):
    """Some thousands, the same in each run."""
    rng = random.Random(seed)
    made = 0
    while made < RANDOM_FRAMES:
        frame = mutant(rng)
        if not may_pass(frame):
            made += 1
            yield frame


def arp_lies():
    """Answers to no question, addresses of others, storms."""
    for sip in (OWN, GUEST, GATEWAY, "0.0.0.0", "255.255.255.255"):
        for operation in (1, 2):
            yield arp(operation, STRANGER, sip, OWN, CARD, CARD)
            yield arp(operation, STRANGER, sip, sip)
    yield arp(2, STRANGER, PEER, OWN, CARD, CARD)
    yield arp(1, STRANGER, PEER, PEER)
    yield arp(2, BROADCAST, PEER, OWN, CARD, CARD, STRANGER)
    yield arp(2, STRANGER, PEER, OWN, CARD, CARD, "52:54:00:00:02:98")
    for operation in (0, 3, 4, 8, 255):
        yield arp(operation, STRANGER, "192.0.2.50", OWN, CARD, CARD)
    for number in range(500):
        yield arp(1, STRANGER, "192.0.2.50", f"192.0.2.{100 + number % 100}")
        yield arp(2, STRANGER, f"198.51.{number // 200}.{number % 200}", OWN, CARD, CARD)


ATTACKS = (spoofed, misdirected, truncated, fragmented, oversized, tagged, options, stray, probes,
           groups, random_frames, arp_lies)
# Of these the card itself may drop some.
FILTERED = ("misdirected", "truncated", "oversized", "groups")


# --- on a test kernel

def kernel(name):
    """Path of a test kernel."""
    path = os.path.join(qemu.BUILD, "tests/guest", name + ".elf")
    subprocess.run(["make", "-s", "-C", os.path.join(qemu.TOP, "tests/guest"), f"O={qemu.BUILD}",
                    path], check=True)
    return path


def works(peer, machine):
    """Everything that may pass does, both ways."""
    if peer.ask(OWN, 7, b"hello") != b"hello":
        raise Failure("domain 0 no longer answers")
    connection = peer.connect(OWN, 8080)
    if not connection or not connection.send(b"x" * 3000) or not connection.close():
        raise Failure("the forwarded port takes no connection")
    if peer.ask(OWN, 9, b"begin") is None:
        raise Failure("no answer to a command")
    machine.wait("outside: the guest's (ping|question) is answered", 20)
    machine.wait("outside: the guest's (ping|question) is answered", 20)


def told(peer, machine, name):
    """The counters since the last time: a dictionary."""
    if peer.ask(OWN, 9, f"report {name}".encode(), 30) is None:
        raise Failure(f"{name}: domain 0 no longer answers")
    line = machine.wait(f"outside: {name}: (.*)", 20)[1]
    return {key: int(value) for key, value in re.findall(r"(\w+) (\d+)", line)}


def attack(peer, machine, frames, name):
    """Sends them all; how many there were, and what is told of them."""
    told(peer, machine, name + "-before")
    count = 0
    for frame in frames:
        peer.send(frame)
        count += 1
        if count % 64 == 0:  # what the device has no room for is nobody's fault
            time.sleep(0.02)
    time.sleep(0.3)
    return count, told(peer, machine, name)


def judge(name, count, seen):
    """An ARP frame to which there is nothing to say is not refused, and the router may ask for
    our MAC once more meanwhile."""
    if seen["leaked"] or seen["taken"]:
        raise Failure(f"{name}: {seen['leaked']} and {seen['taken']} frames came through")
    arrived = seen["arrived"] - seen["asked"]
    want = arrived - 1 if name in FILTERED else count
    if name != "arp_lies" and not want <= seen["refused"] <= count:
        raise Failure(f"{name}: {seen['refused']} of {count} frames are counted as refused, "
                      f"{arrived} arrived")


def syn_flood(peer, count=5000):
    """Beginnings of connections that the forwarded port may have, from all over the world."""
    for n in range(count):
        src = f"192.0.2.{20 + n % 200}" if n % 10 == 0 else f"198.51.{n >> 8}.{n & 255}"
        peer.send(from_us(tcp(src, OWN, 1024 + n, 8080, SYN, seq=n), TCP, src=src,
                          smac=peer.mac))
        if n % 64 == 0:
            time.sleep(0.02)


@case("net-attack-virtio", "virtio-net-pci")
@case("net-attack-e1000", "e1000")
@case("net-attack-e1000e", "e1000e")
def outside(name, device):
    """A test kernel on the wire with somebody who sends all that should not be sent."""
    os.makedirs(qemu.LOGS, exist_ok=True)
    path = os.path.join(qemu.LOGS, name.replace("/", "-") + ".sock")
    args = ["-kernel", qemu.unpacked("xeno.gz"), "-append", "console=com1 dom0_mem=64M nic",
            "-initrd", kernel("net_outside")]
    with Peer(path) as peer, Machine(name, args, memory=256, limit=400,
                                     extra=peer.arguments(device, CARD)) as machine:
        machine.wait("outside: ready", 60)
        works(peer, machine)
        for one in ATTACKS:
            count, seen = attack(peer, machine, one(), one.__name__)
            judge(one.__name__, count, seen)
            works(peer, machine)
        syn_flood(peer)
        works(peer, machine)
        peer.ask(OWN, 9, b"end", 2)
        machine.wait("verdict: ok net_outside", 30)


# --- on the CD's root

NOISE = 4  # frames: domain 0 and the guest ask the router for its MAC now and then


def counters(host):
    """Of each interface, by name."""
    said = host.must("xenctl net stats --json")
    return {one["interface"]: one for one in json.loads(said[said.index("{"):])["interfaces"]}


def opened_by_cd(frame):
    """What the CD's rules accept: pings of domain 0, and SSH."""
    p = netpeer.Packet(frame)
    return p.proto == ICMP and p.data[:1] == b"\x08" or p.proto == TCP and p.dport == 22


def attack_cd(peer, host, frames, name):
    """Sends them all; nobody gets one, and each is counted."""
    before, count = counters(host), 0
    for frame in frames:
        if not opened_by_cd(frame):
            peer.send(frame)
            count += 1
        if count % 64 == 0:
            time.sleep(0.02)
    time.sleep(0.3)
    after = counters(host)
    for who in ("dom0", "dom0.15", "demo-web"):
        got = after[who]["recv_packets"] - before[who]["recv_packets"]
        if got > NOISE:
            raise Failure(f"{name}: {who} received {got} frames")
    refused = after["nic0"]["refused"] - before["nic0"]["refused"]
    if name not in FILTERED + ("arp_lies",) and refused != count:
        raise Failure(f"{name}: {refused} of {count} frames are counted as refused")


def serves(peer, host):
    """Domain 0 answers pings and reaches the peer; demo-web's page can be had."""
    if not peer.ping(OWN):
        raise Failure("domain 0 does not answer a ping")
    if "got 6" not in host.must(f"echo hello | nc {PEER} 5001", 30):
        raise Failure("domain 0 does not reach the outside")
    connection = peer.connect(OWN, 8080)
    if not connection or not connection.send(b"GET / HTTP/1.0\r\n\r\n"):
        raise Failure("the forwarded port takes no connection")
    if b"<h1>demo-web</h1>" not in connection.receive(1 << 20):
        raise Failure("the forwarded port shows something else")
    connection.close()


@case("net-attack-cd")
def on_the_cd(name):
    """The root of the CD, with its own rules and a guest that shows a page to the outside."""
    os.makedirs(qemu.LOGS, exist_ok=True)
    path = os.path.join(qemu.LOGS, name.replace("/", "-") + ".sock")
    with Peer(path) as peer, Machine(name, qemu.multiboot("nic"), limit=500,
                                     extra=peer.arguments(station=CARD)) as host:
        peer.servers[5001] = lambda data: b"got %d\n" % len(data)
        host.shell("dom0")
        host.must(f"for i in $(seq 150); do xenctl net list | grep -q nic0.*{OWN} && break; "
                  "sleep 0.2; done; sleep 1", 60)
        host.must("xenctl create demo-web")
        host.must("for i in $(seq 100); do echo | nc -w 1 10.0.0.80 80 >/dev/null && break; "
                  "sleep 0.5; done", 90)
        serves(peer, host)
        for one in ATTACKS:
            attack_cd(peer, host, one(), one.__name__)
            serves(peer, host)
        syn_flood(peer)
        serves(peer, host)
        host.must("xenctl net refusals nic0 && xenctl destroy demo-web")
        host.power_off()


# --- a guest that floods

RATE = "8Mb/s"
LOADS = {  # name: address, kind of net_load, whom to, bytes of data
    "sink-a": ("10.0.0.31", 3, None, 0),
    "sink-b": ("10.0.0.32", 3, None, 0),
    "steady": ("10.0.0.33", 1, "10.0.0.31", 1400),
    "flood": ("10.0.0.34", 1, "10.0.0.32", 18),
}
ALONE, TOGETHER = 5, 5  # seconds


def number(address):
    """As the test kernels read it."""
    return struct.unpack("!I", netpeer.addr(address))[0]


def loads(name, kind):
    """Path of an archive with the kernel and a configuration for each of the four guests."""
    plain = name.replace("/", "-")
    folder = os.path.join(qemu.LOGS, plain + "-loads.in")
    os.makedirs(folder, exist_ok=True)
    files = {"loads/kernel": kernel("net_load")}
    for guest, (address, what, dst, size) in LOADS.items():
        what = kind if guest == "flood" else what
        path = os.path.join(folder, guest)
        with open(path, "w", encoding="ascii") as out:
            out.write(f"name = '{guest}'\nkernel = '/loads/kernel'\nmemory = 16\n"
                      f"on_poweroff = 'preserve'\nvif = ['ip={address}, rate={RATE}']\n"
                      f"extra = 'kind={what} own={number(address)} size={size} ms=60000 "
                      f"dst={number(dst) if dst else 0}'\n")
        files[f"loads/{guest}.cfg"] = path
    return archive(plain + "-loads", files)


def samples(host, guest):
    """(time, bytes) pairs of a receiver, in seconds."""
    said = host.must(f"xenctl console -l {guest} </dev/null")
    return [(int(when) / 1e9, int(size)) for when, size in
            re.findall(r"load: at (\d+) frames \d+ bytes (\d+)", said)]


def rate(points, start, end):
    """Bytes per second between two times: the median of the quarters of a second, since now and
    then the host has something else to do."""
    inside = [p for p in points if start <= p[0] <= end]
    if len(inside) < 8:
        raise Failure(f"{len(inside)} samples between {start:.1f} and {end:.1f} s")
    return statistics.median((b[1] - a[1]) / (b[0] - a[0])
                             for a, b in zip(inside, inside[1:]) if b[0] - a[0] > 0.1)


def measure(host):
    """The steady sender's throughput, without and with the other."""
    for guest in ("sink-a", "sink-b", "steady"):
        host.must(f"xenctl create /loads/{guest}.cfg")
    host.must(f"sleep {ALONE + 2}")
    host.must("xenctl create /loads/flood.cfg")
    host.must(f"sleep {TOGETHER + 2}")
    began = re.search(r"load: begins at (\d+)", host.must("xenctl console -l flood </dev/null"))
    if not began:
        raise Failure("the flooding guest does not begin")
    start, points = int(began[1]) / 1e9, samples(host, "sink-a")
    host.must("for g in flood steady sink-a sink-b; do xenctl destroy $g; done")
    # Without what it takes to create a domain.
    return (rate(points, start - ALONE, start - 1),
            rate(points, start + 1, start + TOGETHER))


@case("net-flood-small", 1)
@case("net-flood-forged", 2)
def flood(name, kind):
    """Two guests with equal limits; one floods with small frames, good or forged. The other has
    nine tenths of what it has alone. Once more, if the host had something else to do."""
    root = qemu.joined(f"{name.replace('/', '-')}.img", loads(name, kind), "dom0.img")
    with Machine(name, qemu.multiboot(root=root), limit=300) as host:
        host.shell("dom0")
        for attempt in (1, 2):
            alone, together = measure(host)
            print(f"{name}: {alone / 1e3:.0f} kB/s alone, {together / 1e3:.0f} with the other")
            if alone < 500e3:
                raise Failure(f"{alone:.0f} bytes/s of {RATE}")
            if together >= 0.9 * alone:
                break
            if attempt == 2:
                raise Failure(f"{together:.0f} of {alone:.0f} bytes/s are left")
        host.power_off()
