/* SPDX-License-Identifier: MIT */
/* Scheduling: sched_op(cmd, arg). -EINVAL: a bad reason, port or count. */
#ifndef XENO_PUBLIC_SCHED_H
#define XENO_PUBLIC_SCHED_H

#include "event_channel.h"

#define SCHEDOP_yield 0		  /* no argument */
#define SCHEDOP_block 1		  /* no argument: unmasks upcalls, waits for one */
#define SCHEDOP_shutdown 2	  /* struct sched_shutdown */
#define SCHEDOP_poll 3		  /* struct sched_poll */
#define SCHEDOP_remote_shutdown 4 /* struct sched_remote_shutdown; domain 0 */
#define SCHEDOP_shutdown_code 5	  /* struct sched_shutdown: noted, without stopping */
#define SCHEDOP_watchdog 6	  /* struct sched_watchdog */
#define SCHEDOP_pin_override 7	  /* struct sched_pin_override; domain 0 */

#define SHUTDOWN_poweroff 0
#define SHUTDOWN_reboot 1
#define SHUTDOWN_suspend 2
#define SHUTDOWN_crash 3
#define SHUTDOWN_watchdog 4
#define SHUTDOWN_soft_reset 5
#define SHUTDOWN_MAX 5

#ifndef __ASSEMBLER__

struct sched_shutdown {
	uint32_t reason; /* SHUTDOWN_* */
};

/* Waits until a port is pending, masked or not, with upcalls masked. */
struct sched_poll {
	uint64_t ports;	   /* address of nr_ports evtchn_port_t */
	uint32_t nr_ports; /* 0..128; 0: until the time-out */
	uint32_t pad;
	uint64_t timeout; /* system time, ns; 0 = none */
};
_Static_assert(sizeof(struct sched_poll) == 24, "sched_poll");

struct sched_remote_shutdown {
	domid_t domain_id;
	uint16_t pad;
	uint32_t reason; /* SHUTDOWN_* */
};

struct sched_watchdog {
	uint32_t id;	  /* 0: a new one, its id is returned */
	uint32_t timeout; /* seconds; 0 stops it */
};

struct sched_pin_override {
	int32_t pcpu; /* < 0: ends it */
};

#endif /* __ASSEMBLER__ */
#endif
