/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A latecomer: all other nodes have written to a page for a while, each as often as it can, and know
 * it from each other well. One more wants to write to it, too, once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../sim/world.h"

#define US UINT64_C(1000)
#define MS UINT64_C(1000000)
#define SEEDS 4

struct crowd {
	unsigned nodes; /* the last one comes late */
	bool let_in, served;
};

static bool write_one_page(struct world *w, tidal_vcpuid v, uint64_t step, struct world_op *op,
			   void *arg)
{
	struct crowd *c = arg;

	(void)w;
	*op = (struct world_op){ .gfn = 0, .access = TIDAL_WRITE };
	if (v != c->nodes - 1)
		return true;
	if (!c->let_in)
		op->access = WORLD_WAIT;
	c->served = step > 0;
	return !c->served;
}

/* How long it takes to be served. */
static tidal_time wait(unsigned nodes, const struct tidal_policy_ops *policy, tidal_time jitter,
		       uint64_t seed, tidal_time bound)
{
	struct crowd c = { .nodes = nodes };
	const struct world_config config = {
		.nodes = nodes, .vcpus = nodes, .hthreads = 2, .pages = 64, .frames = 64,
		.seed = seed, .delay_ns = 1 * US, .jitter_ns = jitter, .host_ns = 500,
		.spread = true, .policy = policy,
	};
	struct world *w = world_open(&config, write_one_page, &c);
	tidal_time start;

	world_run(w, 5 * MS);
	start = world_now(w);
	c.let_in = true;
	world_wake(w, (tidal_vcpuid)(nodes - 1));
	while (!c.served && world_now(w) < start + bound && world_step(w))
		;
	start = world_now(w) - start;
	if (!world_check(w))
		fail_msg("%s", world_violation(w));
	if (!c.served)
		fail_msg("%s, %u nodes, jitter %llu ns, seed %llu: not served in %llu us",
			 policy->name, nodes, (unsigned long long)jitter, (unsigned long long)seed,
			 (unsigned long long)(bound / US));
	world_close(w);
	return start;
}

static void all_seeds(unsigned nodes, const struct tidal_policy_ops *policy, tidal_time bound)
{
	tidal_time worst = 0;

	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		for (tidal_time jitter = 0; jitter <= 2 * US; jitter += 1 * US) {
			tidal_time took = wait(nodes, policy, jitter, seed, bound);

			worst = took > worst ? took : worst;
		}
	print_message("%2u nodes, %-4s: at most %llu us\n", nodes, policy->name,
		      (unsigned long long)(worst / US));
}

/*
 * Each round of the others takes a few us per node; the latecomer gets its turn after a few rounds.
 * Broken in may_wait_here(): false, and in proto_ask(): without WIRE_OFTEN_REFUSED: it is passed on
 * from node to node, for ever.
 */
static void latecomer(void **state)
{
	(void)state;
	for (unsigned nodes = 4; nodes <= 12; nodes += 2) {
		all_seeds(nodes, tidal_policy_page(), 3 * MS);
		all_seeds(nodes, tidal_policy_cost(), 3 * MS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(latecomer),
	};

	return cmocka_run_group_tests_name("progress: latecomers", tests, NULL, NULL);
}
