/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hostile: well-formed answers of a peer that can't be true, and a map that doesn't fit. They are
 * reported and change nothing; the answer that can be true is taken afterwards. Random
 * messages: core_random.c.
 */
#include "one-core.h"

#include "core/proto.h"

/* Node 1 has all memory, and VMM threads here want these pages: request 1, 2, ... */
static void open_asking(struct one_core *o, const tidal_gfn *gfns, unsigned n)
{
	memset(o, 0, sizeof(*o));
	one_params(o, 0);
	o->map.memory[0].node = 1;
	o->map.memory[0].pages = 3 * TIDAL_RANGE_PAGES;
	one_start(o);
	one_peer(o);
	one_run(o);
	for (unsigned i = 0; i < n; i++) {
		struct tidal_event ev = one_stall(TIDAL_VCPU_NONE, gfns[i], TIDAL_WRITE);

		assert_int_equal(one_push(o, &ev), 0);
		one_pull(o);
	}
}

/* It is reported, and that is all. */
static void check_disbelieved(struct one_core *o, const struct wire *m)
{
	uint32_t reports = o->reports[TIDAL_REPORT_BAD_PEER];
	struct tidal_page_info before = one_page(o, m->u.own.gfn), after;

	one_say(o, m);
	after = one_page(o, m->u.own.gfn);
	assert_int_equal(o->reports[TIDAL_REPORT_BAD_PEER], reports + 1);
	assert_int_equal(after.state, before.state);
	assert_int_equal(after.transient, before.transient);
}

static void check_extent_disbelieved(struct one_core *o, uint64_t first, uint8_t order)
{
	check_disbelieved(o, &(struct wire){ .kind = MSG_EXTENT,
					     .u.extent = { .gfn = TIDAL_RANGE_PAGES + 5, .id = 1,
							   .epoch = 1, .first = first,
							   .order = order } });
}

/* What a message that is dropped brought is named: it may be lost. Broken in report_bad(): isn't. */
static void what_was_dropped(void **state)
{
	const tidal_gfn gfn = 5;
	const struct wire page = { .kind = MSG_OWN, .u.own = { .gfn = gfn, .epoch = 1, .id = 77 } };
	const struct wire vcpu = { .kind = MSG_VCPU, .u.vcpu = { .epoch = 9, .vcpu = 2 } };
	const struct wire nothing = { .kind = MSG_REFUSE, .u.refuse = { .gfn = gfn, .id = 77 } };
	struct one_core o;

	(void)state;
	open_asking(&o, &gfn, 1);
	check_disbelieved(&o, &page);
	assert_int_equal(o.last_report.gfn, gfn);
	assert_int_equal(o.last_report.vcpu, TIDAL_VCPU_NONE);
	one_say(&o, &vcpu);
	assert_int_equal(o.reports[TIDAL_REPORT_BAD_PEER], 2);
	assert_int_equal(o.last_report.gfn, TIDAL_GFN_NONE);
	assert_int_equal(o.last_report.vcpu, 2);
	check_disbelieved(&o, &nothing);
	assert_int_equal(o.last_report.gfn, TIDAL_GFN_NONE);
	one_close(&o);
}

/*
 * Page 5 of the second range is asked for; what comes is not aligned, doesn't hold it, reaches
 * beyond the guest's memory, or is larger than any that is granted. Broken in
 * extent_is_sound(): each of its conditions.
 */
static void extent_that_can_not_be(void **state)
{
	const tidal_gfn gfn = TIDAL_RANGE_PAGES + 5;
	struct one_core o;

	(void)state;
	open_asking(&o, &gfn, 1);
	check_extent_disbelieved(&o, 0, 0); /* another range */
	check_extent_disbelieved(&o, 2, 0);
	check_extent_disbelieved(&o, 1, 1); /* not aligned */
	check_extent_disbelieved(&o, 0, 2); /* the guest has three ranges */
	check_extent_disbelieved(&o, 0, EXTENT_ORDER_MAX);
	check_extent_disbelieved(&o, UINT64_C(1) << 63, 0);
	check_extent_disbelieved(&o, 0, 63);
	check_extent_disbelieved(&o, 0, 255);
	one_say(&o, &(struct wire){ .kind = MSG_EXTENT,
				    .u.extent = { .gfn = gfn, .id = 1, .epoch = 1, .order = 1 } });
	one_settle(&o);
	assert_int_equal(one_page(&o, gfn).state, TIDAL_PAGE_EXCLUSIVE);
	one_close(&o);
}

