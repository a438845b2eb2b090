/* SPDX-License-Identifier: BSD-3-Clause */
/* small_state - what a small pod is made of. For small*.c only. */
#ifndef TIDAL_TESTS_SMALL_STATE_H
#define TIDAL_TESTS_SMALL_STATE_H

#include "core/core_state.h"
#include "small.h"

#define SMALL_FRAMES 6
#define THINGS 40
#define GARBAGE UINT64_MAX

#define REQUESTER_VMM 1
#define REQUESTER_PIN 2

enum step_kind {
	STEP_DELIVER, /* a message, or the host's "done" */
	STEP_EFFECT,  /* mapping or unmapping takes effect */
	STEP_FAIL,    /* or fails */
	STEP_LOSE,    /* a message is lost, */
	STEP_REPEAT,  /* or comes twice */
	STEP_ACCESS,  /* an instruction */
	STEP_SKIP,    /* a zeroing instruction that needs not be carried out any more */
	STEP_STOP,    /* a vCPU that was asked to stop does */
	STEP_RING,    /* the timer of one page */
	STEP_LINK,    /* one of the link; vcpu: the peer, what: which */
	STEP_TICK,    /* that of capacity, and what is due at once */
	STEP_LATE,    /* long after everything was due */
	STEP_MOVE,
	STEP_EVICT,
	STEP_VMM,
	STEP_PIN,
	STEP_UNPIN,
};

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
	struct mapping map[SMALL_PAGES];
	uint8_t posted[SMALL_FRAMES], posts;
	struct vcpu_model vcpu[SMALL_VCPUS];
	bool vmm_waits, pinned; /* pins: the first page only */
};

/* The instruction that a vCPU has stalled with and has not retired yet. */
struct stubborn {
	uint8_t access, page; /* access + 1; 0: none */
};

struct model {
	struct host_model host[SMALL_NODES];
	uint64_t latest[SMALL_PAGES]; /* what reads must give */
	uint64_t values; /* given so far */
	bool skipping[SMALL_VCPUS]; /* the instruction has taken effect, unknown to the vCPU */
	struct stubborn stubborn[SMALL_VCPUS];
	uint8_t losses, repeats; /* left */
	uint8_t commands;	 /* given, if they are counted */
	bool faulty;		 /* the planted fault has had its turn */
	uint32_t things;
	struct thing thing[THINGS];
	const char *violation;
};

struct small {
	struct small_config config;
	tidal_gfn gfn[SMALL_PAGES];
	size_t offset[SMALL_NODES + 1];
	void *memory;
	struct model *m;
	struct tidal_core *core[SMALL_NODES];
	/* the policy's answers in this step, and how often it was asked */
	unsigned script, asked;
};

void small_violate(struct small *s, const char *text);
/* Number of the page; SMALL_PAGES: it is none of ours. */
unsigned small_page(const struct small *s, tidal_gfn gfn);
static inline struct link *small_link(const struct small *s, unsigned node)
{
	return REL(s->core[node], link);
}
/* The body of a message; false: the packet has none. */
bool small_decode(const struct thing *t, struct wire *m);

/* Are these news of the owner of (among others) this page? */
bool small_tells(const struct wire_owner *o, tidal_gfn gfn);

/* small_host.c: the hosts and the wire carry out what the cores want. */
struct thing *small_begin(struct small *s, uint8_t kind, unsigned node);
void small_end(struct small *s, unsigned thing);
void small_act(struct small *s, unsigned node, const struct tidal_action *a);
uint64_t small_contents(const struct small *s, unsigned node, tidal_frame frame);

/* small_take.c: carry out a step, or push an event and let all actions follow. */
bool small_take(void *small, const struct step *step, unsigned *questions);
int small_push(struct small *s, unsigned node, tidal_time now, const struct tidal_event *ev);

/* small_steps.c: which steps there are. */
unsigned small_steps(const void *small, struct step *steps);
bool small_drain(const void *small, struct step *step);

/* small_check.c: what must be true. */
const char *small_violation(void *small);
bool small_is_quiet(const void *small);

/* small_digest.c */
uint64_t small_digest(const void *small);

/* small_print.c: for people. */
void small_print_step(const void *small, const struct step *step);
void small_print(const void *small);

#endif
