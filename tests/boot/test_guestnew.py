# SPDX-License-Identifier: GPL-2.0-only
"""Guests of a distribution's root: xenctl guest new, kernels on guests' own disks, and back."""
import http.server
import io
import json
import os
import re
import shutil
import subprocess
import tarfile
import threading

import qemu
from cases import case
from qemu import Failure, Machine, Skipped
from test_disk import drive

RCS = """#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sys /sys
hostname -F /etc/hostname
ip link set eth0 up && udhcpc -q -n -i eth0 -s /etc/lease >/dev/null 2>&1
"""
LEASE = "#!/bin/sh\n[ \"$1\" = bound ] && ifconfig $interface $ip netmask $subnet\nexit 0\n"
INITTAB = "::sysinit:/etc/rcS\ntty1::respawn:/sbin/getty 38400 tty1\n::shutdown:/bin/umount -a -r\n"


def busybox():
    """Path of the static BusyBox that the roots are made of, too."""
    return shutil.which("busybox")


class Tar:
    """An archive in memory, packed at the end."""

    def __init__(self):
        self.bytes = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.bytes, mode="w", format=tarfile.PAX_FORMAT)

    def add(self, name, data=b"", kind=tarfile.REGTYPE, mode=0o755, link="", **more):
        """One entry; more: fields of TarInfo."""
        info = tarfile.TarInfo(name)
        info.type, info.mode, info.linkname = kind, mode, link
        data = data.encode() if isinstance(data, str) else data
        info.size = len(data)
        for field, value in more.items():
            setattr(info, field, value)
        self.tar.addfile(info, io.BytesIO(data))
        return self

    def write(self, path, packer=None):
        """To a file; packer: a command that packs its input."""
        self.tar.close()
        data = self.bytes.getvalue()
        if packer:
            data = subprocess.run(packer, input=data, stdout=subprocess.PIPE, check=True).stdout
        with open(path, "wb") as out:
            out.write(data)


def small_root():
    """A BusyBox system without a kernel, whose root cannot log in."""
    tar = Tar()
    for folder in ("bin", "sbin", "etc", "proc", "sys", "dev", "root", "tmp"):
        tar.add(f"./{folder}", kind=tarfile.DIRTYPE)
    with open(busybox(), "rb") as file:
        tar.add("./bin/busybox", file.read())
    for link in ("bin/sh", "bin/mount", "bin/umount", "bin/login", "bin/ip", "bin/hostname",
                 "bin/ifconfig", "bin/udhcpc", "bin/cat", "bin/ls", "bin/grep", "bin/stat",
                 "bin/id", "bin/uname", "bin/sync",
                 "sbin/init", "sbin/getty", "sbin/poweroff", "bin/stty", "bin/dd"):
        tar.add(f"./{link}", kind=tarfile.SYMTYPE, link="/bin/busybox")
    tar.add("./etc/inittab", INITTAB, mode=0o644)
    tar.add("./etc/rcS", RCS)
    tar.add("./etc/lease", LEASE)
    tar.add("./etc/passwd", "root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n", mode=0o644)
    tar.add("./etc/shadow", "user:*:::::::\nroot:*:1:0:99999:7:::\nbin:*:::::::\n", mode=0o600)
    tar.add("./etc/fstab", "# comment\nUUID=0123 / ext4 defaults 0 1\nproc /proc proc defaults\n"
            "/dev/sda2 none swap sw 0 0\n", mode=0o644)
    tar.add("./etc/owned", "x", mode=0o6711, uid=1234, gid=4321, mtime=86400)
    return tar


def folder_drive(name, folder):
    """Arguments for one more drive: a read-only file system with what is in a folder."""
    image = folder + ".ext4"
    size = sum(os.path.getsize(os.path.join(folder, file)) for file in os.listdir(folder))
    with open(image, "wb") as file:
        file.truncate(size + size // 8 + (16 << 20))
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", folder, image],
                   check=True)
    shutil.rmtree(folder)
    return ["-drive", f"if=none,id={name},format=raw,readonly=on,file={image}",
            "-device", f"virtio-blk-pci,drive={name}"]


