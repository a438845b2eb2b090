/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * link_state - what the files of the link share. Everything refers by index; indices of
 * messages and of places in lists count from 1, so that zeroed memory is an idle link.
 */
#ifndef TIDAL_CORE_LINK_STATE_H
#define TIDAL_CORE_LINK_STATE_H

#include "link.h"

#define LINK_BACKOFF_MAX 6 /* timeouts are doubled so often: 64 times */
#ifndef LINK_ACK_EVERY
#define LINK_ACK_EVERY 8   /* messages received before an acknowledgement is urgent */
#endif

enum msg_state {
	MSG_FREE = 0,
	MSG_QUEUED = 1, /* in a lane's queue */
	MSG_FLIGHT = 2, /* in a peer's window: sent, not acknowledged */
	MSG_DONE = 3,	/* acknowledged or lost, but not yet reported */
};

struct msg {
	uint64_t seq;
	tidal_time sent; /* the last time */
	tidal_time due;	 /* when to send it again */
	uint64_t cookie;
	struct link_payload payload;
	uint32_t next;	       /* FREE: free list; QUEUED: queue */
	uint32_t settled_next; /* settled: what link_settled() gives */
	uint32_t frame_prev, frame_next; /* has a page: others whose frame hashes alike */
	tidal_nodeid to;
	uint8_t class;
	uint8_t state; /* enum msg_state */
	uint8_t len;
	uint8_t doublings; /* of the timeout that runs */
	bool again;	   /* sent more than once */
	bool settled;	/* waits for link_settled(); with a void payload before it is DONE */
	bool withdrawn; /* goes without its payload */
	bool lost;
	uint8_t body[LINK_BODY_MAX];
};

/* One class of messages to and from one peer. Sequence numbers start at 1. */
struct lane {
	uint64_t sent;	 /* the last sequence number given */
	uint64_t acked;	 /* all up to this one are acknowledged */
	uint64_t flight; /* places of the window that hold an unacknowledged message */
	uint64_t repeat; /* of them: those to be sent again now */
	uint64_t come;	 /* from the peer: all up to this one have come, */
	uint64_t beyond; /* and come + 1 + i for every bit i */
	uint32_t head, tail; /* queue of messages that have no sequence number yet */
};

struct peer {
	struct lane lane[LINK_CLASSES];
	uint32_t incarnation; /* 0: unknown */
	uint32_t flight;      /* messages in all windows */
	uint32_t unacked;     /* messages of the peer's since the last packet to it */
	uint16_t ring_prev, ring_next; /* peers with something to send; + 1 */
	uint16_t timer;	      /* place in the heap, + 1 */
	uint8_t backoff;      /* Karn: doublings until a message is acknowledged at first try */
	bool ringed;
	bool speak; /* send a packet now, with or without a message */
	bool down;
	/* 0: none */
	tidal_time retry_at; /* at or before the earliest msg.due; or the next hello */
	tidal_time ack_at;   /* a packet must go by then */
	tidal_time srtt, rttvar;
	uint32_t slot[LINK_WINDOW]; /* messages where lane.flight says so */
};

struct timer {
	tidal_time at;
	uint64_t peer; /* as wide as that: padding would be copied from the stack */
};

struct link {
	uint16_t nodes, self;
	uint32_t incarnation;
	uint32_t messages;
	bool ideal;
	tidal_time rto, ack_delay;
	uint64_t random;
	uint32_t load, free_frames;

	rel msgs, peers, timers, frames;
	uint32_t frame_mask;	 /* buckets of the hash of frames, - 1 */
	uint32_t fresh;		 /* entries of the pool that were ever used */
	uint32_t free;		 /* list of entries that are free again */
	uint32_t used;		 /* entries that are not free */
	uint32_t pending[LINK_CLASSES]; /* queued or in flight */
	uint32_t settled_head, settled_tail;
	uint16_t ring_head, ring_tail; /* peers, + 1 */
	uint16_t timer_count;
	uint8_t packet[LINK_HEADER + LINK_BODY_MAX];
};

static inline struct msg *msg_at(const struct link *l, uint32_t i)
{
	return (struct msg *)((char *)l + l->msgs) + (i - 1);
}

static inline uint32_t msg_index(const struct link *l, const struct msg *m)
{
	return (uint32_t)(m - msg_at(l, 1)) + 1;
}

static inline struct peer *peer_at(const struct link *l, tidal_nodeid id)
{
	return (struct peer *)((char *)l + l->peers) + id;
}

static inline struct timer *timer_at(const struct link *l, unsigned place)
{
	return (struct timer *)((char *)l + l->timers) + (place - 1);
}

/* The head of the list of messages whose frame hashes like *buf*. */
static inline uint32_t *frame_bucket(const struct link *l, uint32_t buf)
{
	return (uint32_t *)((char *)l + l->frames) + ((buf * 0x9e3779b1u >> 7) & l->frame_mask);
}

/* A lane's share of the window, a power of two, and where its places begin in peer.slot. */
static inline unsigned lane_window(unsigned class)
{
	return class == LINK_REPLY ? LINK_WINDOW / 2 : LINK_WINDOW / 4;
}

static inline unsigned lane_base(unsigned class)
{
	return class * (LINK_WINDOW / 4);
}

static inline uint32_t *lane_slot(struct peer *p, unsigned class, uint64_t seq)
{
	return &p->slot[lane_base(class) + (seq & (lane_window(class) - 1))];
}

static inline bool lane_open(const struct lane *lane, unsigned class)
{
	return lane->sent - lane->acked < lane_window(class);
}

/* Does link_next() have a packet for this peer, without regard to time? */
bool link_sendable(const struct link *l, const struct peer *p);

/* link_wire.c: write a packet with message *m* (NULL: none) to l->packet; its length. */
uint32_t link_write(struct link *l, const struct peer *p, const struct msg *m, tidal_time now);

/* link_timer.c: a heap of peers, by the earlier of their retry_at and ack_at. */
tidal_time link_timer_of(const struct peer *p);
void link_timer_set(struct link *l, tidal_nodeid id); /* after a change of these */

/* link_pool.c: the pool, the hash of frames, and the list of settled messages. */
struct msg *link_msg_new(struct link *l);
void link_frame_enter(struct link *l, struct msg *m);
void link_finish(struct link *l, struct msg *m, bool lost); /* queued or in flight no more */

#endif
