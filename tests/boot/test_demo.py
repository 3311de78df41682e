# SPDX-License-Identifier: GPL-2.0-only
"""The demo guests of the CD."""
import json
import time

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


def free_kib(machine):
    """Free memory of the machine, as xenctl info tells it."""
    return json.loads(machine.must("xenctl info --json"))["free_kib"]


def settles_at(machine, wanted, limit=30):
    """Wait until the free memory is back: a domain is taken apart in slices."""
    end = time.monotonic() + limit
    while (found := free_kib(machine)) != wanted:
        if time.monotonic() > end:
            raise Failure(f"{found} KiB free, {wanted} at the start")
        time.sleep(0.5)


@case("demo-again")
def again(name):
    """One of four destroyed and created 50 times: free memory ends where it began."""
    with Machine(name, qemu.multiboot(), limit=900) as machine:
        machine.shell("dom0")
        start = free_kib(machine)
        for guest in DEMOS:
            machine.must(f"xenctl create {guest}")
        # While they boot they take ports, entries and grant frames of the hypervisor's memory.
        for guest in DEMOS:
            on_console(machine, guest)
        four_up = free_kib(machine)
        loop = ("i=0; while [ $i -lt 50 ]; do xenctl destroy demo2 && xenctl create demo2 "
                "|| break; i=$((i + 1)); done; echo rounds $i")
        if "rounds 50" not in machine.must(loop, 600):
            raise Failure("demo2 could not be made again 50 times")
        on_console(machine, "demo2")
        settles_at(machine, four_up)
        for guest in DEMOS:
            machine.must(f"xenctl destroy {guest}")
        settles_at(machine, start)
        machine.power_off()


# What is wrong, and a command that does it.
MISTAKES = (
    ("no such file", "xenctl create /etc/xeno/nowhere.cfg"),
    ("no such kernel", "xenctl create demo1 kernel=/nowhere"),
    ("not a kernel", "xenctl create demo1 kernel=/etc/passwd"),
    ("no such ramdisk", "xenctl create demo1 ramdisk=/nowhere"),
    ("too little memory", "xenctl create demo1 memory=8"),
    ("too much memory", "xenctl create demo1 memory=1000000"),
    ("no processor", "xenctl create demo1 vcpus=0"),
    ("unknown key", "xenctl create demo1 colour=red"),
    ("duplicate name", "xenctl create demo2"),
    ("no such domain", "xenctl destroy nobody"),
)


@case("wrong-input")
def wrong_input(name):
    """Each mistake gets one line, and nothing of the attempt is left."""
    with Machine(name, qemu.multiboot()) as machine:
        machine.shell("dom0")
        machine.must("xenctl create demo2")
        on_console(machine, "demo2")
        start = free_kib(machine)
        for what, command in MISTAKES:
            status, output = machine.run(command)
            if not status:
                raise Failure(f"{what}: accepted")
            if len(output.strip().splitlines()) != 1:
                raise Failure(f"{what}: not one line but: {output.strip()[:120]}")
            settles_at(machine, start)
        machine.power_off()
