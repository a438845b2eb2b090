/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * watch - the rules that no run may break. After each push, of the pages and vCPUs that it
 * touched; every SWEEP_EVENTS pushes, of all that ever were touched, and that each core is
 * sound; in the end, that nothing is left over.
 */
#include "run_inside.h"

#include <stdlib.h>
#include <string.h>

typedef unsigned long long ull;

void watch_open(struct run *r)
{
	struct watch *h = &r->watch;
	size_t frames = (r->s.frames + 1) * sizeof(*h->seen);

	h->known = calloc(r->guest, sizeof(*h->known));
	h->pages = calloc(r->guest, sizeof(*h->pages));
	h->seen = malloc(frames);
}

void watch_close(struct run *r)
{
	free(r->watch.known);
	free(r->watch.pages);
	free(r->watch.seen);
}

/* ---- one page ---- */

/* What a node believes of a page that it owns or has a copy of; false: of neither kind. */
static bool believed(const struct tidal_core *core, tidal_gfn gfn, struct page *page)
{
	bool untouched;

	if (!core->guest.known)
		return false;
	if (pages_get(&core->pages, gfn, page))
		return page->state != TIDAL_PAGE_INVALID;
	*page = (struct page){ .gfn = gfn, .state = TIDAL_PAGE_DORMANT, .frame = TIDAL_FRAME_NONE };
	return ranges_has(&core->ranges, gfn, &page->epoch, &untouched);
}

/* Nothing is under way with the page here: what is mapped is what the core believes, and the
 * frame behind it has the latest. */
static void check_stable(struct run *r, unsigned n, const struct page *p)
{
	const struct host *h = &r->w->host[n];
	const struct mapping *m = &h->map[p->gfn];
	tidal_frame frame = p->frame == TIDAL_FRAME_NONE ? TIDAL_FRAME_ZERO : p->frame;
	uint64_t contents = frame == TIDAL_FRAME_ZERO ? 0 : h->frame[frame];
	uint8_t prot = p->map == MAPPED_RW ? TIDAL_PROT_RW : p->map == MAPPED_R ? TIDAL_PROT_R : 0;

	if ((m->frame ? m->prot : 0) != prot || (m->frame && m->frame - 1 != frame))
		world_violate(r->w, "node %u takes page %llu for mapped otherwise than it is", n,
			      (ull)p->gfn);
	if (contents != r->w->reference[p->gfn])
		world_violate(r->w, "node %u has %llu in page %llu, latest is %llu", n,
			      (ull)contents, (ull)p->gfn, (ull)r->w->reference[p->gfn]);
}

/* A frame that is given ahead isn't mapped before the host says so, if it can. */
static bool is_under_way(const struct tidal_core *core, tidal_gfn gfn)
{
	struct engine e;

	core_engine_const(core, &e);
	return transits_find(&core->transits, gfn) || engine_ahead(&e, gfn);
}

static void check_page(struct run *r, tidal_gfn gfn)
{
	unsigned owners = 0, mapped = 0, writable = 0;

	r->out->checks++;
	for (unsigned n = 0; n < r->s.nodes; n++) {
		const struct tidal_core *core = r->w->host[n].core;
		const struct mapping *m = &r->w->host[n].map[gfn];
		struct page page;
		bool has = believed(core, gfn, &page);

		owners += has && page_is_owned(&page);
		mapped += m->frame != 0;
		writable += m->frame && m->prot == TIDAL_PROT_RW;
		if (m->frame && guest_contents(r->w, n, m) != r->w->reference[gfn])
			world_violate(r->w, "node %u maps %llu as page %llu, latest is %llu", n,
				      (ull)guest_contents(r->w, n, m), (ull)gfn,
				      (ull)r->w->reference[gfn]);
		if (!has && m->frame)
			world_violate(r->w, "node %u maps page %llu, which it doesn't have", n,
				      (ull)gfn);
		if (has && !is_under_way(core, gfn))
			check_stable(r, n, &page);
	}
	if (owners > 1)
		world_violate(r->w, "page %llu has %u owners", (ull)gfn, owners);
	if (writable > 1 || (writable && mapped > 1))
		world_violate(r->w, "page %llu is writable on %u nodes, mapped on %u", (ull)gfn,
			      writable, mapped);
}

/* ---- one vCPU ---- */

static bool is_live(unsigned state)
{
	return state != TIDAL_VCPU_AWAY && state != TIDAL_VCPU_FROZEN && state != TIDAL_VCPU_LOST;
}

