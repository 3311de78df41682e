# SPDX-License-Identifier: GPL-2.0-only
"""The demo guests of the CD."""
import http.client
import json
import os
import re
import socket
import time
import urllib.request

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


# What is typed, and a part of the one line it is refused with.
REFUSED = (
    ("xenctl demo nothing", "there is no demo 'nothing'; see xenctl demo"),
    ("xenctl demo stop nothing", "there is no demo 'nothing'; see xenctl demo"),
    ("xenctl demo disk", "disk: it needs a XenoDisk, and there is none; xenctl disk init DEVICE"),
    ("xenctl demo web", "web: it needs a network card that the hypervisor drives"),
    ("xenctl demo measure shell", "shell: it has no limits to be measured"),
    ("xenctl demo measure noisy --json", "noisy: it does not run"),
    ("xenctl demo start lost", "lost: there is no /etc/xeno/nowhere.cfg"),
    ("xenctl demo start broken", "a kernel that is not there: No such file"),
)


def listed(machine):
    """The demos by name."""
    return {demo["name"]: demo for demo in json.loads(machine.must("xenctl demo --json"))}


def domains(machine):
    """Names of the domains but domain 0, sorted."""
    told = json.loads(machine.must("xenctl list --json"))
    return sorted(domain["name"] for domain in told if domain["id"])


def expect(what, found, wanted):
    """One comparison."""
    if found != wanted:
        raise Failure(f"{what}: {found}, not {wanted}")


def add_demos(machine):
    """The user's own: one whose guest has no configuration, one whose second cannot start."""
    machine.must("sed 's/demo1/other/; s,/usr/lib/xeno/xenolinux,/a kernel that is not there,' "
                 "/etc/xeno/demo1.cfg >/etc/xeno/other.cfg")
    machine.must("printf '%s\\n' 'lost | nowhere | - | - | s | l' "
                 "'broken | demo1 other | - | - | a text | l' >>/etc/xeno/demos")


@case("demo-list")
def demo_list(name):
    """What is listed, started and stopped; what is refused leaves nothing; a bad line is named."""
    with Machine(name, qemu.multiboot()) as machine:
        machine.shell("dom0")
        add_demos(machine)
        demos = listed(machine)
        if "lost" in demos or not {"shell", "disk", "web", "noisy", "broken"} <= set(demos):
            raise Failure(f"listed are {' '.join(demos)}")
        expect("ready", [demos[demo]["ready"] for demo in ("shell", "disk", "web", "noisy")],
               [True, False, False, True])
        for command, part in REFUSED:
            status, said = machine.run(command)
            wrong = [line for line in said.splitlines() if line.startswith("xenctl: ")]
            if status != 1 or len(wrong) != 1 or part not in wrong[0]:
                raise Failure(f"'{command}': {status}: {said.strip()[-200:]}")
            expect(f"domains after '{command}'", domains(machine), [])
        machine.must("xenctl create demo2 && xenctl demo shell", 120)
        expect("started", domains(machine), list(DEMOS))
        expect("running", listed(machine)["shell"]["running"], True)
        machine.must("xenctl destroy demo3 && xenctl demo stop shell", 120)
        expect("stopped", domains(machine), [])
        expect("stop without guests", machine.must("xenctl demo stop").strip(), "0 guests ended")
        lines = int(machine.must("wc -l </etc/xeno/demos"))
        machine.must("echo 'demo | with | three' >>/etc/xeno/demos")
        status, said = machine.run("xenctl demo")
        if not status or f"/etc/xeno/demos:{lines + 1}: 3 fields, not 6" not in said:
            raise Failure(f"a bad line of the table: {status}: {said[:200]}")
        if not re.search("^shell .*four small guests", said, re.M):
            raise Failure("a bad line hides the good ones")
        machine.power_off()


def drive(name):
    """Arguments for an empty drive."""
    path = os.path.join(qemu.LOGS, f"{name.replace('/', '-')}.raw")
    os.makedirs(qemu.LOGS, exist_ok=True)
    with open(path, "wb") as file:
        file.truncate(192 << 20)
    return ["-drive", f"if=none,id=d,format=raw,cache=unsafe,file={path}",
            "-device", "virtio-blk-pci,drive=d"]


