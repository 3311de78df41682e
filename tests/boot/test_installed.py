# SPDX-License-Identifier: GPL-2.0-only
"""What the installer leaves: the disk boots, by each firmware and on each kind of disk, after
power cuts, on a small machine; and the dialogs, through which a person gets there."""
import os
import random
import re
import signal
import time

import qemu
from cases import case
from qemu import Failure, Machine
from test_install import (CARDS, FIRMWARE, INSTALL_LIMIT, answers, begins, disk, image, install,
                          live, text)


def installed(name, args, firmware="bios", memory=512, **how):
    """The machine booted from its disk by its firmware."""
    return Machine(name, FIRMWARE[firmware](), cpus=1, memory=memory, extra=args,
                   limit=600, **how)


def writable_root(machine):
    """The root is the disk's, and was made writable; nothing of the CD is needed."""
    if "ext4 rw" not in machine.must("awk '$2 == \"/\" { print $3, $4 }' /proc/mounts"):
        raise Failure("the root is not a writable ext4")
    machine.must("grep ' /boot ' /proc/mounts && grep Xeno /etc/xeno/installed")


def guest_on_disk(machine, keep=""):
    """The guest whose root is on a virtual disk: `keep` is what it has kept from before, or it
    is to keep something now. It reaches its router."""
    machine.send("xenctl create -c demo-disk\n")
    machine.shell("guest")
    machine.must("grep /dev/xvda /proc/mounts")
    machine.must("ping -c 1 -W 5 $(ip route | sed -n 's/default via \\([0-9.]*\\).*/\\1/p')")
    machine.must(f"grep {keep} /root/note" if keep else "echo first >/root/note && sync")
    machine.send("poweroff\n")
    machine.wait("demo-disk has stopped")
    machine.prompt()


def lives_on(name, args, firmware="bios", **how):
    """The installed system twice: guests with disks and network, and all is there again."""
    with installed(f"{name}-first", args, firmware, **how) as machine:
        machine.shell("dom0")
        writable_root(machine)
        if "kiosk" not in machine.must("hostname"):
            raise Failure("it does not have its name")
        machine.must("swapon -s 2>/dev/null | grep xvda || grep xvda /proc/swaps")
        machine.must("xenctl vd create demo-disk 100M && echo first >/root/note")
        guest_on_disk(machine)
        machine.power_off(90)
    with installed(f"{name}-second", args, firmware, **how) as machine:
        machine.shell("dom0")
        machine.must("grep first /root/note")
        guest_on_disk(machine, "first")
        machine.power_off(90)


def whole(name, firmware, driver, card):
    """Live, unattended installation, boot from the disk, guests, power cycle."""
    args = disk(image(name), driver) + CARDS[card]
    install(name, args, text())
    lives_on(name, args, firmware)
    os.unlink(image(name, 0))


@case("install-bios-virtio", "bios", "virtio", "known")
@case("install-uefi-ahci", "uefi", "ahci", "unknown")
@case("install-bios-nvme", "bios", "nvme", "none")
def matrix(name, firmware, driver, card):
    """Firmware, disk and card: three of the combinations; make soak has all."""
    whole(name, firmware, driver, card)


if os.environ.get("INSTALL_ALL"):
    case("install-uefi-virtio", "uefi", "virtio", "none")(matrix)
    case("install-bios-ahci", "bios", "ahci", "known")(matrix)
    case("install-uefi-nvme", "uefi", "nvme", "unknown")(matrix)


def virtual_disk(machine):
    """Makes a virtual disk with noise in it; its checksum."""
    machine.must("xenctl vd create precious 100M")
    machine.must("dd if=/dev/urandom of=/tmp/noise bs=1M count=20")
    machine.must("xenctl vd import precious /tmp/noise; rm /tmp/noise", 120)
    return precious(machine)


def precious(machine):
    """The checksum of the virtual disk."""
    said = machine.must("xenctl vd export precious - | sha256sum", 120)
    return re.search(r"([0-9a-f]{64})  -", said)[1]


def emulator(machine):
    """The process of QEMU itself, which is the child of timeout."""
    parent = machine.process.pid
    with open(f"/proc/{parent}/task/{parent}/children", encoding="ascii") as children:
        return int(children.read().split()[0])


