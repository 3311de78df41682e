# SPDX-License-Identifier: GPL-2.0-only
"""The installer: from the live system onto a disk, and what boots from there."""
import hashlib
import os
import random
import re
import subprocess
import time

import qemu
from cases import case
from picture import picture
from qemu import Failure, Machine
from test_disk import drive

# How the disk hangs on the machine.
DISKS = {
    "virtio": "virtio-blk-pci,drive=d,serial=XENODISK1",
    "ahci": "ide-hd,drive=d,bus=ide.0,serial=XENODISK1",
    "nvme": "nvme,drive=d,serial=XENODISK1",
}
FIRMWARE = {"bios": lambda: [], "uefi": qemu.ovmf}
# A card that the hypervisor drives, one that nobody drives, none.
CARDS = {
    "known": ["-netdev", "user,id=n", "-device", "virtio-net-pci,netdev=n,romfile="],
    "unknown": ["-netdev", "user,id=n", "-device", "ne2k_pci,netdev=n,romfile="],
    "none": [],
}
SIZE = 4 << 30
LIVE = "console=hvc0 swiotlb=4096 initramfs_options=size=90% quiet"
# Small sizes, and guests' space.
ANSWERS = {"disk": "serial:XENODISK1", "boot": "64M", "root": "320M", "swap": "64M",
           "xenodisk": "rest", "hostname": "kiosk", "network": "dhcp", "destroy": "yes",
           "finish": "poweroff"}
INSTALL_LIMIT = 200


def image(name, size=SIZE):
    """Path of a case's disk: new and empty, or with size 0 as it was left."""
    path = os.path.join(qemu.LOGS, f"{name.replace('/', '-')}.raw")
    os.makedirs(qemu.LOGS, exist_ok=True)
    if size:
        with open(path, "wb") as file:
            file.truncate(size)
    return path


def disk(path, driver="virtio"):
    """Arguments for the disk that is installed onto, and booted from."""
    return ["-drive", f"if=none,id=d,format=raw,cache=unsafe,discard=unmap,file={path}",
            "-device", DISKS[driver] + ",bootindex=1"]


def text(**change):
    """An answers file; a value None leaves the line out."""
    lines = {**ANSWERS, **change}
    return "".join(f"{key} = {value}\n" for key, value in lines.items() if value is not None)


