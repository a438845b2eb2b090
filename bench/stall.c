/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stall - the time from a stall to its actions: the push of a TIDAL_EV_STALL and pulls until
 * there is nothing left to do. Several vCPUs stall one after the other, each on a page of its own,
 * between two looks at the clock (warm); or one, after everything was driven out of the
 * caches (cold). What it takes to have the pages back where they were is not measured.
 */
#include <stdlib.h>
#include <string.h>
#include <tidal/transport.h>
#include <unistd.h>

#include "bench.h"
#include "pod.h"
#include "report.h"

#define BATCH 16
#define PAGES 1024	   /* that stalls meet */
#define FRAMES 65536
#define ROUNDS 25
#define BATCHES (1000000 / ROUNDS / BATCH) /* in a round; a tenth where there is no goal */
#define INTERRUPTED 8 /* batches that took so many times the median were: by other processes */
#define COLD 200
#define ACTIONS (BATCH * 4)

struct scene {
	struct pod *pod;
	uint64_t random;
	tidal_gfn fresh; /* no page from here on has been touched */
	struct tidal_event ev[BATCH];
	tidal_gfn gfn[BATCH];
	struct tidal_action action[ACTIONS];
	unsigned char header[ACTIONS][TIDAL_HEADER_MAX];
	unsigned actions;
};

/* vCPUs 0 .. BATCH - 1 run on node 0, another one fills node 1: pages always come. */
static void tune(struct tidal_params *p, void *arg)
{
	(void)arg;
	p->vcpu_slots = p->node == 0 ? 64 : 1;
}

static void place(struct tidal_vmap *map, void *arg)
{
	const struct pod_config *c = arg;

	map->vcpu_runs = 1;
	map->vcpu[0] = (struct tidal_vmap_vcpus){ 0, BATCH, 0 };
	if (c->nodes > 1)
		map->vcpu[map->vcpu_runs++] = (struct tidal_vmap_vcpus){ BATCH, 1, 1 };
}

static struct pod *open_pod(unsigned nodes)
{
	struct pod_config c = {
		.nodes = nodes, .vcpus = BATCH + (nodes > 1), .hthreads = BATCH, .pages = FRAMES,
		.frames = FRAMES, .flags = TIDAL_PARAM_RETIRE_EVENTS, .tune = tune, .place = place,
	};

	c.arg = &c;
	return pod_open(&c);
}

/* ---- what stalls, and what is put right before and after ---- */

static void pick_any(struct scene *s)
{
	tidal_gfn first = pod_mix(s->random++) % PAGES;

	for (unsigned i = 0; i < BATCH; i++)
		s->gfn[i] = (first + i * (PAGES / BATCH)) % PAGES;
}

static void pick_fresh(struct scene *s)
{
	if (s->fresh + BATCH > FRAMES - 2048) {
		pod_close(s->pod);
		s->pod = open_pod(1);
		s->fresh = 0;
	}
	for (unsigned i = 0; i < BATCH; i++)
		s->gfn[i] = s->fresh++;
}

static void set_up_elsewhere(struct scene *s)
{
	pick_any(s);
	for (unsigned i = 0; i < BATCH; i++)
		pod_touch(s->pod, 1, s->gfn[i], TIDAL_WRITE);
}

static void set_up_copies(struct scene *s)
{
	set_up_elsewhere(s);
	for (unsigned i = 0; i < BATCH; i++)
		pod_touch(s->pod, 0, s->gfn[i], TIDAL_READ);
}

static void set_up_here(struct scene *s)
{
	pick_any(s);
	for (unsigned i = 0; i < BATCH; i++)
		pod_touch(s->pod, 0, s->gfn[i], TIDAL_WRITE);
}

enum stall_kind { REMOTE_WRITE, REMOTE_READ, UPGRADE, REMOTE_VMM, MAPPED, CONVERT, ZERO_MAP, KINDS };

