/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * link - exactly-once, unordered delivery between nodes over a wire that may lose,
 * repeat, delay and reorder. Only the link retries; nothing above it does.
 *
 * Per peer: a send window of LINK_WINDOW sequence numbers, a queue of messages that
 * wait for it, and a receive window that remembers what has come. Every packet
 * carries a cumulative acknowledgement and a bitmap of what came beyond it.
 * Messages live in one pool that all peers share; classes keep room for replies, so
 * that requests can never block the answers that would make room (protocol rule 3):
 *	- LINK_REQUEST may be queued while more than 1/2 of the pool is free,
 *	- LINK_FORWARD (invalidations, forwards, whatever handling a request causes) 1/4,
 *	- LINK_REPLY (grants, acknowledgements, vCPUs, updates) the whole pool;
 *	- of a peer's window requests fill at most half.
 *
 * With `ideal` the transport is exactly-once: no copies are kept, a message counts as
 * acknowledged as soon as it is taken by link_next().
 *
 * Incarnations: a packet names the sender's and, once known, the receiver's. One from an earlier
 * incarnation of a peer, or for an earlier one of ours, is refused (TIDAL_ESTALE). One from a
 * later incarnation resets the peer: everything that was unacknowledged is given up and
 * reported by link_settled() as lost, then the new one starts afresh.
 */
#ifndef TIDAL_CORE_LINK_H
#define TIDAL_CORE_LINK_H

#include <stdbool.h>
#include <tidal/base.h>
#include <tidal/error.h>
#include <tidal/stats.h>

#include "arena.h"

#define LINK_WINDOW 128	    /* unacknowledged messages per peer */
#define LINK_BODY_MAX 192   /* bytes of a message without the link's own header */
#define LINK_VERSION 1

enum link_class { LINK_REQUEST = 0, LINK_FORWARD = 1, LINK_REPLY = 2 };

struct link_config {
	uint16_t nodes, self;
	uint32_t incarnation;
	uint32_t messages; /* pool; at least 16 */
	tidal_time rto_ns; /* doubled at each retry, up to 64 times; smoothed RTT may raise it */
	bool ideal;
	uint64_t seed;
};

/* What travels with a message besides its body. See tidal_act_send. */
struct link_payload {
	uint16_t kind; /* enum tidal_payload */
	uint32_t buf;
	uint32_t len;
	tidal_gfn gfn;
};

/* A packet for the wire. header is valid until the next call on this link. */
struct link_out {
	tidal_nodeid to;
	const void *header; /* link header and body */
	uint32_t len;
	struct link_payload payload; /* kind NONE: nothing */
	bool again;	    /* a retransmission */
};

/* What a packet said. */
struct link_in {
	const void *body; /* into the packet; NULL: nothing to deliver (pure acknowledgement, duplicate) */
	uint32_t len;
	bool duplicate;
	bool void_payload; /* the payload had to be withdrawn: see link_withdraw() */
	tidal_time time;   /* the sender's pod time */
	uint32_t load;	   /* the sender's pressure, as it gave it to link_pressure() */
	uint32_t free;
	/* for link_accept() */
	uint64_t seq, ack, ack_bits;
	uint32_t incarnation;
	bool reset; /* the peer has a new incarnation */
};

/* A message with a payload or a cookie that is settled. */
struct link_settled {
	tidal_nodeid to;
	bool lost; /* the peer restarted before it acknowledged: nobody knows whether it came */
	struct link_payload payload;
	uint64_t cookie;
};

struct link; /* in link.c's private part below */

/* Bytes are taken from the arena; *l* itself too (NULL while measuring). */
struct link *link_init(struct arena *a, const struct link_config *config);

/* Can *n* messages of this class be queued? Always true for as many as a caller reserved so. */
bool link_room(const struct link *l, enum link_class class, unsigned n);

/* Queue a message; traps without room or with a body too long. cookie 0 and no payload: not
 * reported by link_settled(). Sending to oneself is not possible. */
void link_queue(struct link *l, tidal_nodeid to, enum link_class class, const void *body,
		uint32_t len, const struct link_payload *payload, uint64_t cookie);

/*
 * Read a packet without changing anything. 0, or TIDAL_EPROTO (malformed), TIDAL_EVERSION,
 * TIDAL_ESTALE, TIDAL_ERANGE (no such peer). A packet beyond the receive window: TIDAL_EAGAIN.
 */
int link_peek(const struct link *l, tidal_nodeid from, const void *bytes, uint32_t len,
	      struct link_in *in);
/* Take the packet that *in* describes: acknowledges, marks as received. */
void link_accept(struct link *l, tidal_time now, tidal_nodeid from, const struct link_in *in,
		 struct tidal_stats *stats);

/* Next packet to transmit at *now*: new messages inside the window, retransmissions that
 * are due, owed acknowledgements. *time* goes into the header. */
bool link_next(struct link *l, tidal_time now, struct link_out *out, struct tidal_stats *stats);
/* When link_next() will have something again without other calls; TIDAL_NEVER. */
tidal_time link_deadline(const struct link *l);

/* Next settled message; false: none. Room for them never runs out: they keep their pool entry. */
bool link_settled(struct link *l, struct link_settled *s);

/*
 * The bytes of a payload that is not acknowledged are about to change (the frame is written
 * or reused): if any queued or unacknowledged message refers to page frame *buf*, it is sent
 * without payload from now on, flagged void. Messages withdrawn so are settled at once.
 * Returns how many.
 */
unsigned link_withdraw(struct link *l, uint32_t buf);

/* A peer is known to have this incarnation now; a later one resets as described above. */
void link_peer(struct link *l, tidal_nodeid peer, uint32_t incarnation);

/* What every packet tells of this node: its load (1/16 vCPU per thread) and free frames. */
void link_pressure(struct link *l, uint32_t load, uint32_t free);

/* Messages queued or unacknowledged. 0 for an ideal link between pulls. */
unsigned link_pending(const struct link *l);

/* Invariants (pool entries in exactly one list, windows in order, class counts right). */
bool link_check(const struct link *l, const char **why);

#endif
