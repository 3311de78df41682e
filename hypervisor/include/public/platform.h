/* SPDX-License-Identifier: MIT */
/*
 * The machine, for domain 0: platform_op(struct xen_platform_op *). -EACCES when
 * interface_version is not XENPF_INTERFACE_VERSION. Power management data, microcode and
 * memory types are defined as far as Linux asks for them; what is not offered is -ENOSYS.
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

#define XEN_EFI_get_time 1
#define XEN_EFI_set_time 2
#define XEN_EFI_get_wakeup_time 3
#define XEN_EFI_set_wakeup_time 4
#define XEN_EFI_get_next_high_monotonic_count 5
#define XEN_EFI_get_variable 6
#define XEN_EFI_set_variable 7
#define XEN_EFI_get_next_variable_name 8
#define XEN_EFI_query_variable_info 9
#define XEN_EFI_query_capsule_capabilities 10
#define XEN_EFI_update_capsule 11

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

/* Memory-type range registers. read: -EINVAL beyond the last register. */
struct xenpf_add_memtype {
	uint64_t mfn, nr_mfns;
	uint32_t type;
	uint32_t handle, reg; /* OUT */
};

struct xenpf_del_memtype {
	uint32_t handle, reg;
};

struct xenpf_read_memtype {
	uint32_t reg; /* IN */
	uint32_t pad;
	uint64_t mfn, nr_mfns; /* OUT */
	uint32_t type;	       /* OUT */
};

struct xenpf_microcode_update {
	uint64_t data; /* guest address */
	uint32_t length;
};

struct xenpf_efi_time {
	uint16_t year;
	uint8_t month, day, hour, min, sec;
	uint32_t ns;
	int16_t tz; /* minutes from UTC */
	uint8_t daylight;
};

struct xenpf_efi_guid {
	uint32_t data1;
	uint16_t data2, data3;
	uint8_t data4[8];
};

struct xenpf_efi_runtime_call {
	uint32_t function; /* XEN_EFI_* */
	uint32_t misc;	   /* flags or attributes of the call */
	uint64_t status;   /* OUT: EFI status */
	union {
		struct {
			struct xenpf_efi_time time;
			uint32_t resolution, accuracy;
		} get_time;
		struct xenpf_efi_time set_time, get_wakeup_time, set_wakeup_time;
		struct {
			uint64_t name, size, data;
			struct xenpf_efi_guid vendor_guid;
		} get_variable, set_variable;
		struct {
			uint64_t size, name;
			struct xenpf_efi_guid vendor_guid;
		} get_next_variable_name;
		struct {
			uint32_t attr;
			uint64_t max_store_size, remain_store_size, max_size;
		} query_variable_info;
		struct {
			uint64_t capsule_header_array, capsule_count, max_capsule_size;
			uint32_t reset_type;
		} query_capsule_capabilities;
		struct {
			uint64_t capsule_header_array, capsule_count, sg_list;
		} update_capsule;
	} u;
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

struct xenpf_change_freq {
	uint32_t flags, cpu;
	uint64_t freq;
};

struct xenpf_getidletime {
	uint64_t cpumap_bitmap;
	uint32_t cpumap_nr_cpus;
	uint32_t pad;
	uint64_t idletime, now;
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

struct xenpf_core_parking {
	uint32_t type, idle_nums;
};

struct xenpf_symdata {
	uint32_t namelen, symnum;
	uint64_t name;
	uint64_t address;
	char type;
};

struct xen_platform_op {
	uint32_t cmd;		    /* XENPF_* */
	uint32_t interface_version; /* XENPF_INTERFACE_VERSION */
	union {
		struct xenpf_settime32 settime32;
		struct xenpf_settime64 settime64;
		struct xenpf_add_memtype add_memtype;
		struct xenpf_del_memtype del_memtype;
		struct xenpf_read_memtype read_memtype;
		struct xenpf_microcode_update microcode;
		struct xenpf_efi_runtime_call efi_runtime_call;
		struct xenpf_firmware_info firmware_info;
		struct xenpf_enter_acpi_sleep enter_acpi_sleep;
		struct xenpf_change_freq change_freq;
		struct xenpf_getidletime getidletime;
		struct xenpf_pcpuinfo pcpu_info;
		struct xenpf_pcpu_version pcpu_version;
		struct xenpf_cpu_ol cpu_ol;
		struct xenpf_core_parking core_parking;
		struct xenpf_symdata symdata;
		struct dom0_vga_console_info dom0_console;
		uint8_t pad[128];
	} u;
};
_Static_assert(sizeof(struct xen_platform_op) == 136, "xen_platform_op");

#endif /* __ASSEMBLER__ */
#endif
