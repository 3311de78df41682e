/* SPDX-License-Identifier: GPL-2.0-only */
/* Registration of traps and callbacks: bad addresses, unknown types, what takes effect. */
#include <public/callback.h>
#include <public/nmi.h>
#include "lib/guest.h"

static const uint64_t bad[] = { 0x0000800000000000, 0x8000000000000000, 0xffff800000000000,
				0xffff808000000000, 0xffff820000200000, 0xffff830000000000,
				0xffff87fffffffff0 };

/* Accepted bad addresses are the caller's problem when called; Xeno refuses them. */
static void expect_bad(long ret, const char *what, uint64_t va)
{
	CHECK(ret < 0 || !xeno, "%s at %lx accepted", what, va);
}

static void registrations(void)
{
	static struct trap_info t[2];

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		for (uint16_t type = 0; type < 10; type++) {
			struct callback_register r = { .type = type, .address = bad[i] };

			if (type != CALLBACKTYPE_event && type != CALLBACKTYPE_failsafe)
				expect_bad(hc(callback_op, CALLBACKOP_register, &r), "callback",
					   bad[i]);
		}
		t[0] = (struct trap_info){ .vector = 0x90,
					   .cs = FLAT_KERNEL_CS64,
					   .address = bad[i] };
		expect_bad(hc(set_trap_table, t), "trap", bad[i]);
		expect_bad(hc(set_callbacks, bad[i], entry_failsafe, entry_syscall), "event",
			   bad[i]);
		expect_bad(hc(set_callbacks, entry_event, bad[i], entry_syscall), "failsafe",
			   bad[i]);
		expect_bad(hc(set_callbacks, entry_event, entry_failsafe, bad[i]), "syscall",
			   bad[i]);
		traps_install();
	}
	struct callback_register unknown = { .type = 77, .address = A(entry_event) };
	struct callback_unregister gone = { .type = 77 };

	REFUSED(hc(callback_op, CALLBACKOP_register, &unknown));
	REFUSED(hc(callback_op, CALLBACKOP_unregister, &gone));
	REFUSED(hc(callback_op, 9, &unknown));
}

static volatile unsigned int second;

static bool on_second(struct frame *f)
{
	if (f->vector != VEC_EVENT2)
		return false;
	second++;
	event_upcall(f);
	return true;
}

/* The event callback can be moved; an event finds the new one. */
static void moved(void)
{
	struct callback_register r = { .type = CALLBACKTYPE_event, .address = A(entry_event2) };
	unsigned int port = bind_ipi(0);
	struct evtchn_send send = { .port = port };

	trap_hook = on_second;
	EXPECT(hc(callback_op, CALLBACKOP_register, &r), 0);
	port_unmask(port);
	events_on();
	EXPECT(evtchn(EVTCHNOP_send, &send), 0);
	CHECK(second, "no event at the new callback");
	events_off();
	trap_hook = NULL;
	traps_install();
	events_on();
	events_off();
}

void test(void)
{
	user_init();
	registrations();
	moved();
	/* A table with every vector, then none: the fault still comes after it is put back. */
	EXPECT(probe_read(BAD_UNMAPPED), X86_PF);
}
