/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * moments: what one handler does besides what everybody sees: whom it tells, what it forgets, what it
 * counts. One test for each statement or number that mutation found nobody to look at. See corner.h.
 */
#include "corner.h"

/* A page of which this node, or another one, is the home. */
static tidal_gfn page_at_home(const struct corner *c, bool here)
{
	for (tidal_gfn gfn = 0;; gfn += TIDAL_RANGE_PAGES)
		if ((owners_home(c->e.owners, gfn) == c->e.self) == here)
			return gfn + 5;
}

static struct page page_of(const struct corner *c, tidal_gfn gfn)
{
	struct page page;

	engine_page(&c->e, gfn, &page);
	return page;
}

static void pin(struct corner *c, tidal_gfn gfn)
{
	c->e.vmm->pin[c->e.vmm->pins_used].gfn = gfn;
	c->e.vmm->pin[c->e.vmm->pins_used++].count = 1;
}

/* A vCPU that waits for a page. */
static void wait_for(struct corner *c, tidal_vcpuid v, tidal_gfn gfn, uint8_t access)
{
	uint16_t thread;

	if (sched_running(c->e.sched, v, &thread))
		sched_stopped(c->e.sched, c->e.now, v);
	sched_forget(c->e.sched, v);
	vcpus_at(c->e.vcpus, v)->state = TIDAL_VCPU_STALLED;
	vcpu_stalled(vcpus_at(c->e.vcpus, v), c->e.now, gfn, access, true);
	sched_wait(c->e.sched, v, SCHED_WAIT_PAGE, gfn);
}

/* The action that was asked for last. */
static const struct tidal_action *last_action(const struct corner *c)
{
	return &c->e.actq->ring[(c->e.actq->tail - 1) % ACTQ_SIZE];
}

/* ---- ask.c ---- */

static struct transit *ask_for(struct corner *c, tidal_gfn gfn)
{
	struct transit *t = put_transit(c, gfn, SIT_ASK);
	struct page page = page_of(c, gfn);

	t->want = TIDAL_WRITE;
	proto_ask(&c->e, t, &page);
	return t;
}

/* What it knew when it asked: the newer of hint and copy. Broken in proto_ask(): t->known. */
static void what_was_known(void **state)
{
	static const struct { bool hint; uint64_t hinted, copy, known; } cases[] = {
		{ false, 0, 9, 10 }, { true, 8, 9, 10 }, { true, 9, 9, 10 }, { true, 11, 9, 12 },
	};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct page page;
		struct corner c;

		open_corner(&c);
		put_page(&c, 5, TIDAL_PAGE_SECONDARY, UNMAPPED, true);
		page = page_of(&c, 5);
		page.epoch = cases[i].copy;
		engine_store(&c.e, &page);
		if (cases[i].hint)
			owners_hint_page(c.e.owners, 5, (struct whereabouts){ 1, cases[i].hinted });
		else
			owners_note_page(c.e.owners, 5, (struct whereabouts){ 1, 1 });
		assert_int_equal(ask_for(&c, 5)->known, cases[i].known);
		one_close(&c.o);
	}
}

/* A copy is its contents, or says that they are zeroes. Broken in on_copy(): no look at the payload. */
static void copy_without_contents(void **state)
{
	struct wire m = { .kind = MSG_COPY, .u.copy = { .gfn = 5, .epoch = 3 } };
	struct corner c;
	struct transit *t;

	(void)state;
	open_corner(&c);
	put_page(&c, 5, TIDAL_PAGE_INVALID, UNMAPPED, false);
	owners_hint_page(c.e.owners, 5, (struct whereabouts){ 1, 1 });
	t = ask_for(&c, 5);
	m.u.copy.id = t->id;
	assert_int_equal(happen(&c, HAP_COPY, 5, &m), TIDAL_EPROTO);
	assert_true(t->promised);
	t->searches = t->tries = 3;
	m.u.copy.flags = WIRE_IS_ZERO;
	assert_int_equal(happen(&c, HAP_COPY, 5, &m), 0);
	assert_int_equal(t->state, SIT_MAPPING);
	assert_int_equal(t->tries | t->searches | t->promised, 0);
	one_close(&c.o);
}

