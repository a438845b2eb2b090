/* SPDX-License-Identifier: BSD-3-Clause */
/* transits: timers ring in order, queues serve the starving first, nothing gets lost. */
#include "component.h"

#include "core/transits.h"

#define SIZE 40

static struct transits *open_transits(void)
{
	struct transits *ts;

	COMPONENT_OPEN(struct transits, &ts, transits_init, SIZE);
	return ts;
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(situation_name(SIT_INVALID), "INVALID");
	assert_string_equal(situation_name(SIT_EXPECTED), "EXPECTED");
	assert_string_equal(situation_name(SIT_MAX), "?");
}

/* Local stalls may use three quarters; what others cause finds the rest. */
static void test_room(void **state)
{
	struct transits *ts = open_transits();

	(void)state;
	assert_null(transits_find(ts, 0));
	for (tidal_gfn gfn = 0; gfn < SIZE; gfn++) {
		assert_int_equal(transits_room_local(ts), gfn < SIZE - SIZE / 4);
		assert_non_null(transits_begin(ts, gfn));
	}
	assert_null(transits_begin(ts, 1000));
	for (tidal_gfn gfn = 0; gfn < SIZE; gfn++) {
		struct transit *t = transits_find(ts, gfn);

		assert_int_equal(t->gfn, gfn);
		assert_ptr_equal(transit_at(ts, transit_number(ts, t)), t);
	}
	transits_end(ts, transits_find(ts, 7));
	assert_null(transits_find(ts, 7));
	assert_int_equal(transits_begin(ts, 1000)->gfn, 1000);
	assert_null(transit_at(ts, 0));
	test_free(ts);
}

/* ---- timers ---- */

static const struct transit *first_of(const struct transits *ts)
{
	const struct transit *first = NULL;

	for (tidal_gfn gfn = 0; gfn < SIZE; gfn++) {
		const struct transit *t = transits_find(ts, gfn);

		if (t && t->timer != TIDAL_NEVER && (!first || t->timer < first->timer))
			first = t; /* of equal ones the lowest page */
	}
	return first;
}

static void change(struct transits *ts, uint64_t *random)
{
	tidal_gfn gfn = random_below(random, SIZE);
	struct transit *t = transits_find(ts, gfn);

	if (!t)
		transits_begin(ts, gfn)->state = SIT_HELD;
	else if (random_below(random, 10) == 0)
		transits_end(ts, t);
	else
		transit_timer(ts, t, random_below(random, 4) ? random_below(random, 100) : TIDAL_NEVER);
}

static void test_timers_ring_in_order(void **state)
{
	struct transits *ts = open_transits();
	uint64_t random = 1;

	(void)state;
	for (unsigned i = 0; i < 50000; i++) {
		const struct transit *first;
		tidal_time now = random_below(&random, 100);

		change(ts, &random);
		first = first_of(ts);
		assert_int_equal(transits_deadline(ts), first ? first->timer : TIDAL_NEVER);
		assert_ptr_equal(transits_due(ts, now), first && first->timer <= now ? first : NULL);
	}
	test_free(ts);
}

/* ---- queues ---- */

/*
 * A node has one request out for a page: its next takes the place of the one that waits, or a node
 * could fill the queue, and serving it the pool of messages. Found by review.
 */
static void test_one_request_of_a_node(void **state)
{
	struct wire_request r = { .node = 3 };
	struct transits *ts = open_transits();
	struct transit *t = transits_begin(ts, 7);

	(void)state;
	for (uint32_t id = 1; id <= 10 * SIZE; id++) {
		r.id = id;
		assert_true(transit_queue(ts, t, &r));
	}
	assert_int_equal(transit_queued(ts, t), 1);
	r.node = 4;
	assert_true(transit_queue(ts, t, &r));
	assert_int_equal(transit_queued(ts, t), 2);
	assert_true(transit_dequeue(ts, t, &r));
	assert_int_equal(r.id, 10 * SIZE);
	assert_true(transit_dequeue(ts, t, &r));
	assert_int_equal(r.node, 4);
	transits_end(ts, t);
	test_free(ts);
}

static void queue(struct transits *ts, struct transit *t, uint32_t id, bool starving, uint64_t since)
{
	const struct wire_request r = { .id = id, .node = (uint16_t)id, .since = since,
					.vcpu = (uint16_t)id,
					.flags = starving ? WIRE_STARVING : 0 };

	assert_true(transit_queue(ts, t, &r));
}

