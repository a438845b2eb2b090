/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Threads begin and end: a thousand times, while other threads go on; what is refused; what callbacks
 * may do; errors that must not be lost; processors.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../unit/fake_asm.h"
#include "pod.h"

#define TIMES 1000
#define AT TIDAL_PAGE_SIZE
#define STOP_NS 2000000000 /* the longest that a stop may take, on a busy machine, with sanitizers */

static const struct pod_config two = { .nodes = 2, .vcpus = 4, .hthreads = 2, .frames = 512 };

static tidal_time now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (tidal_time)t.tv_sec * 1000000000 + (tidal_time)t.tv_nsec;
}

struct others {
	struct pod *pod;
	pthread_t thread;
	atomic_bool stop;
	unsigned times;
};

/* All vCPUs go round in circles, so that threads are stopped within their slices. */
static void spin_vcpus(struct pod *pod)
{
	const struct tidal_fake_boot boot = { .pc = 0 };
	uint32_t code = RV_SPIN;

	assert_int_equal(pod_access(pod, 0, 0, &code, sizeof(code), 1), 0);
	for (unsigned v = 0; v < two.vcpus; v++) {
		struct tidal_host *host = pod->node[v / 2].host;

		assert_int_equal(tidal_fake_ops()->vcpu_create(host, (tidal_vcpuid)v), 0);
		assert_int_equal(tidal_fake_vcpu_boot(host, (tidal_vcpuid)v, &boot), 0);
	}
	pod_continue(pod);
}

/* Accesses last while nobody drives the node; then they go on. */
static void *others_main(void *arg)
{
	struct others *o = arg;
	const struct tidal_ev_command go = { .command = TIDAL_CMD_CONTINUE };

	for (uint64_t i = 1; !atomic_load(&o->stop); i++) {
		uint64_t word = i;
		unsigned at = (unsigned)(i % 2);

		assert_int_equal(pod_access(o->pod, at, AT, &word, sizeof(word), 1), 0);
		assert_int_equal(pod_access(o->pod, 1 - at, AT, &word, sizeof(word), 0), 0);
		assert_int_equal(word, i);
		assert_in_range(-tidal_node_command(o->pod->node[at].node, &go), 0,
				-TIDAL_EAGAIN);
		o->times++;
	}
	return NULL;
}

static void test_a_thousand_times(void **state)
{
	struct others others = { 0 };
	struct pod pod;
	tidal_time longest = 0;

	(void)state;
	pod_open(&pod, &two);
	pod_start(&pod, NULL);
	pod_await_ready(&pod);
	spin_vcpus(&pod);
	others.pod = &pod;
	assert_int_equal(pthread_create(&others.thread, NULL, others_main, &others), 0);
	for (unsigned i = 0; i < TIMES; i++) {
		struct tidal_node *node = pod.node[i % 2].node;
		tidal_time begin = now(), took;

		assert_int_equal(tidal_node_stop(node), 0);
		took = now() - begin;
		longest = took > longest ? took : longest;
		assert_int_equal(tidal_node_start(node, NULL), 0);
	}
	atomic_store(&others.stop, true);
	(void)pthread_join(others.thread, NULL);
	print_message("%u stops, the longest took %u us; %u accesses meanwhile\n", TIMES,
		      (unsigned)(longest / 1000), 2 * others.times);
	assert_true(longest < STOP_NS);
	assert_true(others.times > 0);
	pod_stop(&pod);
	pod_close(&pod);
}

static void test_refused(void **state)
{
	struct tidal_run_config c;
	struct {
		struct tidal_run_config c;
		uint32_t more;
	} newer = { .more = 1 };
	struct pod pod;
	struct tidal_node *n;

	(void)state;
	pod_open(&pod, &two);
	n = pod.node[0].node;
	assert_int_equal(tidal_node_stop(n), TIDAL_EINVAL);
#define WRONG(member, value)                                                 \
	do {                                                                 \
		tidal_run_config_init(&c, sizeof(c));                        \
		c.member = (value);                                          \
		assert_int_equal(tidal_node_start(n, &c), TIDAL_EINVAL);     \
	} while (0)
	WRONG(size, 1);
	WRONG(budget, 0);
	WRONG(nap_ns, 0);
	WRONG(runners, 2);
	WRONG(pin, 2);
	tidal_run_config_init(&newer.c, sizeof(newer.c));
	newer.c.size = sizeof(newer);
	assert_int_equal(tidal_node_start(n, &newer.c), TIDAL_EINVAL);
	newer.more = 0;
	assert_int_equal(tidal_node_start(n, &newer.c), 0);
	assert_int_equal(tidal_node_start(n, NULL), TIDAL_EBUSY);
	assert_int_equal(tidal_node_stop(n), 0);
	assert_int_equal(tidal_node_stop(n), TIDAL_EINVAL);
	pod_close(&pod);
}

