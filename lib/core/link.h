/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * link - exactly-once, unordered delivery between nodes over a wire that may lose,
 * repeat, delay and reorder. Only the link retries; nothing above it does.
 *
 * Messages live in one pool that all peers share; classes keep room for replies, so
 * that requests can never block the answers that would make room (protocol rule 3):
 *	- LINK_REQUEST may be queued while more than 1/2 of the pool is free,
 *	- LINK_FORWARD (invalidations, forwards, whatever handling a request causes) 1/4,
 *	- LINK_REPLY (grants, acknowledgements, vCPUs, updates) the whole pool.
 * For the same reason each class has sequence numbers and a window of its own for every
 * peer: a request that the peer can't take yet never stands in the way of a reply. Of the
 * LINK_WINDOW messages that may be unacknowledged, requests and forwards get a quarter each
 * and replies half. Every packet acknowledges all three: a number up to which all has come,
 * and a bitmap of what came beyond it.
 *
 * With `ideal` the transport is exactly-once: no copies are kept, a message counts as
 * acknowledged as soon as it is taken by link_next().
 *
 * Incarnations: a packet names the sender's and the receiver's. One from an earlier
 * incarnation of a peer, or for another one of ours, is refused (TIDAL_ESTALE). One from a
 * later incarnation resets the peer: everything that was unacknowledged is given up and
 * reported by link_settled() as lost, then the new one starts afresh.
 *
 * Messages are sent only to an incarnation that is known: from link_peer() or from a packet
 * of the peer's. Else queueing one makes link_next() give a packet without a message, a
 * hello, which is answered at once by such a packet. If messages could be sent to whoever
 * listens, a copy that the wire kept could reach the peer's next incarnation, too.
 */
#ifndef TIDAL_CORE_LINK_H
#define TIDAL_CORE_LINK_H

#include <stdbool.h>
#include <tidal/base.h>
#include <tidal/error.h>
#include <tidal/stats.h>

#include "arena.h"

#ifndef LINK_WINDOW
#define LINK_WINDOW 128	  /* unacknowledged messages per peer, all classes */
#endif
#define LINK_BODY_MAX 192 /* bytes of a message without the link's own header */
#define LINK_HEADER 76	  /* bytes of the link's own header */
#define LINK_VERSION 1
#define LINK_TIME_MAX (UINT64_C(1) << 62) /* later times are refused: no sum can overflow */

enum link_class { LINK_REQUEST = 0, LINK_FORWARD = 1, LINK_REPLY = 2 };
#define LINK_CLASSES 3

struct link_config {
	uint16_t nodes, self;
	uint32_t incarnation; /* not 0 */
	uint32_t messages;    /* pool; at least 16 */
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

/* A cookie with this bit: link_settled() tells of the message only if it is lost. */
#define LINK_IF_LOST (UINT64_C(1) << 63)

/* A packet for the wire. header is valid until the next call on this link. */
struct link_out {
	tidal_nodeid to;
	const void *header; /* link header and body */
	uint32_t len;
	struct link_payload payload; /* kind NONE: nothing */
	bool again;		     /* a retransmission */
};

/* What a packet said. */
struct link_in {
	const void *body; /* into the packet; NULL: nothing to deliver (no message, duplicate) */
	uint32_t len;
	bool duplicate;
	bool void_payload; /* the payload had to be withdrawn: see link_withdraw() */
	bool reset;	   /* the peer has a new incarnation */
	tidal_time time;   /* the sender's pod time */
	uint32_t load;	   /* the sender's pressure, as it gave it to link_pressure() */
	uint32_t free;

