/* SPDX-License-Identifier: BSD-3-Clause */
/* options.h - what the command line asks for. */
#ifndef MINI_POD_OPTIONS_H
#define MINI_POD_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include <tidal/policy.h>

#define MINI_POD_NODES_MAX 64
#define MINI_POD_VCPUS_MAX 64
#define MINI_POD_HTHREADS_MAX 64

struct options {
	uint32_t nodes, vcpus, hthreads;
	uint64_t memory;      /* of the guest, bytes */
	uint64_t node_memory; /* of each node, bytes */
	const struct tidal_policy_ops *policy;
	uint32_t loss_ppm;
	int reorder;
	uint64_t seed;
	int start_at_master; /* all vCPUs start on node 0 */
	int quiet;
	const char *record;  /* file for node 0's event log, or NULL */
	const char *program; /* NULL: the demo */
	const char *input;   /* NULL: none */
	const char *self;    /* how mini-pod was called */
};

/* What the options are when nobody says otherwise. */
void options_init(struct options *options);

/*
 * Read the command line. 0: go on; 1: there is nothing more to do (--help, --version);
 * else an exit code, after a complaint.
 */
int options_parse(struct options *options, int argc, char **argv);

#endif
