# SPDX-License-Identifier: GPL-2.0-only
"""The life of an installed system: its boot from a disk, login, services, guests, shutdown.

The disk is made here as the installer lays it out, from the tree of the live root; what the
installer itself does has its own tests.
"""
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

import qemu
from cases import case
from qemu import Failure, Machine, Skipped

MIB = 1 << 20
ROOT_ID = "3f0c5c1e-5f5e-4a7a-9d41-0a6b1c2d3e4f"
ROOT_UUID = "6a1f0a52-0001-4c7e-8a11-22d3c4e5f607"
BOOT_UUID = "6a1f0a52-0002-4c7e-8a11-22d3c4e5f607"
SWAP_UUID = "6a1f0a52-0003-4c7e-8a11-22d3c4e5f607"
# Partitions: first MiB, MiB.
ROOT, BOOT, SWAP = (1, 220), (221, 32), (253, 32)
PASSWORD = "correct horse"
unpacking = threading.Lock()
LZ4_LEGACY = struct.pack("<I", 0x184C2102)


def sh(command, *args, **how):
    """Run a program of the build machine."""
    done = subprocess.run([command, *args], capture_output=True, check=False, **how)
    if done.returncode:
        raise Failure(f"{command} {' '.join(args)}: {done.stderr.decode()[-300:]}")
    return done.stdout


def archive_end(data):
    """Where the archive that begins a root ends: sizes are in its heads, in hexadecimal."""
    at, name = 0, b""
    while not name.startswith(b"TRAILER!!!"):
        size, length = int(data[at + 54:at + 62], 16), int(data[at + 94:at + 102], 16)
        name = data[at + 110:at + 110 + length]
        at = (at + 110 + length + 3) // 4 * 4
        at = (at + size + 3) // 4 * 4
    return at


def live_tree():
    """Path of the unpacked live root; cases side by side make it once."""
    with unpacking:
        return unpacked_tree()


def unpacked_tree():
    """The root is an archive as it is, then one packed with lz4."""
    tree, image = os.path.join(qemu.LOGS, "system-tree"), qemu.built("dom0.img")
    stamp = tree + ".stamp"
    if os.path.exists(stamp) and os.path.getmtime(stamp) > os.path.getmtime(image):
        return tree
    shutil.rmtree(tree, ignore_errors=True)
    os.makedirs(tree)
    with open(image, "rb") as file:
        data = file.read()
    cut = data.index(LZ4_LEGACY, archive_end(data))
    for part in (data[:cut], sh("lz4", "-dc", input=data[cut:])):
        sh("cpio", "-idu", "--quiet", input=part, cwd=tree)
    with open(stamp, "w", encoding="ascii"):
        return tree


