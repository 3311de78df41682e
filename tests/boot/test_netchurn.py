# SPDX-License-Identifier: GPL-2.0-only
"""Guests with interfaces, created and destroyed in a loop while they do what they can to their
rings and to each other."""
import os
import subprocess

import qemu
from cases import case
from qemu import Machine
from test_demo import free_kib, settles_at
from test_disk import archive

KERNELS = ("net_churn", "net_fuzz", "net_load")
OPTIONS = "n=10000000 ms=100000 kind=1"
ROUNDS = 8
LOOP = """n=0
while [ $n -lt {rounds} ]; do
	for g in 1 2 3; do xenctl create /churn/$g.cfg || exit 1; done
	usleep $((n * 7919 % 10 * 60000 + 20000))
	for g in 2 1 3; do xenctl destroy g$g || exit 1; done
	n=$((n + 1))
done >/dev/null
"""


def guests(name):
    """Path of an archive with the kernels and a configuration for each of three guests, each of
    which sends to the next."""
    plain = name.replace("/", "-")
    folder = os.path.join(qemu.LOGS, plain + "-churn.in")
    os.makedirs(folder, exist_ok=True)
    texts, files = {"loop": LOOP.format(rounds=ROUNDS)}, {}
    for n, kernel in enumerate(KERNELS, 1):
        path = os.path.join(qemu.BUILD, "tests/guest", kernel + ".elf")
        subprocess.run(["make", "-s", "-C", os.path.join(qemu.TOP, "tests/guest"),
                        f"O={qemu.BUILD}", path], check=True)
        files[f"churn/{kernel}.elf"] = path
        own, other = ((10 << 24) + 20 + 10 * one for one in (n, n % 3 + 1))
        texts[f"{n}.cfg"] = (
            f"name = 'g{n}'\nkernel = '/churn/{kernel}.elf'\nmemory = 24\nvcpus = 2\n"
            f"extra = '{OPTIONS} own={own} dst={other}'\n"
            f"vif = ['ip=10.0.0.{20 + 10 * n}', 'ip=10.0.0.{21 + 10 * n}']\n")
    for file, text in texts.items():
        files[f"churn/{file}"] = os.path.join(folder, file)
        with open(files[f"churn/{file}"], "w", encoding="ascii") as out:
            out.write(text)
    return archive(plain + "-churn", files)


@case("net-churn")
def churn(name):
    """No guest keeps an interface, its memory or what others need; domain 0 reaches the router."""
    root = qemu.joined(f"{name.replace('/', '-')}.img", guests(name), "dom0.img")
    with Machine(name, qemu.multiboot(xeno_args="dom0_mem=300M", root=root), limit=400) as host:
        host.shell("dom0", 300)
        host.must("ping -c 1 -W 5 10.0.0.1")
        # The first time something grows that does not shrink: domain 0's own tables.
        host.must("xenctl create /churn/3.cfg && sleep 1 && xenctl destroy g3", 60)
        host.must("sleep 3")
        before = free_kib(host)
        host.must("sh /churn/loop", 300)
        settles_at(host, before)
        host.must("ping -c 2 -W 5 10.0.0.1")
        host.power_off(200)
