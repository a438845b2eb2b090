/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * budgets: how much one push does at most, and how long the core waits before it tries again. A push
 * is bounded (docs/architecture.md), and what is left is done by the next ones. Broken: each
 * of the constants, by one.
 */
#include "corner.h"

static const struct tidal_event tick = { .kind = TIDAL_EV_TICK };

/* As open_corner(), but with room for many things under way, and vCPUs of which most are elsewhere. */
static void open_many(struct corner *c, uint32_t transits, uint16_t vcpus)
{
	memset(c, 0, sizeof(*c));
	one_params(&c->o, 0);
	c->o.params.transits = transits;
	c->o.params.vcpus = vcpus;
	c->o.params.vcpu_slots = ONE_VCPUS;
	c->o.map.vcpu_runs = 2;
	c->o.map.vcpu[0] = (struct tidal_vmap_vcpus){ 0, ONE_VCPUS, 0 };
	c->o.map.vcpu[1] = (struct tidal_vmap_vcpus){ ONE_VCPUS, (uint16_t)(vcpus - ONE_VCPUS), 1 };
	one_start(&c->o);
	one_peer(&c->o);
	one_run(&c->o);
	meet(c, 1);
	meet(c, 2);
	one_settle(&c->o);
	core_engine(c->o.core, c->o.now, &c->e);
}

static void pass(struct corner *c, tidal_time time)
{
	c->o.now += time;
	assert_int_equal(one_push(&c->o, &tick), 0);
	c->e.now = c->o.now;
}

/* ---- messages ---- */

/* What every event finds room for: 2 * nodes + 24 messages of its class, and not one less. */
static void room_for_an_event(void **state)
{
	static const enum link_class classes[] = { LINK_REQUEST, LINK_FORWARD, LINK_REPLY };
	struct corner c;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		open_corner(&c);
		while (link_room(c.e.link, classes[i], 2 * 3 + 24 + 1))
			link_queue(c.e.link, 2, LINK_REPLY, "x", 1, NULL, 0);
		assert_true(link_room(c.e.link, classes[i], 2 * 3 + 24));
		assert_true(engine_room(&c.e, classes[i]));
		link_queue(c.e.link, 2, LINK_REPLY, "x", 1, NULL, 0);
		assert_false(engine_room(&c.e, classes[i]));
		one_close(&c.o);
	}
}

/* Who was poked is looked at while there is room for a fan-out and some more. */
static void room_for_who_was_poked(void **state)
{
	struct corner c;

	(void)state;
	for (unsigned room = 0; room < 2; room++) {
		open_corner(&c);
		put_page(&c, 5, TIDAL_PAGE_EXCLUSIVE, MAPPED_RW, true);
		c.e.vmm->waiter[3] = (struct vmm_waiter){ .gfn = 5, .access = TIDAL_WRITE, .used = true,
							  .poked = true };
		c.e.vmm->used = 1;
		while (link_room(c.e.link, LINK_FORWARD, 3 + 8 + 1))
			link_queue(c.e.link, 2, LINK_REPLY, "x", 1, NULL, 0);
		if (!room)
			link_queue(c.e.link, 2, LINK_REPLY, "x", 1, NULL, 0);
		proto_poked(&c.e);
		assert_int_equal(c.e.vmm->used, !room);
		one_close(&c.o);
	}
}

/* ---- what one push looks at ---- */

/* Timers that ring: sixteen in a tick. */
static void timers_of_a_tick(void **state)
{
	struct corner c;

	(void)state;
	open_many(&c, 64, 8);
	for (tidal_gfn gfn = 100; gfn < 140; gfn++) {
		put_page(&c, gfn, TIDAL_PAGE_PRIMARY, UNMAPPED, false);
		transit_timer(c.e.transits, put_transit(&c, gfn, SIT_HELD), c.e.now + 1);
	}
	for (unsigned left = 40; left > 0; left = left > 16 ? left - 16 : 0) {
		assert_int_equal(c.e.transits->used, left);
		pass(&c, 1);
	}
	assert_int_equal(c.e.transits->used, 0);
	one_close(&c.o);
}

/* What waits for the dead: eight pages and 64 vCPUs in a push. */
static void who_waits_for_the_dead(void **state)
{
	struct corner c;

	(void)state;
	open_many(&c, 64, 200);
	for (tidal_gfn gfn = 100; gfn < 120; gfn++)
		put_transit(&c, gfn, SIT_HELD);
	lose(&c);
	assert_int_equal(c.e.losses->transit, 1);
	assert_int_equal(c.e.losses->vcpu, 1);
	pass(&c, 1);
	assert_int_equal(c.e.losses->transit, 1 + 8);
	assert_int_equal(c.e.losses->vcpu, 1 + 64);
	pass(&c, 1);
	assert_int_equal(c.e.losses->transit, 1 + 16);
	assert_int_equal(c.e.losses->vcpu, 1 + 128);
	pass(&c, 1);
	assert_int_equal(c.e.losses->transit, 0);
	assert_int_equal(c.e.losses->vcpu, 1 + 192);
	assert_int_equal(nodeset_count(&c.e.losses->nodes), 1);
	pass(&c, 1);
	assert_int_equal(c.e.losses->vcpu, 0);
	assert_int_equal(nodeset_count(&c.e.losses->nodes), 0);
	one_close(&c.o);
}

