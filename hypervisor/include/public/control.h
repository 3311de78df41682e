/* SPDX-License-Identifier: MIT */
/*
 * The control ABI of Xeno: how domain 0's tools make, watch and end domains.
 *
 *	__HYPERVISOR_xeno_control(struct xeno_control *c)
 *
 * Domain 0 only (-EPERM). Tools issue it through /dev/xen/privcmd. The structure
 * and every buffer it points to must be resident. Fields are IN, OUT or IN OUT;
 * unused fields and padding are zero (-EINVAL); OUT fields are written on success
 * only, unless said otherwise. Errors of every operation: -EFAULT, -ENOSYS unknown
 * op, -EOPNOTSUPP version differs (c->version is OUT then), and with a target
 * -ESRCH no such domain. On a dying domain only DOMAIN_INFO, DOMAIN_DESTROY,
 * CONSOLE_READ, XS_READ, XS_LIST, CONFIG_GET, VBLK_INFO and VNET_INFO work; the rest answer
 * -ESRCH.
 *
 * Long work comes in slices: an operation returns after a bounded piece and the
 * caller calls again (DOMAIN_DESTROY, MEM_POPULATE, the buffer operations).
 *
 * Done with the standard interface, by domain 0 with the target's number: mapping
 * its frames (mmu_update; privcmd's mmap), its M2P entries (MMU_MACHPHYS_UPDATE),
 * pinning (mmuext_op), forcing a shutdown code (SCHEDOP_remote_shutdown). A polite
 * shutdown request is "poweroff" or "reboot" written to control/shutdown (XS_WRITE).
 */
#ifndef XENO_PUBLIC_CONTROL_H
#define XENO_PUBLIC_CONTROL_H

#include "xen.h"
#include "vnet.h"

#define XENO_CONTROL_VERSION 1

#define XENO_NAME_MAX 64 /* bytes with the terminating NUL */
#define XENO_DEATH_MAX 128
#define XENO_XS_PATH_MAX 256
#define XENO_CONFIG_MAX 16384
#define XENO_BUF_SLICE 4096 /* most bytes a buffer operation moves per call */

/* Operations. T: c->domid names the target. */
enum xeno_control_op {
	XENO_CTL_DOMAIN_CREATE,	   /* u.create */
	XENO_CTL_DOMAIN_DESTROY,   /* T */
	XENO_CTL_DOMAIN_PAUSE,	   /* T */
	XENO_CTL_DOMAIN_UNPAUSE,   /* T */
	XENO_CTL_DOMAIN_INFO,	   /* T, or the next above: u.info */
	XENO_CTL_DOMAIN_SETUP,	   /* T: u.setup */
	XENO_CTL_MEM_POPULATE,	   /* T: u.populate */
	XENO_CTL_VCPU_SET_CONTEXT, /* T: u.vcpu_context */
	XENO_CTL_VCPU_GET_CONTEXT, /* T: u.vcpu_context */
	XENO_CTL_VCPU_INFO,	   /* T: u.vcpu_info */
	XENO_CTL_VCPU_AFFINITY,	   /* T: u.affinity */
	XENO_CTL_CONSOLE_READ,	   /* T: u.stream */
	XENO_CTL_CONSOLE_WRITE,	   /* T: u.stream */
	XENO_CTL_LOG_READ,	   /* u.stream */
	XENO_CTL_XS_READ,	   /* T: u.xs */
	XENO_CTL_XS_WRITE,	   /* T: u.xs */
	XENO_CTL_XS_RM,		   /* T: u.xs */
	XENO_CTL_XS_LIST,	   /* T: u.xs */
	XENO_CTL_CONFIG_SET,	   /* T: u.stream */
	XENO_CTL_CONFIG_GET,	   /* T: u.stream */
	XENO_CTL_PHYS_INFO,	   /* u.phys */
	XENO_CTL_SCHED_GET,	   /* T: u.sched */
	XENO_CTL_SCHED_SET,	   /* T: u.sched */
	XENO_CTL_DEBUG_KEY,	   /* u.key */
	XENO_CTL_DISK_INFO,	   /* u.disk */
	XENO_CTL_VBLK_SET,	   /* T: u.vblk_set */
	XENO_CTL_VBLK_REMOVE,	   /* T: u.vblk_remove */
	XENO_CTL_VBLK_INFO,	   /* T: u.vblk_info */
	XENO_CTL_VNET_SET,	   /* T: u.vnet_set; this and the following: vnet.h */
	XENO_CTL_VNET_REMOVE,	   /* T: u.vnet_remove */
	XENO_CTL_VNET_INFO,	   /* T: u.vnet_info */
	XENO_CTL_VNET_NIC_INFO,	   /* u.vnet_nic */
	XENO_CTL_VNET_NIC_SET,	   /* u.vnet_nic */
	XENO_CTL_VNET_REFUSALS,	   /* u.vnet_refusals */
	XENO_CTL_VNET_LIST_GET,	   /* u.vnet_list */
	XENO_CTL_VNET_LIST_SET,	   /* u.vnet_list */
	XENO_CTL_VNET_EVENTS,	   /* u.vnet_events */
	XENO_CTL_VNET_CAPTURE,	   /* u.vnet_capture */
	XENO_CTL_VNET_EXPLAIN,	   /* u.vnet_explain */
	XENO_CTL_NR_OPS,
};