	/* for link_accept() */
	bool message, hello;
	uint8_t class;
	uint32_t incarnation;
	uint64_t seq;
	uint64_t ack[LINK_CLASSES], ack_bits[LINK_CLASSES]; /* bit i: ack + 1 + i has come */
};

/* A message with a payload or a cookie that is settled. */
struct link_settled {
	tidal_nodeid to;
	bool lost; /* the peer restarted before it acknowledged: nobody knows whether it came */
	struct link_payload payload;
	uint64_t cookie;
	const void *body; /* of the message; valid until the next call on this link */
	uint32_t len;
};

struct link;

/* Bytes are taken from the arena; *l* itself too (NULL while measuring). */
struct link *link_init(struct arena *a, const struct link_config *config);

/*
 * Is there room to handle something of this class that queues up to *n* messages, all of them
 * counted, whatever their own classes? True means that link_queue() has room for so many.
 */
bool link_room(const struct link *l, enum link_class class, unsigned n);

/*
 * Queue a message; traps when the whole pool is used or the body too long: ask link_room()
 * before. cookie 0 and no payload: not reported by link_settled(). Sending to oneself is not
 * possible.
 */
void link_queue(struct link *l, tidal_nodeid to, enum link_class class, const void *body,
		uint32_t len, const struct link_payload *payload, uint64_t cookie);

/*
 * Read a packet without changing anything. 0, or TIDAL_EPROTO (malformed, beyond the window,
 * or it acknowledges what was not sent), TIDAL_EVERSION, TIDAL_ESTALE (drop it, and call
 * link_stale()), TIDAL_ERANGE (no such peer). After 0 and ESTALE *in* describes the packet.
 * Between this and link_accept() only link_room(), link_queue() and link_withdraw() may be called.
 */
int link_peek(const struct link *l, tidal_nodeid from, const void *bytes, uint32_t len,
	      struct link_in *in);

/*
 * Take the packet that *in* describes: learn its sender's incarnation and what it
 * acknowledges, mark its message as received. With in->reset all that is pending for this peer
 * is lost, an answer that was queued before this call too.
 */
void link_accept(struct link *l, tidal_time now, tidal_nodeid from, const struct link_in *in,
		 struct tidal_stats *stats);

/*
 * The same without the message: it can't be handled now, and the peer will repeat it. Not
 * calling this for such a packet is a deadlock in the making: an acknowledgement that comes
 * only with messages for which there is no room would never make that room.
 */
void link_refuse(struct link *l, tidal_time now, tidal_nodeid from, const struct link_in *in);

/*
 * link_peek() said TIDAL_ESTALE: learn the sender's incarnation if that is news (a reset, as
 * in link_accept()), and tell it ours soon. Without this a restarted node and one that talks
 * to its predecessor would wait for each other. An outlived sender gets no answer.
 */
void link_stale(struct link *l, tidal_time now, tidal_nodeid from, const struct link_in *in);

/*
 * Next packet to transmit at *now*, which also goes into the header: new messages inside
 * the window, retransmissions that are due, owed acknowledgements. To be called until it says
 * false.
 */
bool link_next(struct link *l, tidal_time now, struct link_out *out, struct tidal_stats *stats);

/*
 * When link_next() should be called again if nothing else happens; 0: at once, TIDAL_NEVER: no
 * need. If only the first of several messages has been acknowledged since, there may be
 * nothing to send then, but afterwards the deadline is later.
 */
tidal_time link_deadline(const struct link *l);

bool link_any_settled(const struct link *l);
/* Next settled message; false: none. Room for them never runs out: they keep their pool entry. */
bool link_settled(struct link *l, struct link_settled *s);

/*
 * The bytes of a payload that is not acknowledged are about to change (the frame is written
 * or reused): if any queued or unacknowledged message refers to page frame *buf*, it is sent
 * without payload from now on, flagged void. Messages withdrawn so are settled at once (and not
 * reported again, even if they are lost later). Returns how many.
 */
unsigned link_withdraw(struct link *l, uint32_t buf);

/* A peer is known to have this incarnation now; a later one resets as described above. */
void link_peer(struct link *l, tidal_nodeid peer, uint32_t incarnation);

/*
 * A peer is gone: everything that is pending for it is lost, what is queued from now on too,
 * and its last incarnation is refused, until there is news of a later one.
 */
void link_down(struct link *l, tidal_nodeid peer);

/* Is the peer gone, as far as is known? */
bool link_is_down(const struct link *l, tidal_nodeid peer);

/* The peer's incarnation, as far as is known; 0: nothing has come from it yet. */
uint32_t link_incarnation(const struct link *l, tidal_nodeid peer);

/* What every packet tells of this node: its load (1/16 vCPU per thread) and free frames. */
void link_pressure(struct link *l, uint32_t load, uint32_t free);

/* Messages queued or unacknowledged. 0 for an ideal link between pulls. */
unsigned link_pending(const struct link *l);

/*
 * Invariants (pool entries in exactly one list, windows in order, class counts right). Slow.
 * *why* is static text.
 */
bool link_check(const struct link *l, const char **why);

#endif