static void check_vcpu(struct run *r, tidal_vcpuid v)
{
	unsigned live = 0, frozen = 0, unknown = 0;

	for (unsigned n = 0; n < r->s.nodes; n++) {
		const struct tidal_core *core = r->w->host[n].core;
		unsigned state = vcpus_at(&core->vcpus, v)->state;

		unknown += !core->guest.known;
		live += core->guest.known && is_live(state);
		frozen += core->guest.known && state == TIDAL_VCPU_FROZEN;
	}
	if (live > 1)
		world_violate(r->w, "vCPU %u lives on %u nodes", v, live);
	/* on an ideal wire it may be between two nodes, and nobody knows */
	if (live + frozen == 0 && unknown == 0 && !r->s.ideal &&
	    !(r->deaths.vcpu_risk >> v & 1))
		world_violate(r->w, "vCPU %u is nowhere", v);
}

/* ---- what a push touches ---- */

static void touches(struct run *r, tidal_gfn gfn)
{
	struct watch *h = &r->watch;

	if (gfn >= r->guest)
		return;
	if (!h->known[gfn]) {
		h->known[gfn] = true;
		h->pages[h->count++] = gfn;
	}
	for (unsigned i = 0; i < h->touched_count; i++)
		if (h->touched[i] == gfn)
			return;
	if (h->touched_count < RUN_TOUCHED)
		h->touched[h->touched_count++] = gfn;
}

static void note_report(struct run *r, unsigned node, const struct tidal_act_report *p)
{
	if ((p->what == TIDAL_REPORT_HOST_FAILED && !r->s.fail_ppm && !r->deaths.restarted) ||
	    p->what == TIDAL_REPORT_BAD_STALL)
		world_violate(r->w, "node %u reports without reason: %s", node, p->text);
	else if (p->what == TIDAL_REPORT_PAGE_LOST || p->what == TIDAL_REPORT_VCPU_LOST ||
		 p->what == TIDAL_REPORT_NODE_LOST)
		deaths_report(r, node, p);
}

void watch_action(struct run *r, unsigned node, const struct tidal_action *a)
{
	switch (a->kind) {
	case TIDAL_ACT_MAP:
	case TIDAL_ACT_UNMAP:
	case TIDAL_ACT_PROTECT:
		touches(r, a->u.pages.gfn);
		break;
	case TIDAL_ACT_SEND:
		if (a->u.send.payload == TIDAL_PAYLOAD_PAGE)
			touches(r, a->u.send.gfn);
		break;
	case TIDAL_ACT_RUN:
	case TIDAL_ACT_SAVE:
	case TIDAL_ACT_LOAD:
	case TIDAL_ACT_DROP:
		r->watch.vcpus |= UINT64_C(1) << a->u.vcpu.vcpu;
		break;
	case TIDAL_ACT_COMPLETE:
		touches(r, a->u.complete.gfn);
		meddle_completed(r, node, a->u.complete.requester, a->u.complete.gfn,
				 a->u.complete.status);
		break;
	case TIDAL_ACT_REPORT:
		note_report(r, node, &a->u.report);
		break;
	default:
		break;
	}
}

static void touched_by_message(struct run *r, const struct tidal_ev_message *m)
{
	const unsigned char *body = (const unsigned char *)m->bytes + HEADER_BODY;
	struct wire w;

	if (m->len <= HEADER_BODY || !wire_decode(&w, body, m->len - HEADER_BODY))
		return;
	if (w.kind <= MSG_GIVE)
		touches(r, w.u.find.gfn); /* the first field of all of them */
	else if (w.kind == MSG_VCPU)
		r->watch.vcpus |= UINT64_C(1) << w.u.vcpu.vcpu;
}

void watch_push(struct run *r, unsigned node, const struct tidal_event *ev)
{
	struct watch *h = &r->watch;

	(void)node;
	if (ev->kind == TIDAL_EV_MESSAGE)
		touched_by_message(r, &ev->u.message);
	else if (ev->kind == TIDAL_EV_HOST_DONE && ev->u.done.token >> 56 == TOKEN_PAGE)
		touches(r, ev->u.done.token & ((UINT64_C(1) << 56) - 1));
	else if (ev->kind == TIDAL_EV_STALL && ev->u.stall.access != TIDAL_IO)
		touches(r, ev->u.stall.gpa >> TIDAL_PAGE_SHIFT);
	for (unsigned i = 0; i < h->touched_count; i++)
		check_page(r, h->touched[i]);
	for (uint64_t set = h->vcpus; set; set &= set - 1)
		check_vcpu(r, (tidal_vcpuid)__builtin_ctzll(set));
	h->touched_count = 0;
	h->vcpus = 0;
}

/* ---- everything ---- */

