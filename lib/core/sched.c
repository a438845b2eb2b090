/* SPDX-License-Identifier: BSD-3-Clause */
/* The scheduler: queues, the search of a free hyperthread, time slices. */
#include "assert.h"
#include "bits.h"
#include "sched_impl.h"

/* Lists. */

void sched_append(struct sched *s, struct sched_list *list, tidal_vcpuid v)
{
	struct sched_vcpu *e = sched_vcpu(s, v);

	e->prev = list->last;
	e->next = 0;
	if (list->last)
		sched_vcpu(s, list->last - 1)->next = v + 1;
	else
		list->first = v + 1;
	list->last = v + 1;
}

void sched_unlink(struct sched *s, struct sched_list *list, tidal_vcpuid v)
{
	struct sched_vcpu *e = sched_vcpu(s, v);

	if (e->prev)
		sched_vcpu(s, e->prev - 1)->next = e->next;
	else
		list->first = e->next;
	if (e->next)
		sched_vcpu(s, e->next - 1)->prev = e->prev;
	else
		list->last = e->prev;
	e->prev = e->next = 0;
}

struct sched_vcpu *sched_enter(struct sched *s, tidal_vcpuid v)
{
	struct sched_vcpu *e;

	ASSERT(v < s->vcpus);
	e = sched_vcpu(s, v);
	ASSERT(e->place == SCHED_NOWHERE);
	if (s->seen <= v)
		s->seen = v + 1u;
	return e;
}

/* The tree. */

/* A leaf has *ready* more queued vCPUs, and *free* more free threads, than before. */
static void count(struct sched *s, uint16_t leaf, int ready, int free)
{
	uint16_t i = leaf;

	for (;;) {
		struct sched_object *o = sched_object(s, i);

		o->ready = (uint16_t)(o->ready + ready);
		o->free = (uint16_t)(o->free + free);
		if (i == 0)
			return;
		i = o->parent;
	}
}

/* Has *a* less to do per thread than *b*? */
static bool less_loaded(const struct sched_object *a, const struct sched_object *b)
{
	uint32_t busy_a = a->ready + a->threads - a->free;
	uint32_t busy_b = b->ready + b->threads - b->free;

	return busy_a * b->threads < busy_b * a->threads;
}

/* From an object down to a leaf, by the least loaded child; *want_free*: to a free leaf, of which
 * there must be one. */
static uint16_t descend(const struct sched *s, uint16_t top, bool want_free)
{
	uint16_t at = top;

	while (sched_object(s, at)->hthread == SCHED_HT_NONE) {
		uint16_t end = sched_object(s, at)->end, best = SCHED_OBJECT_NONE;

		for (uint16_t c = at + 1; c < end; c = sched_object(s, c)->end) {
			const struct sched_object *o = sched_object(s, c);

			if (want_free ? !o->free : !o->threads)
				continue;
			if (best == SCHED_OBJECT_NONE || less_loaded(o, sched_object(s, best)))
				best = c;
		}
		ASSERT(best != SCHED_OBJECT_NONE);
		at = best;
	}
	return at;
}

/* The free leaf that is nearest to a leaf. There must be one. */
static uint16_t nearest_free(const struct sched *s, uint16_t leaf)
{
	uint16_t at = leaf;

	while (!sched_object(s, at)->free)
		at = sched_object(s, at)->parent;
	return descend(s, at, true);
}

/* The search. */

struct candidate {
	uint16_t link; /* vCPU + 1; 0: none yet */
	bool overdue;
	uint8_t priority;
	int64_t cost;
	uint64_t order;
};

static bool better(const struct candidate *a, const struct candidate *b)
{
	if (!b->link)
		return true;
	if (a->overdue != b->overdue)
		return a->overdue;
	if (!a->overdue && a->priority != b->priority)
		return a->priority < b->priority;
	if (!a->overdue && a->cost != b->cost)
		return a->cost < b->cost;
	return a->order < b->order;
}

