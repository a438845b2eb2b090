/* SPDX-License-Identifier: BSD-3-Clause */
/* sched_check() notices: a scheduler with vCPUs in every place is spoilt in every way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/sched.h"
#include "core/sched_impl.h"

#define SLICE 1000
#define VCPUS 16
#define PAGE_OF_TWO 77 /* two wait for it */

/* Two sockets with a core of two threads each; objects in depth-first order. */
enum { NODE, SOCKET, CORE, LEAF, LEAF_2 };

struct patient {
	struct tidal_topo_object objects[TIDAL_TOPO_MAX];
	struct tidal_topology topology;
	struct sched *s;
	size_t bytes;
	void *healthy; /* its bytes */
};

static void cure(struct patient *p)
{
	const char *why = "nothing";

	memcpy(p->s, p->healthy, p->bytes);
	if (!sched_check(p->s, &why))
		fail_msg("healthy, but %s", why);
}

static void assert_noticed(struct patient *p, const char *text)
{
	const char *why = "nothing";

	if (sched_check(p->s, &why) || strcmp(why, text))
		fail_msg("\"%s\" was to be noticed, %s was", text, why);
	cure(p);
}

/* What is checked for, after a damage; then as before. */
#define SPOIL(text, damage)                                                                        \
	do {                                                                                       \
		damage;                                                                            \
		assert_noticed(p, text);                                                           \
	} while (0)

/* 0-3 run, 3 is asked to stop; 4-11 are ready; 12-14 wait; 15 was here and is nowhere. */
static void fill(struct sched *s)
{
	tidal_vcpuid v;
	uint16_t thread;

	for (v = 0; v < 12; v++)
		sched_ready(s, v, v, 0);
	for (tidal_time now = 20; sched_next(s, now, &v, &thread); now++)
		;
	assert_int_not_equal(sched_preempt(s, 21 + SLICE), TIDAL_VCPU_NONE);
	sched_wait(s, 12, SCHED_WAIT_PAGE, PAGE_OF_TWO);
	sched_wait(s, 13, SCHED_WAIT_PAGE, PAGE_OF_TWO);
	sched_wait(s, 14, SCHED_WAIT_IO, 1);
	sched_wait(s, 15, SCHED_WAIT_MOVE, 2);
	assert_int_equal(sched_take(s, SCHED_WAIT_MOVE, 2), 15);
}

static int open_patient(void **state)
{
	struct patient *p = calloc(1, sizeof(*p));
	struct arena a = { 0 };

	assert_int_equal(tidal_topology_regular(&p->topology, p->objects, TIDAL_TOPO_MAX, 2, 1, 2), 0);
	sched_init(&a, &p->topology, VCPUS, SLICE);
	p->bytes = a.used;
	a = (struct arena){ .base = calloc(1, p->bytes) };
	p->s = sched_init(&a, &p->topology, VCPUS, SLICE);
	assert_ptr_equal(p->s, a.base);
	fill(p->s);
	p->healthy = malloc(p->bytes);
	memcpy(p->healthy, p->s, p->bytes);
	cure(p);
	*state = p;
	return 0;
}

static int close_patient(void **state)
{
	struct patient *p = *state;

	free(p->s);
	free(p->healthy);
	free(p);
	return 0;
}

/* The first of a leaf's queue, which has two. */
static struct sched_vcpu *head_of(struct sched *s, uint16_t leaf)
{
	struct sched_list *queue = &sched_object(s, leaf)->queue;

	assert_int_not_equal(queue->first, queue->last);
	return sched_vcpu(s, queue->first - 1);
}

static void test_queues(void **state)
{
	struct patient *p = *state;
	struct sched *s = p->s;
	struct sched_object *leaf = sched_object(s, LEAF);
	struct sched_vcpu *head = head_of(s, LEAF);

	SPOIL("sched: a queue is damaged", leaf->queue.first = (uint16_t)(s->seen + 1));
	SPOIL("sched: a queue is damaged", head->next = leaf->queue.first);
	SPOIL("sched: a queue is damaged", head->place = SCHED_NOWHERE);
	SPOIL("sched: a queue is damaged", head->prev = 1);
	SPOIL("sched: a queue is damaged", sched_vcpu(s, head->next - 1)->order = head->order);
	SPOIL("sched: a queue is damaged", leaf->queue.last = leaf->queue.first);
	SPOIL("sched: a queue away from the leaves", sched_object(s, CORE)->queue = leaf->queue);
	SPOIL("sched: queued away from its home", head->home = LEAF_2);
	SPOIL("sched: passed over too often", head->passes = SCHED_PASSES + 1);
	SPOIL("sched: a leaf counts its queue wrong", leaf->ready--;
	      sched_object(s, CORE)->ready--; sched_object(s, SOCKET)->ready--;
	      sched_object(s, NODE)->ready--);
}

