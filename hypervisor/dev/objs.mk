# SPDX-License-Identifier: GPL-2.0-only
objs-y += dev/disk.o dev/pci.o dev/ramdrive.o dev/virtio_blk.o
