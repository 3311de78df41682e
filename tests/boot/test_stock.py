# SPDX-License-Identifier: GPL-2.0-only
"""Debian's stock kernel, as it comes: domain 0 and guests."""
import qemu
from cases import case
from qemu import Failure, Machine


def with_stock(name, kernel="xenolinux", linux_args="console=hvc0", **how):
    """A machine whose domain 0 has the stock kernel's modules and image at hand."""
    root = qemu.joined(f"{name.replace('/', '-')}.img", "stock.img", "dom0.img")
    return Machine(name, qemu.multiboot(linux_args=linux_args, kernel=kernel, root=root), **how)


@case("stock-dom0-1cpu", 1)
@case("stock-dom0-2cpus", 2)
def stock_dom0(name, cpus):
    """Domain 0 on the stock kernel, with the same root."""
    with with_stock(name, kernel="stock/vmlinux", cpus=cpus) as machine:
        machine.shell("dom0")
        if "-amd64" not in machine.must("uname -r"):
            raise Failure("this is not the stock kernel")
        machine.must("xenctl list")
        machine.power_off()


@case("stock-guest-1vcpu", 1)
@case("stock-guest-2vcpus", 2)
def stock_guest(name, vcpus):
    """A guest on the stock kernel, started from its bzImage."""
    with with_stock(name, cpus=2) as machine:
        machine.shell("dom0")
        machine.must("xenctl create demo1 kernel=/usr/lib/xeno/stock memory=192 "
                     f"vcpus={vcpus}", 120)
        machine.send("xenctl console demo1\n")
        machine.shell("guest")
        if machine.must("nproc").split() != [str(vcpus)]:
            raise Failure("the guest does not see its processors")
        machine.send("\x1d")
        machine.prompt()
        machine.must("xenctl destroy demo1")
        machine.power_off()