static const struct kind {
	const char *name;
	unsigned nodes;
	enum tidal_access access;
	bool vmm;
	uint32_t expect; /* the action that the stall is about */
	bool goal;
	void (*set_up)(struct scene *);
} kinds[KINDS] = {
	[REMOTE_WRITE] = { "write, page elsewhere: decision, then SEND",
			   2, TIDAL_WRITE, false, TIDAL_ACT_SEND, true, set_up_elsewhere },
	[REMOTE_READ] = { "read, page elsewhere: decision, then SEND",
			  2, TIDAL_READ, false, TIDAL_ACT_SEND, true, set_up_elsewhere },
	[UPGRADE] = { "write, copy here: decision, then SEND",
		      2, TIDAL_WRITE, false, TIDAL_ACT_SEND, false, set_up_copies },
	[REMOTE_VMM] = { "write of a VMM thread, page elsewhere: SEND",
			 2, TIDAL_WRITE, true, TIDAL_ACT_SEND, false, set_up_elsewhere },
	[MAPPED] = { "write, page here and mapped by now: RUN",
		     2, TIDAL_WRITE, false, TIDAL_ACT_RUN, false, set_up_here },
	[CONVERT] = { "write, dormant page here: MAP of a zeroed frame",
		      1, TIDAL_WRITE, false, TIDAL_ACT_MAP, false, pick_fresh },
	[ZERO_MAP] = { "read, dormant page here: MAP of the page of zeroes",
		       1, TIDAL_READ, false, TIDAL_ACT_MAP, false, pick_fresh },
};

static void make_events(struct scene *s, const struct kind *k)
{
	for (unsigned i = 0; i < BATCH; i++) {
		s->ev[i] = (struct tidal_event){ .kind = TIDAL_EV_STALL };
		s->ev[i].u.stall.vcpu = k->vmm ? TIDAL_VCPU_NONE : (tidal_vcpuid)i;
		s->ev[i].u.stall.access = (uint16_t)k->access;
		s->ev[i].u.stall.gpa = s->gfn[i] << TIDAL_PAGE_SHIFT;
	}
}

/* What a driver has to do at once: the header is gone with the next pull. */
static void take(struct scene *s)
{
	struct tidal_action *a = &s->action[s->actions];

	if (a->kind == TIDAL_ACT_SEND) {
		memcpy(s->header[s->actions], a->u.send.header, a->u.send.len);
		a->u.send.header = s->header[s->actions];
	}
	if (++s->actions == ACTIONS)
		fail("more actions than expected");
}

/* The part that is measured. */
static uint64_t time_stalls(struct scene *s, unsigned count)
{
	struct tidal_core *core = pod_core(s->pod, 0);
	tidal_time now = pod_now(s->pod);
	uint64_t start = clock_ns();

	s->actions = 0;
	for (unsigned i = 0; i < count; i++) {
		if (tidal_core_push(core, now, &s->ev[i]))
			fail("a stall is refused");
		while (tidal_core_pull(core, &s->action[s->actions]))
			take(s);
	}
	return clock_ns() - start;
}

static void clean_up(struct scene *s, const struct kind *k, unsigned count)
{
	struct tidal_event retired = { .kind = TIDAL_EV_RETIRED };
	unsigned found = 0;

	for (unsigned i = 0; i < s->actions; i++) {
		found += s->action[i].kind == k->expect;
		pod_act(s->pod, 0, &s->action[i]);
	}
	if (found != count)
		fail("%s: %u of %u stalls did", k->name, found, count);
	pod_follow(s->pod, 0);
	pod_settle(s->pod, 1000);
	for (unsigned i = 0; i < count && !k->vmm; i++) {
		if (!pod_vcpu_runs(s->pod, (tidal_vcpuid)i, 0))
			fail("%s: vCPU %u does not go on", k->name, i);
		retired.u.retired.vcpu = (tidal_vcpuid)i;
		if (!pod_push(s->pod, 0, &retired))
			fail("no room");
	}
}

static uint64_t stall_once(struct scene *s, const struct kind *k, unsigned count,
			   void (*before)(void *), void *arg)
{
	uint64_t ns;

	k->set_up(s);
	make_events(s, k);
	if (before)
		before(arg);
	ns = time_stalls(s, count);
	clean_up(s, k, count);
	return ns;
}

/* The mean of all batches but those in which somebody else had the CPU. */
static double mean_ns(double *ns, unsigned batches)
{
	double limit = median(ns, batches) * INTERRUPTED, sum = 0;
	unsigned counted = 0;

	for (unsigned i = 0; i < batches && ns[i] <= limit; i++, counted++)
		sum += ns[i];
	return sum / counted / BATCH;
}

/* ---- floors ---- */

/* A cycle through memory in random order: what a chain of dependent loads costs. */
struct chase {
	struct line { struct line *next; char rest[56]; } *line;
	size_t lines;
	struct line *at;
};

static void chase_open(struct chase *c, size_t bytes)
{
	c->lines = bytes / sizeof(*c->line);
	c->line = aligned_alloc(64, c->lines * sizeof(*c->line));
	if (!c->line)
		fail("no memory");
	for (size_t i = 0; i < c->lines; i++)
		c->line[i].next = &c->line[i];
	for (size_t i = c->lines - 1; i > 0; i--) { /* Sattolo: one cycle */
		size_t j = pod_mix(i) % i;
		struct line *next = c->line[i].next;

		c->line[i].next = c->line[j].next;
		c->line[j].next = next;
	}
	c->at = c->line;
}

