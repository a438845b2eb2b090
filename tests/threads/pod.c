/* SPDX-License-Identifier: BSD-3-Clause */
/* See pod.h. */
#define _GNU_SOURCE
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "pod.h"

#define NAP_NS 2000000 /* the driver looks after its orders that often */

static tidal_time now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (tidal_time)t.tv_sec * 1000000000 + (tidal_time)t.tv_nsec;
}

static void on_report(void *arg, const struct tidal_act_report *report)
{
	struct pod *pod = ((struct pod_node *)arg)->pod;

	if (report->what == TIDAL_REPORT_READY) {
		pod->ready++;
		return;
	}
	if (report->what == TIDAL_REPORT_HOST_FAILED && report->error == TIDAL_ENOSYS) {
		atomic_fetch_add(&pod->refused, 1);
		return;
	}
	atomic_fetch_add(&pod->failures, 1);
	print_message("report %u, error %d, gfn %#llx: %s\n", report->what, report->error,
		      (unsigned long long)report->gfn, report->text ? report->text : "");
}

static int open_host(uint32_t frames, uint64_t pages, uint32_t flags, struct tidal_host **host,
		     const char **why)
{
	struct tidal_threads_config config;

	tidal_threads_config_init(&config, sizeof(config));
	config.frames = frames;
	config.ram_bytes = pages * TIDAL_PAGE_SIZE;
	config.vcpu_slots = 2 * POD_VCPUS; /* room for others', which never come */
	config.hthreads = POD_VCPUS;
	config.flags = flags;
	return tidal_threads_open(&config, host, why);
}

const char *pod_refusal(uint32_t flags)
{
	const char *why = "";
	struct tidal_host *host;

	if (open_host(64, 1, flags, &host, &why))
		return why;
	tidal_threads_ops()->close(host);
	return NULL;
}

static void open_node(struct pod *pod, unsigned i, const struct pod_config *config)
{
	static const struct tidal_node_callbacks callbacks = {
		.size = sizeof(callbacks), .report = on_report,
	};
	struct pod_node *n = &pod->node[i];
	struct tidal_params params;
	struct tidal_node_config c = {
		.size = sizeof(c), .params = &params, .host_ops = tidal_threads_ops(),
		.transport_ops = tidal_inproc_ops(), .callbacks = &callbacks, .arg = n,
	};
	const char *why;

	n->pod = pod;
	assert_int_equal(open_host(config->frames, config->pages, config->flags, &n->host, &why),
			 0);
	for (unsigned v = 0; v < POD_VCPUS; v++)
		assert_int_equal(c.host_ops->vcpu_create(n->host,
							 (tidal_vcpuid)(i * POD_VCPUS + v)), 0);
	assert_int_equal(tidal_inproc_endpoint(pod->net, (tidal_nodeid)i, &n->wire), 0);
	tidal_params_init(&params, sizeof(params), config->frames);
	params.node = (tidal_nodeid)i;
	params.nodes = (uint16_t)config->nodes;
	params.seed = i + 1;
	params.vmap = i == 0 ? &pod->vmap : NULL;
	params.topology = &pod->topology;
	params.vcpus = config->nodes * POD_VCPUS;
	params.vcpu_slots = 2 * POD_VCPUS;
	params.policy = config->policy ? config->policy : tidal_policy_page();
	params.hold_ns = 50000;
	c.host = n->host;
	c.transport = n->wire;
	assert_int_equal(tidal_node_open(&c, &n->node), 0);
	n->ram = tidal_threads_memory(n->host, 0, NULL);
}

static void place_vcpus(struct pod *pod)
{
	pod->vmap.vcpu_runs = pod->nodes;
	for (unsigned i = 0; i < pod->nodes; i++)
		pod->vmap.vcpu[i] = (struct tidal_vmap_vcpus){
			(tidal_vcpuid)(i * POD_VCPUS), POD_VCPUS, (tidal_nodeid)i
		};
}

