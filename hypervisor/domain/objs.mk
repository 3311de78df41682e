# SPDX-License-Identifier: GPL-2.0-only
objs-y += domain/domain.o domain/vcpu.o domain/conring.o domain/debugkeys.o domain/control.o domain/elf.o domain/dom0_build.o
