/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * corners: what happens to a page when a table is full, a peer gone or the host in trouble at the very
 * moment. See corner.h.
 */
#include "corner.h"

#include "core/move.h"

static void check_refused(struct corner *c)
{
	one_pull(&c->o);
	assert_int_equal(c->o.sent[MSG_REFUSE], 1);
	assert_int_equal(c->o.last[MSG_REFUSE].u.refuse.reason, REFUSE_AGAIN);
}

/* ---- dormant pages whose entry is wanted ---- */

/* The page table is full, and page 5 dormant, as an entry of it says. */
static void open_tight(struct corner *c, uint32_t map)
{
	open_corner(c);
	put_page(c, 5, TIDAL_PAGE_DORMANT, map, false);
	c->e.pages->table.limit = c->e.pages->table.used;
	assert_true(proto_table_is_tight(&c->e));
}

/* Broken in on_evict_dormant(), fold(): each condition, and what follows from it. */
static void entry_becomes_a_bit(void **state)
{
	struct corner c;

	(void)state;
	open_tight(&c, UNMAPPED);
	assert_int_equal(happen(&c, HAP_EVICT, 5, NULL), 0);
	assert_int_equal(c.e.pages->table.used, 0);
	assert_int_equal(situation(&c, 5), SIT_DORMANT);
	one_close(&c.o);
}

/* No room for the bit: the page is offered to a peer as any other, and goes without a frame. */
static void no_room_for_a_bit(void **state)
{
	const struct wire yes = { .kind = MSG_ANSWER, .u.answer = { .gfn = 5, .yes = 1 } };
	struct corner c;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct extent x;

		open_tight(&c, UNMAPPED);
		table_del(&c.e.ranges->table, 1); /* as if all others of the range had gone */
		if (i == 0)
			c.e.ranges->table.limit = c.e.ranges->table.used;
		else
			c.e.ranges->masks_used = c.e.ranges->masks_size;
		assert_false(ranges_cut(c.e.ranges, 5, 0, &x));
		assert_int_equal(happen(&c, HAP_EVICT, 5, NULL), 0);
		assert_int_equal(situation(&c, 5), SIT_OFFERED);
		assert_int_equal(happen(&c, HAP_ANSWER, 5, &yes), 0);
		one_pull(&c.o);
		assert_int_equal(c.o.sent[MSG_GIVE], 1);
		assert_int_equal(c.o.last[MSG_GIVE].u.give.flags, WIRE_IS_ZERO);
		assert_int_equal(c.e.frames->departing, 0);
		one_close(&c.o);
	}
}

/* It is mapped somewhere here, and must be unmapped first. */
static void entry_of_a_mapped_page(void **state)
{
	struct corner c;

	(void)state;
	open_tight(&c, MAPPED_R);
	assert_int_equal(happen(&c, HAP_EVICT, 5, NULL), 0);
	assert_int_equal(situation(&c, 5), SIT_FOLDING);
	assert_int_equal(fail_host(&c, 5), 0);
	one_pull(&c.o);
	assert_int_equal(c.o.reports[TIDAL_REPORT_HOST_FAILED], 1);
	assert_int_equal(situation(&c, 5), SIT_FOLDING);
	c.e.ranges->table.limit = c.e.ranges->table.used; /* no room for it after all */
	assert_int_equal(happen(&c, HAP_DONE, 5, NULL), 0);
	assert_int_equal(situation(&c, 5), SIT_DORMANT);
	assert_int_equal(c.e.pages->table.used, 1);
	assert_int_equal(map_of(&c, 5), UNMAPPED);
	assert_int_equal(c.e.capacity->leaving, 0);
	one_close(&c.o);
}

static void no_transit_for_its_entry(void **state)
{
	struct corner c;

	(void)state;
	open_tight(&c, MAPPED_R);
	fill_transits(&c);
	assert_int_equal(happen(&c, HAP_EVICT, 5, NULL), TIDAL_EAGAIN);
	assert_int_equal(situation(&c, 5), SIT_DORMANT);
	set_copies(&c, 5, copies_add(0, 1, 3));
	assert_int_equal(happen(&c, HAP_EVICT, 5, NULL), 0); /* nobody asked for it */
	assert_int_equal(situation(&c, 5), SIT_DORMANT);
	one_close(&c.o);
}

