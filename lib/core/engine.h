/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * engine - what the protocol works on: the components of one node, side by side, for
 * the length of one push. The components don't know each other; what follows from
 * one for another is decided in the protocol's files (proto.c says which is where).
 */
#ifndef TIDAL_CORE_ENGINE_H
#define TIDAL_CORE_ENGINE_H

#include <tidal/core.h>

#include "actq.h"
#include "assert.h"
#include "frames.h"
#include "link.h"
#include "owners.h"
#include "pages.h"
#include "policy.h"
#include "ranges.h"
#include "sched.h"
#include "traces.h"
#include "transits.h"
#include "vcpus.h"
#include "wire.h"

/* The initial virtual map, as far as it has come. */
struct guest {
	bool known;
	bool joined; /* and everybody knows of this node */
	uint64_t pages;
	uint32_t vcpus;
	uint32_t got, total;	       /* pieces; others than the master */
	uint64_t have[3];	       /* which pieces */
	bool to_tell; /* master: somebody is still to be told of it */
	struct tidal_vmap map;
	struct tidal_nodeset tell;     /* who, */
	struct tidal_nodeset told;     /* and who was, in this life or an earlier one */
	tidal_nodeid telling;	       /* whom, and which piece is next */
	uint16_t telling_piece;
	bool telling_again;	       /* it lived before */
};

/* Stalls of VMM threads, and pins. */
#define VMM_WAITERS 64
struct vmm_waiter {
	tidal_gfn gfn;
	uint32_t requester;
	uint8_t access;
	bool used;
	bool poked; /* its page has arrived: look again at the end of the push */
	bool pin;   /* completes by pinning the page */
};
struct vmm {
	uint32_t used;
	uint32_t pins_used;
	struct vmm_waiter waiter[VMM_WAITERS];
	struct {
		tidal_gfn gfn;
		uint32_t count;
	} pin[VMM_WAITERS];
};

/* Making room: see evict.c. */
struct capacity {
	uint32_t leaving;	      /* evictions under way */
	bool active;		      /* below low, not yet up to high */
	bool full_reported;
	bool asked_again; /* all of them, since anything left */
	uint32_t swept; /* slots looked at since anything left */
	uint64_t gone;	/* pages that had left by then */
	tidal_time retry_at;	      /* ask those that refused again */
	struct tidal_nodeset refused; /* peers that had no frame for us lately */
};

/*
 * Dormant pages that get frames before they are touched, many by one action, where the guest writes to
 * one page after the other: see ahead.c. While the host maps such a batch its pages count as EXCLUSIVE
 * already, but nothing may happen to them: who asks for one comes again (EAGAIN). If the host can't
 * map them they are dormant as before.
 */
#define AHEAD_STREAMS 8 /* runs of writes that are followed at a time */
#define AHEAD_BATCHES (TIDAL_AHEAD_MAX / 64 * 2 + 2) /* rows of frames end elsewhere than rows of pages */
#define AHEAD_FIRST 8	/* pages, when a run is noticed first; then four times as many each time */

/* Pages gfn .. gfn + pages - 1, within an aligned 64, in frames in a row. */
struct ahead_batch {
	tidal_gfn gfn;
	tidal_frame frame;
	uint32_t pages;
};

struct ahead {
	uint32_t most; /* pages at a time; 0: none */
	uint32_t turn; /* whose place the next stream takes */
	struct ahead_stream {
		tidal_gfn next; /* the page that goes on with it */
		uint32_t pages; /* that were given ahead last */
	} stream[AHEAD_STREAMS];
	uint32_t batches; /* that the host maps */
	struct ahead_batch batch[AHEAD_BATCHES];
};