def folder_for(name):
    """An empty folder below the logs."""
    path = os.path.join(qemu.LOGS, name.replace("/", "-") + "-files")
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    return path


def start(name, size, files, memory=1024, **how):
    """A machine with a XenoDisk on its first drive, and files on the second, at /mnt."""
    args = drive(name, size) + folder_drive("files", files)
    return Machine(name, qemu.multiboot(), extra=args, memory=memory, limit=600, **how)


def prepare(host, disk="/dev/xvda"):
    """Domain 0's shell, the XenoDisk, the files."""
    host.shell("dom0")
    host.must(f"xenctl disk init {disk}")
    host.must("mount -o ro /dev/xvdb /mnt")


def free_chunks(host):
    """Free chunks of the XenoDisk, and names of all its virtual disks."""
    said = host.must("xenctl vd list --json")
    told = json.loads(said[said.index("[\n"):])[0]  # domain 0 may say something before it
    return told["free"], sorted(disk["name"] for disk in told["disks"])


def expect(what, found, wanted):
    """One comparison."""
    if found != wanted:
        raise Failure(f"{what}: {found}, not {wanted}")


def says(text, *parts):
    """Each part is in what was said."""
    for part in parts:
        if part not in text:
            raise Failure(f"no '{part}' in: {text.strip()[-400:]}")


def log_in(host, who, password=None, limit=120):
    """At the login of a guest's console, up to a prompt of our own."""
    host.wait(f"^{who} login: ", limit)
    host.send("root\n")
    if password:
        host.wait("^Password: ")
        host.send(password + "\n")
    host.wait("# ")
    host.send("stty columns 4000; PS1='guest:# ' exec sh\n")
    host.prompt()


def end_guest(host, guest):
    """Powers off the guest whose console this is; domain 0's shell is next, and it is gone."""
    host.send("poweroff\n")
    host.wait(f"{guest} has stopped", 120)
    host.prompt()
    host.must(f"for i in $(seq 30); do xenctl list {guest} || break; sleep 1; done; "
              f"! xenctl list {guest}", 60)


@case("guest-busybox")
def busybox_guest(name):
    """A root without a kernel boots XenoLinux, to a login with the password that was given."""
    files = folder_for(name)
    small_root().write(os.path.join(files, "root.tar.gz"), ["gzip", "-c"])
    with start(name, 600 << 20, files) as host:
        prepare(host)
        host.must("echo 'ssh-ed25519 AAAAC3 me' >/tmp/key.pub")
        said = host.must("xenctl guest new small --root /mnt/root.tar.gz --password 's3 cret' "
                         "--ssh-key /tmp/key.pub --ip 10.0.0.77", 120)
        says(said, "has no kernel of its own: boots XenoLinux", "a login on hvc0",
             "the line for / (UUID=0123) is a comment now", "root's password is set",
             "small: made")
        says(host.must("xenctl guest list"), "small", "vd:small")
        says(host.must("xenctl guest kernel small"), "/usr/lib/xeno/xenolinux")
        host.must("xenctl vd config small | cmp - /etc/xeno/small.cfg")
        host.send("xenctl create -c small\n")
        log_in(host, "small", "s3 cret")
        says(host.must("mount"), "/dev/root on / type ext4 (rw")
        says(host.must("stat -c '%a %u %g %Y' /etc/owned"), "6711 1234 4321 86400")
        says(host.must("cat /root/.ssh/authorized_keys"), "ssh-ed25519 AAAAC3 me")
        says(host.must("cat /etc/fstab"), "# not of this guest: /dev/sda2 none swap",
             "/dev/xvda / ext4 defaults 0 1", "\nproc /proc proc")
        says(host.must("ifconfig eth0"), "10.0.0.77")
        end_guest(host, "small")
        status, said = host.run("xenctl guest remove small")
        says(said, "--yes removes /etc/xeno/small.cfg and its virtual disk small")
        host.must("ls /etc/xeno/small.cfg && xenctl guest remove small --yes")
        host.must("test ! -e /etc/xeno/small.cfg")
        host.must("xenctl vd undelete small && xenctl vd config small >/etc/xeno/small.cfg && "
                  "xenctl create -n small")
        host.power_off()