static void check_order(struct transits *ts, struct transit *t, const uint32_t *ids)
{
	struct wire_request r;

	for (; *ids; ids++) {
		assert_true(transit_dequeue(ts, t, &r));
		assert_int_equal(r.id, *ids);
	}
	assert_false(transit_dequeue(ts, t, &r));
	assert_int_equal(t->queue, 0);
}

static void test_first_come_first_served(void **state)
{
	struct transits *ts = open_transits();
	struct transit *t = transits_begin(ts, 1);

	(void)state;
	for (uint32_t id = 1; id <= 5; id++)
		queue(ts, t, id, false, 100 - id);
	check_order(ts, t, (const uint32_t[]){ 1, 2, 3, 4, 5, 0 });
	test_free(ts);
}

/* The longest starving first, of equals the lower vCPU; then the others as they came. */
static void test_starving_come_first(void **state)
{
	struct transits *ts = open_transits();
	struct transit *t = transits_begin(ts, 1);

	(void)state;
	queue(ts, t, 1, false, 1);
	queue(ts, t, 2, true, 50);
	queue(ts, t, 6, true, 40);
	queue(ts, t, 4, true, 40);
	queue(ts, t, 5, false, 2);
	queue(ts, t, 3, true, 60);
	check_order(ts, t, (const uint32_t[]){ 4, 6, 2, 3, 1, 5, 0 });
	queue(ts, t, 7, false, 0); /* the tail is right after the last was taken from the middle */
	queue(ts, t, 8, true, 0);
	check_order(ts, t, (const uint32_t[]){ 8, 7, 0 });
	test_free(ts);
}

/* All pages share the room for requests; all of it comes back. */
static void test_queues_share_room(void **state)
{
	struct transits *ts = open_transits();
	struct wire_request r = { 0 };
	uint64_t random = 1;
	uint32_t length[SIZE] = { 0 }, used = 0;

	(void)state;
	for (tidal_gfn gfn = 0; gfn < SIZE; gfn++)
		transits_begin(ts, gfn);
	for (unsigned i = 0; i < 50000; i++) {
		tidal_gfn gfn = random_below(&random, SIZE);
		struct transit *t = transits_find(ts, gfn);

		if (random_below(&random, 100) < (i / 1000 % 2 ? 70u : 30u)) {
			r.gfn = gfn;
			r.node = (uint16_t)i; /* each from another one */
			r.flags = random_below(&random, 2) ? WIRE_STARVING : 0;
			r.since = random_below(&random, 5);
			assert_int_equal(transit_queue(ts, t, &r), used < 2 * SIZE);
			length[gfn] += used < 2 * SIZE;
			used += used < 2 * SIZE;
		} else {
			assert_int_equal(transit_dequeue(ts, t, &r), length[gfn] > 0);
			if (length[gfn] > 0) {
				assert_int_equal(r.gfn, gfn);
				length[gfn]--;
				used--;
			}
		}
		assert_int_equal(ts->queued_used, used);
	}
	test_free(ts);
}

/* ---- those who wait for frames ---- */

static void test_room_list_keeps_order(void **state)
{
	static const tidal_gfn order[] = { 3, 1, 4, 5 };
	struct transits *ts = open_transits();
	uint32_t n;

	(void)state;
	for (tidal_gfn gfn = 0; gfn < 6; gfn++)
		transits_begin(ts, gfn);
	for (unsigned i = 0; i < 4; i++)
		transit_room_join(ts, transits_find(ts, order[i]));
	transit_room_join(ts, transits_find(ts, 1)); /* keeps its place */
	n = ts->room_first;
	for (unsigned i = 0; i < 4; i++, n = transit_at(ts, n)->room_next)
		assert_int_equal(transit_at(ts, n)->gfn, order[i]);
	assert_int_equal(n, 0);
	transit_room_leave(ts, transits_find(ts, 4));
	transit_room_leave(ts, transits_find(ts, 4));
	transits_end(ts, transits_find(ts, 3));
	assert_int_equal(ts->room_count, 2);
	assert_int_equal(transit_at(ts, ts->room_first)->gfn, 1);
	assert_int_equal(transit_at(ts, ts->room_last)->gfn, 5);
	transit_room_leave(ts, transits_find(ts, 5));
	transit_room_leave(ts, transits_find(ts, 1));
	assert_int_equal(ts->room_first | ts->room_last | ts->room_count, 0);
	test_free(ts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_request_of_a_node),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_timers_ring_in_order),
		cmocka_unit_test(test_first_come_first_served),
		cmocka_unit_test(test_starving_come_first),
		cmocka_unit_test(test_queues_share_room),
		cmocka_unit_test(test_room_list_keeps_order),
	};

	return cmocka_run_group_tests_name("transits", tests, NULL, NULL);
}
