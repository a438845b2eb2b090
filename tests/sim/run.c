/* SPDX-License-Identifier: BSD-3-Clause */
/* run - see run.h. */
#include "run_inside.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define LIVELOCK_EVENTS 8000000 /* pushed, and no vCPU has retired anything */

#define EVICTING_NS 20000000 /* a pod short of frames never stops offering pages about */

/* ---- what the world asks ---- */

static bool program(struct world *w, tidal_vcpuid v, uint64_t step, struct world_op *op, void *arg)
{
	(void)w;
	return choose_op(arg, v, step, op);
}

static void packet(struct world *w, unsigned from, unsigned to, struct world_passage *p, void *arg)
{
	(void)w;
	choose_packet(arg, from, to, p);
}

static tidal_time work(struct world *w, unsigned node, void *arg)
{
	(void)w;
	return choose_work(arg, node);
}

static bool fails(struct world *w, unsigned node, void *arg)
{
	(void)w;
	return choose_failure(arg, node);
}

static void acted(struct world *w, unsigned node, const struct tidal_action *a, void *arg)
{
	struct run *r = arg;

	r->w = w;
	if (r->how.trace)
		tell_action(r, node, a);
	watch_action(r, node, a);
}

static void pushed(struct world *w, unsigned node, const struct tidal_event *ev, int err, void *arg)
{
	struct run *r = arg;

	r->w = w;
	r->out->events++;
	r->watch.quiet_events++;
	r->out->digest = setting_mix(r->out->digest ^ w->now,
				     (uint64_t)node << 32 | ev->kind << 8 | (uint8_t)-err);
	if (r->how.trace)
		tell_event(r, node, ev, err);
	if (err == 0 || ev->kind == TIDAL_EV_MESSAGE)
		watch_push(r, node, ev);
	/* a message that can't be taken now still has its frame in hand */
	if (r->out->events % r->s.sweep == 0 && err == 0)
		watch_sweep(r);
}

/* Faults of the wire that are planted. */
static enum world_fate judge(const struct world_packet *p, void *arg)
{
	struct run *r = arg;

	if (r->s.plant == PLANT_LOST_ACK && p->message->kind != MSG_INVALIDATED)
		return WORLD_PASS;
	if (++r->planted % 8)
		return WORLD_PASS;
	return r->s.plant == PLANT_LOST_ACK ? WORLD_LOSE : WORLD_TWICE;
}

/* ---- making the world ---- */

static void tune(struct tidal_params *p, void *arg)
{
	const struct setting *s = &((struct run *)arg)->s;

#define TUNE(member) p->member = s->member ? s->member : p->member
#define TUNE32(member) p->member = s->member ? (uint32_t)s->member : p->member
	TUNE32(vcpu_slots);
	TUNE32(landing);
	TUNE32(messages);
	TUNE32(transits);
	TUNE32(ranges);
	TUNE32(homes);
	TUNE32(hints);
	TUNE(rto_ns);
	TUNE(hold_max_ns);
	TUNE(hold_ns);
	TUNE(reserve_ns);
	TUNE(backoff_ns);
	TUNE(slice_ns);
	if (p->hold_ns > p->hold_max_ns)
		p->hold_ns = p->hold_max_ns;
}

static void place(struct tidal_vmap *map, void *arg)
{
	const struct run *r = arg;
	uint64_t ranges = (r->guest + TIDAL_RANGE_PAGES - 1) / TIDAL_RANGE_PAGES, at = 0;

	if (!r->s.spread_memory)
		return;
	map->memory_runs = 0;
	for (unsigned n = 0; n < r->s.nodes; n++) {
		uint64_t until = n + 1 < r->s.nodes ?
					 ranges * (n + 1) / r->s.nodes * TIDAL_RANGE_PAGES : r->guest;

		map->memory[map->memory_runs++] =
			(struct tidal_vmap_memory){ at, until - at, (tidal_nodeid)n };
		at = until;
	}
}

static void open_world(struct run *r)
{
	static const struct world_hooks hooks = { packet, work, fails, acted, pushed };
	const struct setting *s = &r->s;
	const struct tidal_policy_ops *ops[POLICIES] = { tidal_policy_cost(), tidal_policy_page(),
							 tidal_policy_vcpu() };
	struct world_config c = {
		.nodes = (unsigned)s->nodes, .vcpus = (unsigned)s->vcpus,
		.hthreads = (unsigned)s->hthreads, .pages = r->guest,
		.frames = (uint32_t)s->frames, .seed = s->seed, .delay_ns = s->delay_ns,
		.policy = ops[s->policy % POLICIES], .spread = s->spread_vcpus,
		.no_retire = s->no_retire, .slice = (unsigned)s->slice, .ideal = s->ideal,
		.tune = tune, .place = place, .arg = r, .hooks = &hooks, .hooks_arg = r,
		.plant = (uint8_t)s->plant, .ahead = (uint32_t)s->ahead,
		.zeroing = (uint32_t)s->zeroing,
	};

	r->w = world_open(&c, program, r);
	if (s->plant >= PLANT_OF_IDEAL)
		world_filter(r->w, judge, r);
}