/*
 * DOMAIN_CREATE: makes an empty domain, paused by the tools, with its console and
 * directory but no memory. c->domid OUT: its number (never 0).
 * -EINVAL max_vcpus not 1..XEN_LEGACY_MAX_VCPUS, max_pages 0, a name that is empty,
 * not terminated, all digits or has bytes outside [A-Za-z0-9_.+-], unknown flags;
 * -EEXIST the name is in use; -ENOMEM; -ENOSPC no domain number is free.
 */
#define XENO_CREATE_SPLIT 0x1 /* user mode gets its own root (DESIGN section 4) */
struct xeno_ctl_create {
	uint32_t flags;		  /* IN: XENO_CREATE_* */
	uint32_t max_vcpus;	  /* IN: all are created, and all but set ones stay down */
	uint64_t max_pages;	  /* IN: limit of its memory, in 4 KiB frames */
	uint8_t uuid[16];	  /* IN */
	char name[XENO_NAME_MAX]; /* IN */
};

/*
 * DOMAIN_DESTROY: ends the domain and does a slice of the teardown. -EAGAIN until
 * done; then 0, and the next call answers -ESRCH. -EPERM for domain 0.
 * DOMAIN_PAUSE, DOMAIN_UNPAUSE: -EALREADY when the tools have (not) paused it;
 * -EPERM to pause domain 0. The first UNPAUSE ends the building: MEM_POPULATE and
 * VCPU_SET_CONTEXT answer -EBUSY from then on.
 */

/* DOMAIN_INFO: the domain with the lowest number >= c->domid; c->domid OUT. -ESRCH: there is none. */
#define XENO_DOMF_BUILDING 0x01 /* never unpaused */
#define XENO_DOMF_RUNNING 0x02	/* a VCPU is on a CPU now */
#define XENO_DOMF_BLOCKED 0x04	/* every VCPU that is up waits for an event */
#define XENO_DOMF_PAUSED 0x08	/* by the tools */
#define XENO_DOMF_SHUTDOWN 0x10 /* it stopped itself or was killed: shutdown_code */
#define XENO_DOMF_DYING 0x20	/* being torn down */
#define XENO_DOMF_CRASHED 0x40	/* with SHUTDOWN: death says why */
#define XENO_DOMF_DOM0 0x80
#define XENO_DOMF_SPLIT 0x100
struct xeno_ctl_info {		/* all OUT */
	uint32_t flags;		/* XENO_DOMF_* */
	uint32_t shutdown_code; /* SHUTDOWN_* */
	uint32_t max_vcpus, online_vcpus;
	uint64_t tot_pages, max_pages;
	uint64_t cpu_time_ns; /* of all VCPUs */
	uint8_t uuid[16];
	char name[XENO_NAME_MAX];
	char death[XENO_DEATH_MAX]; /* first reason given, empty = none */
};