/* What peers said of themselves last, and what was promised to them. */
struct peer {
	uint32_t free, load;
	bool heard;
	bool lost;	/* it has died or come back since this node lives */
	bool mourned;	/* it is dead, and that has been reported */
	uint32_t dead;	/* all its incarnations up to this one are over */
	bool voids;	/* it has given up requests: */
	uint32_t void_to; /* all up to this one */
	bool void_due;	/* it is to be told when the grants made before have come... */
	bool void_all;	/* ...and those made since, for it has given up more meanwhile */
	uint8_t grant;	/* which of the two counts the grants that are made now */
	uint32_t grants[2]; /* to it: begun and not settled */
	uint32_t slots; /* of this node, promised to vCPUs that it may send */
	uint8_t order; /* of the next dormant extent granted to it */
	uint64_t next; /* range after the last one granted to it */
};

/* Nodes that died, or came back without what they had: see losses.c. */
struct losses {
	bool ever;
	struct tidal_nodeset nodes; /* since everything was looked through last */
	uint32_t transit; /* number of the one to look at next; 0: none */
	uint32_t vcpu;	  /* likewise, + 1 */
	uint8_t here_as;    /* enum wire_here_as: how this node has joined */
	uint32_t here_tell; /* it may have lived before: who is to be told next, + 1; 0: all have been */
	struct tidal_nodeset here_wait; /* who hasn't heard it: until then this node takes no part */
	uint32_t void_to;  /* requests of this node up to this one are to be given up... */
	uint32_t void_tell; /* ...of which is to be told next, + 1; 0: all have been */
	struct tidal_nodeset void_wait; /* who hasn't answered: until then they may be served */
};

/* Device accesses of other nodes' vCPUs under way here. */
#define REMOTE_IOS 64
struct remote_io {
	bool used;
	tidal_nodeid node;
	tidal_vcpuid vcpu;
	uint32_t id;
	uint32_t incarnation; /* of the node, when it asked */
};
struct devices {
	uint32_t next_id;
	struct remote_io remote[REMOTE_IOS];
};

struct decider {
	const struct tidal_policy_ops *ops;
	const void *weights; /* the embedder's; NULL: tables */
	struct policy_tables tables;
};

struct engine {
	const struct tidal_params *params;
	tidal_nodeid self;
	uint16_t nodes;
	tidal_time now; /* pod time */
	struct tidal_stats *stats;
	struct actq *actq;
	struct link *link;
	struct pages *pages;
	struct ranges *ranges;
	struct owners *owners;
	struct frames *frames;
	struct transits *transits;
	struct vcpus *vcpus;
	struct sched *sched;
	struct hot *hot;
	struct guest *guest;
	struct vmm *vmm;
	struct capacity *capacity;
	struct ahead *ahead;
	struct devices *devices;
	struct decider *decider;
	struct peer *peers;
	struct losses *losses;
	struct traces *traces;
	uint32_t *next_id;
	uint64_t *random;
};

/* What a token of a host action belongs to (top byte), and what (the rest). */
enum token { TOKEN_PAGE = 1, TOKEN_ZERO = 2, TOKEN_SAVE = 3, TOKEN_LOAD = 4, TOKEN_IO = 5, TOKEN_REMOTE_IO = 6,
	     TOKEN_AHEAD = 7 };
/* The same for messages of which the end must be known. */
enum cookie { COOKIE_OWN = 1, COOKIE_VCPU = 2, COOKIE_DROP = 3, COOKIE_REQUEST = 4, COOKIE_HERE = 5 };

static inline uint64_t tag(unsigned kind, uint64_t value)
{
	return (uint64_t)kind << 56 | value;
}

#define TAG_GRANT 55 /* COOKIE_OWN: bit for engine_granted(); above every gfn */
static inline uint64_t tag_grant(tidal_gfn gfn, uint8_t grant)
{
	return tag(COOKIE_OWN, (uint64_t)grant << TAG_GRANT | gfn);
}

/* Of a message that matters again only if it is lost with the peer that it went to. */
static inline uint64_t tag_if_lost(unsigned kind, uint64_t value)
{
	return LINK_IF_LOST | tag(kind, value);
}

/* Send a message; payload may be NULL. Not to oneself. */
void engine_send(struct engine *e, tidal_nodeid to, const struct wire *m,
		 const struct link_payload *payload, uint64_t cookie);
