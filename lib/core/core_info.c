/* SPDX-License-Identifier: BSD-3-Clause */
/* core_info - what a core tells of itself. Changes nothing. */
#include "core_state.h"
#include "versioned.h"

tidal_time tidal_core_time(const struct tidal_core *core)
{
	return core->now;
}

void tidal_core_stats(const struct tidal_core *core, struct tidal_stats *stats, size_t size)
{
	struct tidal_stats s = core->stats;
	const struct frames *f = &core->frames;

	s.frames_zeroed = f->zeroed.count;
	s.frames_dirty = frames_to_zero(f);
	s.frames_used = f->total - frames_free(f) - f->posted - f->zeroing;
	s.pages_known = core->pages.table.used;
	s.vcpus_here = core->vcpus.here;
	s.homes_full = core->owners.overflow;
	memset(stats, 0, size);
	memcpy(stats, &s, size < sizeof(s) ? size : sizeof(s));
}

static tidal_nodeid probable_owner(const struct engine *e, const struct page *page)
{
	struct whereabouts hint, home;

	if (page_is_owned(page))
		return e->self;
	hint = owners_hinted(e->owners, page->gfn);
	home = owners_recorded(e->owners, page->gfn);
	if (hint.node == TIDAL_NODE_NONE ||
	    (home.node != TIDAL_NODE_NONE && epoch_newer(home.epoch, hint.epoch)))
		hint = home;
	if (hint.node != TIDAL_NODE_NONE)
		return hint.node;
	for (uint32_t i = 0; i < e->guest->map.memory_runs; i++)
		if (page->gfn - e->guest->map.memory[i].first < e->guest->map.memory[i].pages)
			return e->guest->map.memory[i].node;
	return TIDAL_NODE_NONE;
}

int tidal_core_page(const struct tidal_core *core, tidal_gfn gfn, struct tidal_page_info *info)
{
	struct engine e;
	struct page page;
	const struct transit *t;

	core_engine_const(core, &e);
	if (gfn >= core->guest.pages)
		return TIDAL_ERANGE;
	engine_page(&e, gfn, &page);
	t = transits_find(&core->transits, gfn);
	*info = (struct tidal_page_info){
		.state = page.state,
		.transient = t ? t->state : 0,
		.frame = page.frame,
		.owner = probable_owner(&e, &page),
		.epoch = page.epoch,
	};
	if (page.frame == TIDAL_FRAME_NONE && page.map != UNMAPPED)
		info->frame = TIDAL_FRAME_ZERO;
	if (page_is_owned(&page))
		copies_expand(pages_copies(&core->pages, &page), e.nodes, e.self, TIDAL_NODE_NONE,
			      &info->copies);
	return 0;
}

const char *tidal_transient_name(uint32_t transient)
{
	if (transient == 0)
		return "stable";
	return transient <= SIT_DORMANT ? "?" : situation_name(transient);
}

int tidal_core_vcpu(const struct tidal_core *core, tidal_vcpuid v, struct tidal_vcpu_info *info)
{
	const struct vcpu *vcpu;

	if (v >= core->guest.vcpus)
		return TIDAL_ERANGE;
	vcpu = vcpus_at(&core->vcpus, v);
	*info = (struct tidal_vcpu_info){ vcpu->state, vcpu->node, vcpu->epoch };
	return 0;
}
