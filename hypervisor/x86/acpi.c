/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ACPI tables (ACPI 6.4, chapter 5): found, mapped once, checked (length, checksum);
 * CPUs, IOAPICs and overrides taken from the MADT. No AML: that is domain 0's.
 */
#include <hyp/boot.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/smp.h>

#define MAX_TABLES 64
#define MAX_TABLE_SIZE (1u << 20)
#define HEADER 36

uint64_t acpi_rsdp;

static struct {
	const uint8_t *p;
	uint64_t addr;
} tables[MAX_TABLES];
static unsigned int nr_tables;

static bool sum_ok(const uint8_t *p, size_t len)
{
	uint8_t sum = 0;

	while (len--)
		sum += *p++;
	return sum == 0;
}

/* --- the RSDP: EFI's configuration table, the loader's copy, or a search */

static bool rsdp_ok(const uint8_t *p)
{
	return !memcmp(p, "RSD PTR ", 8) && sum_ok(p, 20);
}

/* On 16-byte borders in [start, end), all below 1 MiB. */
static uint64_t rsdp_scan(uint64_t start, uint64_t end)
{
	const uint8_t *p = mmio_map(MADDR(start), end - start);

	for (uint64_t i = 0; p && i + 36 <= end - start; i += 16)
		if (rsdp_ok(p + i))
			return start + i;
	return 0;
}

static uint64_t rsdp_bios(void)
{
	const uint8_t *bda = mmio_map(MADDR(0), PAGE_SIZE);
	uint64_t ebda = bda ? (uint64_t)(bda[0x40e] | bda[0x40f] << 8) << 4 : 0;
	uint64_t found = 0;

	if (ebda >= 0x400 && ebda < 0xa0000)
		found = rsdp_scan(ebda, min(ebda + 1024, (uint64_t)0xa0000));
	return found ? found : rsdp_scan(0xe0000, 0x100000);
}

/* UEFI 2.9, 4.6: pairs of GUID and address. */
static uint64_t rsdp_efi(void)
{
	static const uint8_t guid[16] = { 0x71, 0xe8, 0x68, 0x88, 0xf1, 0xe4, 0xd3, 0x11,
					  0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81 };
	const uint8_t *st = boot_efi_systab ? mmio_map(MADDR(boot_efi_systab), 120) : NULL;
	const uint8_t *config;
	uint64_t n;

	if (!st || memcmp(st, "IBI SYST", 8))
		return 0;
	n = min(le64(st + 104), (uint64_t)256);
	config = n ? mmio_map(MADDR(le64(st + 112)), n * 24) : NULL;
	for (uint64_t i = 0; config && i < n; i++)
		if (!memcmp(config + i * 24, guid, 16))
			return le64(config + i * 24 + 16);
	return 0;
}

static const uint8_t *find_rsdp(void)
{
	const uint8_t *p;

	acpi_rsdp = rsdp_efi();
	if (!acpi_rsdp)
		acpi_rsdp = rsdp_bios();
	p = acpi_rsdp ? mmio_map(MADDR(acpi_rsdp), 36) : NULL;
	if (p && rsdp_ok(p))
		return p;
	acpi_rsdp = 0;
	return boot_rsdp_size >= 20 && rsdp_ok(boot_rsdp) ? boot_rsdp : NULL;
}

/* --- tables */

static const uint8_t *map_table(uint64_t addr)
{
	const uint8_t *p = addr ? mmio_map(MADDR(addr), HEADER) : NULL;
	uint32_t len = p ? le32(p + 4) : 0;

	if (len < HEADER || len > MAX_TABLE_SIZE)
		return NULL;
	p = mmio_map(MADDR(addr), len);
	if (p && !sum_ok(p, len)) {
		printk(LOG_WARN "acpi: table %.4s has a wrong checksum\n", (const char *)p);
		return NULL;
	}
	return p;
}

static void add_table(uint64_t addr)
{
	const uint8_t *p = map_table(addr);

	if (!p || nr_tables == MAX_TABLES)
		return;
	tables[nr_tables].p = p;
	tables[nr_tables++].addr = addr;
	printk(LOG_DEBUG "acpi: %.4s at %llx, %u bytes\n", (const char *)p,
	       (unsigned long long)addr, le32(p + 4));
}

const void *acpi_find(const char sig[4])
{
	for (unsigned int i = 0; i < nr_tables; i++)
		if (!memcmp(tables[i].p, sig, 4))
			return tables[i].p;
	return NULL;
}

/* XSDT or RSDT: a list of addresses. The DSDT is not in it, but in the FADT. */
static bool read_root(const uint8_t *rsdp)
{
	bool wide = rsdp[15] >= 2 && le64(rsdp + 24);
	const uint8_t *root = map_table(wide ? le64(rsdp + 24) : le32(rsdp + 16));
	unsigned int step = wide ? 8 : 4;
	const uint8_t *fadt;

	if (!root)
		return false;
	for (uint32_t pos = HEADER; pos + step <= le32(root + 4); pos += step)
		add_table(wide ? le64(root + pos) : le32(root + pos));
	fadt = acpi_find("FACP");
	if (fadt && le32(fadt + 4) >= 148 && le64(fadt + 140))
		add_table(le64(fadt + 140));
	else if (fadt && le32(fadt + 4) >= 44)
		add_table(le32(fadt + 40));
	return nr_tables > 0;
}

/* --- MADT */

/* MPS INTI flags: polarity, then trigger mode; 0 = as the bus has it, ISA: high, edge. */
static void madt_override(const uint8_t *e)
{
	unsigned int flags = e[8];

	if (e[2] == 0)
		ioapic_add_override(e[3], le32(e + 4), (flags >> 2 & 3) == 3, (flags & 3) == 3);
}

static void madt_entry(const uint8_t *e, uint8_t len)
{
	if (e[0] == 0 && len >= 8 && le32(e + 4) & 1)
		smp_add_cpu(e[3]);
	else if (e[0] == 1 && len >= 12)
		ioapic_add(MADDR(le32(e + 4)), le32(e + 8));
	else if (e[0] == 2 && len >= 10)
		madt_override(e);
	else if (e[0] == 9 && len >= 16 && le32(e + 8) & 1)
		smp_add_cpu(le32(e + 4));
}

static bool read_madt(void)
{
	const uint8_t *madt = acpi_find("APIC");
	uint32_t len = madt ? le32(madt + 4) : 0;

	for (uint32_t pos = 44; pos + 2 <= len;) {
		uint8_t step = madt[pos + 1];

		if (step < 2 || step > len - pos)
			break;
		madt_entry(madt + pos, step);
		pos += step;
	}
	return madt != NULL;
}

void acpi_init(void)
{
	const uint8_t *rsdp;

	if (opt.ignorebiostables) {
		printk("acpi: firmware's tables are ignored: one CPU\n");
		return;
	}
	rsdp = opt.noacpi ? NULL : find_rsdp();
	if (rsdp && read_root(rsdp) && read_madt()) {
		printk("acpi: revision %u, %u tables\n", rsdp[15], nr_tables);
		return;
	}
	if (!mptable_init())
		printk(LOG_WARN "acpi: no tables that list CPUs: one is used\n");
}