/*
 * DOMAIN_SETUP: the pages the hypervisor made for the domain. The builder gives
 * the console and xenstore frames a place in the p2m list and their M2P entries;
 * they are not counted in tot_pages and the domain may map them writable. In
 * shared_info, upcalls of every VCPU are masked.
 */
struct xeno_ctl_setup { /* all OUT */
	uint64_t shared_info_mfn;
	uint64_t console_mfn, xenstore_mfn;
	uint32_t console_port, xenstore_port; /* the domain's ends of the channels */
};

/*
 * MEM_POPULATE: allocates zeroed frames to a domain being built. Stores their
 * numbers at mfns[0..done-1]. done may be less than count: call again with the
 * rest. -ENOMEM none is free or max_pages is reached (nothing allocated by this call).
 */
struct xeno_ctl_populate {
	uint64_t count; /* IN: > 0 */
	uint64_t mfns;	/* IN: address of uint64_t[count] */
	uint64_t done;	/* OUT */
};

/*
 * VCPU_SET_CONTEXT: start state of a VCPU that is down, in a domain being built;
 * it is up afterwards when VGCF_online is set. The roots must be validated (pinned)
 * L4 tables. VCPU_GET_CONTEXT: the domain must be paused by the tools or shut down
 * (-EBUSY). -ENOENT no such VCPU; -EINVAL the context is refused.
 */
struct xeno_ctl_vcpu_context {
	uint32_t vcpu; /* IN */
	uint32_t pad;
	uint64_t context; /* IN: address of struct vcpu_guest_context */
};

/* VCPU_INFO: -ENOENT no such VCPU. */
#define XENO_VCPUF_ONLINE 0x1
#define XENO_VCPUF_BLOCKED 0x2
#define XENO_VCPUF_RUNNING 0x4
struct xeno_ctl_vcpu_info {
	uint32_t vcpu;	/* IN */
	uint32_t flags; /* OUT: XENO_VCPUF_* */
	uint32_t cpu;	/* OUT: where it runs or ran last */
	uint32_t pad;
	uint64_t cpu_time_ns; /* OUT */
	uint64_t affinity;    /* OUT: bit n: may run on CPU n */
};

/* VCPU_AFFINITY: -EINVAL when no CPU of the mask is up; -ENOENT no such VCPU. */
struct xeno_ctl_affinity {
	uint32_t vcpu; /* IN */
	uint32_t pad;
	uint64_t mask; /* IN */
};

/*
 * Byte streams; a call moves at most XENO_BUF_SLICE bytes, done tells how many.
 * CONSOLE_READ, LOG_READ: everything ever printed is numbered from 0; reads from pos,
 * or from the oldest byte still kept when that is gone; pos moves behind the last
 * byte read. done 0: nothing new. CONSOLE_WRITE: pos is unused; done 0: ring full.
 * CONFIG_SET: len bytes become the configuration kept with the domain, replacing the
 * old one; pos 0, one call, len <= XENO_CONFIG_MAX (-E2BIG), 0 removes it, -ENOMEM.
 * CONFIG_GET: reads from pos; done 0: end.
 */
struct xeno_ctl_stream {
	uint64_t pos;  /* IN OUT */
	uint64_t addr; /* IN: the caller's buffer */
	uint64_t len;  /* IN: its size */
	uint64_t done; /* OUT */
};

/*
 * The domain's device directory. path is absolute ("/control/shutdown" of the target)
 * and terminated. READ: the value, not terminated; done: its full length, of
 * which min(len, done) bytes are stored. WRITE: creates parents; done unused.
 * RM: with all below; -EACCES the root. LIST: names of the children, each with its
 * NUL; done as for READ. -ENOENT, -EINVAL bad path, -E2BIG value above
 * XENO_BUF_SLICE, -ENOSPC the domain's quota, -ENOMEM.
 */
struct xeno_ctl_xs {
	uint64_t addr;		     /* IN: READ, LIST: buffer; WRITE: value */
	uint64_t len;		     /* IN */
	uint64_t done;		     /* OUT */
	char path[XENO_XS_PATH_MAX]; /* IN */
};

