/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules 13 to 17 of docs/protocol.md: progress. How fast it is: tests/progress. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "story.h"

#define RANGE TIDAL_RANGE_PAGES
#define G (RANGE + 7) /* the page that these stories are about: at first node 1's */

/* A range of memory for each node. */
static void spread_memory(struct tidal_vmap *map, void *arg)
{
	(void)arg;
	map->memory_runs = 3;
	for (unsigned n = 0; n < 3; n++)
		map->memory[n] = (struct tidal_vmap_memory){ n * RANGE, RANGE, (tidal_nodeid)n };
}

static void open_spread(struct story *s, struct world_config c)
{
	c.place = spread_memory;
	c.pages = 3 * RANGE;
	story_open(s, &c);
}

/*
 * A page that came for a vCPU stays until that has retired an instruction, even if the vCPU
 * doesn't get a hyperthread at once. Broken in proto_arrived(): no hold.
 */
static void rule_13_held_until_retired(void **state)
{
	struct story s;

	(void)state;
	open_spread(&s, (struct world_config){ .vcpus = 6, .hthreads = 1 });
	story_do(&s, 1, TIDAL_WRITE, G);
	story_do(&s, 3, TIDAL_WRITE, 1);
	story_tell(&s, 0, TIDAL_WRITE, G);
	story_pass(&s, 150); /* vCPU 0 has stalled: vCPU 3 has node 0's only thread for 50 us */
	for (unsigned i = 0; i < 500; i++)
		story_tell(&s, 3, TIDAL_READ, 1);
	story_pass(&s, 10 * US);
	story_tell(&s, 2, TIDAL_WRITE, G);
	story_pass(&s, 30 * US);
	assert_false(story_done(&s, 0));
	assert_int_equal(story_page(&s, 0, G).state, TIDAL_PAGE_EXCLUSIVE);
	assert_true(story_finish(&s, 2, 1 * MS));
	assert_true(story_done(&s, 0));
	assert_int_equal(story_stats(&s, 0).requests, 1);
	story_close(&s);
}

/* A host that can't tell: it stays for hold_ns. Broken in hold_time(): 0. */
static void rule_13_held_for_a_time(void **state)
{
	struct story s;

	(void)state;
	open_spread(&s, (struct world_config){ .no_retire = true });
	story_do(&s, 1, TIDAL_WRITE, G);
	story_pass(&s, 100 * US);
	story_do(&s, 0, TIDAL_WRITE, G);
	assert_in_range(story_do(&s, 2, TIDAL_WRITE, G), 18 * US, 30 * US); /* of 20 */
	story_close(&s);
}

/* Under this policy vCPU 2 goes to G; it is kept from arriving. A thread of node 0 wants G, too. */
static void invite(struct story *s)
{
	open_spread(s, (struct world_config){ .policy = tidal_policy_vcpu() });
	story_do(s, 1, TIDAL_WRITE, G);
	story_wire(s, MSG_VCPU, 2, 1, WORLD_HOLD);
	story_tell(s, 2, TIDAL_WRITE, G);
	story_pass(s, 20 * US);
	assert_int_equal(s->last[MSG_REFUSE].u.refuse.reason, REFUSE_SEND_VCPU);
	story_touch(s, 0, TIDAL_WRITE, G);
	story_pass(s, 100 * US);
	assert_int_equal(story_page(s, 1, G).state, TIDAL_PAGE_EXCLUSIVE);
}

/* The page waits for the vCPU that was asked to come. Broken in invite(): no hold. */
static void rule_14_page_waits_for_vcpu(void **state)
{
	struct story s;

	(void)state;
	invite(&s);
	story_mend(&s);
	assert_true(story_finish(&s, 2, 100 * US));
	assert_int_equal(world_where(s.w, 2), 1);
	assert_int_equal(story_total(&s).requests, 2); /* that of vCPU 2, and of node 0's thread */
	story_pass(&s, 100 * US);
	assert_int_equal(world_completed(s.w, 0), 1);
	story_close(&s);
}

/* But not for ever: reserve_ns, 500 us. Broken in invite(): held until TIDAL_NEVER. */
static void rule_14_reservation_expires(void **state)
{
	struct story s;

	(void)state;
	invite(&s);
	story_pass(&s, 500 * US);
	assert_int_equal(world_completed(s.w, 0), 1);
	story_mend(&s);
	assert_true(story_finish(&s, 2, 2 * MS)); /* it has moved: now the page comes to it */
	assert_int_equal(world_where(s.w, 2), 1);
	assert_int_equal(story_page(&s, 1, G).state, TIDAL_PAGE_EXCLUSIVE);
	story_close(&s);
}

