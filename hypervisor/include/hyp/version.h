/* SPDX-License-Identifier: GPL-2.0-only */
/* Who we are (call/version.c): from git, and from SOURCE_DATE_EPOCH. */
#ifndef HYP_VERSION_H
#define HYP_VERSION_H

extern const char xeno_version[], xeno_build_date[];

#endif