struct xeno_ctl_phys {			  /* all OUT */
	uint64_t total_pages, free_pages; /* 4 KiB frames; free: given to nobody */
	uint64_t uptime_ns;
	uint64_t tsc_khz;
	uint32_t nr_cpus, nr_domains; /* domain 0 counts */
	char version[64];	      /* of the hypervisor, with its build date */
	char scheduler[16];
	char cmdline[256]; /* cut when longer; whole: XENVER_commandline */
};

/*
 * Scheduling parameters of a domain. GET: of the scheduler in use, the others are 0.
 * SET: -EINVAL a value the scheduler cannot use; parameters of other schedulers must be 0.
 */
struct xeno_ctl_sched {
	char name[16];	 /* GET: OUT; SET: IN, -ENOENT when it is not the one in use */
	uint32_t weight; /* bvt, rr: share, 1..65535, default 256 */
	uint32_t extra;	 /* atropos: 1 = may use idle time */
	uint64_t warp_ns, warp_limit_ns, unwarp_ns; /* bvt */
	uint64_t period_ns, slice_ns, latency_ns;   /* atropos */
};

/* DEBUG_KEY: as if key were typed at the machine console in hypervisor mode. -EINVAL: no such key. */
struct xeno_ctl_key {
	uint32_t key; /* IN: a character */
};

/*
 * Drives and virtual block devices (report section 3.5). Sectors are of 512 bytes everywhere.
 *
 * DISK_INFO: the drive with the lowest number >= drive. -ENOENT: there is none. Drives are
 * numbered from 0 in the order in which they were found, and never go away.
 */
#define XENO_DISKF_READ_ONLY 0x1
#define XENO_DISKF_CDROM 0x2
#define XENO_DISKF_ROTATIONAL 0x4
#define XENO_DISKF_FLUSH                                                                           \
	0x8 /* has a cache that can be flushed; without it writes are stable at once */
#define XENO_DISKF_DISCARD 0x10
#define XENO_DISKF_DEAD 0x20 /* could not be reset: every request fails */
struct xeno_ctl_disk_info {
	uint32_t drive; /* IN OUT */
	uint32_t flags; /* the rest is OUT: XENO_DISKF_* */
	uint64_t sectors;
	uint32_t block_size;				       /* bytes: its unit of requests */
	uint32_t depth;					       /* requests it takes at once */
	uint64_t reads, writes, read_sectors, written_sectors; /* by those who use it now */
	uint64_t errors, timeouts, resets, retries;
	char driver[16], where[24], model[48], serial[24]; /* terminated */
};

/*
 * VBLK_SET: gives the domain the virtual block device dev, a list of extents of drives one after
 * the other, in reach of the device directory as device/vbd/<dev>. In a running domain it is
 * plugged in. dev: 51712 + 16 * n for xvda, xvdb ... (n < 16), (1 << 28) + 256 * n above, or any
 * number that means something to the guest, below 1 << 31.
 * -EEXIST dev is there; with UPDATE: -ENOENT it is not. -ENODEV no such drive; -ERANGE an extent
 * leaves its drive; -EINVAL no or too many extents, an empty one, one that is not in whole
 * units of its drive, two that overlap, unknown flags, a number out of range; -EROFS a
 * writable device on a read-only drive; -EBUSY another device uses some of the sectors and one of the two
 * writes (not with SHARED; domain 0's whole drives do not count); -ENOSPC too many devices, or no
 * room in the directory; -ENOMEM.
 * UPDATE: weight and limits become the given ones, and with nr_extents != 0 the extents too: they
 * begin with what there is and lie on the same drives (-EINVAL), and the guest is told the new
 * size. Other flags stay as they are.
 */