def kill_once(name, args, content, after):
    """An installation whose machine dies so many seconds after the first write. False when it
    was done by then."""
    with live(name, args + answers(name, content)) as machine:
        begins(machine)
        end = time.monotonic() + after
        while time.monotonic() < end and "xeno-install: done" not in machine.text:
            machine.read(0.02)
        os.kill(emulator(machine), signal.SIGKILL)
        machine.process.wait()
    step = re.findall(r"^xeno-install: \d+ % (.*?)\s*$", machine.text, re.M)[-1]
    print(f"| {name}: killed after {after:.2f} s, in: {step}", flush=True)
    return step != "done"


def killed(name, times):
    """Power cuts at random moments: the next attempt succeeds, the XenoDisk is as it was."""
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"| {name}: SEED={seed}", flush=True)
    moments = random.Random(seed)
    args = disk(image(name))
    took = install(name, args, text(root="400M"))
    with live(f"{name}-fill", args, unattended=False) as machine:
        machine.shell("dom0")
        before = virtual_disk(machine)
        machine.must("echo 'disk = first' >/tmp/plan")
        if not re.search("XenoDisk, virtual disks: precious",
                         machine.must("xeno-install --check --answers /tmp/plan")):
            raise Failure("the plan does not say which virtual disks are destroyed")
        machine.power_off()
    content = text(xenodisk=None, keep_xenodisk="yes", root="384M")
    while times:
        after = moments.uniform(0, took)
        if kill_once(name, args, content, after):
            times -= 1
        else:
            took = after  # it was quicker than the first one
    install(name, args, content)
    with installed(f"{name}-after", args) as machine:
        machine.shell("dom0")
        writable_root(machine)
        if precious(machine) != before:
            raise Failure("the kept virtual disk has changed")
        machine.power_off(90)
    os.unlink(image(name, 0))


@case("install-killed")
def power_cuts(name):
    """Two of them; INSTALL_KILLS has another number, for make soak."""
    killed(name, int(os.environ.get("INSTALL_KILLS", "2")))


@case("install-256")
def small(name):
    """All of it in 256 MiB: installed there, and one demo guest beside domain 0."""
    args = disk(image(name))
    install(name, args, text(xenodisk="none"), memory=256)
    with installed(name, args, memory=256) as machine:
        machine.shell("dom0")
        writable_root(machine)
        machine.send("xenctl create -c demo1\n")
        machine.shell("guest")
        machine.send("\x1d")
        machine.prompt()
        machine.power_off(90)
    os.unlink(image(name, 0))


# Keys of a VT100 in its application mode.
DOWN, CLEAR = "\x1bOB", "\x15"

# What each screen says, and what is typed there. The first size is a wrong one.
SCREENS = (
    ("Which disk is Xeno to be installed onto", "\r"),
    ("There are 4029 MiB", f"{CLEAR}9G\r"),
    ("boot = 9G: GRUB 66M", "\r"),
    ("There are 4029 MiB", f"{CLEAR}64M{DOWN}{CLEAR}320M{DOWN}{CLEAR}64M\r"),
    ("The network is dhcp, none", f"{CLEAR}kiosk\r"),
    ("Without one whoever is at a console", f"secret{DOWN}sekret\r"),
    ("the two are not the same", "\r"),
    ("Without one whoever is at a console", f"secret{DOWN}secret\r"),
    ("A public key that may log in", "\r"),
    ("Domain 0 has: as much memory", "\t\r"),
    ("Take the CD out, then:", f"{DOWN}\r"),
)


@case("install-dialogs")
def dialogs(name):
    """From the CD's menu through every screen over the serial line; the password then lets in."""
    args = disk(image(name))
    with Machine(f"{name}-live", qemu.cd(), cpus=1, memory=512, extra=args) as machine:
        machine.wait("without the hypervisor")
        machine.send("\x1b[B" * 3 + "\r")
        machine.wait("^Press a key to install Xeno from this console", 120)
        machine.send("x")
        for screen, keys in SCREENS:
            machine.wait(re.escape(screen), INSTALL_LIMIT)
            machine.read(0.5)  # the rest of the screen
            machine.send(keys)
        machine.ended(60)
    with installed(name, args, "uefi") as machine:
        machine.wait("^kiosk login: ", 300)
        machine.send("root\n")
        machine.wait("^Password: ")
        machine.send("wrong\n")
        machine.wait("^Login incorrect", 30)
        machine.wait("^kiosk login: ")
        machine.send("root\n")
        machine.wait("^Password: ")
        machine.send("secret\n")
        machine.prompt()
        machine.must("stty columns 4000")
        writable_root(machine)
        machine.power_off(90)
    os.unlink(image(name, 0))
