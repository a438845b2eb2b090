/* SPDX-License-Identifier: BSD-3-Clause */
/* race - see race.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "race.h"

#define SEEDS 5

struct runner {
	const struct race *race;
	uint64_t step[WORLD_VCPUS];
	tidal_time since[WORLD_VCPUS];
	bool begun[WORLD_VCPUS];
	tidal_time worst, sum;
	uint64_t accesses;
};

static tidal_time bound_of(const struct race *race, bool tells)
{
	return tells && race->bound_told ? race->bound_told : race->bound;
}

/* The vCPU comes to its next step: that before it has retired. */
static void note(struct runner *r, struct world *w, tidal_vcpuid v, uint64_t step)
{
	tidal_time took = world_now(w) - r->since[v];
	struct world_op op = { 0 };

	if (r->begun[v] && step == r->step[v])
		return;
	if (r->begun[v]) {
		r->worst = took > r->worst ? took : r->worst;
		r->sum += took;
		r->accesses++;
		r->race->next(v, step - 1, &op);
		if (r->race->retired)
			r->race->retired(v, step - 1,
					 world_mapping(w, world_where(w, v), op.gfn));
	}
	r->begun[v] = true;
	r->step[v] = step;
	r->since[v] = world_now(w);
}

static bool program(struct world *w, tidal_vcpuid v, uint64_t step, struct world_op *op, void *arg)
{
	struct runner *r = arg;

	note(r, w, v, step);
	if (step >= r->race->steps)
		return false;
	r->race->next(v, step, op);
	return true;
}

static void add(struct runner *sum, const struct runner *r)
{
	sum->worst = r->worst > sum->worst ? r->worst : sum->worst;
	sum->sum += r->sum;
	sum->accesses += r->accesses;
}

static void run_one(const struct race *race, const struct tidal_policy_ops *policy, bool tells,
		    uint64_t seed, struct runner *sum)
{
	struct world_config c = {
		.nodes = race->nodes, .vcpus = race->vcpus, .pages = race->pages,
		.hthreads = race->hthreads ? race->hthreads : race->vcpus,
		.frames = race->frames, .seed = seed, .policy = policy, .no_retire = !tells,
		.slice = race->slice, .spread = true, .tune = race->tune,
		.delay_ns = 2 * RACE_US, .jitter_ns = 2 * RACE_US,
		.host_ns = race->quick ? 0 : 1 * RACE_US,
	};
	struct runner r = { .race = race };
	struct world *w = world_open(&c, program, &r);

	world_run(w, race->bound * race->steps);
	for (unsigned v = 0; v < race->vcpus; v++)
		if (r.step[v] < race->steps)
			fail_msg("%s, seed %llu: vCPU %u is stuck in its access %llu: %s",
				 policy->name, (unsigned long long)seed, v,
				 (unsigned long long)r.step[v],
				 world_violation(w) ? world_violation(w) : "no progress");
	if (!world_check(w))
		fail_msg("%s, seed %llu: %s", policy->name, (unsigned long long)seed,
			 world_violation(w));
	if (r.worst > bound_of(race, tells))
		fail_msg("%s, seed %llu: an access took %llu ns, more than %llu", policy->name,
			 (unsigned long long)seed, (unsigned long long)r.worst,
			 (unsigned long long)bound_of(race, tells));
	world_close(w);
	add(sum, &r);
}

void race_run(const struct race *race)
{
	const struct tidal_policy_ops *policies[] = { tidal_policy_cost(), tidal_policy_page(),
						      tidal_policy_vcpu() };

	print_message("%s: no access takes longer than %llu us, %llu us where hosts tell\n",
		      race->name, (unsigned long long)(race->bound / RACE_US),
		      (unsigned long long)(bound_of(race, true) / RACE_US));
	for (unsigned p = 0; p < 3; p++)
		for (unsigned tells = 0; tells < 2; tells++) {
			struct runner sum = { 0 };

			for (uint64_t seed = 1; seed <= SEEDS; seed++)
				run_one(race, policies[p], tells, seed, &sum);
			print_message("  %-4s %-17s worst %8llu ns, mean %7llu ns, %llu accesses\n",
				      policies[p]->name, tells ? "tells retired:" : "can't tell:",
				      (unsigned long long)sum.worst,
				      (unsigned long long)(sum.sum / sum.accesses),
				      (unsigned long long)sum.accesses);
		}
}