/* Closing is enough. */
static void test_closed_while_started(void **state)
{
	struct pod pod;

	(void)state;
	pod_open(&pod, &two);
	pod_start(&pod, NULL);
	pod_await_ready(&pod);
	for (unsigned i = 0; i < 2; i++)
		tidal_node_lock(pod.node[i].node);
	for (unsigned i = 0; i < 2; i++)
		tidal_node_unlock(pod.node[i].node);
	pod_close(&pod);
}

/* ---- what callbacks may do ---- */

struct inside {
	struct tidal_node *node;
	atomic_int command, start, stop, step, access;
	atomic_uint times;
};

static void on_accessed(void *arg, uint64_t cookie, int status)
{
	static uint8_t byte;
	const struct tidal_ev_command go = { .command = TIDAL_CMD_CONTINUE };
	struct inside *in = arg;

	(void)status;
	if (cookie == 1) {
		atomic_store(&in->command, tidal_node_command(in->node, &go));
		atomic_store(&in->start, tidal_node_start(in->node, NULL));
		atomic_store(&in->stop, tidal_node_stop(in->node));
		atomic_store(&in->step, tidal_node_step(in->node, 0, 0));
		atomic_store(&in->access, tidal_node_access(in->node, 0, &byte, 1, 0, 2));
	}
	atomic_fetch_add(&in->times, 1);
}

/* A node alone: fake host, a wire to nobody. */
struct alone {
	struct tidal_host *host;
	struct tidal_inproc *net;
	struct tidal_transport *wire;
	struct tidal_node *node;
};

static void alone_open(struct alone *a, unsigned nodes, uint32_t flags, uint32_t queue,
		       const struct tidal_node_callbacks *callbacks, void *arg)
{
	struct tidal_fake_config fake;
	struct tidal_inproc_config wire;
	struct tidal_vmap vmap;
	struct tidal_params params;
	struct tidal_node_config c = {
		.size = sizeof(c), .params = &params, .host_ops = tidal_fake_ops(),
		.transport_ops = tidal_inproc_ops(), .callbacks = callbacks, .arg = arg,
	};

	tidal_fake_config_init(&fake, sizeof(fake));
	assert_int_equal(tidal_fake_open(&fake, &a->host), 0);
	tidal_inproc_config_init(&wire, sizeof(wire));
	wire.threads = 1;
	wire.nodes = nodes;
	wire.queue = queue;
	assert_int_equal(tidal_inproc_open(&wire, &a->net), 0);
	assert_int_equal(tidal_inproc_endpoint(a->net, 0, &a->wire), 0);
	assert_int_equal(tidal_vmap_init(&vmap, sizeof(vmap), 512, 1), 0);
	tidal_params_init(&params, sizeof(params), fake.frames);
	params.nodes = (uint16_t)nodes;
	params.vmap = &vmap;
	params.flags = flags;
	c.host = a->host;
	c.transport = a->wire;
	assert_int_equal(tidal_node_open(&c, &a->node), 0);
}

static void alone_close(struct alone *a)
{
	tidal_node_close(a->node);
	tidal_inproc_ops()->close(a->wire);
	tidal_inproc_close(a->net);
	tidal_fake_ops()->close(a->host);
}

static void await_count(const atomic_uint *count, unsigned n)
{
	tidal_time begin = now();

	while (atomic_load(count) < n) {
		assert_true(now() - begin < UINT64_C(60000000000));
		nanosleep(&(struct timespec){ 0, 200000 }, NULL);
	}
}

