# SPDX-License-Identifier: GPL-2.0-only
objs-y += dev/ata.o dev/ahci.o dev/ide.o dev/nvme.o dev/nvme_cmd.o
