# SPDX-License-Identifier: GPL-2.0-only
"""The demo guests of the CD."""
import qemu
from cases import case
from qemu import Failure, Machine

DEMOS = ("demo1", "demo2", "demo3", "demo4")


def on_console(machine, guest):
    """Attach to a guest's console, check who answers, leave it again."""
    machine.send(f"xenctl console {guest}\n")
    machine.shell("guest")
    if guest not in machine.must("hostname"):
        raise Failure(f"this is not the console of {guest}")
    machine.send("\x1d")
    machine.prompt()


@case("demo-four")
def four(name):
    """Four guests at once, each on its own console, one powered off from inside."""
    with Machine(name, qemu.cd()) as machine:
        machine.shell("dom0")
        for guest in DEMOS:
            machine.must(f"xenctl create {guest}")
        for guest in DEMOS:
            on_console(machine, guest)
        listed = machine.must("xenctl list")
        missing = [guest for guest in DEMOS if guest not in listed]
        if missing:
            raise Failure(f"xenctl list does not show {' '.join(missing)}")
        machine.power_off()