/* There are copies of it, to be dropped first: if there is room for the messages, and somebody left. */
static void entry_of_a_copied_page(void **state)
{
	struct tidal_event ev = { .kind = TIDAL_EV_PEER_DOWN };
	struct corner c;

	(void)state;
	open_tight(&c, UNMAPPED);
	set_copies(&c, 5, copies_add(0, 1, 3));
	fill_link(&c, LINK_FORWARD, 2u * c.e.nodes + 24);
	assert_int_equal(happen(&c, HAP_EVICT, 5, NULL), 0);
	assert_int_equal(situation(&c, 5), SIT_DORMANT);
	one_close(&c.o);

	open_tight(&c, UNMAPPED);
	set_copies(&c, 5, copies_add(0, 1, 3));
	ev.u.peer.node = 1;
	assert_int_equal(one_push(&c.o, &ev), 0);
	core_engine(c.o.core, c.o.now, &c.e);
	assert_int_equal(happen(&c, HAP_EVICT, 5, NULL), 0);
	one_pull(&c.o);
	assert_int_equal(situation(&c, 5), SIT_DORMANT);
	assert_int_equal(c.o.sent[MSG_INVALIDATE], 0);
	assert_int_equal(c.e.pages->copies.used, 0);
	one_close(&c.o);
}

/* ---- pages that leave ---- */

/* Broken in on_evict_copy(), on_evict_owned(): no look at the transit. */
static void no_transit_to_evict_with(void **state)
{
	struct tidal_event ev = one_command(TIDAL_CMD_EVICT, 5);
	struct corner c;

	(void)state;
	for (unsigned owned = 0; owned < 2; owned++) {
		open_corner(&c);
		put_page(&c, 5, owned ? TIDAL_PAGE_EXCLUSIVE : TIDAL_PAGE_SECONDARY, MAPPED_R, true);
		fill_transits(&c);
		assert_int_equal(one_push(&c.o, &ev), TIDAL_EAGAIN);
		assert_int_equal(c.e.capacity->leaving, 0);
		one_close(&c.o);
	}
}

/* The peer said yes, and died, or the host is in trouble, while the page was being unmapped. */
static void trouble_while_pushing(void **state)
{
	const struct wire yes = { .kind = MSG_ANSWER, .u.answer = { .gfn = 5, .yes = 1 } };
	struct tidal_event ev = { .kind = TIDAL_EV_PEER_DOWN };
	struct corner c;

	(void)state;
	open_corner(&c);
	put_page(&c, 5, TIDAL_PAGE_EXCLUSIVE, MAPPED_RW, true);
	assert_int_equal(happen(&c, HAP_EVICT, 5, NULL), 0);
	transits_find(c.e.transits, 5)->peer = 1;
	assert_int_equal(happen(&c, HAP_ANSWER, 5, &yes), 0);
	assert_int_equal(situation(&c, 5), SIT_PUSHING);
	assert_int_equal(fail_host(&c, 5), 0);
	assert_int_equal(situation(&c, 5), SIT_PUSHING);
	ev.u.peer.node = 1;
	assert_int_equal(one_push(&c.o, &ev), 0);
	core_engine(c.o.core, c.o.now, &c.e);
	assert_int_equal(happen(&c, HAP_DONE, 5, NULL), 0);
	assert_int_equal(situation(&c, 5), SIT_EXCLUSIVE);
	assert_int_equal(map_of(&c, 5), UNMAPPED);
	assert_int_equal(c.e.capacity->leaving, 0);
	assert_true(nodeset_has(&c.e.capacity->refused, 1));
	one_pull(&c.o);
	assert_int_equal(c.o.sent[MSG_GIVE], 0);
	one_check(&c.o);
	one_close(&c.o);
}

/* The host failed to unmap a page that a zeroing instruction wants: its contents need no test. */
static void unmapped_again_for_zeroes(void **state)
{
	const struct wire r = request(5, TIDAL_ZERO);
	struct tidal_action a;
	struct corner c;

	(void)state;
	open_corner(&c);
	put_page(&c, 5, TIDAL_PAGE_EXCLUSIVE, MAPPED_RW, true);
	assert_int_equal(happen(&c, HAP_REQUEST, 5, &r), 0);
	assert_int_equal(situation(&c, 5), SIT_LEAVING);
	one_pull(&c.o);
	assert_int_equal(fail_host(&c, 5), 0);
	one_pull(&c.o);
	assert_int_equal(happen(&c, HAP_TIMER, 5, NULL), 0);
	assert_int_equal(tidal_core_pull(c.o.core, &a), 1);
	assert_int_equal(a.kind, TIDAL_ACT_UNMAP);
	assert_int_equal(a.u.pages.test, 0);
	one_close(&c.o);
}

