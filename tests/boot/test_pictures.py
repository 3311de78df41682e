# SPDX-License-Identifier: GPL-2.0-only
"""Pictures of what people see: the boot menu, a session on the screen, the web demo."""
import qemu
from cases import case
from picture import picture
from qemu import Machine

TITLES = ("Xeno live", "without the hypervisor")


@case("picture-menu-isolinux", "menu-bios", "xeno.iso", ())
@case("picture-menu-uefi", "menu-uefi", "xeno.iso", qemu.ovmf())
def menu(name, picture_name, image, firmware):
    """The boot menu on the screen, held by a key."""
    with Machine(name, [*firmware, *qemu.cd(image)], cpus=1, memory=512, monitor=True) as machine:
        machine.wait("without the hypervisor")
        machine.monitor.keys("down")
        picture(machine, picture_name, TITLES)
