# SPDX-License-Identifier: GPL-2.0-only
"""The network's share of `run`: machines, commands, what is outside a card, and targets.

Guests and domain 0 have addresses of 10.0.0.0/24, the wire of a card is QEMU's user network,
10.0.2.0/24. Guests get there as they do on Xeno's CD, with the card's address, and on real Xen
as stations of the wire, behind the bridge.
"""
import contextlib
import fnmatch
import os
import re
import subprocess
import tempfile

BLIND = """\
net-    nbench.c: guest to guest, guest to domain 0, native Linux's loopback; one CPU does the
        work of both ends. wall: tcp and tcp-in (from the server) in MB/s, rtt and udp-rtt in us,
        pps: datagrams of 64 bytes received in a flood; icount: instructions per KiB, round
        trip, datagram. In domain 0 of real Xen's guest Debian's kernel has bridge and netback,
        which let everything pass; Xeno tracks connections, and translates addresses for a card.
net-*nic-  virtio-net and QEMU's user network. wall: with a program on the host, which runs on its
        other CPU and is a limit itself. icount: with QEMU's TFTP server, and the card is made
        to send at once, so no time passes that is not instructions; datagrams only, and those
        of pps are counted as they are sent.
net-rules-  Instructions of a datagram from domain 0 to a guest with so many rules. None but the
        last fits, and all are of domain 0's interface."""

# What one machine measures: the modes, the card, no drive, and on which systems.
PARTS = {
    "net": (("icount", "wall"), [], None),
    "nic": (("wall",), ["-device", "virtio-net-pci,netdev=n"], None),
    "wire": (("icount",), ["-device", "virtio-net-pci,ioeventfd=off,tx=timer,x-txtimer=1,netdev=n"],
             None),
    "rules": (("icount",), [], None),
}
SYSTEMS = {
    "net": "native|xeno-guest|xen-guest",
    "nic": "native|(xeno|xen)-(dom0|guest)",
    "wire": "native|(xeno|xen)-(dom0|guest)",
    "rules": "xeno-guest",
}
# Rows: net-PATH-TEST. A path and, in a guest, where its server is.
TESTS = ("tcp", "tcp-in", "rtt", "udp-rtt", "pps")
DATAGRAMS = ("udp-rtt", "pps")
GUEST_PATHS = {"guest-guest": "10.0.0.6", "guest-dom0": "10.0.0.2"}
PATHS = {"net": ("loopback", *GUEST_PATHS), "nic": ("nic", "guest-nic"),
         "wire": ("nic", "guest-nic")}
RULES = ("net-rules-1", "net-rules-100", "net-rules-10000")
PAIRS = [("xeno-guest", "native"), ("xen-guest", "native"), ("xeno-guest", "xen-guest"),
         ("xeno-dom0", "native")]
GUEST, ON_WIRE, HOST = "10.0.0.5/24 10.0.0.1", "10.0.2.16/24", "10.0.2.15/24"
TFTP_FILE = 1 << 19


def names(part, path):
    """The rows of a path."""
    return [f"net-{path}-{test}" for test in (DATAGRAMS if part == "wire" else TESTS)]


def all_names(part):
    """The rows of a part."""
    if part == "rules":
        return list(RULES)
    return [name for path in PATHS[part] for name in names(part, path)]


def native_name(name):
    """The row of native Linux that is a row's like."""
    name = re.sub("^net-guest-(guest|dom0)-", "net-loopback-", name)
    return name.replace("net-guest-nic-", "net-nic-")


def asked(system, part, patterns):
    """The rows of a system that patterns ask for, or whose like they ask for; without any: all."""
    found = [n for n in all_names(part)
             if not patterns or any(fnmatch.fnmatch(n, p) for p in patterns)]
    if part == "rules":
        return found
    if system.endswith("-guest"):
        return [n for n in found if n.startswith("net-guest-")]
    return list(dict.fromkeys(native_name(n) for n in found))


@contextlib.contextmanager
def outside(folder, part):
    """QEMU's arguments for a card's wire, and the server's address there."""
    if part == "nic":
        with subprocess.Popen([os.path.join(folder, "nbench"), "serve", "127.0.0.1:0"],
                              stdout=subprocess.PIPE) as server:
            port = server.stdout.readline().split()[1].decode()
            try:
                yield ["-netdev", "user,id=n"], f"10.0.2.2:{port}"
            finally:
                server.kill()
    elif part == "wire":
        with tempfile.TemporaryDirectory() as root:
            with open(os.path.join(root, "nbench"), "wb") as file:
                file.write(bytes(TFTP_FILE))
            yield ["-netdev", f"user,id=n,tftp={root}"], "10.0.2.2:69"
    else:
        yield [], None


def clients(part, mode, paths, rows):
    """The commands for rows of paths, which are their names and their servers' addresses."""
    lines = []
    for path, address in paths.items():
        wanted = [n for n in names(part, path) if n in rows]
        words = ["nbench"] + (["-i"] if mode == "icount" else []) + [path, address]
        if wanted:
            lines.append(" ".join(words + (wanted if len(wanted) < len(TESTS) else [])))
    return "; ".join(lines)


def program(kind, part, mode, rows, address):
    """The command of a system, of domain 0 where there is one."""
    if part == "rules":
        return "net-rules"
    if kind.endswith("-guest"):
        if part == "net":
            measure = clients(part, mode, GUEST_PATHS, rows)
            return f"net-guests -p '{GUEST}' '{measure}'"
        measure = clients(part, mode, {"guest-nic": address}, rows)
        return f"net-guests '{GUEST if kind == 'xeno-guest' else ON_WIRE}' '{measure}'"
    if part == "net":
        return "nbench serve 5001 & " + clients(part, mode, {"loopback": "127.0.0.1"}, rows)
    take = "net-router" if kind == "xeno-dom0" else f"net-address {HOST}"
    return f"{take}; " + clients(part, mode, {"nic": address}, rows)


def unit_of(name, mode):
    """What a row counts."""
    if mode == "icount":
        return "instructions"
    if "-tcp" in name:
        return "MB/s"
    return "us" if name.endswith("rtt") else "packets/s"


# A target: mode, row, the other system, least or most of its value.
TARGETS = [
    ("wall", "net-guest-guest-tcp", "xen-guest", min, 2.0),
    ("wall", "net-guest-guest-tcp", "native", min, 0.6),
    ("wall", "net-guest-guest-rtt", "xen-guest", max, 0.35),
    ("icount", "net-guest-guest-rtt", "xen-guest", max, 0.35),
    ("wall", "net-guest-nic-tcp", "native", min, 0.8),
    ("wall", "net-guest-nic-tcp-in", "native", min, 0.8),
    ("wall", "net-guest-nic-rtt", "native", max, 2.0),
    ("icount", "net-guest-nic-udp-rtt", "native", max, 2.0),
]


def judge(value):
    """Compare with the targets; value(system, mode, row) is a figure or None."""
    for mode, name, other, bound, limit in TARGETS:
        ours, theirs = value("xeno-guest", mode, name), value(other, mode, name)
        if ours and theirs:
            got = ours / theirs
            verdict = "reached    " if bound(got, limit) == limit else "NOT reached"
            print(f"  {verdict} {name}, {mode}, over {other}: {got:.2f} "
                  f"(at {'least' if bound is min else 'most'} {limit})")
