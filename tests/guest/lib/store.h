/* SPDX-License-Identifier: GPL-2.0-only */
/* The device directory (public/io/xs_wire.h), one request at a time. */
#ifndef STORE_H
#define STORE_H

#include <public/io/xs_wire.h>
#include "guest.h"

extern char store_reply[5000]; /* of the last request, terminated */
extern uint32_t store_len;

void store_open(void);
/* One request and its reply's type; watch events in between are dropped. */
uint32_t store_ask(uint32_t type, const char *payload, uint32_t len);
#define STORE_ASK(type, s) store_ask(type, s, sizeof(s))
/* False: there is no such node, or it is no number. */
bool store_read(const char *path, uint64_t *n);
void store_write(const char *path, const char *value);
void store_write_number(const char *path, uint64_t n);
/*
 * Ends a device as a bad front end might: any state, or all devices of its kind (device/vbd,
 * device/vif) removed. Then it is closed.
 */
void store_leave(const char *kind, const char *state_node);

#endif
