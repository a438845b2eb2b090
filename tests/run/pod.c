/* SPDX-License-Identifier: BSD-3-Clause */
/* See pod.h. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "pod.h"
#include "wire.h"

#define PATIENCE 120 /* seconds: sanitizers are slow */

static int on_io(void *arg, tidal_vcpuid vcpu, tidal_gpa gpa, uint64_t *data, unsigned bytes,
		 int write)
{
	struct pod *pod = ((struct pod_node *)arg)->pod;
	int ret = 0;

	(void)vcpu;
	(void)pthread_mutex_lock(&pod->lock);
	if (gpa == TIDAL_FAKE_CONSOLE && write) {
		for (unsigned i = 0; i < bytes && pod->len + 1 < sizeof(pod->said); i++)
			pod->said[pod->len++] = (char)(*data >> (8 * i));
	} else if (gpa == TIDAL_FAKE_EXIT && write) {
		pod->exit_code = *data;
		pod->exited++;
	} else if (gpa == TIDAL_FAKE_TICKET && !write) {
		*data = pod->tickets++;
	} else {
		ret = TIDAL_ERANGE;
	}
	(void)pthread_cond_broadcast(&pod->changed);
	(void)pthread_mutex_unlock(&pod->lock);
	return ret;
}

static void on_report(void *arg, const struct tidal_act_report *report)
{
	struct pod *pod = ((struct pod_node *)arg)->pod;

	(void)pthread_mutex_lock(&pod->lock);
	if (report->what == TIDAL_REPORT_READY) {
		pod->ready++;
	} else {
		pod->failures++;
		print_message("report %u of node %u, error %d: %s\n", report->what, report->node,
			      report->error, report->text ? report->text : "");
	}
	(void)pthread_cond_broadcast(&pod->changed);
	(void)pthread_mutex_unlock(&pod->lock);
}

struct waiting {
	struct pod *pod;
	int status;
	int over;
};

static void on_accessed(void *arg, uint64_t cookie, int status)
{
	struct pod *pod = ((struct pod_node *)arg)->pod;
	struct waiting *w = (struct waiting *)(uintptr_t)cookie;

	(void)pthread_mutex_lock(&pod->lock);
	w->status = status;
	w->over = 1;
	(void)pthread_cond_broadcast(&pod->changed);
	(void)pthread_mutex_unlock(&pod->lock);
}

static void open_host(struct pod *pod, struct pod_node *n)
{
	struct tidal_fake_config config;

	tidal_fake_config_init(&config, sizeof(config));
	config.frames = pod->config.frames;
	config.vcpu_slots = pod->config.vcpus;
	config.hthreads = pod->config.hthreads;
	config.ram_bytes = POD_MEMORY;
	assert_int_equal(tidal_fake_open(&config, &n->host), 0);
}

static void open_node(struct pod *pod, unsigned i)
{
	static const struct tidal_node_callbacks callbacks = {
		.size = sizeof(callbacks), .io = on_io, .report = on_report,
		.accessed = on_accessed,
	};
	struct pod_node *n = &pod->node[i];
	struct tidal_params params;
	struct tidal_node_config c = {
		.size = sizeof(c), .params = &params,
		.host_ops = pod->config.host_ops ? pod->config.host_ops : tidal_fake_ops(),
		.host = n->host, .transport_ops = n->wire_ops, .transport = n->wire,
		.callbacks = &callbacks, .arg = n,
	};

	tidal_params_init(&params, sizeof(params), pod->config.frames);
	params.node = (tidal_nodeid)i;
	params.nodes = (uint16_t)pod->config.nodes;
	params.seed = i + 1;
	params.flags = TIDAL_PARAM_RETIRE_EVENTS;
	params.vmap = i == 0 ? &pod->vmap : NULL;
	params.topology = &pod->topology;
	params.vcpu_slots = pod->config.vcpus;
	params.policy = pod->config.policy;
	/* real time: a thread may not run for some milliseconds */
	params.rto_ns = 20000000;
	assert_int_equal(tidal_node_open(&c, &n->node), 0);
}

/* All memory at node 0, the vCPUs in turn. */
static void make_map(struct pod *pod)
{
	unsigned nodes = pod->config.nodes, done = 0;

	assert_int_equal(tidal_vmap_init(&pod->vmap, sizeof(pod->vmap),
					 POD_MEMORY / TIDAL_PAGE_SIZE, pod->config.vcpus), 0);
	pod->vmap.vcpu_runs = 0;
	for (unsigned i = 0; i < nodes; i++) {
		unsigned end = pod->config.vcpus * (i + 1) / nodes;

		if (end > done)
			pod->vmap.vcpu[pod->vmap.vcpu_runs++] = (struct tidal_vmap_vcpus){
				(tidal_vcpuid)done, (uint16_t)(end - done), (tidal_nodeid)i
			};
		done = end;
	}
	pod->vmap.devices = 1;
	pod->vmap.device[0] = (struct tidal_vmap_device){
		.base = TIDAL_FAKE_DEVICES, .bytes = TIDAL_FAKE_DEVICES_BYTES, .node = 0,
	};
}

void pod_open(struct pod *pod, const struct pod_config *config)
{
	memset(pod, 0, sizeof(*pod));
	pod->config = *config;
	assert_int_equal(pthread_mutex_init(&pod->lock, NULL), 0);
	assert_int_equal(pthread_cond_init(&pod->changed, NULL), 0);
	assert_int_equal(tidal_topology_regular(&pod->topology, pod->objects, 16, 1, 1,
						config->hthreads), 0);
	make_map(pod);
	for (unsigned i = 0; i < config->nodes; i++) {
		pod->node[i].pod = pod;
		open_host(pod, &pod->node[i]);
	}
	wire_open(pod);
	for (unsigned i = 0; i < config->nodes; i++)
		open_node(pod, i);
}

