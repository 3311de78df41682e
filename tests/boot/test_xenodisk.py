# SPDX-License-Identifier: GPL-2.0-only
"""XenoDisk: space for virtual disks on a partition, who may use them, and what outlives a boot."""
import itertools
import json
import os
import random
import time

import qemu
from cases import case
from qemu import Failure, Machine

# A command, and a part of the one line it is refused with. web is demo1's; xvda2 is mounted.
REFUSED = (
    ("xenctl disk init --force /dev/xvda2", "/dev/xvda2: domain 0 has mounted it (/mnt)"),
    ("xenctl disk init --force /dev/xvda1", "/dev/xvda1: demo1 uses it (xvda, rw)"),
    ("xenctl disk init /dev/xvda3", "there is an ext2, ext3 or ext4 file system on it"),
    ("xenctl vd create web 1M", "there is such a disk"),
    ("xenctl vd create huge 1T", "no room"),
    ("xenctl vd delete web", "demo1 uses it (xvda)"),
    ("xenctl vd import web /init", "demo1 uses it (xvda)"),
    ("xenctl vd export web /tmp/web", "demo1 writes to it"),
    ("xenctl vd attach web demo1 xvdd", "only readers may share a disk"),
    ("xenctl vd attach safe demo1 xvdc", "safe: it needs a key"),
    (f"xenctl vd attach safe demo1 xvdc --key {'0' * 32}", "this is not one of its keys"),
    ("xenctl vd attach nobody demo1 xvdc", "there is no virtual disk 'nobody'"),
    ("xenctl create -n demo1 disk=vd:safe,xvda,w", "disk[0]: safe: it needs a key"),
    ("xenctl create -n demo1 disk=vd:web,xvda,w", "disk[0]: vd:web: demo1 uses it (xvda, rw)"),
)


def refusals(host):
    """Each ends with one line that names what is wrong."""
    for command, part in REFUSED:
        status, said = host.run(command)
        if status != 1 or part not in said or len(said.strip().splitlines()) != 1:
            raise Failure(f"'{command}': {status}: {said.strip()[-200:]}")


def keys(host, disk):
    """The read-write and the read-only key."""
    told = json.loads(host.must(f"xenctl vd show {disk} --keys --json"))
    return told["rw_key"], told["ro_key"]


def states(host):
    """State by name, of all disks."""
    told = json.loads(host.must("xenctl vd list --json"))
    return {disk["name"]: disk["state"] for store in told for disk in store["disks"]}


def expect(what, found, wanted):
    """One comparison."""
    if found != wanted:
        raise Failure(f"{what}: {found}, not {wanted}")


def in_guest(host, guest, command, turn=itertools.count(100)):
    """What a command says in a guest's console, which shows what was said before, too."""
    here = next(turn)
    host.send(f"xenctl console {guest}\n")
    host.shell("guest")
    host.send(f"echo here-$(({here} + 0))\n")
    host.wait(f"^here-{here}$")
    host.prompt()
    said = host.must(command)
    host.send("\x1d")
    host.prompt()
    return said.strip()


def drive(path):
    """Arguments for a drive."""
    return ["-drive", f"if=none,id=d,format=raw,cache=unsafe,file={path}",
            "-device", "virtio-blk-pci,drive=d"]