@case("demo-disk")
def demo_disk(name):
    """The demo makes its virtual disk where there is a XenoDisk, once; what is on it stays."""
    with Machine(name, qemu.multiboot(), cpus=1, extra=drive(name)) as machine:
        machine.shell("dom0")
        machine.must("xenctl disk init --chunk 4M /dev/xvda && xenctl demo disk", 120)
        machine.send("xenctl console demo-disk\n")
        machine.shell("guest")
        machine.must("echo mine >/root/kept && sync")
        machine.send("\x1d")
        machine.prompt()
        machine.must("xenctl demo stop disk", 120)
        expect("domains", domains(machine), [])
        machine.must("xenctl demo disk", 120)
        machine.send("xenctl console demo-disk\n")
        machine.shell("guest")
        expect("the file", machine.must("cat /root/kept").strip(), "mine")
        machine.send("\x1d")
        machine.prompt()
        machine.must("xenctl demo stop", 120)
        machine.power_off()


def free_port():
    """One of this machine that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def page(machine, port, limit=120):
    """The page behind a port of this machine, once its server has started."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
                return answer.read().decode()
        except (OSError, http.client.HTTPException):
            machine.must("sleep 1")
    raise Failure(f"no page within {limit} s")


@case("demo-web")
def demo_web(name):
    """With a card the demo serves its page to the world outside, until it is stopped."""
    port = free_port()
    card = ["-netdev", f"user,id=n,hostfwd=tcp:127.0.0.1:{port}-:8080",
            "-device", "virtio-net-pci,netdev=n,romfile="]
    with Machine(name, qemu.multiboot("nic"), cpus=1, extra=card) as machine:
        machine.shell("dom0")
        # Its message comes between a command and its output, or before the shell.
        machine.must("until ip -4 addr show eth0 | grep -q inet; do sleep 0.2; done; sleep 2", 120)
        expect("ready", listed(machine)["web"]["ready"], True)
        machine.must("xenctl demo web", 120)
        if "demo-web" not in page(machine, port):
            raise Failure("the page is not demo-web's")
        machine.must("xenctl demo stop web", 120)
        expect("domains", domains(machine), [])
        machine.power_off()


def limits_hold(figures, counters):
    """Of what was measured: the noisy one exceeds each limit only without it, the other has none
    and works both times."""
    calm, noisy = figures
    expect("guests", (calm["guest"], noisy["guest"]), ("demo-calm", "demo-noisy"))
    for counter, limit in counters.items():
        found = noisy[counter]
        expect(f"limit of {counter}", found["limit"], limit)
        if not found["before"] > limit * 1.1 >= found["after"] > 0:
            raise Failure(f"{counter} of the noisy one: {found}")
        if calm[counter]["limit"] or not (calm[counter]["before"] and calm[counter]["after"]):
            raise Failure(f"{counter} of the calm one: {calm[counter]}")


@case("demo-noisy")
def demo_noisy(name):
    """Limits of a guest's sending and disk, set while it runs, hold: as the demo's table has it,
    and by the figures. One that limits nothing is told."""
    with Machine(name, qemu.multiboot(), cpus=1, limit=600, extra=drive(name)) as machine:
        machine.shell("dom0")
        machine.must("xenctl disk init --chunk 4M /dev/xvda")
        said = machine.must("xenctl demo noisy", 240)
        held = re.findall("^demo-noisy .*: the limit holds$", said, re.M)
        if len(held) != 2 or not re.search(r"^demo-calm( +\d+){2} +-( +\d+){2} +-", said, re.M):
            raise Failure(f"the table: {said}")
        figures = json.loads(machine.must("xenctl demo measure noisy --json", 240))
        limits_hold(figures, {"sent_bytes": 25000, "disk_bytes": 1 << 20})
        # A limit beyond what it can move: the demo says so, and ends with a failure.
        machine.must("sed -i s/200kb/900Mb/ /etc/xeno/demos")
        status, said = machine.run("xenctl demo measure noisy", 240)
        if status != 1 or "which the limit of 112500 allows" not in said:
            raise Failure(f"a limit that is not reached: {status}: {said[-200:]}")
        machine.must("xenctl demo stop", 120)
        expect("domains", domains(machine), [])
        machine.power_off()
