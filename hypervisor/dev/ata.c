/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ATA and ATAPI drives as AHCI and IDE both see them: IDENTIFY data, task file values, command
 * packets. Only drives with DMA and 48-bit addresses: those without are of the last century.
 */
#include <hyp/bits.h>
#include <hyp/lib.h>

#include "ata.h"

/* Words of the IDENTIFY data. */
enum {
	ID_CONFIG = 0,
	ID_SERIAL = 10, /* 10 words */
	ID_MODEL = 27,	/* 20 words */
	ID_CAPABILITIES = 49,
	ID_VALID = 53,
	ID_DMADIR = 62,
	ID_MULTIWORD_DMA = 63,
	ID_QUEUE_DEPTH = 75,
	ID_SATA = 76,
	ID_SETS1 = 83,
	ID_SETS2 = 84,
	ID_UDMA = 88,
	ID_SECTORS = 100, /* 4 words */
	ID_SECTOR_SIZE = 106,
	ID_WORDS_PER_SECTOR = 117, /* 2 words */
	ID_TRIM = 169,
	ID_ROTATION = 217,
};

#define CAPABILITY_DMA BIT(8)
#define CAPABILITY_LBA BIT(9)
#define SETS1_LBA48 BIT(10)
#define SETS1_FLUSH_EXT BIT(13)
#define SETS2_FUA BIT(6)
#define SATA_NCQ BIT(8)
#define SECTOR_LONG BIT(12)
#define VALID_UDMA BIT(2)
#define PACKET_DEVICE_CD 5

enum {
	CMD_DATA_SET_MANAGEMENT = 0x06,
	CMD_READ_EXT = 0x25,
	CMD_WRITE_EXT = 0x35,
	CMD_WRITE_FUA_EXT = 0x3d,
	CMD_READ_QUEUED = 0x60,
	CMD_WRITE_QUEUED = 0x61,
	CMD_FLUSH_EXT = 0xea,
};
#define MODE_MULTIWORD_DMA 0x20
#define MODE_UDMA 0x40
#define DEVICE_FUA 0x80 /* of queued commands */
#define DSM_TRIM 1
#define TRIM_RANGES 64

#define MEDIUM_TIME SECONDS(2) /* until the drive knows what is in it */
#define PACKET_TIME MILLISECS(200)
#define SENSE_CODE 12
#define NO_MEDIUM 0x3a
#define MEDIUM_CHANGED 0x28

/* Two characters a word, the first in the high byte; spaces around them, sometimes worse. */
static void get_string(const uint16_t *words, unsigned int n, char *out)
{
	unsigned int len = 0, end = 0;

	for (unsigned int i = 0; i < 2 * n; i++) {
		char c = (char)(words[i / 2] >> (i & 1 ? 0 : 8));

		if (c < ' ' || c > '~')
			c = ' ';
		if (c == ' ' && !len)
			continue;
		out[len++] = c;
		if (c != ' ')
			end = len;
	}
	out[end] = '\0';
}

/* Words that say themselves whether they are valid: bit 14 set, bit 15 clear. */
static uint16_t checked(uint16_t word)
{
	return (word & 0xc000) == 0x4000 ? word : 0;
}

/* The high bytes: one bit is set. */
static uint8_t transfer_mode(const uint16_t *id)
{
	unsigned int udma = id[ID_VALID] & VALID_UDMA ? id[ID_UDMA] >> 8 & 0x7f : 0;
	unsigned int multiword = id[ID_MULTIWORD_DMA] >> 8 & 7;

	if (udma)
		return (uint8_t)(MODE_UDMA | find_first_set(udma));
	return multiword ? (uint8_t)(MODE_MULTIWORD_DMA | find_first_set(multiword)) : 0;
}

static int parse_disk(const uint16_t *id, struct ata_info *info)
{
	uint64_t blocks = 0;

	if ((id[ID_CAPABILITIES] & (CAPABILITY_DMA | CAPABILITY_LBA)) !=
		    (CAPABILITY_DMA | CAPABILITY_LBA) ||
	    !(checked(id[ID_SETS1]) & SETS1_LBA48))
		return -ENODEV;
	for (unsigned int i = 0; i < 4; i++)
		blocks |= (uint64_t)id[ID_SECTORS + i] << 16 * i;
	info->block_size = SECTOR_SIZE;
	if (checked(id[ID_SECTOR_SIZE]) & SECTOR_LONG)
		info->block_size =
			2 * (id[ID_WORDS_PER_SECTOR] | (uint32_t)id[ID_WORDS_PER_SECTOR + 1] << 16);
	if (!blocks || blocks >> 48 || (info->block_size != 512 && info->block_size != 4096))
		return -ENODEV;
	info->sectors = blocks * (info->block_size / SECTOR_SIZE);
	info->flush = checked(id[ID_SETS1]) & SETS1_FLUSH_EXT;
	info->fua = checked(id[ID_SETS2]) & SETS2_FUA;
	info->trim = id[ID_TRIM] & 1;
	info->rotational = id[ID_ROTATION] != 1;
	if (id[ID_SATA] != 0xffff && (id[ID_SATA] & SATA_NCQ))
		info->queue_depth = (id[ID_QUEUE_DEPTH] & 31) + 1;
	return 0;
}

