# SPDX-License-Identifier: GPL-2.0-only
objs-y += dev/disk.o dev/e1000.o dev/nic.o dev/pci.o dev/ramdrive.o dev/virtio.o dev/virtio_blk.o \
	dev/virtio_net.o
