/* SPDX-License-Identifier: BSD-3-Clause */
/* story - see story.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "story.h"

#define PATIENCE (100 * MS)

static bool program(struct world *w, tidal_vcpuid v, uint64_t step, struct world_op *op, void *arg)
{
	struct story *s = arg;

	(void)w;
	s->done[v] = step;
	if (step < s->told[v])
		*op = s->op[v][step];
	else
		op->access = WORLD_WAIT;
	return true;
}

static bool matches(const struct story_wire *x, const struct world_packet *p)
{
	return (x->kind == 0 || x->kind == p->message->kind) &&
	       (x->from == ANY || x->from == p->from) && (x->to == ANY || x->to == p->to);
}

static enum world_fate judge(const struct world_packet *p, void *arg)
{
	struct story *s = arg;
	unsigned kind = p->message->kind;

	s->seen[kind][p->from][p->to]++;
	s->last[kind] = *p->message;
	s->payload[kind] = p->payload;
	for (unsigned i = s->wires; i-- > 0;)
		if (matches(&s->wire[i], p))
			return s->wire[i].fate;
	return WORLD_PASS;
}

void story_open(struct story *s, const struct world_config *config)
{
	struct world_config *c = &s->config;

	memset(s, 0, sizeof(*s));
	*c = *config;
	c->nodes = c->nodes ? c->nodes : 3;
	c->vcpus = c->vcpus ? c->vcpus : c->nodes;
	c->hthreads = c->hthreads ? c->hthreads : c->vcpus;
	c->pages = c->pages ? c->pages : 1024;
	c->frames = c->frames ? c->frames : 64;
	c->policy = c->policy ? c->policy : tidal_policy_page();
	c->delay_ns = c->delay_ns ? c->delay_ns : 1 * US;
	c->spread = true;
	s->w = world_open(c, program, s);
	world_filter(s->w, judge, s);
	story_pass(s, 2 * MS); /* boot, and zeroing in the background */
}

static void check(struct story *s)
{
	if (!world_check(s->w))
		fail_msg("%s", world_violation(s->w));
}

void story_close(struct story *s)
{
	check(s);
	world_close(s->w);
}

static void tell(struct story *s, tidal_vcpuid v, const struct world_op *op)
{
	assert_in_range(s->told[v], 0, STORY_OPS - 1);
	s->op[v][s->told[v]++] = *op;
	world_wake(s->w, v);
}

void story_tell(struct story *s, tidal_vcpuid v, uint8_t access, tidal_gfn gfn)
{
	tell(s, v, &(struct world_op){ .gfn = gfn, .access = access });
}

void story_tell_crossing(struct story *s, tidal_vcpuid v, uint8_t access, tidal_gfn gfn)
{
	tell(s, v, &(struct world_op){ .gfn = gfn, .access = access, .crossing = true });
}

bool story_done(const struct story *s, tidal_vcpuid v)
{
	return s->done[v] == s->told[v];
}

bool story_finish(struct story *s, tidal_vcpuid v, tidal_time within)
{
	tidal_time until = world_now(s->w) + within;

	while (!story_done(s, v) && world_next(s->w) <= until && world_step(s->w))
		;
	check(s);
	return story_done(s, v);
}

tidal_time story_do(struct story *s, tidal_vcpuid v, uint8_t access, tidal_gfn gfn)
{
	tidal_time start = world_now(s->w);

	story_tell(s, v, access, gfn);
	assert_true(story_finish(s, v, PATIENCE));
	return world_now(s->w) - start;
}

void story_pass(struct story *s, tidal_time time)
{
	world_settle(s->w, time);
	check(s);
}

void story_wire(struct story *s, uint8_t kind, tidal_nodeid from, tidal_nodeid to,
		enum world_fate fate)
{
	assert_in_range(s->wires, 0, STORY_WIRES - 1);
	s->wire[s->wires++] = (struct story_wire){ kind, from, to, fate };
}

unsigned story_mend(struct story *s)
{
	s->wires = 0;
	return world_release(s->w);
}

unsigned story_seen(const struct story *s, uint8_t kind, tidal_nodeid from, tidal_nodeid to)
{
	unsigned n = 0;

	for (tidal_nodeid a = 0; a < WORLD_NODES; a++)
		for (tidal_nodeid b = 0; b < WORLD_NODES; b++)
			if ((from == ANY || from == a) && (to == ANY || to == b))
				n += s->seen[kind][a][b];
	return n;
}

struct tidal_page_info story_page(const struct story *s, unsigned node, tidal_gfn gfn)
{
	struct tidal_page_info info;

	assert_int_equal(tidal_core_page(world_core(s->w, node), gfn, &info), 0);
	return info;
}

struct tidal_stats story_stats(const struct story *s, unsigned node)
{
	struct tidal_stats stats;

	world_stats(s->w, node, &stats);
	return stats;
}

struct tidal_stats story_total(const struct story *s)
{
	struct tidal_stats stats;

	world_total(s->w, &stats);
	return stats;
}

void story_command(struct story *s, unsigned node, struct tidal_ev_command c)
{
	assert_int_equal(world_command(s->w, node, &c), 0);
}

void story_touch(struct story *s, unsigned node, uint8_t access, tidal_gfn gfn)
{
	struct tidal_event ev = { .kind = TIDAL_EV_STALL };

	ev.u.stall.vcpu = TIDAL_VCPU_NONE;
	ev.u.stall.access = access;
	ev.u.stall.gpa = gfn << TIDAL_PAGE_SHIFT;
	assert_int_equal(world_push(s->w, node, &ev), 0);
}