/* An extent comes: its homes are told, this one too, and the search is over. Broken in tell_homes(),
 * on_extent(). */
static void extent_and_its_homes(void **state)
{
	(void)state;
	for (unsigned here = 0; here < 2; here++) {
		struct wire m = { .kind = MSG_EXTENT, .u.extent = { .epoch = 3, .hops = 2 } };
		struct whereabouts w;
		struct corner c;
		struct transit *t;
		struct extent x;
		tidal_gfn gfn;

		open_corner(&c);
		c.e.guest->pages = UINT64_C(1) << 20;
		gfn = page_at_home(&c, here);
		ranges_cut(c.e.ranges, gfn, 0, &x); /* not here */
		owners_hint_page(c.e.owners, gfn, (struct whereabouts){ 1, 1 });
		t = ask_for(&c, gfn);
		assert_int_equal(t->state, SIT_ASK);
		t->tries = t->searches = 3;
		t->stale_known = true;
		m.u.extent.gfn = gfn;
		m.u.extent.first = gfn >> TIDAL_RANGE_SHIFT;
		m.u.extent.id = t->id;
		assert_int_equal(happen(&c, HAP_EXTENT, gfn, &m), 0);
		one_pull(&c.o);
		w = owners_recorded(c.e.owners, gfn);
		assert_int_equal(w.node, here ? 0 : TIDAL_NODE_NONE);
		assert_int_equal(w.epoch, here ? 3 : 0);
		assert_int_equal(c.o.sent[MSG_OWNER], !here);
		assert_int_equal(c.e.stats->forward_max, 2);
		t = transits_find(c.e.transits, gfn);
		if (t)
			assert_int_equal(t->tries | t->searches | t->stale_known, 0);
		one_close(&c.o);
	}
}

/* ---- inval.c ---- */

/* Acknowledgements that overtake the grant: only those of the newest epoch count. Broken in
 * on_invalidated_early(). */
static void acknowledged_too_early(void **state)
{
	struct wire m = { .kind = MSG_INVALIDATED, .u.invalidated = { .gfn = 5, .epoch = 5 } };
	struct occasion o = { .gfn = 5, .m = &m, .payload = TIDAL_FRAME_NONE };
	struct corner c;
	struct transit *t;

	(void)state;
	open_corner(&c);
	put_page(&c, 5, TIDAL_PAGE_INVALID, UNMAPPED, false);
	t = put_transit(&c, 5, SIT_ASK);
	o.from = 1;
	assert_int_equal(proto_happen(&c.e, HAP_INVALIDATED, &o), 0);
	assert_int_equal(t->acks.w[0], 2);
	m.u.invalidated.epoch = 6;
	o.from = 2;
	assert_int_equal(proto_happen(&c.e, HAP_INVALIDATED, &o), 0);
	assert_int_equal(t->acks.w[0], 4);
	assert_int_equal(t->epoch, 6);
	m.u.invalidated.epoch = 5;
	o.from = 1;
	assert_int_equal(proto_happen(&c.e, HAP_INVALIDATED, &o), 0);
	assert_int_equal(t->acks.w[0], 4);
	m.u.invalidated.epoch = 6;
	assert_int_equal(proto_happen(&c.e, HAP_INVALIDATED, &o), 0);
	assert_int_equal(t->acks.w[0], 6);
	one_close(&c.o);
}