/* Nothing is free, and pages without number could go: eight are on their way at a time. */
static void evictions_at_a_time(void **state)
{
	struct corner c;

	(void)state;
	open_many(&c, 64, 8);
	for (tidal_gfn gfn = 100; frames_free(c.e.frames) > 3; gfn++)
		put_page(&c, gfn, TIDAL_PAGE_EXCLUSIVE, UNMAPPED, true);
	for (unsigned i = 0; i < 4; i++) {
		pass(&c, 1);
		assert_int_equal(c.e.capacity->leaving, 8);
	}
	one_pull(&c.o);
	assert_int_equal(c.o.sent[MSG_OFFER], 8);
	one_close(&c.o);
}

/* From below `low` until there will be `high` free frames: 6 and 12 of 64. */
static void evictions_in_all(void **state)
{
	struct corner c;

	(void)state;
	for (unsigned from = 5; from < 7; from++) {
		open_many(&c, 64, 8);
		assert_int_equal(c.o.params.low, 6);
		assert_int_equal(c.o.params.high, 12);
		for (tidal_gfn gfn = 100; frames_free(c.e.frames) > from; gfn++)
			put_page(&c, gfn, TIDAL_PAGE_EXCLUSIVE, UNMAPPED, true);
		pass(&c, 1);
		assert_int_equal(c.e.capacity->leaving, from < 6 ? 7 : 0);
		assert_int_equal(c.e.capacity->active, false);
		one_close(&c.o);
	}
}

/* All pages have been used: 64 places of the page table are looked at in a push, all of them twice. */
static void a_sweep_in_vain(void **state)
{
	struct corner c;
	uint32_t swept = 0, size;

	(void)state;
	open_many(&c, 64, 8);
	size = c.e.pages->table.size;
	assert_in_range(size, 65, 128);
	transit_room_join(c.e.transits, put_transit(&c, 5, SIT_ROOM));
	c.e.frames->free = 0; /* it waits for ever */
	while (swept < 2 * size) {
		proto_capacity(&c.e);
		swept += 64;
		assert_int_equal(c.e.capacity->swept, swept);
	}
	proto_capacity(&c.e);
	assert_int_equal(c.e.capacity->swept, swept);
	proto_look_anew(&c.e);
	assert_int_equal(c.e.capacity->swept, 0);
	assert_false(c.e.capacity->asked_again);
	one_close(&c.o);
}

/* Twenty wait for frames: eight are looked at in a push, and go to the end. */
static void waiters_of_a_push(void **state)
{
	struct corner c;

	(void)state;
	open_many(&c, 64, 8);
	for (tidal_gfn gfn = 100; gfn < 120; gfn++)
		transit_room_join(c.e.transits, put_transit(&c, gfn, SIT_ROOM));
	c.e.pages->table.limit = c.e.pages->table.used;
	for (unsigned first = 0, i = 0; i < 8; i++, first = (first + 8) % 20) {
		assert_int_equal(transit_at(c.e.transits, c.e.transits->room_first)->gfn, 100 + first);
		proto_capacity(&c.e);
		assert_int_equal(c.e.transits->room_count, 20);
	}
	one_close(&c.o);
}

/* A vCPU that held six pages gives up four at once; the others are the next ticks'. */
static void pages_that_one_held(void **state)
{
	unsigned now = 0;
	struct corner c;

	(void)state;
	open_many(&c, 64, 8);
	for (tidal_gfn gfn = 100; gfn < 106; gfn++) {
		put_page(&c, gfn, TIDAL_PAGE_PRIMARY, UNMAPPED, false);
		proto_hold(&c.e, put_transit(&c, gfn, SIT_HELD), 0, c.e.now + 1000);
	}
	proto_release(&c.e, 0);
	assert_int_equal(vcpus_at(c.e.vcpus, 0)->held, 0);
	assert_int_equal(c.e.transits->used, 2);
	for (tidal_gfn gfn = 100; gfn < 106; gfn++)
		if (transits_find(c.e.transits, gfn))
			now += transits_find(c.e.transits, gfn)->timer == c.e.now;
	assert_int_equal(now, 2);
	one_close(&c.o);
}

/* ---- how long it waits ---- */

/* The host failed: 100 us. */
static void before_the_host_is_asked_again(void **state)
{
	struct corner c;

	(void)state;
	open_corner(&c);
	c.e.now += 7;
	put_page(&c, 5, TIDAL_PAGE_PRIMARY, UNMAPPED, true);
	put_transit(&c, 5, SIT_MAPPING)->prot = MAPPED_R;
	assert_int_equal(fail_host(&c, 5), 0);
	assert_int_equal(transits_find(c.e.transits, 5)->timer, c.e.now + 100000);
	one_close(&c.o);
}

