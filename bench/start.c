/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * start - from nothing to the MAP action of the guest's first stall: the largest guest, one core
 * on memory that nobody has touched before.
 */
#include "bench.h"
#include "pod.h"
#include "report.h"

#define ROUNDS 21
#define GUEST_PAGES (UINT64_C(1) << TIDAL_GFN_BITS)
#define NODE_FRAMES (4u << 20) /* 16 GiB */

static void push(struct tidal_core *core, const struct tidal_event *ev)
{
	if (tidal_core_push(core, 1, ev))
		fail("an event is refused");
}

/* Pull everything, and do what is asked for, until the core says nothing more or maps. */
static bool pull_until_map(struct tidal_core *core)
{
	struct tidal_event done = { .kind = TIDAL_EV_HOST_DONE };
	struct tidal_action a;

	while (tidal_core_pull(core, &a)) {
		if (a.kind == TIDAL_ACT_MAP)
			return true;
		if (a.kind != TIDAL_ACT_ZERO)
			continue;
		done.u.done.token = a.u.frame.token;
		push(core, &done);
	}
	return false;
}

/* The vCPU runs; frames are being zeroed in the background. */
static void pull_until_run(struct tidal_core *core)
{
	struct tidal_action a;

	while (tidal_core_pull(core, &a))
		if (a.kind == TIDAL_ACT_RUN)
			return;
	fail("the vCPU does not run");
}

static void make_params(struct tidal_params *p, struct tidal_vmap *map, unsigned nodes)
{
	tidal_params_init(p, sizeof(*p), NODE_FRAMES);
	p->nodes = (uint16_t)nodes;
	p->vmap = map;
	if (tidal_vmap_init(map, sizeof(*map), GUEST_PAGES, 64))
		fail("the map is wrong");
}

static uint64_t start(unsigned nodes, size_t *bytes, size_t *touched)
{
	struct tidal_event go = { .kind = TIDAL_EV_COMMAND }, stall = { .kind = TIDAL_EV_STALL };
	struct tidal_params p;
	struct tidal_vmap map;
	struct tidal_core *core;
	uint64_t from = clock_ns(), ns;
	void *mem;

	make_params(&p, &map, nodes);
	*bytes = tidal_core_footprint(&p);
	mem = pod_memory(*bytes);
	if (tidal_core_init(mem, *bytes, &p, &core))
		fail("the core does not start");
	go.u.command.command = TIDAL_CMD_CONTINUE;
	push(core, &go);
	pull_until_run(core);
	stall.u.stall.access = TIDAL_WRITE;
	stall.u.stall.gpa = (GUEST_PAGES / 3) << TIDAL_PAGE_SHIFT;
	push(core, &stall);
	if (!pull_until_map(core))
		fail("the page is not mapped");
	ns = clock_ns() - from;
	*touched = pod_memory_touched(mem);
	pod_memory_free(mem, *bytes);
	return ns;
}

/* What the kernel takes for the same memory. */
static uint64_t touch(size_t bytes, size_t touched)
{
	uint64_t from = clock_ns(), ns;
	volatile unsigned char *mem = pod_memory(bytes);

	for (size_t i = 0; i < touched; i += TIDAL_PAGE_SIZE)
		mem[i] = 1;
	ns = clock_ns() - from;
	pod_memory_free((void *)mem, bytes);
	return ns;
}

static void start_of(unsigned nodes, const char *time_name, const char *touched_name,
		     const char *reserved_name)
{
	double ms[ROUNDS], floor[ROUNDS];
	size_t bytes = 0, touched = 0;

	for (unsigned r = 0; r < ROUNDS; r++) {
		ms[r] = (double)start(nodes, &bytes, &touched) / 1e6;
		floor[r] = (double)touch(bytes, touched) / 1e6;
	}
	report_figure(&(struct figure){
		.name = time_name, .unit = "ms", .value = median(ms, ROUNDS), .goal = AT_MOST,
		.goal_value = 50, .floor = median(floor, ROUNDS),
		.floor_name = "to touch as much new memory" });
	report_figure(&(struct figure){ .name = touched_name, .unit = "MiB",
					.value = (double)touched / (1 << 20), .goal = AT_MOST,
					.goal_value = 2 });
	report_figure(&(struct figure){ .name = reserved_name, .unit = "MiB",
					.value = (double)bytes / (1 << 20) });
}

void bench_start(void)
{
	start_of(1, "one node: until the first MAP", "one node: memory touched",
		 "one node: address space reserved");
	start_of(8, "master of 8 nodes: until the first MAP",
		 "master of 8 nodes: memory touched",
		 "master of 8 nodes: address space reserved");
}
