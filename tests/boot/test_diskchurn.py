# SPDX-License-Identifier: GPL-2.0-only
"""Guests with disks, created and destroyed in a loop while they do what they can to their rings."""
import qemu
from cases import case
from churn import guests
from qemu import Machine
from test_demo import free_kib, settles_at
from test_disk import DRIVERS, drive, partition

ROUNDS = 6
WRITERS = [(kernel, "n=10000000 ms=100000",
            f"disk = ['phy:/dev/xvda{n},xvda,w', 'phy:/dev/xvda4,xvdb,r']")
           for n, kernel in enumerate(("disk_fuzz", "disk_race", "disk_fuzz"), 1)]


@case("disk-churn-virtio", "virtio", "")
@case("disk-churn-ahci", "ahci", "")
@case("disk-churn-nvme", "nvme", "")
@case("disk-churn-ide", "ide", "")
@case("disk-churn-slow", "virtio", ",throttling.iops-total=6")
def churn(name, driver, options):
    """No guest keeps its disk, its memory or the drive; domain 0's data stays what it is."""
    root = qemu.joined(f"{name.replace('/', '-')}.img", guests(name, WRITERS, ROUNDS),
                       "dom0.img")
    args = qemu.multiboot(xeno_args="dom0_mem=300M disk_timeout=2", root=root)
    with Machine(name, args, machine=DRIVERS[driver][0], limit=400,
                 extra=drive(name, 64 << 20, driver, options=options)) as host:
        host.shell("dom0", 300)
        partition(host, 4, 12)
        host.must("dd if=/dev/urandom of=/tmp/data bs=64k count=8 && "
                  "dd if=/tmp/data of=/dev/xvda4 bs=64k oflag=direct", 120)
        before = free_kib(host)
        host.must("sh /churn/loop", 300)
        settles_at(host, before)
        host.must("dd if=/dev/xvda4 bs=64k count=8 iflag=direct | cmp - /tmp/data", 120)
        host.power_off(200)