/* ---- pages that come ---- */

/* A page that was offered came along with another meanwhile. Broken in on_give(): the look at it. */
static void given_what_is_here(void **state)
{
	const struct wire give = { .kind = MSG_GIVE,
				   .u.give = { .gfn = 5, .epoch = 3, .flags = WIRE_IS_ZERO } };
	struct corner c;
	struct transit *t;

	(void)state;
	open_corner(&c);
	t = put_transit(&c, 5, SIT_EXPECTED);
	t->peer = 1;
	t->promised = true;
	c.e.frames->promised++;
	one_check(&c.o);
	assert_int_equal(happen(&c, HAP_GIVE, 5, &give), TIDAL_EPROTO);
	assert_true(t->promised);
	one_close(&c.o);
}

/* It is given with its bytes, and a copy of zeroes is here: the bytes count. Broken in on_give(). */
static void given_over_a_copy_of_zeroes(void **state)
{
	const struct wire give = { .kind = MSG_GIVE, .u.give = { .gfn = 5, .epoch = 3 } };
	struct occasion o = { .gfn = 5, .m = &give, .from = 1, .payload = 9 };
	struct corner c;
	struct transit *t;
	struct page page;

	(void)state;
	open_corner(&c);
	put_page(&c, 5, TIDAL_PAGE_SECONDARY, MAPPED_R, false);
	t = put_transit(&c, 5, SIT_EXPECTED);
	t->peer = 1;
	t->promised = true;
	c.e.frames->promised++;
	assert_int_equal(proto_happen(&c.e, HAP_GIVE, &o), 0);
	assert_int_equal(o.payload, TIDAL_FRAME_NONE);
	assert_true(pages_get(c.e.pages, 5, &page));
	assert_int_equal(page.frame, 9);
	assert_int_equal(page.state, TIDAL_PAGE_PRIMARY);
	one_close(&c.o);
}

/* ---- copies that are to go ---- */

static void invalidated_at_a_bad_time(void **state)
{
	const struct wire m = { .kind = MSG_INVALIDATE,
				.u.invalidate = { .gfn = 5, .epoch = 3, .owner = 1 } };
	struct corner c;

	(void)state;
	open_corner(&c);
	put_page(&c, 5, TIDAL_PAGE_SECONDARY, MAPPED_R, true);
	assert_int_equal(happen(&c, HAP_INVALIDATE, 5, &m), 0);
	assert_int_equal(situation(&c, 5), SIT_DROPPING);
	assert_int_equal(happen(&c, HAP_INVALIDATE, 5, &m), TIDAL_EAGAIN); /* one at a time */
	put_page(&c, 6, TIDAL_PAGE_SECONDARY, MAPPED_R, true);
	fill_transits(&c);
	assert_int_equal(happen(&c, HAP_INVALIDATE, 6, &m), TIDAL_EAGAIN);
	assert_int_equal(situation(&c, 6), SIT_SECONDARY);
	one_close(&c.o);
}

/* ---- peers that died ---- */

/* A page is expected of the one, acknowledgements are due from the others. Broken in lose(): each. */
static void expected_of_the_dead(void **state)
{
	struct corner c;
	struct transit *t;

	(void)state;
	open_corner(&c);
	put_page(&c, 5, TIDAL_PAGE_INVALID, UNMAPPED, false);
	put_page(&c, 6, TIDAL_PAGE_INVALID, UNMAPPED, false);
	put_page(&c, 7, TIDAL_PAGE_EXCLUSIVE, MAPPED_R, true);
	for (tidal_gfn gfn = 5; gfn <= 6; gfn++) {
		t = put_transit(&c, gfn, SIT_EXPECTED);
		t->peer = (tidal_nodeid)(gfn - 4);
		t->promised = true;
		c.e.frames->promised++;
	}
	t = put_transit(&c, 7, SIT_COLLECT);
	nodeset_add(&t->acks, 1);
	nodeset_add(&t->acks, 2);
	link_down(c.e.link, 1);
	c.e.losses->transit = 1;
	nodeset_add(&c.e.losses->nodes, 1);
	c.e.peers[1].lost = true;
	fill_link(&c, LINK_FORWARD, 2u * c.e.nodes + 24);
	losses_look(&c.e); /* no room for what may follow */
	assert_int_equal(c.e.losses->transit, 1);
	assert_int_equal(situation(&c, 5), SIT_EXPECTED);
	link_down(c.e.link, 2); /* and what was queued for it is gone */
	link_peer(c.e.link, 2, 2);
	while (link_settled(c.e.link, &(struct link_settled){ 0 }))
		;
	losses_look(&c.e);
	assert_int_equal(situation(&c, 5), SIT_INVALID);
	assert_int_equal(situation(&c, 6), SIT_EXPECTED);
	assert_int_equal(situation(&c, 7), SIT_COLLECT);
	assert_false(nodeset_has(&t->acks, 1));
	assert_true(nodeset_has(&t->acks, 2));
	assert_int_equal(c.e.frames->promised, 1);
	one_check(&c.o);
	one_close(&c.o);
}