static double chase_ns(struct chase *c, unsigned loads)
{
	uint64_t start = clock_ns();

	for (unsigned i = 0; i < loads; i++)
		c->at = *(struct line *volatile *)&c->at->next;
	return (double)(clock_ns() - start) / loads;
}

static double tick_ns(struct scene *s)
{
	static const struct tidal_event tick = { .kind = TIDAL_EV_TICK };
	struct tidal_core *core = pod_core(s->pod, 0);
	tidal_time now = pod_now(s->pod);
	double ns[BATCHES];

	for (unsigned b = 0; b < BATCHES; b++) {
		uint64_t start = clock_ns();

		for (unsigned i = 0; i < BATCH; i++) {
			if (tidal_core_push(core, now, &tick))
				fail("a tick is refused");
			while (tidal_core_pull(core, &s->action[0]))
				pod_act(s->pod, 0, &s->action[0]);
		}
		ns[b] = (double)(clock_ns() - start);
	}
	return mean_ns(ns, BATCHES);
}

/* ---- warm and cold ---- */

static double round_ns(struct scene *s, const struct kind *k)
{
	unsigned batches = k->goal ? BATCHES : BATCHES / 10;
	double ns[BATCHES];

	for (unsigned b = 0; b < batches; b++)
		ns[b] = (double)stall_once(s, k, BATCH, NULL, NULL);
	return mean_ns(ns, batches);
}

static void warm(struct scene scene[KINDS])
{
	double ns[KINDS][ROUNDS], tick[ROUNDS];

	for (unsigned r = 0; r < ROUNDS; r++) {
		for (unsigned k = 0; k < KINDS; k++)
			ns[k][r] = round_ns(&scene[k], &kinds[k]);
		tick[r] = tick_ns(&scene[REMOTE_WRITE]);
	}
	for (unsigned k = 0; k < KINDS; k++)
		report_figure(&(struct figure){
			.name = kinds[k].name, .unit = "ns", .value = median(ns[k], ROUNDS),
			.goal = kinds[k].goal ? AT_MOST : NO_GOAL, .goal_value = 200,
			.floor = median(tick, ROUNDS), .floor_name = "an event without work" });
}

struct caches {
	volatile unsigned char *bytes;
	size_t size;
};

static void drive_out(void *arg)
{
	struct caches *c = arg;

	for (size_t i = 0; i < c->size; i += 64)
		c->bytes[i]++;
}

static void open_caches(struct caches *c)
{
	long l3 = sysconf(_SC_LEVEL3_CACHE_SIZE);

	c->size = l3 > 0 ? 2 * (size_t)l3 : (size_t)64 << 20;
	c->bytes = calloc(c->size, 1);
	if (!c->bytes)
		fail("no memory");
}

static void cold(struct scene scene[KINDS])
{
	static const enum stall_kind which[] = { REMOTE_WRITE, REMOTE_READ, MAPPED, CONVERT };
	static const char *const names[] = {
		"write, page elsewhere, caches cold", "read, page elsewhere, caches cold",
		"write, page here and mapped, caches cold", "write, dormant page, caches cold" };
	double ns[4][COLD], load[COLD];
	struct caches caches;
	struct chase chase;

	open_caches(&caches);
	chase_open(&chase, (size_t)4 << 20);
	for (unsigned i = 0; i < COLD; i++) {
		for (unsigned k = 0; k < 4; k++)
			ns[k][i] = (double)stall_once(&scene[which[k]], &kinds[which[k]], 1,
						      drive_out, &caches);
		drive_out(&caches);
		load[i] = chase_ns(&chase, 8);
	}
	for (unsigned k = 0; k < 4; k++)
		report_figure(&(struct figure){
			.name = names[k], .unit = "ns", .value = median(ns[k], COLD),
			.floor = median(load, COLD), .floor_name = "a load from cold memory" });
	free((void *)caches.bytes);
	free(chase.line);
}

void bench_stall(void)
{
	struct scene *scene = calloc(KINDS, sizeof(*scene));

	if (!scene)
		fail("no memory");
	for (unsigned k = 0; k < KINDS; k++)
		scene[k].pod = open_pod(kinds[k].nodes);
	warm(scene);
	cold(scene);
	for (unsigned k = 0; k < KINDS; k++)
		pod_close(scene[k].pod);
	free(scene);
}