/* ---- running it ---- */

/* Let the next thing happen, the guest's or a meddler's. false: nothing will. */
static bool go_on(struct run *r)
{
	struct choice c;
	tidal_time next = r->next_ending;
	bool meddler = choose_next(r, &c) && !r->calm;

	if (r->w->held_count > 4)
		world_release(r->w);
	if (meddler && c.at < next)
		next = c.at;
	if (next == TIDAL_NEVER || world_next(r->w) < next)
		return world_step(r->w);
	if (next > r->w->now)
		r->w->now = next;
	if (r->next_ending <= next) {
		meddle_end(r, false);
	} else {
		if (r->how.trace)
			tell_choice(r, &c);
		choose_taken(r, &c);
		meddle(r, &c);
	}
	return !world_violation(r->w);
}

static bool has_finished(const struct run *r, tidal_vcpuid v)
{
	for (unsigned n = 0; n < r->s.nodes; n++)
		if (r->w->host[n].vcpu[v].here && r->w->host[n].vcpu[v].finished)
			return true;
	return false;
}

static bool is_over(const struct run *r)
{
	unsigned excused = 0;

	if (!r->deaths.restarted)
		return world_finished(r->w) >= r->s.vcpus;
	for (unsigned v = 0; v < r->s.vcpus; v++)
		excused += has_finished(r, (tidal_vcpuid)v) ||
			   deaths_excuse(r, (tidal_vcpuid)v);
	return excused == r->s.vcpus;
}

static void run_guest(struct run *r)
{
	while (!is_over(r)) {
		bool goes_on = go_on(r);

		if (!goes_on && !world_violation(r->w))
			world_violate(r->w, "nothing will ever happen again, %u of %u vCPUs finished",
				      world_finished(r->w), (unsigned)r->s.vcpus);
		if (world_violation(r->w))
			return;
		if (r->watch.quiet_events > LIVELOCK_EVENTS)
			world_violate(r->w, "livelock");
		if (r->how.most_events && r->out->events > r->how.most_events)
			return;
		if (r->w->now - r->disturbed > patience(r) / 2 && watch_full(r)) {
			r->out->full = true;
			return;
		}
	}
}

/* No more meddling, no more bad weather. */
static void run_to_rest(struct run *r)
{
	tidal_time until, since;

	r->calm = true;
	meddle_end(r, true);
	since = r->w->now;
	until = since + patience(r);
	while (!watch_rest(r, false) && r->w->now < until && !world_violation(r->w))
		if (!go_on(r))
			break;
		else if (deaths_anybody_waits(r) ||
			 (r->w->now > since + EVICTING_NS && watch_evicts(r)))
			return;
	if (!watch_rest(r, false) && (watch_short_of_ranges(r) || watch_out_of_frames(r))) {
		r->out->full = true;
		return;
	}
	if (watch_rest(r, true) && !world_violation(r->w)) {
		watch_end(r);
		deaths_end(r);
	}
}

void run_setting(const struct setting *s, const struct run_how *how, struct outcome *out)
{
	struct run *r = calloc(1, sizeof(*r));

	*out = (struct outcome){ 0 };
	r->s = *s;
	r->s.sweep += s->sweep == 0;
	r->how = *how;
	r->out = out;
	r->next_ending = TIDAL_NEVER;
	r->guest = setting_guest(s);
	for (unsigned n = 0; n < WORLD_NODES; n++)
		r->slow[n] = 1;
	choose_open(r);
	watch_open(r);
	deaths_open(r);
	open_world(r);
	run_guest(r);
	if (!world_violation(r->w) && is_over(r) && !deaths_anybody_waits(r))
		run_to_rest(r);
	out->time = r->w->now;
	if (world_violation(r->w))
		memcpy(out->violation, r->w->violation, sizeof(out->violation));
	world_close(r->w);
	watch_close(r);
	deaths_close(r);
	choose_close(r);
	free(r);
}

bool run_alike(const char *a, const char *b)
{
	for (;; a++, b++) {
		while (isdigit((unsigned char)*a))
			a++;
		while (isdigit((unsigned char)*b))
			b++;
		if (*a != *b || !*a)
			return *a == *b;
	}
}