/* Whom should the acknowledgement go to? Nobody there, or oneself: refused, in every situation. */
static void invalidated_by_nobody(void **state)
{
	static const struct { enum situation s; uint32_t page; } cases[] = {
		{ SIT_INVALID, TIDAL_PAGE_INVALID }, { SIT_INVALID, TIDAL_PAGE_SECONDARY },
		{ SIT_HELD, TIDAL_PAGE_SECONDARY }, { SIT_MAPPING, TIDAL_PAGE_SECONDARY },
		{ SIT_UPGRADE, TIDAL_PAGE_SECONDARY }, { SIT_DROPPING, TIDAL_PAGE_SECONDARY },
	};
	static const uint16_t owners[] = { 0, 3, TIDAL_NODE_NONE };

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (unsigned k = 0; k < 3; k++) {
			struct wire m = { .kind = MSG_INVALIDATE,
					  .u.invalidate = { .gfn = 5, .epoch = 9, .owner = owners[k] } };
			struct corner c;

			open_corner(&c);
			put_page(&c, 5, cases[i].page, UNMAPPED, cases[i].page == TIDAL_PAGE_SECONDARY);
			if (cases[i].s != SIT_INVALID)
				put_transit(&c, 5, cases[i].s)->promised = false;
			assert_int_equal(happen(&c, HAP_INVALIDATE, 5, &m), TIDAL_EPROTO);
			assert_int_equal(c.e.stats->invals_in, 0);
			one_pull(&c.o);
			assert_int_equal(c.o.sent[MSG_INVALIDATED], 0);
			one_close(&c.o);
		}
}

/* ---- stall.c ---- */

/*
 * A copy is on its way, unacknowledged, and nobody has copies any more: it must not be sent again with what
 * is written to the frame from now on. Broken in want_sole(): no link_withdraw().
 */
static void written_while_a_copy_is_out(void **state)
{
	struct link_payload payload = { .kind = TIDAL_PAYLOAD_PAGE, .len = TIDAL_PAGE_SIZE, .gfn = 5 };
	struct corner c;

	(void)state;
	open_corner(&c);
	put_page(&c, 5, TIDAL_PAGE_PRIMARY, MAPPED_R, true);
	payload.buf = page_of(&c, 5).frame;
	link_queue(c.e.link, 1, LINK_REPLY, "c", 1, &payload, 0);
	wait_for(&c, 0, 5, TIDAL_WRITE);
	assert_int_equal(proto_stall(&c.e, 5, TIDAL_WRITE, true), 0);
	assert_int_equal(page_of(&c, 5).state, TIDAL_PAGE_EXCLUSIVE);
	assert_int_equal(last_action(&c)->u.pages.prot, TIDAL_PROT_RW);
	assert_int_equal(link_withdraw(c.e.link, payload.buf), 0); /* it has been */
	one_close(&c.o);
}

/* Readers wait together with one that fetches code: who came first says as what they ask. */
static void readers_and_fetchers(void **state)
{
	(void)state;
	for (unsigned exec_first = 0; exec_first < 2; exec_first++) {
		struct corner c;

		open_corner(&c);
		put_page(&c, 5, TIDAL_PAGE_INVALID, UNMAPPED, false);
		owners_hint_page(c.e.owners, 5, (struct whereabouts){ 1, 1 });
		wait_for(&c, 0, 5, exec_first ? TIDAL_EXEC : TIDAL_READ);
		wait_for(&c, 1, 5, exec_first ? TIDAL_READ : TIDAL_EXEC);
		assert_int_equal(proto_stall(&c.e, 5, TIDAL_READ, true), 0);
		assert_int_equal(transits_find(c.e.transits, 5)->want, TIDAL_READ);
		one_pull(&c.o);
		assert_int_equal(c.o.last[MSG_REQUEST].u.request.want,
				 exec_first ? TIDAL_EXEC : TIDAL_READ);
		one_close(&c.o);
	}
}

/* A page is held since another node gave it; who stalls on it now is served from here. Broken in
 * on_stall(): t->server. */
