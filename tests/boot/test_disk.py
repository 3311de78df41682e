# SPDX-License-Identifier: GPL-2.0-only
"""Drives and virtual block devices: domain 0 and guests on each of the drivers."""
import os
import re
import shutil
import subprocess

import qemu
from cases import case
from qemu import Failure, Machine, Skipped
from test_demo import free_kib, settles_at

# Name of a driver: the machine, and how the drive `d` hangs on it.
DRIVERS = {
    "virtio": ("q35", ["-device", "virtio-blk-pci,drive=d"]),
    "ahci": ("q35", ["-device", "ide-hd,drive=d,bus=ide.0"]),
    "nvme": ("q35", ["-device", "nvme,serial=xeno,drive=d"]),
    "ide": ("pc", ["-device", "ide-hd,drive=d,bus=ide.0"]),
}
EXERCISE_LIMIT = 240


def drive(name, size, driver="virtio", faults="", options=""):
    """Arguments for a drive: new and empty, or with size 0 the one there was last. faults:
    rules of blkdebug; options: more of -drive."""
    path = os.path.join(qemu.LOGS, f"{name.replace('/', '-')}.raw")
    os.makedirs(qemu.LOGS, exist_ok=True)
    if size:
        with open(path, "wb") as file:
            file.truncate(size)
    with open(path + ".rules", "w", encoding="ascii") as file:
        file.write(faults)
    return ["-drive", "if=none,id=d,cache=unsafe,werror=report,rerror=report,driver=blkdebug,"
            f"config={path}.rules,image.driver=raw,image.file.driver=file,"
            f"image.file.filename={path}{options}", *DRIVERS[driver][1]]


def archive(name, files):
    """Path of an archive of files: place within it, and where they are."""
    folder = os.path.join(qemu.LOGS, name)
    shutil.rmtree(folder, ignore_errors=True)
    for target, source in files.items():
        place = os.path.join(folder, target)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        shutil.copy(source, place)
    with open(folder + ".cpio", "wb") as out:
        subprocess.run("find . | LC_ALL=C sort | cpio -o -H newc --quiet", cwd=folder, shell=True,
                       check=True, stdout=out)
    shutil.rmtree(folder)
    return folder + ".cpio"


def machine(name, args, xeno_args="", **how):
    """A machine with the root of the tests' guests, and the stock kernel, in domain 0."""
    plain = name.replace("/", "-")
    exercise = archive(f"{plain}-exercise",
                       {"sbin/exercise": os.path.join(qemu.TOP, "tests/boot/disk/exercise")})
    roots = {"usr/lib/xeno/disk.img":
             qemu.joined(f"{plain}-ours.img", exercise, "demo-disk.img"),
             "usr/lib/xeno/stock-disk.img":
             qemu.joined(f"{plain}-stock.img", exercise, "stock/modules", "demo-disk.img")}
    root = qemu.joined(f"{plain}.img", "stock.img", exercise, archive(f"{plain}-roots", roots),
                       "dom0.img")
    return Machine(name, qemu.multiboot(xeno_args=xeno_args, root=root), extra=args, limit=600,
                   **how)


def guest(host, name, disk, kernel="xenolinux", root="disk.img", memory=96, mib=8):
    """Creates a guest that exercises its disk and ends; its disk as xl has it."""
    host.must(f"cat >/tmp/{name}.cfg <<END\n"
              f"kernel = '/usr/lib/xeno/{kernel}'\nramdisk = '/usr/lib/xeno/{root}'\n"
              f"memory = {memory}\nname = '{name}'\non_poweroff = 'preserve'\n"
              f"extra = 'console=hvc0 xeno.cmd=\"exercise /dev/xvda {mib}\"'\n"
              f"disk = ['{disk}']\nEND\n:")
    host.must(f"xenctl create /tmp/{name}.cfg", 60)


def finish(host, name):
    """Waits for the guest's verdict, and destroys it."""
    host.must(f"for i in $(seq {EXERCISE_LIMIT}); do xenctl list {name} >/tmp/state || break; "
              "grep -q 'poweroff\\|crash' /tmp/state && break; sleep 1; done", EXERCISE_LIMIT + 30)
    said = host.must(f"xenctl console -l {name} </dev/null")
    host.must(f"xenctl destroy {name}")
    if "exercise /dev/xvda: ok" not in said:
        wrong = re.search(r"exercise .*FAIL.*", said)
        why = wrong[0] if wrong else "no verdict: " + said.strip()[-200:]
        raise Failure(f"guest {name}: {why}")


def partition(host, count, mib):
    """Equal partitions on the first drive."""
    host.must(f"(echo 'label: gpt'; for i in $(seq {count}); do echo size={mib}MiB; done) | "
              "sfdisk -q /dev/xvda")


