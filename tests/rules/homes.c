/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * homes - section 7 of docs/protocol.md: whoever becomes a page's owner tells its home, one page or a
 * whole extent at a time. So in a pod at rest each home leads to the owner of each of its pages, however
 * it came there, without anybody being asked. Broken in proto_tell_home(), tell_homes(), depart() and
 * push(): the home is not told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <tidal/core.h>

#include "../sim/world.h"
#include "core/core_state.h"

#define RANGES 40
#define STEPS 600

struct walk {
	unsigned nodes;
	uint64_t seed;
	bool wide; /* over all ranges, a page of each in turn; else about in a few pages */
};

static uint64_t mixed(uint64_t a, uint64_t b)
{
	uint64_t x = a * 0x9e3779b97f4a7c15u + b;

	x = (x ^ (x >> 31)) * 0xbf58476d1ce4e5b9u;
	return x ^ (x >> 29);
}

static bool program(struct world *w, tidal_vcpuid v, uint64_t step, struct world_op *op, void *arg)
{
	const struct walk *walk = arg;
	uint64_t random = mixed(mixed(walk->seed, v), step);

	(void)w;
	op->access = random % 8 == 7 ? TIDAL_ZERO : random % 2 ? TIDAL_WRITE : TIDAL_READ;
	if (walk->wide && random % 3) /* on to the next range, each node in its own part first */
		op->gfn = (step / 4 + v * RANGES / walk->nodes) % RANGES * TIDAL_RANGE_PAGES +
			  (random >> 20) % 3;
	else
		op->gfn = (random >> 20) % 40;
	return step < STEPS;
}

/* Who owns it; NONE: nobody yet but node 0, as the initial map says. */
static tidal_nodeid owner_of(struct world *w, unsigned nodes, tidal_gfn gfn)
{
	for (unsigned n = 0; n < nodes; n++) {
		struct tidal_page_info info;

		assert_int_equal(tidal_core_page(world_core(w, n), gfn, &info), 0);
		if (info.state >= TIDAL_PAGE_PRIMARY)
			return (tidal_nodeid)n;
	}
	return TIDAL_NODE_NONE;
}

/* What the home has recorded, without the help of hints. */
static void check_home(struct world *w, unsigned nodes, tidal_gfn gfn)
{
	tidal_nodeid owner = owner_of(w, nodes, gfn), home;
	struct whereabouts record;

	assert_int_not_equal(owner, TIDAL_NODE_NONE);
	home = owners_home(&world_core(w, 0)->owners, gfn);
	if (home == owner)
		return; /* it has the page itself */
	record = owners_recorded(&world_core(w, home)->owners, gfn);
	if (record.node == TIDAL_NODE_NONE)
		record.node = 0; /* the initial map */
	if (record.node != owner)
		print_error("page %llu is node %u's, its home %u says %u\n",
			    (unsigned long long)gfn, owner, home, record.node);
	assert_int_equal(record.node, owner);
}

/* A vCPU's home hears of it when it has arrived. */
static void check_vcpu(struct world *w, unsigned nodes, tidal_vcpuid v)
{
	struct tidal_vcpu_info info;

	assert_int_equal(tidal_core_vcpu(world_core(w, v % nodes), v, &info), 0);
	assert_int_equal(info.node, world_where(w, v));
}

static void check_pod(unsigned nodes, bool wide, uint32_t frames, uint64_t seed)
{
	struct walk walk = { nodes, seed, wide };
	const struct world_config config = {
		.nodes = nodes, .vcpus = 2 * nodes, .hthreads = 1, .pages = RANGES * TIDAL_RANGE_PAGES,
		.frames = frames, .delay_ns = 1000, .jitter_ns = 4000, .host_ns = 500,
		.policy = wide && seed % 2 ? tidal_policy_cost() : tidal_policy_page(), .spread = true,
	};
	struct world *w = world_open(&config, program, &walk);
	struct tidal_stats total;

	if (!world_run(w, UINT64_C(20000000000)))
		fail_msg("%s", world_violation(w));
	world_settle(w, 50000000);
	assert_true(world_check(w));
	for (tidal_gfn gfn = 0; gfn < RANGES * TIDAL_RANGE_PAGES; gfn += gfn % 512 < 40 ? 1 : 59)
		check_home(w, nodes, gfn);
	for (tidal_vcpuid v = 0; v < config.vcpus; v++)
		check_vcpu(w, nodes, v);
	world_total(w, &total);
	assert_int_equal(total.homes_full, 0);
	assert_int_equal(total.finds, 0); /* nobody had to ask everybody */
	assert_true(wide ? total.extents_out > 0 : total.pages_out > 50);
	assert_int_equal(total.evictions > 0, frames < 100);
	assert_true(!wide || seed % 2 == 0 || total.vcpus_in > 0);
	world_close(w);
}

static void test_homes_know_pages(void **state)
{
	(void)state;
	for (unsigned nodes = 2; nodes <= 5; nodes++)
		check_pod(nodes, false, 200, nodes);
}

static void test_homes_know_extents(void **state)
{
	(void)state;
	for (unsigned nodes = 2; nodes <= 9; nodes++)
		check_pod(nodes, true, 400, nodes);
}

/* Pages are pushed about for their frames. */
static void test_homes_know_evicted_pages(void **state)
{
	(void)state;
	for (unsigned nodes = 3; nodes <= 5; nodes++)
		check_pod(nodes, true, 64, nodes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_homes_know_pages),
		cmocka_unit_test(test_homes_know_extents),
		cmocka_unit_test(test_homes_know_evicted_pages),
	};

	return cmocka_run_group_tests_name("homes", tests, NULL, NULL);
}