/* A guest of 4 GiB, and one extent of all of it: more than is ever granted. Broken: the bound. */
static void extent_that_is_too_large(void **state)
{
	struct wire m = { .kind = MSG_EXTENT,
			  .u.extent = { .gfn = 5, .id = 1, .epoch = 1,
					.order = EXTENT_ORDER_MAX + 1 } };
	struct tidal_event ev = one_stall(TIDAL_VCPU_NONE, 5, TIDAL_WRITE);
	struct one_core o = { .now = 0 };

	(void)state;
	one_params(&o, 0);
	o.map.memory[0].node = 1;
	o.map.memory[0].pages = UINT64_C(4) << 18;
	one_start(&o);
	one_peer(&o);
	one_run(&o);
	assert_int_equal(one_push(&o, &ev), 0);
	one_pull(&o);
	check_disbelieved(&o, &m);
	m.u.extent.order = EXTENT_ORDER_MAX;
	one_say(&o, &m);
	one_settle(&o);
	assert_int_equal(one_page(&o, 5).state, TIDAL_PAGE_EXCLUSIVE);
	one_close(&o);
}

/*
 * An extent of which the middle is here and in use. Broken in extent_is_sound(): ranges_overlap(), and
 * the range in use was overwritten. Found by review.
 */
static void extent_over_what_is_here(void **state)
{
	const tidal_gfn gfns[] = { TIDAL_RANGE_PAGES + 1, 3 };
	struct one_core o;

	(void)state;
	memset(&o, 0, sizeof(o));
	one_params(&o, 0);
	o.map.memory[0].node = 1;
	o.map.memory[0].pages = 4 * TIDAL_RANGE_PAGES;
	one_start(&o);
	one_peer(&o);
	one_run(&o);
	for (uint32_t id = 1; id <= 2; id++) {
		struct tidal_event ev = one_stall(TIDAL_VCPU_NONE, gfns[id - 1], TIDAL_WRITE);

		assert_int_equal(one_push(&o, &ev), 0);
		one_pull(&o);
	}
	one_say(&o, &(struct wire){ .kind = MSG_EXTENT, .u.extent = { .gfn = gfns[0], .id = 1, .epoch = 1,
								     .first = 1, .order = 0 } });
	one_settle(&o);
	check_disbelieved(&o, &(struct wire){ .kind = MSG_EXTENT,
					      .u.extent = { .gfn = gfns[1], .id = 2, .epoch = 1,
							    .first = 0, .order = 2 } });
	assert_int_equal(one_page(&o, gfns[0]).state, TIDAL_PAGE_EXCLUSIVE);
	one_close(&o);
}

/*
 * A conflict of pins, for a VMM thread, on a host that can't tell retirement. Broken in unbind(): there
 * is no vCPU, and memory beyond the arena was written. Found by review.
 */
static void conflict_of_nobody(void **state)
{
	struct tidal_event ev = one_stall(TIDAL_VCPU_NONE, 5, TIDAL_WRITE);
	struct one_core o;

	(void)state;
	memset(&o, 0, sizeof(o));
	one_params(&o, 0);
	o.params.flags &= ~(uint32_t)TIDAL_PARAM_RETIRE_EVENTS;
	o.map.memory[0].node = 1;
	one_start(&o);
	one_peer(&o);
	one_run(&o);
	assert_int_equal(one_push(&o, &ev), 0);
	one_pull(&o);
	one_say(&o, &(struct wire){ .kind = MSG_REFUSE,
				    .u.refuse = { .gfn = 5, .id = 1, .reason = REFUSE_CONFLICT,
						  .owner = TIDAL_NODE_NONE } });
	assert_int_equal(o.reports[TIDAL_REPORT_PIN_CONFLICT], 1);
	one_close(&o);
}

/* The owner-to-be is to wait for nodes that there are not. Broken in own_is_sound(): no look at copies. */
static void grant_with_copies_nowhere(void **state)
{
	const tidal_gfn gfn = 5;
	struct wire m = { .kind = MSG_OWN, .u.own = { .gfn = gfn, .epoch = 1, .id = 1,
						      .flags = WIRE_IS_ZERO } };
	struct one_core o;

	(void)state;
	open_asking(&o, &gfn, 1);
	for (unsigned n = 3; n < 64; n++) {
		m.u.own.copies = UINT64_C(1) << n;
		check_disbelieved(&o, &m);
	}
	m.u.own.copies = 0;
	one_say(&o, &m);
	one_settle(&o);
	assert_int_equal(one_page(&o, gfn).state, TIDAL_PAGE_EXCLUSIVE);
	one_close(&o);
}

/* The same with a page that was offered. Broken in on_give(): no look at copies. */
static void gift_with_copies_nowhere(void **state)
{
	const struct wire offer = { .kind = MSG_OFFER, .u.offer = { .gfn = 7 } };
	struct wire m = { .kind = MSG_GIVE,
			  .u.give = { .gfn = 7, .epoch = 1, .copies = 1u << 3,
				      .flags = WIRE_IS_ZERO } };
	struct one_core o;

	(void)state;
	open_asking(&o, NULL, 0);
	one_say(&o, &offer);
	assert_int_equal(o.last[MSG_ANSWER].u.answer.yes, 1);
	check_disbelieved(&o, &m);
	m.u.give.copies = 1u << 2; /* a copy of zeroes on node 2 */
	one_say(&o, &m);
	assert_int_equal(one_page(&o, 7).state, TIDAL_PAGE_DORMANT);
	one_close(&o);
}

