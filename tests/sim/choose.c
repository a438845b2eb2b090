/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * choose - what a run may choose: drawn from the seed, or looked up in its script. A draw
 * depends on the seed and on what it is for, and on no other draw, so that a script of which
 * something was left out goes on as before elsewhere.
 */
#include "run_inside.h"

#include <stdlib.h>
#include <string.h>

enum purpose { FOR_OP = 1, FOR_PACKET, FOR_DELAY, FOR_WORK, FOR_MEDDLER, FOR_PAGE, FOR_WAKE,
	       FOR_FAIL };

static uint64_t draw(const struct run *r, enum purpose p, uint64_t a, uint64_t b)
{
	return setting_mix(setting_mix(r->s.seed, p), setting_mix(a, b));
}

static void record(struct run *r, const struct choice *c)
{
	if (c->kind != CHOICE_OP)
		r->out->choices++;
	if (r->how.record)
		script_add(r->how.record, c);
}

/* ---- the script ---- */

static int by_packet(const void *a, const void *b)
{
	const struct choice *x = a, *y = b;
	uint32_t i = (uint32_t)x->a << 16 | x->b, j = (uint32_t)y->a << 16 | y->b;

	if (i != j)
		return i < j ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

static int by_time(const void *a, const void *b)
{
	const struct choice *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

static void sort_out(struct run *r, const struct choice *c)
{
	if (c->kind == CHOICE_OP)
		r->of_vcpu[c->a % WORLD_VCPUS][r->ops[c->a % WORLD_VCPUS]++] = *c;
	else if (c->kind == CHOICE_WAKE)
		r->wake[r->wake_count++] = *c;
	else if (choice_is_packet(c->kind))
		r->packet[r->packet_count++] = *c;
	else
		r->timed[r->timed_count++] = *c;
}

void choose_open(struct run *r)
{
	const struct script *s = r->how.script;

	if (!s)
		return;
	for (unsigned v = 0; v < WORLD_VCPUS; v++)
		r->of_vcpu[v] = calloc(s->count + 1, sizeof(**r->of_vcpu));
	r->packet = calloc(s->count + 1, sizeof(*r->packet));
	r->timed = calloc(s->count + 1, sizeof(*r->timed));
	r->wake = calloc(s->count + 1, sizeof(*r->wake));
	for (size_t i = 0; i < s->count; i++)
		sort_out(r, &s->choice[i]);
	qsort(r->packet, r->packet_count, sizeof(*r->packet), by_packet);
	qsort(r->wake, r->wake_count, sizeof(*r->wake), by_packet);
	qsort(r->timed, r->timed_count, sizeof(*r->timed), by_time);
}

void choose_close(struct run *r)
{
	for (unsigned v = 0; v < WORLD_VCPUS; v++)
		free(r->of_vcpu[v]);
	free(r->packet);
	free(r->timed);
	free(r->wake);
}

/* ---- instructions ---- */

static uint64_t which_page(const struct run *r, tidal_vcpuid v, uint64_t step, uint64_t dice)
{
	const struct setting *s = &r->s;

	switch (s->pattern) {
	case PATTERN_HOT:
		return dice % 4 ? dice / 4 % s->hot : dice / 4 % s->pages;
	case PATTERN_SWEEP:
		return (v * 7u + step) % s->pages;
	case PATTERN_OWN:
		return dice % 16 ? (draw(r, FOR_PAGE, v, step / 64) + dice / 16 % 4) % s->pages :
				   dice / 16 % s->pages;
	case PATTERN_PAIRS:
		return (v / 2u * 2 + dice % 2) % s->pages;
	default:
		return dice % s->pages;
	}
}

static uint8_t which_access(const struct setting *s, uint64_t per_cent)
{
	if (per_cent < s->write)
		return TIDAL_WRITE;
	if (per_cent < s->write + s->zero)
		return TIDAL_ZERO;
	if (per_cent < s->write + s->zero + s->io)
		return TIDAL_IO;
	return per_cent > 95 ? TIDAL_EXEC : TIDAL_READ;
}

static bool draw_op(struct run *r, tidal_vcpuid v, uint64_t step, struct choice *c)
{
	const struct setting *s = &r->s;
	uint64_t dice = draw(r, FOR_OP, v, step);
	uint8_t access = which_access(s, (dice >> 40) % 100);

	if (step >= s->steps)
		return false;
	*c = (struct choice){ .kind = CHOICE_OP, .a = v, .at = step, .b = access };
	c->x = which_page(r, v, step, dice & 0xffffffff) * s->stride;
	if (access != TIDAL_IO && access != TIDAL_ZERO && (dice >> 50) % 100 < s->crossing)
		c->b |= OP_CROSSING;
	if (access != TIDAL_IO && (dice >> 57) * 100 / 128 < s->fetch)
		c->b |= OP_FETCH;
	c->y = draw(r, FOR_PAGE, v / 2u, UINT64_MAX) % s->pages * s->stride;
	return true;
}

/* The instruction; false: none left. */
static bool find_op(struct run *r, tidal_vcpuid v, uint64_t step, struct choice *c)
{
	if (!r->how.script)
		return draw_op(r, v, step, c);
	if (step >= r->ops[v])
		return false;
	*c = r->of_vcpu[v][step];
	return true;
}

/* Does the vCPU wait for an interrupt first, and for how long? */
static bool find_wake(struct run *r, const struct choice *op, struct choice *c)
{
	uint64_t dice = draw(r, FOR_WAKE, op->a, op->at);
	const struct choice *found;

	*c = (struct choice){ .kind = CHOICE_WAKE, .a = op->a, .at = op->at,
			      .x = dice / 1000 % 300000 };
	if (!r->how.script)
		return dice % 1000 < r->s.idle;
	found = bsearch(c, r->wake, r->wake_count, sizeof(*c), by_packet);
	if (found)
		*c = *found;
	return found;
}

bool choose_op(struct run *r, tidal_vcpuid v, uint64_t step, struct world_op *op)
{
	struct choice c, wake;

	if (!find_op(r, v, step, &c))
		return false;
	if (step == r->told[v]) { /* for the first time */
		record(r, &c);
		r->told[v]++;
	}
	*op = (struct world_op){ .gfn = c.x, .code = c.y, .access = c.b & 15,
				 .crossing = c.b & OP_CROSSING && c.x + 1 < r->guest,
				 .fetch = c.b & OP_FETCH };
	if (r->woken[v] != step + 1 && find_wake(r, &c, &wake)) {
		if (r->woken[v] != UINT64_MAX) { /* not yet told to wait */
			record(r, &wake);
			meddle_end_at(r, r->w->now + wake.x, &(struct choice){
				.kind = CHOICE_WAKE, .a = v, .at = step });
			r->woken[v] = UINT64_MAX;
		}
		op->access = WORLD_WAIT;
	}
	return true;
}

/* ---- packets ---- */

static bool draw_packet(const struct run *r, struct choice *c)
{
	const struct setting *s = &r->s;
	uint64_t dice = draw(r, FOR_PACKET, (uint64_t)c->a << 16 | c->b, c->at);
	uint64_t p = dice % 1000000;

	if (r->calm)
		return false;
	if (p < s->lose_ppm) {
		c->kind = CHOICE_LOSE;
	} else if (p < s->lose_ppm + s->twice_ppm) {
		c->kind = CHOICE_TWICE;
		c->x = s->delay_ns + dice / 1000000 % (4 * s->jitter_ns + 20000);
	} else if (p < s->lose_ppm + s->twice_ppm + s->late_ppm) {
		c->kind = CHOICE_LATE;
		c->x = dice / 1000000 % s->late_ns;
	} else {
		return false;
	}
	return true;
}

static bool find_packet(const struct run *r, struct choice *c)
{
	const struct choice *found;

	if (!r->how.script)
		return draw_packet(r, c);
	found = bsearch(c, r->packet, r->packet_count, sizeof(*c), by_packet);
	if (found)
		*c = *found;
	return found;
}

void choose_packet(struct run *r, unsigned from, unsigned to, struct world_passage *p)
{
	struct choice c = { .a = (uint16_t)from, .b = (uint16_t)to, .at = r->packets[from][to]++ };
	uint64_t dice = draw(r, FOR_DELAY, from << 16 | to, c.at);

	*p = (struct world_passage){ .delay = r->s.delay_ns + dice % (r->s.jitter_ns + 1) };
	p->delay *= r->slow[from] > r->slow[to] ? r->slow[from] : r->slow[to];
	if (!find_packet(r, &c))
		return;
	record(r, &c);
	if (r->how.trace)
		tell_choice(r, &c);
	p->lost = c.kind == CHOICE_LOSE;
	p->twice = c.kind == CHOICE_TWICE;
	p->delay_twice = c.x;
	p->delay += c.kind == CHOICE_LATE ? c.x : 0;
}

tidal_time choose_work(struct run *r, unsigned node)
{
	return draw(r, FOR_WORK, node, r->works[node]++) % (r->s.work_ns + 1) * r->slow[node];
}

bool choose_failure(struct run *r, unsigned node)
{
	return r->s.fail_ppm && !r->calm &&
	       draw(r, FOR_FAIL, node, r->fails[node]++) % 1000000 < r->s.fail_ppm;
}

/* ---- meddlers ---- */

/* Of a set of kinds; restarts are rare. */
static unsigned draw_kind(uint64_t set, uint64_t dice)
{
	const uint64_t restart = UINT64_C(1) << CHOICE_RESTART;
	unsigned n;

	if (set & restart && (set == restart || (dice >> 20) % 16 == 0))
		return CHOICE_RESTART;
	set &= ~restart;
	n = (unsigned)(dice % (unsigned)__builtin_popcountll(set));
	while (n--)
		set &= set - 1;
	return (unsigned)__builtin_ctzll(set);
}

static uint64_t draw_page(const struct run *r, uint64_t dice)
{
	return (dice % 2 ? dice / 2 % r->s.hot : dice / 2 % r->s.pages) * r->s.stride;
}

static void draw_timed(struct run *r, struct choice *c)
{
	const struct setting *s = &r->s;
	uint64_t dice = draw(r, FOR_MEDDLER, r->drawn, 0), more = draw(r, FOR_MEDDLER, r->drawn, 1);
	uint64_t length = 1 + more % (UINT64_C(1) << (8 + dice % 15)); /* up to 4 ms, mostly less */

	*c = (struct choice){ .kind = (uint8_t)draw_kind(s->meddle, dice >> 8), .at = r->drawn_at,
			      .a = (uint16_t)((dice >> 16) % s->nodes), .y = length };
	dice >>= 24;
	more >>= 24;
	switch (c->kind) {
	case CHOICE_CUT:
		c->x = 1 + dice % ((UINT64_C(1) << s->nodes) - 1);
		c->b = (uint16_t)(1 + more % 3);
		break;
	case CHOICE_SLOW:
		c->x = 2 + dice % 20;
		break;
	case CHOICE_LAG:
		c->x = dice % 500000;
		break;
	case CHOICE_MOVE:
		c->b = (uint16_t)(dice % s->nodes);
		c->x = more % s->vcpus;
		break;
	case CHOICE_POLICY:
		c->x = dice % POLICIES;
		break;
	case CHOICE_WEIGHTS:
	case CHOICE_RESTART:
		c->x = dice;
		break;
	case CHOICE_TOUCH:
		c->b = dice % 2 ? TIDAL_WRITE : TIDAL_READ;
		c->x = draw_page(r, more);
		break;
	case CHOICE_EVICT:
	case CHOICE_PIN:
		c->x = draw_page(r, more);
		break;
	default:
		break;
	}
}

/* When the next one is drawn for. */
static void draw_time(struct run *r)
{
	r->drawn_at += 1 + draw(r, FOR_MEDDLER, r->drawn, 2) % (2 * r->s.meddle_ns);
}

bool choose_next(struct run *r, struct choice *c)
{
	if (r->how.script) {
		if (r->timed_at == r->timed_count)
			return false;
		*c = r->timed[r->timed_at];
		return true;
	}
	if (!r->s.meddle || r->drawn == r->s.meddles)
		return false;
	if (r->drawn_at == 0) { /* the first */
		draw_time(r);
		draw_timed(r, &r->next);
	}
	*c = r->next;
	return true;
}

void choose_taken(struct run *r, const struct choice *c)
{
	record(r, c);
	if (r->how.script) {
		r->timed_at++;
		return;
	}
	r->drawn++;
	draw_time(r);
	draw_timed(r, &r->next);
}
