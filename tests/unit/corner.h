/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * corner - states made by hand, for tests of what happens to a page at a bad moment: in node 0, which
 * owns all memory; nodes 1 and 2 are its peers.
 */
#ifndef TIDAL_TESTS_CORNER_H
#define TIDAL_TESTS_CORNER_H

#include "one-core.h"

#include "core/boot.h"
#include "core/losses.h"
#include "core/proto.h"

struct corner {
	struct one_core o;
	struct engine e;
};

static inline void news_of(struct corner *c, uint32_t kind, tidal_nodeid n, uint32_t incarnation)
{
	struct tidal_event ev = { .kind = kind };

	ev.u.peer.node = n;
	ev.u.peer.incarnation = incarnation;
	assert_int_equal(one_push(&c->o, &ev), 0);
	one_pull(&c->o);
}

static inline void meet(struct corner *c, tidal_nodeid node)
{
	news_of(c, TIDAL_EV_PEER_UP, node, 1);
}

static inline void say(struct corner *c, struct wire m)
{
	one_say(&c->o, &m);
}

/* Node 1 of a pod, without a map yet; its messages go nowhere. */
static inline void open_newcomer(struct corner *c, uint32_t incarnation)
{
	memset(c, 0, sizeof(*c));
	one_params(&c->o, 0);
	c->o.params.node = 1;
	c->o.params.incarnation = incarnation;
	c->o.params.vmap = NULL;
	c->o.silent = true;
	one_start(&c->o);
	core_engine(c->o.core, c->o.now, &c->e);
}

static inline void hear_map(struct corner *c, uint8_t again)
{
	const struct wire_map piece[] = {
		{ .count = ONE_PAGES, .node = 0, .kind = MAP_MEMORY, .index = 0, .total = 3 },
		{ .count = ONE_VCPUS, .node = 1, .kind = MAP_VCPUS, .index = 1, .total = 3 },
		{ .first = ONE_DEVICE, .count = 4096, .kind = MAP_DEVICE, .index = 2, .total = 3,
		  .again = again },
	};

	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(boot_on_map(&c->e, 0, &piece[i]), 0);
	assert_true(c->e.guest->known);
}

static inline void open_corner(struct corner *c)
{
	memset(c, 0, sizeof(*c));
	one_open(&c->o, 0);
	one_run(&c->o);
	meet(c, 1);
	meet(c, 2);
	one_settle(&c->o);
	core_engine(c->o.core, c->o.now, &c->e);
}

static inline void put_page(struct corner *c, tidal_gfn gfn, uint32_t state, uint32_t map, bool frame)
{
	struct page page = { .gfn = gfn, .state = state, .map = map, .frame = TIDAL_FRAME_NONE };

	if (frame)
		page.frame = frames_take_zeroed(c->e.frames);
	assert_true(!frame || page.frame != TIDAL_FRAME_NONE);
	page.owner = state == TIDAL_PAGE_SECONDARY;
	engine_store(&c->e, &page);
}

static inline void set_copies(struct corner *c, tidal_gfn gfn, copies who)
{
	struct page page;

	assert_true(pages_get(c->e.pages, gfn, &page));
	pages_set_copies(c->e.pages, &page, who);
	engine_store(&c->e, &page);
}

static inline struct transit *put_transit(struct corner *c, tidal_gfn gfn, enum situation state)
{
	struct transit *t = transits_begin(c->e.transits, gfn);

	assert_non_null(t);
	t->state = (uint8_t)state;
	t->server = c->e.self;
	return t;
}

static inline int happen(struct corner *c, enum happening h, tidal_gfn gfn, const struct wire *m)
{
	static const struct tidal_ev_host_done fine = { .status = 0 };
	struct occasion o = { .gfn = gfn, .m = m, .from = 1, .payload = TIDAL_FRAME_NONE,
			      .done = &fine };

	return proto_happen(&c->e, h, &o);
}

static inline int fail_host(struct corner *c, tidal_gfn gfn)
{
	static const struct tidal_ev_host_done failed = { .status = TIDAL_EIO };
	struct occasion o = { .gfn = gfn, .payload = TIDAL_FRAME_NONE, .done = &failed };

	return proto_happen(&c->e, HAP_DONE, &o);
}

static inline enum situation situation(const struct corner *c, tidal_gfn gfn)
{
	struct page page;

	engine_page(&c->e, gfn, &page);
	return proto_situation(transits_find(c->e.transits, gfn), &page);
}

static inline uint32_t map_of(const struct corner *c, tidal_gfn gfn)
{
	struct page page;

	engine_page(&c->e, gfn, &page);
	return page.map;
}

static inline void fill_transits(struct corner *c)
{
	for (tidal_gfn gfn = 400; transits_room(c->e.transits); gfn++)
		put_transit(c, gfn, SIT_HELD);
}

static inline void fill_link(struct corner *c, enum link_class class, unsigned n)
{
	while (link_room(c->e.link, class, n))
		link_queue(c->e.link, 2, LINK_REPLY, "x", 1, NULL, 0);
}

static inline struct wire request(tidal_gfn gfn, uint8_t want)
{
	return (struct wire){ .kind = MSG_REQUEST,
			      .u.request = { .gfn = gfn, .node = 1, .want = want, .id = 77, .incarnation = 1,
					     .vcpu = TIDAL_VCPU_NONE } };
}

/* Node 1 died, and came back with incarnation 2; nobody need answer any more. */
static inline void lose(struct corner *c)
{
	link_peer(c->e.link, 1, 2);
	losses_note(&c->e, 1, 2);
	memset(&c->e.losses->void_wait, 0, sizeof(struct tidal_nodeset));
	c->e.losses->void_tell = 0;
}

#endif