/* ---- invalidations ---- */

/*
 * An invalidation of long ago, sent once more because a node died, leaves a later copy alone, on which
 * an upgrade may rely; who waits is told all the same. Broken in is_younger(). Found by simulation.
 */
static void invalidation_of_long_ago(void **state)
{
	const enum situation where[] = { SIT_INVALID, SIT_UPGRADE, SIT_HELD, SIT_COLLECT };
	const struct wire m = { .kind = MSG_INVALIDATE,
				.u.invalidate = { .gfn = 5, .epoch = 5, .owner = 1 } };

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		bool owned = where[i] == SIT_COLLECT;
		struct page page;
		struct corner c;

		open_corner(&c);
		put_page(&c, 5, owned ? TIDAL_PAGE_PRIMARY : TIDAL_PAGE_SECONDARY, MAPPED_R, true);
		assert_true(pages_get(c.e.pages, 5, &page));
		page.epoch = 5;
		engine_store(&c.e, &page);
		if (where[i] != SIT_INVALID)
			put_transit(&c, 5, where[i]);
		assert_int_equal(happen(&c, HAP_INVALIDATE, 5, &m), 0);
		one_pull(&c.o);
		assert_int_equal(c.o.sent[MSG_INVALIDATED], !owned); /* nobody can be waiting */
		assert_int_equal(situation(&c, 5), where[i] ? where[i] : SIT_SECONDARY);
		one_close(&c.o);
	}
}

/* Requests that a peer has given up are not served, whatever order its news come in. Broken in
 * engine_void(): the last one counts. Found by simulation. */
static void news_of_what_is_given_up_out_of_order(void **state)
{
	struct wire v = { .kind = MSG_VOID, .u.void_to = { .id = 77 } };
	struct wire r = request(5, TIDAL_READ);
	struct corner c;

	(void)state;
	open_corner(&c);
	put_page(&c, 5, TIDAL_PAGE_PRIMARY, MAPPED_R, true);
	one_say(&c.o, &v);
	v.u.void_to.id = 76;
	one_say(&c.o, &v);
	assert_int_equal(c.o.sent[MSG_VOIDED], 2);
	one_say(&c.o, &r);
	assert_int_equal(c.o.sent[MSG_COPY], 0);
	assert_int_equal(c.o.sent[MSG_REFUSE], 0);
	r.u.request.id = 78;
	one_say(&c.o, &r);
	assert_int_equal(c.o.sent[MSG_COPY], 1);
	one_close(&c.o);
}

/* ---- requests ---- */

/* Broken in proto_queue(), serve_page(), serve_pinned(): no look at the room. */
static void no_room_to_wait(void **state)
{
	const struct wire r = request(5, TIDAL_READ);
	struct corner c;

	(void)state;
	open_corner(&c); /* no transit for a page to be write-protected */
	put_page(&c, 5, TIDAL_PAGE_EXCLUSIVE, MAPPED_RW, true);
	fill_transits(&c);
	assert_int_equal(happen(&c, HAP_REQUEST, 5, &r), 0);
	check_refused(&c);
	one_close(&c.o);

	open_corner(&c); /* nor for one that is pinned */
	put_page(&c, 5, TIDAL_PAGE_EXCLUSIVE, MAPPED_RW, true);
	c.e.vmm->pin[c.e.vmm->pins_used].gfn = 5;
	c.e.vmm->pin[c.e.vmm->pins_used++].count = 1;
	fill_transits(&c);
	assert_int_equal(happen(&c, HAP_REQUEST, 5, &r), 0);
	check_refused(&c);
	one_close(&c.o);

	open_corner(&c); /* no record for one more that waits */
	put_page(&c, 5, TIDAL_PAGE_EXCLUSIVE, MAPPED_RW, true);
	put_transit(&c, 5, SIT_LOWERING);
	c.e.transits->queued_fresh = c.e.transits->queued_size;
	assert_int_equal(happen(&c, HAP_REQUEST, 5, &r), 0);
	check_refused(&c);
	one_close(&c.o);
}

