/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The scheduler against a plain model of what sched.h says: no trees in order, no lists, no
 * counts; everything is found by looking at everything. Random topologies and operations.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/sched.h"
#include "core/topology.h"

#define VCPUS 40
#define THREADS 24
#define OBJECTS 96
#define SLICE 100000u
#define OPERATIONS 200000u
#define WORLDS 40u

enum place { NOWHERE, READY, RUNNING, WAITING };

struct model_vcpu {
	enum place place;
	bool known, early, asked;
	unsigned thread; /* home */
	unsigned priority, passes;
	enum sched_wait kind;
	uint64_t value, order;
	tidal_time at, left, since;
};

struct model {
	struct tidal_topo_object object[OBJECTS];
	unsigned objects, threads;
	unsigned object_of[THREADS];
	struct model_vcpu vcpu[VCPUS];
	bool paused;
	uint64_t order;
};

static uint64_t seed;

static unsigned rnd(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

static bool below(const struct model *m, unsigned object, unsigned top)
{
	while (object != top && object != 0)
		object = m->object[object].parent;
	return object == top;
}

static struct model_vcpu *on_thread(struct model *m, unsigned thread)
{
	for (unsigned v = 0; v < VCPUS; v++)
		if (m->vcpu[v].place == RUNNING && m->vcpu[v].thread == thread)
			return &m->vcpu[v];
	return NULL;
}

static bool has_free(struct model *m, unsigned top)
{
	for (unsigned t = 0; t < m->threads; t++)
		if (below(m, m->object_of[t], top) && !on_thread(m, t))
			return true;
	return false;
}

static unsigned threads_below(const struct model *m, unsigned top)
{
	unsigned n = 0;

	for (unsigned t = 0; t < m->threads; t++)
		n += below(m, m->object_of[t], top);
	return n;
}

static double load_of(const struct model *m, unsigned top)
{
	unsigned busy = 0;

	for (unsigned v = 0; v < VCPUS; v++)
		busy += (m->vcpu[v].place == READY || m->vcpu[v].place == RUNNING) &&
			below(m, m->object_of[m->vcpu[v].thread], top);
	return (double)busy / threads_below(m, top);
}

static unsigned thread_of(const struct model *m, unsigned object)
{
	unsigned t = 0;

	while (m->object_of[t] != object)
		t++;
	return t;
}

static unsigned least_loaded(struct model *m, unsigned top, bool want_free)
{
	while (m->object[top].kind != TIDAL_TOPO_THREAD) {
		unsigned best = 0;

		for (unsigned i = 1; i < m->objects; i++) {
			if (m->object[i].parent != top || !threads_below(m, i) ||
			    (want_free && !has_free(m, i)))
				continue;
			if (!best || load_of(m, i) < load_of(m, best) - 1e-9)
				best = i;
		}
		top = best;
	}
	return thread_of(m, top);
}

static unsigned nearest_free(struct model *m, unsigned thread)
{
	unsigned top = m->object_of[thread];

	while (!has_free(m, top))
		top = m->object[top].parent;
	return least_loaded(m, top, true);
}

static unsigned distance(const struct model *m, unsigned from, unsigned to)
{
	unsigned top = m->object_of[from], n = 0;

	for (; !below(m, m->object_of[to], top); n++)
		top = m->object[top].parent;
	return n;
}

static bool is_head(const struct model *m, unsigned v)
{
	for (unsigned o = 0; o < VCPUS; o++)
		if (m->vcpu[o].place == READY && m->vcpu[o].thread == m->vcpu[v].thread &&
		    m->vcpu[o].order < m->vcpu[v].order)
			return false;
	return m->vcpu[v].place == READY;
}

/* Is a the better choice for the thread (-1: for none in particular)? */
static bool before(const struct model *m, tidal_time now, int thread, unsigned a, unsigned b)
{
	unsigned v[2] = { a, b };
	long long cost[2];

	for (int i = 0; i < 2; i++) {
		const struct model_vcpu *e = &m->vcpu[v[i]];
		bool warm = e->early && now - e->left < SCHED_WARM_NS;

		cost[i] = -(long long)(now - e->at);
		if (warm && thread >= 0)
			cost[i] += (long long)SCHED_LEVEL_NS *
				   distance(m, (unsigned)thread, e->thread);
	}
	if ((m->vcpu[a].passes == SCHED_PASSES) != (m->vcpu[b].passes == SCHED_PASSES))
		return m->vcpu[a].passes == SCHED_PASSES;
	if (m->vcpu[a].passes < SCHED_PASSES) {
		if (m->vcpu[a].priority != m->vcpu[b].priority)
			return m->vcpu[a].priority < m->vcpu[b].priority;
		if (cost[0] != cost[1])
			return cost[0] < cost[1];
	}
	return m->vcpu[a].order < m->vcpu[b].order;
}

static unsigned model_pick(const struct model *m, tidal_time now, int thread)
{
	unsigned best = VCPUS;

	for (unsigned v = 0; v < VCPUS; v++)
		if (is_head(m, v) && (best == VCPUS || before(m, now, thread, v, best)))
			best = v;
	return best;
}

static unsigned count_in(const struct model *m, enum place place)
{
	unsigned n = 0;

	for (unsigned v = 0; v < VCPUS; v++)
		n += m->vcpu[v].place == place;
	return n;
}

static bool model_next(struct model *m, tidal_time now, unsigned *v, unsigned *thread)
{
	struct model_vcpu *e;

	if (m->paused || count_in(m, READY) == 0 || !has_free(m, 0))
		return false;
	*v = model_pick(m, now, -1);
	*thread = nearest_free(m, m->vcpu[*v].thread);
	*v = model_pick(m, now, (int)*thread);
	*thread = nearest_free(m, m->vcpu[*v].thread);
	e = &m->vcpu[*v];
	for (unsigned o = 0; o < VCPUS; o++)
		if (o != *v && is_head(m, o) && m->vcpu[o].order < e->order)
			m->vcpu[o].passes++;
	e->place = RUNNING;
	e->thread = *thread;
	e->at = now;
	e->asked = false;
	e->order = ++m->order;
	return true;
}

static struct model_vcpu *next_to_stop(struct model *m)
{
	struct model_vcpu *first = NULL;
	unsigned asked = 0;

	for (unsigned v = 0; v < VCPUS; v++) {
		struct model_vcpu *e = &m->vcpu[v];

		asked += e->place == RUNNING && e->asked;
		if (e->place == RUNNING && !e->asked && (!first || e->order < first->order))
			first = e;
	}
	if (m->paused || count_in(m, READY) <= m->threads - count_in(m, RUNNING) + asked)
		return NULL;
	return first;
}

static unsigned model_waiting(const struct model *m, enum sched_wait kind, uint64_t value,
			      uint64_t after)
{
	unsigned best = VCPUS;

	for (unsigned v = 0; v < VCPUS; v++) {
		const struct model_vcpu *e = &m->vcpu[v];

		if (e->place == WAITING && e->kind == kind && e->value == value &&
		    e->order > after && (best == VCPUS || e->order < m->vcpu[best].order))
			best = v;
	}
	return best;
}

/* One random operation on both, with the same answers. */
static void step(struct model *m, struct sched *s, tidal_time now)
{
	unsigned v = rnd(VCPUS), x;
	struct model_vcpu *e = &m->vcpu[v];
	enum sched_wait kind = (enum sched_wait)(1 + rnd(3));
	uint64_t value = rnd(6);
	tidal_vcpuid got = TIDAL_VCPU_NONE;
	uint16_t thread = SCHED_HT_NONE;

	switch (rnd(16)) {
	case 0: case 1: case 2: case 3:
		if (e->place != NOWHERE)
			break;
		if (!e->known) {
			e->thread = least_loaded(m, 0, false);
			e->since = now;
			e->known = true;
		}
		e->place = READY;
		e->passes = 0;
		e->order = ++m->order;
		e->at = now;
		e->priority = rnd(8) ? 0 : rnd(3);
		sched_ready(s, now, (tidal_vcpuid)v, (uint8_t)e->priority);
		break;
	case 4: case 5: case 6: {
		unsigned mv, mt;
		bool any = model_next(m, now, &mv, &mt);

		assert_int_equal(sched_next(s, now, &got, &thread), any);
		if (any) {
			assert_int_equal(got, mv);
			assert_int_equal(thread, mt);
		}
		break;
	}
	case 7: case 8: case 9:
		if (e->place != RUNNING)
			break;
		sched_stopped(s, now, (tidal_vcpuid)v);
		e->place = NOWHERE;
		e->early = now - e->at < SLICE;
		e->left = now;
		break;
	case 10: case 11:
		if (e->place != NOWHERE)
			break;
		sched_wait(s, (tidal_vcpuid)v, kind, value);
		e->place = WAITING;
		e->kind = kind;
		e->value = value;
		e->order = ++m->order;
		break;
	case 12:
		x = model_waiting(m, kind, value, 0);
		assert_int_equal(sched_waiting(s, kind, value), x < VCPUS ? x : TIDAL_VCPU_NONE);
		assert_int_equal(sched_take(s, kind, value), x < VCPUS ? x : TIDAL_VCPU_NONE);
		if (x < VCPUS)
			m->vcpu[x].place = NOWHERE;
		break;
	case 13: {
		struct model_vcpu *stop = next_to_stop(m);
		bool due = stop && now >= stop->at + SLICE;

		assert_true(sched_deadline(s) == (stop ? stop->at + SLICE : TIDAL_NEVER));
		got = sched_preempt(s, now);
		assert_int_equal(got, due ? stop - m->vcpu : TIDAL_VCPU_NONE);
		if (due)
			stop->asked = true;
		break;
	}
	case 14:
		if (e->place == RUNNING)
			break;
		sched_forget(s, (tidal_vcpuid)v);
		memset(e, 0, sizeof(*e));
		break;
	default:
		m->paused = rnd(8) == 0;
		sched_pause(s, m->paused);
	}
}

static void compare(struct model *m, const struct sched *s, tidal_time now)
{
	unsigned v = rnd(VCPUS), t = rnd(m->threads), x;
	const struct model_vcpu *e = &m->vcpu[v];
	uint16_t thread = SCHED_HT_NONE;
	const char *why = "";

	if (!sched_check(s, &why))
		fail_msg("%s", why);
	x = model_pick(m, now, (int)t);
	assert_int_equal(sched_pick(s, now, (uint16_t)t), x < VCPUS ? x : TIDAL_VCPU_NONE);
	assert_int_equal(sched_load(s), (count_in(m, READY) + count_in(m, RUNNING)) * 16 / m->threads);
	assert_int_equal(sched_running(s, (tidal_vcpuid)v, &thread), e->place == RUNNING);
	if (e->place == RUNNING)
		assert_int_equal(thread, e->thread);
	assert_int_equal(sched_warmth(s, now, (tidal_vcpuid)v),
			 !e->known ? 0
				   : now - e->since >= 1000000 ? 256 : (now - e->since) * 256 / 1000000);
	if (e->place == WAITING) {
		x = model_waiting(m, e->kind, e->value, e->order);
		assert_int_equal(sched_waiting_next(s, (tidal_vcpuid)v),
				 x < VCPUS ? x : TIDAL_VCPU_NONE);
	}
	for (v = 0; v < VCPUS; v++)
		assert_true(m->vcpu[v].passes <= SCHED_PASSES);
}

/* A random tree: levels may be left out, children of one parent may lie far apart. */
static void grow(struct model *m)
{
	unsigned inner = 1 + rnd(20), threads = 1 + rnd(THREADS);

	memset(m, 0, sizeof(*m));
	m->object[m->objects++].kind = TIDAL_TOPO_NODE;
	while (m->objects < inner) {
		unsigned parent = rnd(m->objects);
		unsigned kind = m->object[parent].kind + 1u + rnd(2);

		if (kind >= TIDAL_TOPO_THREAD)
			continue;
		m->object[m->objects].kind = (uint16_t)kind;
		m->object[m->objects++].parent = (uint16_t)parent;
	}
	while (m->threads < threads) {
		m->object_of[m->threads++] = m->objects;
		m->object[m->objects].kind = TIDAL_TOPO_THREAD;
		m->object[m->objects++].parent = (uint16_t)rnd(inner);
	}
}

static void test_does_what_the_model_does(void **state)
{
	unsigned long assigned = 0;

	(void)state;
	for (unsigned world = 0; world < WORLDS; world++) {
		static struct model m;
		struct tidal_topology topology = { m.object, 0 };
		struct arena a = { 0 };
		struct sched *s;
		tidal_time now = 0;
		const char *why = "";
		void *mem;

		seed = world + 1;
		grow(&m);
		topology.count = m.objects;
		assert_int_equal(topology_check(&topology, &why), 0);
		sched_init(&a, &topology, VCPUS, SLICE);
		mem = calloc(1, a.used);
		a = (struct arena){ .base = mem };
		s = sched_init(&a, &topology, VCPUS, SLICE);
		for (unsigned i = 0; i < OPERATIONS / WORLDS; i++) {
			now += rnd(3) ? rnd(20000) : 0;
			step(&m, s, now);
			compare(&m, s, now);
		}
		assigned += m.order;
		free(mem);
	}
	print_message("%u operations in %u worlds, %lu changes of place\n", OPERATIONS, WORLDS,
		      assigned);
	assert_true(assigned > OPERATIONS / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_does_what_the_model_does),
	};

	return cmocka_run_group_tests_name("sched-model", tests, NULL, NULL);
}