void pod_close(struct pod *pod)
{
	const char *why = "";

	for (unsigned i = 0; i < pod->config.nodes; i++) {
		tidal_node_lock(pod->node[i].node);
		if (tidal_core_check(tidal_node_core(pod->node[i].node), &why))
			fail_msg("node %u: %s", i, why);
		tidal_node_unlock(pod->node[i].node);
	}
	for (unsigned i = 0; i < pod->config.nodes; i++)
		tidal_node_close(pod->node[i].node);
	wire_close(pod);
	for (unsigned i = 0; i < pod->config.nodes; i++)
		tidal_fake_ops()->close(pod->node[i].host);
	(void)pthread_cond_destroy(&pod->changed);
	(void)pthread_mutex_destroy(&pod->lock);
	free(pod->elf);
	assert_int_equal(pod->failures, 0);
}

/* ---- threads ---- */

void pod_start(struct pod *pod, const struct tidal_run_config *run)
{
	for (unsigned i = 0; i < pod->config.nodes; i++)
		assert_int_equal(tidal_node_start(pod->node[i].node, run), 0);
}

void pod_stop(struct pod *pod)
{
	for (unsigned i = 0; i < pod->config.nodes; i++)
		assert_int_equal(tidal_node_stop(pod->node[i].node), 0);
}

static void await(struct pod *pod, const char *what, int (*over)(struct pod *, void *), void *arg)
{
	struct timespec until;
	int err = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE;
	(void)pthread_mutex_lock(&pod->lock);
	while (!over(pod, arg) && !err && !pod->failures)
		err = pthread_cond_timedwait(&pod->changed, &pod->lock, &until);
	(void)pthread_mutex_unlock(&pod->lock);
	if (err)
		fail_msg("no end of waiting: %s", what);
}

static int all_ready(struct pod *pod, void *arg)
{
	(void)arg;
	return pod->ready == pod->config.nodes;
}

void pod_await_ready(struct pod *pod)
{
	await(pod, "nodes that know the map", all_ready, NULL);
}

static int has_ended(struct pod *pod, void *arg)
{
	(void)arg;
	return pod->exited > 0;
}

void pod_await_exit(struct pod *pod)
{
	await(pod, "the end of the guest", has_ended, NULL);
}

static int access_over(struct pod *pod, void *arg)
{
	(void)pod;
	return ((struct waiting *)arg)->over;
}

int pod_access(struct pod *pod, unsigned node, tidal_gpa gpa, void *buf, size_t len, int write)
{
	struct waiting w = { .pod = pod };
	int err = tidal_node_access(pod->node[node].node, gpa, buf, len, write,
				    (uint64_t)(uintptr_t)&w);

	if (err)
		return err;
	await(pod, "an access", access_over, &w);
	return w.status;
}

void pod_continue(struct pod *pod)
{
	const struct tidal_ev_command go = { .command = TIDAL_CMD_CONTINUE };

	for (unsigned i = 0; i < pod->config.nodes; i++) {
		int err;

		while ((err = tidal_node_command(pod->node[i].node, &go)) == TIDAL_EAGAIN)
			nanosleep(&(struct timespec){ 0, 100000 }, NULL);
		assert_int_equal(err, 0);
	}
}

/* ---- programs ---- */

static size_t read_elf(struct pod *pod, const char *guest)
{
	const char *folder = getenv("guests");
	char path[4096];
	FILE *file;
	size_t len;

	if (!folder || !*folder)
		skip();
	(void)snprintf(path, sizeof(path), "%s/%s.elf", folder, guest);
	file = fopen(path, "rb");
	assert_non_null(file);
	pod->elf = malloc(1 << 20);
	assert_non_null(pod->elf);
	len = fread(pod->elf, 1, 1 << 20, file);
	(void)fclose(file);
	return len;
}

static void boot_vcpus(struct pod *pod)
{
	tidal_gpa free_at = (pod->image.end / TIDAL_PAGE_SIZE + 1) * TIDAL_PAGE_SIZE;
	struct tidal_fake_boot boot = {
		.pc = pod->image.entry,
		.a = { 0, pod->config.vcpus, POD_MEMORY, free_at, 0, free_at },
	};

	for (unsigned i = 0; i < pod->vmap.vcpu_runs; i++)
		for (unsigned k = 0; k < pod->vmap.vcpu[i].count; k++) {
			tidal_vcpuid v = (tidal_vcpuid)(pod->vmap.vcpu[i].first + k);
			struct tidal_host *host = pod->node[pod->vmap.vcpu[i].node].host;

			boot.a[0] = v;
			assert_int_equal(tidal_fake_ops()->vcpu_create(host, v), 0);
			assert_int_equal(tidal_fake_vcpu_boot(host, v, &boot), 0);
		}
}

void pod_load(struct pod *pod, const char *guest)
{
	size_t len = read_elf(pod, guest);
	const char *why = "";

	assert_int_equal(tidal_fake_elf(pod->elf, len, &pod->image, &why), 0);
	boot_vcpus(pod);
	for (unsigned i = 0; i < pod->image.segments; i++) {
		struct tidal_fake_segment *s = &pod->image.segment[i];

		if (s->file_bytes)
			assert_int_equal(pod_access(pod, 0, s->gpa, (void *)(uintptr_t)s->data,
						    s->file_bytes, 1), 0);
	}
}
