# SPDX-License-Identifier: GPL-2.0-only
"""The network: domain 0, guests and the world outside, on each of the cards."""
import contextlib
import http.server
import json
import os
import re
import socket
import subprocess
import threading
import time
import urllib.request

import qemu
from cases import case
from qemu import Failure, Machine
from test_demo import free_kib, settles_at
from test_disk import archive, debian, debian_login

# QEMU's user network: what domain 0 gets, and where this machine is from there.
OUTER = "10.0.2.15"
OUTSIDE = "10.0.2.2"
ROUTER = "10.0.0.1"
DOM0 = "10.0.0.2"
# Ports in guests: of pump, and of a shell.
PUMP, SHELL = 7000, 7001
# A stream of the tests, in MiB; and the two between guests.
STREAM = int(os.environ.get("NET_STREAM_MIB", "64"))
LONG_STREAM = max(STREAM, 1024)


def limit_of(kib):
    """Seconds in which so much has to have passed."""
    return 60 + (kib >> 10)


def pump():
    """Path of the program that moves checked numbers, made when it is older than its source."""
    source = os.path.join(qemu.TOP, "tests/boot/net/pump.c")
    target = os.path.join(qemu.LOGS, "pump")
    os.makedirs(qemu.LOGS, exist_ok=True)
    if not os.path.exists(target) or os.path.getmtime(target) < os.path.getmtime(source):
        work = f"{target}.{os.getpid()}.{threading.get_ident()}"
        subprocess.run(["gcc", "-O2", "-static", "-Wall", "-o", work, source], check=True)
        os.rename(work, target)
    return target


def free_port():
    """A TCP port of this machine that nobody uses."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def card(driver="virtio-net-pci", **forwards):
    """Arguments for a card on QEMU's user network. forwards: port_N=PORT: PORT of this machine
    is N of the other."""
    doors = "".join(f",hostfwd=tcp:127.0.0.1:{here}-:{there.removeprefix('port_')}"
                    for there, here in forwards.items())
    return ["-netdev", f"user,id=n{doors}", "-device", f"{driver},netdev=n,romfile="]


def machine(name, args, xeno_args="nic", stock=False, linux_args="console=hvc0", **how):
    """A machine in which domain 0 has pump, and roots with it for guests."""
    plain = name.replace("/", "-")
    moving = archive(f"{plain}-pump", {"sbin/pump": pump()})
    roots = {"usr/lib/xeno/net.img": qemu.joined(f"{plain}-ours.img", moving, "demo.img")}
    parts = [moving, "dom0.img"]
    if stock:
        roots["usr/lib/xeno/stock-net.img"] = qemu.joined(
            f"{plain}-stock.img", moving, "stock/modules", "demo.img")
        parts.insert(0, "stock.img")
    root = qemu.joined(f"{plain}.img", archive(f"{plain}-roots", roots), *parts)
    return Machine(name, qemu.multiboot(xeno_args, linux_args, root=root), extra=args,
                   **{"limit": 600, **how})


def lease(host, limit=60):
    """Waits for domain 0's address, and until the script behind it is through: nothing of it comes
    between a command and its output any more."""
    end = time.monotonic() + limit
    while f"xeno: eth0 has the address {OUTER}" not in host.text:
        if time.monotonic() > end:
            raise Failure("domain 0 gets no address")
        host.must("sleep 0.5")
    host.must("while pidof uplink.script; do sleep 0.2; done; sleep 0.5")
    if not re.search(rf"^nic0 .* {OUTER}$", host.must("xenctl net list"), re.M):
        raise Failure("the hypervisor does not know the address of the card")


def guest(host, name, address, kernel="xenolinux", root="net.img", memory=64):
    """Starts a guest that serves PUMP and SHELL, and waits until it does."""
    host.must(f"cat >/tmp/{name}.cfg <<END\n"
              f"kernel = '/usr/lib/xeno/{kernel}'\nramdisk = '/usr/lib/xeno/{root}'\n"
              f"memory = {memory}\nname = '{name}'\nvif = ['ip={address}']\n"
              "extra = 'console=hvc0 quiet xeno.stay xeno.cmd=\""
              f"pump serve {PUMP} & nc -ll -p {SHELL} -e /bin/sh &\"'\nEND\n:")
    host.must(f"xenctl create /tmp/{name}.cfg", 60)
    host.must(f"for i in $(seq 300); do echo | nc -w 1 {address} {SHELL} 2>/dev/null && break; "
              "sleep 0.5; done", 180)


def far(host, address, command, limit=60):
    """Runs a command in a guest, over the network from domain 0. Returns (status, output)."""
    said = host.must(f"echo '{command}; echo =far $?=' | nc {address} {SHELL} 2>&1; :", limit)
    match = re.search(r"=far (\d+)=", said)
    if not match:
        raise Failure(f"'{command}' at {address} came to no end: {said.strip()[-200:]}")
    return int(match[1]), said[:match.start()]


def far_must(host, address, command, limit=60):
    """Runs a command in a guest that has to succeed; returns its output."""
    status, said = far(host, address, command, limit)
    if status:
        raise Failure(f"'{command}' at {address} ended with {status}: {said.strip()[-200:]}")
    return said


@contextlib.contextmanager
def pump_here():
    """pump serves on a port of this machine, the value."""
    port = free_port()
    with subprocess.Popen([pump(), "serve", str(port)], start_new_session=True) as server:
        try:
            time.sleep(0.2)
            yield port
        finally:
            os.killpg(server.pid, 15)


class Page(http.server.BaseHTTPRequestHandler):
    """Answers every question with where it comes from."""

    def do_GET(self):
        """The name is the library's."""
        text = b"greetings from outside\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        """Nothing on the terminal."""


@contextlib.contextmanager
def web_here():
    """A web server on a port of this machine, the value."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def fetch(port, limit=60):
    """The page at a port of this machine, asked for until there is one."""
    end = time.monotonic() + limit
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as page:
                return page.read().decode()
        except OSError as why:
            if time.monotonic() > end:
                raise Failure(f"no page at port {port}: {why}") from None
        time.sleep(1)


