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

/*
 * A kind of device that domains have: how one is taken away, and whether it is there (0; -ENOENT:
 * it is not). Both return 0 or -Exxx.
 */
struct hyp_kind {
	int (*remove)(uint16_t domid, uint32_t nr, bool force);
	int (*ask)(uint16_t domid, uint32_t nr);
};
/* Takes it, and waits until it is gone. -EBUSY: its domain has not let go of it in HYP_WAIT_S. */
#define HYP_WAIT_S 15
int hyp_detach(const struct hyp_kind *kind, uint16_t domid, uint32_t nr, bool force);
extern const struct hyp_kind hyp_disks, hyp_vifs;

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

/* --- interfaces and rules of the network: as public/vnet.h says */
int hyp_vnet_set(uint16_t domid, const struct xeno_ctl_vnet_set *u);
int hyp_vnet_remove(uint16_t domid, uint32_t handle, bool force);
/* The interface with the lowest number >= handle. */
int hyp_vnet_info(uint16_t domid, uint32_t handle, struct xeno_ctl_vnet_info *info);
/* The card with the lowest number >= nr. */
int hyp_vnet_nic_info(uint32_t nr, struct xeno_ctl_vnet_nic *nic);
int hyp_vnet_nic_set(uint32_t nr, uint32_t addr);
int hyp_vnet_refusals(uint32_t iface, uint32_t reason, struct xeno_ctl_vnet_refusals *r);
/* Puts a list in place; *bad: XENO_VNET_GOOD, or the element that was refused. */
int hyp_vnet_list_set(enum xeno_vnet_list list, const void *elements, size_t size, uint32_t nr,
		      uint32_t *bad);
/*
 * Reads a whole list of elements of size bytes; malloc'ed, *nr of them. CONNS may change
 * meanwhile: what is there is shown at most once.
 */
int hyp_vnet_list_get(enum xeno_vnet_list list, size_t size, void **elements, uint32_t *nr);
/* Up to nr events; *nr: taken. */
#define HYP_VNET_EVENTS 85
int hyp_vnet_events(struct xeno_vnet_event *events, uint32_t *nr, uint64_t *lost);
int hyp_vnet_capture_start(uint32_t iface, uint32_t snap);
int hyp_vnet_capture_stop(void);
/* Records in hyp_data(), *len bytes; 0: nothing new. */
int hyp_vnet_capture_read(uint32_t *len, uint64_t *lost);
int hyp_vnet_explain(struct xeno_ctl_vnet_explain *e);

/* --- for the builder */
/* M2P entries: frame mfns[i] becomes pseudo-physical first + i of domid. */
int hyp_set_m2p(uint16_t domid, const uint64_t *mfns, uint64_t first, uint64_t count);
int hyp_pin_l4(uint16_t domid, uint64_t mfn);
/* Maps up to HYP_MAP_FRAMES frames of a domain; NULL: *err is set to -Exxx. */
#define HYP_MAP_FRAMES 256
void *hyp_map(uint16_t domid, const uint64_t *mfns, size_t count, int *err);
void hyp_unmap(void *p, size_t count);

#endif