static int parse_packet(const uint16_t *id, struct ata_info *info)
{
	info->atapi = true;
	info->block_size = ATAPI_BLOCK;
	info->dmadir = id[ID_DMADIR] & BIT(15);
	/* bits 15 and 14: a packet device; 12 to 8: its kind; 1 and 0: packets of 12 bytes */
	if (id[ID_CONFIG] >> 14 != 2 || (id[ID_CONFIG] >> 8 & 31) != PACKET_DEVICE_CD ||
	    (id[ID_CONFIG] & 3) || (!(id[ID_CAPABILITIES] & CAPABILITY_DMA) && !info->dmadir))
		return -ENODEV;
	return 0;
}

int ata_identify_parse(const uint16_t *id, bool atapi, struct ata_info *info)
{
	*info = (struct ata_info){ 0 };
	get_string(id + ID_MODEL, 20, info->model);
	get_string(id + ID_SERIAL, 10, info->serial);
	info->mode = transfer_mode(id);
	return atapi ? parse_packet(id, info) : parse_disk(id, info);
}

void ata_describe(const struct ata_info *info, struct disk *disk)
{
	memcpy(disk->model, info->model, sizeof(disk->model));
	memcpy(disk->serial, info->serial, sizeof(disk->serial));
	disk->sectors = info->sectors;
	disk->block_size = info->block_size;
	disk->cdrom = disk->read_only = info->atapi;
	disk->rotational = info->rotational;
	disk->can_flush = info->flush;
	disk->can_fua = info->fua;
	disk->can_discard = info->trim;
	disk->depth = 1;
	disk->max_segs = DISK_MAX_SEGS;
	disk->max_sectors = DISK_MAX_SEGS * (PAGE_SIZE / SECTOR_SIZE);
	disk->max_discard = ATA_TRIM_MAX * (info->block_size / SECTOR_SIZE);
}

/* Ranges of up to 65535 blocks: 48 bits of address, 16 of length. */
static void fill_trim(uint64_t lba, uint32_t blocks, uint8_t *out)
{
	memset(out, 0, SECTOR_SIZE);
	for (unsigned int i = 0; i < TRIM_RANGES && blocks; i++) {
		uint32_t n = min(blocks, 0xffffu);
		uint64_t range = lba | (uint64_t)n << 48;

		memcpy(out + i * 8, &range, 8);
		lba += n;
		blocks -= n;
	}
}

static void queued_command(const struct disk_req *r, unsigned int tag, uint32_t blocks,
			   struct ata_regs *regs)
{
	regs->command = r->op == DISK_WRITE ? CMD_WRITE_QUEUED : CMD_READ_QUEUED;
	regs->features = (uint16_t)blocks;
	regs->count = (uint16_t)(tag << 3);
	if (r->op == DISK_WRITE && r->fua)
		regs->device |= DEVICE_FUA;
}

void ata_command(const struct ata_info *info, const struct disk_req *r, int tag,
		 struct ata_regs *regs, uint8_t *trim)
{
	static const uint8_t commands[] = {
		[DISK_READ] = CMD_READ_EXT,
		[DISK_WRITE] = CMD_WRITE_EXT,
		[DISK_FLUSH] = CMD_FLUSH_EXT,
		[DISK_DISCARD] = CMD_DATA_SET_MANAGEMENT,
	};
	uint32_t per_block = info->block_size / SECTOR_SIZE, blocks = r->sectors / per_block;

	*regs = (struct ata_regs){ .command = commands[r->op], .device = ATA_DEVICE_LBA };
	if (r->op == DISK_FLUSH)
		return;
	if (r->op == DISK_DISCARD) {
		fill_trim(r->sector / per_block, blocks, trim);
		regs->features = DSM_TRIM;
		regs->count = 1;
		return;
	}
	regs->lba = r->sector / per_block;
	regs->count = (uint16_t)blocks; /* 0: 65536 */
	if (tag >= 0)
		queued_command(r, (unsigned int)tag, blocks, regs);
	else if (r->op == DISK_WRITE && r->fua && info->fua)
		regs->command = CMD_WRITE_FUA_EXT;
}