def answers(name, content):
    """Arguments that show a file to the machine as opt/xeno/answers."""
    path = os.path.join(qemu.LOGS, f"{name.replace('/', '-')}.answers")
    os.makedirs(qemu.LOGS, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(content)
    return ["-fw_cfg", f"name=opt/xeno/answers,file={path}"]


def live(name, args, unattended=True, words="", memory=512, **how):
    """The live system, which installs by the answers shown to it or gives a shell."""
    source = " xeno.install=fw_cfg:opt/xeno/answers" if unattended else ""
    return Machine(f"{name}-live", qemu.multiboot(linux_args=LIVE + source + words), cpus=1,
                   memory=memory, extra=args, limit=600, **how)


def begins(machine):
    """Wait for the first write of an unattended installation."""
    said = machine.wait(r"^xeno-install: (2 % partition|refused.*?)\s*$", INSTALL_LIMIT)[1]
    if "refused" in said:
        raise Failure(said)


def install(name, args, content, **how):
    """One unattended installation, to its end. Returns its seconds from the first write on."""
    with live(name, args + answers(name, content), **how) as machine:
        begins(machine)
        start = time.monotonic()
        machine.wait(r"^xeno-install: done$", INSTALL_LIMIT)
        took = time.monotonic() - start
        machine.ended()
    return took


def checksum(path):
    """Of a disk image, all of it."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


# What is wrong with the second of two answers, and what is said about it.
REFUSED = (
    ("colour = red", 'FILE:2: there is no key "colour"'),
    ("disk = first", "FILE:2: disk is in line 1 already"),
    ("root = 9G", "FILE:2: root = 9G: GRUB 66M + boot 64M + root 9216M"),
    ("root = 256M\nxenodisk = rest\nswap = rest", "FILE:3: xenodisk = rest: swap takes the rest"),
    ("network = 10.0.0.300/24 10.0.0.1", "10.0.0.300 is no IPv4 address"),
    ("timezone = /Europe", "a time zone is Area/City, like Europe/Paris"),
    ("keep_xenodisk = yes", "FILE:2: keep_xenodisk = yes: there is no XenoDisk in a partition"),
    ("hostname = kiosk", "FILE: there is no line destroy = yes, so nothing was changed"),
)
REFUSED_DISKS = (
    ("/dev/xvdq", "FILE:1: disk = /dev/xvdq: there is no such disk"),
    ("serial:none", "FILE:1: disk = serial:none: there is no such disk"),
    ("serial:SMALL", "has 100 MiB, at least 387 are needed"),
    ("serial:CD", "there is a Xeno CD on it"),
)


# Where answers may come from, and what is wrong there.
SOURCES = (
    ("cd:/README.CD", ':1: "key = value" is wanted here'),
    ("cd:/nothing", ": there is no such file"),
    ("label:ANSWERS/nothing", ": there is no such file"),
    ("fw_cfg:opt/nothing", ": there is no such file"),
)


def refused(machine, content, said):
    """One call that has to be refused with exactly one such line."""
    machine.must("cat >/tmp/FILE <<'END'\n" + content + "\nEND\n:")
    status, output = machine.run("cd /tmp && xeno-install --answers FILE; s=$?; cd; (exit $s)")
    lines = re.findall(r"^xeno-install: refused: (.*?)\s*$", output, re.M)
    if status != 1 or len(lines) != 1 or said not in lines[0]:
        raise Failure(f"'{content}' ended with {status}: {output.strip()[-200:]}")


def bait(path, size):
    """A disk with data all over its parts that an installation would write to first."""
    noise = random.Random(path)
    with open(path, "wb") as file:
        for place in (0, 1 << 20, size - (2 << 20)):
            file.seek(place)
            file.write(noise.randbytes(1 << 20))
        file.truncate(size)
    return path


def volume(name, content):
    """Arguments for a FAT volume with the label ANSWERS that has a file of answers."""
    path = image(name + "-volume", 8 << 20)
    with open(path + ".txt", "w", encoding="utf-8") as file:
        file.write(content)
    subprocess.run(["mformat", "-i", path, "-v", "ANSWERS", "-T", "16384", "-h", "1", "-s", "1",
                    "::"], check=True)
    subprocess.run(["mcopy", "-i", path, path + ".txt", "::/mine.txt"], check=True)
    return ["-drive", f"if=none,id=v,format=raw,readonly=on,file={path}", "-device",
            "virtio-blk-pci,drive=v"]


@case("install-refused")
def refusals(name):
    """Bad answers, unsuitable disks: each says why, and no byte of any disk changes."""
    paths = [bait(image(name), 640 << 20), bait(image(name + "-small"), 100 << 20)]
    before = [checksum(path) for path in paths]
    args = disk(paths[0]) + volume(name, "disk = first\n") + [
        "-drive", f"if=none,id=s,format=raw,file={paths[1]}",
        "-device", "virtio-blk-pci,drive=s,serial=SMALL",
        "-drive", f"if=none,id=c,format=raw,snapshot=on,file={qemu.built('xeno.iso')}",
        "-device", "virtio-blk-pci,drive=c,serial=CD"]
    with live(name, args + answers(name, text(colour="red"))) as machine:
        machine.wait("^xeno-install: refused: fw_cfg:opt/xeno/answers:10: there is no key", 120)
        machine.wait("^xeno-install: ended with 1$")
        machine.prompt()
        machine.must("stty columns 4000")
        for lines, said in REFUSED:
            refused(machine, f"disk = serial:XENODISK1\n{lines}\nboot = 64M", said)
        for which, said in REFUSED_DISKS:
            refused(machine, f"disk = {which}\ndestroy = yes", said)
        for source, said in SOURCES:
            status, output = machine.run(f"xeno-install --check --answers {source}")
            if f"xeno-install: refused: {source}{said}" not in output or status != 1:
                raise Failure(f"{source} ended with {status}: {output.strip()[-200:]}")
        status, output = machine.run("xeno-install --check --answers label:ANSWERS/mine.txt")
        if status or "GRUB for UEFI (ESP, FAT)" not in output:
            raise Failure(f"no plan from a volume: {status}, {output.strip()[-200:]}")
        machine.must("! grep -q /run/xeno/install /proc/mounts")
        machine.power_off()
    if before != [checksum(path) for path in paths]:
        raise Failure("a refused installation has written to a disk")


# A sector of the root, which begins at 130 MiB, cannot be written.
BROKEN = f"""
[inject-error]
event = "none"
iotype = "write"
errno = "5"
sector = "{(130 << 11) + 2}"
"""


@case("install-failed")
def failed(name):
    """A disk with a bad sector: the step and the reason are told, the log is kept, nothing stays
    mounted, and the shell is there."""
    args = drive(name, SIZE, faults=BROKEN) + answers(name, text(disk="first"))
    with live(name, args) as machine:
        begins(machine)
        machine.wait("^xeno-install: failed: partition: dd: /dev/xvda4: Input/output error",
                     INSTALL_LIMIT)
        machine.wait("^xeno-install: ended with 3$")
        machine.prompt()
        machine.must("grep '^== partition' /var/log/xeno-install.log")
        machine.must("! grep xvda /proc/mounts")
        machine.power_off()


@case("install-left")
def left(name):
    """Leaving the installer gives the shell back, and has changed nothing. It reads the CD."""
    path = bait(image(name), 640 << 20)
    before = checksum(path)
    args = disk(path) + ["-cdrom", qemu.built("xeno.iso")]
    with live(name, args, unattended=False, words=" xeno.install") as machine:
        machine.wait("^Press a key to install Xeno from this console", 120)
        machine.send("x")
        machine.wait("Which disk is Xeno to be installed onto")
        machine.send("\t\r")
        machine.wait("xeno-install: refused: it was left before the end, nothing was changed")
        machine.prompt()
        status, said = machine.run("xeno-install --answers cd:/README.CD")
        if status != 1 or "refused: cd:/README.CD:1: " not in said:
            raise Failure(f"an answers file on a CD: {status}, {said.strip()[-200:]}")
        machine.power_off()
    if checksum(path) != before:
        raise Failure("an installer that was left has written to the disk")


@case("install-picture")
def pictures(name):
    """The installer on the screen and its keyboard: pictures of two of its dialogs."""
    with live(name, disk(image(name)), unattended=False, words=" console=tty0 xeno.install",
              monitor=True) as machine:
        machine.wait("^Press a key to install Xeno from this console", 120)
        picture(machine, "installer-start", ("Press a key to install Xeno",))
        machine.monitor.keys("ret")
        picture(machine, "installer-disk", ("Which disk is Xeno to be installed onto",), 60)
        machine.monitor.keys("ret")
        picture(machine, "installer-sizes", ("There are 4029 MiB", "XenoDisk (for guests)"), 60)
    os.unlink(image(name, 0))
