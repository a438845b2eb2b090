/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * proto - the coherence protocol of one page on one node, as a table: for every
 * situation (transits.h) and everything that may happen, what is done. docs/protocol.md
 * explains it; a test keeps the two alike.
 */
#ifndef TIDAL_CORE_PROTO_H
#define TIDAL_CORE_PROTO_H

#include "engine.h"

#define HAPPENINGS(X)                                                                         \
	X(READ, "a local stall for reading or executing")                                     \
	X(WRITE, "a local stall for writing")                                                 \
	X(ZERO, "a local stall of an instruction that zeroes the page")                       \
	X(REQUEST, "a node asks for the page")                                                \
	X(COPY, "a read-only copy came")                                                      \
	X(OWN, "ownership came")                                                              \
	X(EXTENT, "a dormant extent around the page came")                                    \
	X(REFUSE, "the request was refused")                                                  \
	X(INVALIDATE, "a new owner wants copies dropped")                                     \
	X(INVALIDATED, "a node has dropped its copy")                                         \
	X(FIND, "a node looks for the owner")                                                 \
	X(FOUND, "the owner answered the search")                                             \
	X(ABSENT, "a node that doesn't own it did")                                           \
	X(OFFER, "a full node would like to give the page")                                   \
	X(ANSWER, "the peer answered the offer")                                              \
	X(GIVE, "the offered page came")                                                      \
	X(DONE, "the host has carried out the action")                                        \
	X(TIMER, "the page's timer rings")                                                    \
	X(EVICT, "the frame is wanted")                                                       \
	X(FRAMES, "frames have come free")

#define HAPPENING_ENUM(name, text) HAP_##name,
enum happening { HAPPENINGS(HAPPENING_ENUM) HAP_MAX };
#undef HAPPENING_ENUM

/* One thing that happens to one page. */
struct occasion {
	tidal_gfn gfn;
	struct transit *t;   /* NULL: the page is in a stable state */
	struct page page;    /* as it was when it happened */
	const struct wire *m; /* messages */
	tidal_nodeid from;
	tidal_frame payload; /* the page that came; whoever keeps it sets NONE */
	const struct tidal_ev_host_done *done;
	bool hot; /* a write stall that counts towards being hot, if the page is somebody else's */
};

/*
 * Handlers return 0, TIDAL_EAGAIN (not now: nothing has changed, the event is to be pushed
 * again) or TIDAL_EPROTO (a peer broke the protocol: nothing has changed).
 */
typedef int (*proto_cell)(struct engine *, struct occasion *);

/* What is done in this situation; never NULL. And its name, as docs/protocol.md has it. */
proto_cell proto_at(enum situation s, enum happening h);
const char *proto_name(enum situation s, enum happening h);
const char *happening_name(unsigned h);

/* Let it happen: finds page and transit, and goes to the table. */
int proto_happen(struct engine *e, enum happening h, struct occasion *o);

/* The situation of a page now. */
enum situation proto_situation(const struct transit *t, const struct page *page);

/* ---- steps that several handlers share; each in the file named ---- */

/* stall.c: go on towards what local waiters want. The transit is theirs or free to take. */
void proto_pursue(struct engine *e, struct transit *t);
/* stall.c: the page is here as wanted: wake the waiters, hold the page for the first. */
void proto_arrived(struct engine *e, struct transit *t, const struct page *page);
/* stall.c: nothing is under way any more: serve who waits, end the transit. */
void proto_settle(struct engine *e, struct transit *t);
/* stall.c: wake all local waiters of the page, to retry (or skip). */
void proto_wake(struct engine *e, struct transit *t, tidal_gfn gfn);
/* stall.c: keep the page here for this vCPU until it retires an instruction, or `until`. */
void proto_hold(struct engine *e, struct transit *t, tidal_vcpuid v, tidal_time until);
/* stall.c: end that hold; proto_settle() or proto_serve() is to follow. */
void proto_unhold(struct engine *e, struct transit *t);
/* stall.c: all holds for this vCPU are over. */
void proto_release(struct engine *e, tidal_vcpuid v);
/* stall.c: a vCPU or VMM thread stalled; it is in the event table already. */
int proto_stall(struct engine *e, tidal_gfn gfn, uint8_t access, bool vcpu);
/* stall.c: VMM threads whose page came: complete them or stall again. */
void proto_poked(struct engine *e);
/* stall.c: are there any left? Then a tick is due at once. */
bool proto_any_poked(const struct engine *e);

/* host.c: ask the host; the transit takes the state that waits for it. */
void proto_map(struct engine *e, struct transit *t, struct page *page, tidal_frame frame,
	       uint32_t prot);
void proto_unmap(struct engine *e, struct transit *t, const struct page *page, uint8_t state,
		 bool test);
void proto_protect(struct engine *e, struct transit *t, const struct page *page);

/* ask.c: ask for the page on behalf of those who wait here. */
void proto_ask(struct engine *e, struct transit *t, const struct page *page);
void proto_unpromise(struct engine *e, struct transit *t);
/* ask.c: ask again some time later. */
void proto_back_off(struct engine *e, struct transit *t);
/* ask.c: refuse those who wait for a grant to this node, which may never come. */
void proto_refuse_all(struct engine *e, struct transit *t);
/* late.c: give up the request that is out: ask again, soon. */
void proto_ask_anew(struct engine *e, struct transit *t);
/* late.c: a node has died: give up all, tell so, and look at everything that waits (losses.c). */
void proto_give_up(struct engine *e);
/* ask.c: this node owns the page since `epoch`: tell its home. */
void proto_tell_home(struct engine *e, tidal_gfn gfn, uint64_t epoch);

