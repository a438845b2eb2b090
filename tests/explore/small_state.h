/* SPDX-License-Identifier: BSD-3-Clause */
/* small_state - what a small pod is made of. For small*.c only. */
#ifndef TIDAL_TESTS_SMALL_STATE_H
#define TIDAL_TESTS_SMALL_STATE_H

#include "core/core_state.h"
#include "small.h"

#define SMALL_FRAMES 6
#define THINGS 24
#define GARBAGE UINT64_MAX

#define REQUESTER_VMM 1
#define REQUESTER_PIN 2

enum thing_kind {
	THING_MESSAGE, /* on the wire */
	THING_PAGES,   /* the host was asked, and has not done it yet */
	THING_DONE,    /* the host has done it, and the core does not know yet */
};

/* Something under way. */
struct thing {
	uint8_t kind, node, from; /* at which node it arrives */
	bool zero, failed;
	uint16_t len, payload;
	uint32_t payload_len;
	uint32_t action;
	uint64_t token;
	uint64_t value; /* contents of a page that travels */
	struct tidal_act_pages pages;
	unsigned char bytes[LINK_HEADER + 96];
};

struct mapping {
	tidal_frame frame;
	uint8_t prot; /* 0: nothing is mapped */
};

struct vcpu_model {
	bool here, running, stop, watch, skip;
};

struct host_model {
	uint64_t frame[SMALL_FRAMES]; /* contents */
	struct mapping map;	      /* of the one page */
	uint8_t posted[SMALL_FRAMES], posts;
	struct vcpu_model vcpu[SMALL_VCPUS];
	bool vmm_waits, pinned;
};

struct model {
	struct host_model host[SMALL_NODES];
	uint64_t latest; /* what reads must give */
	uint64_t values; /* given so far */
	bool skipping[SMALL_VCPUS]; /* the instruction has taken effect, and the vCPU does not know */
	uint8_t stubborn[SMALL_VCPUS]; /* what it stalled with and has not retired yet; + 1 */
	uint32_t things;
	struct thing thing[THINGS];
	const char *violation;
};

struct small {
	struct small_config config; /* nodes and vcpus are not 0 here */
	size_t offset[SMALL_NODES + 1];
	void *memory;
	struct model *m;
	struct tidal_core *core[SMALL_NODES];
};

void small_violate(struct small *s, const char *text);
uint64_t small_contents(const struct small *s, unsigned node, tidal_frame frame);

#endif
