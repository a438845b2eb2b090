/* SPDX-License-Identifier: BSD-3-Clause */
/* core_state - what a core is made of. For core*.c, check.c and digest.c only. */
#ifndef TIDAL_CORE_CORE_STATE_H
#define TIDAL_CORE_CORE_STATE_H

#include "engine.h"

struct tidal_core {
	struct tidal_params params; /* without the pointers that were only needed at init */
	tidal_time now;
	bool paused;
	uint16_t stop_cursor; /* paused: vCPUs below have been told to stop */
	uint32_t next_id;
	uint64_t random;
	rel link, sched, peers;
	struct tidal_stats stats;
	struct pages pages;
	struct ranges ranges;
	struct owners owners;
	struct frames frames;
	struct transits transits;
	struct vcpus vcpus;
	struct hot hot;
	struct guest guest;
	struct vmm vmm;
	struct capacity capacity;
	struct ahead ahead;
	struct devices devices;
	struct decider decider;
	struct actq actq;
	struct losses losses;
	struct traces traces;
};

/* The components side by side, at time *now*. */
void core_engine(struct tidal_core *core, tidal_time now, struct engine *e);
/* The same for those who only look. */
void core_engine_const(const struct tidal_core *core, struct engine *e);

/* core_events.c: let one event happen. The event has been found to make sense and to fit. */
int core_event(struct engine *e, struct tidal_core *core, const struct tidal_event *event);
/* core_message.c: likewise a message. */
int core_message(struct engine *e, const struct tidal_ev_message *m);
/* core_message.c: messages that are settled; frees what they kept. */
void core_settled(struct engine *e);

#endif