def debian_tar():
    """Path of a Debian system's root, made when it is not there."""
    path = os.path.join(qemu.BUILD, "debian.tar.zst")
    if not os.path.exists(path):
        made = subprocess.run([os.path.join(qemu.TOP, "mk", "debian.sh")], capture_output=True,
                              text=True, check=False)
        if made.returncode:
            raise Skipped(f"no Debian system: {made.stderr.strip()[-200:]}")
    return path


# A second initial ramdisk that says so, and a kernel with the highest version.
NEW_KERNEL = ("mkdir -p /tmp/new/conf/conf.d && cd /tmp/new && "
              "echo 'echo \"second ramdisk runs\" >/dev/kmsg' >conf/conf.d/zz && "
              "find . | cpio -o -H newc --quiet >/boot/initrd.img-9.0-new && "
              "cat /boot/initrd.img-6* >>/boot/initrd.img-9.0-new && "
              "cp /boot/vmlinuz-6* /boot/vmlinuz-9.0-new")


@case("guest-debian")
def debian_guest(name):
    """Debian's root on a virtual disk boots with its own kernel to its login, and after a change
    of the kernel within the guest, with the new one."""
    tar = debian_tar()
    files = folder_for(name)
    shutil.copy(tar, os.path.join(files, "deb.tar.zst"))
    with start(name, 3 << 30, files, memory=2048) as host:
        prepare(host)
        before = free_chunks(host)
        said = host.must("xenctl guest new deb --root /mnt/deb.tar.zst --hostname deb1 "
                         "--memory 512 --password secret --size 1G", 240)
        says(said, "boots its own /boot/vmlinuz-6.", "and /boot/initrd.img-6.",
             "/etc/hostname: deb1", "eth0 asks for its address by DHCP")
        if "lost an extended attribute" in said:
            raise Failure(f"attributes were lost: {said}")
        says(host.must("xenctl guest kernel deb"), "kernel    /boot/vmlinuz-6.",
             "ramdisk   /boot/initrd.img-6.", "root=/dev/xvda ro console=hvc0")
        host.send("xenctl create -c deb\n")
        log_in(host, "deb1", "secret", 300)
        expect("its root", host.must("findmnt -n -o SOURCE /").strip(), "/dev/xvda")
        host.must("for i in $(seq 30); do grep ' 10[.]0[.]0[.]1..$' /proc/net/fib_trie && break; "
                  "sleep 1; done; [ $i -lt 30 ]", 60)
        host.must(NEW_KERNEL, 60)
        end_guest(host, "deb")
        says(host.must("xenctl guest kernel deb"), "/boot/vmlinuz-9.0-new",
             "/boot/initrd.img-9.0-new")
        host.send("xenctl create -c deb\n")
        host.wait("second ramdisk runs", 120)
        host.send("\x1d")
        host.prompt()
        host.must("xenctl destroy deb")
        host.must("xenctl guest remove deb --yes")
        host.must("xenctl vd undelete deb && xenctl vd delete deb --now")
        expect("free space", free_chunks(host), before)
        host.power_off()


PARTITIONS = "label: gpt\nstart=2048, size=2048\nstart=4096, size=131072\n"


