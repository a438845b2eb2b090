/* SPDX-License-Identifier: BSD-3-Clause */
/* world - see world.h. */
#include "world_inside.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t world_random(struct world *w)
{
	uint64_t x = w->random += 0x9e3779b97f4a7c15u;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

void world_violate(struct world *w, const char *format, ...)
{
	va_list args;

	if (w->violation[0])
		return;
	va_start(args, format);
	vsnprintf(w->violation, sizeof(w->violation), format, args);
	va_end(args);
}

bool world_planted(struct world *w, uint8_t plant)
{
	return w->c.plant == plant && plant != PLANT_NONE && ++w->planted % 8 == 0;
}

/* ---- what happens next ---- */

static void happen(struct world *w, struct thing *t)
{
	tidal_time again = 0;

	switch (t->kind) {
	case PACKET:
		again = packet_arrives(w, t) ? 0 : 2000;
		break;
	case OP:
		again = guest_run(w, t) ? 0 : OP_NS;
		break;
	default:
		again = host_completes(w, t) ? 0 : 1000;
	}
	if (again) {
		thing_schedule(w, t, w->now + again);
		return;
	}
	thing_forget(t);
}

/* The node that is to get the next tick, and when; TIDAL_NEVER: none. */
static tidal_time next_tick(const struct world *w, unsigned *who)
{
	tidal_time when = TIDAL_NEVER;

	for (unsigned n = 0; n < w->c.nodes; n++) {
		tidal_time d = w->host[n].deadline;

		if (d != TIDAL_NEVER)
			d += w->host[n].lag;
		if (d <= w->host[n].ticked) /* one tick each time; the clock has to move on */
			d = w->host[n].ticked + (w->c.hooks ? 100 : 1);
		if (d < when) {
			when = d;
			*who = n;
		}
	}
	return when;
}

tidal_time world_next(const struct world *w)
{
	unsigned who;
	tidal_time tick = next_tick(w, &who);
	tidal_time next = w->count && w->heap[0]->at <= tick ? w->heap[0]->at : tick;

	return next > w->now ? next : w->now;
}

bool world_step(struct world *w)
{
	struct tidal_event tick = { .kind = TIDAL_EV_TICK };
	unsigned who = 0;
	tidal_time when = next_tick(w, &who);

	if (w->violation[0])
		return false;
	if (w->count && w->heap[0]->at <= when) {
		struct thing *t = thing_first(w);

		if (t->at > w->now)
			w->now = t->at;
		happen(w, t);
		return !w->violation[0];
	}
	if (when == TIDAL_NEVER)
		return false;
	if (when > w->now)
		w->now = when;
	w->host[who].ticked = w->now;
	world_push(w, who, &tick);
	return !w->violation[0];
}

bool world_run(struct world *w, tidal_time until)
{
	while (w->finished < w->c.vcpus && w->now < until)
		if (!world_step(w))
			return false;
	return w->finished == w->c.vcpus && !w->violation[0];
}

void world_settle(struct world *w, tidal_time for_ns)
{
	tidal_time until = w->now + for_ns;

	while (world_next(w) <= until && world_step(w))
		;
	if (w->now < until)
		w->now = until;
}

/* ---- making a world ---- */

static void make_map(struct tidal_vmap *map, const struct world_config *c)
{
	int err = tidal_vmap_init(map, sizeof(*map), c->pages, c->vcpus);

	if (err)
		abort();
	map->devices = 1;
	map->device[0] = (struct tidal_vmap_device){ DEVICE_GPA, 4096, 0 };
	if (c->spread)
		map->vcpu_runs = 0;
	for (unsigned v = 0; c->spread && v < c->vcpus; v++)
		map->vcpu[map->vcpu_runs++] = (struct tidal_vmap_vcpus){
			(tidal_vcpuid)v, 1, (tidal_nodeid)(v % c->nodes) };
	if (c->place)
		c->place(map, c->arg);
}

static void make_host(struct world *w, unsigned n, const struct tidal_vmap *map)
{
	const struct world_config *c = &w->c;
	struct tidal_topo_object objects[2 + WORLD_VCPUS];
	struct tidal_topology topo;
	struct tidal_params p;
	struct host *h = &w->host[n];
	size_t bytes;

	tidal_params_init(&p, sizeof(p), c->frames);
	p.node = (tidal_nodeid)n;
	p.nodes = (uint16_t)c->nodes;
	p.vcpus = c->vcpus;
	p.seed = c->seed + n;
	p.incarnation = ++h->incarnation;
	p.policy = c->policy;
	p.flags = (c->no_retire ? 0 : TIDAL_PARAM_RETIRE_EVENTS) |
		  (c->ideal ? TIDAL_PARAM_IDEAL_LINK : 0);
	if (tidal_topology_regular(&topo, objects, 2 + WORLD_VCPUS, 1, 1,
				   c->hthreads ? c->hthreads : 1))
		abort();
	p.topology = &topo;
	p.vmap = n == 0 ? map : NULL;
	if (c->tune)
		c->tune(&p, c->arg);
	bytes = tidal_core_footprint(&p);
	if (bytes == 0) {
		const char *why = "?";

		fprintf(stderr, "world: %d: %s\n", tidal_params_check(&p, &why), why);
		abort();
	}
	h->mem = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
	memset(h->mem, 0, bytes);
	if (tidal_core_init(h->mem, bytes, &p, &h->core))
		abort();
	h->frame = malloc(c->frames * sizeof(*h->frame));
	for (uint32_t i = 0; i < c->frames; i++)
		h->frame[i] = 0xdeadbeef00000000u + i; /* never zero by chance */
	h->map = calloc(c->pages + 1, sizeof(*h->map));
	h->post_list = calloc(c->frames, sizeof(*h->post_list));
	h->deadline = TIDAL_NEVER;
}

static void free_host(struct host *h)
{
	free(h->mem);
	free(h->frame);
	free(h->map);
	free(h->post_list);
}

static void order(struct world *w, unsigned node, uint32_t command, uint32_t number)
{
	struct tidal_event ev = { .kind = TIDAL_EV_COMMAND };

	ev.u.command.command = command;
	ev.u.command.gfn = number;
	if (world_push(w, node, &ev))
		world_violate(w, "node %u does not start", node);
}

static void start_host(struct world *w, unsigned node)
{
	if (w->c.ahead)
		order(w, node, TIDAL_CMD_SET_AHEAD, w->c.ahead);
	if (w->c.zeroing)
		order(w, node, TIDAL_CMD_SET_ZEROING, w->c.zeroing);
	order(w, node, TIDAL_CMD_CONTINUE, 0);
}

struct world *world_open(const struct world_config *config, world_program program, void *arg)
{
	struct world *w = calloc(1, sizeof(*w));
	struct tidal_vmap map;

	w->c = *config;
	w->program = program;
	w->arg = arg;
	w->random = config->seed;
	w->reference = calloc(config->pages + 1, sizeof(*w->reference));
	make_map(&map, config);
	for (unsigned n = 0; n < config->nodes; n++)
		make_host(w, n, &map);
	for (unsigned i = 0; i < map.vcpu_runs; i++)
		for (unsigned v = 0; v < map.vcpu[i].count; v++)
			w->host[map.vcpu[i].node].vcpu[map.vcpu[i].first + v].here = true;
	for (unsigned n = 0; n < config->nodes; n++)
		start_host(w, n);
	return w;
}

void world_close(struct world *w)
{
	for (size_t i = 0; i < w->count; i++)
		thing_forget(w->heap[i]);
	for (size_t i = 0; i < w->held_count; i++)
		thing_forget(w->held[i]);
	for (unsigned n = 0; n < w->c.nodes; n++)
		free_host(&w->host[n]);
	free(w->heap);
	free(w->held);
	free(w->reference);
	free(w);
}

/* ---- looking ---- */

static void check_vcpu(struct world *w, tidal_vcpuid v)
{
	unsigned live = 0;

	for (unsigned n = 0; n < w->c.nodes; n++) {
		struct tidal_vcpu_info info;

		if (tidal_core_vcpu(w->host[n].core, v, &info))
			continue; /* has no map yet */
		live += info.state != TIDAL_VCPU_AWAY && info.state != TIDAL_VCPU_FROZEN &&
			info.state != TIDAL_VCPU_LOST;
	}
	if (live > 1)
		world_violate(w, "vCPU %u lives on %u nodes", v, live);
}

static void check_owner(struct world *w, tidal_gfn gfn)
{
	struct tidal_page_info info;
	unsigned owners = 0;

	for (unsigned n = 0; n < w->c.nodes; n++)
		if (tidal_core_page(w->host[n].core, gfn, &info) == 0)
			owners += info.state >= TIDAL_PAGE_PRIMARY;
	if (owners > 1)
		world_violate(w, "page %llu has %u owners", (unsigned long long)gfn, owners);
}

bool world_check(struct world *w)
{
	const char *why;

	for (unsigned n = 0; n < w->c.nodes; n++)
		if (tidal_core_check(w->host[n].core, &why))
			world_violate(w, "node %u: %s", n, why);
	for (unsigned v = 0; v < w->c.vcpus; v++)
		check_vcpu(w, (tidal_vcpuid)v);
	for (tidal_gfn gfn = 0; gfn < w->c.pages && gfn < 4096; gfn++)
		check_owner(w, gfn);
	return !w->violation[0];
}

const char *world_violation(const struct world *w)
{
	return w->violation[0] ? w->violation : NULL;
}

tidal_time world_now(const struct world *w)
{
	return w->now;
}

struct tidal_core *world_core(struct world *w, unsigned node)
{
	return w->host[node].core;
}

uint64_t world_events(const struct world *w)
{
	return w->events;
}

unsigned world_finished(const struct world *w)
{
	return w->finished;
}

uint64_t world_value(const struct world *w, tidal_gfn gfn)
{
	return w->reference[gfn];
}

void world_stats(const struct world *w, unsigned node, struct tidal_stats *s)
{
	tidal_core_stats(w->host[node].core, s, sizeof(*s));
}

void world_total(const struct world *w, struct tidal_stats *total)
{
	memset(total, 0, sizeof(*total));
	for (unsigned n = 0; n < w->c.nodes; n++) {
		struct tidal_stats s;
		uint64_t longest = total->forward_max;

		world_stats(w, n, &s);
#define ADD(name, text) total->name += s.name;
		TIDAL_STATS(ADD)
		total->forward_max = s.forward_max > longest ? s.forward_max : longest;
	}
}

unsigned world_reports(const struct world *w, uint32_t what)
{
	return w->reports[what % 16];
}

tidal_nodeid world_where(const struct world *w, tidal_vcpuid v)
{
	for (unsigned n = 0; n < w->c.nodes; n++) {
		struct tidal_vcpu_info info;

		if (tidal_core_vcpu(w->host[n].core, v, &info) == 0 &&
		    info.state != TIDAL_VCPU_AWAY && info.state != TIDAL_VCPU_FROZEN &&
		    info.state != TIDAL_VCPU_SAVING && info.state != TIDAL_VCPU_LOST)
			return (tidal_nodeid)n;
	}
	return TIDAL_NODE_NONE;
}

int world_command(struct world *w, unsigned node, const struct tidal_ev_command *c)
{
	struct tidal_event ev = { .kind = TIDAL_EV_COMMAND };

	ev.u.command = *c;
	return world_push(w, node, &ev);
}

unsigned world_completed(const struct world *w, unsigned node)
{
	return w->host[node].completed;
}

int world_mapping(const struct world *w, unsigned node, tidal_gfn gfn)
{
	const struct mapping *m = &w->host[node].map[gfn];

	return m->frame ? m->prot : 0;
}

uint64_t world_frame_value(const struct world *w, unsigned node, tidal_frame frame)
{
	return w->host[node].frame[frame];
}

/* ---- scripted tests ---- */

void world_stop_host(struct world *w, unsigned node, bool stop)
{
	w->host[node].stopped = stop;
}

void world_lag(struct world *w, unsigned node, tidal_time lag)
{
	w->host[node].lag = lag;
}

/* What the host of this node was about to do will not happen. */
static void cancel(struct world *w, unsigned node)
{
	struct thing **all = w->heap;
	size_t count = w->count;

	w->heap = NULL;
	w->count = w->room = 0;
	for (size_t i = 0; i < count; i++) {
		if (all[i]->node == node && all[i]->kind != PACKET)
			thing_forget(all[i]);
		else
			thing_schedule(w, all[i], all[i]->at);
	}
	free(all);
}

void world_restart(struct world *w, unsigned node)
{
	struct host *h = &w->host[node];
	const struct host fresh = { .incarnation = h->incarnation, .lag = h->lag };

	cancel(w, node);
	free_host(h);
	*h = fresh;
	make_host(w, node, NULL);
	start_host(w, node);
}

void world_wake(struct world *w, tidal_vcpuid v)
{
	struct tidal_event ev = { .kind = TIDAL_EV_VCPU_WAKE };

	ev.u.wake.vcpu = v;
	for (unsigned n = 0; n < w->c.nodes; n++) {
		struct tidal_vcpu_info info;

		if (tidal_core_vcpu(w->host[n].core, v, &info) == 0 &&
		    info.state == TIDAL_VCPU_IDLE && world_push(w, n, &ev))
			world_violate(w, "node %u: vCPU %u is not woken", n, v);
	}
}

unsigned world_device_accesses(const struct world *w)
{
	return w->device_accesses;
}
