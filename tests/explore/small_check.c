/* SPDX-License-Identifier: BSD-3-Clause */
/* small_check - what must be true in every state of a small pod. */
#include "small_state.h"

bool small_decode(const struct thing *t, struct wire *m)
{
	return t->kind == THING_MESSAGE && t->len > LINK_HEADER &&
	       wire_decode(m, t->bytes + LINK_HEADER, t->len - LINK_HEADER);
}

bool small_tells(const struct wire_owner *o, tidal_gfn gfn)
{
	uint64_t range = gfn >> TIDAL_RANGE_SHIFT, first = o->gfn >> TIDAL_RANGE_SHIFT;

	return o->order == WIRE_ORDER_PAGE ? o->gfn == gfn : range >> o->order == first >> o->order;
}

static bool is_mapped_elsewhere(const struct small *s, unsigned node, unsigned page)
{
	for (unsigned n = 0; n < s->config.nodes; n++)
		if (n != node && s->m->host[n].map[page].prot)
			return true;
	return false;
}

/* A page that can be written is mapped nowhere else; what can be read is the latest. */
static void check_mapping(struct small *s, unsigned n, unsigned page)
{
	const struct mapping *map = &s->m->host[n].map[page];

	if (!map->prot)
		return;
	if (small_contents(s, n, map->frame) != s->m->latest[page])
		small_violate(s, "a node can read what is out of date");
	if (map->prot != TIDAL_PROT_RW)
		return;
	if (map->frame == TIDAL_FRAME_ZERO)
		small_violate(s, "a node can write to the page of zeroes");
	if (is_mapped_elsewhere(s, n, page))
		small_violate(s, "a node can write to a page that another one has mapped");
}

/* Does this message make its receiver the owner of the page? */
static bool gives(const struct wire *m, tidal_gfn gfn)
{
	uint64_t range = gfn >> TIDAL_RANGE_SHIFT;

	if (m->kind == MSG_EXTENT)
		return range >> m->u.extent.order == m->u.extent.first >> m->u.extent.order;
	return (m->kind == MSG_OWN || m->kind == MSG_GIVE) && m->u.find.gfn == gfn;
}

/* One node owns the page, or it is on its way to one. */
static void check_owner(struct small *s, unsigned page)
{
	unsigned owners = 0;
	struct wire m;

	for (unsigned n = 0; n < s->config.nodes; n++) {
		struct tidal_page_info info;

		if (tidal_core_page(s->core[n], s->gfn[page], &info) == 0)
			owners += info.state >= TIDAL_PAGE_PRIMARY;
	}
	if (owners > 1)
		small_violate(s, "a page has two owners");
	if (s->config.link && !small_is_quiet(s))
		return; /* what is on the wire may have arrived already */
	for (unsigned i = 0; i < s->m->things; i++)
		owners += small_decode(&s->m->thing[i], &m) && gives(&m, s->gfn[page]);
	if (owners != 1)
		small_violate(s, owners ? "a page has two owners" : "a page has no owner");
}

/* Each vCPU lives on one node, or is on its way to one. */
static void check_vcpu(struct small *s, tidal_vcpuid v)
{
	unsigned live = 0, frozen = 0, running = 0;
	struct wire m;

	for (unsigned n = 0; n < s->config.nodes; n++) {
		const struct vcpu *vcpu = vcpus_at(&s->core[n]->vcpus, v);

		live += vcpu_is_here(vcpu) && vcpu->state != TIDAL_VCPU_FROZEN;
		frozen += vcpu->state == TIDAL_VCPU_FROZEN;
		running += s->m->host[n].vcpu[v].running;
		if ((vcpu->state == TIDAL_VCPU_RUNNING) != s->m->host[n].vcpu[v].running)
			small_violate(s, "core and host disagree about a running vCPU");
	}
	if (live > 1 || running > 1)
		small_violate(s, "a vCPU lives twice");
	if (s->config.link && live + frozen == 0)
		small_violate(s, "a vCPU is gone");
	if (s->config.link && !small_is_quiet(s))
		return; /* likewise */
	for (unsigned i = 0; i < s->m->things; i++)
		if (small_decode(&s->m->thing[i], &m))
			live += m.kind == MSG_VCPU && m.u.vcpu.vcpu == v;
	if (live != 1)
		small_violate(s, live ? "a vCPU lives twice" : "a vCPU is gone");
}

