/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * proto - the table; see proto.h. A row per situation. Cells that a row leaves out are
 * `on_reject`: what may not happen there is a broken peer or a broken host, and is
 * reported as such.
 */
#include "proto.h"

struct cell {
	proto_cell fn;
	const char *name;
};

#define DO(fn) { on_##fn, #fn }

/* What is the same in many situations. */
#define NOT_OWNER [HAP_FIND] = DO(find), [HAP_FOUND] = DO(found)
#define OWNER                                                                                 \
	[HAP_INVALIDATE] = DO(invalidate_stale),                                              \
	[HAP_FIND] = DO(find), [HAP_FOUND] = DO(ignore), [HAP_OFFER] = DO(offer_decline)
#define STALLS(fn) [HAP_READ] = DO(fn), [HAP_WRITE] = DO(fn), [HAP_ZERO] = DO(fn)
/* An acknowledgement that isn't waited for: its sender restarted, and was asked again. */
#define NOT_COLLECTING [HAP_INVALIDATED] = DO(ignore)
/* Answers to requests that were given up, and nobody waits for: see late.c. */
#define LATE [HAP_COPY] = DO(copy_late), [HAP_REFUSE] = DO(refuse_late)
/* Who asks all nodes counts their answers; by then it may ask no more. */
#define NOT_ASKING [HAP_ABSENT] = DO(ignore)
#define NO_FRAMES [HAP_EVICT] = DO(ignore), [HAP_FRAMES] = DO(ignore)

