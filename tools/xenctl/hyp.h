/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The way to the hypervisor: /dev/xen/privcmd. Hypercalls see only memory that is resident
 * and writable, so everything they touch goes through one locked buffer of this process.
 */
#ifndef XENCTL_HYP_H
#define XENCTL_HYP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <public/control.h>

#define HYP_DATA_BYTES 65536

/*
 * Opens the device; again after fork(). -1: a message was printed. All other calls exit
 * with that message when the device cannot be opened and was not before.
 */
int hyp_open(void);
/* The locked data buffer, HYP_DATA_BYTES; contents last until the next call below. */
void *hyp_data(void);

/* A control operation. 0 or a negative error number; OUT fields are in c. */
int hyp_control(struct xeno_control *c, enum xeno_control_op op, uint16_t domid);
/* DOMAIN_INFO of exactly this domain; -ESRCH when it is gone. */
int hyp_info(uint16_t domid, struct xeno_ctl_info *info);
/* One slice of a stream operation: up to len bytes into or out of buf; bytes moved or -Exxx. */
long hyp_stream(enum xeno_control_op op, uint16_t domid, uint64_t *pos, void *buf, size_t len);
/* Directory of a domain. READ: bytes stored (buf gets terminated); others 0; or -Exxx. */
long hyp_xs(enum xeno_control_op op, uint16_t domid, const char *path, void *buf, size_t len);
/* Until it is gone: 0; -EAGAIN after half a minute. */
int hyp_destroy(uint16_t domid);

/* --- drives and virtual block devices */
/* The drive with the lowest number >= nr. -ENOENT: there is none. */
int hyp_disk_info(uint32_t nr, struct xeno_ctl_disk_info *info);
/* u->extents and u->nr_extents are set from x and n. */
int hyp_vblk_set(uint16_t domid, struct xeno_ctl_vblk_set *u, const struct xeno_vblk_extent *x,
		 unsigned int n);
int hyp_vblk_remove(uint16_t domid, uint32_t dev, bool force);
/* The device with the lowest number >= dev; x: NULL, or room for XENO_VBLK_MAX_EXTENTS. */
int hyp_vblk_info(uint16_t domid, uint32_t dev, struct xeno_ctl_vblk_info *info,
		  struct xeno_vblk_extent *x);

/* --- for the builder */
/* M2P entries: frame mfns[i] becomes pseudo-physical first + i of domid. */
int hyp_set_m2p(uint16_t domid, const uint64_t *mfns, uint64_t first, uint64_t count);
int hyp_pin_l4(uint16_t domid, uint64_t mfn);
/* Maps up to HYP_MAP_FRAMES frames of a domain; NULL: *err is set to -Exxx. */
#define HYP_MAP_FRAMES 256
void *hyp_map(uint16_t domid, const uint64_t *mfns, size_t count, int *err);
void hyp_unmap(void *p, size_t count);

#endif