/* Send to every member of the set. */
void engine_multicast(struct engine *e, const struct tidal_nodeset *to, const struct wire *m);
void engine_report(struct engine *e, const struct tidal_act_report *r);
/*
 * Room for the most messages that one event may cause, whatever it is: a fan-out to all nodes, a queue
 * served, and small change; 2 * nodes + 24 of this class (params.h tells the embedder).
 */
bool engine_room(const struct engine *e, enum link_class class);

/* If somebody watches: what happened. Counters and records go together: stats.h, trace.h. */
#define engine_trace(e, ...)                                                                  \
	do {                                                                                  \
		if ((e)->traces->room)                                                        \
			engine_record(e, &(struct tidal_trace){ __VA_ARGS__ });               \
	} while (0)
void engine_record(struct engine *e, struct tidal_trace *record);
/* The same of a vCPU, or of a page. */
static inline void engine_trace_vcpu(struct engine *e, uint32_t what, tidal_vcpuid v, uint64_t epoch,
				     tidal_nodeid node)
{
	engine_trace(e, .what = what, .vcpu = v, .gfn = TIDAL_GFN_NONE, .epoch = epoch,
		     .node = node);
}
static inline void engine_trace_page(struct engine *e, uint32_t what, tidal_gfn gfn,
				     uint64_t epoch, tidal_nodeid node)
{
	engine_trace(e, .what = what, .vcpu = TIDAL_VCPU_NONE, .gfn = gfn, .epoch = epoch,
		     .node = node);
}

/* What this node knows of a page of its own: entry, dormant without entry, or INVALID. */
void engine_page(const struct engine *e, tidal_gfn gfn, struct page *page);
/* Store it. A page of an untouched range touches it: needs engine_ranges_room(). */
void engine_store(struct engine *e, const struct page *page);
/* Something is under way with this dormant page: its range must not leave as a whole. */
void engine_touch(struct engine *e, tidal_gfn gfn);
/* The page is not this node's any more. */
void engine_forget(struct engine *e, tidal_gfn gfn);
/* Room in the table of ranges for a split, besides what answers that are due may bring? */
bool engine_ranges_room(const struct engine *e);
/* Can a page without an entry get one (and its range be touched)? */
bool engine_page_room(const struct engine *e, const struct page *page);

/* Is the host mapping this page ahead? */
static inline bool engine_ahead(const struct engine *e, tidal_gfn gfn)
{
	for (uint32_t i = 0; i < e->ahead->batches; i++)
		if (gfn - e->ahead->batch[i].gfn < e->ahead->batch[i].pages)
			return true;
	return false;
}

/* A frame that no page uses any more; zeroed: it is known to be all zeroes. */
void engine_free(struct engine *e, tidal_frame frame, bool zeroed);

/* Does anybody on this node wait for the page? */
bool engine_waiting(const struct engine *e, tidal_gfn gfn);
unsigned engine_pinned(const struct engine *e, tidal_gfn gfn);

/*
 * A grant to this peer (OWN, EXTENT, GIVE) begins; returns what engine_granted() wants when it has come, was
 * lost, or is not to be. A peer that has given up requests is told (VOIDED) when all that were begun
 * before are over.
 */
uint8_t engine_grant(struct engine *e, tidal_nodeid n);
void engine_granted(struct engine *e, tidal_nodeid n, uint8_t which);
/* It has given up its requests up to this one. */
void engine_void(struct engine *e, tidal_nodeid n, uint32_t id);

/* Does this peer still live the life in which it had that incarnation? 0: the first of which
 * anything was known. */
bool engine_lives(const struct engine *e, tidal_nodeid n, uint32_t incarnation);

/* A small random number, 0 .. n - 1, for jitter. */
uint32_t engine_random(struct engine *e, uint32_t n);

/* Load of this node, in 1/16 ready vCPU per thread, and share of free frames in 1/256. */
uint32_t engine_free_share(const struct engine *e);

#endif
