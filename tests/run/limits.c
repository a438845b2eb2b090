/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The limits that tidal/base.h states: TIDAL_NODES_MAX nodes, which all learn the map and reach each
 * other's memory; TIDAL_VCPUS_MAX vCPUs on TIDAL_HTHREADS_MAX hyperthreads, each with a thread. One
 * more of each is refused.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <stdatomic.h>
#include <time.h>

#include <cmocka.h>
#include <tidal/fake.h>
#include <tidal/inproc.h>
#include <tidal/run.h>

#include "../unit/fake_asm.h"

#define RAM_BYTES (UINT64_C(1) << 20)
#define STEPS 20000
#define PATIENCE 120 /* seconds */

struct one {
	struct tidal_host *host;
	struct tidal_transport *wire;
	struct tidal_node *node;
};

struct world {
	unsigned nodes, hthreads, vcpus;
	struct one *one;
	struct tidal_inproc *net;
	struct tidal_vmap vmap;
	struct tidal_topology topology;
	struct tidal_topo_object objects[TIDAL_TOPO_MAX];
	atomic_uint ready, failed, over;
	int status;
};

static void on_report(void *arg, const struct tidal_act_report *report)
{
	struct world *w = arg;

	if (report->what == TIDAL_REPORT_READY)
		atomic_fetch_add(&w->ready, 1);
	else
		atomic_fetch_add(&w->failed, 1);
}

static void on_accessed(void *arg, uint64_t cookie, int status)
{
	struct world *w = arg;

	(void)cookie;
	w->status = status;
	atomic_fetch_add(&w->over, 1);
}

static void make_params(const struct world *w, unsigned i, struct tidal_params *params)
{
	tidal_params_init(params, sizeof(*params), 64);
	params->node = (tidal_nodeid)i;
	params->nodes = (uint16_t)w->nodes;
	params->vmap = i == 0 ? &w->vmap : NULL;
	params->topology = &w->topology;
	params->vcpu_slots = w->vcpus;
	params->messages = 8 * w->nodes + 96; /* the least */
	params->flags = TIDAL_PARAM_RETIRE_EVENTS;
}

static void open_one(struct world *w, unsigned i)
{
	static const struct tidal_node_callbacks callbacks = {
		.size = sizeof(callbacks), .report = on_report, .accessed = on_accessed,
	};
	struct one *one = &w->one[i];
	struct tidal_fake_config fake;
	struct tidal_params params;
	struct tidal_node_config c = {
		.size = sizeof(c), .params = &params, .host_ops = tidal_fake_ops(),
		.transport_ops = tidal_inproc_ops(), .callbacks = &callbacks, .arg = w,
	};

	tidal_fake_config_init(&fake, sizeof(fake));
	fake.frames = 64;
	fake.vcpu_slots = w->vcpus;
	fake.hthreads = w->hthreads;
	fake.ram_bytes = RAM_BYTES;
	assert_int_equal(tidal_fake_open(&fake, &one->host), 0);
	assert_int_equal(tidal_inproc_endpoint(w->net, (tidal_nodeid)i, &one->wire), 0);
	make_params(w, i, &params);
	c.host = one->host;
	c.transport = one->wire;
	assert_int_equal(tidal_node_open(&c, &one->node), 0);
}

static void world_open(struct world *w, unsigned nodes, unsigned hthreads, unsigned vcpus)
{
	struct tidal_inproc_config config;

	memset(w, 0, sizeof(*w));
	w->nodes = nodes;
	w->hthreads = hthreads;
	w->vcpus = vcpus;
	w->one = calloc(nodes, sizeof(*w->one));
	assert_non_null(w->one);
	tidal_inproc_config_init(&config, sizeof(config));
	config.nodes = nodes;
	config.queue = 16 * nodes + 1024;
	config.threads = nodes == 1;
	assert_int_equal(tidal_inproc_open(&config, &w->net), 0);
	assert_int_equal(tidal_topology_regular(&w->topology, w->objects, TIDAL_TOPO_MAX, 1, 1,
						hthreads), 0);
	assert_int_equal(tidal_vmap_init(&w->vmap, sizeof(w->vmap), RAM_BYTES / TIDAL_PAGE_SIZE,
					 vcpus), 0);
	for (unsigned i = 0; i < nodes; i++)
		open_one(w, i);
}

static void world_close(struct world *w)
{
	const char *why = "";

	for (unsigned i = 0; i < w->nodes; i++) {
		if (tidal_core_check(tidal_node_core(w->one[i].node), &why))
			fail_msg("node %u: %s", i, why);
		tidal_node_close(w->one[i].node);
		tidal_inproc_ops()->close(w->one[i].wire);
		tidal_fake_ops()->close(w->one[i].host);
	}
	tidal_inproc_close(w->net);
	free(w->one);
	assert_int_equal(atomic_load(&w->failed), 0);
}

/* ---- nodes: one thread, virtual time ---- */

static tidal_time pass(struct world *w, tidal_time now)
{
	tidal_time due = TIDAL_NEVER;

	for (unsigned i = 0; i < w->nodes; i++) {
		tidal_time at = tidal_node_deadline(w->one[i].node);

		if (at <= now)
			assert_in_range(tidal_node_step(w->one[i].node, now, 0), 0, 1);
		at = tidal_node_deadline(w->one[i].node);
		due = at < due ? at : due;
	}
	return due > now && due != TIDAL_NEVER ? due : now + 1000;
}