static void test_callbacks(void **state)
{
	static const struct tidal_node_callbacks callbacks = {
		.size = sizeof(callbacks), .accessed = on_accessed,
	};
	struct inside in = { 0 };
	struct alone a;
	uint8_t byte;

	(void)state;
	alone_open(&a, 1, 0, 64, &callbacks, &in);
	in.node = a.node;
	assert_int_equal(tidal_node_start(a.node, NULL), 0);
	assert_int_equal(tidal_node_access(a.node, 0, &byte, 1, 0, 1), 0);
	await_count(&in.times, 2);
	assert_int_equal(tidal_node_stop(a.node), 0);
	assert_int_equal(atomic_load(&in.command), TIDAL_EBUSY);
	assert_int_equal(atomic_load(&in.start), TIDAL_EBUSY);
	assert_int_equal(atomic_load(&in.stop), TIDAL_EBUSY);
	assert_int_equal(atomic_load(&in.step), TIDAL_EBUSY);
	assert_int_equal(atomic_load(&in.access), 0);
	alone_close(&a);
}

/* ---- errors ---- */

struct told {
	atomic_uint times;
	atomic_int error;
};

static void on_failed(void *arg, int error)
{
	struct told *t = arg;

	atomic_store(&t->error, error);
	atomic_fetch_add(&t->times, 1);
}

/* The core relies on a wire that takes one message, and sends two. */
static void test_error_is_told(void **state)
{
	struct told told = { 0 };
	struct tidal_run_config run;
	struct tidal_transport *peers[2];
	struct alone a;

	(void)state;
	alone_open(&a, 3, TIDAL_PARAM_IDEAL_LINK, 1, NULL, NULL);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(tidal_inproc_endpoint(a.net, (tidal_nodeid)(i + 1), &peers[i]), 0);
	tidal_run_config_init(&run, sizeof(run));
	run.failed = on_failed;
	run.arg = &told;
	assert_int_equal(tidal_node_start(a.node, &run), 0);
	await_count(&told.times, 1);
	nanosleep(&(struct timespec){ 0, 20000000 }, NULL);
	assert_int_equal(tidal_node_stop(a.node), TIDAL_EIO);
	assert_int_equal(atomic_load(&told.times), 1);
	assert_int_equal(atomic_load(&told.error), TIDAL_EIO);
	for (unsigned i = 0; i < 2; i++)
		tidal_inproc_ops()->close(peers[i]);
	alone_close(&a);
}

/* ---- processors ---- */

struct places {
	atomic_uint asked; /* there */
	unsigned cpu;
};

/* The clock is asked by the node's own threads. */
static tidal_time on_now(void *arg)
{
	struct places *p = arg;
	cpu_set_t set;

	if (pthread_getaffinity_np(pthread_self(), sizeof(set), &set) == 0 && CPU_COUNT(&set) == 1 &&
	    CPU_ISSET(p->cpu, &set))
		atomic_fetch_add(&p->asked, 1);
	return now();
}

static void test_pinned(void **state)
{
	struct tidal_run_config run;
	struct places places = { 0 };
	struct alone a;
	cpu_set_t set;
	int err;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	while (places.cpu < CPU_SETSIZE - 1 && !CPU_ISSET(places.cpu, &set))
		places.cpu++;
	alone_open(&a, 1, 0, 64, NULL, NULL);
	tidal_run_config_init(&run, sizeof(run));
	run.progress_cpu = places.cpu;
	run.now = on_now;
	run.arg = &places;
	err = tidal_node_start(a.node, &run);
	if (err == TIDAL_ENOSYS) {
		alone_close(&a);
		skip();
	}
	assert_int_equal(err, 0);
	await_count(&places.asked, 1);
	assert_int_equal(tidal_node_stop(a.node), 0);
	run.progress_cpu = 1 << 20;
	assert_int_equal(tidal_node_start(a.node, &run), TIDAL_ERANGE);
	assert_int_equal(tidal_node_stop(a.node), TIDAL_EINVAL);
	alone_close(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_thousand_times),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_closed_while_started),
		cmocka_unit_test(test_callbacks),
		cmocka_unit_test(test_error_is_told),
		cmocka_unit_test(test_pinned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