/* Two asked for the same page in the same moment: the lower number goes first. Broken: may_wait_here(). */
static void asked_in_the_same_moment(void **state)
{
	struct wire r = request(5, TIDAL_WRITE);
	struct corner c;
	struct transit *t;

	(void)state;
	for (tidal_nodeid self = 0; self < 4; self += 3) {
		open_corner(&c);
		put_page(&c, 5, TIDAL_PAGE_INVALID, UNMAPPED, false);
		t = put_transit(&c, 5, SIT_ASK);
		t->promised = true;
		t->since = 7;
		t->known = 9;
		r.u.request.flags = WIRE_OFTEN_REFUSED;
		r.u.request.since = 7;
		c.e.self = self;
		assert_int_equal(happen(&c, HAP_REQUEST, 5, &r), 0);
		assert_int_equal(transit_queued(c.e.transits, t), self > 1);
		one_close(&c.o);
	}
}

/* A dormant page leaves alone only if its range can say so. Broken in may_go_alone(): each half. */
static void no_room_to_leave_alone(void **state)
{
	const struct wire r = request(5, TIDAL_WRITE);
	struct corner c;

	(void)state;
	open_corner(&c);
	engine_touch(&c.e, 5);
	c.e.ranges->table.limit = c.e.ranges->table.used;
	c.e.pages->table.limit = c.e.pages->table.used;
	assert_int_equal(happen(&c, HAP_REQUEST, 5, &r), 0);
	one_pull(&c.o);
	assert_int_equal(c.o.reports[TIDAL_REPORT_SPACE], 1);
	assert_int_equal(c.o.sent[MSG_OWN], 0);
	check_refused(&c);
	one_close(&c.o);
}

/* ---- waiters here ---- */

/* A VMM thread was woken, and has to ask again: without room it stays woken. Broken in proto_poked(). */
static void woken_without_room(void **state)
{
	struct corner c;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		open_corner(&c);
		put_page(&c, 5, TIDAL_PAGE_INVALID, UNMAPPED, false);
		c.e.vmm->waiter[2] = (struct vmm_waiter){ .gfn = 5, .access = TIDAL_WRITE,
							  .used = true, .poked = true };
		c.e.vmm->used++;
		if (i == 0)
			fill_transits(&c);
		if (i == 1)
			fill_link(&c, LINK_FORWARD, c.e.nodes + 8);
		proto_poked(&c.e);
		assert_int_equal(proto_any_poked(&c.e), i < 2);
		assert_int_equal(!transits_find(c.e.transits, 5), i < 2);
		one_close(&c.o);
	}
}

/* One more page is pinned than there is room for. Broken in pin(): memory beyond was written. */
static void one_pin_too_many(void **state)
{
	struct tidal_event ev = one_command(TIDAL_CMD_PIN, 5);
	struct tidal_action a;
	struct corner c;
	int status = 0;

	(void)state;
	open_corner(&c);
	for (tidal_gfn gfn = 100; c.e.vmm->pins_used < VMM_WAITERS; gfn++) {
		c.e.vmm->pin[c.e.vmm->pins_used].gfn = gfn;
		c.e.vmm->pin[c.e.vmm->pins_used++].count = 1;
	}
	put_page(&c, 5, TIDAL_PAGE_EXCLUSIVE, MAPPED_RW, true);
	assert_int_equal(one_push(&c.o, &ev), 0);
	while (tidal_core_pull(c.o.core, &a))
		if (a.kind == TIDAL_ACT_COMPLETE)
			status = a.u.complete.status;
	assert_int_equal(status, TIDAL_EAGAIN);
	assert_int_equal(c.e.vmm->pins_used, VMM_WAITERS);
	assert_int_equal(engine_pinned(&c.e, 5), 0);
	one_close(&c.o);
}

