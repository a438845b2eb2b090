/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tidal/trace.h - what happens on a node, for those who watch: one small record each.
 *
 * With TIDAL_PARAM_TRACE the core tells the moves that it counts (stats.h) by actions
 * (TIDAL_ACT_TRACE), one for each; tidal_node_callbacks.trace is given these, and what the driver
 * sees besides. Without that flag there are none, and they cost nothing.
 *
 * What moves has the same numbers where it leaves and where it arrives, and no other move has: vCPUs
 * vcpu and epoch; pages gfn and epoch; extents gfn (the first) and epoch; copies gfn, epoch, the
 * receiver and id. Something that left may not arrive: its node died, or a copy came too late to
 * be of use.
 */
#ifndef TIDAL_TRACE_H
#define TIDAL_TRACE_H

#include <tidal/base.h>

TIDAL_BEGIN_DECLS

enum tidal_trace_kind {
	/* From the core. node: the other one. */
	TIDAL_TRACE_SERVED = 1,	   /* vcpu, gfn: its stall is over; node: who had the page (or this one) */
	TIDAL_TRACE_VCPU_OUT = 2,  /* vcpu, epoch */
	TIDAL_TRACE_VCPU_IN = 3,
	TIDAL_TRACE_PAGE_OUT = 4,  /* gfn, epoch: the page itself, its ownership */
	TIDAL_TRACE_PAGE_IN = 5,
	TIDAL_TRACE_COPY_OUT = 6,  /* gfn, epoch, id: a read-only copy */
	TIDAL_TRACE_COPY_IN = 7,
	TIDAL_TRACE_EXTENT_OUT = 8, /* gfn, epoch, pages: dormant memory */
	TIDAL_TRACE_EXTENT_IN = 9,
	TIDAL_TRACE_DROPPED = 10,  /* pages: so many records, because actions were not pulled */
	/* From the driver. */
	TIDAL_TRACE_RUN = 11,	   /* vcpu, hthread; access: enum tidal_resume, how it goes on */
	TIDAL_TRACE_STALL = 12,	   /* vcpu, gfn (of a device: its register's page), access */
	TIDAL_TRACE_STOPPED = 13,  /* vcpu: it runs no more, without a stall */
};

struct tidal_trace {
	uint32_t what; /* enum tidal_trace_kind */
	uint32_t id;
	tidal_gfn gfn;	/* TIDAL_GFN_NONE: of none */
	uint64_t epoch;
	uint64_t pages; /* 1, but for extents */
	tidal_nodeid node;
	tidal_vcpuid vcpu; /* TIDAL_VCPU_NONE: of none */
	uint16_t access;   /* enum tidal_access */
	uint16_t hthread;
};

/* "served", "vcpu-out", ...; "?" for an unknown kind. */
TIDAL_API const char *tidal_trace_name(uint32_t what);

TIDAL_END_DECLS

#endif
