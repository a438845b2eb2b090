/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pages - bytes of the core's memory for each page of the guest that has contents on the node:
 * address space (what the footprint grows by with every frame) and memory that was touched, slack and
 * what a core always needs included, in all and by component.
 */
#include <stdio.h>

#include "bench.h"
#include "core/core_state.h"
#include "pod.h"
#include "report.h"

#define FRAMES (1u << 20) /* 4 GiB */
#define KEPT 128 /* frames to receive into, and the reserve */
#define GUEST_PAGES (UINT64_C(1) << TIDAL_GFN_BITS)

enum part { PAGE_TABLE, FRAME_LISTS, COPYSETS, RANGES, HOMES, HINTS, REST, PARTS };

static const char *const part_names[PARTS] = {
	[PAGE_TABLE] = "page table", [FRAME_LISTS] = "lists of frames",
	[COPYSETS] = "copysets", [RANGES] = "dormant ranges", [HOMES] = "owners, as home",
	[HINTS] = "owners, hints", [REST] = "the rest",
};

/* ---- touched ---- */

static size_t used(const void *owner, rel at, size_t bytes)
{
	return pod_memory_used((const char *)owner + at, bytes);
}

static size_t table_used(const struct table *t)
{
	return used(t, t->slots, t->size * sizeof(struct entry));
}

static size_t bitmap_used(const struct bitmap *b, uint32_t size)
{
	size_t bytes = 0;

	for (uint32_t level = 0; level < b->levels; level++) {
		size = size / 64 + 1;
		bytes += used(b, b->words[level], size * sizeof(uint64_t));
	}
	return bytes;
}

static void look(const struct tidal_core *core, size_t part[PARTS])
{
	const struct ranges *r = &core->ranges;
	const struct owners *o = &core->owners;
	const struct frames *f = &core->frames;

	part[PAGE_TABLE] = table_used(&core->pages.table);
	part[COPYSETS] = table_used(&core->pages.copies);
	part[FRAME_LISTS] = bitmap_used(&f->zeroed.cold, f->total) +
			    bitmap_used(&f->dirty.cold, f->total);
	part[RANGES] = table_used(&r->table) +
		       used(r, r->masks, r->masks_size * sizeof(struct range_mask));
	part[HOMES] = table_used(&o->pages) + table_used(&o->ranges);
	part[HINTS] = used(o, o->hints, o->hints_size * sizeof(struct entry)) +
		      used(o, o->range_hints, o->range_hints_size * sizeof(struct entry));
	part[REST] = pod_memory_touched(core);
	for (unsigned i = 0; i < REST; i++)
		part[REST] -= part[i];
}

static void figure(const char *scene, const char *what, double value, double goal)
{
	char name[96];

	snprintf(name, sizeof(name), "%s: %s", scene, what);
	report_figure(&(struct figure){ .name = name, .unit = "B", .value = value,
					.goal = goal > 0 ? AT_MOST : NO_GOAL, .goal_value = goal });
}

static void report_parts(const char *scene, const size_t part[PARTS], uint64_t pages, double goal)
{
	double sum = 0;

	for (unsigned i = 0; i < PARTS; i++) {
		double bytes = (double)part[i] / (double)pages;

		sum += bytes;
		if (bytes >= 0.005)
			figure(scene, part_names[i], bytes, 0);
	}
	figure(scene, "all components", sum, goal);
}

static void add(size_t sum[PARTS], const size_t part[PARTS])
{
	for (unsigned i = 0; i < PARTS; i++)
		sum[i] += part[i];
}

static void look_at_all(struct pod *pod, unsigned nodes, size_t sum[PARTS])
{
	for (unsigned i = 0; i < PARTS; i++)
		sum[i] = 0;
	for (unsigned n = 0; n < nodes; n++) {
		size_t part[PARTS];

		look(pod_core(pod, n), part);
		add(sum, part);
	}
}

/* Pages *stride* apart are written by node 0 and then, if there are two, by node 1. */
static void touch_pages(const char *scene, unsigned nodes, uint64_t pages, uint64_t stride,
			double goal)
{
	const struct pod_config c = {
		.nodes = nodes, .pages = GUEST_PAGES, .frames = FRAMES,
		.flags = TIDAL_PARAM_IDEAL_LINK,
	};
	struct pod *pod = pod_open(&c);
	size_t part[PARTS];

	for (unsigned n = 0; n < nodes; n++)
		for (uint64_t i = 0; i < pages; i++)
			pod_touch(pod, n, i * stride, TIDAL_WRITE);
	look_at_all(pod, nodes, part);
	report_parts(scene, part, pages, goal);
	pod_close(pod);
}

/* ---- reserved ---- */

/* Bytes that a component with parameters *p* takes. */
static void measure(const struct tidal_params *p, double part[PARTS])
{
	const struct owners_config owners = { p->homes, 4, p->nodes, 0 };
	const struct owners_config hints = { p->homes, p->hints, p->nodes, 0 };
	const struct frames_config frames = { p->frames, p->landing, p->reserve, p->low, p->high };
	struct arena a[PARTS] = { { 0 } };
	struct owners o;
	struct frames f;
	struct ranges r;
	struct pages g;

	table_init(&g.table, &a[COPYSETS], p->frames / 2 + 4, 35); /* as in pages_init() */
	pages_init(&g, &a[PAGE_TABLE], p->frames, p->nodes, 0);
	frames_init(&f, &a[FRAME_LISTS], &frames);
	ranges_init(&r, &a[RANGES], p->ranges);
	owners_init(&o, &a[HOMES], &owners);
	owners_init(&o, &a[HINTS], &hints);
	a[PAGE_TABLE].used -= a[COPYSETS].used;
	a[HINTS].used -= a[HOMES].used;
	part[REST] = (double)tidal_core_footprint(p);
	for (unsigned i = 0; i < REST; i++) {
		part[i] = (double)a[i].used;
		part[REST] -= part[i];
	}
}

static void reserved(void)
{
	double small[PARTS], large[PARTS], sum = 0;
	struct tidal_params p;
	struct tidal_vmap map;

	if (tidal_vmap_init(&map, sizeof(map), GUEST_PAGES, 1))
		fail("the map is wrong");
	tidal_params_init(&p, sizeof(p), FRAMES);
	p.vmap = &map;
	measure(&p, small);
	tidal_params_init(&p, sizeof(p), 2 * FRAMES);
	p.vmap = &map;
	measure(&p, large);
	for (unsigned i = 0; i < PARTS; i++) {
		double grown = (large[i] - small[i]) / FRAMES;

		sum += grown;
		if (grown >= 0.005)
			figure("address space per frame", part_names[i], grown, 0);
	}
	figure("address space per frame", "all components", sum, 0);
}

void bench_pages(void)
{
	reserved();
	touch_pages("dense, all frames", 1, FRAMES - KEPT, 1, 24);
	touch_pages("dense, half of the frames", 1, FRAMES / 2, 1, 0);
	touch_pages("one page of every 2 MiB", 1, FRAMES / 4, TIDAL_RANGE_PAGES, 0);
	touch_pages("dense, from node 0 to node 1, both", 2, FRAMES - FRAMES / 8, 1, 0);
}