def demo1(host):
    """Starts demo1 and looks round on its console. Returns its address; its shell is next."""
    host.must("xenctl create demo1")
    host.send("xenctl console demo1\n")
    address = host.wait(r"^xeno: eth0 has the address ([\d.]+)\s").group(1)
    host.shell("guest")
    return address


def leave(host):
    """From a guest's console back to domain 0's shell."""
    host.send("\x1d")
    host.prompt()


@case("net-virtio", "virtio-net-pci")
@case("net-e1000", "e1000")
@case("net-e1000e", "e1000e")
def cards(name, driver):
    """Domain 0 has its address through the card, demo1 from domain 0; demo1 reaches the router,
    domain 0, another guest and the world, and a forwarded port reaches demo1."""
    door = free_port()
    with machine(name, card(driver, port_8081=door)) as host, web_here() as web:
        host.shell("dom0")
        lease(host)
        host.must(f"wget -q -O - http://{OUTSIDE}:{web}/ | grep greetings")
        guest(host, "other", "10.0.0.7")
        address = demo1(host)
        if not address.startswith("10.0.0.1"):
            raise Failure(f"demo1 has {address}, which is not of the pool")
        for other in (ROUTER, DOM0, "10.0.0.7", OUTSIDE):
            host.must(f"ping -c 2 -W 5 {other}")
        host.must("grep 10.0.2.3 /etc/resolv.conf")
        host.must(f"wget -q -O - http://{OUTSIDE}:{web}/ | grep greetings")
        host.must("mkdir /tmp/w && echo hello from demo1 >/tmp/w/index.html && httpd -h /tmp/w")
        # Domain 0 has no doors for guests.
        for port in (22, 67, 80):
            if not host.run(f"echo | nc -w 5 {DOM0} {port}")[0]:
                raise Failure(f"demo1 gets through to port {port} of domain 0")
        leave(host)
        host.must("xenctl net forward tcp port 8081 to demo1:80")
        if "hello from demo1" not in fetch(door):
            raise Failure("the forwarded port shows something else")
        host.must("xenctl destroy demo1")
        host.must("xenctl destroy other")
        host.power_off()


def pumps(host, where, at, port, kib):
    """Streams from guest where both ways, and questions by UDP. at, port: of a server."""
    for way in ("give", "take"):
        far_must(host, where, f"pump {way} {at} {port} {kib}", limit_of(kib))
    far_must(host, where, f"pump ask {at} {port} 300", limit_of(0))


