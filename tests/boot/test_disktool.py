# SPDX-License-Identifier: GPL-2.0-only
"""xenctl's side of disks: what it lists, gives, takes back and refuses. Drives of memory."""
import json

import qemu
from cases import case
from qemu import Failure, Machine
from test_demo import on_console

CHECK = "xenctl create -n demo1 disk="

# A command, and a part of the one line it is refused with. xvda2 is mounted, xvdb is swap,
# xvda1 is demo1's.
REFUSED = (
    (f"{CHECK}phy:/dev/xvda9,xvda,w", "disk[0]: /dev/xvda9: No such file"),
    (f"{CHECK}phy:/dev/hvc0,xvda,w", "disk[0]: /dev/hvc0: not a block device"),
    (f"{CHECK}phy:/dev/loop0,xvda,w", "disk[0]: /dev/loop0: not on a drive of the hypervisor"),
    (f"{CHECK}phy:/dev/xvda2,xvda,w", "disk[0]: /dev/xvda2: domain 0 has mounted it (/mnt)"),
    (f"{CHECK}phy:/dev/xvda2,xvda,r", "disk[0]: /dev/xvda2: domain 0 has mounted it (/mnt)"),
    (f"{CHECK}phy:/dev/xvdb,xvda,w", "disk[0]: /dev/xvdb: domain 0 swaps to it (/dev/xvdb)"),
    (f"{CHECK}phy:/dev/xvda1,xvda,r", "disk[0]: /dev/xvda1: demo1 uses it (xvda, rw)"),
    (f"{CHECK}\"['phy:/dev/xvda4,xvda,w','phy:/dev/xvda4,xvdb,r']\"",
     "disk[1]: /dev/xvda4: disk[0] has the same sectors"),
    ("xenctl block-attach demo1 phy:/dev/xvda1,xvdb,w", "demo1 uses it (xvda, rw)"),
    ("xenctl block-attach demo1 phy:/dev/xvda4,xvda,w", "the domain has a disk of this name"),
    ("xenctl block-detach demo1 xvdq", "demo1 has no disk xvdq"),
    ("xenctl block-detach 0 xvda", "xvda is domain 0's view of a drive"),
)


def drives(host):
    """The drives as xenctl tells them, by name."""
    return {one["name"]: one for one in json.loads(host.must("xenctl disk list --json"))}


def disks(host, guest):
    """The disks of a guest, by name."""
    told = json.loads(host.must(f"xenctl block-list --json {guest}"))
    return {one["device"]: one for one in told}


def expect(what, found, wanted):
    """One comparison."""
    if found != wanted:
        raise Failure(f"{what}: {found}, not {wanted}")


def refusals(host):
    """Each ends with one line that names what is wrong."""
    for command, part in REFUSED:
        status, said = host.run(command)
        if status != 1 or part not in said or len(said.strip().splitlines()) != 1:
            raise Failure(f"'{command}': {status}: {said.strip()[-200:]}")


def use(host):
    """The guest writes to its xvda, and reads its xvdb."""
    host.send("xenctl console demo1\n")
    host.shell("guest")
    host.must("echo of demo1 | dd of=/dev/xvda conv=fsync && dd if=/dev/xvdb of=/dev/null")
    expect("xvdb", host.must("blockdev --getro /dev/xvdb").strip(), "1")
    host.send("\x1d")
    host.prompt()


@case("disk-tool")
def tool(name):
    """Partitions given to a guest at its start and later, changed, taken back, refused."""
    with Machine(name, qemu.multiboot(xeno_args="ramdrive=64M,32M")) as host:
        host.shell("dom0")
        host.must("printf 'label: dos\\n,20M\\n,20M\\n,8M\\n,2M\\n' | sfdisk -q /dev/xvda")
        host.must("mkfs.ext4 -q /dev/xvda2 && mount /dev/xvda2 /mnt")
        host.must("mkswap /dev/xvdb && swapon /dev/xvdb")
        host.must("xenctl create demo1 disk=phy:/dev/xvda1,xvda,w,weight=300")
        host.must("xenctl block-attach demo1 /dev/xvda3 format=raw vdev=xvdb access=r")
        use(host)
        refusals(host)
        host.must("xenctl block-set demo1 xvda iops=500 rate=1MiB")
        one = disks(host, "demo1")["xvda"]
        expect("limits", (one["weight"], one["iops"], one["rate"]), (300, 500, 1 << 20))
        expect("drives", sorted(drives(host)), ["xvda", "xvdb"])
        expect("users", [(u["domain"], u["device"], u["sectors"], u["read_only"])
                         for u in drives(host)["xvda"]["users"]],
               [("demo1", "xvda", 40960, False), ("demo1", "xvdb", 16384, True)])
        host.must("xenctl block-detach demo1 xvdb && xenctl block-detach -f demo1 xvda")
        expect("disks", disks(host, "demo1"), {})
        expect("what it wrote", host.must("head -c 9 /dev/xvda1"), "of demo1\n")
        host.power_off()


@case("disk-restart")
def restart(name):
    """A guest that reboots has its disks again; one without its disk is not made at all."""
    with Machine(name, qemu.multiboot(xeno_args="ramdrive=32M")) as host:
        host.shell("dom0")
        host.must("xenctl create demo1 disk=phy:/dev/xvda,xvda,w")
        on_console(host, "demo1")
        host.must("xenctl reboot demo1")
        host.must("until xenctl list 2 | grep -q demo1; do sleep 1; done", 90)
        on_console(host, "demo1")
        expect("disk", disks(host, "demo1")["xvda"]["state"], "connected")
        if not host.run("xenctl create demo2 disk=phy:/dev/xvda,xvda,w")[0]:
            raise Failure("two guests write to the same drive")
        if "demo2" in host.must("xenctl list"):
            raise Failure("a guest without its disk was left behind")
        host.power_off()
