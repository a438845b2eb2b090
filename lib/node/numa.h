/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * numa - the NUMA nodes of this machine that have processors: how frames are dealt out to them, and
 * threads bound to them. Without hwloc there is one, and nothing is bound.
 */
#ifndef TIDAL_NODE_NUMA_H
#define TIDAL_NODE_NUMA_H

#include <pthread.h>
#include <tidal/base.h>

#define NUMA_MAX 64 /* those beyond get nothing to do */

struct numa;

/* synthetic: NULL: this machine; else one that hwloc makes up of these words. ENOMEM, EIO; EINVAL: no
 * such words; ENOSYS: a machine that is made up, without hwloc. */
int numa_open(struct numa **numa, const char *synthetic);
void numa_close(struct numa *numa);

unsigned numa_nodes(const struct numa *numa);
/* The number that the system has for the n-th, and how many processors. */
unsigned numa_os_index(const struct numa *numa, unsigned n);
unsigned numa_cpus(const struct numa *numa, unsigned n);
/* EIO; with one NUMA node, or on a machine that is made up, there is nothing to do. */
int numa_bind(const struct numa *numa, unsigned n, pthread_t thread);

/*
 * Whose frame is it? An aligned 64, which are zeroed together, belong to one; the nodes take turns, so
 * that all have something to do from the first frame on.
 */
static inline unsigned numa_of(unsigned nodes, tidal_frame frame)
{
	return frame / 64 % nodes;
}

#endif
