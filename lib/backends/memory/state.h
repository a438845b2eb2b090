/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of guest memory, private to this folder. */
#ifndef MEMORY_STATE_H
#define MEMORY_STATE_H

#include "backends/common/map.h"
#include "backends/common/region.h"
#include "memory.h"
#include "uffd.h"

#define PAGE TIDAL_PAGE_SIZE
#define BATCH 64 /* pages of an action */

/* What is in a frame's place in the pool. */
enum place {
	PLACE_TRUE = 0, /* the frame's bytes; always so while it isn't mapped */
	PLACE_OLD = 1,	/* other bytes: the guest's page is ahead */
	PLACE_EMPTY = 2, /* nothing */
};

/*
 * Of a mapped frame the place in the pool may hold a page as well. It costs less to leave it for a
 * while, since most pages that are read leave again; the oldest of KEPT is dropped.
 */
#define KEPT 256

struct frame {
	tidal_gfn gfn;	/* where it is mapped */
	bool mapped;
	uint8_t place;	/* enum place */
	uint16_t kept;	/* 1 + its number among those kept; 0: it isn't */
	bool written;	/* its place may hold something else than zeroes, while it isn't mapped */
};

/* RAM or ROM in this process. */
struct area {
	tidal_gfn gfn;
	uint64_t pages;
	uint8_t *at;
	bool rom; /* nobody can write there: no fault, the toucher gets a signal */
};

struct memory {
	struct uffd uffd;
	struct host_regions regions;
	struct area area[HOST_REGIONS];
	uint32_t areas;

	uint32_t frames;
	struct frame *frame;
	uint8_t *pool;
	uint32_t kept_next;
	tidal_frame kept[KEPT];

	/* pages: where the mark is 0 a page of zeroes isn't there, else its number in zero[] + 1 */
	struct host_map map;
	const uint8_t *zeroes; /* a page, never written */
	tidal_gfn *zero;
	uint32_t zeroes_max, zero_next;

	struct uffd_fault fault[UFFD_FAULTS];
	int faults, faults_at;
};

static inline uint8_t *pool_at(const struct memory *m, tidal_frame frame)
{
	return m->pool + (size_t)frame * PAGE;
}

/* area.c */
const struct area *area_of(const struct memory *m, tidal_gfn gfn);
static inline uint8_t *area_at(const struct area *a, tidal_gfn gfn)
{
	return a->at + (gfn - a->gfn) * PAGE;
}
/* Anonymous memory that forks don't share and that is never in huge pages; NULL. */
void *anonymous(uint64_t bytes, int prot);
/* Give the pages there back to the system; they are a hole then. */
int discard(void *at, size_t bytes);

/*
 * give.c: pages come and go. A run is pages in a row, of one area; their frames are in a
 * row as well, or all are pages of zeroes. Both do all or nothing and leave the map alone.
 */
struct run {
	const struct area *area;
	tidal_gfn gfn;
	tidal_frame frame;
	uint32_t pages;
};

int run_give(struct memory *m, const struct run *run, unsigned prot);
int run_take(struct memory *m, const struct run *run, unsigned prot);
/* The page of zeroes at *page* isn't there: give it. */
int zero_give(struct memory *m, struct host_page *page);

/* frame.c: bytes of the pool. */
void frame_keep(struct memory *m, tidal_frame frame);
void frame_drop(struct memory *m, tidal_frame frame);

#endif