def first_boot(host):
    """Makes a XenoDisk and disks, gives them to a guest, changes them."""
    host.must("printf 'label: gpt\\n,96M\\n,16M\\n,16M\\n' | sfdisk -q /dev/xvda")
    host.must("mkfs.ext4 -q /dev/xvda2 && mount /dev/xvda2 /mnt && mkfs.ext4 -q /dev/xvda3")
    host.must("xenctl disk init --chunk 1M /dev/xvda1")
    if "3DED92A1-CD26-468F-856B-32E68233E8D9" not in host.must("sfdisk -d /dev/xvda"):
        raise Failure("the partition does not have XenoDisk's type")
    host.must("xenctl vd create web 9M --owner alice --expires +30d && xenctl vd create data 5M")
    host.must("xenctl vd create safe 2M --keyed && xenctl vd create gone 3M")
    host.must("xenctl create demo1 disk=vd:web,xvda,w")
    host.must("xenctl vd attach data demo1 xvdb --ro")
    expect("sizes", in_guest(host, "demo1", "blockdev --getsz /dev/xvda; "
                             "blockdev --getsz /dev/xvdb").split(), ["18432", "10240"])
    in_guest(host, "demo1", "echo of demo1 | dd of=/dev/xvda bs=512 seek=18431 conv=fsync")
    refusals(host)
    read_write, read_only = keys(host, "safe")
    host.must(f"xenctl vd attach safe demo1 xvdc --ro --key {read_only}")
    host.must("xenctl vd detach safe demo1")
    host.must(f"xenctl vd attach {read_write} demo1 xvdc && xenctl vd detach safe demo1")
    host.must("xenctl vd resize data 20M")
    expect("size", in_guest(host, "demo1", "blockdev --getsz /dev/xvdb"), "40960")
    host.must("echo of safe >/tmp/safe")
    host.must(f"xenctl vd import safe /tmp/safe --key {read_write}")
    host.must("xenctl vd delete gone && xenctl vd config web /etc/xeno/demo1.cfg && sync")


def second_boot(host):
    """All is still there; the deleted comes back, until others need the room."""
    expect("states", states(host), {"web": "live", "data": "live", "safe": "live",
                                    "gone": "deleted"})
    if "there is a XenoDisk on it" not in host.run("xenctl disk init /dev/xvda1")[1]:
        raise Failure("a XenoDisk can be made of a XenoDisk")
    host.must("xenctl vd config web | cmp - /etc/xeno/demo1.cfg")
    said = host.must("xenctl vd export web - 2>/dev/null | tail -c 512 | head -c 9")
    expect("what demo1 wrote", said.strip(), "of demo1")
    read_only = keys(host, "safe")[1]
    said = host.must(f"xenctl vd export {read_only} - 2>/dev/null | head -c 8")
    expect("what was imported", said.strip(), "of safe")
    host.must("xenctl vd undelete gone && yes | xenctl vd import gone - ; xenctl vd delete gone")
    host.must("xenctl vd create late 55M")
    if host.must("xenctl vd export late - 2>/dev/null | tr -d '\\000' | wc -c").strip() != "0":
        raise Failure("a new disk shows what was on a deleted one")
    expect("states", states(host), {"web": "live", "data": "live", "safe": "live", "late": "live"})


def boots(name, parts):
    """Boots once for each part, with the same drive."""
    path = os.path.join(qemu.LOGS, f"{name.replace('/', '-')}.raw")
    os.makedirs(qemu.LOGS, exist_ok=True)
    with open(path, "wb") as file:
        file.truncate(192 << 20)
    for part in parts:
        with Machine(name, qemu.multiboot(), extra=drive(path)) as host:
            host.shell("dom0")
            part(host)


@case("disk-xenodisk")
def xenodisk(name):
    """Virtual disks: made, attached, keyed, grown in use, found again by the next boot."""
    def then_off(part):
        return lambda host: (part(host), host.power_off())
    boots(name, [then_off(first_boot), then_off(second_boot)])


CHANGES = ("while :; do xenctl vd create b 20M; xenctl vd resize b 30M; xenctl vd delete b; "
           "xenctl vd create c 150M; xenctl vd delete c; done >/dev/null 2>&1 & :")


def changes_until_killed(host):
    """QEMU ends without a warning in the middle of changes."""
    host.must(CHANGES)
    time.sleep(random.uniform(0.5, 4))


def still_whole(host):
    """What was there is there, and the catalogue can be changed."""
    said = host.must("xenctl vd export kept - 2>/dev/null | head -c 7")
    expect("what was imported", said.strip(), "of kept")
    host.must("xenctl vd create after 1M && xenctl vd delete after")
    if any(store["damage"] for store in json.loads(host.must("xenctl vd list --json"))):
        raise Failure("the catalogue stays damaged")


@case("disk-xenodisk-killed")
def killed(name):
    """QEMU is killed while virtual disks are made, grown and deleted."""
    def start(host):
        host.must("xenctl disk init --chunk 1M /dev/xvda && xenctl vd create kept 2M")
        host.must("echo of kept | xenctl vd import kept -")
        changes_until_killed(host)

    def again(host):
        still_whole(host)
        changes_until_killed(host)
    boots(name, [start, again, again, still_whole])