static void served_from_here(void **state)
{
	struct corner c;
	struct transit *t;
	uint64_t local;

	(void)state;
	open_corner(&c);
	put_page(&c, 5, TIDAL_PAGE_EXCLUSIVE, MAPPED_RW, true);
	t = put_transit(&c, 5, SIT_HELD);
	t->server = 2;
	local = c.e.stats->out_local;
	wait_for(&c, 1, 5, TIDAL_READ);
	assert_int_equal(proto_stall(&c.e, 5, TIDAL_READ, true), 0);
	assert_int_equal(c.e.stats->out_local, local + 1);
	assert_int_equal(c.e.stats->out_page, 0);
	assert_int_equal(vcpu_share(vcpus_at(c.e.vcpus, 1), 2), 0);
	one_close(&c.o);
}

/* ---- serve.c, host.c ---- */

/* No transit for a page that is to leave, to be kept for a vCPU, or is pinned: refused, or the asker
 * would wait for ever. Broken in occupy(): no answer. */
static void no_transit_to_serve_with(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct wire r = request(5, TIDAL_WRITE);
		struct corner c;

		open_corner(&c);
		put_page(&c, 5, TIDAL_PAGE_EXCLUSIVE, MAPPED_RW, true);
		if (i == 1) {
			r.u.request.vcpu = 3;
			r.u.request.flags = WIRE_MOVABLE | WIRE_WANTS_MOVE;
			c.e.vcpus->here--;
		}
		if (i == 2)
			pin(&c, 5);
		fill_transits(&c);
		assert_int_equal(happen(&c, HAP_REQUEST, 5, &r), 0);
		one_pull(&c.o);
		assert_int_equal(c.o.sent[MSG_REFUSE], 1);
		assert_int_equal(c.o.last[MSG_REFUSE].u.refuse.reason, REFUSE_AGAIN);
		assert_int_equal(c.e.vcpus->promised, 0);
		assert_int_equal(page_of(&c, 5).state, TIDAL_PAGE_EXCLUSIVE);
		one_close(&c.o);
	}
}

/* A node that goes on where it was is granted twice as much each time, up to 1 GiB; else it begins anew.
 * Broken in grant_extent(). */
static void extents_grow(void **state)
{
	static const uint8_t orders[] = { 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9 };
	uint64_t range = 1;
	struct corner c;

	(void)state;
	memset(&c, 0, sizeof(c));
	one_params(&c.o, 0);
	c.o.map.memory[0].pages = UINT64_C(1) << 24; /* 64 GiB: what is aligned is whole */
	c.o.params.ranges = 64;
	one_start(&c.o);
	one_peer(&c.o);
	one_run(&c.o);
	meet(&c, 1);
	core_engine(c.o.core, c.o.now, &c.e);
	for (unsigned i = 0; i < sizeof(orders); i++) {
		struct wire r = request(range << TIDAL_RANGE_SHIFT, TIDAL_WRITE);
		const struct wire_extent *x = &c.o.last[MSG_EXTENT].u.extent;

		r.u.request.id = i + 1;
		one_say(&c.o, &r);
		assert_int_equal(c.o.sent[MSG_EXTENT], i + 1);
		assert_int_equal(x->order, orders[i]);
		assert_int_equal(x->first, range >> orders[i] << orders[i]);
		range = x->first + (UINT64_C(1) << x->order);
		if (i == 0)
			range++; /* somewhere else */
		if (i > 0 && range & ((UINT64_C(1) << (orders[i] + 1)) - 1) && orders[i] < 9)
			range = c.e.peers[1].next = (range >> (orders[i] + 1) << (orders[i] + 1)) +
						    (UINT64_C(2) << orders[i]);
	}
	one_close(&c.o);
}