@case("net-streams")
def streams(name):
    """TCP both ways, every word checked, and UDP: between two guests, a guest and domain 0, a
    guest and the world, the world and a guest through a forwarded port."""
    door = free_port()
    with machine(name, card(port_8081=door), limit=900 + 6 * STREAM + 2 * LONG_STREAM) as host, \
            pump_here() as outside:
        host.shell("dom0")
        lease(host)
        guest(host, "one", "10.0.0.11")
        guest(host, "two", "10.0.0.12")
        kib = STREAM << 10
        pumps(host, "10.0.0.11", "10.0.0.12", PUMP, LONG_STREAM << 10)
        pumps(host, "10.0.0.12", OUTSIDE, outside, kib)
        for way in ("give", "take"):
            host.must(f"pump {way} 10.0.0.11 {PUMP} {kib}", limit_of(kib))
        host.must(f"pump ask 10.0.0.12 {PUMP} 300", limit_of(0))
        host.must(f"xenctl net forward tcp port 8081 to two:{PUMP}")
        for way in ("give", "take"):
            done = subprocess.run([pump(), way, "127.0.0.1", str(door), str(kib)], text=True,
                                  capture_output=True, timeout=limit_of(kib), check=False)
            if done.returncode:
                raise Failure(f"{way} from outside: {done.stdout.strip()}")
        host.power_off()


def lost_by(host, interface):
    """Frames for an interface that were lost."""
    said = host.must("xenctl net stats --json")
    return next(one["lost"] for one in json.loads(said)["interfaces"]
                if one["interface"] == interface)


@case("net-cut-e1000", "e1000")
@case("net-cut-e1000e", "e1000e")
def cut(name, driver):
    """A card that cannot cut large frames of TCP: what a guest's streams have waiting for it stays
    in the guest, and none of it is lost. A busy machine may stop a card for longer than frames
    wait for it, so there are three tries."""
    streams_at_once, kib = 24, 1024
    with machine(name, card(driver)) as host, pump_here() as outside:
        host.shell("dom0")
        lease(host)
        guest(host, "one", "10.0.0.11")
        for _ in range(3):
            before = lost_by(host, "nic0")
            said = far_must(host, "10.0.0.11", f"for i in $(seq {streams_at_once}); do pump give "
                            f"{OUTSIDE} {outside} {kib} & done; wait",
                            limit_of(streams_at_once * kib))
            if len(re.findall("^ok", said, re.M)) != streams_at_once:
                raise Failure(f"not all streams came to their end: {said}")
            lost = lost_by(host, "nic0") - before
            if not lost:
                break
        else:
            raise Failure(f"{lost} frames for the card were lost")
        host.power_off()


@case("net-stock")
def stock(name):
    """A guest on Debian's kernel: its own front end."""
    with machine(name, card(), stock=True) as host, pump_here() as outside:
        host.shell("dom0")
        lease(host)
        guest(host, "ours", "10.0.0.11")
        guest(host, "stock", "10.0.0.12", "stock", "stock-net.img", memory=192)
        if "-amd64" not in far_must(host, "10.0.0.12", "uname -r"):
            raise Failure("this is not the stock kernel")
        pumps(host, "10.0.0.12", "10.0.0.11", PUMP, 16 << 10)
        pumps(host, "10.0.0.11", "10.0.0.12", PUMP, 16 << 10)
        pumps(host, "10.0.0.12", OUTSIDE, outside, 16 << 10)
        host.power_off()


# What systemd is told: the only interface asks for its address.
NETWORKD = "[Match]\nType=ether\n[Network]\nDHCP=ipv4\n"


@case("net-debian")
def debian_guest(name):
    """A Debian system on its disk asks for its address and speaks with a guest and the world."""
    args = ["-drive", f"if=none,id=d,format=raw,snapshot=on,file={debian()}",
            "-device", "virtio-blk-pci,drive=d", *card()]
    with machine(name, args, memory=2048) as host, pump_here() as outside:
        host.shell("dom0")
        lease(host)
        guest(host, "other", "10.0.0.11")
        host.must("mount /dev/xvda /mnt && cp /mnt/boot/vmlinuz-* /tmp/kernel && "
                  "cp /mnt/boot/initrd.img-* /tmp/initrd && cp /sbin/pump /mnt/root/")
        host.must(f"cat >/mnt/etc/systemd/network/e.network <<END\n{NETWORKD}END\numount /mnt")
        debian_login(host, "vif = ['']\n")
        host.must("systemctl start systemd-networkd")
        host.must("for i in $(seq 60); do grep ' 10[.]0[.]0[.]100$' /proc/net/fib_trie && break; "
                  "sleep 1; done", 90)
        for at, port in (("10.0.0.11", PUMP), (OUTSIDE, outside)):
            host.must(f"/root/pump give {at} {port} 16384 && /root/pump take {at} {port} 16384 "
                      f"&& /root/pump ask {at} {port} 100", 120)
        host.send("poweroff\n")
        host.wait("debian has stopped", 120)
        host.prompt()
        host.power_off()


