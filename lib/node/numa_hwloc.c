/* SPDX-License-Identifier: BSD-3-Clause */
/* NUMA nodes, by hwloc. */
#include <hwloc.h>
#include <stdlib.h>
#include <tidal/error.h>

#include "numa.h"

struct numa {
	hwloc_topology_t machine;
	unsigned nodes;
	hwloc_obj_t node[NUMA_MAX];
};

/* Some have memory only: nobody is at home there to zero it. */
static void find(struct numa *numa)
{
	hwloc_obj_t node = NULL;

	while ((node = hwloc_get_next_obj_by_type(numa->machine, HWLOC_OBJ_NUMANODE, node)))
		if (numa->nodes < NUMA_MAX && !hwloc_bitmap_iszero(node->cpuset))
			numa->node[numa->nodes++] = node;
}

int numa_open(struct numa **numa, const char *synthetic)
{
	struct numa *n = calloc(1, sizeof(*n));
	int err = 0;

	if (!n)
		return TIDAL_ENOMEM;
	if (hwloc_topology_init(&n->machine) != 0) {
		free(n);
		return TIDAL_ENOMEM;
	}
	if (synthetic && hwloc_topology_set_synthetic(n->machine, synthetic) != 0)
		err = TIDAL_EINVAL;
	if (!err && hwloc_topology_load(n->machine) != 0)
		err = TIDAL_EIO;
	if (!err)
		find(n);
	if (!err && n->nodes == 0)
		err = TIDAL_EIO;
	if (err)
		numa_close(n);
	else
		*numa = n;
	return err;
}

void numa_close(struct numa *numa)
{
	if (!numa)
		return;
	hwloc_topology_destroy(numa->machine);
	free(numa);
}

unsigned numa_nodes(const struct numa *numa)
{
	return numa->nodes;
}

unsigned numa_os_index(const struct numa *numa, unsigned n)
{
	return numa->node[n]->os_index;
}

unsigned numa_cpus(const struct numa *numa, unsigned n)
{
	return (unsigned)hwloc_bitmap_weight(numa->node[n]->cpuset);
}

int numa_bind(const struct numa *numa, unsigned n, pthread_t thread)
{
	if (numa->nodes == 1 || !hwloc_topology_is_thissystem(numa->machine))
		return 0;
	return hwloc_set_thread_cpubind(numa->machine, thread, numa->node[n]->cpuset, 0) == 0
		       ? 0 : TIDAL_EIO;
}
