/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Drives of memory: `ramdrive=64M,32M`. Each request is done when it is started, by copying
 * between direct-map addresses. Nothing of it outlasts a restart, so a flush is nothing to do.
 *
 * The memory is taken in chunks while the machine starts, and is zero then.
 */
#include <hyp/boot.h>
#include <hyp/disk.h>
#include <hyp/drivers.h>
#include <hyp/lib.h>
#include <hyp/mm.h>

#define CHUNK_ORDER 9
#define CHUNK_SIZE (PAGE_SIZE << CHUNK_ORDER)
#define MAX_CHUNKS (65536 / sizeof(void *))
#define RAM_MAX_DISCARD 8192 /* sectors; they are zeroed at once */
#define RAM_DEPTH 64
#define RAM_MAX_SECTORS (DISK_MAX_SEGS * (PAGE_SIZE / SECTOR_SIZE))

struct ramdrive {
	struct disk disk;
	unsigned int nr_chunks;
	char **chunks;
};

/* The place of a byte, and how many there are up to the end of its chunk, len at most. */
static char *place(const struct ramdrive *rd, uint64_t pos, uint64_t len, uint64_t *n)
{
	uint64_t off = pos % CHUNK_SIZE;

	*n = min(len, CHUNK_SIZE - off);
	return rd->chunks[pos / CHUNK_SIZE] + off;
}

static void copy(const struct ramdrive *rd, uint64_t pos, const struct disk_seg *s, bool write)
{
	char *mem = maddr_to_virt(s->addr);
	uint64_t n;

	for (uint64_t left = s->len; left; left -= n, pos += n, mem += n) {
		char *p = place(rd, pos, left, &n);

		if (write)
			memcpy(p, mem, n);
		else
			memcpy(mem, p, n);
	}
}

static void zero(const struct ramdrive *rd, uint64_t pos, uint64_t len)
{
	uint64_t n;

	for (; len; len -= n, pos += n) {
		char *p = place(rd, pos, len, &n);

		memset(p, 0, n);
	}
}

static int ram_start(struct disk *disk, struct disk_req *r)
{
	const struct ramdrive *rd = disk->priv;
	uint64_t pos = r->sector << SECTOR_SHIFT;

	if (r->op == DISK_DISCARD)
		zero(rd, pos, (uint64_t)r->sectors << SECTOR_SHIFT);
	for (unsigned int i = 0; i < r->nr_segs; i++) {
		copy(rd, pos, &r->segs[i], r->op == DISK_WRITE);
		pos += r->segs[i].len;
	}
	disk_complete(disk, r, 0);
	return 0;
}

static const struct disk_ops ram_ops = { .start = ram_start };

static bool fill(struct ramdrive *rd, unsigned int nr)
{
	rd->chunks = hyp_alloc(nr * sizeof(*rd->chunks));
	if (!rd->chunks)
		return false;
	for (; rd->nr_chunks < nr; rd->nr_chunks++) {
		rd->chunks[rd->nr_chunks] = hyp_page_alloc(CHUNK_ORDER);
		if (!rd->chunks[rd->nr_chunks])
			return false;
	}
	return true;
}

static void give_back(struct ramdrive *rd)
{
	while (rd->nr_chunks)
		hyp_page_free(rd->chunks[--rd->nr_chunks], CHUNK_ORDER);
	hyp_free(rd->chunks);
	hyp_free(rd);
}

static void add_ramdrive(uint64_t pages)
{
	uint64_t nr = (pages + (1 << CHUNK_ORDER) - 1) >> CHUNK_ORDER;
	struct ramdrive *rd = pages <= MAX_CHUNKS << CHUNK_ORDER ? hyp_alloc(sizeof(*rd)) : NULL;

	if (!rd || !fill(rd, (unsigned int)nr)) {
		printk(LOG_WARN "ramdrive: no memory for one of %llu MiB\n",
		       (unsigned long long)pages >> 8);
		if (rd)
			give_back(rd);
		return;
	}
	rd->disk = (struct disk){ .ops = &ram_ops,
				  .priv = rd,
				  .driver = "ram",
				  .model = "RAM drive",
				  .sectors = pages << (PAGE_SHIFT - SECTOR_SHIFT),
				  .block_size = SECTOR_SIZE,
				  .can_discard = true,
				  .depth = RAM_DEPTH,
				  .max_segs = DISK_MAX_SEGS,
				  .max_sectors = RAM_MAX_SECTORS,
				  .max_discard = RAM_MAX_DISCARD };
	if (disk_add(&rd->disk))
		give_back(rd);
}

void ramdrive_init(void)
{
	for (unsigned int i = 0; i < MAX_RAMDRIVES && opt.ramdrive_pages[i]; i++)
		add_ramdrive(opt.ramdrive_pages[i]);
}