@case("net-web")
def demo_web(name):
    """The demo guest's page, from outside: made anew each time. It is gone with the guest."""
    door = free_port()
    with machine(name, card(port_8080=door)) as host:
        host.shell("dom0")
        lease(host)
        host.must("xenctl create demo-web")
        pages = [fetch(door, 120), fetch(door)]
        for page in pages:
            for wanted in ("<h1>demo-web</h1>", "10.0.0.80/24", "</html>"):
                if wanted not in page:
                    raise Failure(f"the page has no '{wanted}'")
        if pages[0] == pages[1]:
            raise Failure("the page does not change")
        host.must("xenctl destroy demo-web")
        host.must("xenctl list")
        host.power_off()


def round_trip(host, where, at):
    """The mean of five round trips between guests, in ms. One may come with what else arrives."""
    said = far_must(host, where, f"ping -c 5 -W 5 {at}")
    return float(re.search(r"min/avg/max = [\d.]+/([\d.]+)/", said)[1])


@case("net-hold")
def hold(name):
    """Hold-off of events, by ethtool in the guest and by xenctl: what arrives alone waits for its
    time, and what makes the number full does not."""
    with machine(name, []) as host:
        host.shell("dom0")
        guest(host, "one", "10.0.0.11")
        guest(host, "two", "10.0.0.12")
        far_must(host, "10.0.0.12", "pump hold eth0 100 300000")
        host.must("xenctl net show two --json | grep '\"hold_packets\": *100'")
        held = round_trip(host, "10.0.0.11", "10.0.0.12")
        host.must("xenctl net hold two 1 300000000")
        full = round_trip(host, "10.0.0.11", "10.0.0.12")
        host.must("xenctl net hold two 100 300000000")
        again = round_trip(host, "10.0.0.11", "10.0.0.12")
        far_must(host, "10.0.0.12", "pump hold eth0 0 0")
        off = round_trip(host, "10.0.0.11", "10.0.0.12")
        if min(held, again) < 200 or max(full, off) > 200:
            raise Failure(f"round trips of {held}, {full}, {again} and {off} ms")
        host.power_off()


@case("net-destroyed")
def destroyed(name):
    """Guests destroyed in the middle of a transfer, as sender and as receiver, leave nothing."""
    with machine(name, card()) as host, pump_here() as outside:
        host.shell("dom0")
        lease(host)
        guest(host, "stays", "10.0.0.11")
        far_must(host, "10.0.0.11", f"pump give {OUTSIDE} {outside} 4096")
        guest(host, "goes", "10.0.0.12")
        host.must("xenctl destroy goes")
        time.sleep(3)
        before = free_kib(host)
        much = 1 << 30
        for command, at in ((f"pump give 10.0.0.11 {PUMP} {much}", "10.0.0.12"),
                            (f"pump take 10.0.0.11 {PUMP} {much}", "10.0.0.12"),
                            (f"pump give {OUTSIDE} {outside} {much}", "10.0.0.12"),
                            (f"pump give 10.0.0.12 {PUMP} {much}", "10.0.0.11")):
            guest(host, "goes", "10.0.0.12")
            host.must(f"echo '{command} & sleep 3' | nc {at} {SHELL} >/dev/null 2>&1 & sleep 4")
            host.must("xenctl destroy goes")
            settles_at(host, before)
            far(host, "10.0.0.11", "killall pump")
            host.must("xenctl net list")
            far(host, "10.0.0.11", f"(pump serve {PUMP} >/dev/null 2>&1 &)")
        far_must(host, "10.0.0.11", f"pump take {OUTSIDE} {outside} 4096")
        host.power_off()


@case("net-plug")
def plug(name):
    """A second interface of a running guest: it asks for its address and answers there; unplugged,
    it leaves nothing."""
    with machine(name, card()) as host:
        host.shell("dom0")
        lease(host)
        guest(host, "one", "10.0.0.11")
        host.must("ping -c 2 -W 5 10.0.0.11")
        before = 0
        for _ in range(4):
            host.must("xenctl network-attach one ip=10.0.0.6")
            host.must("for i in $(seq 30); do ping -c 1 -W 1 10.0.0.6 && break; done", 60)
            host.must("sleep 2")  # not in the middle of its start
            if " 10.0.0.6/24" not in far_must(host, "10.0.0.11", "ip addr show eth1"):
                raise Failure("the second interface has another address")
            for address in ("10.0.0.6", "10.0.0.11"):
                host.must(f"pump give {address} {PUMP} 1024")
            host.must("xenctl network-detach one 1")
            if not host.run("ping -c 1 -W 2 10.0.0.6")[0]:
                raise Failure("it answers after it was unplugged")
            # The guest's table of grants has grown in the first round.
            time.sleep(2)
            before = before or free_kib(host)
            settles_at(host, before)
        far_must(host, "10.0.0.11", "ping -c 2 -W 5 10.0.0.1")
        host.power_off()


