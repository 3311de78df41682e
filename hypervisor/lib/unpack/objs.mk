# SPDX-License-Identifier: GPL-2.0-only
objs-y += $(addprefix lib/unpack/,unpack.o gzip.o xz.o zstd.o lz4.o)
