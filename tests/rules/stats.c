/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stats - what cores count is what happened: events pushed, actions carried out and messages sent are
 * counted from outside, over pods of each policy, and compared with tidal_core_stats(). Broken: each
 * counter, by leaving the line out that counts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <tidal/core.h>

#include "core/wire.h"
#include "../sim/world.h"

#define NODES 4
#define VCPUS 8
#define STEPS 400

struct seen {
	uint64_t stalls[TIDAL_IO + 1], vmm;
	uint64_t sent[MSG_MAX], came[MSG_MAX];
	uint64_t own_requests, again, send_vcpu, zero_own, hops_max;
	uint64_t runs, stops, zero_late, zeroed, skips, bytes, found_zero, unmaps, maps_of_zeroes;
};

struct counted {
	struct seen node[NODES];
	const struct tidal_policy_ops *policy;
	uint64_t asked, vcpu; /* what the policy was asked, and said "the vCPU" to */
	uint64_t seed, pages, pieces; /* of the map, told before anybody looks */
};

/* The same for the same step: a program is asked again after a stall. */
static uint64_t mixed(uint64_t a, uint64_t b)
{
	uint64_t x = a * 0x9e3779b97f4a7c15u + b;

	x = (x ^ (x >> 31)) * 0xbf58476d1ce4e5b9u;
	return x ^ (x >> 29);
}

static bool program(struct world *w, tidal_vcpuid v, uint64_t step, struct world_op *op, void *arg)
{
	static const uint8_t access[] = { TIDAL_READ, TIDAL_READ, TIDAL_WRITE, TIDAL_WRITE,
					  TIDAL_ZERO, TIDAL_IO };
	struct counted *c = arg;
	uint64_t random = mixed(mixed(c->seed, v), step), kind = random % 60;

	(void)w;
	op->access = access[kind < 50 ? kind % 4 : kind < 58 ? 4 : 5];
	op->gfn = (random >> 20) % c->pages * (1 + v % 2 * 3);
	return step < STEPS;
}

static void note_sent(struct seen *s, struct seen *to, const struct wire *m, unsigned from)
{
	s->sent[m->kind]++;
	to->came[m->kind]++;
	switch (m->kind) {
	case MSG_REQUEST:
		s->own_requests += m->u.request.node == from;
		break;
	case MSG_REFUSE:
		s->send_vcpu += m->u.refuse.reason == REFUSE_SEND_VCPU ||
				m->u.refuse.reason == REFUSE_PINNED;
		to->again += m->u.refuse.reason == REFUSE_AGAIN;
		to->hops_max = m->u.refuse.hops > to->hops_max ? m->u.refuse.hops : to->hops_max;
		break;
	case MSG_OWN:
		to->hops_max = m->u.own.hops > to->hops_max ? m->u.own.hops : to->hops_max;
		break;
	case MSG_COPY:
		to->hops_max = m->u.copy.hops > to->hops_max ? m->u.copy.hops : to->hops_max;
		break;
	case MSG_EXTENT:
		to->hops_max = m->u.extent.hops > to->hops_max ? m->u.extent.hops : to->hops_max;
		break;
	default:
		break;
	}
}

static enum world_fate judge(const struct world_packet *p, void *arg)
{
	struct counted *c = arg;

	note_sent(&c->node[p->from], &c->node[p->to], p->message, p->from);
	return WORLD_PASS;
}

static void acted(struct world *w, unsigned node, const struct tidal_action *a, void *arg)
{
	struct seen *s = &((struct counted *)arg)->node[node];

	(void)w;
	s->stops += a->kind == TIDAL_ACT_STOP;
	s->unmaps += a->kind == TIDAL_ACT_UNMAP;
	if (a->kind == TIDAL_ACT_RUN) {
		s->runs++;
		s->skips += a->u.vcpu.resume == TIDAL_RESUME_SKIP;
	} else if (a->kind == TIDAL_ACT_SEND) {
		s->bytes += a->u.send.len + a->u.send.payload_len;
	} else if (a->kind == TIDAL_ACT_MAP) {
		s->maps_of_zeroes += a->u.pages.frame == TIDAL_FRAME_ZERO;
	} else if (a->kind == TIDAL_ACT_ZERO) {
		s->zero_late += a->u.frame.token >> 56 == 1; /* for a page */
	}
}

