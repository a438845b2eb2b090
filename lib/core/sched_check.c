/* SPDX-License-Identifier: BSD-3-Clause */
/* The scheduler's invariants, and its digest. */
#include "bits.h"
#include "sched_impl.h"

/* Give up with a text unless it holds. */
#define HOLDS(cond, text)        \
	do {                     \
		if (!(cond)) {   \
			*why = (text); \
			return false; \
		}                \
	} while (0)

/*
 * Walk a list: linked both ways, every member in *place*. *n* grows by its length, and a list
 * longer than the number of vCPUs is a loop.
 */
static bool list_sound(const struct sched *s, const struct sched_list *list, enum sched_place place,
		       uint32_t *n)
{
	uint16_t prev = 0;
	uint64_t order = 0;

	for (uint16_t link = list->first; link;) {
		const struct sched_vcpu *e;

		if (link > s->seen || ++*n > s->seen)
			return false;
		e = sched_vcpu(s, link - 1);
		if (e->place != place || e->prev != prev || e->order <= order)
			return false;
		order = e->order;
		prev = link;
		link = e->next;
	}
	return list->last == prev;
}

static bool check_queue(const struct sched *s, uint16_t i, const char **why)
{
	const struct sched_object *o = sched_object(s, i);
	uint32_t n = 0;

	HOLDS(list_sound(s, &o->queue, SCHED_READY, &n), "sched: a queue is damaged");
	HOLDS(n == 0 || o->hthread != SCHED_HT_NONE, "sched: a queue away from the leaves");
	for (uint16_t link = o->queue.first; link; link = sched_vcpu(s, link - 1)->next) {
		HOLDS(sched_vcpu(s, link - 1)->home == i, "sched: queued away from its home");
		HOLDS(sched_vcpu(s, link - 1)->passes <= SCHED_PASSES,
		      "sched: passed over too often");
	}
	HOLDS(o->hthread == SCHED_HT_NONE || o->ready == n, "sched: a leaf counts its queue wrong");
	return true;
}

static bool check_thread(const struct sched *s, uint16_t i, const char **why)
{
	const struct sched_object *o = sched_object(s, i);

	HOLDS(o->threads == 1 && sched_leaf(s, o->hthread) == i, "sched: a leaf has a wrong number");
	HOLDS(o->free == (o->runs == 0), "sched: a leaf is wrong about being free");
	if (!o->runs)
		return true;
	HOLDS(o->runs <= s->seen, "sched: a thread runs an unknown vCPU");
	HOLDS(sched_vcpu(s, o->runs - 1)->place == SCHED_RUNNING &&
		      sched_vcpu(s, o->runs - 1)->home == i,
	      "sched: a thread runs a vCPU that is elsewhere");
	return true;
}

/* What an inner object says about its subtree is the sum of what its children say. */
static bool check_sums(const struct sched *s, uint16_t i, const char **why)
{
	const struct sched_object *o = sched_object(s, i);
	uint32_t threads = 0, free = 0, ready = 0;

	for (uint16_t c = i + 1; c < o->end; c = sched_object(s, c)->end) {
		const struct sched_object *child = sched_object(s, c);

		HOLDS(child->parent == i && child->end > c && child->end <= o->end,
		      "sched: the tree is damaged");
		threads += child->threads;
		free += child->free;
		ready += child->ready;
	}
	HOLDS(o->threads == threads && o->free == free && o->ready == ready,
	      "sched: an object counts wrong what is below it");
	return true;
}

/* Together with the lists, whose members are all in the right place: each vCPU is in one at most. */
static bool check_counts(const struct sched *s, const char **why)
{
	const struct sched_object *node = sched_object(s, 0);
	uint32_t in[4] = { 0 }, unasked = 0, waiting = 0;
	const struct sched_list *bucket = REL(s, bucket);

	for (uint32_t v = 0; v < s->seen; v++) {
		const struct sched_vcpu *e = sched_vcpu(s, (tidal_vcpuid)v);

		HOLDS(e->place <= SCHED_WAITING, "sched: a vCPU in no known place");
		HOLDS(e->place != SCHED_RUNNING ||
			      (e->home < s->objects && sched_object(s, e->home)->runs == v + 1),
		      "sched: a running vCPU without a thread");
		HOLDS(e->place != SCHED_WAITING || e->kind != SCHED_WAIT_NONE,
		      "sched: a vCPU waits for nothing");
		in[e->place]++;
	}
	for (uint32_t b = 0; b < s->buckets; b++)
		HOLDS(list_sound(s, &bucket[b], SCHED_WAITING, &waiting),
		      "sched: the event table is damaged");
	HOLDS(list_sound(s, &s->running, SCHED_RUNNING, &unasked),
	      "sched: the list of running vCPUs is damaged");
	HOLDS(in[SCHED_READY] == node->ready, "sched: a ready vCPU is in no queue");
	HOLDS(in[SCHED_RUNNING] == (uint32_t)node->threads - node->free,
	      "sched: running vCPUs and busy threads differ");
	HOLDS(in[SCHED_RUNNING] == unasked + s->asked, "sched: a running vCPU got lost");
	HOLDS(in[SCHED_WAITING] == waiting, "sched: a waiting vCPU is not in the event table");
	return true;
}

bool sched_check(const struct sched *s, const char **why)
{
	for (uint16_t i = 0; i < s->objects; i++) {
		if (!check_queue(s, i, why))
			return false;
		if (sched_object(s, i)->hthread == SCHED_HT_NONE ? !check_sums(s, i, why)
								 : !check_thread(s, i, why))
			return false;
	}
	return check_counts(s, why);
}

/* Not the same both ways round, nor for neighbours: small numbers are folded into small ones. */
static uint64_t fold(uint64_t h, uint64_t x)
{
	return mix64(h * UINT64_C(0xd6e8feb86659fd93) ^ x);
}

/* How many vCPUs came before this one and are ready or running too, or wait for the same. The
 * order across queues matters: it breaks ties. */
static uint32_t rank(const struct sched *s, const struct sched_vcpu *e)
{
	uint32_t before = 0;

	for (uint32_t v = 0; v < s->seen; v++) {
		const struct sched_vcpu *o = sched_vcpu(s, (tidal_vcpuid)v);

		before += o->place == e->place && o->order < e->order && o->kind == e->kind &&
			  o->value == e->value;
	}
	return before;
}

uint64_t sched_digest(const struct sched *s, uint64_t h)
{
	h = fold(h, s->paused);
	for (uint32_t v = 0; v < s->seen; v++) {
		const struct sched_vcpu *e = sched_vcpu(s, (tidal_vcpuid)v);

		if (e->place == SCHED_NOWHERE && !e->home)
			continue;
		h = fold(h, (uint64_t)v << 32 | (uint32_t)e->home << 16 | e->place);
		h = fold(h, (uint32_t)e->priority << 24 | (uint32_t)e->passes << 16 |
				    (uint32_t)e->early << 8 | e->asked);
		if (e->place == SCHED_NOWHERE)
			continue;
		h = fold(h, rank(s, e));
		if (e->place == SCHED_WAITING)
			h = fold(fold(h, e->value), e->kind);
	}
	return h;
}