static void consider(const struct sched *s, tidal_time now, uint16_t link, unsigned distance,
		     struct candidate *best)
{
	const struct sched_vcpu *e = sched_vcpu(s, link - 1);
	bool warm = e->early && now - e->left < SCHED_WARM_NS;
	struct candidate c = {
		.link = link,
		.overdue = e->passes >= SCHED_PASSES,
		.priority = e->priority,
		.cost = (warm ? (int64_t)distance * SCHED_LEVEL_NS : 0) - (int64_t)(now - e->at),
		.order = e->order,
	};

	if (better(&c, best))
		*best = c;
}

/* Consider the heads of all queues below *top* that are not below *skip*. */
static void look_below(const struct sched *s, tidal_time now, uint16_t top, uint16_t skip,
		       unsigned distance, struct candidate *best)
{
	uint16_t end = sched_object(s, top)->end, i = top;

	while (i < end) {
		const struct sched_object *o = sched_object(s, i);

		if (i == skip || !o->ready) {
			i = o->end;
			continue;
		}
		if (o->queue.first)
			consider(s, now, o->queue.first, distance, best);
		i++;
	}
}

static struct candidate search_from(const struct sched *s, tidal_time now, uint16_t leaf)
{
	struct candidate best = { 0 };
	uint16_t at = leaf, skip = SCHED_OBJECT_NONE;

	for (unsigned distance = 0;; distance++) {
		look_below(s, now, at, skip, distance, &best);
		if (at == 0)
			return best;
		skip = at;
		at = sched_object(s, at)->parent;
	}
}

tidal_vcpuid sched_pick(const struct sched *s, tidal_time now, uint16_t hthread)
{
	struct candidate best;

	ASSERT(hthread < sched_object(s, 0)->threads);
	best = search_from(s, now, sched_leaf(s, hthread));
	return best.link ? best.link - 1 : TIDAL_VCPU_NONE;
}

/* One that was readied at *order* has been chosen: count it for the heads that came earlier. */
static void pass_over(struct sched *s, uint64_t order)
{
	uint16_t i = 0;

	while (i < s->objects) {
		const struct sched_object *o = sched_object(s, i);

		if (!o->ready) {
			i = o->end;
			continue;
		}
		if (o->queue.first) {
			struct sched_vcpu *e = sched_vcpu(s, o->queue.first - 1);

			if (e->order < order)
				e->passes++;
		}
		i++;
	}
}

static void run(struct sched *s, tidal_time now, tidal_vcpuid v, uint16_t leaf)
{
	struct sched_vcpu *e = sched_vcpu(s, v);

	sched_unlink(s, &sched_object(s, e->home)->queue, v);
	count(s, e->home, -1, 0);
	if (sched_object(s, 0)->ready)
		pass_over(s, e->order);
	e->place = SCHED_RUNNING;
	e->priority = e->passes = 0;
	e->home = leaf;
	e->order = ++s->order;
	e->at = now;
	e->asked = 0;
	sched_append(s, &s->running, v);
	sched_object(s, leaf)->runs = v + 1;
	count(s, leaf, 0, -1);
}

/* If only one vCPU is ready, there is nothing to search; it is most often the one readied last. */
static bool is_only_one(const struct sched *s)
{
	return sched_object(s, 0)->ready == 1 &&
	       sched_vcpu(s, s->readied - 1)->place == SCHED_READY;
}

/* The vCPU to run next, and on which leaf. One must be ready, and a leaf free. */
static tidal_vcpuid choose(const struct sched *s, tidal_time now, uint16_t *leaf)
{
	struct candidate longest = { 0 }, best;

	if (is_only_one(s)) {
		*leaf = nearest_free(s, sched_vcpu(s, s->readied - 1)->home);
		return s->readied - 1;
	}
	/* At distance 0 for all, the best is the longest waiting. */
	look_below(s, now, 0, SCHED_OBJECT_NONE, 0, &longest);
	*leaf = nearest_free(s, sched_vcpu(s, longest.link - 1)->home);
	best = search_from(s, now, *leaf);
	if (best.link != longest.link)
		*leaf = nearest_free(s, sched_vcpu(s, best.link - 1)->home);
	return best.link - 1;
}

