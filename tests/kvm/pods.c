/* SPDX-License-Identifier: BSD-3-Clause */
/* See pods.h. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "pods.h"

void pod_open(struct pod *pod, unsigned nodes, const struct vm_config *config)
{
	struct tidal_inproc_config wire;

	pod->nodes = nodes;
	tidal_inproc_config_init(&wire, sizeof(wire));
	wire.nodes = nodes;
	wire.threads = 1;
	assert_int_equal(tidal_inproc_open(&wire, &pod->net), 0);
	for (unsigned i = 0; i < nodes; i++) {
		struct vm_config c = *config;

		assert_int_equal(tidal_inproc_endpoint(pod->net, (tidal_nodeid)i, &pod->wire[i]),
				 0);
		c.self = i;
		c.nodes = nodes;
		c.wire_ops = tidal_inproc_ops();
		c.wire = pod->wire[i];
		vm_open(&pod->vm[i], &c);
	}
	for (unsigned i = 0; i < nodes; i++)
		for (unsigned us = 0; !atomic_load(&pod->vm[i].ready); us += 1000) {
			assert_true(us < POD_PATIENCE_US);
			usleep(1000);
		}
}

void pod_close(struct pod *pod)
{
	unsigned failures = 0;

	for (unsigned i = 0; i < pod->nodes; i++) {
		failures += atomic_load(&pod->vm[i].failures);
		vm_close(&pod->vm[i]);
	}
	for (unsigned i = 0; i < pod->nodes; i++)
		tidal_inproc_ops()->close(pod->wire[i]);
	tidal_inproc_close(pod->net);
	assert_int_equal(failures, 0);
}

void pod_continue(struct pod *pod)
{
	for (unsigned i = 0; i < pod->nodes; i++)
		vm_continue(&pod->vm[i]);
}

unsigned pod_move_one(struct pod *pod, unsigned *seed)
{
	unsigned v = (unsigned)rand_r(seed) % pod->vm[0].config.vcpus;
	unsigned to = (unsigned)rand_r(seed) % pod->nodes;

	for (unsigned i = 0; i < pod->nodes; i++)
		if (i != to && vm_move(&pod->vm[i], v, to) == 0)
			return 1;
	return 0;
}

unsigned pod_stir(struct pod *pod, unsigned pause_us, unsigned *seed)
{
	unsigned moves = 0, us = 0;

	while (atomic_load(&pod->vm[0].done) < pod->vm[0].config.vcpus) {
		unsigned pause = pause_us ? 200 + (unsigned)rand_r(seed) % pause_us : 500;

		usleep(pause);
		us += pause;
		moves += pause_us ? pod_move_one(pod, seed) : 0;
		assert_true(us <= POD_PATIENCE_US);
	}
	return moves;
}

struct tidal_kvm_info pod_info(struct pod *pod)
{
	struct tidal_kvm_info sum;

	memset(&sum, 0, sizeof(sum));
	for (unsigned i = 0; i < pod->nodes; i++) {
		struct tidal_kvm_info info = { .size = sizeof(info) };

		tidal_kvm_info(pod->vm[i].host, &info);
		sum.faults += info.faults;
		sum.saves += info.saves;
		sum.loads += info.loads;
		sum.cancels += info.cancels;
		sum.stuck += info.stuck;
	}
	return sum;
}
