# SPDX-License-Identifier: GPL-2.0-only
"""Guests with disks, created and destroyed in a loop while they do what they can to their rings."""
import os
import subprocess

import qemu
from cases import case
from qemu import Machine
from test_demo import free_kib, settles_at
from test_disk import DRIVERS, archive, drive, partition

KERNELS = ("disk_race", "disk_fuzz")
ROUNDS = 6
LOOP = """n=0
while [ $n -lt {rounds} ]; do
	for g in 1 2 3; do xenctl create /churn/$g.cfg || exit 1; done
	usleep $((n * 7919 % 10 * 60000 + 20000))
	for g in 2 1 3; do xenctl destroy g$g || exit 1; done
	n=$((n + 1))
done >/dev/null
"""


def guests(name):
    """Path of an archive with the kernels and a configuration for each of three guests."""
    folder = os.path.join(qemu.LOGS, f"{name.replace('/', '-')}-churn.in")
    os.makedirs(folder, exist_ok=True)
    files = {}
    for kernel in KERNELS:
        path = os.path.join(qemu.BUILD, "tests/guest", kernel + ".elf")
        subprocess.run(["make", "-s", "-C", os.path.join(qemu.TOP, "tests/guest"),
                        f"O={qemu.BUILD}", path], check=True)
        files[f"churn/{kernel}.elf"] = path
    texts = {f"{n}.cfg": f"name = 'g{n}'\nkernel = '/churn/{KERNELS[n % 2]}.elf'\nmemory = 24\n"
                         "vcpus = 2\nextra = 'n=10000000 ms=100000'\n"
                         f"disk = ['phy:/dev/xvda{n},xvda,w', 'phy:/dev/xvda4,xvdb,r']\n"
             for n in (1, 2, 3)}
    texts["loop"] = LOOP.format(rounds=ROUNDS)
    for file, text in texts.items():
        files[f"churn/{file}"] = os.path.join(folder, file)
        with open(files[f"churn/{file}"], "w", encoding="ascii") as out:
            out.write(text)
    return archive(f"{name.replace('/', '-')}-churn", files)


@case("disk-churn-virtio", "virtio", "")
@case("disk-churn-ahci", "ahci", "")
@case("disk-churn-nvme", "nvme", "")
@case("disk-churn-ide", "ide", "")
@case("disk-churn-slow", "virtio", ",throttling.iops-total=6")
def churn(name, driver, options):
    """No guest keeps its disk, its memory or the drive; domain 0's data stays what it is."""
    root = qemu.joined(f"{name.replace('/', '-')}.img", guests(name), "dom0.img")
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