/* Contents that don't travel need not be looked at. Broken in tested(), leave(). */
static void is_it_tested_for_zeroes(void **state)
{
	static const struct { uint8_t want; bool held, frame, test; } cases[] = {
		{ TIDAL_WRITE, false, true, true }, { TIDAL_WRITE, true, true, false },
		{ TIDAL_ZERO, false, true, false }, { TIDAL_WRITE, false, false, false },
	};

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct wire r = request(5, cases[i].want);
		struct page page;
		struct corner c;

		open_corner(&c);
		put_page(&c, 5, cases[i].frame ? TIDAL_PAGE_PRIMARY : TIDAL_PAGE_DORMANT, MAPPED_R,
			 cases[i].frame);
		page = page_of(&c, 5);
		page.epoch = 7;
		engine_store(&c.e, &page);
		r.u.request.held_epoch = cases[i].held ? 8 : 0;
		assert_int_equal(happen(&c, HAP_REQUEST, 5, &r), 0);
		for (unsigned k = 0; k < 2; k++) {
			assert_int_equal(situation(&c, 5), SIT_LEAVING);
			assert_int_equal(last_action(&c)->kind, TIDAL_ACT_UNMAP);
			assert_int_equal(last_action(&c)->u.pages.test, cases[i].test);
			assert_int_equal(fail_host(&c, 5), 0);
			assert_int_equal(happen(&c, HAP_TIMER, 5, NULL), 0); /* again */
		}
		one_close(&c.o);
	}
}

/* A node that may still have to hear of a page that left here does not hear that it isn't here. Grants of
 * both kinds count. Broken in may_be_on_its_way(). */
static void gone_but_not_arrived(void **state)
{
	const struct wire find = { .kind = MSG_FIND, .u.find = { .gfn = 5, .search = 1 } };

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct corner c;

		open_corner(&c);
		put_page(&c, 5, TIDAL_PAGE_INVALID, UNMAPPED, false);
		owners_hint_page(c.e.owners, 5, (struct whereabouts){ 2, 1 });
		c.e.peers[2].grants[0] = i & 1;
		c.e.peers[2].grants[1] = i >> 1;
		assert_int_equal(happen(&c, HAP_FIND, 5, &find), 0);
		one_pull(&c.o);
		assert_int_equal(c.o.sent[MSG_ABSENT], i == 0);
		one_close(&c.o);
	}
}

/* ---- evict.c ---- */

/* An answer of somebody who was not asked. Broken in on_answer(): taken. */
static void answered_by_another(void **state)
{
	const struct wire m = { .kind = MSG_ANSWER, .u.answer = { .gfn = 5, .yes = 1 } };
	struct occasion o = { .gfn = 5, .m = &m, .from = 2, .payload = TIDAL_FRAME_NONE };
	struct corner c;

	(void)state;
	open_corner(&c);
	put_page(&c, 5, TIDAL_PAGE_EXCLUSIVE, UNMAPPED, true);
	put_transit(&c, 5, SIT_OFFERED)->peer = 1;
	c.e.capacity->leaving = 1;
	assert_int_equal(proto_happen(&c.e, HAP_ANSWER, &o), TIDAL_EPROTO);
	assert_int_equal(situation(&c, 5), SIT_OFFERED);
	o.from = 1;
	assert_int_equal(proto_happen(&c.e, HAP_ANSWER, &o), 0);
	one_pull(&c.o);
	assert_int_equal(c.o.sent[MSG_GIVE], 1);
	assert_int_equal(c.o.last_to[MSG_GIVE], 1);
	one_close(&c.o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_known),
		cmocka_unit_test(copy_without_contents),
		cmocka_unit_test(extent_and_its_homes),
		cmocka_unit_test(acknowledged_too_early),
		cmocka_unit_test(invalidated_by_nobody),
		cmocka_unit_test(written_while_a_copy_is_out),
		cmocka_unit_test(readers_and_fetchers),
		cmocka_unit_test(served_from_here),
		cmocka_unit_test(no_transit_to_serve_with),
		cmocka_unit_test(extents_grow),
		cmocka_unit_test(is_it_tested_for_zeroes),
		cmocka_unit_test(gone_but_not_arrived),
		cmocka_unit_test(answered_by_another),
	};

	return cmocka_run_group_tests_name("moments", tests, NULL, NULL);
}