/* ---- a map that doesn't fit ---- */

/* Two runs of this node's own memory, in eleven extents each, of the kind that can't be joined. */
static void scatter(struct tidal_vmap *map, tidal_nodeid node)
{
	const uint64_t pages = UINT64_C(1) << 20;

	map->memory_runs = 2;
	map->memory[0] = (struct tidal_vmap_memory){ 0, pages - TIDAL_RANGE_PAGES, node };
	map->memory[1] = (struct tidal_vmap_memory){ pages - TIDAL_RANGE_PAGES,
						     pages + TIDAL_RANGE_PAGES, node };
}

/*
 * The master's own memory is in more pieces than it has ranges for. An error, of init. Broken in
 * tidal_core_init(): boot_fits() not asked.
 */
static void own_map_with_too_many_pieces(void **state)
{
	struct one_core o = { .now = 0 };

	(void)state;
	one_params(&o, 0);
	scatter(&o.map, 0);
	o.params.ranges = 4;
	o.bytes = tidal_core_footprint(&o.params);
	assert_true(o.bytes > 0);
	o.mem = aligned_alloc(64, (o.bytes + 63) & ~(size_t)63);
	memset(o.mem, 0, o.bytes);
	assert_int_equal(tidal_core_init(o.mem, o.bytes, &o.params, &o.core), TIDAL_ERANGE);
	free(o.mem);
	o.params.ranges = 64;
	one_start(&o);
	assert_int_equal(one_page(&o, (UINT64_C(1) << 20) - 1).state, TIDAL_PAGE_DORMANT);
	free(o.mem);
}

/* Node 2 is told a map by the master, piece by piece. */
static void hear_map(struct one_core *o, const struct wire_map *pieces, uint8_t n)
{
	for (uint8_t i = 0; i < n; i++) {
		struct wire m = { .kind = MSG_MAP, .u.map = pieces[i] };
		uint8_t body[LINK_BODY_MAX];
		struct one_packet p;
		struct tidal_event ev;

		m.u.map.index = i;
		m.u.map.total = n;
		assert_true(one_packet(o, LINK_REPLY, body, wire_encode(&m, body), &p));
		ev = one_message(&p);
		ev.u.message.from = 0;
		assert_int_equal(one_push(o, &ev), 0);
		one_pull(o);
	}
}

static void open_without_map(struct one_core *o, uint32_t ranges, uint32_t slots)
{
	memset(o, 0, sizeof(*o));
	one_params(o, 0);
	o->params.node = 2;
	o->params.vmap = NULL;
	o->params.ranges = ranges;
	o->params.vcpu_slots = (uint16_t)slots;
	one_start(o);
	one_peer(o);
	one_pull(o);
}

/* More pieces than ranges, or more vCPUs than slots: reported, and no guest is started on it. */
static void told_map_that_does_not_fit(void **state)
{
	const uint64_t pages = UINT64_C(1) << 20;
	const struct wire_map map[] = {
		{ .first = 0, .count = pages - TIDAL_RANGE_PAGES, .node = 2, .kind = MAP_MEMORY },
		{ .first = pages - TIDAL_RANGE_PAGES, .count = pages + TIDAL_RANGE_PAGES, .node = 2,
		  .kind = MAP_MEMORY },
		{ .first = 0, .count = 3, .node = 2, .kind = MAP_VCPUS },
	};
	static const struct {
		uint32_t ranges, slots;
		bool fits;
	} cases[] = { { 64, 3, true }, { 4, 3, false }, { 64, 2, false } };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct one_core o;

		open_without_map(&o, cases[i].ranges, cases[i].slots);
		hear_map(&o, map, 3);
		assert_int_equal(o.reports[TIDAL_REPORT_READY], cases[i].fits);
		assert_int_equal(o.reports[TIDAL_REPORT_BAD_PEER], !cases[i].fits);
		assert_int_equal(o.core->guest.known, cases[i].fits);
		one_close(&o);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(extent_over_what_is_here),
		cmocka_unit_test(conflict_of_nobody),
		cmocka_unit_test(what_was_dropped),
		cmocka_unit_test(extent_that_can_not_be),
		cmocka_unit_test(extent_that_is_too_large),
		cmocka_unit_test(grant_with_copies_nowhere),
		cmocka_unit_test(gift_with_copies_nowhere),
		cmocka_unit_test(own_map_with_too_many_pieces),
		cmocka_unit_test(told_map_that_does_not_fit),
	};

	return cmocka_run_group_tests_name("hostile", tests, NULL, NULL);
}