/*
 * One move per instruction: it needs pages of two nodes. Broken in fill(): without
 * WIRE_VCPU_MOVED.
 */
static void rule_14_one_move_per_instruction(void **state)
{
	struct story s;
	const tidal_gfn last = 2 * RANGE - 1; /* node 1's; the next is node 2's */

	(void)state;
	open_spread(&s, (struct world_config){ .policy = tidal_policy_vcpu() });
	story_do(&s, 1, TIDAL_WRITE, last);
	story_do(&s, 2, TIDAL_WRITE, last + 1);
	story_tell_crossing(&s, 0, TIDAL_WRITE, last);
	assert_true(story_finish(&s, 0, 1 * MS));
	assert_int_equal(story_total(&s).vcpus_in, 1);
	assert_int_equal(world_where(s.w, 0), 1);
	story_do(&s, 0, TIDAL_READ, 3); /* the next instruction may move it again */
	assert_int_equal(story_total(&s).vcpus_in, 2);
	story_close(&s);
}

/*
 * Code is copied to where it runs, whatever the policy. Broken in decide(),
 * would_rather_have_vcpu() and must_fetch(), all three: no look at TIDAL_EXEC.
 */
static void rule_15_code_replicates(void **state)
{
	const struct tidal_policy_ops *policies[] = { tidal_policy_cost(), tidal_policy_page(),
						      tidal_policy_vcpu() };
	struct story s;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		open_spread(&s, (struct world_config){ .policy = policies[i] });
		story_do(&s, 1, TIDAL_WRITE, G);
		story_do(&s, 0, TIDAL_EXEC, G);
		story_do(&s, 2, TIDAL_EXEC, G);
		assert_int_equal(story_total(&s).vcpus_in, 0);
		assert_int_equal(story_page(&s, 0, G).state, TIDAL_PAGE_SECONDARY);
		assert_int_equal(story_page(&s, 2, G).state, TIDAL_PAGE_SECONDARY);
		story_close(&s);
	}
}

static void short_holds(struct tidal_params *p, void *arg)
{
	(void)arg;
	p->hold_ns = p->hold_max_ns = 1000; /* shorter than it takes to fetch another page */
}

/*
 * Stores that need two pages, on all nodes, over and over: each page leaves before the other one
 * comes, until one of the vCPUs starves and its holds are extended. Broken: VCPU_STARVING 255.
 */
static void rule_15_starving_holds_extend(void **state)
{
	struct story s;

	(void)state;
	open_spread(&s, (struct world_config){ .tune = short_holds });
	for (unsigned i = 0; i < 50; i++)
		for (tidal_vcpuid v = 0; v < 3; v++)
			story_tell_crossing(&s, v, TIDAL_WRITE, G);
	for (tidal_vcpuid v = 0; v < 3; v++)
		assert_true(story_finish(&s, v, 10 * MS));
	assert_true(story_total(&s).holds_extended > 0);
	story_close(&s);
}

static void no_holds(struct tidal_params *p, void *arg)
{
	(void)arg;
	p->hold_ns = p->hold_max_ns = 0;
}

/* The same where pages aren't held at all. Broken in hold_time(): 64 times nothing. */
static void rule_15_starving_without_holds(void **state)
{
	struct story s;

	(void)state;
	open_spread(&s, (struct world_config){ .tune = no_holds });
	for (unsigned i = 0; i < 50; i++)
		for (tidal_vcpuid v = 0; v < 3; v++)
			story_tell_crossing(&s, v, TIDAL_WRITE, G);
	for (tidal_vcpuid v = 0; v < 3; v++)
		assert_true(story_finish(&s, v, 10 * MS));
	story_close(&s);
}

/*
 * A page is pushed to another node only after that has said yes, so that there is a frame for it.
 * Broken in on_answer(): a no taken for a yes.
 */
