/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * machine.h - the guest's machine: what its processors and devices are, and which host backend makes
 * it. Everything else of a pod is the same for all.
 */
#ifndef MINI_POD_MACHINE_H
#define MINI_POD_MACHINE_H

#include <tidal/host.h>
#include <tidal/vmap.h>

#include "options.h"

struct pod_node;

/* Where a vCPU begins, and its arguments: its number, and then what all have in common. */
struct boot {
	uint64_t pc;
	uint64_t a[6];
};

#define IMAGE_SEGMENTS 16
struct image { /* points into the file that it was read from */
	uint64_t entry;
	uint64_t end; /* first address after all segments */
	uint32_t segments;
	struct {
		uint64_t at;
		uint64_t bytes; /* copied from data; what follows is zero */
		const void *data;
	} segment[IMAGE_SEGMENTS];
};

/* Accesses to guest memory that a machine begins have cookies from here on. */
#define MACHINE_COOKIES ((uint64_t)1 << 63)

/* Functions return 0, or an exit code after a complaint, unless they say otherwise. */
struct machine {
	const char *name;   /* for --backend */
	const char *suffix; /* of files of guests that came with libtidal */
	const char *wants;  /* what a program must be: "a static RV64IMA program" */
	uint64_t memory;    /* of the guest, if nobody says how much */
	int real;	    /* its vCPUs run in threads, in real time; else in steps, in virtual time */
	const struct tidal_host_ops *(*host_ops)(void);

	/* Can it be as the options say? */
	int (*fits)(const struct options *options);
	/* Read an ELF file. Nonzero: *why (static) says why not. */
	int (*image)(const void *file, size_t len, struct image *image, const char **why);
	/* The guest's addresses are 0 .. its memory: that of one as the pod sees it, also of the end. */
	tidal_gpa (*gpa)(uint64_t address);
	/* Put the devices on the map. */
	void (*devices)(const struct options *options, struct tidal_vmap *map);

	/* Make node->host. close() in any case. */
	int (*open)(struct pod_node *node, const struct tidal_vmap *map);
	/* A vCPU begins to exist here. */
	int (*boot)(struct pod_node *node, tidal_vcpuid vcpu, const struct boot *boot);
	/* A device access, an access to memory that is over. The first as struct tidal_node_callbacks. */
	int (*io)(struct pod_node *node, tidal_vcpuid vcpu, tidal_gpa gpa, uint64_t *data,
		  unsigned bytes, int write);
	void (*accessed)(struct pod_node *node, uint64_t cookie, int status);
	/* Has a vCPU done what no program may do? */
	int (*faults)(struct pod_node *node);
	/* No vCPU does anything from now on; the node is closed then. */
	void (*stop)(struct pod_node *node);
	void (*close)(struct pod_node *node);
};

/* Those that this program has; the first is what it takes by itself. NULL ends them. */
extern const struct machine *const machines[];

extern const struct machine machine_fake;
extern const struct machine machine_kvm;

#endif