@case("net-prefix")
def other_prefix(name):
    """xeno.net on the boot line: the guests' network has other addresses."""
    with machine(name, card(), linux_args="console=hvc0 xeno.net=172.20.5") as host:
        host.shell("dom0")
        lease(host)
        if demo1(host) != "172.20.5.100":
            raise Failure("demo1 has another address")
        for other in ("172.20.5.1", "172.20.5.2", OUTSIDE):
            host.must(f"ping -c 2 -W 5 {other}")
        leave(host)
        host.power_off()


@case("net-no-card")
def no_card(name):
    """Without a card the guests reach each other and domain 0, and the start waits for nothing."""
    with machine(name, []) as host:
        host.shell("dom0")
        guest(host, "one", "10.0.0.11")
        guest(host, "two", "10.0.0.12")
        pumps(host, "10.0.0.11", "10.0.0.12", PUMP, 4096)
        far_must(host, "10.0.0.11", f"ping -c 2 -W 5 {DOM0}")
        if not far(host, "10.0.0.11", f"ping -c 1 -W 2 {OUTSIDE}")[0]:
            raise Failure("there is somebody outside")
        host.power_off()


@case("net-no-server")
def no_server(name):
    """A card with nobody behind it: domain 0 is there at once, and goes on asking."""
    args = ["-netdev", "hubport,id=n,hubid=0", "-device", "virtio-net-pci,netdev=n"]
    with machine(name, args) as host:
        host.shell("dom0")
        host.must("pidof udhcpc && ip addr show xeno0 | grep 10.0.0.2/24")
        guest(host, "one", "10.0.0.11")
        far_must(host, "10.0.0.11", f"ping -c 2 -W 5 {DOM0}")
        host.power_off()


@case("net-own-card", "dom0")
@case("net-native", "native")
def own_card(name, role):
    """Without the word nic the card is domain 0's, or that of Linux on the bare machine."""
    args = qemu.linux() if role == "native" else qemu.multiboot()
    with Machine(name, args, extra=card("e1000e")) as host, web_here() as web:
        host.shell(role)
        host.must(f"for i in $(seq 150); do ip addr show eth0 | grep {OUTER}/24 && break; "
                  "sleep 0.2; done; sleep 1", 60)
        host.must(f"wget -q -O - http://{OUTSIDE}:{web}/ | grep greetings")
        host.must("ls -l /sys/class/net/eth0/device/driver | grep e1000e")
        host.power_off()


def ssh(port, key, command):
    """Runs a command in domain 0 by SSH, with the key of a file. Returns (status, output)."""
    done = subprocess.run(["dbclient", "-y", "-y", "-i", key, "-p", str(port), "root@127.0.0.1",
                           command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=90, check=False, env={**os.environ, "HOME": qemu.LOGS})
    return done.returncode, done.stdout + done.stderr


def new_key(path):
    """Makes a key; returns its public half."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    made = subprocess.run(["dropbearkey", "-t", "ed25519", "-f", path], capture_output=True,
                          text=True, check=True)
    return re.search(r"^ssh-ed25519 \S+", made.stdout, re.M)[0]


@case("net-ssh")
def ssh_key(name):
    """SSH into domain 0: with the key of the boot line, not with another."""
    door = free_port()
    keys = [os.path.join(qemu.LOGS, f"ssh-{which}.key") for which in ("right", "wrong")]
    os.makedirs(qemu.LOGS, exist_ok=True)
    public = [new_key(key) for key in keys][0]
    with machine(name, card(port_22=door),
                 linux_args=f'console=hvc0 xeno.ssh_key="{public} tests"') as host:
        host.shell("dom0")
        lease(host)
        host.must("for i in $(seq 60); do pidof dropbear && break; sleep 1; done", 90)
        status, said = ssh(door, keys[0], "cat /run/xeno/role; xenctl list")
        if status or "dom0" not in said:
            raise Failure(f"no way in with the key: {said.strip()[-200:]}")
        if not ssh(door, keys[1], "true")[0]:
            raise Failure("another key opens")
        host.power_off()


@case("net-ssh-none")
def ssh_none(name):
    """Without a word about it on the boot line no SSH server runs."""
    with machine(name, card()) as host:
        host.shell("dom0")
        lease(host)
        host.must("sleep 2; ! pidof dropbear")
        host.power_off()
