# SPDX-License-Identifier: GPL-2.0-only
#
# Xeno, from top to bottom. Two commands do everything, set-up included:
#   make run      build all of it and boot the CD in QEMU on this terminal
#   make check    build what is missing and run every test
#
# Each part has its own rules (hypervisor/, tools/, tests/*/) or script (mk/,
# rootfs/, iso/); this file only says what needs what. Results have fixed names
# under build/. V=1 shows commands, DEBUG=n builds the hypervisor without asserts.

O := $(CURDIR)/build
DEBUG ?= y
MEM ?= 1024
CPUS ?= 2
WEB ?= 8080
SSH ?= 2222
T ?=
V ?=
Q := $(if $(V),,@)
export V DEBUG O

# Dates inside what we build: the last commit's, unless the caller says.
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
export SOURCE_DATE_EPOCH

PATCHES := xenolinux-patches/config xenolinux-patches/series $(wildcard xenolinux-patches/*.patch)
OVERLAY := $(shell find rootfs -type f)
# Debian's, in domain 0: BusyBox makes and checks no ext4, and knows no GPT.
DISK_TOOLS := $(foreach t,mke2fs e2fsck resize2fs sfdisk,-p /usr/sbin/$(t)=/sbin/$(t)) \
	-l mke2fs=/sbin/mkfs.ext4 -l e2fsck=/sbin/fsck.ext4
SSH_TOOLS := -p /usr/sbin/dropbear=/sbin/dropbear -p /usr/bin/dropbearkey=/bin/dropbearkey
# The installer: its scripts, a dialog program with its terminals, GRUB's images, the hypervisor.
INSTALLER := $(filter-out installer/mk% installer/xeno-install,$(wildcard installer/*))
TERMINALS := v/vt100 v/vt220 x/xterm
INSTALL_TOOLS := -p installer/xeno-install=/usr/sbin/xeno-install -p /usr/bin/dialog=/usr/bin/dialog \
	$(foreach f,$(INSTALLER),-p $(f)=/usr/lib/xeno/$(f)) \
	-r build/terminal=/lib/terminfo/l/linux \
	$(foreach t,$(TERMINALS),-r /lib/terminfo/$(t)=/lib/terminfo/$(t)) \
	$(foreach f,boot.img core.img BOOTX64.EFI.xz,-r build/grub/$(f)=/usr/lib/xeno/grub/$(f)) \
	-r build/xeno.gz=/usr/lib/xeno/xeno.gz
TIME_TOOLS := -p /usr/sbin/ntpd=/sbin/ntpd -f build/timezones=/usr/lib/xeno/timezones
# Debian's installer of its own, which needs no Perl here: pkgdetails is ours.
KEYRING := /usr/share/keyrings/debian-archive-keyring.gpg
DEBOOTSTRAP := -p build/debootstrap=/usr/sbin/debootstrap -p /usr/bin/gpgv=/usr/bin/gpgv \
	$(foreach f,functions scripts/debian-common scripts/sid,-p \
		/usr/share/debootstrap/$(f)=/usr/share/debootstrap/$(f)) \
	$(foreach s,bullseye bookworm trixie forky stable testing unstable,-l \
		sid=/usr/share/debootstrap/scripts/$(s)) \
	-r $(KEYRING)=$(KEYRING)
GEN_CPIO := build/linux/obj/usr/gen_init_cpio

.PHONY: help all run iso check soak lint bench clean deps hypervisor kernel root tools FORCE
.DELETE_ON_ERROR:

help:
	@echo 'make run         build everything and boot the CD in QEMU on this terminal'
	@echo '                 (MEM=1024 MiB, CPUS=2; leave QEMU with Ctrl-a x; its ports 8080'
	@echo '                 and 22 are WEB=8080 and SSH=2222 here, or the next free ones)'
	@echo 'make check       build what is missing, run every test; T=PATTERN runs some'
	@echo 'make all         build everything: build/xeno.iso and its parts'
	@echo 'make iso hypervisor kernel root tools     build one part'
	@echo 'make soak        the long form of some of them, about an hour (ROUNDS=1)'
	@echo 'make lint        formatting, shell scripts, house rules'
	@echo 'make bench       measure against native Linux and the peer'
	@echo 'make deps        install the Debian packages all this needs (once)'
	@echo 'make clean       remove build/'
	@echo 'V=1 shows every command; DEBUG=n leaves the asserts out'

all: iso
iso: build/xeno.iso
hypervisor: build/xeno.gz
tools: build/xenctl
kernel: build/xenolinux.bz
root: build/dom0.img

deps:
	$(Q)mk/deps.sh

# The order-only prerequisite: packages first, whatever is built.
build/xeno.gz: FORCE | deps
	$(Q)$(MAKE) $(if $(V),,-s) --no-print-directory -C hypervisor all O=$(O) DEBUG=$(DEBUG)

build/xenctl: FORCE | deps
	$(Q)$(MAKE) $(if $(V),,-s) --no-print-directory -C tools all O=$(O)

build/diskkernel: build/xenctl ;

# BusyBox's chroot would start BusyBox's dpkg for dpkg; a path makes it the new root's.
build/debootstrap: Makefile | deps
	$(Q)sed 's|CHROOT_CMD="chroot \\"$$TARGET\\""|CHROOT_CMD="chroot \\"$$TARGET\\" /usr/bin/env"|' \
		/usr/sbin/debootstrap >$@
	$(Q)grep -q 'chroot .*/usr/bin/env"$$' $@

# The ELF image and the archive writer come with the bzImage.
build/xenolinux.bz: $(PATCHES) mk/kernel.sh | deps
	$(Q)mk/kernel.sh

build/xenolinux: build/xenolinux.bz ;

build/demo.img: $(OVERLAY) build/xenolinux.bz
	@echo '  ROOT    $@'
	$(Q)rootfs/build.sh -o $@ -c $(GEN_CPIO) rootfs/overlay

# The root of demo-disk, which moves to its disk: with the tools to make and check file systems.
build/demo-disk.img: $(OVERLAY) build/xenolinux.bz
	@echo '  ROOT    $@'
	$(Q)rootfs/build.sh -o $@ -c $(GEN_CPIO) $(DISK_TOOLS) rootfs/overlay

build/grub: installer/mkgrub.sh | deps
	@echo '  GRUB    $@'
	$(Q)installer/mkgrub.sh $@

build/terminal: installer/mkterm.sh | deps
	@echo '  TERM    $@'
	$(Q)installer/mkterm.sh $@

build/timezones: mk/timezones.sh | deps
	$(Q)mk/timezones.sh $@

build/dom0.img: $(OVERLAY) build/xenctl build/diskkernel build/debootstrap build/demo.img \
		build/demo-disk.img build/xenolinux.bz build/xeno.gz build/grub build/terminal \
		build/timezones $(INSTALLER) installer/xeno-install README.CD
	@echo '  ROOT    $@'
	$(Q)rootfs/build.sh -o $@ -c $(GEN_CPIO) -p build/xenctl=/usr/bin/xenctl \
		-p build/diskkernel=/usr/lib/xeno/diskkernel $(DEBOOTSTRAP) \
		$(DISK_TOOLS) $(SSH_TOOLS) $(INSTALL_TOOLS) $(TIME_TOOLS) \
		-r build/xenolinux.bz=/usr/lib/xeno/xenolinux \
		-r build/demo.img=/usr/lib/xeno/demo.img \
		-r build/demo-disk.img=/usr/lib/xeno/demo-disk.img -r README.CD=/README.CD \
		rootfs/overlay rootfs/dom0

CD := build/xeno.gz build/xenolinux.bz build/dom0.img README.CD

build/xeno.iso: $(CD) $(wildcard iso/*) | deps
	@echo '  ISO     $@'
	$(Q)iso/build.sh -o $@ $(CD)

# The same CD with GRUB on its BIOS side, for the tests.
build/xeno-grub.iso: $(CD) $(wildcard iso/*) | deps
	@echo '  ISO     $@'
	$(Q)iso/build.sh -g -o $@ $(CD)

# Debian's stock kernel, for the tests that boot it.
build/stock.img: mk/stock.sh build/xenolinux.bz | deps
	$(Q)mk/stock.sh

run: build/xeno.iso
	$(Q)MEM=$(MEM) CPUS=$(CPUS) WEB=$(WEB) SSH=$(SSH) mk/run.sh $<

check: build/xeno.iso build/xeno-grub.iso build/stock.img
	$(Q)tests/run '$(T)'

soak: build/xeno.iso build/xeno-grub.iso build/stock.img
	$(Q)tests/soak $(ROUNDS)

lint: | deps
	$(Q)tests/run '^lint/'

bench: build/xeno.iso
	$(Q)$(MAKE) $(if $(V),,-s) --no-print-directory -C tests/bench bench O=$(O)

clean:
	rm -rf build
