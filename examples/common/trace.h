/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * trace.h - what happens on the nodes of this process, as slices and moments on tracks: one for
 * each node's pages, and one for each of its vCPUs. Kept in memory until the end; trace_file.c
 * writes it.
 */
#ifndef MINI_POD_TRACE_H
#define MINI_POD_TRACE_H

#include <tidal/trace.h>

#include "options.h"

enum mark_kind {
	MARK_RUNNING,	/* a slice of a vCPU */
	MARK_STALLED,	/* likewise */
	MARK_READY,	/* waits for a hyperthread */
	MARK_LEAVES,	/* a vCPU; arrives as: */
	MARK_ARRIVES,
	MARK_MOVES,	/* a page, copy or extent: see what */
};

/* How a stall ended. */
enum mark_end {
	END_OPEN,   /* not before the trace did */
	END_HERE,   /* the page was here */
	END_PAGE,   /* it came, or a copy, from node `other` */
	END_VCPU,   /* the vCPU went to it, to node `other` */
	END_DEVICE, /* the device has answered */
	END_AGAIN,  /* it is tried again */
};

struct mark {
	uint64_t ts, ns; /* when, how long */
	tidal_gfn gfn;
	uint64_t epoch, pages;
	uint32_t id;
	uint16_t node, vcpu; /* whose track; vcpu TIDAL_VCPU_NONE: that of the pages */
	uint16_t other, access;
	uint8_t kind, end; /* enum mark_kind, mark_end */
	uint8_t what;	   /* enum tidal_trace_kind, of MARK_MOVES */
};

struct trace_vcpu {
	struct mark now; /* what it is in, since now.ts */
	int open;
};

struct trace {
	const struct options *options;
	struct mark *mark;
	size_t marks, room, most;
	uint64_t ended; /* 0, or from when on there was no room */
	uint64_t run;	/* the same in all processes of a run */
	int real;	/* times are of CLOCK_MONOTONIC */
	struct trace_vcpu vcpu[MINI_POD_NODES_MAX][MINI_POD_VCPUS_MAX];
};

/* NULL: no memory. */
struct trace *trace_open(const struct options *options, int real);
void trace_note(struct trace *trace, tidal_nodeid node, uint64_t now,
		const struct tidal_trace *record);
/* What is not over is, for the trace; and all marks lie in the order of their tracks and times. */
void trace_end(struct trace *trace, uint64_t now);
void trace_close(struct trace *trace);

#endif
