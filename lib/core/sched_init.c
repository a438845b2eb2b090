/* SPDX-License-Identifier: BSD-3-Clause */
/* The scheduler's tree, built from a topology. */
#include "assert.h"
#include "sched_impl.h"

static const struct tidal_topo_object one_thread[] = {
	{ .kind = TIDAL_TOPO_NODE, .parent = 0 },
	{ .kind = TIDAL_TOPO_SOCKET, .parent = 0 },
	{ .kind = TIDAL_TOPO_CORE, .parent = 1 },
	{ .kind = TIDAL_TOPO_THREAD, .parent = 2 },
};
static const struct tidal_topology smallest = { one_thread, 4 };

static uint32_t threads_of(const struct tidal_topology *t)
{
	uint32_t threads = 0;

	for (uint32_t i = 0; i < t->count; i++)
		threads += t->objects[i].kind == TIDAL_TOPO_THREAD;
	return threads;
}

/*
 * Put the objects into depth-first order: an object's place is right behind its parent and the
 * subtrees of its elder siblings. Parents come before their children in the topology,
 * so one pass backwards adds up the sizes of subtrees, and one forwards deals out the places.
 */
static void plant(struct sched *s, const struct tidal_topology *t)
{
	uint16_t size[TIDAL_TOPO_MAX], place[TIDAL_TOPO_MAX], next[TIDAL_TOPO_MAX];
	uint16_t threads = 0;

	for (uint32_t i = 0; i < t->count; i++)
		size[i] = 1;
	for (uint32_t i = t->count - 1; i > 0; i--)
		size[t->objects[i].parent] = (uint16_t)(size[t->objects[i].parent] + size[i]);
	for (uint32_t i = 0; i < t->count; i++) {
		uint16_t parent = t->objects[i].parent;
		struct sched_object *o;

		place[i] = i ? next[parent] : 0;
		if (i)
			next[parent] = (uint16_t)(next[parent] + size[i]);
		next[i] = place[i] + 1;
		o = sched_object(s, place[i]);
		o->parent = place[parent];
		o->end = (uint16_t)(place[i] + size[i]);
		o->hthread = SCHED_HT_NONE;
		if (t->objects[i].kind == TIDAL_TOPO_THREAD) {
			((uint16_t *)REL(s, leaf))[threads] = place[i];
			o->hthread = threads++;
			o->threads = o->free = 1;
		}
	}
	for (uint16_t i = s->objects - 1; i > 0; i--) {
		struct sched_object *o = sched_object(s, i), *up = sched_object(s, o->parent);

		up->threads = (uint16_t)(up->threads + o->threads);
		up->free = up->threads;
	}
}

struct sched *sched_init(struct arena *a, const struct tidal_topology *topology,
			 uint32_t vcpus_max, tidal_time slice_ns)
{
	const struct tidal_topology *t = topology ? topology : &smallest;
	uint32_t buckets = 1;

	while (buckets < vcpus_max)
		buckets *= 2;
	struct sched *s = arena_take(a, sizeof(*s), _Alignof(struct sched));
	struct sched_vcpu *vcpu = arena_take(a, vcpus_max * sizeof(*vcpu), 64);
	struct sched_object *object = arena_take(a, t->count * sizeof(*object), 64);
	uint16_t *leaf = arena_take(a, threads_of(t) * sizeof(*leaf), _Alignof(uint16_t));
	struct sched_list *bucket = arena_take(a, buckets * sizeof(*bucket), 64);

	if (!s)
		return NULL;
	ASSERT(vcpus_max > 0 && vcpus_max <= TIDAL_VCPUS_MAX && t->count <= TIDAL_TOPO_MAX);
	s->slice = slice_ns;
	s->vcpus = vcpus_max;
	s->buckets = buckets;
	s->objects = (uint16_t)t->count;
	s->vcpu = rel_to(s, vcpu);
	s->object = rel_to(s, object);
	s->leaf = rel_to(s, leaf);
	s->bucket = rel_to(s, bucket);
	plant(s, t);
	return s;
}
