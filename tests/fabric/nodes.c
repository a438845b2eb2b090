/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whole nodes on the libfabric transport: cores, fake hosts, real time. Memory is shared, and a node
 * that stands still is reported. On every provider that is here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <tidal/fake.h>
#include <tidal/node.h>

#include "pair.h"

#define NODES 3
#define PAGES 512
#define FRAMES 256
#define ROUNDS 400
#define BYTES (3 * TIDAL_PAGE_SIZE)

struct one {
	struct tidal_host *host;
	struct tidal_transport *wire;
	struct tidal_node *node;
	unsigned ready, other, silent, down;
	tidal_nodeid who;
};

struct pod {
	struct one one[NODES];
	struct tidal_vmap vmap;
	struct tidal_topology topology;
	struct tidal_topo_object objects[4];
	tidal_time begun;
	int status; /* of the access; 1: under way */
	uint8_t memory[PAGES * TIDAL_PAGE_SIZE]; /* as it must be */
};

static void on_report(void *arg, const struct tidal_act_report *report)
{
	struct one *o = arg;

	o->who = report->node;
	o->ready += report->what == TIDAL_REPORT_READY;
	o->silent += report->what == TIDAL_REPORT_PEER_SILENT;
	o->down += report->what == TIDAL_REPORT_PEER_DOWN;
	o->other += report->what != TIDAL_REPORT_READY && report->what != TIDAL_REPORT_PEER_SILENT &&
		    report->what != TIDAL_REPORT_PEER_DOWN;
}

static void on_accessed(void *arg, uint64_t cookie, int status)
{
	(void)arg;
	*(int *)(uintptr_t)cookie = status;
}

static void open_node(struct pod *p, unsigned i)
{
	static const struct tidal_node_callbacks callbacks = {
		.size = sizeof(callbacks), .report = on_report, .accessed = on_accessed,
	};
	struct tidal_fake_config fake;
	struct tidal_params params;
	struct tidal_node_config c = {
		.size = sizeof(c), .params = &params, .host_ops = tidal_fake_ops(),
		.transport_ops = tidal_fabric_ops(), .transport = p->one[i].wire,
		.callbacks = &callbacks, .arg = &p->one[i],
	};

	tidal_fake_config_init(&fake, sizeof(fake));
	fake.frames = FRAMES;
	fake.hthreads = 1;
	fake.ram_bytes = (uint64_t)PAGES << TIDAL_PAGE_SHIFT;
	assert_int_equal(tidal_fake_open(&fake, &p->one[i].host), 0);
	tidal_params_init(&params, sizeof(params), FRAMES);
	params.node = (tidal_nodeid)i;
	params.nodes = NODES;
	params.seed = i + 1;
	params.flags = TIDAL_PARAM_RETIRE_EVENTS;
	params.vmap = i == 0 ? &p->vmap : NULL;
	params.topology = &p->topology;
	c.host = p->one[i].host;
	assert_int_equal(tidal_node_open(&c, &p->one[i].node), 0);
}

static void step(struct pod *p, unsigned except)
{
	for (unsigned i = 0; i < NODES; i++)
		if (i != except)
			assert_in_range(tidal_node_step(p->one[i].node, now() - p->begun, 100), 0, 1);
}

static bool knows_all(const struct pod *p, unsigned i)
{
	for (unsigned k = 0; k < NODES; k++)
		if (k != i && state_of(p->one[i].wire, k) != TIDAL_FABRIC_UP)
			return false;
	return true;
}

static struct pod *pod_open(const char *provider)
{
	struct pod *p = calloc(1, sizeof(*p));
	struct tidal_fabric_config config;
	bool ready = false;

	assert_non_null(p);
	p->begun = now();
	assert_int_equal(tidal_topology_regular(&p->topology, p->objects, 4, 1, 1, 1), 0);
	assert_int_equal(tidal_vmap_init(&p->vmap, sizeof(p->vmap), PAGES, 1), 0);
	for (unsigned i = 0; i < NODES; i++) {
		config = config_for(provider, i);
		p->one[i].wire = open_end(&config);
	}
	for (unsigned i = 0; i < NODES; i++)
		for (unsigned k = 0; k < NODES; k++)
			if (i != k)
				add_peer(p->one[i].wire, k, p->one[k].wire);
	for (unsigned i = 0; i < NODES; i++)
		open_node(p, i);
	for (tidal_time end = now() + PATIENCE; !ready && now() < end;) {
		step(p, NODES);
		ready = true;
		for (unsigned i = 0; i < NODES; i++)
			ready &= p->one[i].ready > 0 && knows_all(p, i);
	}
	assert_true(ready);
	return p;
}

static void pod_close(struct pod *p)
{
	for (unsigned i = 0; i < NODES; i++) {
		tidal_node_close(p->one[i].node);
		tidal_fabric_ops()->close(p->one[i].wire);
		tidal_fake_ops()->close(p->one[i].host);
	}
	free(p);
}

static int access_memory(struct pod *p, unsigned node, tidal_gpa gpa, void *buf, size_t len, int write)
{
	p->status = 1;
	assert_int_equal(tidal_node_access(p->one[node].node, gpa, buf, len, write,
					   (uintptr_t)&p->status), 0);
	for (tidal_time end = now() + PATIENCE; p->status == 1 && now() < end;)
		step(p, NODES);
	return p->status;
}

static void test_memory_is_shared(void **state)
{
	static uint8_t buf[BYTES];
	struct tidal_node_stats stats;
	struct pod *p;
	uint32_t x = 1;

	if (!is_here(*state))
		skip();
	p = pod_open(*state);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		x = x * 1664525 + 1013904223;
		size_t len = 1 + (x >> 8) % BYTES, at = (x >> 4) % (sizeof(p->memory) - len);
		unsigned node = (x >> 28) % NODES;

		if (x >> 27 & 1) {
			memset(buf, (int)(round + 1), len);
			memcpy(p->memory + at, buf, len);
			assert_int_equal(access_memory(p, node, at, buf, len, 1), 0);
		} else {
			assert_int_equal(access_memory(p, node, at, buf, len, 0), 0);
			assert_memory_equal(buf, p->memory + at, len);
		}
	}
	for (unsigned i = 0; i < NODES; i++) {
		assert_int_equal(p->one[i].other + p->one[i].silent + p->one[i].down, 0);
		tidal_node_stats(p->one[i].node, &stats, sizeof(stats));
		assert_true(stats.messages > 0);
		assert_int_equal(stats.messages_dropped + stats.sends_failed, 0);
	}
	pod_close(p);
}

/* Node 2 stands still: the others' embedders hear of it, with its name. */
static void test_a_silent_node_is_reported(void **state)
{
	struct pod *p;

	if (!is_here(*state))
		skip();
	p = pod_open(*state);
	for (tidal_time end = now() + PATIENCE; !(p->one[0].silent && p->one[1].silent) && now() < end;)
		step(p, 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(p->one[i].silent, 1);
		assert_int_equal(p->one[i].who, 2);
		assert_int_equal(p->one[i].down, 0);
	}
	pod_close(p);
}

#define CASE(f, p) { #f " " p, f, NULL, NULL, (void *)(uintptr_t)p }

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_memory_is_shared, "net"),
		CASE(test_memory_is_shared, "tcp;ofi_rxm"),
		CASE(test_memory_is_shared, "shm"),
		CASE(test_a_silent_node_is_reported, "net"),
	};

	return is_here("net") ? cmocka_run_group_tests_name("nodes", tests, NULL, NULL) : 77;
}
