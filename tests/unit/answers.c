/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * answers: what the requester's side (ask.c) does with answers that come in rare moments, or that
 * can't be true. Node 1 has all memory; this node asks for some.
 */
#include "one-core.h"

#include "core/proto.h"

struct asker {
	struct one_core o;
	struct engine e;
};

static void meet(struct asker *a, tidal_nodeid node)
{
	struct tidal_event ev = { .kind = TIDAL_EV_PEER_UP };

	ev.u.peer.node = node;
	ev.u.peer.incarnation = 1;
	assert_int_equal(one_push(&a->o, &ev), 0);
	one_pull(&a->o);
}

static void open_asker(struct asker *a, uint32_t clear_flags)
{
	memset(a, 0, sizeof(*a));
	one_params(&a->o, 0);
	a->o.params.flags &= ~clear_flags;
	a->o.map.memory[0].node = 1;
	a->o.map.memory[0].pages = 3 * TIDAL_RANGE_PAGES;
	one_start(&a->o);
	one_peer(&a->o);
	one_run(&a->o);
	meet(a, 1);
	meet(a, 2);
	core_engine(a->o.core, a->o.now, &a->e);
}

static void stall(struct asker *a, tidal_vcpuid v, tidal_gfn gfn, uint16_t access)
{
	struct tidal_event ev = one_stall(v, gfn, access);

	assert_int_equal(one_push(&a->o, &ev), 0);
	one_pull(&a->o);
}

static void tick(struct asker *a)
{
	static const struct tidal_event ev = { .kind = TIDAL_EV_TICK };

	assert_int_equal(one_push(&a->o, &ev), 0);
	one_pull(&a->o);
	core_engine(a->o.core, a->o.now, &a->e);
}

static void check_disbelieved(struct asker *a, const struct wire *m)
{
	uint32_t reports = a->o.reports[TIDAL_REPORT_BAD_PEER];
	struct tidal_page_info before = one_page(&a->o, m->u.own.gfn), after;

	one_say(&a->o, m);
	after = one_page(&a->o, m->u.own.gfn);
	assert_int_equal(a->o.reports[TIDAL_REPORT_BAD_PEER], reports + 1);
	assert_int_equal(after.state, before.state);
	assert_int_equal(after.transient, before.transient);
}

static void refuse(struct asker *a, tidal_gfn gfn, uint32_t id, uint8_t reason)
{
	one_say(&a->o, &(struct wire){ .kind = MSG_REFUSE,
				       .u.refuse = { .gfn = gfn, .id = id, .reason = reason,
						     .owner = TIDAL_NODE_NONE } });
}

static enum situation situation(const struct asker *a, tidal_gfn gfn)
{
	const struct transit *t = transits_find(a->e.transits, gfn);

	assert_non_null(t);
	return (enum situation)t->state;
}

/*
 * Page 6 was asked for, and came as part of an extent: it is this node's, so neither a copy nor
 * ownership of it can come. Refused, it is used at once when the owner is said to be found.
 * Broken in on_copy(), own_is_sound(): no look at the page; in on_found(): the hint is taken.
 */
static void came_along_with_another(void **state)
{
	struct asker a;

	(void)state;
	open_asker(&a, 0);
	stall(&a, TIDAL_VCPU_NONE, 5, TIDAL_WRITE);
	stall(&a, TIDAL_VCPU_NONE, 6, TIDAL_WRITE);
	one_say(&a.o, &(struct wire){ .kind = MSG_EXTENT,
				      .u.extent = { .gfn = 5, .id = 1, .epoch = 1 } });
	assert_int_equal(one_page(&a.o, 6).state, TIDAL_PAGE_DORMANT);
	assert_int_equal(situation(&a, 6), SIT_ASK);
	check_disbelieved(&a, &(struct wire){ .kind = MSG_COPY,
					      .u.copy = { .gfn = 6, .id = 2, .epoch = 5,
							  .flags = WIRE_IS_ZERO } });
	check_disbelieved(&a, &(struct wire){ .kind = MSG_OWN,
					      .u.own = { .gfn = 6, .id = 2, .epoch = 5,
							 .flags = WIRE_IS_ZERO } });
	refuse(&a, 6, 2, REFUSE_AGAIN);
	assert_int_equal(situation(&a, 6), SIT_BACKOFF);
	one_say(&a.o, &(struct wire){ .kind = MSG_FOUND, .u.found = { .gfn = 6, .epoch = 9 } });
	assert_int_not_equal(owners_hinted(a.e.owners, 6).node, 1);
	assert_true(transits_find(a.e.transits, 6)->timer <= a.o.now);
	tick(&a);
	one_settle(&a.o);
	assert_int_equal(one_page(&a.o, 6).state, TIDAL_PAGE_EXCLUSIVE);
	one_close(&a.o);
}

/* A copy of a page of zeroes has no frame that could become the page. Broken: own_is_sound(). */
static void permission_without_a_frame(void **state)
{
	struct asker a;

	(void)state;
	open_asker(&a, 0);
	stall(&a, TIDAL_VCPU_NONE, 5, TIDAL_READ);
	one_say(&a.o, &(struct wire){ .kind = MSG_COPY,
				      .u.copy = { .gfn = 5, .id = 1, .epoch = 1,
						  .flags = WIRE_IS_ZERO } });
	one_settle(&a.o);
	stall(&a, TIDAL_VCPU_NONE, 5, TIDAL_WRITE);
	assert_int_equal(situation(&a, 5), SIT_UPGRADE);
	check_disbelieved(&a, &(struct wire){ .kind = MSG_OWN,
					      .u.own = { .gfn = 5, .id = 2, .epoch = 2,
							 .flags = WIRE_NO_DATA } });
	one_close(&a.o);
}