bool sched_next(struct sched *s, tidal_time now, tidal_vcpuid *v, uint16_t *hthread)
{
	const struct sched_object *node = sched_object(s, 0);
	uint16_t leaf;

	if (s->paused || !node->free || !node->ready)
		return false;
	*v = choose(s, now, &leaf);
	*hthread = sched_object(s, leaf)->hthread;
	run(s, now, *v, leaf);
	return true;
}

/* Coming and going. */

void sched_ready(struct sched *s, tidal_time now, tidal_vcpuid v, uint8_t priority)
{
	struct sched_vcpu *e = sched_enter(s, v);

	if (!e->home) {
		e->home = descend(s, 0, false);
		e->since = now;
	}
	e->place = SCHED_READY;
	s->readied = v + 1;
	e->priority = priority;
	e->passes = 0;
	e->order = ++s->order;
	e->at = now;
	sched_append(s, &sched_object(s, e->home)->queue, v);
	count(s, e->home, 1, 0);
}

void sched_stopped(struct sched *s, tidal_time now, tidal_vcpuid v)
{
	struct sched_vcpu *e = sched_vcpu(s, v);

	ASSERT(v < s->vcpus && e->place == SCHED_RUNNING);
	if (e->asked)
		s->asked--;
	else
		sched_unlink(s, &s->running, v);
	sched_object(s, e->home)->runs = 0;
	count(s, e->home, 0, 1);
	e->place = SCHED_NOWHERE;
	e->asked = 0;
	e->early = now - e->at < s->slice;
	e->left = now;
}

void sched_forget(struct sched *s, tidal_vcpuid v)
{
	struct sched_vcpu *e = sched_vcpu(s, v);

	ASSERT(v < s->vcpus && e->place != SCHED_RUNNING);
	if (e->place == SCHED_READY) {
		sched_unlink(s, &sched_object(s, e->home)->queue, v);
		count(s, e->home, -1, 0);
	} else if (e->place == SCHED_WAITING) {
		sched_unlink(s, sched_bucket(s, e->kind, e->value), v);
	}
	memset(e, 0, sizeof(*e));
}

/* Time slices. */

/* Does somebody wait for whom no thread is free or will be soon? */
static bool crowded(const struct sched *s)
{
	const struct sched_object *node = sched_object(s, 0);

	return !s->paused && node->ready > node->free + s->asked;
}

tidal_time sched_deadline(const struct sched *s)
{
	tidal_time start;

	if (!crowded(s) || !s->running.first)
		return TIDAL_NEVER;
	start = sched_vcpu(s, s->running.first - 1)->at;
	return start < TIDAL_NEVER - s->slice ? start + s->slice : TIDAL_NEVER;
}

tidal_vcpuid sched_preempt(struct sched *s, tidal_time now)
{
	tidal_time due = sched_deadline(s);
	tidal_vcpuid v;

	if (due == TIDAL_NEVER || now < due)
		return TIDAL_VCPU_NONE;
	v = s->running.first - 1;
	sched_unlink(s, &s->running, v);
	sched_vcpu(s, v)->asked = 1;
	s->asked++;
	return v;
}

void sched_pause(struct sched *s, bool paused)
{
	s->paused = paused;
}

/* Questions. */

uint32_t sched_load(const struct sched *s)
{
	const struct sched_object *node = sched_object(s, 0);

	return (uint32_t)(node->ready + node->threads - node->free) * 16 / node->threads;
}

bool sched_running(const struct sched *s, tidal_vcpuid v, uint16_t *hthread)
{
	const struct sched_vcpu *e = sched_vcpu(s, v);

	if (v >= s->vcpus || e->place != SCHED_RUNNING)
		return false;
	if (hthread)
		*hthread = sched_object(s, e->home)->hthread;
	return true;
}

uint32_t sched_warmth(const struct sched *s, tidal_time now, tidal_vcpuid v)
{
	const struct sched_vcpu *e = sched_vcpu(s, v);
	tidal_time here;

	if (v >= s->vcpus || !e->home)
		return 0;
	here = now - e->since;
	return here < SCHED_WARM_NS ? (uint32_t)(here * 256 / SCHED_WARM_NS) : 256;
}