/* A request waits for a grant that may never come: 16 times the longest hold. */
static void before_who_waits_is_refused(void **state)
{
	const struct wire r = request(5, TIDAL_WRITE);
	struct corner c;
	struct transit *t;

	(void)state;
	open_corner(&c);
	c.e.now += 7;
	put_page(&c, 5, TIDAL_PAGE_INVALID, UNMAPPED, false);
	t = put_transit(&c, 5, SIT_ASK);
	proto_patience(&c.e, t);
	assert_int_equal(t->timer, TIDAL_NEVER); /* nobody waits */
	proto_queue(&c.e, t, &r.u.request);
	proto_patience(&c.e, t);
	assert_int_equal(t->timer, c.e.now + 16 * c.o.params.hold_max_ns);
	c.e.now++;
	proto_patience(&c.e, t); /* who comes later does not prolong it */
	assert_int_equal(t->timer, c.e.now - 1 + 16 * c.o.params.hold_max_ns);
	one_close(&c.o);
}

/* "Again": half of the wait and up to as much as that more, doubled each time up to 64 times. */
static void before_it_asks_again(void **state)
{
	const tidal_time unit = 10000;
	struct corner c;
	struct transit *t;

	(void)state;
	open_corner(&c);
	assert_int_equal(c.o.params.backoff_ns, unit);
	t = put_transit(&c, 5, SIT_ASK);
	for (uint8_t tries = 0; tries < 9; tries++) {
		tidal_time wait = unit << (tries < 6 ? tries : 6), least = TIDAL_NEVER, most = 0;

		for (unsigned i = 0; i < 1000; i++) {
			t->tries = tries;
			proto_back_off(&c.e, t);
			assert_int_equal(t->state, SIT_BACKOFF);
			assert_int_equal(t->tries, tries + 1);
			least = min_u64(least, t->timer - c.e.now);
			most = t->timer - c.e.now > most ? t->timer - c.e.now : most;
		}
		assert_in_range(least, wait / 2, wait / 2 + wait / 50);
		assert_in_range(most, wait / 2 + wait - wait / 50, wait / 2 + wait - 1);
	}
	one_close(&c.o);
}

/*
 * Somebody waits, every page was looked at, and everybody refused: the pod is full. Reported once, and all
 * are asked again after a millisecond; as long as it is not known to be full, after a 16th of it.
 */
static void before_peers_are_asked_again(void **state)
{
	struct corner c;

	(void)state;
	open_many(&c, 64, 8);
	transit_room_join(c.e.transits, put_transit(&c, 5, SIT_ROOM));
	c.e.pages->table.limit = c.e.pages->table.used;
	c.e.now = 1000;
	proto_capacity(&c.e);
	assert_int_equal(proto_capacity_deadline(&c.e), c.e.now + 1000000 / 16);
	nodeset_add(&c.e.capacity->refused, 1);
	nodeset_add(&c.e.capacity->refused, 2);
	c.e.capacity->swept = UINT32_MAX;
	proto_capacity(&c.e); /* not before it is time */
	assert_int_equal(nodeset_count(&c.e.capacity->refused), 2);
	c.e.now = proto_capacity_deadline(&c.e);
	proto_capacity(&c.e); /* the second round begins */
	assert_int_equal(nodeset_count(&c.e.capacity->refused), 0);
	assert_true(c.e.capacity->asked_again);
	assert_int_equal(proto_capacity_deadline(&c.e), c.e.now + 1000000 / 16);
	nodeset_add(&c.e.capacity->refused, 1);
	nodeset_add(&c.e.capacity->refused, 2);
	c.e.now = proto_capacity_deadline(&c.e) - 1;
	proto_capacity(&c.e); /* full */
	one_pull(&c.o);
	assert_int_equal(c.o.reports[TIDAL_REPORT_POD_FULL], 1);
	assert_int_equal(proto_capacity_deadline(&c.e), c.e.now + 1); /* as it was */
	c.e.now = c.e.capacity->retry_at = c.e.now + 5;
	c.e.transits->room_first = 0;
	proto_capacity(&c.e); /* nobody waits any more */
	assert_int_equal(proto_capacity_deadline(&c.e), TIDAL_NEVER);
	one_close(&c.o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(room_for_an_event),
		cmocka_unit_test(room_for_who_was_poked),
		cmocka_unit_test(timers_of_a_tick),
		cmocka_unit_test(who_waits_for_the_dead),
		cmocka_unit_test(evictions_at_a_time),
		cmocka_unit_test(evictions_in_all),
		cmocka_unit_test(a_sweep_in_vain),
		cmocka_unit_test(waiters_of_a_push),
		cmocka_unit_test(pages_that_one_held),
		cmocka_unit_test(before_the_host_is_asked_again),
		cmocka_unit_test(before_who_waits_is_refused),
		cmocka_unit_test(before_it_asks_again),
		cmocka_unit_test(before_peers_are_asked_again),
	};

	return cmocka_run_group_tests_name("budgets", tests, NULL, NULL);
}