@case("disk-virtio", "virtio")
@case("disk-ahci", "ahci")
@case("disk-nvme", "nvme")
@case("disk-ide", "ide")
def disk_driver(name, driver):
    """ext4 in domain 0, in a XenoLinux guest and in one on the stock kernel, on one drive."""
    with machine(name, drive(name, 400 << 20, driver), machine=DRIVERS[driver][0]) as host:
        host.shell("dom0")
        partition(host, 3, 100)
        if "ok" not in host.must("exercise /dev/xvda1 16", EXERCISE_LIMIT):
            raise Failure("domain 0")
        # Not before: domain 0's own table of grants grows with its use of the drive.
        before = free_kib(host)
        guest(host, "ours", "phy:/dev/xvda2,xvda,w")
        guest(host, "stock", "format=raw, vdev=xvda, access=rw, target=/dev/xvda3",
              kernel="stock", root="stock-disk.img", memory=192)
        finish(host, "ours")
        finish(host, "stock")
        settles_at(host, before)
        host.power_off()


@case("disk-ten-guests")
def ten_guests(name):
    """Ten write at once, one is killed in the middle: the others' sums are right."""
    with machine(name, drive(name, 800 << 20), memory=2048) as host:
        host.shell("dom0")
        partition(host, 10, 60)
        before = free_kib(host)
        for n in range(1, 11):
            guest(host, f"g{n}", f"phy:/dev/xvda{n},xvda,w", memory=80, mib=4)
        host.must("for i in $(seq 200); do xenctl console -l g5 </dev/null | grep -q 'guest ready' "
                  "&& break; sleep 1; done; sleep 1", 230)
        host.must("xenctl destroy g5")
        for n in (1, 2, 3, 4, 6, 7, 8, 9, 10):
            finish(host, f"g{n}")
        settles_at(host, before)
        host.power_off()


# A sector that cannot be read or written, and others that can at the second attempt.
BAD = 100_000
FAULTS = f"""
[inject-error]
event = "none"
iotype = "read"
errno = "5"
sector = "{BAD}"

[inject-error]
event = "none"
iotype = "write"
errno = "5"
sector = "{BAD}"
""" + "".join(f"""
[inject-error]
event = "none"
iotype = "{kind}"
errno = "5"
sector = "{sector}"
once = "on"
""" for kind, sector in (("write", 2048), ("read", 2050), ("write", 4096), ("read", 4100)))


def health(host):
    """What xenctl has to say about the first drive."""
    return host.must("xenctl disk list")


