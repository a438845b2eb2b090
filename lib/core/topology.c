/* SPDX-License-Identifier: BSD-3-Clause */
/* Topologies: made regular, and checked. */
#include "topology.h"

#include <tidal/error.h>

struct growing {
	struct tidal_topo_object *objects;
	uint32_t count;
};

static uint16_t add(struct growing *g, uint16_t kind, uint16_t parent, uint32_t os_index)
{
	g->objects[g->count] = (struct tidal_topo_object){ kind, parent, os_index };
	return (uint16_t)g->count++;
}

int tidal_topology_regular(struct tidal_topology *topo, struct tidal_topo_object *objects,
			   size_t room, unsigned sockets, unsigned cores_per_socket,
			   unsigned threads_per_core)
{
	struct growing g = { objects, 0 };
	uint32_t cores, threads;

	if (!sockets || !cores_per_socket || !threads_per_core)
		return TIDAL_EINVAL;
	/* Each alone first, so that the products can't overflow. */
	if (sockets > TIDAL_HTHREADS_MAX || cores_per_socket > TIDAL_HTHREADS_MAX ||
	    threads_per_core > TIDAL_HTHREADS_MAX)
		return TIDAL_ERANGE;
	cores = sockets * cores_per_socket;
	threads = cores * threads_per_core;
	if (threads > TIDAL_HTHREADS_MAX || 1 + sockets + cores + threads > TIDAL_TOPO_MAX)
		return TIDAL_ERANGE;
	if (room < 1 + sockets + cores + threads)
		return TIDAL_ENOMEM;

	add(&g, TIDAL_TOPO_NODE, 0, 0);
	for (uint32_t s = 0; s < sockets; s++) {
		uint16_t socket = add(&g, TIDAL_TOPO_SOCKET, 0, s);

		for (uint32_t c = s * cores_per_socket; c < (s + 1) * cores_per_socket; c++) {
			uint16_t core = add(&g, TIDAL_TOPO_CORE, socket, c);

			for (uint32_t t = 0; t < threads_per_core; t++)
				add(&g, TIDAL_TOPO_THREAD, core, c * threads_per_core + t);
		}
	}
	topo->objects = objects;
	topo->count = g.count;
	return 0;
}

/* What is wrong with an object other than the first; NULL: nothing. */
static const char *object_fault(const struct tidal_topo_object *objects, uint32_t i)
{
	if (objects[i].kind > TIDAL_TOPO_THREAD)
		return "topology: an object of unknown kind";
	if (objects[i].parent >= i)
		return "topology: an object before its parent";
	if (objects[i].kind <= objects[objects[i].parent].kind)
		return "topology: kinds must go from node to socket to core to thread";
	return NULL;
}

static int fail(int err, const char **why, const char *text)
{
	if (why)
		*why = text;
	return err;
}

int topology_check(const struct tidal_topology *topology, const char **why)
{
	const struct tidal_topo_object *objects = topology->objects;
	uint32_t threads = 0;

	if (!objects || topology->count < 2 || topology->count > TIDAL_TOPO_MAX)
		return fail(TIDAL_ERANGE, why, "topology: objects: 2 .. 1024");
	if (objects[0].kind != TIDAL_TOPO_NODE || objects[0].parent != 0)
		return fail(TIDAL_EINVAL, why, "topology: object 0 must be the node, its own parent");
	for (uint32_t i = 1; i < topology->count; i++) {
		const char *fault = object_fault(objects, i);

		if (fault)
			return fail(TIDAL_EINVAL, why, fault);
		threads += objects[i].kind == TIDAL_TOPO_THREAD;
	}
	if (threads < 1 || threads > TIDAL_HTHREADS_MAX)
		return fail(TIDAL_ERANGE, why, "topology: threads: 1 .. 512");
	return 0;
}
