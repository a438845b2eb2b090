/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tidal/topology.h - the physical configuration of one node, as the scheduler sees it.
 *
 * A tree in an array: entry 0 is the node itself, every other entry names its
 * parent, which has a smaller index and a smaller kind; levels may be left out. The leaves (TIDAL_TOPO_THREAD) are the
 * hyperthreads that run vCPUs, numbered in order of appearance. The driver
 * fills it (from hwloc, or by hand); the core copies what it needs at init.
 */
#ifndef TIDAL_TOPOLOGY_H
#define TIDAL_TOPOLOGY_H

#include <tidal/base.h>

TIDAL_BEGIN_DECLS

enum tidal_topo_kind {
	TIDAL_TOPO_NODE = 0,
	TIDAL_TOPO_SOCKET = 1,
	TIDAL_TOPO_CORE = 2,
	TIDAL_TOPO_THREAD = 3,
};

struct tidal_topo_object {
	uint16_t kind;	 /* enum tidal_topo_kind */
	uint16_t parent; /* index into the array; the root names itself */
	uint32_t os_index; /* the operating system's number, for pinning; not used by the core */
};

#define TIDAL_TOPO_MAX 1024 /* objects per node */
#define TIDAL_HTHREADS_MAX 512

struct tidal_topology {
	const struct tidal_topo_object *objects;
	uint32_t count;
};

/*
 * Fill *objects* (room for *room* entries) with a regular tree and point *topo*
 * at it. The array stays the caller's and must outlive *topo*. Returns 0, or
 * TIDAL_EINVAL when a number is 0, TIDAL_ERANGE when the tree exceeds TIDAL_TOPO_MAX or
 * TIDAL_HTHREADS_MAX, TIDAL_ENOMEM when *room* is too small. Threads get the os_index of their number.
 */
TIDAL_API TIDAL_CHECKED int tidal_topology_regular(struct tidal_topology *topo,
						   struct tidal_topo_object *objects, size_t room,
						   unsigned sockets, unsigned cores_per_socket,
						   unsigned threads_per_core);

TIDAL_END_DECLS

#endif