#define XENO_VBLK_MAX_EXTENTS 256
#define XENO_VBLK_MAX_DEVICES 64 /* of a domain */
#define XENO_VBLKF_READ_ONLY 0x1
#define XENO_VBLKF_SHARED 0x2 /* the caller knows about other users of the sectors */
#define XENO_VBLKF_CDROM 0x4  /* shown as a CD; implies READ_ONLY */
#define XENO_VBLKF_PERSISTENT                                                                      \
	0x8 /* offers persistent grants: for guests that must not show other pages */
#define XENO_VBLKF_UPDATE 0x10
#define XENO_VBLKF_WHOLE 0x20 /* OUT only: made at boot for domain 0 */
struct xeno_vblk_extent {
	uint32_t drive, pad;
	uint64_t first, sectors;
};
struct xeno_ctl_vblk_set { /* all IN */
	uint32_t dev;
	uint32_t flags; /* XENO_VBLKF_* */
	uint32_t nr_extents;
	uint32_t weight;	   /* share of a drive among its users, 1..1000; 0: 100 */
	uint64_t iops_limit;	   /* requests per second, below 1 << 32; 0 = none */
	uint64_t bytes_limit;	   /* per second, 0 = none */
	uint64_t extents;	   /* address of struct xeno_vblk_extent[nr_extents] */
	char label[XENO_NAME_MAX]; /* for people; terminated */
};

/*
 * VBLK_REMOVE: the guest is asked to let go; the device is gone when VBLK_INFO does not find it
 * any more. force: it is taken away. -EAGAIN until its requests in flight have ended; then 0.
 * -ENOENT: no such device.
 */
struct xeno_ctl_vblk_remove {
	uint32_t dev, force; /* IN */
};

/* VBLK_INFO: the device of the domain with the lowest number >= dev. -ENOENT: there is none. */
struct xeno_ctl_vblk_info {
	uint32_t dev;	     /* IN OUT */
	uint32_t room;	     /* IN: extents[] has room for so many */
	uint64_t extents;    /* IN: address of struct xeno_vblk_extent[room] */
	uint32_t nr_extents; /* the rest is OUT: that there are; min(nr_extents, room) are stored */
	uint32_t flags;	     /* XENO_VBLKF_* */
	uint32_t state;	     /* of its back end: enum xenbus_state */
	uint32_t weight;
	uint64_t iops_limit, bytes_limit;
	uint64_t sectors;
	uint64_t reads, writes, read_sectors, written_sectors, errors;
	uint32_t in_flight, pad;
	char label[XENO_NAME_MAX];
};

struct xeno_control {
	uint32_t version; /* IN: XENO_CONTROL_VERSION */
	uint32_t op;	  /* IN: XENO_CTL_* */
	uint16_t domid;	  /* see each operation */
	uint16_t pad[3];
	union {
		struct xeno_ctl_create create;
		struct xeno_ctl_info info;
		struct xeno_ctl_setup setup;
		struct xeno_ctl_populate populate;
		struct xeno_ctl_vcpu_context vcpu_context;
		struct xeno_ctl_vcpu_info vcpu_info;
		struct xeno_ctl_affinity affinity;
		struct xeno_ctl_stream stream;
		struct xeno_ctl_xs xs;
		struct xeno_ctl_phys phys;
		struct xeno_ctl_sched sched;
		struct xeno_ctl_key key;
		struct xeno_ctl_disk_info disk;
		struct xeno_ctl_vblk_set vblk_set;
		struct xeno_ctl_vblk_remove vblk_remove;
		struct xeno_ctl_vblk_info vblk_info;
		struct xeno_ctl_vnet_set vnet_set;
		struct xeno_ctl_vnet_remove vnet_remove;
		struct xeno_ctl_vnet_info vnet_info;
		struct xeno_ctl_vnet_nic vnet_nic;
		struct xeno_ctl_vnet_refusals vnet_refusals;
		struct xeno_ctl_vnet_list vnet_list;
		struct xeno_ctl_vnet_events vnet_events;
		struct xeno_ctl_vnet_capture vnet_capture;
		struct xeno_ctl_vnet_explain vnet_explain;
		uint8_t size[496]; /* the structure keeps its size when operations are added */
	} u;
};
_Static_assert(sizeof(struct xeno_control) == 512, "xeno_control");

#endif