/* A vCPU holds a page that a VMM thread lets go: it goes on holding it. Broken in unpin(). */
static void unpinned_while_held(void **state)
{
	struct tidal_event ev = one_stall(0, 5, TIDAL_WRITE);
	struct corner c;

	(void)state;
	open_corner(&c);
	assert_int_equal(one_push(&c.o, &ev), 0);
	one_settle(&c.o);
	assert_int_equal(situation(&c, 5), SIT_HELD);
	c.e.vmm->pin[0].gfn = 5;
	c.e.vmm->pin[0].count = 1;
	c.e.vmm->pins_used = 1;
	ev = one_command(TIDAL_CMD_UNPIN, 5);
	assert_int_equal(one_push(&c.o, &ev), 0);
	assert_int_equal(engine_pinned(&c.e, 5), 0);
	assert_int_equal(situation(&c, 5), SIT_HELD);
	assert_int_equal(transits_find(c.e.transits, 5)->hold_vcpu, 0);
	one_close(&c.o);
}

/* No room to serve who waits for a page that was held: a timer does it later. Broken in proto_release(). */
static void released_without_room(void **state)
{
	struct tidal_event ev = one_stall(0, 5, TIDAL_WRITE);
	struct corner c;

	(void)state;
	open_corner(&c);
	assert_int_equal(one_push(&c.o, &ev), 0);
	one_settle(&c.o);
	fill_link(&c, LINK_REPLY, 2u * c.e.nodes + 24);
	proto_release(&c.e, 0);
	assert_int_equal(situation(&c, 5), SIT_HELD);
	assert_int_equal(transits_find(c.e.transits, 5)->hold_vcpu, TIDAL_VCPU_NONE);
	assert_int_equal(transits_find(c.e.transits, 5)->timer, c.e.now);
	one_close(&c.o);
}

/* Numbers of requests wrap around: what was given up long ago is not taken for the future. Broken in
 * is_over(), proto_ask(): SERIAL_WINDOW not looked at. */
static void given_up_long_ago(void **state)
{
	struct tidal_event ev = one_stall(0, 5, TIDAL_WRITE);
	struct wire r = request(6, TIDAL_READ);
	struct corner c;

	(void)state;
	open_corner(&c);
	put_page(&c, 5, TIDAL_PAGE_INVALID, UNMAPPED, false);
	put_page(&c, 6, TIDAL_PAGE_PRIMARY, MAPPED_R, true);
	owners_hint_page(c.e.owners, 5, (struct whereabouts){ 1, 9 });
	*c.e.next_id = SERIAL_WINDOW;
	assert_int_equal(one_push(&c.o, &ev), 0);
	assert_int_equal(transits_find(c.e.transits, 5)->id, SERIAL_WINDOW + 1);
	assert_int_equal(c.e.losses->void_to, 1);
	c.e.peers[1].voids = true;
	r.u.request.id = SERIAL_WINDOW;
	one_say(&c.o, &r);
	assert_true(c.e.peers[1].voids);
	r.u.request.id++;
	one_say(&c.o, &r);
	assert_false(c.e.peers[1].voids);
	assert_int_equal(c.o.sent[MSG_COPY], 2);
	one_close(&c.o);
}

/* No vCPU comes, nor a page, before all know that this node lives. Broken in move_on_ask(). */
static void asked_before_it_has_joined(void **state)
{
	const struct wire_move_ask m = { .vcpu = 2 };
	struct corner c;

	(void)state;
	for (unsigned joined = 0; joined < 2; joined++) {
		memset(&c, 0, sizeof(c));
		one_open(&c.o, 0);
		core_engine(c.o.core, 0, &c.e);
		link_peer(c.e.link, 1, 1);
		sched_forget(c.e.sched, 2);
		vcpus_at(c.e.vcpus, 2)->state = TIDAL_VCPU_AWAY;
		c.e.vcpus->here--;
		c.e.guest->joined = joined;
		assert_int_equal(move_on_ask(&c.e, 1, &m), 0);
		assert_int_equal(c.e.vcpus->promised, joined);
		one_pull(&c.o);
		assert_int_equal(c.o.sent[MSG_MOVE_ANSWER], 1);
		assert_int_equal(c.o.last[MSG_MOVE_ANSWER].u.move_answer.yes, joined);
		one_close(&c.o);
	}
}

/* ---- the core as a whole ---- */