/* dormant.c: give a dormant page a frame. */
void proto_wait_for_frame(struct engine *e, struct transit *t);
void proto_convert(struct engine *e, struct transit *t, struct page *page);

/* ahead.c: a dormant page that was stalled on gets a frame: serve those to come, if it is one of many. */
void proto_ahead(struct engine *e, tidal_gfn gfn);
/* ahead.c: the host has mapped the batch that begins there, or could not. EINVAL: no such batch. */
int proto_ahead_done(struct engine *e, tidal_gfn gfn, int status);

/* inval.c: drop copies elsewhere. true: the transit now waits for acknowledgements. */
bool proto_revoke(struct engine *e, struct transit *t, struct page *page);
/* inval.c: ask all of a set to drop their copies. */
void proto_invalidate(struct engine *e, const struct wire_invalidate *what,
		      const struct tidal_nodeset *set);
/* inval.c: the message that asked a peer to drop its copy died with that peer's incarnation. */
void proto_repeat_drop(struct engine *e, tidal_nodeid to, const struct wire *m);
/* inval.c: acknowledge for a node that has no map yet, and so no copy of anything. */
int proto_no_copy(struct engine *e, const struct wire_invalidate *m);
/* inval.c: of those that are to acknowledge, ask who has been dead: whoever granted the page may have
 * thought that they still are, and not have asked them. */
void proto_invalidate_revived(struct engine *e, const struct transit *t);
/* inval.c: of those that are to acknowledge, leave out the dead. */
void proto_living(struct engine *e, struct transit *t);
/* inval.c: drop the copy here; acknowledge to t->drop_to when done. */
void proto_drop(struct engine *e, struct transit *t, const struct page *page, uint8_t after);

/* serve.c: does nobody wait for the answer, because its requester died, or has given it up? */
bool proto_is_void(const struct engine *e, const struct wire_request *r);
/* serve.c: answer, refuse or queue a request. May leave the transit in another state. */
void proto_serve(struct engine *e, struct transit **t, const struct wire_request *r);
/* serve.c: pass a request on, or refuse it with "again". */
void proto_forward(struct engine *e, const struct wire_request *r);
/* serve.c: let it wait for the page; refuse it with "again" when there is no room for that. */
/* serve.c: those who wait for a grant to this node don't wait for ever. */
void proto_patience(struct engine *e, struct transit *t);
void proto_queue(struct engine *e, struct transit *t, const struct wire_request *r);
void proto_refuse(struct engine *e, const struct wire_request *r, uint8_t reason);
/* late.c: it was passed on to this node, and lost with it. */
void proto_refuse_lost(struct engine *e, tidal_nodeid dead, const struct wire_request *r);
/* late.c: it was refused for that; can it be asked again? Else it will be, when all is looked at. */
bool proto_was_lost(const struct engine *e, const struct wire_refuse *r);
/* late.c: it was refused for that, and of that death nothing was known. */
void proto_news_of_death(struct engine *e, const struct wire_refuse *r);

/* evict.c: look whether frames are wanted, start evictions, let waiters go on; once per push. */
void proto_capacity(struct engine *e);
tidal_time proto_capacity_deadline(const struct engine *e);
/* evict.c: something has left, or is about to: the pod isn't full before all is looked at again. */
void proto_look_anew(struct engine *e);
/* evict.c: the peer to which this page was offered does not take it. */
void proto_declined(struct engine *e, struct transit *t);
/* evict.c: is there no room for another page in the page table? */
bool proto_table_is_tight(const struct engine *e);
/* evict.c: the peer with the most free frames, NONE: none has any as far as known. */
tidal_nodeid proto_roomiest(const struct engine *e);

/* host.c: the host reports an error: tell, and ask it again later. Returns 0. */
int on_host_failed(struct engine *e, struct occasion *o);

/* The largest dormant extent that is granted at once: 1 GiB (rule 17). */
#define EXTENT_ORDER_MAX 9

#define CELL(name) int name(struct engine *e, struct occasion *o)
CELL(on_stall);
CELL(on_stall_join);
CELL(on_held_timer);
CELL(on_settle_timer);
CELL(on_map_done);
CELL(on_zero_done);
CELL(on_drop_done);
CELL(on_lower_done);
CELL(on_leave_done);
CELL(on_push_done);
CELL(on_fold_done);
CELL(on_host_again);
CELL(on_request_serve);
CELL(on_request_held);
CELL(on_request_queue);
CELL(on_request_asking);
CELL(on_request_forward);
CELL(on_copy);
CELL(on_own);
CELL(on_extent);
CELL(on_refuse);
CELL(on_copy_late);
CELL(on_refuse_late);
CELL(on_ask_timer);
CELL(on_ask_again);
CELL(on_invalidate_absent);
CELL(on_invalidate_copy);
CELL(on_invalidate_later);
CELL(on_invalidate_stale);
CELL(on_invalidated);
CELL(on_invalidated_early);
CELL(on_find);
CELL(on_absent);
CELL(on_found);
CELL(on_offer_take);
CELL(on_offer_decline);
CELL(on_answer);
CELL(on_give);
CELL(on_evict_copy);
CELL(on_evict_owned);
CELL(on_frames);
CELL(on_evict_dormant);
CELL(on_ignore);
CELL(on_later);
CELL(on_reject);

#endif