static void access_until_over(struct world *w, unsigned node, uint64_t *word, int write,
			      tidal_time *now)
{
	unsigned over = atomic_load(&w->over);

	assert_int_equal(tidal_node_access(w->one[node].node, 8, word, sizeof(*word), write, 0), 0);
	for (unsigned i = 0; i < STEPS && atomic_load(&w->over) == over; i++)
		*now = pass(w, *now);
	assert_int_equal(atomic_load(&w->over), over + 1);
	assert_int_equal(w->status, 0);
}

static void test_nodes(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	uint64_t word = 0x7469646c;
	tidal_time now = 0;

	(void)state;
	assert_non_null(w);
	world_open(w, TIDAL_NODES_MAX, 1, 4);
	for (unsigned i = 0; i < STEPS && atomic_load(&w->ready) < w->nodes; i++)
		now = pass(w, now);
	assert_int_equal(atomic_load(&w->ready), TIDAL_NODES_MAX);
	access_until_over(w, TIDAL_NODES_MAX - 1, &word, 1, &now);
	word = 0;
	access_until_over(w, TIDAL_NODES_MAX / 2, &word, 0, &now);
	assert_int_equal(word, 0x7469646c);
	world_close(w);
	free(w);
}

static void test_one_node_more(void **state)
{
	struct tidal_params params;
	struct tidal_inproc_config config;
	struct tidal_inproc *net;
	const char *why = "";

	(void)state;
	tidal_params_init(&params, sizeof(params), 64);
	params.nodes = TIDAL_NODES_MAX + 1;
	params.node = 1;
	params.messages = 1 << 20;
	assert_int_not_equal(tidal_params_check(&params, &why), 0);
	assert_string_equal(why, "nodes: 1 .. 1024");
	params.nodes = TIDAL_NODES_MAX;
	assert_int_equal(tidal_params_check(&params, &why), 0);
	tidal_inproc_config_init(&config, sizeof(config));
	config.nodes = TIDAL_NODES_MAX + 1;
	assert_int_equal(tidal_inproc_open(&config, &net), TIDAL_EINVAL);
}

/* ---- vCPUs: a thread per hyperthread, real time ---- */

static void nap(void)
{
	nanosleep(&(struct timespec){ 0, 2000000 }, NULL);
}

static uint64_t touch(struct world *w, tidal_gpa at, void *bytes, size_t len, int write)
{
	unsigned over = atomic_load(&w->over);

	assert_int_equal(tidal_node_access(w->one[0].node, at, bytes, len, write, 0), 0);
	for (time_t end = time(NULL) + PATIENCE; atomic_load(&w->over) == over;) {
		assert_true(time(NULL) < end);
		nap();
	}
	return *(const uint64_t *)bytes;
}

/* Each counts itself at a0, then yields for ever. */
static void boot(struct world *w)
{
	struct tidal_fake_boot boot = { .pc = 0, .a = { TIDAL_PAGE_SIZE } };

	for (unsigned v = 0; v < w->vcpus; v++) {
		assert_int_equal(tidal_fake_ops()->vcpu_create(w->one[0].host, (tidal_vcpuid)v), 0);
		assert_int_equal(tidal_fake_vcpu_boot(w->one[0].host, (tidal_vcpuid)v, &boot), 0);
	}
}

static void test_vcpus(void **state)
{
	uint32_t code[] = { RV_ADDI(5, 0, 1), RV_AMO(RV_AMOADD, 3, 0, 5, 10), RV_WFI,
			    RV_BEQ(0, 0, -4) };
	const struct tidal_ev_command go = { .command = TIDAL_CMD_CONTINUE },
				      halt = { .command = TIDAL_CMD_PAUSE };
	struct world *w = calloc(1, sizeof(*w));
	uint64_t bytes[2], count = 0;

	(void)state;
	assert_non_null(w);
	memcpy(bytes, code, sizeof(code));
	world_open(w, 1, TIDAL_HTHREADS_MAX, TIDAL_VCPUS_MAX);
	boot(w);
	assert_int_equal(tidal_fake_ops()->vcpu_create(w->one[0].host, TIDAL_VCPUS_MAX),
			 TIDAL_ERANGE);
	assert_int_equal(tidal_node_start(w->one[0].node, NULL), 0);
	for (time_t end = time(NULL) + PATIENCE; atomic_load(&w->ready) == 0; nap())
		assert_true(time(NULL) < end);
	(void)touch(w, 0, bytes, sizeof(bytes), 1);
	for (time_t end = time(NULL) + PATIENCE; count < TIDAL_VCPUS_MAX;) {
		assert_true(time(NULL) < end);
		assert_int_equal(tidal_node_command(w->one[0].node, &go), 0);
		nap();
		nap();
		assert_int_equal(tidal_node_command(w->one[0].node, &halt), 0);
		count = touch(w, TIDAL_PAGE_SIZE, &count, sizeof(count), 0);
	}
	assert_int_equal(count, TIDAL_VCPUS_MAX);
	assert_int_equal(tidal_node_stop(w->one[0].node), 0);
	world_close(w);
	free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nodes),
		cmocka_unit_test(test_one_node_more),
		cmocka_unit_test(test_vcpus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