static void test_threads(void **state)
{
	struct patient *p = *state;
	struct sched *s = p->s;
	struct sched_object *leaf = sched_object(s, LEAF);
	struct sched_vcpu *runs = sched_vcpu(s, leaf->runs - 1);

	SPOIL("sched: a leaf has a wrong number", leaf->hthread++);
	SPOIL("sched: a leaf has a wrong number", leaf->threads++; sched_object(s, CORE)->threads++;
	      sched_object(s, SOCKET)->threads++; sched_object(s, NODE)->threads++);
	SPOIL("sched: a leaf is wrong about being free", leaf->runs = 0);
	SPOIL("sched: a thread runs an unknown vCPU", leaf->runs = (uint16_t)(s->seen + 1));
	SPOIL("sched: a thread runs a vCPU that is elsewhere", runs->place = SCHED_NOWHERE);
	SPOIL("sched: a thread runs a vCPU that is elsewhere", runs->home = LEAF_2);
	SPOIL("sched: a thread runs a vCPU that is elsewhere", leaf->runs = 16);
}

static void test_tree(void **state)
{
	struct patient *p = *state;
	struct sched *s = p->s;
	struct sched_object *core = sched_object(s, CORE);

	SPOIL("sched: the tree is damaged", core->parent = NODE);
	SPOIL("sched: the tree is damaged", core->end = CORE);
	SPOIL("sched: the tree is damaged", core->end++);
	SPOIL("sched: an object counts wrong what is below it", sched_object(s, NODE)->threads++);
	SPOIL("sched: an object counts wrong what is below it", core->free++);
	SPOIL("sched: an object counts wrong what is below it", sched_object(s, NODE)->free++);
	SPOIL("sched: an object counts wrong what is below it", sched_object(s, NODE)->ready++);
}

/* What a leaf runs is off it, as far as the tree knows. */
static struct sched_vcpu *detach(struct sched *s, uint16_t leaf)
{
	uint16_t link = sched_object(s, leaf)->runs;

	assert_int_not_equal(link, 0);
	sched_object(s, leaf)->runs = 0;
	for (uint16_t i = leaf;; i = sched_object(s, i)->parent) {
		sched_object(s, i)->free++;
		if (i == NODE)
			return sched_vcpu(s, link - 1);
	}
}

static void test_places(void **state)
{
	struct patient *p = *state;
	struct sched *s = p->s;
	struct sched_vcpu *nowhere = sched_vcpu(s, 15);

	assert_int_equal(nowhere->place, SCHED_NOWHERE);
	SPOIL("sched: a vCPU in no known place", nowhere->place = SCHED_WAITING + 1);
	SPOIL("sched: a running vCPU without a thread", detach(s, LEAF));
	SPOIL("sched: a running vCPU without a thread", detach(s, LEAF)->home = s->objects);
	SPOIL("sched: a vCPU waits for nothing", sched_vcpu(s, 12)->kind = SCHED_WAIT_NONE);
	SPOIL("sched: a ready vCPU is in no queue", nowhere->place = SCHED_READY);
	SPOIL("sched: running vCPUs and busy threads differ", detach(s, LEAF)->home = CORE;
	      sched_object(s, CORE)->runs =
		      ((struct sched_object *)((char *)p->healthy + s->object) + LEAF)->runs);
	SPOIL("sched: a running vCPU got lost", s->asked++);
	SPOIL("sched: a running vCPU got lost", s->asked--);
	SPOIL("sched: a waiting vCPU is not in the event table", nowhere->place = SCHED_WAITING;
	      nowhere->kind = SCHED_WAIT_IO);
}

static void test_lists(void **state)
{
	struct patient *p = *state;
	struct sched *s = p->s;
	struct sched_list *bucket = sched_bucket(s, SCHED_WAIT_PAGE, PAGE_OF_TWO);

	SPOIL("sched: the event table is damaged", bucket->first = (uint16_t)(s->seen + 1));
	SPOIL("sched: the event table is damaged", sched_vcpu(s, 13)->prev = 0);
	SPOIL("sched: the event table is damaged", bucket->last = 0);
	SPOIL("sched: the event table is damaged",
	      sched_vcpu(s, 13)->place = SCHED_NOWHERE);
	SPOIL("sched: the event table is damaged", /* the same ones in every list of it */
	      for (uint32_t b = 0; b < s->buckets; b++)
		      ((struct sched_list *)REL(s, bucket))[b] = *bucket);
	SPOIL("sched: the list of running vCPUs is damaged", s->running.last = 0);
	SPOIL("sched: the list of running vCPUs is damaged",
	      sched_vcpu(s, s->running.first - 1)->order = s->order);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_queues, open_patient, close_patient),
		cmocka_unit_test_setup_teardown(test_threads, open_patient, close_patient),
		cmocka_unit_test_setup_teardown(test_tree, open_patient, close_patient),
		cmocka_unit_test_setup_teardown(test_places, open_patient, close_patient),
		cmocka_unit_test_setup_teardown(test_lists, open_patient, close_patient),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