static void rule_16_push_needs_a_credit(void **state)
{
	struct story s;

	(void)state;
	open_spread(&s, (struct world_config){ .frames = 32 });
	story_wire(&s, MSG_ANSWER, ANY, ANY, WORLD_HOLD);
	for (unsigned i = 0; i < 26; i++)
		story_tell(&s, 1, TIDAL_WRITE, RANGE + i);
	story_pass(&s, 10 * MS);
	assert_true(story_seen(&s, MSG_OFFER, 1, ANY) > 0);
	assert_int_equal(story_seen(&s, MSG_GIVE, 1, ANY), 0);
	story_mend(&s);
	for (unsigned i = 0; i < 10; i++)
		story_tell(&s, 1, TIDAL_WRITE, RANGE + 26 + i);
	assert_true(story_finish(&s, 1, 50 * MS));
	assert_in_range(story_seen(&s, MSG_GIVE, 1, ANY), 1, story_seen(&s, MSG_ANSWER, ANY, 1));
	story_close(&s);
}

/*
 * The pod is full: reported, and whoever wants a frame waits; what needs none goes on, copies of
 * pages of other nodes included. Broken in frames_may_convert(): no reserve.
 */
static void rule_16_full_pod(void **state)
{
	struct story s;

	(void)state;
	open_spread(&s, (struct world_config){ .frames = 32 });
	for (tidal_vcpuid v = 0; v < 3; v++)
		for (unsigned i = 0; i < 40; i++)
			story_tell(&s, v, TIDAL_WRITE, v * RANGE + i);
	story_pass(&s, 50 * MS);
	assert_true(world_reports(s.w, TIDAL_REPORT_POD_FULL) >= 1);
	for (unsigned n = 0; n < 3; n++)
		for (unsigned i = 0; i < 16; i++)
			story_touch(&s, n, TIDAL_READ, (n + 1) % 3 * RANGE + i);
	story_pass(&s, 50 * MS);
	for (unsigned n = 0; n < 3; n++)
		assert_int_equal(world_completed(s.w, n), 16);
	story_close(&s);
}

static unsigned largest_order;

static enum world_fate look_at_extents(const struct world_packet *p, void *arg)
{
	(void)arg;
	if (p->message->kind == MSG_EXTENT && p->message->u.extent.order > largest_order)
		largest_order = p->message->u.extent.order;
	return WORLD_PASS;
}

/*
 * Dormant memory moves by ranges, more each time a node goes on where it was: 8 GiB by a score of
 * requests, 1 GiB at most by one. Broken in grant_extent(): the order stays 0.
 */
static void rule_17_dormant_extents(void **state)
{
	const uint64_t pages = UINT64_C(8) << 18;
	struct story s;

	(void)state;
	story_open(&s, &(struct world_config){ .nodes = 2, .pages = pages });
	world_filter(s.w, look_at_extents, NULL);
	largest_order = 0;
	for (tidal_gfn gfn = 0; gfn < pages; gfn += RANGE)
		if (story_page(&s, 1, gfn).state == TIDAL_PAGE_INVALID)
			story_do(&s, 1, TIDAL_READ, gfn);
	assert_in_range(story_stats(&s, 1).requests, 8 + 9, 20);
	assert_int_equal(largest_order, 9);
	assert_int_equal(story_stats(&s, 0).pages_out, 0);
	story_close(&s);
}

/* A node that hops about gets 2 MiB at a time. Broken in grant_extent(): the order always grows. */
static void rule_17_hopping_about(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, &(struct world_config){ .nodes = 2, .pages = 64 * RANGE });
	world_filter(s.w, look_at_extents, NULL);
	largest_order = 0;
	for (unsigned i = 0; i < 64; i += 4)
		story_do(&s, 1, TIDAL_READ, (63 - i) * RANGE);
	assert_int_equal(story_stats(&s, 1).requests, 16);
	assert_int_equal(largest_order, 0);
	story_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_13_held_until_retired),
		cmocka_unit_test(rule_13_held_for_a_time),
		cmocka_unit_test(rule_14_page_waits_for_vcpu),
		cmocka_unit_test(rule_14_reservation_expires),
		cmocka_unit_test(rule_14_one_move_per_instruction),
		cmocka_unit_test(rule_15_code_replicates),
		cmocka_unit_test(rule_15_starving_holds_extend),
		cmocka_unit_test(rule_15_starving_without_holds),
		cmocka_unit_test(rule_16_push_needs_a_credit),
		cmocka_unit_test(rule_16_full_pod),
		cmocka_unit_test(rule_17_dormant_extents),
		cmocka_unit_test(rule_17_hopping_about),
	};

	return cmocka_run_group_tests_name("rules: progress", tests, NULL, NULL);
}
