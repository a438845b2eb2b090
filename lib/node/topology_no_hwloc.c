/* SPDX-License-Identifier: BSD-3-Clause */
/* A build without hwloc can't tell the machine's topology. */
#include <tidal/hwloc.h>

int tidal_topology_hwloc(struct tidal_topology *topo, struct tidal_topo_object *objects,
			 size_t room, unsigned threads)
{
	(void)room;
	(void)threads;
	return topo && objects ? TIDAL_ENOSYS : TIDAL_EINVAL;
}
