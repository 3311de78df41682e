/* SPDX-License-Identifier: MIT */
/*
 * The network channel: two rings (io/ring.h) of one page each that the guest grants to the
 * domain named by backend-id, one for frames it sends, one for buffers it offers. "Copying" mode
 * only: whoever is at the other end copies arrived frames into the offered pages.
 *
 * In the device directory, below device/vif/<handle>: the guest finds mac, handle, and writes
 * tx-ring-ref, rx-ring-ref, event-channel (or event-channel-tx and -rx), request-rx-copy and what it
 * can take: feature-sg, feature-gso-tcpv4, feature-no-csum-offload; then state. Below the
 * path that its node `backend` names it finds feature-sg, feature-gso-tcpv4, feature-rx-copy,
 * feature-split-event-channels, feature-hold (Xeno), state. States are those of enum xenbus_state.
 * Of Xeno: the guest may write hold-packets and hold-ns, its wish for the hold-off of events
 * (vnet.h) of arrived frames.
 *
 * A frame to send takes a chain of requests: the first says the size of the whole frame, each
 * other one the size of its piece; extra infos stand right behind the first. An arrived frame takes a
 * chain of responses in the same manner, each with the size of its own piece.
 */
#ifndef XENO_PUBLIC_IO_NETIF_H
#define XENO_PUBLIC_IO_NETIF_H

#include <stdint.h>
#include "xenbus.h"

#define NETIF_MAX_SLOTS 18 /* of a frame to send, without extra infos */

/* Flags of requests to send. */
#define NETTXF_CSUM_BLANK 0x1	  /* the checksum field holds the pseudo header's sum only */
#define NETTXF_DATA_VALIDATED 0x2 /* the checksum is right, or blank */
#define NETTXF_MORE_DATA 0x4	  /* another piece follows */
#define NETTXF_EXTRA_INFO 0x8	  /* an extra info follows */

struct netif_tx_request {
	uint32_t gref; /* of the page */
	uint16_t offset;
	uint16_t flags; /* NETTXF_* */
	uint16_t id;	/* any; in the response */
	uint16_t size;
};

/* In the place of a request or response. */
#define NETIF_EXTRA_GSO 1
#define NETIF_EXTRA_MORE 0x1 /* flag: another one follows */
#define NETIF_GSO_TCPV4 1
struct netif_extra_info {
	uint8_t type; /* NETIF_EXTRA_* */
	uint8_t flags;
	uint16_t gso_size; /* payload of the frames it is to be cut into */
	uint8_t gso_type;  /* NETIF_GSO_* */
	uint8_t pad;
	uint16_t features; /* 0 */
};

#define NETIF_OKAY 0
#define NETIF_ERROR (-1)
#define NETIF_DROPPED (-2)
#define NETIF_NULL 1 /* in the place of an extra info */
struct netif_tx_response {
	uint16_t id;
	int16_t status; /* NETIF_* */
};

struct netif_rx_request {
	uint16_t id;
	uint16_t pad;
	uint32_t gref; /* of an empty page, which may be written */
};

/* Flags of arrived pieces. */
#define NETRXF_DATA_VALIDATED 0x1
#define NETRXF_CSUM_BLANK 0x2
#define NETRXF_MORE_DATA 0x4
#define NETRXF_EXTRA_INFO 0x8

struct netif_rx_response {
	uint16_t id;
	uint16_t offset; /* within the page */
	uint16_t flags;	 /* NETRXF_* */
	int16_t status;	 /* bytes, or NETIF_ERROR */
};

_Static_assert(sizeof(struct netif_tx_request) == 12, "netif_tx_request");
_Static_assert(sizeof(struct netif_extra_info) == 8, "netif_extra_info");
_Static_assert(sizeof(struct netif_rx_response) == 8, "netif_rx_response");

#endif
