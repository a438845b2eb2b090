/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tidal/hwloc.h - the topology of this machine, for tidal_params.topology.
 *
 * Nobody calls it unasked: an embedder that describes its node by hand just doesn't.
 */
#ifndef TIDAL_HWLOC_H
#define TIDAL_HWLOC_H

#include <tidal/error.h>
#include <tidal/topology.h>

TIDAL_BEGIN_DECLS

/*
 * Fill *objects* (room for *room* entries, at most TIDAL_TOPO_MAX are used) with the sockets,
 * cores and hyperthreads that this process may run on, and point *topo* at it. os_index is the
 * operating system's number of each. At most *threads* hyperthreads are taken, in hwloc's
 * order; 0: all, up to TIDAL_HTHREADS_MAX. The array stays the caller's and must outlive *topo*.
 * Errors: EINVAL; ENOMEM: *room* is too small, or memory is short; ENOSYS: built without hwloc;
 * EIO: hwloc can't tell. Any thread.
 */
TIDAL_API TIDAL_CHECKED int tidal_topology_hwloc(struct tidal_topology *topo,
						 struct tidal_topo_object *objects, size_t room,
						 unsigned threads);

TIDAL_END_DECLS

#endif
