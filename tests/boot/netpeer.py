# SPDX-License-Identifier: GPL-2.0-only
"""The outside of a machine's card: a station that answers ARP, pings, DHCP, UDP and TCP, and
sends and sees any frame there is.

A Peer listens on a UNIX socket to which `-netdev stream` of QEMU connects: each frame comes behind
its length, 32 bits, big endian. Frames are bytes, addresses texts. What a thread of its own answers
is in Peer.handle(); everything that came is in Peer.frames, for wait() and seen().
"""
import collections
import ipaddress
import os
import random
import socket
import struct
import threading
import time

KEPT = 20000  # frames
BROADCAST = "ff:ff:ff:ff:ff:ff"
ARP, IP4, IP6, VLAN = 0x806, 0x800, 0x86DD, 0x8100
ICMP, TCP, UDP = 1, 6, 17
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


# --- building

def mac(text):
    """Six bytes of 00:16:3e:01:02:03."""
    return bytes.fromhex(text.replace(":", ""))


def mac_text(data):
    """And back."""
    return data.hex(":")


def addr(text):
    """Four bytes of 192.0.2.1."""
    return ipaddress.IPv4Address(text).packed


def addr_text(data):
    """And back."""
    return str(ipaddress.IPv4Address(data))


def checksum(data):
    """Of the Internet."""
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + bytes(len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ether(dst, src, kind, payload):
    """A frame, long enough for a wire."""
    return (mac(dst) + mac(src) + struct.pack("!H", kind) + payload).ljust(60, b"\0")


def arp(operation, smac, sip, tip, tmac="00:00:00:00:00:00", dst=BROADCAST, src=None):
    """A frame: 1 asks who has tip, 2 says that sip is at smac."""
    return ether(dst, src or smac, ARP, struct.pack("!HHBBH", 1, IP4, 6, 4, operation) +
                 mac(smac) + addr(sip) + mac(tmac) + addr(tip))


def ip4(src, dst, proto, payload, ttl=64, ident=None, fragment=0, options=b"", total=None,
        version=4, header=None):
    """A packet. fragment: flags and offset as they are in it; the rest may be made wrong."""
    header = 5 + len(options) // 4 if header is None else header
    total = 20 + len(options) + len(payload) if total is None else total
    ident = random.getrandbits(16) if ident is None else ident
    head = struct.pack("!BBHHHBBH4s4s", version << 4 | header, 0, total & 0xFFFF, ident, fragment,
                       ttl, proto, 0, addr(src), addr(dst)) + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def pseudo(src, dst, proto, length):
    """What the checksums of TCP and UDP begin with."""
    return addr(src) + addr(dst) + struct.pack("!BBH", 0, proto, length & 0xFFFF)


def udp(src, dst, sport, dport, data, length=None):
    """Header and data, of UDP between two addresses."""
    length = 8 + len(data) if length is None else length
    head = struct.pack("!HHHH", sport, dport, length, 0)
    total = checksum(pseudo(src, dst, UDP, 8 + len(data)) + head + data) or 0xFFFF
    return head[:6] + struct.pack("!H", total) + data


def tcp(src, dst, sport, dport, flags, seq=0, ack=0, data=b"", window=8192, offset=5):
    """The same of TCP."""
    head = struct.pack("!HHIIBBHHH", sport, dport, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, offset << 4,
                       flags, window, 0, 0)
    total = checksum(pseudo(src, dst, TCP, len(head) + len(data)) + head + data)
    return head[:16] + struct.pack("!H", total) + head[18:] + data


def icmp(kind, code, rest, data):
    """A message; rest: the second word of its header."""
    head = struct.pack("!BBHI", kind, code, 0, rest)
    return head[:2] + struct.pack("!H", checksum(head + data)) + head[4:] + data


# --- reading

class Packet:
    """Fields of a frame with IPv4 in it; None for what is not there."""

    def __init__(self, frame):
        self.frame = frame
        self.dmac, self.smac = mac_text(frame[:6]), mac_text(frame[6:12])
        self.kind = struct.unpack("!H", frame[12:14])[0] if len(frame) >= 14 else None
        self.src = self.dst = self.proto = self.sport = self.dport = self.data = None
        if self.kind == IP4 and len(frame) >= 34:
            self.read_ip(frame[14:])

    def read_ip(self, ip):
        """From the IP header on."""
        header = (ip[0] & 15) * 4
        total = struct.unpack("!H", ip[2:4])[0]
        self.src, self.dst, self.proto = addr_text(ip[12:16]), addr_text(ip[16:20]), ip[9]
        self.data = ip[header:total]
        self.sums_ok = checksum(ip[:header]) == 0
        if self.proto in (TCP, UDP) and len(self.data) >= 8:
            self.sport, self.dport = struct.unpack("!HH", self.data[:4])
            # 0 in the checksum field of UDP: there is none.
            self.sums_ok = self.sums_ok and (
                self.proto == UDP and self.data[6:8] == b"\0\0" or
                checksum(pseudo(self.src, self.dst, self.proto, len(self.data)) + self.data) == 0)
        if self.proto == TCP and len(self.data) >= 20:
            self.seq, self.ack, offset, self.flags = struct.unpack("!IIBB", self.data[4:14])
            self.payload = self.data[(offset >> 4) * 4:]
        if self.proto == UDP:
            self.payload = self.data[8:]
        if self.proto == ICMP:
            self.sums_ok = self.sums_ok and checksum(self.data) == 0


# --- the station

class Connection:
    """Our side of a TCP connection: in order, one segment under way at a time."""

    SEGMENT = 1400

    def __init__(self, peer, local, remote):
        self.peer, self.local, self.remote = peer, local, remote
        self.seq, self.ack = random.getrandbits(32), 0
        self.acked = self.seq
        self.open = self.ended = self.reset = False
        self.received = b""
        self.changed = peer.changed

    def out(self, flags, data=b"", seq=None):
        """One segment."""
        (src, sport), (dst, dport) = self.local, self.remote
        self.peer.send_ip(dst, ip4(src, dst, TCP, tcp(
            src, dst, sport, dport, flags, self.seq if seq is None else seq, self.ack, data,
            window=60000)))

    def take(self, packet):
        """A segment has come. The peer's lock is held."""
        if packet.flags & RST:
            self.reset = True
        if packet.flags & SYN:
            self.ack = (packet.seq + 1) & 0xFFFFFFFF
            self.open = True
            self.out(ACK if packet.flags & ACK else SYN | ACK)
            if not packet.flags & ACK:
                self.seq = (self.seq + 1) & 0xFFFFFFFF
        if packet.flags & ACK:
            self.acked = packet.ack
        if not packet.payload and not packet.flags & FIN:
            return
        if packet.seq == self.ack and not packet.flags & SYN:
            self.received += packet.payload
            self.ack = (self.ack + len(packet.payload) + (packet.flags & FIN)) & 0xFFFFFFFF
            self.ended = self.ended or bool(packet.flags & FIN)
        self.out(ACK)

    def push(self, flags, data, limit):
        """Sends, again each second, until the other side has it. False: it does not."""
        end = time.monotonic() + limit
        seq = self.seq
        want = (seq + len(data) + (1 if flags & (SYN | FIN) else 0)) & 0xFFFFFFFF
        with self.changed:
            self.seq = want
            while self.acked != want and not self.reset:
                if time.monotonic() > end:
                    return False
                self.out(flags, data, seq)
                self.changed.wait_for(lambda: self.acked == want or self.reset, 1)
        return not self.reset

    def send(self, data, limit=30):
        """All of data; False: it is not taken."""
        return all(self.push(ACK | PSH, data[at:at + self.SEGMENT], limit)
                   for at in range(0, len(data), self.SEGMENT))

    def receive(self, count, limit=30):
        """So many bytes, or what there is at the end."""
        with self.changed:
            self.changed.wait_for(lambda: len(self.received) >= count or self.ended or self.reset,
                                  limit)
            data, self.received = self.received[:count], self.received[count:]
        return data

    def close(self, limit=10):
        """Ends our side."""
        done = self.push(ACK | FIN, b"", limit)
        with self.changed:
            self.peer.connections.pop((self.local[1],) + self.remote, None)
        return done


class Peer:
    """A station at `ip`, gateway and DHCP server of a /24 that gives out `lease`."""

    def __init__(self, path, ip="192.0.2.1", lease="192.0.2.15", station="52:54:00:00:02:01"):
        self.path, self.ip, self.lease, self.mac = path, ip, lease, station
        self.frames = collections.deque(maxlen=KEPT)
        self.count = 0
        self.changed = threading.Condition(threading.RLock())
        self.neighbours = {}
        self.connections = {}
        self.servers = {}  # TCP port: what is answered to what came
        self.silent = False  # answers nothing by itself
        self.stream = None
        self.writing = threading.Lock()
        if os.path.exists(path):
            os.unlink(path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(1)
        threading.Thread(target=self.run, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        for end in (self.listener, self.stream):
            if end:
                end.close()
        os.unlink(self.path)

    def arguments(self, device="virtio-net-pci", station="52:54:00:00:02:0f"):
        """QEMU's, for a machine with this on its wire."""
        return ["-netdev", f"stream,id=peer,server=off,addr.type=unix,addr.path={self.path}",
                "-device", f"{device},netdev=peer,mac={station}"]

    # --- the wire

    def take(self, count):
        """So many bytes of the stream, or None at its end."""
        data = b""
        while len(data) < count:
            try:
                piece = self.stream.recv(count - len(data))
            except OSError:
                return None
            if not piece:
                return None
            data += piece
        return data

    def run(self):
        """The thread: answers what comes."""
        try:
            self.stream, _ = self.listener.accept()
        except OSError:
            return
        while (head := self.take(4)) is not None:
            frame = self.take(struct.unpack("!I", head)[0])
            if frame is None:
                break
            with self.changed:
                self.frames.append((self.count, frame))
                self.count += 1
                if not self.silent:
                    self.handle(Packet(frame))
                self.changed.notify_all()

    def send(self, frame):
        """Any bytes as a frame."""
        with self.writing:
            try:
                self.stream.sendall(struct.pack("!I", len(frame)) + frame)
            except (OSError, AttributeError):
                pass  # QEMU has ended; who waits for something will say so

    def send_ip(self, dst, packet):
        """A packet to a neighbour, whose MAC is known, or to everybody."""
        self.send(ether(self.neighbours.get(dst, BROADCAST), self.mac, IP4, packet))

    def seen(self, match, since=0):
        """Packets that came after the count `since` and match."""
        with self.changed:
            frames = [frame for number, frame in self.frames if number >= since]
        return [packet for packet in map(Packet, frames) if match(packet)]

    def wait(self, match, limit=10, since=0):
        """The first that matches; None: there was none in time."""
        end = time.monotonic() + limit
        while True:
            with self.changed:
                now = self.count
                found = self.seen(match, since)
                if found:
                    return found[0]
                left = end - time.monotonic()
                if left <= 0:
                    return None
                self.changed.wait_for(lambda: self.count != now, left)
                since = now

    # --- what the station answers

    def handle(self, packet):
        """One frame. Lock held."""
        if packet.kind == ARP and len(packet.frame) >= 42:
            self.handle_arp(packet.frame)
        if packet.kind != IP4 or packet.proto is None:
            return
        if packet.proto == UDP and packet.dport == 67:
            self.handle_dhcp(packet)
        if packet.dst != self.ip:
            return
        self.neighbours[packet.src] = packet.smac
        if packet.proto == ICMP and packet.data[:1] == b"\x08":
            self.send_ip(packet.src, ip4(self.ip, packet.src, ICMP, icmp(
                0, 0, struct.unpack("!I", packet.data[4:8])[0], packet.data[8:])))
        if packet.proto == UDP and packet.dport == 7:
            self.send_ip(packet.src, ip4(self.ip, packet.src, UDP, udp(
                self.ip, packet.src, 7, packet.sport, packet.payload)))
        if packet.proto == TCP and packet.sport is not None:
            self.handle_tcp(packet)

    def handle_arp(self, frame):
        """Who asks for us is told; who answers is remembered."""
        operation = struct.unpack("!H", frame[20:22])[0]
        asker, sip, tip = mac_text(frame[22:28]), addr_text(frame[28:32]), addr_text(frame[38:42])
        if operation == 1 and tip == self.ip:
            self.send(arp(2, self.mac, self.ip, sip, asker, asker))
        if operation == 2:
            self.neighbours[sip] = asker

    def handle_tcp(self, packet):
        """To a connection, or to the beginning of one."""
        key = (packet.dport, packet.src, packet.sport)
        connection = self.connections.get(key)
        if not connection and packet.flags & SYN and packet.dport in self.servers:
            connection = Connection(self, (self.ip, packet.dport), (packet.src, packet.sport))
            self.connections[key] = connection
            threading.Thread(target=self.serve, args=(connection, packet.dport),
                             daemon=True).start()
        if connection:
            connection.take(packet)
        elif not packet.flags & RST:
            self.send_ip(packet.src, ip4(self.ip, packet.src, TCP, tcp(
                self.ip, packet.src, packet.dport, packet.sport, RST | ACK, packet.ack,
                packet.seq + 1)))

    def serve(self, connection, port):
        """A server's connection: what the port's function makes of all that came by the end."""
        with self.changed:
            self.changed.wait_for(lambda: connection.ended or connection.reset, 120)
            data = connection.received
        connection.send(self.servers[port](data))
        connection.close()

    def handle_dhcp(self, packet):
        """Offers the one address there is."""
        data = packet.payload
        at = data.find(b"\x35\x01", 240)
        if len(data) < 240 or at < 0 or data[at + 2] not in (1, 3):
            return
        kind = 2 if data[at + 2] == 1 else 5
        options = b"".join(bytes([code, len(value)]) + value for code, value in (
            (53, bytes([kind])), (54, addr(self.ip)), (51, struct.pack("!I", 86400)),
            (1, b"\xff\xff\xff\0"), (3, addr(self.ip)), (6, addr(self.ip)))) + b"\xff"
        reply = (b"\x02\x01\x06\0" + data[4:8] + bytes(8) + addr(self.lease) + addr(self.ip) +
                 bytes(4) + data[28:44] + bytes(192) + b"\x63\x82\x53\x63" + options)
        self.send(ether(packet.smac, self.mac, IP4, ip4(self.ip, self.lease, UDP, udp(
            self.ip, self.lease, 67, 68, reply))))

    # --- what the station asks

    def resolve(self, dst, limit=10, again=True):
        """The MAC of a neighbour, by ARP; None: nobody has that address."""
        end = time.monotonic() + limit
        with self.changed:
            if again:
                self.neighbours.pop(dst, None)
            while dst not in self.neighbours and time.monotonic() < end:
                self.send(arp(1, self.mac, self.ip, dst))
                self.changed.wait_for(lambda: dst in self.neighbours, 1)
            return self.neighbours.get(dst)

    def ping(self, dst, size=56, limit=10):
        """An answer comes, with what was sent."""
        ident = random.getrandbits(16)
        data = random.randbytes(size)
        end = time.monotonic() + limit
        self.resolve(dst, limit, False)
        for number in range(1, 1 + limit):
            since = self.count
            self.send_ip(dst, ip4(self.ip, dst, ICMP, icmp(8, 0, ident << 16 | number, data)))
            answer = self.wait(lambda p: p.proto == ICMP and p.src == dst and p.data[:1] == b"\0"
                               and p.data[4:6] == struct.pack("!H", ident),
                               min(2, max(0.1, end - time.monotonic())), since)
            if answer:
                return answer.sums_ok and answer.data[8:] == data
        return False

    def ask(self, dst, port, data, limit=10, sport=None):
        """The answer to a UDP packet, None: there was none."""
        sport = sport or random.randrange(20000, 60000)
        end = time.monotonic() + limit
        self.resolve(dst, limit, False)
        while time.monotonic() < end:
            since = self.count
            self.send_ip(dst, ip4(self.ip, dst, UDP, udp(self.ip, dst, sport, port, data)))
            answer = self.wait(lambda p: p.proto == UDP and p.src == dst and p.sport == port and
                               p.dport == sport and p.sums_ok, 2, since)
            if answer:
                return answer.payload
        return None

    def connect(self, dst, port, limit=10):
        """A TCP connection, None: it is not accepted."""
        local = (self.ip, random.randrange(20000, 60000))
        self.resolve(dst, limit, False)
        connection = Connection(self, local, (dst, port))
        with self.changed:
            self.connections[(local[1], dst, port)] = connection
        if connection.push(SYN, b"", limit) and connection.open:
            return connection
        with self.changed:
            self.connections.pop((local[1], dst, port), None)
        return None