/* ---- a policy that counts, and asks another one ---- */

static enum tidal_choice noted(const struct counted *told, enum tidal_choice choice)
{
	struct counted *c = (struct counted *)(uintptr_t)told;

	c->asked++;
	c->vcpu += choice == TIDAL_CHOOSE_VCPU;
	return choice;
}

static enum tidal_choice request(const struct tidal_factors *f, const void *weights)
{
	const struct counted *c = weights;

	return noted(c, c->policy->request(f, NULL));
}

static enum tidal_choice answer(const struct tidal_factors *f, const void *weights)
{
	const struct counted *c = weights;

	return noted(c, c->policy->answer(f, NULL));
}

static enum tidal_full_choice full(const struct tidal_full_factors *f, const void *weights)
{
	return ((const struct counted *)weights)->policy->full(f, NULL);
}

static const struct tidal_policy_ops counting = {
	sizeof(counting), "counting", request, answer, full,
};

static void tuned(struct tidal_params *p, void *arg)
{
	p->policy_data = arg;
	p->slice_ns = 500;
}

/* ---- pods ---- */

static void placed(struct tidal_vmap *map, void *arg)
{
	((struct counted *)arg)->pieces = map->memory_runs + map->vcpu_runs + map->devices;
}

static void pushed(struct world *w, unsigned node, const struct tidal_event *ev, int err, void *arg)
{
	struct seen *s = &((struct counted *)arg)->node[node];

	(void)w;
	if (err)
		return;
	if (ev->kind == TIDAL_EV_STALL && ev->u.stall.vcpu == TIDAL_VCPU_NONE)
		s->vmm++;
	else if (ev->kind == TIDAL_EV_STALL)
		s->stalls[ev->u.stall.access]++;
	else if (ev->kind == TIDAL_EV_HOST_DONE && ev->u.done.token >> 56 == 2)
		s->zeroed++;
	else if (ev->kind == TIDAL_EV_HOST_DONE && ev->u.done.token >> 56 == 1)
		s->found_zero += ev->u.done.zero;
}