/* A page came, and no frame is out to receive into: a broken driver. Broken in is_sound(). */
static void page_in_no_frame(void **state)
{
	const struct wire m = { .kind = MSG_COPY, .u.copy = { .gfn = 5, .id = 1 } };
	uint8_t body[LINK_BODY_MAX];
	struct one_packet p;
	struct tidal_event ev;
	struct corner c;

	(void)state;
	open_corner(&c);
	assert_true(one_packet(&c.o, LINK_REPLY, body, wire_encode(&m, body), &p));
	ev = one_message(&p);
	ev.u.message.payload = TIDAL_PAYLOAD_PAGE;
	ev.u.message.payload_len = TIDAL_PAGE_SIZE;
	c.e.frames->posted = 0;
	assert_int_equal(one_push(&c.o, &ev), TIDAL_EINVAL);
	assert_int_equal(c.e.frames->posted, 0);
	one_close(&c.o);
}

/* A peer died, and more may wait for it than one push looks at: a tick is due at once. */
static void many_may_wait_for_the_dead(void **state)
{
	struct tidal_event ev = { .kind = TIDAL_EV_PEER_DOWN };
	struct corner c;

	(void)state;
	open_corner(&c);
	c.o.now += 1000;
	fill_transits(&c);
	ev.u.peer.node = 2;
	assert_int_equal(one_push(&c.o, &ev), 0);
	ev.u.peer.node = 1; /* nobody is left who might serve what is given up */
	assert_int_equal(one_push(&c.o, &ev), 0);
	assert_true(losses_any(c.e.losses));
	assert_int_equal(tidal_core_deadline(c.o.core), c.o.now);
	ev.kind = TIDAL_EV_TICK;
	assert_int_equal(one_push(&c.o, &ev), 0);
	assert_false(losses_any(c.e.losses));
	assert_true(tidal_core_deadline(c.o.core) > c.o.now);
	one_close(&c.o);
}

/* The pod was found to be full, then nobody waited for a while, and it is full again. */
static void full_again(void **state)
{
	struct corner c;

	(void)state;
	open_corner(&c);
	transit_room_join(c.e.transits, put_transit(&c, 5, SIT_ROOM));
	c.e.pages->table.limit = c.e.pages->table.used; /* what it waits for */
	nodeset_add(&c.e.capacity->refused, 1);
	nodeset_add(&c.e.capacity->refused, 2);
	c.e.capacity->asked_again = true;
	c.e.capacity->swept = UINT32_MAX;
	c.e.capacity->retry_at = TIDAL_NEVER;
	proto_capacity(&c.e);
	one_pull(&c.o);
	assert_int_equal(c.o.reports[TIDAL_REPORT_POD_FULL], 1);
	assert_true(proto_capacity_deadline(&c.e) < TIDAL_NEVER);
	one_close(&c.o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entry_becomes_a_bit),
		cmocka_unit_test(no_room_for_a_bit),
		cmocka_unit_test(entry_of_a_mapped_page),
		cmocka_unit_test(no_transit_for_its_entry),
		cmocka_unit_test(entry_of_a_copied_page),
		cmocka_unit_test(no_transit_to_evict_with),
		cmocka_unit_test(trouble_while_pushing),
		cmocka_unit_test(unmapped_again_for_zeroes),
		cmocka_unit_test(given_what_is_here),
		cmocka_unit_test(given_over_a_copy_of_zeroes),
		cmocka_unit_test(invalidated_at_a_bad_time),
		cmocka_unit_test(expected_of_the_dead),
		cmocka_unit_test(invalidation_of_long_ago),
		cmocka_unit_test(news_of_what_is_given_up_out_of_order),
		cmocka_unit_test(no_room_to_wait),
		cmocka_unit_test(asked_in_the_same_moment),
		cmocka_unit_test(no_room_to_leave_alone),
		cmocka_unit_test(woken_without_room),
		cmocka_unit_test(one_pin_too_many),
		cmocka_unit_test(unpinned_while_held),
		cmocka_unit_test(released_without_room),
		cmocka_unit_test(given_up_long_ago),
		cmocka_unit_test(asked_before_it_has_joined),
		cmocka_unit_test(page_in_no_frame),
		cmocka_unit_test(many_may_wait_for_the_dead),
		cmocka_unit_test(full_again),
	};

	return cmocka_run_group_tests_name("corners", tests, NULL, NULL);
}
