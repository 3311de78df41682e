objs-y += dev/ata.o dev/ahci.o dev/nvme.o dev/nvme_cmd.o
