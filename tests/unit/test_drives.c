/* SPDX-License-Identifier: GPL-2.0-only */
/* SOURCES: hypervisor/dev/ata.c hypervisor/dev/nvme_cmd.c */
/*
 * What drivers of drives tell devices: the memory of random requests, read back as the
 * device would (PRDs of AHCI and IDE, PRPs of NVMe); commands; and answers to IDENTIFY, good
 * ones and garbage.
 */
#include <stdlib.h>
#include <string.h>
#include <hyp/lib.h>
#include "../../hypervisor/dev/ata.h"
#include "../../hypervisor/dev/nvme.h"
#include "test.h"

#define ROUNDS 20000

static uint64_t seed = 88172645463325252u;
static s_time_t clock_now;

s_time_t now(void)
{
	return clock_now += MILLISECS(1);
}

static uint64_t rnd(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 11) % n;
}

/* --- random requests: segments within pages, often whole or neighbours */

static struct disk_seg segs[DISK_MAX_SEGS];

static struct disk_req random_request(uint32_t block)
{
	struct disk_req r = { .op = rnd(2) ? DISK_READ : DISK_WRITE, .segs = segs };
	uint64_t at = rnd(1ull << 19) << 12;

	r.nr_segs = (uint16_t)(1 + rnd(DISK_MAX_SEGS));
	r.sector = rnd(1ull << 30) * (block / SECTOR_SIZE);
	for (unsigned int i = 0; i < r.nr_segs; i++) {
		uint32_t room, len;

		if (rnd(3) == 0)
			at = (rnd(1ull << 19) << 12) +
			     (rnd(3) ? 0 : rnd(PAGE_SIZE / block) * block);
		room = (uint32_t)(PAGE_SIZE - at % PAGE_SIZE);
		len = rnd(3) ? room : (uint32_t)(1 + rnd(room / block)) * block;
		segs[i] = (struct disk_seg){ MADDR(at), len };
		r.sectors += len / SECTOR_SIZE;
		at += len;
	}
	return r;
}

/* Follows the segments as a device names memory. False: it names other memory. */
static struct {
	unsigned int seg;
	uint32_t done;
} cursor;

static bool device_moves(uint64_t addr, uint64_t len, unsigned int n)
{
	while (len) {
		uint64_t part;

		if (cursor.seg == n || segs[cursor.seg].addr.a + cursor.done != addr)
			return false;
		part = min(len, (uint64_t)segs[cursor.seg].len - cursor.done);
		addr += part;
		len -= part;
		cursor.done += (uint32_t)part;
		if (cursor.done == segs[cursor.seg].len) {
			cursor.seg++;
			cursor.done = 0;
		}
	}
	return true;
}

static void ahci_memory(void)
{
	for (unsigned int round = 0; round < ROUNDS; round++) {
		struct disk_req r = random_request(512);
		struct ahci_prd prdt[DISK_MAX_SEGS];
		unsigned int n = ahci_prdt_build(prdt, segs, r.nr_segs);

		memset(&cursor, 0, sizeof(cursor));
		CHECK(n && n <= r.nr_segs);
		for (unsigned int i = 0; i < n; i++) {
			CHECK(!prdt[i].reserved && prdt[i].count < 4u << 20 && (prdt[i].count & 1));
			CHECK(device_moves(prdt[i].addr, prdt[i].count + 1ull, r.nr_segs));
		}
		CHECK(cursor.seg == r.nr_segs);
	}
}

static void ide_memory(void)
{
	for (unsigned int round = 0; round < ROUNDS; round++) {
		struct disk_req r = random_request(512);
		struct ide_prd prdt[DISK_MAX_SEGS];
		unsigned int n = 0;

		for (unsigned int i = 0; i < r.nr_segs; i++)
			n = ide_prd_add(prdt, n, segs[i].addr, segs[i].len);
		memset(&cursor, 0, sizeof(cursor));
		CHECK(n && n <= r.nr_segs);
		for (unsigned int i = 0; i < n; i++) {
			uint32_t len = prdt[i].count ? prdt[i].count : 0x10000;

			CHECK(len <= 0x10000 &&
			      prdt[i].addr / 0x10000 == (prdt[i].addr + len - 1) / 0x10000);
			CHECK(device_moves(prdt[i].addr, len, r.nr_segs));
		}
		CHECK(cursor.seg == r.nr_segs);
	}
}

/* One command's pages, as 4.3 of the specification says; list lies where list_addr says. */
static bool nvme_moves(const struct nvme_cmd *c, const struct nvme_list *list, uint64_t list_addr,
		       uint64_t len, unsigned int n)
{
	uint64_t part = min(len, PAGE_SIZE - c->prp1 % PAGE_SIZE);

	if (!device_moves(c->prp1, part, n))
		return false;
	len -= part;
	if (len && len <= PAGE_SIZE)
		return !(c->prp2 % PAGE_SIZE) && device_moves(c->prp2, len, n);
	if (len && c->prp2 != list_addr)
		return false;
	for (unsigned int i = 0; len; i++, len -= part) {
		part = min(len, PAGE_SIZE);
		if (list->page[i] % PAGE_SIZE || !device_moves(list->page[i], part, n))
			return false;
	}
	return true;
}

