/* SPDX-License-Identifier: BSD-3-Clause */
/* NUMA nodes: one, as far as is known without hwloc. */
#include <stdlib.h>
#include <tidal/error.h>
#include <unistd.h>

#include "numa.h"

struct numa {
	unsigned cpus;
};

int numa_open(struct numa **numa, const char *synthetic)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (synthetic)
		return TIDAL_ENOSYS;
	*numa = malloc(sizeof(**numa));
	if (!*numa)
		return TIDAL_ENOMEM;
	(*numa)->cpus = cpus > 0 ? (unsigned)cpus : 1;
	return 0;
}

void numa_close(struct numa *numa)
{
	free(numa);
}

unsigned numa_nodes(const struct numa *numa)
{
	(void)numa;
	return 1;
}

unsigned numa_os_index(const struct numa *numa, unsigned n)
{
	(void)numa;
	return n;
}

unsigned numa_cpus(const struct numa *numa, unsigned n)
{
	(void)n;
	return numa->cpus;
}

int numa_bind(const struct numa *numa, unsigned n, pthread_t thread)
{
	(void)numa;
	(void)n;
	(void)thread;
	return 0;
}
