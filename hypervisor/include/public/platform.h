/* SPDX-License-Identifier: MIT */
/*
 * The machine, for domain 0: platform_op(struct xen_platform_op *). -EACCES when
 * interface_version is not XENPF_INTERFACE_VERSION. Operations without a structure here are
 * not offered (-ENOSYS): firmware run-time services, microcode, memory types, frequencies.
 */
#ifndef XENO_PUBLIC_PLATFORM_H
#define XENO_PUBLIC_PLATFORM_H

#include "xen.h"

#define XENPF_INTERFACE_VERSION 0x03000001

#define XENPF_settime32 17
#define XENPF_add_memtype 31
#define XENPF_del_memtype 32
#define XENPF_read_memtype 33
#define XENPF_microcode_update 35
#define XENPF_platform_quirk 39
#define XENPF_get_cpu_version 48
#define XENPF_efi_runtime_call 49
#define XENPF_firmware_info 50
#define XENPF_enter_acpi_sleep 51
#define XENPF_change_freq 52
#define XENPF_getidletime 53
#define XENPF_set_processor_pminfo 54
#define XENPF_get_cpuinfo 55
#define XENPF_cpu_online 56
#define XENPF_cpu_offline 57
#define XENPF_cpu_hotadd 58
#define XENPF_mem_hotadd 59
#define XENPF_core_parking 60
#define XENPF_resource_op 61
#define XENPF_settime64 62
#define XENPF_get_symbol 63
#define XENPF_get_dom0_console 64

#define XEN_FW_DISK_INFO 1
#define XEN_FW_DISK_MBR_SIGNATURE 2
#define XEN_FW_VBEDDC_INFO 3
#define XEN_FW_EFI_INFO 4
#define XEN_FW_KBD_SHIFT_FLAGS 5
#define XEN_FW_EFI_VERSION 0
#define XEN_FW_EFI_CONFIG_TABLE 1
#define XEN_FW_EFI_VENDOR 2
#define XEN_FW_EFI_MEM_INFO 3
#define XEN_FW_EFI_RT_VERSION 4
#define XEN_FW_EFI_PCI_ROM 5
#define XEN_FW_EFI_APPLE_PROPERTIES 6

#define XENPF_ACPI_SLEEP_EXTENDED 1
#define XEN_PCPU_FLAGS_ONLINE 1
#define XEN_PCPU_FLAGS_INVALID 2

#ifndef __ASSEMBLER__

/* The wall clock was secs.nsecs (Unix) at system_time. */
struct xenpf_settime32 {
	uint32_t secs, nsecs;
	uint64_t system_time;
};

struct xenpf_settime64 {
	uint64_t secs;
	uint32_t nsecs;
	uint32_t mbz;
	uint64_t system_time;
};

struct xenpf_read_memtype {
	uint32_t reg; /* IN */
	uint32_t pad;
	uint64_t mfn, nr_mfns; /* OUT */
	uint32_t type;	       /* OUT */
};

struct xenpf_firmware_info {
	uint32_t type;	/* IN: XEN_FW_* */
	uint32_t index; /* IN: which */
	union {
		struct {
			uint8_t device, version;
			uint16_t interface_support, legacy_max_cylinder;
			uint8_t legacy_max_head, legacy_sectors_per_track;
			uint64_t edd_params;
		} disk_info;
		struct {
			uint8_t device;
			uint32_t mbr_signature;
		} disk_mbr_signature;
		struct {
			uint8_t capabilities, edid_transfer_time;
			uint64_t edid;
		} vbeddc_info;
		union xenpf_efi_info {
			uint32_t version;
			struct {
				uint64_t addr;
				uint32_t nent;
			} cfg;
			struct {
				uint32_t revision;
				uint32_t bufsz; /* IN: bytes; OUT */
				uint64_t name;	/* guest address, UTF-16 */
			} vendor;
			struct {
				uint64_t addr, size, attr;
				uint32_t type;
			} mem;
			struct {
				uint16_t segment;
				uint8_t bus, devfn;
				uint16_t vendor, devid;
				uint64_t address, size;
			} pci_rom;
			struct {
				uint64_t address, size;
			} apple_properties;
		} efi_info;
		uint8_t kbd_shift_flags;
	} u; /* OUT */
};

/* Writes the sleep registers: state 5 powers off. */
struct xenpf_enter_acpi_sleep {
	uint16_t val_a, val_b; /* PM1a and PM1b control, or sleep control when EXTENDED */
	uint32_t sleep_state;  /* 1..5 */
	uint32_t flags;	       /* XENPF_ACPI_SLEEP_EXTENDED */
};

/* -ENOENT beyond the last CPU. max_present: highest number. */
struct xenpf_pcpuinfo {
	uint32_t xen_cpuid;   /* IN */
	uint32_t max_present; /* OUT, also the following */
	uint32_t flags;	      /* XEN_PCPU_FLAGS_* */
	uint32_t apic_id, acpi_id;
};

struct xenpf_pcpu_version {
	uint32_t xen_cpuid;   /* IN */
	uint32_t max_present; /* OUT, also the following */
	char vendor_id[12];
	uint32_t family, model, stepping;
};

struct xenpf_cpu_ol {
	uint32_t cpuid;
};

struct xen_platform_op {
	uint32_t cmd;		    /* XENPF_* */
	uint32_t interface_version; /* XENPF_INTERFACE_VERSION */
	union {
		struct xenpf_settime32 settime32;
		struct xenpf_settime64 settime64;
		struct xenpf_read_memtype read_memtype;
		struct xenpf_firmware_info firmware_info;
		struct xenpf_enter_acpi_sleep enter_acpi_sleep;
		struct xenpf_pcpuinfo pcpu_info;
		struct xenpf_pcpu_version pcpu_version;
		struct xenpf_cpu_ol cpu_ol;
		struct dom0_vga_console_info dom0_console;
		uint8_t pad[128];
	} u;
};
_Static_assert(sizeof(struct xen_platform_op) == 136, "xen_platform_op");

#endif /* __ASSEMBLER__ */
#endif