static void nvme_memory(void)
{
	for (unsigned int round = 0; round < ROUNDS; round++) {
		uint32_t block = rnd(2) ? 512 : 4096, sectors = 0;
		struct disk_req r = random_request(block);
		unsigned int pieces = nvme_pieces(&r), first = 0;

		memset(&cursor, 0, sizeof(cursor));
		CHECK(pieces && pieces <= r.nr_segs);
		while (pieces--) {
			struct nvme_list list = { { 0 } };
			uint32_t before = sectors;
			struct nvme_cmd c;
			uint64_t len;

			nvme_command(&r, block, &first, &sectors, &list, 0xabc000, &c);
			len = (c.cdw12 & 0xffff) + 1ull;
			CHECK(len * block == (sectors - before) * 512ull);
			CHECK(((uint64_t)c.cdw11 << 32 | c.cdw10) * (block / 512) ==
			      r.sector + before);
			CHECK(c.opcode == (r.op == DISK_READ ? NVME_READ : NVME_WRITE));
			CHECK(nvme_moves(&c, &list, 0xabc000, len * block, r.nr_segs));
		}
		CHECK(cursor.seg == r.nr_segs && sectors == r.sectors);
	}
}

/* --- commands */

static void ata_commands(void)
{
	struct ata_info info = { .block_size = 512, .fua = true };
	struct disk_req r = { .op = DISK_WRITE, .sector = 0x123456789a, .sectors = 0x1234 };
	struct ata_regs regs;
	uint8_t fis[20];

	ata_command(&info, &r, -1, &regs, NULL);
	CHECK(regs.command == 0x35 && regs.count == 0x1234 && regs.device == ATA_DEVICE_LBA);
	ata_fis(&regs, fis);
	CHECK(!memcmp(fis, "\x27\x80\x35\0\x9a\x78\x56\x40\x34\x12\0\0\x34\x12\0\0\0\0\0", 20));
	r.fua = true;
	ata_command(&info, &r, -1, &regs, NULL);
	CHECK(regs.command == 0x3d);
	ata_command(&info, &r, 5, &regs, NULL);
	CHECK(regs.command == 0x61 && regs.count == 5 << 3 && regs.features == 0x1234);
	CHECK(regs.device & 0x80);
	info.block_size = 4096;
	r.sector = 80, r.sectors = 16, r.op = DISK_READ;
	ata_command(&info, &r, -1, &regs, NULL);
	CHECK(regs.command == 0x25 && regs.lba == 10 && regs.count == 2);
	r.op = DISK_FLUSH;
	ata_command(&info, &r, -1, &regs, NULL);
	CHECK(regs.command == 0xea && !regs.lba && !regs.count);
}

static void trim(void)
{
	struct ata_info info = { .block_size = 512 };

	for (unsigned int round = 0; round < 1000; round++) {
		struct disk_req r = { .op = DISK_DISCARD, .sector = rnd(1ull << 40) };
		uint64_t ranges[64], at = r.sector;
		struct ata_regs regs;

		r.sectors = (uint32_t)(1 + rnd(rnd(2) ? 200000 : ATA_TRIM_MAX));
		ata_command(&info, &r, -1, &regs, (uint8_t *)ranges);
		CHECK(regs.command == 6 && regs.features == 1 && regs.count == 1);
		for (unsigned int i = 0; i < 64; i++) {
			CHECK(!(ranges[i] >> 48) || (ranges[i] & 0xffffffffffff) == at);
			at += ranges[i] >> 48;
		}
		CHECK(at == r.sector + r.sectors);
	}
}

static void packets(void)
{
	struct disk_req r = { .op = DISK_READ, .sector = 4 * 0x01020304, .sectors = 4 * 3 };
	struct ata_info info = { .atapi = true, .dmadir = true };
	struct ata_regs regs;
	uint8_t cdb[ATAPI_CDB];

	atapi_read(&r, cdb);
	CHECK(!memcmp(cdb, "\xa8\0\1\2\3\4\0\0\0\3\0", 12));
	ata_packet(&info, 6144, true, &regs);
	CHECK(regs.command == ATA_PACKET && regs.features == 5 && !regs.lba);
	ata_packet(&info, 18, false, &regs);
	CHECK(!regs.features && regs.lba == 18 << 8);
	CHECK(atapi_capacity((const uint8_t *)"\0\0\0\x09\0\0\x08") == 40);
	CHECK(!atapi_capacity((const uint8_t *)"\0\0\0\x09\0\0\x02"));
}

/* --- a CD drive that does what the script says: an answer for each command, 'x' fails */

static const char *script;
static uint8_t answer[ATAPI_SENSE_LEN];

