/* SPDX-License-Identifier: GPL-2.0-only */
/* A front end of virtual block devices (public/io/blkif.h), for tests, and grants. */
#ifndef BLK_H
#define BLK_H

#include <public/io/blkif.h>
#include "store.h"

#define BLK_FIRST 51712	 /* xvda: may be written */
#define BLK_SECOND 51728 /* xvdb: in ordinary domains, read-only */

/* --- grants to the back end; references 8 to 511 */
#define DOMID_BACK 0x7ffe
void grants_init(void);
uint32_t grant_mfn(uint64_t mfn, bool ro);
uint32_t grant_page(const void *page, bool ro);
/* False: the other end still uses it. */
bool grant_end(uint32_t ref);
extern struct grant_entry_v1 *grant_table;

union blk_slot {
	struct blkif_request rw;
	struct blkif_request_discard discard;
	struct blkif_request_indirect indirect;
	struct blkif_response rsp;
	uint8_t bytes[112];
};

struct blk_head {
	volatile uint32_t req_prod, req_event, rsp_prod, rsp_event;
};

struct blk {
	unsigned int dev, pages, slots, port;
	void *ring[4];
	uint32_t ref[4];
	struct blk_head *head;
	uint32_t req_prod, rsp_cons;
	uint64_t sectors, sector_size, info;
};

/* A node of the front end, or of the back end. */
const char *blk_node(const struct blk *b, bool back, const char *name);
/* Is there such a device? */
bool blk_find(struct blk *b, unsigned int dev);
/* Makes a ring of 1 << order pages and offers it. */
void blk_offer(struct blk *b, unsigned int order);
/* Waits for a state of the back end; false = time-out. */
bool blk_wait_state(const struct blk *b, unsigned int state);
/* Offers, connects, reads what the device is. */
void blk_open(struct blk *b, unsigned int order);
void blk_close(struct blk *b);
void blk_put(struct blk *b, const union blk_slot *request);
void blk_kick(struct blk *b);
/* The next response; false: none within 5 s. */
bool blk_get(struct blk *b, struct blkif_response *rsp);
/* One request and its status; -100: no answer. */
int blk_do(struct blk *b, const union blk_slot *request);
/* A transfer of whole pages. */
int blk_pages(struct blk *b, unsigned int op, uint64_t sector, void *const *pages, unsigned int n);

#endif
