/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * NVMe structures and the pure part of the driver (dev/nvme_cmd.c): commands from requests,
 * IDENTIFY data. NVM Express base specification 1.4.
 */
#ifndef DEV_NVME_H
#define DEV_NVME_H

#include <hyp/disk.h>

struct nvme_cmd {
	uint8_t opcode, flags;
	uint16_t id;
	uint32_t nsid;
	uint32_t cdw2, cdw3;
	uint64_t metadata, prp1, prp2;
	uint32_t cdw10, cdw11, cdw12, cdw13, cdw14, cdw15;
};

struct nvme_cqe {
	uint32_t result, reserved;
	uint16_t sq_head, sq_id, id, status; /* status: bit 0 is the phase */
};

enum { NVME_FLUSH = 0, NVME_WRITE = 1, NVME_READ = 2, NVME_DATASET = 9 };
enum { NVME_CREATE_SQ = 1, NVME_CREATE_CQ = 5, NVME_IDENTIFY = 6, NVME_SET_FEATURES = 9 };
enum { NVME_ID_NAMESPACE = 0, NVME_ID_CONTROLLER = 1, NVME_ID_ACTIVE = 2 };
#define NVME_FEATURE_QUEUES 7

/*
 * Memory of a command besides the segments: its list of pages, or the range of a discard.
 * Does not cross a page as it is aligned to its size.
 */
struct nvme_list {
	uint64_t page[DISK_MAX_SEGS];
};

struct nvme_ctrl_info {
	char model[DISK_MODEL_MAX], serial[DISK_SERIAL_MAX];
	uint32_t max_sectors; /* of 512 bytes, of a command; 0: no limit */
	uint32_t namespaces;  /* the highest number */
	bool cache, dataset;  /* cache: a volatile one for writes */
};

struct nvme_ns_info {
	uint64_t sectors; /* of 512 bytes */
	uint32_t block_size;
	bool read_only;
};

/* The answers to IDENTIFY, 4096 bytes. page: the controller's smallest page. */
void nvme_parse_controller(const uint8_t *id, uint32_t page, struct nvme_ctrl_info *info);
/* -ENODEV: not a format we can use. */
int nvme_parse_namespace(const uint8_t *id, struct nvme_ns_info *info);

/*
 * NVMe's lists of pages have no holes: only the first entry starts, and only the last ends
 * inside a page. So a request is as many commands as it has such runs of segments.
 */
unsigned int nvme_pieces(const struct disk_req *r);
/*
 * The command for the run that starts with segment first, *sectors into the request; moves
 * both on. list lies at machine address list_addr. id and nsid are the caller's.
 */
void nvme_command(const struct disk_req *r, uint32_t block_size, unsigned int *first,
		  uint32_t *sectors, struct nvme_list *list, uint64_t list_addr,
		  struct nvme_cmd *cmd);

#endif
