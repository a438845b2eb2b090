/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * transits - pages of which something is under way: one record per page and node, with the
 * queue of other nodes' requests that wait for it. Never a lock: a record names the transient
 * state that the page is in, and everything that may arrive in it has a place in proto.c.
 */
#ifndef TIDAL_CORE_TRANSITS_H
#define TIDAL_CORE_TRANSITS_H

#include <tidal/base.h>

#include "copies.h"
#include "table.h"
#include "wire.h"

/*
 * Situations of a page on a node: the five stable states (numbers as enum tidal_page_state)
 * and the transient ones. In brackets: what the page table says meanwhile.
 */
#define SITUATIONS(X)                                                                         \
	X(INVALID, "no copy")                                                                 \
	X(SECONDARY, "read-only copy")                                                        \
	X(PRIMARY, "owner; others may have copies")                                           \
	X(EXCLUSIVE, "owner; no other copy")                                                  \
	X(DORMANT, "owner; all zeroes, no frame")                                             \
	X(ROOM, "wants to ask; waits for a landing frame [I, S]")                             \
	X(ASK, "asked for the page [I]")                                                      \
	X(UPGRADE, "asked to write; keeps its copy meanwhile [S]")                            \
	X(BACKOFF, "was refused; asks again when the timer rings [I, S]")                     \
	X(COLLECT, "owner; waits for acknowledgements of invalidations [P, E, D]")            \
	X(FRAME, "owner; conversion waits for a free frame [D]")                              \
	X(ZEROING, "owner; a frame is being zeroed for it [D]")                               \
	X(MAPPING, "the host is mapping it [S, P, E, D]")                                     \
	X(HELD, "stays until its waiter has retired an instruction [S, P, E, D]")             \
	X(DROPPING, "the host is unmapping the copy [S]")                                     \
	X(LOWERING, "owner; the host is write-protecting it for a reader [E]")                \
	X(LEAVING, "owner; the host is unmapping it for a writer [P, E, D]")                  \
	X(OFFERED, "owner; asked a peer to take it [P, E, D]")                                \
	X(PUSHING, "owner; the host is unmapping it, it goes to that peer [P, E, D]")         \
	X(FOLDING, "owner; the host is unmapping the page of zeroes, its entry goes [D]")      \
	X(EXPECTED, "promised to take it from a full peer [I, S]")

#define SITUATION_ENUM(name, text) SIT_##name,
enum situation { SITUATIONS(SITUATION_ENUM) SIT_MAX };
#undef SITUATION_ENUM

const char *situation_name(unsigned s);

#define TRANSIT_NONE UINT32_MAX

struct transit {
	tidal_gfn gfn;
	uint8_t state;	/* enum situation, a transient one */
	uint8_t want;	/* enum tidal_access: the strongest that local waiters wanted at the last look */
	uint8_t asked;	/* ASK, UPGRADE: what was asked for */
	uint8_t after;	/* DROPPING: the state to go back to; SIT_INVALID: none */
	uint8_t prot;	/* MAPPING: enum page_map */
	uint8_t tries;	/* requests refused so far */
	uint8_t search;	/* number of the last time that all were asked who owns it; 0: none */
	uint8_t searches; /* that were answered by all, with no */
	uint16_t absent; /* how many have said no to the last one */
	uint8_t grant;	/* LEAVING: see engine_grant() */
	bool promised;	/* a landing frame is promised for the answer */
	bool drop_due;	/* an invalidation waits for the end of the hold */
	bool decreed;	/* it was zeroed where it was, on behalf of an instruction that waits here */
	bool skip;	/* waiters of a zeroing instruction may skip it */
	bool in_room;	/* linked in the list of those who wait for frames */
	uint32_t id;	/* of the request that is out */
	uint32_t incarnation; /* OFFERED, PUSHING, EXPECTED: of the peer */
	uint64_t known; /* newest epoch of this page that this node knew of when asking, + 1; 0: none */
	uint64_t stale; /* copies of an epoch older than this are dead on arrival... */
	bool stale_known; /* ...if set */
	uint64_t epoch; /* COLLECT and before: of the acknowledgements; LEAVING, PUSHING: the new one */
	uint64_t drop_epoch;
	tidal_nodeid drop_to; /* whom to acknowledge to; NONE: nobody (the frame was wanted) */
	tidal_nodeid peer;    /* OFFERED, PUSHING: whom */
	tidal_vcpuid vcpu;    /* on whose behalf it asked; NONE: a VMM thread */
	tidal_vcpuid hold_vcpu;
	tidal_nodeid server;  /* who answered: for the vCPU's history */
	uint32_t hold_prev, hold_next; /* other pages held for the same vCPU */
	uint32_t room_prev, room_next;
	tidal_frame frame;    /* ZEROING: for it; MAPPING: the one that the new mapping replaces */
	struct tidal_nodeset acks; /* COLLECT: still due; before: came early */
	struct wire_request serving; /* LOWERING, LEAVING: for whom */
	tidal_time since;     /* when it asked first */
	uint32_t queue, queue_tail;  /* requests that wait */
	tidal_time timer;
	uint32_t heap_at; /* position in the heap of timers + 1; 0: not in it */
	uint32_t next_free;
};

struct queued {
	struct wire_request request;
	uint32_t next;
};

struct transits {
	struct table index; /* gfn -> number */
	rel transits, queued, heap;
	uint32_t size, fresh, used, free;
	uint32_t queued_size, queued_fresh, queued_free, queued_used;
	uint32_t heap_used;
	uint32_t room_first, room_last; /* waiting for frames, in order of arrival */
	uint32_t room_count;
	uint32_t asking; /* transits made for local stalls: limited to 3/4 */
};

void transits_init(struct transits *ts, struct arena *a, uint32_t size);

/* The transit of this page; NULL: there is none. Addresses stay valid until it is ended. */
struct transit *transits_find(const struct transits *ts, tidal_gfn gfn);
/* A new one. NULL: the table is full. */
struct transit *transits_begin(struct transits *ts, tidal_gfn gfn);
void transits_end(struct transits *ts, struct transit *t);
static inline bool transits_room(const struct transits *ts)
{
	return ts->used < ts->size;
}
/* Room for one more that starts from a local stall? The rest is kept for what others cause. */
static inline bool transits_room_local(const struct transits *ts)
{
	return ts->used < ts->size - ts->size / 4;
}

uint32_t transit_number(const struct transits *ts, const struct transit *t);
struct transit *transit_at(const struct transits *ts, uint32_t number);

/* Put a request at the end of the page's queue, or in the place of an earlier one of its node's.
 * false: no room. */
bool transit_queue(struct transits *ts, struct transit *t, const struct wire_request *r);
/* Take the next: the longest starving if any starves, else the first. false: empty. */
bool transit_dequeue(struct transits *ts, struct transit *t, struct wire_request *r);
/* Look at them: call with *at = 0 until it returns NULL. */
const struct wire_request *transit_look(const struct transits *ts, const struct transit *t,
					uint32_t *at);
/* How many are in it. */
uint32_t transit_queued(const struct transits *ts, const struct transit *t);

/* Set (TIDAL_NEVER: clear) the timer; and the transit whose timer rings first, if it is due. */
void transit_timer(struct transits *ts, struct transit *t, tidal_time when);
struct transit *transits_due(const struct transits *ts, tidal_time now);
tidal_time transits_deadline(const struct transits *ts);

/* The list of those who wait for frames. */
void transit_room_join(struct transits *ts, struct transit *t);
void transit_room_leave(struct transits *ts, struct transit *t);

#endif
