# SPDX-License-Identifier: GPL-2.0-only
"""What people see first: the boot menus, which are one, a session on the screen, the web demo in
a browser. Pictures are kept as build/pictures/NAME.png."""
import os
import re
import shutil
import subprocess
import tempfile

import qemu
from cases import case
from picture import PICTURES, picture
from qemu import Failure, Machine, Skipped
from test_net import card, fetch, free_port, lease

TITLES = ("Xeno live", "without the hypervisor")
ISO_LIMIT = 64 << 20


@case("picture-menu-isolinux", "menu-bios", "xeno.iso", list)
@case("picture-menu-uefi", "menu-uefi", "xeno.iso", qemu.ovmf)
def menu(name, picture_name, image, firmware):
    """The boot menu on the screen, held by a key."""
    with Machine(name, [*firmware(), *qemu.cd(image)], cpus=1, memory=512,
                 monitor=True) as machine:
        machine.wait("Xeno live")
        machine.monitor.keys("down")
        machine.wait("without the hypervisor")
        picture(machine, picture_name, TITLES)


@case("picture-console")
def console(name):
    """Domain 0 on the screen, with its keyboard: two guests in xenctl list."""
    with Machine(name, qemu.cd(), cpus=1, memory=512, monitor=True) as machine:
        machine.shell("dom0")
        machine.must("xenctl create demo1")
        machine.must("xenctl create demo2")
        machine.monitor.type("xenctl list\n")
        picture(machine, "console", ("What to type next", "demo1", "demo2"))
        machine.power_off()


def browse(url, path):
    """A browser's picture of a page."""
    program = shutil.which("chromium")
    if not program:
        raise Skipped("no browser: Debian's package chromium is not installed")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        told = subprocess.run(
            ["timeout", "-k", "5", "100", program, "--headless", "--no-sandbox", "--disable-gpu",
             "--disable-background-networking", "--disable-sync", f"--user-data-dir={folder}",
             "--hide-scrollbars", "--window-size=900,700", f"--screenshot={path}", url],
            capture_output=True, text=True, check=False)
    if told.returncode or not os.path.exists(path):
        raise Failure(f"chromium ended with {told.returncode}: {told.stderr.strip()[-200:]}")


@case("picture-web")
def web(name):
    """The web demo as a browser shows it."""
    if not shutil.which("chromium"):
        raise Skipped("no browser: Debian's package chromium is not installed")
    door = free_port()
    path = os.path.join(PICTURES, "web.png")
    if os.path.exists(path):
        os.remove(path)
    with Machine(name, qemu.multiboot("nic"), cpus=1, memory=512,
                 extra=card(port_8080=door)) as machine:
        machine.shell("dom0")
        lease(machine)
        machine.must("xenctl create demo-web")
        fetch(door, 120)
        browse(f"http://127.0.0.1:{door}/", path)
        machine.power_off()
    with open(path, "rb") as file:
        if len(file.read()) < 8 << 10:  # an empty page of this size takes 3 KiB
            raise Failure("pictures/web.png has next to nothing on it")


# Entries of a menu: [title, [hypervisor's or Linux's line, modules' lines...]].

def of_isolinux():
    """Its entries, in order."""
    with open(os.path.join(qemu.TOP, "iso/isolinux.cfg"), encoding="ascii") as file:
        for text in re.split(r"^label \w+\n", file.read(), flags=re.M)[1:]:
            said = dict(line.strip().split(" ", 1) for line in text.splitlines() if line.strip())
            title = said["menu"].removeprefix("label ")
            if said["kernel"] == "mboot.c32":
                yield [title, said["append"].split(" --- ")]
            else:
                yield [title, [f"{said['kernel']} {said['append']}", said["initrd"]]]


def of_grub():
    """Its entries, in order."""
    with open(os.path.join(qemu.TOP, "iso/grub.cfg"), encoding="ascii") as file:
        for title, body in re.findall(r'^menuentry "(.*?)".*?\{\n(.*?)^\}', file.read(),
                                      re.M | re.S):
            yield [title, [line.strip().split(" ", 1)[1] for line in body.splitlines()]]


@case("menus-alike")
def alike(_):
    """isolinux and GRUB offer the same entries, with the same lines, in the same order."""
    ours, theirs = list(of_isolinux()), list(of_grub())
    if len(ours) < 5:
        raise Failure(f"only {len(ours)} entries in iso/isolinux.cfg")
    for one, other in zip(ours, theirs):
        if one != other:
            raise Failure(f"isolinux has {one}, GRUB {other}")
    if len(ours) != len(theirs):
        raise Failure(f"{len(ours)} entries for isolinux, {len(theirs)} for GRUB")


@case("iso-size")
def iso_size(_):
    """The CD is smaller than 64 MiB."""
    size = os.path.getsize(qemu.built("xeno.iso"))
    if size >= ISO_LIMIT:
        raise Failure(f"build/xeno.iso has {size} bytes, {ISO_LIMIT} is too much")
