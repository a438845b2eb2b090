/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tidal/base.h - the words that every other header uses: ids, units, limits.
 *
 * Freestanding: needs <stddef.h> and <stdint.h> only.
 */
#ifndef TIDAL_BASE_H
#define TIDAL_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define TIDAL_BEGIN_DECLS extern "C" {
#define TIDAL_END_DECLS }
#else
#define TIDAL_BEGIN_DECLS
#define TIDAL_END_DECLS
#endif

#if defined(__GNUC__)
#define TIDAL_API __attribute__((visibility("default")))
#define TIDAL_CHECKED __attribute__((warn_unused_result))
#else
#define TIDAL_API
#define TIDAL_CHECKED
#endif

/* Version of the API in these headers; tidal_version() gives that of the library. */
#define TIDAL_VERSION_MAJOR 0
#define TIDAL_VERSION_MINOR 1
#define TIDAL_VERSION_PATCH 0

/*
 * Pod time in nanoseconds. It starts near 0 when the pod starts, never goes
 * backwards on any node, and is carried by every message, so that whatever a
 * message causes happens later than the message. TIDAL_NEVER: no time at all.
 */
typedef uint64_t tidal_time;
#define TIDAL_NEVER UINT64_MAX

/* Guest physical address in bytes, and guest frame number (gpa >> 12). */
typedef uint64_t tidal_gpa;
typedef uint64_t tidal_gfn;
#define TIDAL_PAGE_SHIFT 12
#define TIDAL_PAGE_SIZE 4096u
#define TIDAL_GFN_BITS 34 /* guests up to 64 TiB */
#define TIDAL_GFN_NONE UINT64_MAX

/*
 * A range is the unit of homes and of dormant extents: 2 MiB, aligned. An
 * extent of order k is 2^k ranges, aligned to its size.
 */
#define TIDAL_RANGE_SHIFT 9 /* pages in a range: 1 << 9 */
#define TIDAL_RANGE_PAGES 512u
#define TIDAL_ORDER_MAX 25 /* one extent of order 25 is 64 TiB */

/* A real page of this node, 0 .. params.frames - 1. */
typedef uint32_t tidal_frame;
#define TIDAL_FRAME_NONE UINT32_MAX
#define TIDAL_FRAME_ZERO (UINT32_MAX - 1) /* the host's shared read-only page of zeroes */

/* A member of the pod, 0 .. params.nodes - 1; node 0 is the master. */
typedef uint16_t tidal_nodeid;
#define TIDAL_NODE_NONE UINT16_MAX
#define TIDAL_NODES_MAX 1024

/* A virtual processor of the guest, 0 .. vmap.vcpus - 1. */
typedef uint16_t tidal_vcpuid;
#define TIDAL_VCPU_NONE UINT16_MAX
#define TIDAL_VCPUS_MAX 1024

/* A set of nodes: bit n of w[n / 64] is node n. */
struct tidal_nodeset {
	uint64_t w[TIDAL_NODES_MAX / 64];
};

/* How an instruction (or a VMM thread) touched a page. */
enum tidal_access {
	TIDAL_READ = 0,
	TIDAL_WRITE = 1,
	TIDAL_EXEC = 2,
	TIDAL_ZERO = 3, /* the instruction has the effect of zeroing the whole page */
	TIDAL_IO = 4,	/* a device register, not memory */
};

#endif
