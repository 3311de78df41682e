objs-y += dev/disk.o dev/ramdrive.o