def write(tree, path, text, mode=0o644):
    """A file of the new root."""
    path = os.path.join(tree, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    os.chmod(path, mode)


def disk_path(name):
    """Where the disk of a case is."""
    return os.path.join(qemu.LOGS, f"{name.replace('/', '-')}.raw")


def make_disk(path, tree):
    """A disk with the partitions that the kernel and fstab name."""
    with open(path, "wb") as file:
        file.truncate(300 * MIB)
    table = "label: gpt\n" + "".join(
        f"start={first * 2048}, size={size * 2048}{more}\n" for (first, size), more in
        ((ROOT, f", uuid={ROOT_ID}"), (BOOT, ""), (SWAP, ", type=swap")))
    sh("sfdisk", "-q", path, input=table.encode())
    for (first, size), uuid, more in ((ROOT, ROOT_UUID, ("-L", "xeno-root", "-d", tree)),
                                      (BOOT, BOOT_UUID, ("-L", "xeno-boot"))):
        sh("mke2fs", "-q", "-t", "ext4", "-U", uuid, *more, "-E", f"offset={first * MIB}", path,
           f"{size}M")
    swap = disk_path("system-swap")
    with open(swap, "wb") as file:
        file.truncate(SWAP[1] * MIB)
    sh("mkswap", "-q", "-U", SWAP_UUID, swap)
    sh("dd", f"if={swap}", f"of={path}", "bs=1M", f"seek={SWAP[0]}", "conv=notrunc")


def install(name, password=True, more=()):
    """A disk with an installed system: more: files of its root and their texts."""
    tree = os.path.join(qemu.LOGS, name.replace("/", "-") + "-tree")
    shutil.rmtree(tree, ignore_errors=True)
    sh("cp", "-a", live_tree(), tree)
    write(tree, "etc/xeno/installed", "xeno test\n")
    write(tree, "etc/fstab", f"# what the installer writes\nUUID={ROOT_UUID} / ext4 defaults 0 1\n"
          f"UUID={BOOT_UUID} /boot ext4 defaults 0 2\nUUID={SWAP_UUID} none swap sw 0 0\n")
    if password:
        hashed = sh("openssl", "passwd", "-6", PASSWORD).decode().strip()
        with open(os.path.join(tree, "etc/shadow"), encoding="ascii") as file:
            write(tree, "etc/shadow", file.read().replace("root:*:", f"root:{hashed}:"), 0o600)
    for path, text in more:
        write(tree, path, text)
    make_disk(disk_path(name), tree)
    shutil.rmtree(tree)


def boot(name, log="", extra=(), memory=512, words="", cache="unsafe"):
    """The machine with that disk: hypervisor and kernel, no initial root. log: the name of this
    boot when there are several."""
    args = ["-kernel", qemu.unpacked("xeno.gz"), "-append", "console=com1 nic",
            "-initrd", f"{qemu.escaped(qemu.built('xenolinux'))} root=PARTUUID={ROOT_ID} "
            f"rootwait ro init=/init console=hvc0 {words}".strip(),
            "-drive", f"if=none,id=d,format=raw,cache={cache},file={disk_path(name)}",
            "-device", "virtio-blk-pci,drive=d", *extra]
    return Machine(name + log, args, memory=memory, cpus=1)


def login(host, password=PASSWORD, limit=180):
    """Log in on the console."""
    host.wait("^xeno: dom0 ready$", limit)
    host.wait("login: ")
    host.send("root\n")
    host.wait("Password: ")
    time.sleep(2)  # login throws away what was typed before it was ready, and nothing tells when
    host.send(f"{password}\n")


def shell(host):
    """Log in, and make the terminal wide."""
    login(host)
    host.prompt()
    host.send("stty columns 4000\n")
    host.prompt()


def off(host, limit=90):
    """Type poweroff; the file systems are left in order, which the kernel would tell otherwise."""
    host.power_off(limit)
    if "EXT4-fs error" in host.text:
        raise Failure("the kernel has found errors in a file system")


def check_clean(name):
    """The root's file system was unmounted or made read-only at the end."""
    state = sh("dumpe2fs", "-h", f"{disk_path(name)}?offset={ROOT[0] * MIB}").decode()
    if "needs_recovery" in state or not re.search(r"^Filesystem state: +clean$", state, re.M):
        raise Failure("the root was not left in order")


@case("system-login")
def system_login(name):
    """Login with the password only; settings, files, keys and logs are there after a restart."""
    install(name, more=[("etc/xeno/system.conf", 'hostname = "atlas"\nuplink = "none"\n'
                         'timezone = "Europe/Berlin"\nntp = "none"\nshare = "no"\n')])
    with boot(name, words="quiet") as host:
        login(host, "wrong")
        host.wait("^Login incorrect$")
        host.wait("login: ")
        host.send("root\n")
        host.wait("Password: ")
        time.sleep(2)
        host.send(f"{PASSWORD}\n")
        host.prompt()
        host.send("stty columns 4000\n")
        host.prompt()
        if host.must("hostname").strip() != "atlas":
            raise Failure("the setting hostname is not in force")
        if host.must("date -d @1800000000 +%H:%M%Z").strip() != "09:00CET":
            raise Failure("the setting timezone is not in force")
        host.must("mount | grep '/dev/xvda2 on /boot ' && grep -q xvda3 /proc/swaps")
        host.must("mount | grep ' on / .*(rw,'")
        # A name server, and no NTP server, is not asked for; the key of SSH is there.
        host.must("until [ -s /etc/dropbear/host_key ]; do sleep 0.2; done")
        key = host.must("md5sum /etc/dropbear/host_key")
        host.must(". /etc/xeno/system.sh; system_set hostname rhea; system_set timezone Asia/Tokyo")
        host.must("echo kept >/root/note")
        # More than two files may have: the older ones go.
        host.must("for i in 1 2 3 4; do yes 0123456789abcdefghijklmnopqrstuvwxyz | head -n 3500 | "
                  "logger -t fill; sleep 1.5; "
                  "/etc/init.d/logs turn; done; sleep 1.5; logger -t fill last; sleep 1", 120)
        found = host.must("ls /var/log").split()
        if not {"messages", "messages.0", "messages.1", "messages.2", "xeno.log"} <= set(found) or \
                "messages.3" in found:
            raise Failure(f"the logs are not turned over: {found}")
        host.send("reboot\n")
        host.ended(90)
    check_clean(name)
    with boot(name, "-again", words="quiet") as host:
        shell(host)
        if host.must("hostname; date -d @1800000000 +%H:%M; cat /root/note").split() != [
                "rhea", "17:00", "kept"]:
            raise Failure("a setting or a file is not what it was before the restart")
        if host.must("md5sum /etc/dropbear/host_key") != key:
            raise Failure("the key of the SSH server is another one")
        host.must("grep -h 'fill: last' /var/log/messages*")
        # What fills up by itself is turned over by itself.
        host.must("yes 0123456789abcdefghijklmnopqrstuvwxyz | head -n 9000 | logger -t fill; "
                  "until [ $(stat -c %s /var/log/messages) -lt 262144 ]; do sleep 1; done; "
                  "[ $(stat -c %s /var/log/messages.0) -gt 262143 ]", 120)
        off(host)
    check_clean(name)


# A guest that only a destroy stops: its first process does not listen.
DEAF = """name = "deaf"
kernel = "/usr/lib/xeno/xenolinux"
ramdisk = "/usr/lib/xeno/demo.img"
memory = 48
extra = 'console=hvc0 quiet rdinit=/bin/sh'
"""


def demo(name, more=""):
    """The text of a configuration of a demo guest."""
    return (f"name = '{name}'\nkernel = '/usr/lib/xeno/xenolinux'\n"
            f"ramdisk = '/usr/lib/xeno/demo.img'\nmemory = 48\n"
            f"extra = 'console=hvc0 quiet hostname={name}'\n{more}\n")


@case("system-guests")
def system_guests(name):
    """Guests of auto/ start in order, a bad one is left out; all are stopped with the machine."""
    install(name, more=[
        ("etc/xeno/system.conf", 'ntp = "none"\nshare = "no"\nstop_timeout = "25"\n'),
        ("etc/xeno/auto/30-last", demo("last", "on_poweroff = 'restart'")),
        ("etc/xeno/auto/10-first.cfg", demo("first")),
        ("etc/xeno/auto/20-broken.cfg", demo("broken").replace("demo.img", "nothing.img")),
        ("etc/xeno/auto/40-deaf.cfg", DEAF)])
    with boot(name, memory=768, words="quiet") as host:
        login(host)
        host.prompt()
        host.must("stty columns 4000")
        host.must("until xenctl list | grep '^deaf'; do sleep 0.5; done", 60)
        if not re.search("xeno: guest 20-broken.cfg is not started: .*nothing.img",
                         host.text, re.M):
            raise Failure("the broken configuration is not told")
        order = re.findall(r"^(first|broken|last|deaf) ", host.must("xenctl list"), re.M)
        if order != ["first", "last", "deaf"]:
            raise Failure(f"started: {order}")
        for guest in ("first", "last"):
            host.must(f"until grep 'guest ready' /var/log/guests/{guest}.log; do sleep 0.5; done",
                      120)
        host.send("poweroff\n")
        for guest in ("deaf", "last", "first"):
            host.wait(f"xeno: guest {guest} is asked to power off$")
        host.wait("^xeno: guest deaf has not powered off: it is ended$", 180)
        host.ended(120)
    check_clean(name)
    with boot(name, "-again", memory=768, words="quiet") as host:
        shell(host)
        host.must("until xenctl list | grep '^deaf'; do sleep 0.5; done", 60)
        for guest in ("first", "last"):
            told = host.must(f"cat /var/log/guests/{guest}.log")
            if "The system is going down NOW!" not in told:
                raise Failure(f"{guest} was not shut down: its log ends {told[-200:]}")
        host.must("rm /etc/xeno/auto/40-deaf.cfg && xenctl destroy deaf")
        off(host)


def damage(name, *commands):
    """Spoil the root of a disk that no machine uses, and have that known."""
    target = f"{disk_path(name)}?offset={ROOT[0] * MIB}"
    for command in (*commands, "set_super_value state 2"):
        sh("debugfs", "-w", "-R", command, target)


def pull_the_plug(host):
    """Ends QEMU, which is the child of `timeout`, without a word to anybody in it."""
    pid = host.process.pid
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
        for child in children.read().split():
            os.kill(int(child), signal.SIGKILL)
    host.process.wait()


@case("system-power-cut")
def power_cut(name):
    """After a power cut all is there that was written; a damaged root is repaired at the start,
    and one that needs questions gets a shell."""
    install(name, more=[("etc/xeno/system.conf", 'ntp = "none"\nuplink = "none"\n'),
                        ("root/spare/one", "1\n"), ("root/spare/two", "2\n")])
    with boot(name, words="quiet", cache="writeback") as host:
        shell(host)
        host.must("seq 20000 >/root/numbers && md5sum /root/numbers >/root/sum && sync")
        host.send("while :; do seq 5000 >/root/more; cp /root/more /root/even-more; done\n")
        time.sleep(3)
        pull_the_plug(host)
    with boot(name, "-after", words="quiet") as host:
        shell(host)
        host.must("md5sum -c /root/sum")
        off(host)
    damage(name, "clri /root/spare/one")
    with boot(name, "-repair", words="quiet") as host:
        host.wait("^xeno: the root on /dev/xvda1 is not in order: it is looked after now$", 120)
        host.wait("^xeno: fsck: xeno-root")
        shell(host)
        host.must("md5sum -c /root/sum && cat /root/spare/two")
        off(host)
    check_clean(name)
    # Two directories for one: which of them is wrong nobody knows.
    damage(name, "clri /root/spare", "set_inode_field /root/sum block[0] 1",
           "set_inode_field /root/sum flags 0")
    with boot(name, "-rescue", words="quiet") as host:
        host.wait("^xeno: /dev/xvda1, the root, cannot be repaired without questions", 120)
        host.wait("Give root password")
        time.sleep(2)
        host.send(f"{PASSWORD}\n")
        host.wait("^/ # ")
        host.send("e2fsck -fy /dev/xvda1 >/tmp/said; echo =$?=\n")
        host.wait("^=1=$")
        host.send("exit\n")
        host.ended(120)
    with boot(name, "-rescued", words="quiet") as host:
        shell(host)
        host.must("wc -l /root/numbers")
        off(host)


@case("system-share")
def system_share(name):
    """The shared directory as it is set: a guest reads it, or writes to it as well."""
    with Machine(name, qemu.multiboot(linux_args="console=hvc0 quiet"), cpus=1) as host:
        host.shell("dom0")
        host.must("until grep '[1-9]' /proc/fs/nfsd/threads; do sleep 0.5; done; "
                  "echo hello >/srv/share/a")
        for mode in ("read", "yes"):
            host.must(f". /etc/xeno/system.sh; system_set share {mode}; "
                      "/etc/init.d/share restart", 60)
            host.send("xenctl create -c demo-share\n")
            host.wait("^xeno: /srv/share of 10.0.0.2 is here:$", 120)
            host.shell("guest")
            host.must("grep hello /srv/share/a", 60)
            status, said = host.run("echo from a guest >/srv/share/b", 60)
            if (status == 0) != (mode == "yes"):
                raise Failure(f"share is {mode}: writing ended with {status}, {said}")
            host.must("! chown root /srv/share/b 2>/dev/null")
            host.send("poweroff\n")
            host.wait("demo-share has stopped", 60)
            host.prompt()
        host.must("grep 'from a guest' /srv/share/b && ls -l /srv/share/b | grep nobody")
        host.must(". /etc/xeno/system.sh; system_set share no; /etc/init.d/share restart; "
                  "! netstat -ltn | grep 2049")
        host.power_off()


# What must not be in a bundle, and where it is planted.
SECRETS = {
    "boot-pass-4711": "boot line", "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo": "boot line's key",
    "0123456789abcdef0123456789abcdef": "vd key", "config-pass-4712": "guest's boot line",
    "answer-pass-4713": "installer's log", "bG9va2F0bXlwcml2YXRla2V5": "private key",
    "saltsaltsalt": "hash", "said-in-a-guest": "guest's console",
}


@case("system-support")
def system_support(name):
    """The bundle has what it should have, and none of the planted secrets."""
    words = ('console=hvc0 quiet xeno.password=boot-pass-4711 xeno.ssh_key="ssh-ed25519 '
             'AAAAC3NzaC1lZDI1NTE5QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo me"')
    with Machine(name, qemu.multiboot(linux_args=words), cpus=1) as host:
        host.shell("dom0")
        host.must("cat >/etc/xeno/secret.cfg <<'END'\nkernel = '/usr/lib/xeno/xenolinux'\n"
                  "extra = 'root=/dev/xvda xeno.password=config-pass-4712'\n"
                  "disk = [ 'vd:web:0123456789abcdef0123456789abcdef,xvda,w' ]\nEND\n"
                  "cat >/var/log/install.log <<'END'\nroot_password = \"answer-pass-4713\"\n"
                  "hash $6$saltsaltsalt$abcdefghijklmnop\n-----BEGIN OPENSSH PRIVATE KEY-----\n"
                  "bG9va2F0bXlwcml2YXRla2V5\n-----END OPENSSH PRIVATE KEY-----\nlast line\nEND\n:")
        host.must("logger 'xenctl block-attach web vd:web:0123456789abcdef0123456789abcdef,xvdb,w'")
        host.must("mkdir -p /var/log/guests; echo said-in-a-guest >/var/log/guests/web.log")
        host.must("xenctl create demo1")
        said = host.must("xenctl support /tmp/s.tar.gz", 120)
        if not re.match(r"/tmp/s.tar.gz: \d+ files; left out: ", said):
            raise Failure(f"xenctl support said: {said}")
        host.must("mkdir /tmp/b && tar -xzf /tmp/s.tar.gz -C /tmp/b && cd /tmp/b/xeno-support")
        for secret, place in SECRETS.items():
            status, found = host.run(f"grep -rl {secret} .")
            if status == 0:
                raise Failure(f"the {place}'s secret is in {found.strip()}")
        for text, file in (("demo1", "domains.json"), ("Xeno", "hypervisor.log"),
                           ("root=/dev/xvda", "etc/xeno/secret.cfg"), ("vd:web:", "etc/xeno/*"),
                           ("last line", "var/log/install.log"), ("xeno.password=", "proc/cmdline"),
                           ("10.0.0", "net.json"), ("accept in", "etc/xeno/net.rules"),
                           ("block-attach web", "var/log/messages")):
            host.must(f"grep -q -e '{text}' {file}")
        status, said = host.run("xenctl support /nowhere/s.tar.gz")
        if not status or said.strip() != "xenctl: /nowhere/s.tar.gz: No such file or directory":
            raise Failure(f"an impossible file: {said}")
        host.must("cd; xenctl destroy demo1")
        host.power_off()


class TimeServer(threading.Thread):
    """Answers NTP on the build machine, which QEMU's network shows as 10.0.2.2."""

    EPOCH = 2208988800  # of NTP, in seconds before that of Unix

    def __init__(self, ahead):
        super().__init__(daemon=True)
        self.ahead = ahead
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self.socket.bind(("127.0.0.1", 123))
        except OSError as why:
            self.socket.close()
            raise Skipped(f"port 123 of this machine: {why}") from None

    def now(self):
        """Our time."""
        return time.time() + self.ahead

    def run(self):
        """Until the socket is closed."""
        while True:
            try:
                asked, who = self.socket.recvfrom(512)
            except OSError:
                return
            if len(asked) < 48:
                continue
            stamp = struct.pack(">II", int(self.now()) + self.EPOCH,
                                int(self.now() % 1 * (1 << 32)))
            # No leap second, version 4, server; stratum 2; then delay, dispersion, its own source.
            answer = struct.pack(">BBBbIII", 0x24, 2, 6, -20, 0, 0, 0x7f000001)
            self.socket.sendto(answer + stamp + asked[40:48] + stamp + stamp, who)


@case("system-time")
def system_time(name):
    """Domain 0 takes the time from a server, and guests that start then have it."""
    install(name, password=False, more=[
        ("etc/xeno/system.conf", 'ntp = "10.0.2.2"\nshare = "no"\ntimezone = "UTC"\n')])
    server = TimeServer(86400)
    server.start()
    try:
        with boot(name, words="quiet", extra=["-nic", "user,model=virtio-net-pci",
                                              "-rtc", "base=2020-01-01"]) as host:
            host.shell("dom0")
            host.must("until [ $(date +%Y) -ge 2025 ]; do sleep 1; done", 120)
            wanted, found = server.now(), int(host.must("date +%s"))
            if abs(wanted - found) > 5:
                raise Failure(f"domain 0 has the time {found}, the server {wanted:.0f}")
            host.send("xenctl create -c demo1\n")
            host.shell("guest")
            wanted, found = server.now(), int(host.must("date +%s"))
            if abs(wanted - found) > 5:
                raise Failure(f"the guest has the time {found}, the server {wanted:.0f}")
            host.send("\x1d")
            host.prompt()
            off(host)
    finally:
        server.socket.close()
