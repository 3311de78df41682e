/* SPDX-License-Identifier: MIT */
/*
 * Event channels: event_channel_op(cmd, struct *), 2-level ABI, 4096 ports of which
 * 0 is never used. Dom fields may be DOMID_SELF; another domain: domain 0 only.
 * Errors: -EINVAL bad port, VCPU, VIRQ or state; -ENOSPC no port is free; -ESRCH no
 * such domain; -ENOENT no such VCPU; -EEXIST the VIRQ is bound already.
 */
#ifndef XENO_PUBLIC_EVENT_CHANNEL_H
#define XENO_PUBLIC_EVENT_CHANNEL_H

#include "xen.h"

#define EVTCHNOP_bind_interdomain 0
#define EVTCHNOP_bind_virq 1
#define EVTCHNOP_bind_pirq 2
#define EVTCHNOP_close 3
#define EVTCHNOP_send 4
#define EVTCHNOP_status 5
#define EVTCHNOP_alloc_unbound 6
#define EVTCHNOP_bind_ipi 7
#define EVTCHNOP_bind_vcpu 8
#define EVTCHNOP_unmask 9
#define EVTCHNOP_reset 10
#define EVTCHNOP_init_control 11 /* FIFO ABI: not offered */
#define EVTCHNOP_expand_array 12
#define EVTCHNOP_set_priority 13

#define EVTCHN_2L_NR_CHANNELS 4096

#ifndef __ASSEMBLER__

typedef uint32_t evtchn_port_t;

/* A port of dom that remote_dom may bind. */
struct evtchn_alloc_unbound {
	domid_t dom, remote_dom; /* IN */
	evtchn_port_t port;	 /* OUT */
};

/* Binds a new local port to an unbound port of remote_dom that admits the caller. */
struct evtchn_bind_interdomain {
	domid_t remote_dom;	   /* IN */
	evtchn_port_t remote_port; /* IN */
	evtchn_port_t local_port;  /* OUT */
};

struct evtchn_bind_virq {
	uint32_t virq;	    /* IN: VIRQ_* */
	uint32_t vcpu;	    /* IN: 0 for a global one */
	evtchn_port_t port; /* OUT */
};

/* pirq: mapped before by PHYSDEVOP_map_pirq. */
struct evtchn_bind_pirq {
	uint32_t pirq; /* IN */
#define BIND_PIRQ__WILL_SHARE 1
	uint32_t flags;	    /* IN */
	evtchn_port_t port; /* OUT */
};

struct evtchn_bind_ipi {
	uint32_t vcpu;	    /* IN: notified when the port is sent on */
	evtchn_port_t port; /* OUT */
};

struct evtchn_close {
	evtchn_port_t port;
};

struct evtchn_send {
	evtchn_port_t port;
};

#define EVTCHNSTAT_closed 0
#define EVTCHNSTAT_unbound 1
#define EVTCHNSTAT_interdomain 2
#define EVTCHNSTAT_pirq 3
#define EVTCHNSTAT_virq 4
#define EVTCHNSTAT_ipi 5
struct evtchn_status {
	domid_t dom;	    /* IN */
	evtchn_port_t port; /* IN */
	uint32_t status;    /* OUT: EVTCHNSTAT_* */
	uint32_t vcpu;	    /* OUT: notified */
	union {
		struct {
			domid_t dom;
		} unbound;
		struct {
			domid_t dom;
			evtchn_port_t port;
		} interdomain;
		uint32_t pirq;
		uint32_t virq;
	} u; /* OUT */
};
_Static_assert(sizeof(struct evtchn_status) == 24, "evtchn_status");

/* Moves the notification of a port to another VCPU; not for VIRQs of a VCPU and IPIs. */
struct evtchn_bind_vcpu {
	evtchn_port_t port;
	uint32_t vcpu;
};

/* Clears the mask and delivers when pending. */
struct evtchn_unmask {
	evtchn_port_t port;
};

/* Closes every port of dom. */
struct evtchn_reset {
	domid_t dom;
};

/* Argument of the older call event_channel_op_compat(struct evtchn_op *). */
struct evtchn_op {
	uint32_t cmd;
	union {
		struct evtchn_alloc_unbound alloc_unbound;
		struct evtchn_bind_interdomain bind_interdomain;
		struct evtchn_bind_virq bind_virq;
		struct evtchn_bind_pirq bind_pirq;
		struct evtchn_bind_ipi bind_ipi;
		struct evtchn_close close;
		struct evtchn_send send;
		struct evtchn_status status;
		struct evtchn_bind_vcpu bind_vcpu;
		struct evtchn_unmask unmask;
	} u;
};

#endif /* __ASSEMBLER__ */
#endif