/* Sleep until a thread faults, a message is due, or a core wants a tick. */
static void wait_for_work(struct pod *pod)
{
	struct pollfd fds[POD_NODES];
	tidal_time due = now() + NAP_NS, at = now();
	struct timespec nap;

	for (unsigned i = 0; i < pod->nodes; i++) {
		tidal_time t = tidal_node_deadline(pod->node[i].node);

		due = t < due ? t : due;
		fds[i] = (struct pollfd){ tidal_threads_ops()->wait_fd(pod->node[i].host), POLLIN,
					  0 };
	}
	if (due <= at)
		return;
	nap = (struct timespec){ 0, (long)(due - at) };
	(void)ppoll(fds, pod->nodes, &nap, NULL);
}

static void begin_vcpus(struct pod *pod)
{
	const struct tidal_ev_command go = { .command = TIDAL_CMD_CONTINUE };

	for (unsigned i = 0; i < pod->nodes; i++)
		if (tidal_node_command(pod->node[i].node, &go))
			atomic_fetch_add(&pod->failures, 1);
	atomic_store(&pod->run, true);
}

static void *drive(void *arg)
{
	struct pod *pod = arg;

	while (!atomic_load(&pod->stop)) {
		int any = 0;

		for (unsigned i = 0; i < pod->nodes; i++) {
			int r = tidal_node_step(pod->node[i].node, now(), 0);

			if (r < 0) {
				print_message("node %u: %s\n", i, tidal_strerror(r));
				abort(); /* its threads would sleep for ever */
			}
			any |= r;
		}
		if (pod->ready == pod->nodes && !atomic_load(&pod->run))
			begin_vcpus(pod);
		else if (!any)
			wait_for_work(pod);
	}
	return NULL;
}

void pod_open(struct pod *pod, const struct pod_config *config)
{
	struct tidal_inproc_config wire;

	memset(pod, 0, sizeof(*pod));
	pod->nodes = config->nodes;
	tidal_inproc_config_init(&wire, sizeof(wire));
	wire.nodes = config->nodes;
	wire.loss_ppm = config->loss_ppm;
	assert_int_equal(tidal_inproc_open(&wire, &pod->net), 0);
	assert_int_equal(tidal_topology_regular(&pod->topology, pod->objects, 8, 1, 1, POD_VCPUS),
			 0);
	assert_int_equal(tidal_vmap_init(&pod->vmap, sizeof(pod->vmap), config->pages,
					 config->nodes * POD_VCPUS), 0);
	place_vcpus(pod);
	for (unsigned i = 0; i < config->nodes; i++)
		open_node(pod, i, config);
	assert_int_equal(pthread_create(&pod->driver, NULL, drive, pod), 0);
	while (!atomic_load(&pod->run))
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
}

void pod_close(struct pod *pod)
{
	const char *why = "";

	atomic_store(&pod->stop, true);
	assert_int_equal(pthread_join(pod->driver, NULL), 0);
	for (unsigned i = 0; i < pod->nodes; i++) {
		struct pod_node *n = &pod->node[i];

		if (tidal_core_check(tidal_node_core(n->node), &why))
			fail_msg("node %u: %s", i, why);
		tidal_node_close(n->node);
		tidal_inproc_ops()->close(n->wire);
		tidal_threads_ops()->close(n->host);
	}
	tidal_inproc_close(pod->net);
	assert_int_equal(atomic_load(&pod->failures), 0);
}

struct start {
	struct guest guest;
	void (*body)(struct guest *);
};

static void *guest_main(void *arg)
{
	struct start *s = arg;

	s->body(&s->guest);
	return NULL;
}

void pod_run(struct pod *pod, unsigned per_node, void (*body)(struct guest *), const void *arg,
	     uint64_t *results)
{
	unsigned n = per_node * pod->nodes;
	struct start *s = calloc(n, sizeof(*s));

	assert_non_null(s);
	for (unsigned i = 0; i < n; i++) {
		unsigned node = i % pod->nodes;

		s[i] = (struct start){ { .pod = pod, .node = node, .self = i, .guests = n,
					 .ram = pod->node[node].ram, .arg = arg }, body };
		assert_int_equal(pthread_create(&s[i].guest.thread, NULL, guest_main, &s[i]), 0);
	}
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(pthread_join(s[i].guest.thread, NULL), 0);
		if (results)
			results[i] = s[i].guest.result;
	}
	free(s);
}