static int drive(void *d, uint8_t opcode, uint8_t len, s_time_t time)
{
	memset(answer, 0, sizeof(answer));
	clock_now += MILLISECS(50);
	if (opcode == ATAPI_READ_CAPACITY)
		memcpy(answer, "\0\0\0\x63\0\0\x08\0", 8);
	if (opcode == ATAPI_REQUEST_SENSE)
		answer[12] = *script == 'n' ? 0x3a : 0x04;
	if (script[1])
		return *script++ == 'x' ? -EIO : 0;
	return *script == 'x' ? -EIO : 0;
}

static void medium(void)
{
	static const struct {
		const char *script;
		uint64_t sectors;
	} cases[] = { { "ok", 400 },
		      { "xsxsok", 400 },
		      { "xnx", 0 },
		      { "xx", 0 },
		      { "oxsok", 400 } };

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		script = cases[i].script;
		CHECK(atapi_medium_size(drive, NULL, answer) == cases[i].sectors);
	}
	answer[12] = 0x28;
	CHECK(atapi_other_medium(answer));
	answer[12] = 0x29;
	CHECK(!atapi_other_medium(answer));
}

/* --- IDENTIFY */

static bool is_text(const char *s, size_t size)
{
	size_t len = strnlen(s, size);

	if (len == size || (len && (s[0] == ' ' || s[len - 1] == ' ')))
		return false;
	for (size_t i = 0; i < len; i++)
		if (s[i] < ' ' || s[i] > '~')
			return false;
	return true;
}

static void disk_words(uint16_t *id)
{
	memset(id, 0, 512);
	memcpy(id + 27, "EQUMH RADDSI K                          ", 40);
	memcpy(id + 10, " 1 2                ", 20);
	id[49] = 3 << 8;
	id[53] = 4;
	id[75] = 31;
	id[76] = 1 << 8;
	id[83] = 0x4000 | 1 << 10 | 1 << 13;
	id[88] = 0x203f;
	id[100] = 0x5678;
	id[101] = 0x34;
}

static void identify(void)
{
	uint16_t id[256];
	struct ata_info info;
	struct disk disk = { 0 };

	disk_words(id);
	CHECK(!ata_identify_parse(id, false, &info));
	CHECK(!strcmp(info.model, "QEMU HARDDISK") && !strcmp(info.serial, "1 2"));
	CHECK(info.sectors == 0x345678 && info.block_size == 512 && info.queue_depth == 32);
	CHECK(info.flush && !info.fua && !info.trim && info.rotational && info.mode == 0x45);
	ata_describe(&info, &disk);
	CHECK(disk.sectors == 0x345678 && !disk.cdrom && disk.can_flush && disk.depth == 1);
	id[106] = 0x5000;
	id[117] = 2048;
	CHECK(!ata_identify_parse(id, false, &info));
	CHECK(info.sectors == 8ull * 0x345678 && info.block_size == 4096);
	id[117] = 1024;
	CHECK(ata_identify_parse(id, false, &info) == -ENODEV);
	disk_words(id);
	id[83] &= (uint16_t) ~(1 << 10);
	CHECK(ata_identify_parse(id, false, &info) == -ENODEV);
	disk_words(id);
	id[100] = id[101] = 0;
	CHECK(ata_identify_parse(id, false, &info) == -ENODEV);
	CHECK(ata_identify_parse(id, true, &info) == -ENODEV);
	id[0] = 0x8500;
	CHECK(!ata_identify_parse(id, true, &info) && info.atapi && info.block_size == 2048);
}

static void identify_garbage(void)
{
	static uint8_t page[4096];

	for (unsigned int round = 0; round < ROUNDS; round++) {
		struct nvme_ctrl_info ctrl;
		struct nvme_ns_info ns;
		struct ata_info info;

		for (unsigned int i = 0; i < 768; i++)
			page[i] = (uint8_t)rnd(256);
		page[26] &= rnd(2) ? 0xf0 : 0xff;
		page[130] = (uint8_t)(rnd(2) ? 9 : rnd(256));
		if (rnd(2))
			page[128] = page[129] = page[29] = 0;
		if (!ata_identify_parse((const uint16_t *)page, false, &info)) {
			CHECK(info.sectors && info.sectors >> 51 == 0 && info.queue_depth <= 32);
			CHECK(info.block_size == 512 || info.block_size == 4096);
		}
		CHECK(is_text(info.model, sizeof(info.model)));
		CHECK(is_text(info.serial, sizeof(info.serial)));
		ata_identify_parse((const uint16_t *)page, true, &info);
		nvme_parse_controller(page, 4096, &ctrl);
		CHECK(is_text(ctrl.model, sizeof(ctrl.model)));
		CHECK(is_text(ctrl.serial, sizeof(ctrl.serial)));
		CHECK(!ctrl.max_sectors || ctrl.max_sectors >= 16);
		if (!nvme_parse_namespace(page, &ns))
			CHECK(ns.sectors && (ns.block_size == 512 || ns.block_size == 4096));
	}
}

int main(void)
{
	static const struct test tests[] = {
		TEST(ahci_memory),  TEST(ide_memory), TEST(nvme_memory),
		TEST(ata_commands), TEST(trim),	      TEST(packets),
		TEST(medium),	    TEST(identify),   TEST(identify_garbage),
	};

	return TEST_RUN(tests);
}