/* It was asked not to send one. Broken in on_extent(): the answer of ranges_add() ignored. */
static void extent_without_room(void **state)
{
	struct asker a;

	(void)state;
	open_asker(&a, 0);
	stall(&a, TIDAL_VCPU_NONE, 5, TIDAL_WRITE);
	a.e.ranges->table.limit = a.e.ranges->table.used;
	check_disbelieved(&a, &(struct wire){ .kind = MSG_EXTENT,
					      .u.extent = { .gfn = 5, .id = 1, .epoch = 1 } });
	one_close(&a.o);
}

/* Refused for ever: the count doesn't start again, nor does it stop before the next search.
 * Broken in proto_back_off(): the bound. */
static void refused_very_often(void **state)
{
	struct asker a;
	struct transit *t;

	(void)state;
	open_asker(&a, 0);
	stall(&a, TIDAL_VCPU_NONE, 5, TIDAL_WRITE);
	t = transits_find(a.e.transits, 5);
	t->tries = 120;
	refuse(&a, 5, 1, REFUSE_AGAIN);
	assert_int_equal(t->state, SIT_BACKOFF);
	assert_int_equal(t->tries, 115);
	one_close(&a.o);
}

/*
 * Everybody would be asked who the owner is, but there is no room for so many messages: only the
 * likely owner is. Broken in on_ask_again(): no look at the room, and the pool overflowed.
 */
static void no_room_to_ask_all(void **state)
{
	struct occasion o = { .gfn = 5, .payload = TIDAL_FRAME_NONE };
	struct asker a;
	uint64_t requests;

	(void)state;
	open_asker(&a, 0);
	stall(&a, TIDAL_VCPU_NONE, 5, TIDAL_WRITE);
	refuse(&a, 5, 1, REFUSE_AGAIN);
	o.t = transits_find(a.e.transits, 5);
	o.t->tries = 5;
	requests = a.e.stats->requests;
	while (link_room(a.e.link, LINK_REQUEST, a.e.nodes))
		link_queue(a.e.link, 2, LINK_REPLY, "x", 1, NULL, 0);
	assert_int_equal(on_ask_again(&a.e, &o), 0);
	assert_int_equal(a.e.stats->finds, 0);
	assert_int_equal(a.e.stats->requests, requests + 1);
	one_close(&a.o);
}

/* Since when does it wait? The earlier of the vCPU's hunger and the page's first request. */
static void who_began_earlier(void **state)
{
	static const tidal_time since[][2] = { { 7, 9 }, { 9, 7 } };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		const struct wire_request *r;
		struct asker a;

		open_asker(&a, 0);
		r = &a.o.last[MSG_REQUEST].u.request;
		stall(&a, 0, 5, TIDAL_WRITE);
		assert_false(r->flags & WIRE_STARVING);
		refuse(&a, 5, 1, REFUSE_AGAIN);
		transits_find(a.e.transits, 5)->tries = 3;
		transits_find(a.e.transits, 5)->since = since[i][0];
		vcpus_at(a.e.vcpus, 0)->stalls = VCPU_STARVING;
		vcpus_at(a.e.vcpus, 0)->since = since[i][1];
		transit_timer(a.e.transits, transits_find(a.e.transits, 5), a.o.now);
		tick(&a);
		assert_int_equal(a.e.stats->requests, 2);
		assert_int_equal(r->flags & (WIRE_STARVING | WIRE_OFTEN_REFUSED),
				 WIRE_STARVING | WIRE_OFTEN_REFUSED);
		assert_int_equal(r->since, 7);
		one_close(&a.o);
	}
}

/*
 * Pins are in conflict, as the owner sees it, and the host can't tell retirement: the vCPU that asked may
 * have come for an instruction that it has finished. Not if it no longer waits for the page.
 * Broken in unbind(): each condition.
 */
static void conflict_of_one_who_left(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct asker a;
		struct vcpu *v;

		open_asker(&a, TIDAL_PARAM_RETIRE_EVENTS);
		stall(&a, 0, 5, TIDAL_WRITE);
		v = vcpus_at(a.e.vcpus, 0);
		v->pin_bound = true;
		if (i == 1)
			v->gfn = 6;
		if (i == 2)
			v->state = TIDAL_VCPU_READY;
		refuse(&a, 5, 1, REFUSE_CONFLICT);
		assert_int_equal(a.o.reports[TIDAL_REPORT_PIN_CONFLICT], 1);
		assert_int_equal(v->pin_bound, i != 0);
		one_close(&a.o);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(came_along_with_another),
		cmocka_unit_test(permission_without_a_frame),
		cmocka_unit_test(extent_without_room),
		cmocka_unit_test(refused_very_often),
		cmocka_unit_test(no_room_to_ask_all),
		cmocka_unit_test(who_began_earlier),
		cmocka_unit_test(conflict_of_one_who_left),
	};

	return cmocka_run_group_tests_name("answers", tests, NULL, NULL);
}
