# SPDX-License-Identifier: GPL-2.0-only
"""Guests with interfaces, created and destroyed in a loop while they do what they can to their
rings and to each other."""
import qemu
from cases import case
from churn import guests
from qemu import Machine
from test_demo import free_kib, settles_at

KERNELS = ("net_churn", "net_fuzz", "net_load")
OPTIONS = "n=10000000 ms=100000 kind=1"
ROUNDS = 8


def senders():
    """The three guests: each sends to the next."""
    for n, kernel in enumerate(KERNELS, 1):
        own, other = ((10 << 24) + 20 + 10 * one for one in (n, n % 3 + 1))
        yield (kernel, f"{OPTIONS} own={own} dst={other}",
               f"vif = ['ip=10.0.0.{20 + 10 * n}', 'ip=10.0.0.{21 + 10 * n}']")


@case("net-churn")
def churn(name):
    """No guest keeps an interface, its memory or what others need; domain 0 reaches the router."""
    root = qemu.joined(f"{name.replace('/', '-')}.img", guests(name, senders(), ROUNDS),
                       "dom0.img")
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
