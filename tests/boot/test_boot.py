# SPDX-License-Identifier: GPL-2.0-only
"""Every way the CD starts, on every kind of machine the README promises.

Each case boots to domain 0's shell, looks round with xenctl and powers off; QEMU has
to end by itself.
"""
import bz2
import os
import struct

import qemu
from cases import case
from qemu import Failure, Machine

DOWN = "\x1b[B"


def look_round(machine):
    """Domain 0 is up: the tool answers, and power off ends QEMU."""
    machine.shell("dom0")
    if "dom0" not in machine.must("cat /run/xeno/role"):
        raise Failure("the root does not know that this is domain 0")
    machine.must("xenctl list")
    machine.must("xenctl info")
    machine.power_off()


def boot(name, args, **how):
    """One machine from start to power off."""
    with Machine(name, args, **how) as machine:
        look_round(machine)


@case("plain-linux", "console=ttyS0")
def plain_linux(name, arguments):
    """The kernel and the root by themselves, on the bare machine."""
    with Machine(name, qemu.linux(arguments)) as machine:
        machine.shell("native")
        machine.must("test -c /dev/null")
        machine.power_off()


@case("boot-command")
def boot_command(name):
    """xeno.cmd on the boot line runs, shows its output and powers off."""
    command = 'echo six $((2 * 3)); false'
    with Machine(name, qemu.linux(f'console=ttyS0 xeno.cmd="{command}"')) as machine:
        machine.wait(r"^six 6$")
        machine.wait(r"^xeno: command exit 1$")
        machine.ended()


def from_menu(name, media, presses, role):
    """Choose a menu entry over the serial line."""
    with Machine(name, media) as machine:
        machine.wait("without the hypervisor")
        machine.send(DOWN * presses + "\r")
        machine.shell(role)
        machine.power_off()


@case("menu-isolinux-plain", 4, "native")
@case("menu-isolinux-serial", 1, "dom0")
def menu_isolinux(name, presses, role):
    """The BIOS menu works over the serial line."""
    from_menu(name, qemu.cd(), presses, role)


@case("menu-isolinux-safe")
def menu_safe(name):
    """Without ACPI a machine cannot switch itself off: it says so."""
    with Machine(name, qemu.cd()) as machine:
        machine.wait("without the hypervisor")
        machine.send(DOWN * 2 + "\r")
        machine.shell("dom0")
        machine.send("poweroff\n")
        machine.wait("the machine can be switched off now")


@case("menu-grub-plain", 4, "native")
def menu_grub(name, presses, role):
    """So does GRUB's on a BIOS."""
    from_menu(name, qemu.cd("xeno-grub.iso"), presses, role)


@case("menu-uefi-plain", 4, "native")
def menu_uefi(name, presses, role):
    """And on UEFI."""
    from_menu(name, qemu.ovmf() + qemu.cd(), presses, role)


@case("bios-isolinux-pc", "pc", 1)
@case("bios-isolinux-q35", "q35", 2)
def bios_isolinux(name, board, cpus):
    """The CD on a BIOS."""
    boot(name, qemu.cd(), machine=board, cpus=cpus)


@case("bios-grub")
def bios_grub(name):
    """GRUB on a BIOS: Multiboot 2 without UEFI."""
    boot(name, qemu.cd("xeno-grub.iso"))


@case("uefi-q35", 2)
@case("uefi-4cpus", 4)
def uefi(name, cpus):
    """The CD on UEFI."""
    boot(name, qemu.ovmf() + qemu.cd(), cpus=cpus)


@case("bios-usb-stick")
def usb_stick(name):
    """The same image on a USB stick."""
    boot(name, qemu.stick())


@case("cpus-1", 1)
@case("cpus-2", 2)
@case("cpus-4", 4)
def processors(name, cpus):
    """Numbers of processors; xenctl has to count them."""
    with Machine(name, qemu.multiboot(), cpus=cpus) as machine:
        machine.shell("dom0")
        found = machine.must("nproc").split()
        if found != [str(cpus)]:
            raise Failure(f"domain 0 sees {found} of {cpus} processors")
        machine.power_off()


@case("model-qemu64", "qemu64", False)
@case("model-skylake-client", "Skylake-Client", True)
@case("model-epyc", "EPYC", False)
@case("model-max", "max", False)
def models(name, model, split):
    """Processor models, split for Meltdown. TCG warns of what it lacks: harmless."""
    with Machine(name, qemu.multiboot(), cpu=model) as machine:
        look_round(machine)
        if ("split mode: this processor" in machine.text) != split:
            raise Failure(f"split mode is not {'on' if split else 'off'}")


@case("memory-512", 512)
@case("memory-8192", 8192)
def memory(name, size):
    """Small and large machines."""
    boot(name, qemu.multiboot(), memory=size)


@case("memory-cd-256")
def memory_cd(name):
    """The CD, whose kernel is unpacked in memory, where there is little of it."""
    boot(name, qemu.cd(), memory=256, cpus=1)


def bzimage(path, payload):
    """A kernel file with one setup sector, as the boot protocol has it, around a payload."""
    head = bytearray(1024)
    head[0x1f1] = 1
    head[0x202:0x208] = b"HdrS\x0f\x02"
    head[0x248:0x250] = struct.pack("<II", 0, len(payload))
    with open(path, "wb") as file:
        file.write(head + payload)
    return path


@case("kernel-bzip2", bz2.compress(bytes(range(256))) + struct.pack("<I", 256),
      "it is packed with bzip2, not gzip, xz, zstd or LZ4: start its vmlinux instead")
@case("kernel-damaged", b"\x02!L\x18" + bytes(200) + struct.pack("<I", 1000),
      "its packed image is damaged")
@case("kernel-script", None, "neither an ELF image nor a bzImage")
def kernel_refused(name, payload, why):
    """A kernel for domain 0 that cannot be unpacked: the hypervisor says why and what to do."""
    path = os.path.join(qemu.LOGS, name.replace("/", "-"))
    os.makedirs(qemu.LOGS, exist_ok=True)
    path = bzimage(path, payload) if payload else __file__
    with Machine(name, qemu.multiboot(kernel=path), cpus=1, memory=256) as machine:
        machine.wait(rf"panic: dom0: the kernel cannot be unpacked: {why}$")


@case("board-pc", "pc")
@case("board-q35", "q35")
def boards(name, board):
    """Both chipsets, without a boot loader."""
    boot(name, qemu.multiboot(), machine=board)


@case("split-1", 1)
@case("split-4", 4)
def split(name, cpus):
    """User mode on a page table of its own, forced."""
    boot(name, qemu.multiboot("split"), cpus=cpus)
