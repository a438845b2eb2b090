/* SPDX-License-Identifier: BSD-3-Clause */
/* options.h - what the command line asks for, and a pod file (podfile.h). */
#ifndef MINI_POD_OPTIONS_H
#define MINI_POD_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include <tidal/policy.h>

#define MINI_POD_NODES_MAX 64
#define MINI_POD_VCPUS_MAX 64
#define MINI_POD_HTHREADS_MAX 64
#define MINI_POD_NAME_MAX 64
#define MINI_POD_NO_NODE UINT32_MAX

/* A node that has a process of its own. */
struct place {
	char name[MINI_POD_NAME_MAX]; /* "": none */
	char host[MINI_POD_NAME_MAX]; /* a numeric address */
	uint32_t port;		      /* of node 0: where the nodes meet; others: 0, any */
};

struct machine; /* machine.h */

struct options {
	const struct machine *machine;
	uint32_t nodes, vcpus, hthreads;
	int nodes_given;
	uint64_t memory;      /* of the guest, bytes */
	uint64_t node_memory; /* of each node, bytes */
	const struct tidal_policy_ops *policy;
	uint32_t loss_ppm;
	int reorder;
	uint64_t seed;
	int start_at_master; /* all vCPUs start on node 0 */
	int quiet;
	const char *json;    /* file for the table as JSON, or NULL */
	const char *record;  /* file for node 0's event log, or NULL */
	const char *trace;   /* file for what happens, or NULL */
	uint32_t trace_events; /* the most that it may have */
	const char *merge_trace; /* put the parts of this one together, and no more */
	const char *program; /* NULL: the demo */
	const char *input;   /* NULL: none */
	const char *self;    /* how mini-pod was called */

	/* A process per node. */
	int processes;		/* all of them are made here */
	const char *pod_file;	/* or this one is a node of the pod that the file describes */
	int pmix;		/* or of one that a launcher has started */
	const char *address;	/* with pmix, where others reach this one; NULL: by itself */
	uint32_t node;		/* which */
	char provider[32];	/* libfabric's name */
	uint32_t join_s;	/* how long nodes wait for each other to begin with */
	uint32_t silence_s;	/* a node that is not heard for so long is lost */
	struct place place[MINI_POD_NODES_MAX];

	/* How what is being read calls its settings; the first setting of the pod that was given. */
	const char *where, *described;
};

/* What --help prints: each program has its own. */
extern const char options_help[];

/* What the options are when nobody says otherwise. */
void options_init(struct options *options);

/*
 * Read the command line. 0: go on; 1: there is nothing more to do (--help, --version);
 * else an exit code, after a complaint.
 */
int options_parse(struct options *options, int argc, char **argv);

/* Set what describes a pod, by its name on the command line. 0, or an exit code. */
int options_set(struct options *options, const char *name, const char *text);
/* When all is set: what follows from it. 0, or an exit code. */
int options_finish(struct options *options);

#endif