def partitioned(path, kernel):
    """An image with a GPT, whose second partition is a system with a kernel."""
    folder = path + ".root"
    os.makedirs(folder)
    root = small_root()
    root.add("./etc/shadow", "root::1:0:99999:7:::\n", mode=0o600)
    root.add("./etc/inittab", INITTAB + "hvc0::respawn:/sbin/getty -L 115200 hvc0 vt100\n")
    root.add("./etc/hostname", "imaged\n")
    root.add("./boot", kind=tarfile.DIRTYPE)
    with open(kernel, "rb") as file:
        root.add("./boot/vmlinuz-6.99-test", file.read())
    root.tar.close()
    with tarfile.open(fileobj=io.BytesIO(root.bytes.getvalue())) as tar:
        tar.extractall(folder)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-E", "offset=2097152", "-d", folder, path,
                    "64M"], check=True)
    shutil.rmtree(folder)
    with open(path, "r+b") as image:
        image.truncate(68 << 20)
    subprocess.run(["/sbin/sfdisk", "-q", "--no-tell-kernel", "-w", "never", "-W", "never", path],
                   input=PARTITIONS, text=True, check=True)


@case("guest-image")
def image_guest(name):
    """A disk image with partitions: the kernel is found in one of them, and its root."""
    files = folder_for(name)
    partitioned(os.path.join(files, "disk.raw"), qemu.built("xenolinux.bz"))
    with start(name, 300 << 20, files) as host:
        prepare(host)
        said = host.must("xenctl guest new im --image /mnt/disk.raw --memory 128 --vif none", 120)
        says(said, "boots its own /boot/vmlinuz-6.99-test", "im: made")
        says(host.must("xenctl guest kernel im"), "/boot/vmlinuz-6.99-test", "root=/dev/xvda2 ro")
        host.send("xenctl create -c im\n")
        host.wait("^imaged login: ")
        host.send("root\n")
        host.wait("# ")
        host.send("stty columns 4000; PS1='guest:# ' exec sh\n")
        host.prompt()
        says(host.must("mount"), "/dev/root on / type ext4")
        says(host.must("cat /proc/cmdline"), "root=/dev/xvda2")
        end_guest(host, "im")
        host.power_off()