#define SAME(name, value)                                                                     \
	do {                                                                                  \
		if (st.name != (value))                                                       \
			print_error("node %u: %s\n", n, #name);                               \
		assert_int_equal(st.name, value);                                             \
	} while (0)

static uint64_t sum(const uint64_t *kinds)
{
	uint64_t all = 0;

	for (unsigned i = 0; i < MSG_MAX; i++)
		all += kinds[i];
	return all;
}

static void check_node(const struct world *w, const struct counted *c, unsigned n)
{
	const struct seen *s = &c->node[n];
	struct tidal_stats st;
	uint64_t stalls;

	world_stats(w, n, &st);
	stalls = st.stalls_read + st.stalls_write + st.stalls_zero;
	SAME(stalls_read, s->stalls[TIDAL_READ] + s->stalls[TIDAL_EXEC]);
	SAME(stalls_write, s->stalls[TIDAL_WRITE]);
	SAME(stalls_zero, s->stalls[TIDAL_ZERO]);
	SAME(stalls_vmm, s->vmm);
	SAME(requests, s->own_requests);
	SAME(forwards, s->sent[MSG_REQUEST] - s->own_requests);
	SAME(refusals, s->sent[MSG_REFUSE]);
	SAME(refused_vcpu, s->send_vcpu);
	SAME(forward_max, s->hops_max);
	SAME(pages_out, s->sent[MSG_OWN] + s->sent[MSG_GIVE]);
	SAME(pages_in, s->came[MSG_OWN] + s->came[MSG_GIVE]);
	SAME(evictions, s->sent[MSG_GIVE]);
	SAME(copies_out, s->sent[MSG_COPY]);
	SAME(extents_out, s->sent[MSG_EXTENT]);
	SAME(extents_in, s->came[MSG_EXTENT]);
	SAME(invals_out, s->sent[MSG_INVALIDATE]);
	SAME(invals_in, s->came[MSG_INVALIDATE]);
	SAME(finds, s->sent[MSG_FIND] / (NODES - 1));
	SAME(vcpus_out, s->sent[MSG_VCPU]);
	SAME(vcpus_in, s->came[MSG_VCPU]);
	SAME(runs, s->runs);
	SAME(zeroed_late, s->zero_late);
	SAME(zeroed_idle, s->zeroed);
	SAME(retries, s->again);
	assert_true(st.preemptions <= s->stops); /* some stop to be moved */
	SAME(redormant, s->found_zero);
	SAME(bytes_out, s->bytes);
	SAME(resent, 0);
	SAME(duplicates, 0);
	/* at first the others say that they are there, and are told the map */
	SAME(messages_out, sum(s->sent) + (n == 0 ? (NODES - 1) * c->pieces : 1));
	SAME(messages_in, sum(s->came) + (n == 0 ? NODES - 1 : c->pieces));
	assert_true(st.copies_in <= s->came[MSG_COPY]);
	assert_true(st.zero_maps <= s->maps_of_zeroes);
	assert_true(st.conversions <= stalls);
	assert_true(st.dormant_in <= s->came[MSG_COPY] + s->came[MSG_OWN]);
	assert_true(st.out_page <= stalls);
	assert_true(st.out_local <= stalls);
	assert_true(st.drops <= s->unmaps);
	assert_true(st.out_vcpu <= st.vcpus_out);
}

/* Nothing is repeated on an ideal link; all messages have come when the pod is at rest. */
static void check_pod(unsigned policy, uint32_t frames, uint64_t pages, struct tidal_stats *all)
{
	const struct tidal_policy_ops *const policies[] = {
		tidal_policy_page(), tidal_policy_vcpu(), tidal_policy_cost(),
	};
	const struct world_hooks hooks = { .acted = acted, .pushed = pushed };
	struct counted c = { .policy = policies[policy], .seed = policy + frames, .pages = pages };
	const struct world_config config = {
		.nodes = NODES, .vcpus = VCPUS, .hthreads = 1, .pages = 4 * pages, .frames = frames,
		.delay_ns = 1000, .jitter_ns = 3000, .host_ns = 500, .policy = &counting, .tune = tuned,
		.spread = true, .ideal = true, .place = placed, .arg = &c,
		.hooks = &hooks, .hooks_arg = &c,
	};
	struct world *w = world_open(&config, program, &c);
	struct tidal_stats total;
	uint64_t skips = 0;

	world_filter(w, judge, &c);
	if (!world_run(w, UINT64_C(20000000000)))
		fail_msg("%s", world_violation(w));
	world_settle(w, 10000000);
	assert_true(world_check(w));
	for (unsigned n = 0; n < NODES; n++) {
		check_node(w, &c, n);
		skips += c.node[n].skips;
	}
	world_total(w, &total);
	assert_int_equal(total.decisions, c.asked);
	assert_int_equal(total.decided_vcpu, c.vcpu);
	assert_int_equal(total.full_waits > 0, frames < pages); /* somebody had to */
#define ADD(name, text) all->name += total.name;
	TIDAL_STATS(ADD)
#undef ADD
	assert_int_equal(total.skips, skips); /* perhaps carried out by another node */
	world_close(w);
}

/* All that can happen did, under one policy or another. */
static void check_all(const struct tidal_stats *all, bool are_full)
{
	assert_true(all->copies_in > 100 && all->zero_maps > 100 && all->conversions > 100);
	assert_true(all->dormant_in > 100 && all->out_page > 100 && all->out_local > 100);
	assert_true(all->out_vcpu > 0);
	assert_true(all->preemptions > 0);
	assert_true(all->redormant > 0);
	assert_int_equal(all->drops > 0, are_full);
}

static void test_counts_with_room(void **state)
{
	struct tidal_stats all = { 0 };

	(void)state;
	for (unsigned policy = 0; policy < 3; policy++)
		check_pod(policy, 400, 150, &all);
	check_all(&all, false);
}

static void test_counts_when_nodes_are_full(void **state)
{
	struct tidal_stats all = { 0 };

	(void)state;
	for (unsigned policy = 0; policy < 3; policy++)
		check_pod(policy, 48, 70, &all);
	check_all(&all, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts_with_room),
		cmocka_unit_test(test_counts_when_nodes_are_full),
	};

	return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