static void check_frames(struct small *s, unsigned node)
{
	const struct frames *f = &s->core[node]->frames;

	for (tidal_frame i = 0; i < f->total; i++)
		if (frames_is_zeroed(f, i) && s->m->host[node].frame[i])
			small_violate(s, "a frame counts as zeroed and isn't");
	if (f->posted != s->m->host[node].posts)
		small_violate(s, "posted frames are miscounted");
}

/* When nothing is under way every frame is free, posted, or behind a page; none has leaked. */
static void check_leaks(struct small *s, unsigned node)
{
	const struct tidal_core *core = s->core[node];
	uint32_t used = 0;

	for (unsigned p = 0; p < s->config.pages; p++) {
		struct page page;

		if (pages_get(&core->pages, s->gfn[p], &page))
			used += page.frame != TIDAL_FRAME_NONE;
	}
	if (frames_free(&core->frames) + core->frames.posted + used != SMALL_FRAMES)
		small_violate(s, "a frame has leaked");
}

/* When nothing is under way, nothing is kept for anybody. */
static void check_promises(struct small *s, unsigned node)
{
	const struct tidal_core *core = s->core[node];

	if (core->vcpus.promised)
		small_violate(s, "a slot is promised to nobody");
	if (core->frames.promised || core->frames.departing || core->capacity.leaving)
		small_violate(s, "a frame is kept for nobody");
}

/* When nothing is under way its home knows who owns a page: by a record, or it never left node 0. */
static void check_record(struct small *s, unsigned page)
{
	struct tidal_core *home = s->core[owners_home(&s->core[0]->owners, s->gfn[page])];
	struct whereabouts w = owners_recorded(&home->owners, s->gfn[page]);
	unsigned owner = w.node == TIDAL_NODE_NONE ? 0 : w.node;
	struct tidal_page_info info;

	if (tidal_core_page(home, s->gfn[page], &info) == 0 &&
	    info.state >= TIDAL_PAGE_PRIMARY)
		return; /* it is here: what else would it want to know? */
	if (tidal_core_page(s->core[owner], s->gfn[page], &info) ||
	    info.state < TIDAL_PAGE_PRIMARY)
		small_violate(s, "a home does not know who owns its page");
}

/* When nothing is under way its home knows where a vCPU is. */
static void check_home(struct small *s, tidal_vcpuid v)
{
	const struct vcpu *home = vcpus_at(&s->core[v % s->config.nodes]->vcpus, v);

	if (!vcpu_is_here(vcpus_at(&s->core[home->node]->vcpus, v)))
		small_violate(s, "a home does not know where its vCPU is");
}

const char *small_violation(void *small)
{
	struct small *s = small;
	const char *why;
	bool quiet = small_is_quiet(s);

	for (unsigned p = 0; p < s->config.pages; p++) {
		for (unsigned n = 0; n < s->config.nodes; n++)
			check_mapping(s, n, p);
		check_owner(s, p);
	}
	for (unsigned v = 0; v < s->config.vcpus; v++)
		check_vcpu(s, (tidal_vcpuid)v);
	for (unsigned v = 0; quiet && v < s->config.vcpus; v++)
		check_home(s, (tidal_vcpuid)v);
	for (unsigned p = 0; quiet && p < s->config.pages; p++)
		check_record(s, p);
	for (unsigned n = 0; n < s->config.nodes; n++) {
		check_frames(s, n);
		if (tidal_core_check(s->core[n], &why))
			small_violate(s, why);
		if (quiet) {
			check_promises(s, n);
			check_leaks(s, n);
		}
	}
	return s->m->violation;
}

/* No transit, no VMM thread that waits, no message that is not acknowledged. */
static bool is_idle(const struct tidal_core *core)
{
	return !core->transits.used && !core->vmm.used && !link_pending(REL(core, link)) &&
	       !link_any_settled(REL(core, link));
}

bool small_is_quiet(const void *small)
{
	const struct small *s = small;

	if (s->m->things)
		return false;
	for (unsigned n = 0; n < s->config.nodes; n++) {
		if (!is_idle(s->core[n]) || !s->core[n]->guest.known)
			return false;
		for (unsigned v = 0; v < s->config.vcpus; v++) {
			const struct vcpu *vcpu = vcpus_at(&s->core[n]->vcpus, (tidal_vcpuid)v);

			if (vcpu->state == TIDAL_VCPU_AWAY)
				continue;
			if (vcpu->state != TIDAL_VCPU_RUNNING || vcpu->dest != TIDAL_NODE_NONE)
				return false;
		}
	}
	return true;
}