static void use_frame(struct run *r, unsigned node, tidal_frame frame)
{
	if (frame == TIDAL_FRAME_NONE || frame == TIDAL_FRAME_ZERO)
		return;
	if (frame >= r->s.frames)
		world_violate(r->w, "node %u has a frame %u", node, frame);
	else if (r->watch.seen[frame]++)
		world_violate(r->w, "node %u: frame %u is in two places", node, frame);
}

/* Each frame is of a page, in a list, posted, or on its way: never in two places. */
static void check_frames(struct run *r, unsigned node)
{
	const struct host *h = &r->w->host[node];
	const struct tidal_core *core = h->core;
	const struct frames *f = &core->frames;
	struct entry raw;
	struct page page;

	memset(r->watch.seen, 0, r->s.frames * sizeof(*r->watch.seen));
	for (uint32_t i = 0; i < core->pages.table.size; i++)
		if (table_at(&core->pages.table, i, &raw) &&
		    pages_get(&core->pages, (raw.a & ((UINT64_C(1) << 35) - 1)) - 1, &page))
			use_frame(r, node, page.frame);
	for (tidal_frame i = 0; i < f->total; i++) {
		if (frames_is_zeroed(f, i)) {
			use_frame(r, node, i);
			if (h->frame[i])
				world_violate(r->w, "node %u: clean frame %u has contents", node, i);
		}
		if (frames_is_dirty(f, i))
			use_frame(r, node, i);
	}
	for (uint32_t i = 0; i < h->posts; i++)
		use_frame(r, node, h->post_list[i]);
	if (h->posts != f->posted)
		world_violate(r->w, "node %u: %u frames posted, the driver has %u", node, f->posted,
			      h->posts);
}

static void check_progress(struct run *r)
{
	struct watch *h = &r->watch;
	tidal_time now = r->w->now;
	bool waits = false;

	for (size_t i = 0; i < r->endings; i++)
		waits = waits || r->ending[i].c.kind != CHOICE_WAKE;
	if (waits)
		r->disturbed = now;
	for (unsigned v = 0; v < r->s.vcpus; v++) {
		uint64_t step = h->step[v];
		bool finished = false;
		tidal_time since;

		for (unsigned n = 0; n < r->s.nodes; n++) {
			const struct vcpu_model *m = &r->w->host[n].vcpu[v];

			if (m->here && m->s.step > step)
				step = m->s.step;
			finished = finished || (m->here && m->finished);
		}
		if (step != h->step[v])
			h->quiet_events = 0;
		if (step != h->step[v] || finished || r->woken[v] == UINT64_MAX ||
		    deaths_excuse(r, (tidal_vcpuid)v))
			h->since[v] = now;
		h->step[v] = step;
		since = h->since[v] > r->disturbed ? h->since[v] : r->disturbed;
		if (now - since > r->out->longest)
			r->out->longest = now - since;
		if (now - since > patience(r) && !r->out->full)
			world_violate(r->w, "vCPU %u has retired nothing for %llu ms", v,
				      (ull)(now - since) / 1000000);
	}
}

bool watch_short_of_ranges(const struct run *r)
{
	return r->s.ranges && world_reports(r->w, TIDAL_REPORT_SPACE);
}

/* VMM threads and pins get what they asked for, too. */
static void check_vmm(struct run *r)
{
	for (unsigned i = 0; i < RUN_VMM; i++) {
		const struct vmm_access *p = &r->vmm[i];
		tidal_time since = p->since > r->disturbed ? p->since : r->disturbed;

		if (p->state == VMM_ASKED && r->w->now - since > patience(r) && !r->out->full &&
		    !deaths_told(r, p->node, p->gfn) && !watch_short_of_ranges(r))
			world_violate(r->w, "node %u waits for page %llu for %llu ms", p->node,
				      (ull)p->gfn, (ull)(r->w->now - since) / 1000000);
		if (p->state == VMM_PINNED &&
		    !guest_translate(r->w, p->node, p->gfn, TIDAL_WRITE))
			world_violate(r->w, "page %llu has left node %u, where it is pinned",
				      (ull)p->gfn, p->node);
	}
}

void watch_sweep(struct run *r)
{
	const char *why;

	for (size_t i = 0; i < r->watch.count; i++)
		check_page(r, r->watch.pages[i]);
	for (unsigned v = 0; v < r->s.vcpus; v++)
		check_vcpu(r, (tidal_vcpuid)v);
	for (unsigned n = 0; n < r->s.nodes; n++) {
		if (tidal_core_check(r->w->host[n].core, &why))
			world_violate(r->w, "node %u: %s", n, why);
		check_frames(r, n);
	}
	check_progress(r);
	check_vmm(r);
}

/* ---- the end ---- */

