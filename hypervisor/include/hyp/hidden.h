/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Included before everything else (Makefile): what other files define is in the same
 * image, so the compiler addresses it directly and not through a table of addresses.
 */
#pragma GCC visibility push(hidden)
