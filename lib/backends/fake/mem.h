/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory as the harts of one host see it: frames, the map from gfn to frame, regions,
 * and what makes accesses fast (a TLB, caches of decoded instructions). There is no
 * translation per hart, so all harts share one TLB.
 *
 * An access first makes sure of every page it touches, and changes nothing unless all are there.
 */
#ifndef FAKE_MEM_H
#define FAKE_MEM_H

#include "code.h"
#include "hart.h"
#include "backends/common/map.h"
#include "backends/common/region.h"

#define FAKE_TLB_SLOTS 512u
#define FAKE_TLB_NONE 0x800u	/* a tag that no address matches */
#define FAKE_TLB_GUARD 0x400u	/* added to a store's address, makes it match no tag */
#define FAKE_PAGE_MASK (~(uint64_t)(TIDAL_PAGE_SIZE - 1))

/* Tags are page addresses. */
struct fake_tlb {
	uint64_t read, write;
	uint8_t *bytes;
	struct fake_code *code; /* with a valid read tag: its decoded instructions, or NULL */
};

struct fake_frame {
	uint64_t gfn : 62;    /* where it is mapped */
	uint64_t mapped : 1;
	uint64_t touched : 1; /* may hold something else than zeroes */
};

struct fake_mem {
	struct fake_tlb tlb[FAKE_TLB_SLOTS];
	uint8_t *bytes;		  /* of the frames, and one page of zeroes */
	struct fake_frame *frame; /* of the frames */
	uint32_t frames;
	struct host_map map;
	struct host_regions regions;
	struct fake_codes codes;
	struct fake_hart **reserved; /* harts that hold a reservation */
	uint32_t reservations;
};

/* *harts*: how many can hold a reservation at a time. ENOMEM. */
int fake_mem_init(struct fake_mem *mem, uint32_t frames, uint32_t harts);
void fake_mem_fini(struct fake_mem *mem);

static inline uint8_t *fake_mem_frame(const struct fake_mem *mem, tidal_frame frame)
{
	if (frame == TIDAL_FRAME_ZERO)
		frame = mem->frames;
	return mem->bytes + (size_t)frame * TIDAL_PAGE_SIZE;
}

static inline struct fake_tlb *fake_tlb_at(struct fake_mem *mem, uint64_t gpa)
{
	return &mem->tlb[gpa / TIDAL_PAGE_SIZE % FAKE_TLB_SLOTS];
}

/* The page's translation, decoded instructions and reservations are not true any more. */
void fake_mem_forget(struct fake_mem *mem, struct host_page *page);

/* One access of an instruction: FAKE_OK, or the hart knows what is in the way. */
enum fake_outcome fake_load(struct fake_mem *mem, struct fake_hart *hart, uint64_t addr,
			    unsigned size, uint64_t *value);
enum fake_outcome fake_store(struct fake_mem *mem, struct fake_hart *hart, uint64_t addr,
			     unsigned size, uint64_t value);
enum fake_outcome fake_fetch(struct fake_mem *mem, struct fake_hart *hart, uint64_t pc,
			     struct fake_code **code);
enum fake_outcome fake_zero_block(struct fake_mem *mem, struct fake_hart *hart, uint64_t addr);
/* The instruction at the hart's pc; 0 if it isn't there. */
uint32_t fake_mem_insn(const struct fake_mem *mem, const struct fake_hart *hart);
/* The place of an aligned number, to be read and written there. */
enum fake_outcome fake_writable(struct fake_mem *mem, struct fake_hart *hart, uint64_t addr,
				unsigned size, uint8_t **bytes);

/* atomic.c */
enum fake_outcome fake_load_reserved(struct fake_mem *mem, struct fake_hart *hart,
				     const struct fake_insn *insn);
enum fake_outcome fake_store_conditional(struct fake_mem *mem, struct fake_hart *hart,
					 const struct fake_insn *insn);
enum fake_outcome fake_amo(struct fake_mem *mem, struct fake_hart *hart,
			   const struct fake_insn *insn);
/* The hart's reservation, if it has one, is gone. */
void fake_unreserve(struct fake_mem *mem, struct fake_hart *hart);
/* Bytes [addr, addr + size) change: reservations there die, except *writer*'s own. */
void fake_unreserve_bytes(struct fake_mem *mem, const struct fake_hart *writer, uint64_t addr,
			  unsigned size);

/* Does another hart hold a reservation, so that stores have to look? */
static inline bool fake_reserved_elsewhere(const struct fake_mem *mem, const struct fake_hart *hart)
{
	return mem->reservations > (hart->granule != FAKE_NO_RESERVATION);
}

/* exec.c */
enum fake_exit {
	FAKE_EXIT_BUDGET, /* goes on */
	FAKE_EXIT_STALL,
	FAKE_EXIT_WFI,
	FAKE_EXIT_OFF, /* hart->cause, tval */
};
/* Run at most *budget* instructions. */
enum fake_exit fake_exec(struct fake_mem *mem, struct fake_hart *hart, uint32_t budget);

#endif