@case("disk-errors-virtio", "virtio")
@case("disk-errors-ahci", "ahci")
@case("disk-errors-nvme", "nvme")
@case("disk-errors-ide", "ide")
def errors(name, driver):
    """Errors that go away are not seen; one that stays is an error of that request alone."""
    with machine(name, drive(name, 100 << 20, driver, faults=FAULTS), xeno_args="disk_timeout=4",
                 machine=DRIVERS[driver][0]) as host:
        host.shell("dom0")
        host.must("dd if=/dev/urandom of=/tmp/data bs=1M count=4")
        host.must("dd if=/tmp/data of=/dev/xvda bs=4k seek=200 oflag=direct")
        host.must("dd if=/dev/xvda of=/tmp/back bs=4k skip=200 count=1024 iflag=direct")
        host.must("cmp /tmp/data /tmp/back")
        for command in ("dd if=/dev/xvda of=/tmp/back bs=4k skip={} count=1 iflag=direct",
                        "dd if=/tmp/data of=/dev/xvda bs=4k seek={} count=1 oflag=direct"):
            for page, bad in ((BAD // 8, True), (BAD // 8 + 1, False), (BAD // 8 - 1, False)):
                status, said = host.run(command.format(page))
                if (status != 0) != bad or (bad and "I/O error" not in said):
                    raise Failure(f"{command.format(page)}: {status}, {said.strip()}")
        if "error" not in health(host):
            raise Failure(f"no errors are told: {health(host)}")
        host.power_off()


@case("disk-slow-virtio", "virtio")
@case("disk-slow-ahci", "ahci")
@case("disk-slow-nvme", "nvme")
@case("disk-slow-ide", "ide")
def slow(name, driver):
    """A drive that answers after the time-out: it is reset, and nothing is lost or hangs."""
    args = drive(name, 100 << 20, driver, options=",throttling.iops-total=4")
    if driver == "virtio":
        args[-1] += ",request-merging=off"  # QEMU would make one of them
    with machine(name, args, xeno_args="disk_timeout=2", machine=DRIVERS[driver][0]) as host:
        host.shell("dom0", 300)
        # A write that the front end cuts in twelve, all in the drive at once. Not more: QEMU
        # charges what a reset drops to those that come after it.
        host.must("dd if=/dev/urandom of=/tmp/data bs=1536k count=1")
        host.must("dd if=/tmp/data of=/dev/xvda bs=1536k count=1 oflag=direct", 200)
        host.must("dd if=/dev/xvda of=/tmp/back bs=1536k count=1 iflag=direct", 200)
        host.must("cmp /tmp/data /tmp/back")
        # With IDE nothing waits in the drive, where the time counts.
        if driver != "ide" and "reset" not in health(host):
            raise Failure(f"no time-outs are told: {health(host)}")
        host.power_off(200)


def debian():
    """Path of a Debian system's image, made when it is not there."""
    path = os.path.join(qemu.BUILD, "debian.raw")
    if not os.path.exists(path):
        made = subprocess.run([os.path.join(qemu.TOP, "mk", "debian.sh")], capture_output=True,
                              text=True, check=False)
        if made.returncode:
            raise Skipped(f"no Debian system: {made.stderr.strip()[-200:]}")
    return path


def debian_login(host, devices=""):
    """Starts the Debian system from /tmp/kernel and /tmp/initrd, up to a shell in it."""
    host.must("cat >/tmp/debian.cfg <<END\nname = 'debian'\nkernel = '/tmp/kernel'\n"
              f"ramdisk = '/tmp/initrd'\nmemory = 512\n{devices}"
              "extra = 'console=hvc0 root=/dev/xvda rw'\n"
              "disk = ['phy:/dev/xvda,xvda,w']\nEND\n:")
    host.send("xenctl create -c /tmp/debian.cfg\n")
    host.wait("^xeno-debian login: ", 300)
    host.send("root\n")
    host.wait("root@.*# ")
    host.send("PS1='debian:# ' exec sh\n")
    host.prompt()


@case("disk-debian")
def debian_guest(name):
    """A Debian system on its disk boots with its own kernel to a login, and ends cleanly."""
    args = ["-drive", f"if=none,id=d,format=raw,snapshot=on,file={debian()}",
            "-device", "virtio-blk-pci,drive=d"]
    with machine(name, args, memory=2048) as host:
        host.shell("dom0")
        host.must("mount -o ro /dev/xvda /mnt && cp /mnt/boot/vmlinuz-* /tmp/kernel && "
                  "cp /mnt/boot/initrd.img-* /tmp/initrd && umount /mnt")
        debian_login(host)
        if "/dev/xvda" not in host.must("findmnt -n -o SOURCE /"):
            raise Failure("its root is not on the disk")
        host.send("poweroff\n")
        host.wait("debian has stopped", 120)
        host.prompt()
        host.must("e2fsck -fn /dev/xvda", 120)
        host.power_off()


def demo_disk(host):
    """Starts the demo guest whose root is on a virtual disk, up to its shell."""
    host.send("xenctl create -c demo-disk\n")
    host.shell("guest")
    if "/dev/xvda" not in host.must("mount | grep ' / '"):
        raise Failure("the guest's root is not on its disk")


def demo_disk_ends(host):
    """Powers the guest off; domain 0's shell is next."""
    host.send("poweroff\n")
    host.wait("demo-disk has stopped")
    host.prompt()


@case("disk-persistent")
def persistent(name):
    """What a guest writes to its virtual disk is there after its end, and after the machine's."""
    with machine(name, drive(name, 500 << 20)) as host:
        host.shell("dom0")
        partition(host, 2, 240)
        host.must("xenctl disk init /dev/xvda2")
        host.must("xenctl vd create demo-disk 100M")
        demo_disk(host)
        host.must("echo kept >/root/note && sync")
        demo_disk_ends(host)
        demo_disk(host)
        host.must("grep kept /root/note && echo twice >>/root/note")
        demo_disk_ends(host)
        host.power_off()
    with machine(name + "-again", drive(name, 0, "nvme")) as host:
        host.shell("dom0")
        if "demo-disk" not in host.must("xenctl vd list"):
            raise Failure("another machine does not find the virtual disk")
        demo_disk(host)
        host.must("grep twice /root/note")
        demo_disk_ends(host)
        host.power_off()


@case("disk-unplug")
def unplug(name):
    """A disk that a guest has mounted is not taken from it politely; it goes with the umount."""
    with machine(name, drive(name, 100 << 20)) as host:
        host.shell("dom0")
        partition(host, 1, 60)
        host.must("mkfs.ext4 -q /dev/xvda1")
        host.must("xenctl create demo1 disk=phy:/dev/xvda1,xvda,w")
        host.send("xenctl console demo1\n")
        host.shell("guest")
        host.must("mount /dev/xvda /mnt && dd if=/dev/urandom of=/mnt/file bs=1M count=8")
        told = host.must("md5sum /mnt/file").split()[0]
        host.must("(sleep 30; umount /mnt) >/dev/null & :")
        host.send("\x1d")
        host.prompt()
        status, said = host.run("xenctl block-detach demo1 xvda", 90)
        if not status or "xvda" not in said:
            raise Failure(f"a mounted disk was taken away: {status}, {said}")
        host.must("for i in $(seq 60); do xenctl block-list demo1 | grep -q xvda || break; "
                  "sleep 1; done; ! xenctl block-list demo1 | grep xvda", 90)
        host.must(f"mount -o ro /dev/xvda1 /mnt && md5sum /mnt/file | grep {told} && umount /mnt")
        host.must("xenctl destroy demo1")
        host.power_off()
