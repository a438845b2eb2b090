/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tidal/vmap.h - the initial virtual resource map: what the guest is told it has,
 * and where each resource starts.
 *
 * The master gets it in its parameters; the core sends it to all other nodes
 * when the pod boots. Runs are compact so that it fits a few small messages
 * however large the guest is. Nothing in it changes afterwards: the current
 * map is each node's own.
 */
#ifndef TIDAL_VMAP_H
#define TIDAL_VMAP_H

#include <tidal/base.h>

TIDAL_BEGIN_DECLS

#define TIDAL_VMAP_RUNS 64   /* memory runs, and vCPU runs */
#define TIDAL_VMAP_DEVICES 16

/* Dormant memory [first, first + pages) starts at *node*; both multiples of 512 pages,
 * except that the last run may end anywhere. Runs ascend and leave no gap. */
struct tidal_vmap_memory {
	tidal_gfn first;
	uint64_t pages;
	tidal_nodeid node;
};

/* vCPUs [first, first + count) start at *node*. Runs ascend and leave no gap. */
struct tidal_vmap_vcpus {
	tidal_vcpuid first;
	uint16_t count;
	tidal_nodeid node;
};

/* Device registers [base, base + bytes) live at *node*. Outside of guest memory. */
struct tidal_vmap_device {
	tidal_gpa base;
	uint64_t bytes;
	tidal_nodeid node;
};

struct tidal_vmap {
	size_t size; /* sizeof(struct tidal_vmap) */
	uint32_t memory_runs, vcpu_runs, devices;
	struct tidal_vmap_memory memory[TIDAL_VMAP_RUNS];
	struct tidal_vmap_vcpus vcpu[TIDAL_VMAP_RUNS];
	struct tidal_vmap_device device[TIDAL_VMAP_DEVICES];
};

/*
 * The plain map: *pages* of dormant memory and *vcpus* vCPUs, all at node 0.
 * Add devices, or change the runs, afterwards. Returns 0, or TIDAL_ERANGE: *size* is not
 * that of the struct, pages are not 1 .. 2^34, or vCPUs not 1 .. 1024.
 */
TIDAL_API TIDAL_CHECKED int tidal_vmap_init(struct tidal_vmap *map, size_t size, uint64_t pages,
					    unsigned vcpus);

/* 0, or TIDAL_EINVAL/TIDAL_ERANGE with *why (static text) saying what is wrong with the map. */
TIDAL_API TIDAL_CHECKED int tidal_vmap_check(const struct tidal_vmap *map, unsigned nodes,
					     const char **why);

/* Number of guest pages / vCPUs that a (checked) map describes. */
TIDAL_API uint64_t tidal_vmap_pages(const struct tidal_vmap *map);
TIDAL_API unsigned tidal_vmap_vcpus(const struct tidal_vmap *map);

TIDAL_END_DECLS

#endif
