/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel's decompressors expect of their surroundings when they are built
 * for use before the kernel runs ("pre-boot"). The Makefile makes one-line headers
 * <linux/kernel.h> and so on that include this. Each decompressor is one C file here
 * that includes the kernel's; its memory comes from a block handed in.
 */
#ifndef UNPACK_SHIM_H
#define UNPACK_SHIM_H

#include <limits.h>
#include <hyp/lib.h>

#define STATIC static
#define __KERNEL__
#define CONFIG_X86
#define __DISABLE_EXPORTS
#define _LINUX_KERNEL_H
#define __LITTLE_ENDIAN 1234
#define EXPORT_SYMBOL(x)
#define EXPORT_SYMBOL_GPL(x)
#define MODULE_LICENSE(x)
#define MODULE_DESCRIPTION(x)
#define GFP_KERNEL 0
#define CONFIG_HAVE_EFFICIENT_UNALIGNED_ACCESS
#define BITS_PER_LONG 64
#define __maybe_unused __attribute__((unused))
#define noinline __attribute__((noinline))
#define fallthrough __attribute__((fallthrough))
#define __force
#define WARN_ON(c) (!!(c))
#define BUILD_BUG_ON(c) _Static_assert(!(c), #c)
#define IS_ENABLED(c) 0
#define min_t(t, a, b) min((t)(a), (t)(b))
#undef __always_inline
#define __always_inline inline __attribute__((always_inline))

typedef uint8_t u8, __u8;
typedef uint16_t u16, __u16, __le16;
typedef uint32_t u32, __u32, __le32;
typedef uint64_t u64, __u64, __le64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;
typedef uint8_t Byte;
typedef unsigned long ulong, uLong;

#define get_unaligned(p)                                                                           \
	({                                                                                         \
		struct __packed {                                                                  \
			__typeof__(*(p)) v;                                                        \
		} const *_u = (const void *)(p);                                                   \
		_u->v;                                                                             \
	})
#define put_unaligned(x, p)                                                                        \
	({                                                                                         \
		struct __packed {                                                                  \
			__typeof__(*(p)) v;                                                        \
		} *_u = (void *)(p);                                                               \
		_u->v = (x);                                                                       \
	})
#define get_unaligned_le16(p) get_unaligned((const u16 *)(const void *)(p))
#define get_unaligned_le32(p) get_unaligned((const u32 *)(const void *)(p))
#define get_unaligned_le64(p) get_unaligned((const u64 *)(const void *)(p))
#define put_unaligned_le16(v, p) put_unaligned((u16)(v), (u16 *)(void *)(p))
#define put_unaligned_le32(v, p) put_unaligned((u32)(v), (u32 *)(void *)(p))
#define put_unaligned_le64(v, p) put_unaligned((u64)(v), (u64 *)(void *)(p))
#define le32_to_cpup(p) (*(p))
#define le16_to_cpup(p) (*(p))
#define swab16(v) __builtin_bswap16(v)
#define swab32(v) __builtin_bswap32(v)
#define swab64(v) __builtin_bswap64(v)

/* The block <linux/decompress/mm.h> allocates from. */
static unsigned long free_mem_ptr, free_mem_end_ptr;

static inline void shim_memory(void *work, size_t size)
{
	free_mem_ptr = (unsigned long)work;
	free_mem_end_ptr = free_mem_ptr + size;
}

/* The kernel's code reports by a callback and a result; the result is enough. */
static inline void shim_error(char *s)
{
	printk(LOG_WARN "unpack: %s\n", s);
}

/* One of these per format; src ends with Linux's 4-byte length of the whole. Output bytes or -Exxx. */
#define WORK_ORDER 7
#define WORK_SIZE (PAGE_SIZE << WORK_ORDER)
typedef long unpack_fn(const uint8_t *src, size_t len, uint8_t *dst, size_t dst_len, void *work);
unpack_fn unpack_gzip, unpack_xz, unpack_zstd, unpack_lz4;

#endif
