/* SPDX-License-Identifier: BSD-3-Clause */
/* world_inside - what the files of a world share. Tests have world.h. */
#ifndef TIDAL_TESTS_WORLD_INSIDE_H
#define TIDAL_TESTS_WORLD_INSIDE_H

#include "world.h"

#include "core/core_state.h" /* to see when an instruction is skipped */

#define PACKET_MAX 320
#define HEADER_BODY 76 /* where a message's kind is in a packet: LINK_HEADER */
#define OP_NS 100      /* an instruction */
#define DEVICE_GPA (UINT64_C(1) << 46)

enum thing_kind { PACKET, DONE, OP };
enum effect { NO_EFFECT, UNMAP, PROTECT };

/* Something that will happen. */
struct thing {
	tidal_time at;
	uint64_t order;
	uint8_t kind; /* enum thing_kind */
	uint16_t node, from;
	struct tidal_event ev; /* DONE */
	tidal_vcpuid vcpu;     /* OP */
	uint32_t payload, payload_len; /* PACKET */
	uint64_t value;	       /* contents of a page */
	unsigned char *state;  /* saved vCPU */
	uint8_t effect;	       /* DONE: enum effect, on this page */
	tidal_gfn gfn;
	uint32_t len;
	unsigned char bytes[PACKET_MAX];
};

struct mapping {
	tidal_frame frame; /* + 1; 0: not mapped */
	uint8_t prot;
};

struct saved { /* the state of a vCPU, as far as this machine has one */
	uint64_t step;
	uint64_t device;
	tidal_time clock; /* the latest that it has seen */
};

struct vcpu_model {
	bool here, running, stop, finished;
	bool watch;	  /* retired instructions are to be told */
	unsigned retired; /* since it was run */
	uint8_t resume;
	uint64_t value;
	struct saved s;
};

struct host {
	struct tidal_core *core;
	void *mem;
	uint64_t *frame;	/* contents */
	struct mapping *map;	/* by gfn */
	uint32_t *post_list, posts;
	struct vcpu_model vcpu[WORLD_VCPUS];
	struct saved buf[WORLD_VCPUS * 2];
	bool buf_used[WORLD_VCPUS * 2];
	unsigned completed;
	tidal_time ticked, lag;
	tidal_time deadline; /* of the core, as it was after the last push */
	uint32_t incarnation;
	bool stopped; /* completions wait */
};

struct world {
	struct world_config c;
	world_program program;
	void *arg;
	struct host host[WORLD_NODES];
	struct thing **heap;
	size_t count, room;
	tidal_time now;
	uint64_t order, random, events, next_value;
	uint64_t planted;
	uint64_t *reference;
	unsigned finished;
	unsigned reports[16];
	bool cut[WORLD_NODES][WORLD_NODES];
	bool held_kind[256];
	world_judge judge;
	void *judge_arg;
	struct thing **held; /* packets */
	size_t held_count;
	unsigned sent[MSG_MAX];
	unsigned device_accesses;
	bool skipping[WORLD_VCPUS]; /* told to skip, has not run yet */
	char violation[256];
};

/* world.c */
uint64_t world_random(struct world *w);
/* Is this one of the times when this fault of the model shows? */
bool world_planted(struct world *w, uint8_t plant);
/* The first violation is kept. */
void world_violate(struct world *w, const char *format, ...);

/* world_things.c */
struct thing *thing_new(uint8_t kind, unsigned node);
void thing_schedule(struct world *w, struct thing *t, tidal_time at);
struct thing *thing_first(struct world *w); /* and take it out; there is one */
void thing_forget(struct thing *t);

/* world_guest.c. The mapping is NULL where the access would stall. */
const struct mapping *guest_translate(const struct world *w, unsigned node, tidal_gfn gfn,
				      uint8_t access);
uint64_t guest_contents(const struct world *w, unsigned node, const struct mapping *m);
/* The access takes place, and is checked; the page must be mapped for it. */
void guest_touch(struct world *w, unsigned node, tidal_gfn gfn, uint8_t access);

/* world_guest.c, world_wire.c, world_host.c: let it happen; false: to be tried again soon. */
bool guest_run(struct world *w, struct thing *t);
bool packet_arrives(struct world *w, struct thing *t);
bool host_completes(struct world *w, struct thing *t);

/* world_wire.c */
void packet_send(struct world *w, unsigned node, const struct tidal_act_send *s);
/* world_host.c: a buffer for a saved vCPU. */
uint32_t host_buf(struct host *h);

#endif