static const struct cell table[SIT_MAX][HAP_MAX] = {
	[SIT_INVALID] = {
		NOT_ASKING,
		LATE,
		STALLS(stall), NOT_OWNER, NO_FRAMES, NOT_COLLECTING,
		[HAP_REQUEST] = DO(request_forward),
		[HAP_INVALIDATE] = DO(invalidate_absent),
		[HAP_OFFER] = DO(offer_take),
	},
	[SIT_SECONDARY] = {
		NOT_ASKING,
		LATE,
		STALLS(stall), NOT_OWNER, NOT_COLLECTING,
		[HAP_REQUEST] = DO(request_forward),
		[HAP_INVALIDATE] = DO(invalidate_copy),
		[HAP_OFFER] = DO(offer_take),
		[HAP_EVICT] = DO(evict_copy),
		[HAP_FRAMES] = DO(ignore),
	},
	[SIT_PRIMARY] = {
		NOT_ASKING,
		LATE,
		STALLS(stall), OWNER, NOT_COLLECTING,
		[HAP_REQUEST] = DO(request_serve),
		[HAP_EVICT] = DO(evict_owned),
		[HAP_FRAMES] = DO(ignore),
	},
	[SIT_EXCLUSIVE] = {
		NOT_ASKING,
		LATE,
		STALLS(stall), OWNER, NOT_COLLECTING,
		[HAP_REQUEST] = DO(request_serve),
		[HAP_EVICT] = DO(evict_owned),
		[HAP_FRAMES] = DO(ignore),
	},
	[SIT_DORMANT] = {
		NOT_ASKING,
		LATE,
		STALLS(stall), OWNER, NOT_COLLECTING,
		[HAP_REQUEST] = DO(request_serve),
		[HAP_EVICT] = DO(evict_dormant),
		[HAP_FRAMES] = DO(ignore),
	},
	[SIT_ROOM] = {
		[HAP_ABSENT] = DO(absent),
		LATE,
		STALLS(stall_join), NOT_OWNER, NOT_COLLECTING,
		[HAP_REQUEST] = DO(request_forward),
		[HAP_INVALIDATE] = DO(invalidate_copy),
		[HAP_OFFER] = DO(offer_decline),
		[HAP_TIMER] = DO(ask_again),
		[HAP_EVICT] = DO(ignore),
		[HAP_FRAMES] = DO(frames),
	},
	[SIT_ASK] = {
		[HAP_ABSENT] = DO(absent),
		STALLS(stall_join), NOT_OWNER, NO_FRAMES,
		[HAP_REQUEST] = DO(request_asking),
		[HAP_COPY] = DO(copy),
		[HAP_OWN] = DO(own),
		[HAP_EXTENT] = DO(extent),
		[HAP_REFUSE] = DO(refuse),
		[HAP_INVALIDATE] = DO(invalidate_absent),
		[HAP_INVALIDATED] = DO(invalidated_early),
		[HAP_OFFER] = DO(offer_decline),
		[HAP_TIMER] = DO(ask_timer),
	},
	[SIT_UPGRADE] = {
		[HAP_ABSENT] = DO(absent),
		STALLS(stall_join), NOT_OWNER, NO_FRAMES,
		[HAP_REQUEST] = DO(request_asking),
		[HAP_COPY] = DO(copy_late),
		[HAP_OWN] = DO(own),
		[HAP_REFUSE] = DO(refuse),
		[HAP_INVALIDATE] = DO(invalidate_copy),
		[HAP_INVALIDATED] = DO(invalidated_early),
		[HAP_OFFER] = DO(offer_decline),
		[HAP_TIMER] = DO(ask_timer),
	},
	[SIT_BACKOFF] = {
		[HAP_ABSENT] = DO(absent),
		LATE,
		STALLS(stall_join), NOT_OWNER, NO_FRAMES, NOT_COLLECTING,
		[HAP_REQUEST] = DO(request_forward),
		[HAP_INVALIDATE] = DO(invalidate_copy),
		[HAP_OFFER] = DO(offer_decline),
		[HAP_TIMER] = DO(ask_again),
	},
	[SIT_COLLECT] = {
		NOT_ASKING,
		LATE,
		STALLS(stall_join), OWNER, NO_FRAMES,
		[HAP_REQUEST] = DO(request_queue),
		[HAP_INVALIDATED] = DO(invalidated),
	},
	[SIT_FRAME] = {
		NOT_ASKING,
		LATE,
		STALLS(stall_join), OWNER, NOT_COLLECTING,
		[HAP_REQUEST] = DO(request_queue),
		[HAP_TIMER] = DO(frames),
		[HAP_EVICT] = DO(ignore),
		[HAP_FRAMES] = DO(frames),
	},
	[SIT_ZEROING] = {
		NOT_ASKING,
		LATE,
		STALLS(stall_join), OWNER, NO_FRAMES, NOT_COLLECTING,
		[HAP_REQUEST] = DO(request_queue),
		[HAP_DONE] = DO(zero_done),
	},
	[SIT_MAPPING] = {
		NOT_ASKING,
		LATE,
		STALLS(stall_join), NO_FRAMES, NOT_COLLECTING,
		[HAP_FIND] = DO(find),
		[HAP_FOUND] = DO(ignore),
		[HAP_REQUEST] = DO(request_queue),
		[HAP_INVALIDATE] = DO(invalidate_later),
		[HAP_OFFER] = DO(offer_decline),
		[HAP_DONE] = DO(map_done),
		[HAP_TIMER] = DO(host_again),
	},
	[SIT_HELD] = {
		NOT_ASKING,
		LATE,
		STALLS(stall), NO_FRAMES, NOT_COLLECTING,
		[HAP_FIND] = DO(find),
		[HAP_FOUND] = DO(ignore),
		[HAP_REQUEST] = DO(request_held),
		[HAP_INVALIDATE] = DO(invalidate_later),
		[HAP_OFFER] = DO(offer_decline),
		[HAP_TIMER] = DO(held_timer),
	},
	[SIT_DROPPING] = {
		NOT_ASKING,
		STALLS(stall_join), NOT_OWNER, NO_FRAMES,
		[HAP_REQUEST] = DO(request_forward),
		[HAP_COPY] = DO(later),
		[HAP_OWN] = DO(later),
		[HAP_REFUSE] = DO(later),
		[HAP_GIVE] = DO(later),
		[HAP_INVALIDATED] = DO(later),
		[HAP_INVALIDATE] = DO(invalidate_later),
		[HAP_OFFER] = DO(offer_decline),
		[HAP_DONE] = DO(drop_done),
		[HAP_TIMER] = DO(host_again),
	},
	[SIT_LOWERING] = {
		NOT_ASKING,
		LATE,
		STALLS(stall_join), OWNER, NO_FRAMES, NOT_COLLECTING,
		[HAP_REQUEST] = DO(request_queue),
		[HAP_DONE] = DO(lower_done),
		[HAP_TIMER] = DO(host_again),
	},
	[SIT_LEAVING] = {
		NOT_ASKING,
		LATE,
		STALLS(stall_join), OWNER, NO_FRAMES, NOT_COLLECTING,
		[HAP_REQUEST] = DO(request_queue),
		[HAP_DONE] = DO(leave_done),
		[HAP_TIMER] = DO(host_again),
	},
	[SIT_OFFERED] = {
		NOT_ASKING,
		LATE,
		STALLS(stall_join), OWNER, NO_FRAMES, NOT_COLLECTING,
		[HAP_REQUEST] = DO(request_queue),
		[HAP_ANSWER] = DO(answer),
	},
	[SIT_PUSHING] = {
		NOT_ASKING,
		LATE,
		STALLS(stall_join), OWNER, NO_FRAMES, NOT_COLLECTING,
		[HAP_REQUEST] = DO(request_queue),
		[HAP_DONE] = DO(push_done),
		[HAP_TIMER] = DO(host_again),
	},
	[SIT_FOLDING] = {
		NOT_ASKING,
		LATE,
		STALLS(stall_join), OWNER, NO_FRAMES, NOT_COLLECTING,
		[HAP_REQUEST] = DO(request_queue),
		[HAP_DONE] = DO(fold_done),
		[HAP_TIMER] = DO(host_again),
	},
	[SIT_EXPECTED] = {
		NOT_ASKING,
		LATE,
		STALLS(stall_join), NOT_OWNER, NO_FRAMES, NOT_COLLECTING,
		[HAP_REQUEST] = DO(request_queue),
		[HAP_INVALIDATE] = DO(invalidate_copy),
		[HAP_OFFER] = DO(offer_decline),
		[HAP_GIVE] = DO(give),
	},
};

