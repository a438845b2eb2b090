/* SPDX-License-Identifier: BSD-3-Clause */
/* Threads on processors, by hwloc. */
#include <errno.h>
#include <hwloc.h>

#include "threads.h"

static int bind_to(hwloc_topology_t machine, pthread_t thread, uint32_t os_index)
{
	hwloc_obj_t pu = hwloc_get_pu_obj_by_os_index(machine, os_index);

	if (!pu)
		return TIDAL_ERANGE;
	if (hwloc_set_thread_cpubind(machine, thread, pu->cpuset, 0) == 0)
		return 0;
	return errno == ENOSYS ? TIDAL_ENOSYS : TIDAL_EIO;
}

int pin_thread(pthread_t thread, uint32_t os_index)
{
	hwloc_topology_t machine;
	int err;

	if (hwloc_topology_init(&machine) != 0)
		return TIDAL_ENOMEM;
	err = hwloc_topology_load(machine) == 0 ? bind_to(machine, thread, os_index) : TIDAL_EIO;
	hwloc_topology_destroy(machine);
	return err;
}