/* The byte count limit of PIO lies in the middle and high bytes of the address. */
void ata_packet(const struct ata_info *info, uint32_t len, bool dma, struct ata_regs *regs)
{
	*regs = (struct ata_regs){ .command = ATA_PACKET };
	regs->features = dma ? (info->dmadir ? 5 : 1) : 0;
	regs->lba = dma ? 0 : (uint64_t)(len & 0xffff) << 8;
}

void ata_fis(const struct ata_regs *regs, uint8_t *fis)
{
	memset(fis, 0, 20);
	fis[0] = 0x27; /* register, host to device */
	fis[1] = 0x80; /* for the command register */
	fis[2] = regs->command;
	fis[3] = (uint8_t)regs->features;
	fis[4] = (uint8_t)regs->lba;
	fis[5] = (uint8_t)(regs->lba >> 8);
	fis[6] = (uint8_t)(regs->lba >> 16);
	fis[7] = regs->device;
	fis[8] = (uint8_t)(regs->lba >> 24);
	fis[9] = (uint8_t)(regs->lba >> 32);
	fis[10] = (uint8_t)(regs->lba >> 40);
	fis[11] = (uint8_t)(regs->features >> 8);
	fis[12] = (uint8_t)regs->count;
	fis[13] = (uint8_t)(regs->count >> 8);
}

static void put_be32(uint8_t *p, uint32_t v)
{
	for (unsigned int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static uint32_t get_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

void atapi_read(const struct disk_req *r, uint8_t *cdb)
{
	const uint32_t per_block = ATAPI_BLOCK / SECTOR_SIZE;

	memset(cdb, 0, ATAPI_CDB);
	cdb[0] = 0xa8; /* READ(12) */
	put_be32(cdb + 2, (uint32_t)(r->sector / per_block));
	put_be32(cdb + 6, r->sectors / per_block);
}

void atapi_command(const struct ata_info *info, uint8_t opcode, uint8_t len, uint8_t *cdb,
		   struct ata_regs *regs)
{
	memset(cdb, 0, ATAPI_CDB);
	cdb[0] = opcode;
	if (opcode == ATAPI_REQUEST_SENSE)
		cdb[4] = len; /* it says itself how much it wants */
	ata_packet(info, len, false, regs);
}

uint64_t atapi_capacity(const uint8_t *answer)
{
	uint32_t last = get_be32(answer), size = get_be32(answer + 4);

	return size == ATAPI_BLOCK ? ((uint64_t)last + 1) * (ATAPI_BLOCK / SECTOR_SIZE) : 0;
}

bool atapi_other_medium(const uint8_t *sense)
{
	return sense[SENSE_CODE] == MEDIUM_CHANGED || sense[SENSE_CODE] == NO_MEDIUM;
}

/* The first commands may fail: the drive was reset, or looks at the medium. */
uint64_t atapi_medium_size(int (*send)(void *drive, uint8_t opcode, uint8_t len, s_time_t time),
			   void *drive, const uint8_t *buffer)
{
	s_time_t end = now() + MEDIUM_TIME;

	do {
		if (!send(drive, ATAPI_TEST_UNIT_READY, 0, PACKET_TIME) &&
		    !send(drive, ATAPI_READ_CAPACITY, 8, PACKET_TIME))
			return atapi_capacity(buffer);
		if (send(drive, ATAPI_REQUEST_SENSE, ATAPI_SENSE_LEN, PACKET_TIME) ||
		    buffer[SENSE_CODE] == NO_MEDIUM)
			return 0;
	} while (now() < end);
	return 0;
}

unsigned int ahci_prdt_build(struct ahci_prd *prdt, const struct disk_seg *segs, unsigned int n)
{
	unsigned int used = 0;

	for (unsigned int i = 0; i < n; i++) {
		struct ahci_prd *last = used ? &prdt[used - 1] : NULL;

		if (last && last->addr + last->count + 1 == segs[i].addr.a)
			last->count += segs[i].len; /* at most 64 pages, an entry takes 4 MiB */
		else
			prdt[used++] = (struct ahci_prd){ segs[i].addr.a, 0, segs[i].len - 1 };
	}
	return used;
}

unsigned int ide_prd_add(struct ide_prd *prdt, unsigned int used, maddr_t addr, uint32_t len)
{
	struct ide_prd *last = used ? &prdt[used - 1] : NULL;
	uint32_t end = last ? last->addr + last->count : 0;

	if (last && end == addr.a && end & 0xffff) {
		last->count = (last->count + len) & 0xffff; /* 64 KiB are 0 */
		return used;
	}
	prdt[used] = (struct ide_prd){ (uint32_t)addr.a, len };
	return used + 1;
}