def refused_files(folder):
    """Archives and images that are none, or are hostile."""
    small_root().write(os.path.join(folder, "root.tar.gz"), ["gzip", "-c"])
    with open(os.path.join(folder, "root.tar.gz"), "rb") as file:
        whole = file.read()
    parts = {"cut.tar.gz": whole[:len(whole) // 2], "text.tar": b"no archive\n" * 100,
             "other.tar": b"BZh91AY&SY" + bytes(600), "disk.qcow2": b"QFI\xfb" + bytes(600),
             "empty.tar": b"", "zeros.raw": bytes(1 << 20)}
    for file, data in parts.items():
        with open(os.path.join(folder, file), "wb") as out:
            out.write(data)
    small_root().add("../../outside", "x").write(os.path.join(folder, "dots.tar"))
    Tar().add("usr/share/doc", "x").write(os.path.join(folder, "noroot.tar"))
    small_root().add("var/data", os.urandom(40 << 20)).write(os.path.join(folder, "big.tar"))
    (small_root().add("evil", kind=tarfile.SYMTYPE, link="/etc").add("evil/was-here", "x")
     .add("up", kind=tarfile.SYMTYPE, link="../../../..").add("up/tmp/was-here", "x")
     .add("/absolute", "x").add("dev/sda", kind=tarfile.BLKTYPE, devmajor=202, devminor=0)
     .add("dev/mem", kind=tarfile.CHRTYPE, devmajor=1, devminor=1)
     .add("etc/hostname", kind=tarfile.SYMTYPE, link="/../../../tmp/was-here")
     .write(os.path.join(folder, "tricks.tar")))


# What follows xenctl guest, and a part of the one line it is refused with.
REFUSED = (
    ("new g --root /mnt/cut.tar.gz", "g: reading the archive: "),
    ("new g --root /mnt/cut.tar.gz --size 20M", "g: unpacking: "),
    ("new g --root /mnt/text.tar", "/mnt/text.tar: not an archive"),
    ("new g --root /mnt/other.tar", "it is bzip2"),
    ("new g --root /mnt/empty.tar", "the file is empty"),
    ("new g --root /mnt/none.tar", "/mnt/none.tar: No such file"),
    ("new g --root /mnt", "/mnt: not a file"),
    ("new g --root /mnt/dots.tar", "a name with '..' leads out of the root"),
    ("new g --root /mnt/dots.tar --size 20M", "a name with '..' leads out of the root"),
    ("new g --root /mnt/noroot.tar", "not the root of a system"),
    ("new g --root /mnt/noroot.tar --size 20M", "not the root of a system"),
    ("new g --root /mnt/big.tar --size 20M", "the disk is full"),
    ("new g --root /mnt/root.tar.gz --size 1T", "no room"),
    ("new g --root /mnt/root.tar.gz --memory much", "'much'"),
    ("new g --root /mnt/root.tar.gz --ip 1.2.3", "ip"),
    ("new g --root /mnt/root.tar.gz --kernel /none", "/none: No such file"),
    ("new g --root /mnt/root.tar.gz --hostname a_b", "--hostname 'a_b'"),
    ("new g --root /mnt/root.tar.gz --ssh-key hello", "no public key"),
    ("new g/x --root /mnt/root.tar.gz", "'g/x' cannot be a name"),
    ("new demo1 --root /mnt/root.tar.gz", "there is /etc/xeno/demo1.cfg already"),
    ("new taken --root /mnt/root.tar.gz", "there is a virtual disk of that name"),
    ("new g --image /mnt/disk.qcow2", "it is qcow2"),
    ("new g --image /mnt/root.tar.gz", "it is gzip"),
    ("new g --image /mnt/zeros.raw --size 512K", "the image has 1048576 bytes"),
    ("new g --image /mnt/zeros.raw", "neither partitions nor"),
    ("new g --image /mnt/zeros.raw --password x", "an image is taken as it is"),
    ("kernel nobody", "/etc/xeno/nobody.cfg: No such file"),
    ("remove nobody --yes", "/etc/xeno/nobody.cfg: No such file"),
)


def nothing_left(host, before):
    """As if it had never been."""
    expect("free space and disks", free_chunks(host), before)
    host.must("! ls /etc/xeno/g.cfg* 2>/dev/null && ! grep xvd[f-z] /proc/mounts && "
              "! ls /sys/class/block | grep 'xvd[f-z]'")


@case("guest-refused")
def refused(name):
    """Wrong and hostile input: one line that says what, and nothing is left behind."""
    files = folder_for(name)
    refused_files(files)
    with start(name, 600 << 20, files) as host:
        prepare(host)
        host.must("xenctl vd create taken 1M")
        before = free_chunks(host)
        for command, part in REFUSED:
            status, said = host.run(f"xenctl guest {command} >/dev/null", 120)
            lines = [line for line in said.strip().splitlines()
                     if "nothing of it is left behind" not in line]
            if status != 1 or len(lines) != 1 or part not in lines[0]:
                raise Failure(f"'{command}': {status}: {said.strip()[-300:]}")
            nothing_left(host, before)
        host.must("xenctl guest new g --root /mnt/tricks.tar --size 20M --password x", 60)
        host.must("! ls /etc/was-here /tmp/was-here /absolute /tmp/hostname 2>/dev/null")
        host.must("xenctl guest remove g --yes && xenctl vd undelete g && "
                  "xenctl vd delete g --now")
        nothing_left(host, before)
        host.power_off()


@case("guest-interrupted")
def interrupted(name):
    """Ctrl-C at any moment: nothing is left behind, and the next attempt succeeds."""
    files = folder_for(name)
    small_root().add("var/data", os.urandom(60 << 20)).write(os.path.join(files, "root.tar"))
    with start(name, 600 << 20, files) as host:
        prepare(host)
        before = free_chunks(host)
        stopped = 0
        for tenths in (1, 3, 6, 9, 12, 16, 20, 25, 30, 40):
            # The watcher of the clock is in the machine, so that its speed does not matter.
            status, said = host.run(
                f"(sleep {tenths / 10}; kill -INT $(ps | "
                "awk '/[x]enctl guest new/ { print $1 }' | sort -n | head -1)) 2>/dev/null & "
                "xenctl guest new g --root /mnt/root.tar", 120)
            if not status:
                host.must("wait; xenctl guest remove g --yes && xenctl vd undelete g && "
                          "xenctl vd delete g --now")
            elif "interrupted" in said or "left behind" in said:
                stopped += 1
            else:
                raise Failure(f"after {tenths / 10} s: {status}: {said.strip()[-300:]}")
            host.must("wait")
            nothing_left(host, before)
        if stopped < 4:
            raise Failure(f"only {stopped} of 10 attempts were interrupted")
        host.send("xenctl guest new g --root /mnt/root.tar\n")
        host.wait("unpacking: +[0-9]+%", 60)
        host.send("\x03")
        host.wait("g: unpacking: interrupted", 60)
        host.prompt()
        nothing_left(host, before)
        host.must("xenctl guest new g --root /mnt/root.tar && xenctl create -n g", 120)
        host.power_off()


class Mirror(http.server.BaseHTTPRequestHandler):
    """A mirror whose release nobody has signed."""

    def do_GET(self):  # noqa: N802 (the library's name)
        """Only the release is there."""
        found = self.path.endswith("Release") and "gpg" not in self.path
        self.send_response(200 if found else 404)
        self.end_headers()
        self.wfile.write(b"Origin: Debian\nSuite: bookworm\n" if found else b"")

    def log_message(self, *args):  # pylint: disable=arguments-differ
        """Silence."""


def networked(name, size):
    """A machine with a XenoDisk and a network card."""
    args = drive(name, size) + ["-netdev", "user,id=n", "-device", "virtio-net-pci,netdev=n"]
    return Machine(name, qemu.multiboot(xeno_args="nic"), extra=args, memory=1024, limit=600)


def has_address(host):
    """Domain 0's shell, with its address, and a XenoDisk."""
    host.shell("dom0")
    host.must("xenctl disk init /dev/xvda")
    host.must("for i in $(seq 60); do ip route | grep -q default && break; sleep 1; done; "
              "ip route | grep default", 90)


@case("guest-mirror")
def mirror(name):
    """A mirror that is not there, and one with a release that Debian has not signed."""
    server = http.server.HTTPServer(("127.0.0.1", 0), Mirror)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with networked(name, 3 << 30) as host:
        has_address(host)
        before = free_chunks(host)
        for options, part in (
                ("nosuch", "this debootstrap does not know it"),
                ("bookworm --mirror 'http://10.0.2.2/;x'", "--mirror"),
                ("bookworm --mirror http://10.0.2.2:1", "g: looking for the mirror: wget: "),
                (f"bookworm --size 100M --mirror http://10.0.2.2:{server.server_port}",
                 "g: installing Debian: debootstrap: ")):
            status, said = host.run(f"xenctl guest new g --debian {options} >/dev/null", 200)
            lines = [line for line in said.strip().splitlines()
                     if "nothing of it is left behind" not in line]
            if status != 1 or part not in lines[-1] or "error" in said.lower():
                raise Failure(f"'{options}': {status}: {said.strip()[-300:]}")
            nothing_left(host, before)
        if "ignature" not in lines[-1]:
            raise Failure(f"an unsigned release is refused for another reason: {lines[-1]}")
        host.power_off()
    server.shutdown()


@case("guest-debootstrap")
def debootstrap(name):
    """Where a real mirror is in reach: its release is believed, packages come, Ctrl-C ends it."""
    with networked(name, 3 << 30) as host:
        has_address(host)
        url = "http://deb.debian.org/debian"
        if host.run(f"timeout 20 wget -q -O /dev/null {url}/dists/bookworm/InRelease", 60)[0]:
            raise Skipped(f"no mirror in reach: {url}")
        before = free_chunks(host)
        host.send("xenctl guest new g --debian bookworm --size 300M\n")
        host.wait("Valid Release signature", 240)
        host.wait("Retrieving ", 240)
        host.send("\x03")
        host.wait("g: installing Debian: interrupted", 60)
        host.prompt()
        nothing_left(host, before)
        host.power_off()
