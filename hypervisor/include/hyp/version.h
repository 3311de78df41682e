/* SPDX-License-Identifier: GPL-2.0-only */
/* Who we are; hypervisor/Makefile defines both (version from git, date from SOURCE_DATE_EPOCH). */
#ifndef HYP_VERSION_H
#define HYP_VERSION_H

#ifndef XENO_VERSION
#define XENO_VERSION "unversioned"
#endif
#ifndef XENO_BUILD_DATE
#define XENO_BUILD_DATE "unknown date"
#endif
#define ENODATA 61

#endif
