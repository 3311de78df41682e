/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pure part of the NVMe driver: commands with their lists of pages, IDENTIFY data.
 * Formats with metadata or with blocks other than 512 and 4096 bytes are not supported.
 */
#include <hyp/lib.h>
#include <hyp/smp.h>

#include "nvme.h"

#define ID_SERIAL 4 /* 20 bytes */
#define ID_MODEL 24 /* 40 bytes */
#define ID_MDTS 77  /* log2 of pages a command can move, 0: any number */
#define ID_NN 516
#define ID_ONCS 520
#define ONCS_DATASET 4
#define ID_VWC 525
#define VWC_PRESENT 1

#define NS_SIZE 0
#define NS_FLBAS 26
#define NS_DPS 29
#define NS_ATTRIBUTES 99
#define NSATTR_PROTECTED 1
#define NS_FORMATS 128 /* 4 bytes each: 2 of metadata size, log2 of the block size */

#define CMD_FUA (1u << 30)
#define DATASET_DEALLOCATE 4

struct range {
	uint32_t attributes, blocks;
	uint64_t lba;
};

static void get_string(const uint8_t *s, unsigned int n, char *out)
{
	unsigned int len = 0, end = 0;

	for (unsigned int i = 0; i < n && s[i]; i++) {
		char c = s[i] < ' ' || s[i] > '~' ? ' ' : (char)s[i];

		if (c == ' ' && !len)
			continue;
		out[len++] = c;
		if (c != ' ')
			end = len;
	}
	out[end] = '\0';
}

void nvme_parse_controller(const uint8_t *id, uint32_t page, struct nvme_ctrl_info *info)
{
	*info = (struct nvme_ctrl_info){ 0 };
	get_string(id + ID_MODEL, 40, info->model);
	get_string(id + ID_SERIAL, 20, info->serial);
	if (id[ID_MDTS] && id[ID_MDTS] < 16)
		info->max_sectors = (page / SECTOR_SIZE) << id[ID_MDTS];
	info->namespaces = le32(id + ID_NN);
	info->dataset = id[ID_ONCS] & ONCS_DATASET;
	info->cache = id[ID_VWC] & VWC_PRESENT;
}

int nvme_parse_namespace(const uint8_t *id, struct nvme_ns_info *info)
{
	const uint8_t *format = id + NS_FORMATS + 4 * (id[NS_FLBAS] & 15);
	uint64_t blocks = le64(id + NS_SIZE);
	unsigned int shift = format[2];

	*info = (struct nvme_ns_info){ 0 };
	if (format[0] || format[1] || (id[NS_DPS] & 7) || (shift != 9 && shift != 12) || !blocks ||
	    blocks >> (64 - shift))
		return -ENODEV;
	info->block_size = 1u << shift;
	info->sectors = blocks << (shift - SECTOR_SHIFT);
	info->read_only = id[NS_ATTRIBUTES] & NSATTR_PROTECTED;
	return 0;
}

/* Segment i goes on where a list of pages can: the one before fills its page, it starts one. */
static bool joins(const struct disk_seg *segs, unsigned int i)
{
	return !((segs[i - 1].addr.a + segs[i - 1].len) & ~PAGE_MASK) &&
	       !(segs[i].addr.a & ~PAGE_MASK);
}

unsigned int nvme_pieces(const struct disk_req *r)
{
	unsigned int n = 1;

	for (unsigned int i = 1; i < r->nr_segs; i++)
		n += !joins(r->segs, i);
	return n;
}

/* prp2 is the second page, or where the list of all but the first is. Returns the run's sectors. */
static uint32_t fill_pages(const struct disk_req *r, unsigned int *first, struct nvme_list *list,
			   uint64_t list_addr, struct nvme_cmd *cmd)
{
	const struct disk_seg *segs = r->segs;
	unsigned int i = *first, n = 0;
	uint32_t bytes = segs[i].len;

	cmd->prp1 = segs[i].addr.a;
	while (++i < r->nr_segs && joins(segs, i)) {
		list->page[n++] = segs[i].addr.a;
		bytes += segs[i].len;
	}
	if (n)
		cmd->prp2 = n == 1 ? list->page[0] : list_addr;
	*first = i;
	return bytes / SECTOR_SIZE;
}

static void fill_discard(const struct disk_req *r, uint32_t per_block, struct nvme_list *list,
			 uint64_t list_addr, struct nvme_cmd *cmd)
{
	struct range range = { 0, r->sectors / per_block, r->sector / per_block };

	memcpy(list, &range, sizeof(range));
	cmd->prp1 = list_addr;
	cmd->cdw11 = DATASET_DEALLOCATE;
}

void nvme_command(const struct disk_req *r, uint32_t block_size, unsigned int *first,
		  uint32_t *sectors, struct nvme_list *list, uint64_t list_addr,
		  struct nvme_cmd *cmd)
{
	static const uint8_t opcodes[] = {
		[DISK_READ] = NVME_READ,
		[DISK_WRITE] = NVME_WRITE,
		[DISK_FLUSH] = NVME_FLUSH,
		[DISK_DISCARD] = NVME_DATASET,
	};
	uint32_t per_block = block_size / SECTOR_SIZE, n;
	uint64_t lba;

	*cmd = (struct nvme_cmd){ .opcode = opcodes[r->op] };
	if (r->op == DISK_FLUSH)
		return;
	if (r->op == DISK_DISCARD) {
		fill_discard(r, per_block, list, list_addr, cmd);
		return;
	}
	lba = (r->sector + *sectors) / per_block;
	n = fill_pages(r, first, list, list_addr, cmd);
	*sectors += n;
	cmd->cdw10 = (uint32_t)lba;
	cmd->cdw11 = (uint32_t)(lba >> 32);
	cmd->cdw12 = n / per_block - 1;
	if (r->op == DISK_WRITE && r->fua)
		cmd->cdw12 |= CMD_FUA;
}
