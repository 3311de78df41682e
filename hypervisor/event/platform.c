/* SPDX-License-Identifier: GPL-2.0-only */
/* platform_op: the machine as domain 0 asks about it (public/platform.h). Dispatch lets only it in. */
#include <hyp/boot.h>
#include <hyp/call.h>
#include <hyp/cpu.h>
#include <hyp/event.h>
#include <hyp/lib.h>
#include <hyp/mm.h>
#include <hyp/smp.h>
#include <hyp/timer.h>
#include <public/platform.h>

#define BDA_KBD_FLAGS 0x417 /* BIOS data area: state of the shift keys */
#define BDA_KBD_MASK 0x70   /* Scroll, Num and Caps Lock */

/* EFI system table, 64-bit (UEFI 2.9, 4.3), by offsets */
#define ST_BYTES 120
#define ST_REVISION 8
#define ST_VENDOR 24
#define ST_RUNTIME 88
#define ST_NR_TABLES 104
#define ST_TABLES 112
#define RT_REVISION 8
#define VENDOR_BYTES 200
#define S5 5

static const uint8_t *efi_map(uint64_t addr, size_t len)
{
	return addr ? mmio_map(MADDR(addr), len) : NULL;
}

static const uint8_t *system_table(void)
{
	static const uint8_t *table;

	if (!table)
		table = efi_map(boot_efi_systab, ST_BYTES);
	return table;
}

static long efi_vendor(const uint8_t *st, union xenpf_efi_info *i)
{
	static const uint8_t *name;
	uint32_t n = min(i->vendor.bufsz, (uint32_t)VENDOR_BYTES) & ~1u;
	uint16_t copy[VENDOR_BYTES / 2];
	uint32_t len = 0;

	if (!name)
		name = efi_map(le64(st + ST_VENDOR), VENDOR_BYTES);
	if (!name || n < 2)
		return -EINVAL;
	while (len + 2 < n && (name[len] || name[len + 1])) {
		copy[len / 2] = (uint16_t)(name[len] | name[len + 1] << 8);
		len += 2;
	}
	copy[len / 2] = 0;
	i->vendor.revision = le32(st + ST_VENDOR + 8);
	return guest_write(i->vendor.name, copy, len + 2) ? 0 : -EFAULT;
}

static long efi_info(uint32_t index, union xenpf_efi_info *i)
{
	static const uint8_t *runtime;
	const uint8_t *st = system_table();

	if (!st)
		return -ENODEV;
	switch (index) {
	case XEN_FW_EFI_VERSION:
		i->version = le32(st + ST_REVISION);
		return 0;
	case XEN_FW_EFI_CONFIG_TABLE:
		i->cfg.addr = le64(st + ST_TABLES);
		i->cfg.nent = le32(st + ST_NR_TABLES);
		return 0;
	case XEN_FW_EFI_VENDOR:
		return efi_vendor(st, i);
	case XEN_FW_EFI_RT_VERSION:
		if (!runtime)
			runtime = efi_map(le64(st + ST_RUNTIME), RT_REVISION + 4);
		if (!runtime)
			return -ENODEV;
		i->version = le32(runtime + RT_REVISION);
		return 0;
	default:
		return -ENOSYS;
	}
}

static long op_firmware_info(struct xen_platform_op *o)
{
	struct xenpf_firmware_info *f = &o->u.firmware_info;

	switch (f->type) {
	case XEN_FW_EFI_INFO:
		return efi_info(f->index, &f->u.efi_info);
	case XEN_FW_KBD_SHIFT_FLAGS:
		if (boot_efi_systab)
			return -ENODEV;
		f->u.kbd_shift_flags =
			*(const volatile uint8_t *)maddr_to_virt(MADDR(BDA_KBD_FLAGS)) &
			BDA_KBD_MASK;
		return 0;
	default: /* the BIOS was not asked about disks and monitors */
		return -ENODEV;
	}
}

static long op_settime32(struct xen_platform_op *o)
{
	const struct xenpf_settime32 *t = &o->u.settime32;

	return wallclock_set(t->secs, t->nsecs, (s_time_t)t->system_time);
}

static long op_settime64(struct xen_platform_op *o)
{
	const struct xenpf_settime64 *t = &o->u.settime64;

	return t->mbz ? -EINVAL : wallclock_set(t->secs, t->nsecs, (s_time_t)t->system_time);
}

static long op_enter_acpi_sleep(struct xen_platform_op *o)
{
	const struct xenpf_enter_acpi_sleep *s = &o->u.enter_acpi_sleep;

	if (s->sleep_state < 1 || s->sleep_state > S5)
		return -EINVAL;
	if (s->sleep_state != S5 || s->flags)
		return -ENOSYS;
	printk("domain 0: power off\n");
	machine_sleep(s->val_a, s->val_b);
	return -ENODEV;
}

static long op_get_cpuinfo(struct xen_platform_op *o)
{
	struct xenpf_pcpuinfo *p = &o->u.pcpu_info;

	if (p->xen_cpuid >= nr_cpus)
		return -ENOENT;
	p->max_present = nr_cpus - 1;
	p->flags = XEN_PCPU_FLAGS_ONLINE;
	p->apic_id = cpus[p->xen_cpuid]->apic_id;
	p->acpi_id = ~0u; /* not kept */
	return 0;
}

static const struct {
	uint32_t cmd;
	long (*fn)(struct xen_platform_op *o);
	bool out;
} ops[] = {
	{ XENPF_settime32, op_settime32, false },
	{ XENPF_settime64, op_settime64, false },
	{ XENPF_firmware_info, op_firmware_info, true },
	{ XENPF_enter_acpi_sleep, op_enter_acpi_sleep, false },
	{ XENPF_get_cpuinfo, op_get_cpuinfo, true },
};

/* (guest address of struct xen_platform_op) */
long hc_platform_op(struct hc_args *a)
{
	struct xen_platform_op o;
	long ret;

	if (!guest_read(&o, a->arg[0], sizeof(o)))
		return -EFAULT;
	if (o.interface_version != XENPF_INTERFACE_VERSION)
		return -EACCES;
	for (unsigned int i = 0; i < ARRAY_SIZE(ops); i++) {
		if (ops[i].cmd != o.cmd)
			continue;
		ret = ops[i].fn(&o);
		return ret || !ops[i].out || guest_write(a->arg[0], &o, sizeof(o)) ? ret : -EFAULT;
	}
	return -ENOSYS;
}
