/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Threads of two nodes share memory by userfaultfd, and each node's progress thread sees to the
 * faults: asleep on the descriptor, not by asking again and again.
 *
 * Seen to fail with: a progress thread that doesn't look at the host's descriptor.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <tidal/inproc.h>
#include <tidal/run.h>
#include <tidal/threads.h>

#include <pthread.h>
#include <stdatomic.h>

#define NODES 2
#define VCPUS 4 /* of each node: threads that may fault at a time */
#define PAGES 64
#define TIMES 2000

struct one {
	struct tidal_host *host;
	struct tidal_transport *wire;
	struct tidal_node *node;
	uint8_t *ram;
};

struct pod {
	struct tidal_inproc *net;
	struct one one[NODES];
	struct tidal_vmap vmap;
	struct tidal_topology topology;
	struct tidal_topo_object objects[8];
	atomic_uint ready, failed;
};

static void on_report(void *arg, const struct tidal_act_report *report)
{
	struct pod *pod = arg;

	if (report->what == TIDAL_REPORT_READY)
		atomic_fetch_add(&pod->ready, 1);
	else
		atomic_fetch_add(&pod->failed, 1);
}

static int open_host(struct one *one, const char **why)
{
	struct tidal_threads_config config;

	tidal_threads_config_init(&config, sizeof(config));
	config.frames = PAGES * 2;
	config.ram_bytes = PAGES * TIDAL_PAGE_SIZE;
	config.vcpu_slots = config.hthreads = VCPUS;
	return tidal_threads_open(&config, &one->host, why);
}

static void open_node(struct pod *pod, unsigned i)
{
	static const struct tidal_node_callbacks callbacks = {
		.size = sizeof(callbacks), .report = on_report,
	};
	struct one *one = &pod->one[i];
	struct tidal_params params;
	struct tidal_node_config c = {
		.size = sizeof(c), .params = &params, .host_ops = tidal_threads_ops(),
		.host = one->host, .transport_ops = tidal_inproc_ops(),
		.callbacks = &callbacks, .arg = pod,
	};

	for (unsigned v = 0; v < VCPUS; v++)
		assert_int_equal(c.host_ops->vcpu_create(one->host,
							 (tidal_vcpuid)(i * VCPUS + v)), 0);
	assert_int_equal(tidal_inproc_endpoint(pod->net, (tidal_nodeid)i, &one->wire), 0);
	tidal_params_init(&params, sizeof(params), PAGES * 2);
	params.node = (tidal_nodeid)i;
	params.nodes = NODES;
	params.vmap = i == 0 ? &pod->vmap : NULL;
	params.topology = &pod->topology;
	params.vcpus = NODES * VCPUS;
	params.vcpu_slots = VCPUS;
	params.policy = tidal_policy_page();
	params.hold_ns = 50000;
	params.rto_ns = 20000000;
	c.transport = one->wire;
	assert_int_equal(tidal_node_open(&c, &one->node), 0);
	one->ram = tidal_threads_memory(one->host, 0, NULL);
}

static void nap(void)
{
	nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
}

/* Nobody spins: what isn't a descriptor or a deadline is not seen. */
static void start(struct pod *pod)
{
	const struct tidal_ev_command go = { .command = TIDAL_CMD_CONTINUE };
	struct tidal_run_config run;

	tidal_run_config_init(&run, sizeof(run));
	run.spin_ns = 0;
	for (unsigned i = 0; i < NODES; i++)
		assert_int_equal(tidal_node_start(pod->one[i].node, &run), 0);
	while (atomic_load(&pod->ready) < NODES)
		nap();
	for (unsigned i = 0; i < NODES; i++)
		assert_int_equal(tidal_node_command(pod->one[i].node, &go), 0);
}

static void open_pod(struct pod *pod)
{
	struct tidal_inproc_config wire;
	const char *why = "";

	memset(pod, 0, sizeof(*pod));
	for (unsigned i = 0; i < NODES; i++) {
		if (open_host(&pod->one[i], &why) == 0)
			continue;
		print_message("SKIP: %s\n", why);
		skip();
	}
	tidal_inproc_config_init(&wire, sizeof(wire));
	wire.nodes = NODES;
	wire.threads = 1;
	assert_int_equal(tidal_inproc_open(&wire, &pod->net), 0);
	assert_int_equal(tidal_topology_regular(&pod->topology, pod->objects, 8, 1, 1, VCPUS), 0);
	assert_int_equal(tidal_vmap_init(&pod->vmap, sizeof(pod->vmap), PAGES, NODES * VCPUS), 0);
	pod->vmap.vcpu_runs = NODES;
	for (unsigned i = 0; i < NODES; i++)
		pod->vmap.vcpu[i] = (struct tidal_vmap_vcpus){ (tidal_vcpuid)(i * VCPUS), VCPUS,
							       (tidal_nodeid)i };
	for (unsigned i = 0; i < NODES; i++)
		open_node(pod, i);
}

static void close_pod(struct pod *pod)
{
	const char *why = "";

	for (unsigned i = 0; i < NODES; i++)
		assert_int_equal(tidal_node_stop(pod->one[i].node), 0);
	for (unsigned i = 0; i < NODES; i++) {
		assert_int_equal(tidal_core_check(tidal_node_core(pod->one[i].node), &why), 0);
		tidal_node_close(pod->one[i].node);
		tidal_inproc_ops()->close(pod->one[i].wire);
		tidal_threads_ops()->close(pod->one[i].host);
	}
	tidal_inproc_close(pod->net);
	assert_int_equal(atomic_load(&pod->failed), 0);
}

static void *count(void *ram)
{
	for (unsigned i = 0; i < TIMES; i++)
		atomic_fetch_add((atomic_ullong *)ram, 1);
	return NULL;
}

static void test_counter(void **state)
{
	pthread_t thread[2 * NODES];
	struct tidal_node_stats before, after;
	struct pod pod;

	(void)state;
	open_pod(&pod);
	start(&pod);
	for (unsigned i = 0; i < 2 * NODES; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, count, pod.one[i % NODES].ram), 0);
	for (unsigned i = 0; i < 2 * NODES; i++)
		(void)pthread_join(thread[i], NULL);
	for (unsigned i = 0; i < NODES; i++)
		assert_int_equal(atomic_load((atomic_ullong *)(void *)pod.one[i].ram),
				 2 * NODES * TIMES);
	/* at rest nothing happens */
	nap();
	tidal_node_stats(pod.one[0].node, &before, sizeof(before));
	for (unsigned i = 0; i < 50; i++)
		nap();
	tidal_node_stats(pod.one[0].node, &after, sizeof(after));
	assert_true(after.events - before.events < 1000);
	close_pod(&pod);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