static const struct cell rejected = DO(reject);

static const struct cell *cell_at(enum situation s, enum happening h)
{
	return table[s][h].fn ? &table[s][h] : &rejected;
}

proto_cell proto_at(enum situation s, enum happening h)
{
	return cell_at(s, h)->fn;
}

const char *proto_name(enum situation s, enum happening h)
{
	return cell_at(s, h)->name;
}

const char *happening_name(unsigned h)
{
	switch (h) {
#define NAME_OF(name, text)                                                                   \
	case HAP_##name:                                                                      \
		return #name;
		HAPPENINGS(NAME_OF)
	default:
		return "?";
	}
}

enum situation proto_situation(const struct transit *t, const struct page *page)
{
	return t ? (enum situation)t->state : (enum situation)page->state;
}

int proto_happen(struct engine *e, enum happening h, struct occasion *o)
{
	if (engine_ahead(e, o->gfn))
		return h == HAP_EVICT ? 0 : TIDAL_EAGAIN;
	o->t = transits_find(e->transits, o->gfn);
	engine_page(e, o->gfn, &o->page);
	return proto_at(proto_situation(o->t, &o->page), h)(e, o);
}

CELL(on_ignore)
{
	(void)e;
	(void)o;
	return 0;
}

CELL(on_later)
{
	(void)e;
	(void)o;
	return TIDAL_EAGAIN;
}

CELL(on_reject)
{
	(void)e;
	(void)o;
	return TIDAL_EPROTO;
}
