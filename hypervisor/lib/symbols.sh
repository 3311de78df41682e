#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The symbol table of the image (x86/symbols.c): from `nm -n` on standard input to
# assembly. Functions only: offsets from the start of the image, and names.
set -eu

exec awk '
	$2 ~ /^[tT]$/ && $3 !~ /^(image_|tramp_start$)/ && $3 !~ /^\./ {
		n++
		value = value "\t.long " $3 "_sym_" n " - symbol_names\n"
		offset = offset "\t.long 0x" substr($1, 9) " - 0x200000\n"
		names = names $3 "_sym_" n ": .asciz \"" $3 "\"\n"
	}
	END {
		print "\t.section .symbols, \"a\"\n\t.balign 8"
		print "\t.globl symbol_count, symbol_offsets, symbol_name_at, symbol_names"
		print "symbol_count: .long " n + 0
		printf "symbol_offsets:\n%ssymbol_name_at:\n%ssymbol_names:\n%s\t.byte 0\n", offset, value, names
	}
'
