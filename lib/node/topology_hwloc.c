/* SPDX-License-Identifier: BSD-3-Clause */
/* The machine's topology as hwloc sees it, cut down to what the scheduler uses. */
#include <hwloc.h>
#include <tidal/hwloc.h>

struct fill {
	struct tidal_topo_object *objects;
	size_t room;
	uint32_t count;
	unsigned threads, threads_max;
};

static int add(struct fill *f, unsigned kind, uint32_t parent, unsigned os_index)
{
	if (f->count == f->room)
		return TIDAL_ENOMEM;
	f->objects[f->count++] = (struct tidal_topo_object){
		.kind = (uint16_t)kind, .parent = (uint16_t)parent, .os_index = os_index,
	};
	return 0;
}

static int kind_of(hwloc_obj_type_t type)
{
	switch (type) {
	case HWLOC_OBJ_PACKAGE:
		return TIDAL_TOPO_SOCKET;
	case HWLOC_OBJ_CORE:
		return TIDAL_TOPO_CORE;
	case HWLOC_OBJ_PU:
		return TIDAL_TOPO_THREAD;
	default:
		return -1; /* caches and groups: not levels of ours */
	}
}

/* Depth first, so that the threads come in hwloc's order. The depth is hwloc's: about ten. */
static int walk(struct fill *f, hwloc_obj_t object, uint32_t parent)
{
	int kind = kind_of(object->type), err = 0;

	if (f->threads == f->threads_max)
		return 0;
	if (kind >= 0) {
		err = add(f, (unsigned)kind, parent, object->os_index);
		parent = f->count - 1;
		f->threads += kind == TIDAL_TOPO_THREAD;
	}
	for (unsigned i = 0; !err && i < object->arity; i++)
		err = walk(f, object->children[i], parent);
	return err;
}

int tidal_topology_hwloc(struct tidal_topology *topo, struct tidal_topo_object *objects,
			 size_t room, unsigned threads)
{
	struct fill f = { .objects = objects, .threads_max = threads };
	hwloc_topology_t machine;
	int err;

	if (!topo || !objects)
		return TIDAL_EINVAL;
	f.room = room < TIDAL_TOPO_MAX ? room : TIDAL_TOPO_MAX;
	if (threads == 0 || threads > TIDAL_HTHREADS_MAX)
		f.threads_max = TIDAL_HTHREADS_MAX;
	if (hwloc_topology_init(&machine) != 0)
		return TIDAL_ENOMEM;
	err = hwloc_topology_load(machine) == 0 ? 0 : TIDAL_EIO;
	if (!err)
		err = add(&f, TIDAL_TOPO_NODE, 0, 0);
	if (!err)
		err = walk(&f, hwloc_get_root_obj(machine), 0);
	hwloc_topology_destroy(machine);
	if (!err && f.threads == 0)
		err = TIDAL_EIO;
	if (!err)
		*topo = (struct tidal_topology){ objects, f.count };
	return err;
}
