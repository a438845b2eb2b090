/* SPDX-License-Identifier: BSD-3-Clause */
/* check - the invariants that one node can check alone. Slow: for tests and field debugging. */
#include "core_state.h"

struct tally {
	uint32_t frames;   /* that pages and transits have */
	uint32_t promised;
	uint32_t in_room;
	uint32_t queued;
};

#define REQUIRE(cond, text)                                                                   \
	do {                                                                                  \
		if (!(cond)) {                                                                \
			*why = text;                                                          \
			return false;                                                         \
		}                                                                             \
	} while (0)

static bool check_page(const struct engine *e, const struct page *page, struct tally *n,
		       const char **why)
{
	copies c = pages_copies(e->pages, page);
	bool has_frame = page->frame != TIDAL_FRAME_NONE;
	const struct transit *t = transits_find(e->transits, page->gfn);
	struct tidal_nodeset set;

	n->frames += has_frame;
	copies_expand(c, e->nodes, e->self, TIDAL_NODE_NONE, &set);
	REQUIRE(!has_frame || page->frame < e->frames->fresh, "a page has a frame that doesn't exist");
	REQUIRE(page->gfn < e->guest->pages, "a page outside of guest memory");
	switch (page->state) {
	case TIDAL_PAGE_INVALID:
		REQUIRE(!has_frame && page->map == UNMAPPED, "an absent page has a frame");
		break;
	case TIDAL_PAGE_SECONDARY:
		REQUIRE(nodeset_empty(&set), "a copy has copies");
		REQUIRE(page->map != MAPPED_RW, "a copy is writable");
		break;
	case TIDAL_PAGE_PRIMARY:
		REQUIRE(has_frame, "a primary page has no frame");
		REQUIRE(page->map != MAPPED_RW, "a primary page is writable");
		break;
	case TIDAL_PAGE_EXCLUSIVE:
		REQUIRE(has_frame, "an exclusive page has no frame");
		REQUIRE(nodeset_empty(&set), "an exclusive page has copies");
		break;
	case TIDAL_PAGE_DORMANT:
		REQUIRE(!has_frame || (t && t->state == SIT_MAPPING), "a dormant page has a frame");
		REQUIRE(page->map != MAPPED_RW || t, "a dormant page is writable");
		break;
	default:
		REQUIRE(false, "a page is in no state");
	}
	return true;
}

/* Asked for one by one, and then here as part of an extent that was granted for another page? */
static bool came_along(const struct engine *e, const struct page *page)
{
	uint64_t epoch;
	bool untouched;

	return page->state == TIDAL_PAGE_DORMANT && page->map == UNMAPPED &&
	       ranges_has(e->ranges, page->gfn, &epoch, &untouched);
}

static bool check_transit(const struct engine *e, const struct transit *t, struct tally *n,
			  const char **why)
{
	struct page page;

	n->promised += t->promised;
	n->in_room += t->in_room;
	n->frames += t->state == SIT_MAPPING && t->frame != TIDAL_FRAME_NONE;
	engine_page(e, t->gfn, &page);
	switch (t->state) {
	case SIT_ASK:
		REQUIRE(page.state == TIDAL_PAGE_INVALID || came_along(e, &page),
			"asked for a page that is here");
		REQUIRE(t->promised, "asked without a frame to receive into");
		break;
	case SIT_UPGRADE:
		REQUIRE(page.state == TIDAL_PAGE_SECONDARY, "upgrades a page without a copy");
		REQUIRE(t->promised, "asked without a frame to receive into");
		break;
	case SIT_COLLECT:
		REQUIRE(page_is_owned(&page), "collects for a page of somebody else");
		REQUIRE(!nodeset_empty(&t->acks), "collects nothing");
		break;
	case SIT_FRAME:
	case SIT_ZEROING:
		REQUIRE(page.state == TIDAL_PAGE_DORMANT, "converts a page that isn't dormant");
		break;
	case SIT_LOWERING:
	case SIT_LEAVING:
	case SIT_OFFERED:
	case SIT_PUSHING:
	case SIT_FOLDING:
		REQUIRE(page_is_owned(&page), "gives away a page of somebody else");
		break;
	case SIT_DROPPING:
		REQUIRE(page.state == TIDAL_PAGE_SECONDARY, "drops a copy that isn't one");
		break;
	case SIT_ROOM:
	case SIT_BACKOFF:
	case SIT_EXPECTED:
		REQUIRE(!page_is_owned(&page) || came_along(e, &page),
			"waits for a page that it owns");
		break;
	case SIT_MAPPING:
	case SIT_HELD:
		break;
	default:
		REQUIRE(false, "a transit is in no transient state");
	}
	return true;
}

static bool check_vcpus(const struct engine *e, const char **why)
{
	uint32_t here = 0, slots = 0;

	for (unsigned n = 0; n < e->nodes; n++)
		slots += e->peers[n].slots;
	REQUIRE(slots == e->vcpus->promised, "promised slots are miscounted");
	for (uint32_t i = 0; i < e->guest->vcpus; i++) {
		const struct vcpu *v = vcpus_at(e->vcpus, (tidal_vcpuid)i);
		uint16_t thread;

		here += vcpu_is_here(v);
		REQUIRE((v->state == TIDAL_VCPU_RUNNING) ==
				sched_running(e->sched, (tidal_vcpuid)i, &thread),
			"scheduler and vCPU disagree about running");
		for (uint32_t n = v->held, k = 0; n; n = transit_at(e->transits, n)->hold_next) {
			REQUIRE(transit_at(e->transits, n)->hold_vcpu == i, "held for another vCPU");
			REQUIRE(++k <= e->transits->size, "list of held pages runs in a circle");
		}
	}
	REQUIRE(here == e->vcpus->here, "vCPUs are miscounted");
	REQUIRE(e->vcpus->here + e->vcpus->promised <= e->vcpus->slots ||
			e->vcpus->promised == 0, "more vCPUs promised than slots");
	return true;
}

static bool check_frames(const struct engine *e, const struct tally *n, const char **why)
{
	const struct frames *f = e->frames;

	REQUIRE(n->frames + f->zeroed.count + frames_to_zero(f) + f->posted + f->departing + f->zeroing ==
			f->total, "a frame is lost, or in two places");
	REQUIRE(n->promised == f->promised, "promised frames are miscounted");
	REQUIRE(f->promised <= f->posted, "more frames promised than posted");
	return true;
}

int tidal_core_check(const struct tidal_core *core, const char **why)
{
	struct engine e;
	struct tally n = { 0 };
	struct entry raw;
	struct page page;

	core_engine_const(core, &e);
	if (!link_check(e.link, why) || !sched_check(e.sched, why))
		return TIDAL_EBROKEN;
	for (uint32_t i = 0; i < e.pages->table.size; i++) {
		if (!table_at(&e.pages->table, i, &raw))
			continue;
		pages_get(e.pages, (raw.a & ((UINT64_C(1) << 35) - 1)) - 1, &page);
		if (!check_page(&e, &page, &n, why))
			return TIDAL_EBROKEN;
	}
	for (uint32_t i = 1; i <= e.transits->fresh; i++) {
		const struct transit *t = transit_at(e.transits, i);

		if (t->state != SIT_INVALID && !check_transit(&e, t, &n, why))
			return TIDAL_EBROKEN;
	}
	if (n.in_room != e.transits->room_count) {
		*why = "the list of those who wait for frames is miscounted";
		return TIDAL_EBROKEN;
	}
	return check_frames(&e, &n, why) && check_vcpus(&e, why) ? 0 : TIDAL_EBROKEN;
}