/* What is still under way on a node; NULL: nothing. *gfn: of which page, if it is one. */
static const char *unrest(const struct tidal_core *core, tidal_gfn *gfn)
{
	struct engine e;

	core_engine_const(core, &e);
	if (!core->guest.known)
		return "a node without a map";
	for (uint32_t i = 1; i <= core->transits.fresh; i++)
		if (transit_at(&core->transits, i)->state != SIT_INVALID) {
			*gfn = transit_at(&core->transits, i)->gfn;
			return situation_name(transit_at(&core->transits, i)->state);
		}
	if (core->transits.queued_used)
		return "a request that waits";
	if (link_pending(e.link))
		return "a message";
	if (core->frames.departing || core->frames.promised || core->frames.zeroing)
		return "a frame";
	if (core->vmm.used || core->vmm.pins_used)
		return "an access of a VMM thread";
	if (core->vcpus.promised)
		return "a promised slot";
	return core->capacity.leaving ? "an eviction" : NULL;
}

bool watch_rest(struct run *r, bool must)
{
	for (unsigned n = 0; n < r->s.nodes; n++) {
		tidal_gfn gfn = 0;
		const char *what = unrest(r->w->host[n].core, &gfn);

		if (what && must)
			world_violate(r->w, "it doesn't come to rest: node %u has %s, page %llu", n, what,
				      (ull)gfn);
		if (what)
			return false;
	}
	return true;
}

bool watch_evicts(const struct run *r)
{
	bool active = false, other = false;

	for (unsigned n = 0; n < r->s.nodes; n++) {
		const struct transits *ts = &r->w->host[n].core->transits;

		active = active || r->w->host[n].core->capacity.active;
		for (uint32_t i = 1; i <= ts->fresh; i++) {
			unsigned state = transit_at(ts, i)->state;

			other = other || (state != SIT_INVALID && state != SIT_OFFERED &&
					  state != SIT_PUSHING && state != SIT_EXPECTED);
		}
	}
	return active && !other;
}

static void check_at_rest(struct run *r, tidal_gfn gfn)
{
	unsigned owners = 0;

	for (unsigned n = 0; n < r->s.nodes; n++) {
		struct page page;

		owners += believed(r->w->host[n].core, gfn, &page) && page_is_owned(&page);
	}
	if (owners != 1 && !(owners == 0 && r->deaths.page_risk[gfn]))
		world_violate(r->w, "page %llu has %u owners at rest", (ull)gfn, owners);
}

void watch_end(struct run *r)
{
	watch_sweep(r);
	for (tidal_gfn gfn = 0; gfn < r->guest; gfn += r->watch.count > 64 ? 7 : 1)
		check_at_rest(r, gfn);
	for (size_t i = 0; i < r->watch.count; i++)
		check_at_rest(r, r->watch.pages[i]);
	for (unsigned n = 0; n < r->s.nodes; n++) {
		const struct host *h = &r->w->host[n];

		for (unsigned i = 0; i < REMOTE_IOS; i++)
			if (h->core->devices.remote[i].used)
				world_violate(r->w, "node %u: a device access is left", n);
		for (unsigned i = 0; i < WORLD_VCPUS * 2; i++)
			if (h->buf_used[i])
				world_violate(r->w, "node %u: a buffer is left", n);
		for (unsigned v = 0; v < r->s.vcpus; v++)
			if (!r->deaths.restarted && h->vcpu[v].here != is_live(vcpus_at(&h->core->vcpus,
							       (tidal_vcpuid)v)->state))
				world_violate(r->w, "node %u: vCPU %u is left", n, v);
	}
}

bool watch_out_of_frames(const struct run *r)
{
	bool waits = false;

	for (unsigned n = 0; n < r->s.nodes; n++) {
		const struct transits *ts = &r->w->host[n].core->transits;

		for (uint32_t i = 1; i <= ts->fresh; i++)
			waits = waits || transit_at(ts, i)->state == SIT_FRAME;
	}
	return waits && setting_overfull(&r->s) && world_reports(r->w, TIDAL_REPORT_POD_FULL) > 0;
}

bool watch_full(const struct run *r)
{
	tidal_time longest = 0;

	/* a table of ranges that is too small can end it, too, and is reported likewise */
	if ((!setting_overfull(&r->s) || world_reports(r->w, TIDAL_REPORT_POD_FULL) == 0) &&
	    !watch_short_of_ranges(r))
		return false;
	for (unsigned v = 0; v < r->s.vcpus; v++)
		if (r->w->now - r->watch.since[v] > longest)
			longest = r->w->now - r->watch.since[v];
	return longest > patience(r) / 2;
}
