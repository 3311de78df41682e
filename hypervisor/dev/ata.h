/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What AHCI and IDE drives have in common: the data of IDENTIFY, and commands as values of
 * the task file (ATA8-ACS, MMC-6 for CD drives). Pure: compiled on the host for its test.
 */
#ifndef DEV_ATA_H
#define DEV_ATA_H

#include <hyp/disk.h>

/* Commands and bits of the status and error registers. */
#define ATA_IDENTIFY 0xec
#define ATA_IDENTIFY_PACKET 0xa1
#define ATA_PACKET 0xa0
#define ATA_DEVICE_LBA 0x40
#define ATA_BSY 0x80
#define ATA_DF 0x20
#define ATA_DRQ 0x08
#define ATA_ERR 0x01
#define ATA_ERROR_CRC 0x80 /* of a transfer on the cable; not of an ATAPI command */

#define ATA_TRIM_MAX (64 * 0xffffu) /* blocks of one command */

#define ATAPI_CDB 12
#define ATAPI_BLOCK 2048u
#define ATAPI_SENSE_LEN 18
#define ATAPI_UNIT_ATTENTION 6 /* sense key: the bits 7 to 4 of the error register */

struct ata_info {
	char model[DISK_MODEL_MAX], serial[DISK_SERIAL_MAX];
	uint64_t sectors; /* of 512 bytes; 0 for ATAPI */
	uint32_t block_size;
	unsigned int queue_depth; /* of NCQ, 0: none */
	bool atapi, dmadir;	  /* dmadir: a bridge that must be told the direction */
	bool flush, fua, trim, rotational;
	uint8_t mode; /* of transfers, that is set: as SET FEATURES wants it; 0: unknown */
};

/* What the drive answered; atapi: to IDENTIFY PACKET DEVICE. -ENODEV: not a drive we can use. */
int ata_identify_parse(const uint16_t *id, bool atapi, struct ata_info *info);
/* The fields of a struct disk that follow from it. */
void ata_describe(const struct ata_info *info, struct disk *disk);

struct ata_regs {
	uint8_t command, device;
	uint16_t features, count;
	uint64_t lba; /* 48 bits */
};

/*
 * The command for r; not for ATAPI drives. tag: of a queued command (READ and WRITE only),
 * -1: not queued. trim: 512 bytes that DISCARD sends.
 */
void ata_command(const struct ata_info *info, const struct disk_req *r, int tag,
		 struct ata_regs *regs, uint8_t *trim);
/* A PACKET command that moves len bytes; dma: by DMA. */
void ata_packet(const struct ata_info *info, uint32_t len, bool dma, struct ata_regs *regs);
/* Register FIS, host to device (SATA 3.0, 10.3.4): 20 bytes. */
void ata_fis(const struct ata_regs *regs, uint8_t *fis);

void atapi_read(const struct disk_req *r, uint8_t *cdb);
/* One of the commands below, with an answer of len bytes, not by DMA. */
void atapi_command(const struct ata_info *info, uint8_t opcode, uint8_t len, uint8_t *cdb,
		   struct ata_regs *regs);
#define ATAPI_TEST_UNIT_READY 0x00
#define ATAPI_REQUEST_SENSE 0x03
#define ATAPI_READ_CAPACITY 0x25
/* Sense data: the medium is gone, or another one. */
bool atapi_other_medium(const uint8_t *sense);
/*
 * The sectors of 512 bytes of what lies in a CD drive, 0: nothing that can be used. Boot only, as
 * it waits. send: a packet command with an answer of len bytes into buffer; 0 or -EIO.
 */
uint64_t atapi_medium_size(int (*send)(void *drive, uint8_t opcode, uint8_t len, s_time_t time),
			   void *drive, const uint8_t *buffer);
/* Sectors of 512 bytes by READ CAPACITY's answer; 0: not of 2048-byte blocks. */
uint64_t atapi_capacity(const uint8_t *answer);

/* A physical region descriptor of AHCI (4.2.3.3). */
struct ahci_prd {
	uint64_t addr;
	uint32_t reserved, count; /* bytes - 1 */
};
/* Describes the segments, joining neighbours. Returns how many entries. */
unsigned int ahci_prdt_build(struct ahci_prd *prdt, const struct disk_seg *segs, unsigned int n);

/* The same of IDE's bus masters: does not cross 64 KiB. */
struct ide_prd {
	uint32_t addr, count; /* bytes, 0: 64 KiB */
};
#define IDE_PRD_LAST (1u << 31)
/* Memory within a page, below 4 GiB, after the `used` entries. Returns how many there are now. */
unsigned int ide_prd_add(struct ide_prd *prdt, unsigned int used, maddr_t addr, uint32_t len);

#endif
