/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * link_look - what an exploration does with a link: looks into it, and lets its timers ring
 * when it likes. Time itself is taken out: which timer runs counts, and not for how long.
 * core/link_state.h and core/engine.h both have a struct peer, so this is apart.
 */
#ifndef TIDAL_TESTS_LINK_LOOK_H
#define TIDAL_TESTS_LINK_LOOK_H

#include "core/link.h"

/* Zero what nobody will read again. */
void link_scrub(struct link *l);

/* The entries of the pool from the *n*th on: where in the link they begin, how long they are. */
void link_entries(const struct link *l, uint32_t n, size_t *at, size_t *bytes);

/* All timers that run are due a while after *now*, and nothing is known of round trips. */
void link_calm(struct link *l, tidal_time now);

/*
 * Timers for this peer: 0 is all of them, 1 that of an acknowledgement, from 2 on those of the
 * messages in flight. link_rings(): does it run, and does not mean the same as another one?
 * link_ring() makes it due at *now*.
 */
#define LINK_TIMERS (2 + LINK_WINDOW)
bool link_rings(const struct link *l, tidal_nodeid peer, unsigned timer);
void link_ring(struct link *l, tidal_nodeid peer, unsigned timer, tidal_time now);
/* Has it something to send, without regard to time? */
bool link_wants(const struct link *l);

/* What the body of a message that is queued or in flight counts as. */
struct link_bodies {
	/* payload: if it is to go with it when it is sent next; else NULL */
	uint64_t (*count)(void *arg, tidal_nodeid to, const void *body, uint32_t len,
			  const struct link_payload *payload);
	void *arg;
};

/*
 * What *l* has to do with the node of *peer*: sequence numbers count relative to what is
 * acknowledged, and what has come from there relative to what that link remembers.
 */
uint64_t link_digest(const struct link *l, const struct link *peer, const struct link_bodies *b);

/*
 * Does a packet change nothing, now or whenever it arrives? Such are not for this incarnation, or
 * bring nothing but acknowledgements that are known.
 */
bool link_packet_is_idle(const struct link *l, tidal_nodeid from, const void *bytes, uint32_t len);

/* Which of the messages in l's window a packet from that node is the first to acknowledge. */
uint64_t link_new_acks(const struct link *l, tidal_nodeid from, const struct link_in *in,
		       unsigned class);

/* What a packet says to *l*, and whether it brings a message that is new. */
uint64_t link_packet_digest(const struct link *l, tidal_nodeid from, const void *bytes,
			    uint32_t len, bool *news);

#endif
