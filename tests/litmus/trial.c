/* SPDX-License-Identifier: BSD-3-Clause */
/* See trial.h. */
#include "trial.h"

#include <stdio.h>
#include <string.h>

#include "rnd.h"

#define CODE_GFN LAB_GFN(1, 100)
#define NOISE 300	    /* pages that belong to nobody, in each range */
#define SLOT 32u	    /* bytes: the variables of one run, side by side */
#define SLOTS 127u	    /* in a page; the rest is for touches */
#define SLOTS_FEW 16u	    /* with less it is not worth while */
#define PAUSE 10	    /* steps between two instructions, about */
#define SKEW 40		    /* steps that a hart may begin later than the first */

static unsigned below(struct trial *t, unsigned n)
{
	return rnd_below(&t->random, n);
}

static bool one_in(struct trial *t, unsigned n)
{
	return rnd_one_in(&t->random, n);
}

/* Often none, or of some steps. */
static unsigned pause_of(struct trial *t)
{
	return one_in(t, 2) ? 0 : below(t, PAUSE) * t->lab.c.budget / 2;
}

/* Give a hart its next piece. What it is to touch on a detour is mostly a page that is pinned
 * somewhere, so that the hart goes there, or else a page without a place. */
static void give(struct trial *t, unsigned hart, unsigned piece, const tidal_gpa *a)
{
	tidal_gfn detour = one_in(t, 4) ? LAB_GFN(below(t, LAB_RANGES), NOISE + hart)
					: LAB_GFN(below(t, t->lab.c.nodes), LAB_PIN);
	const struct tidal_fake_boot boot = {
		t->lab.code + piece,
		{ a[0], a[1], a[2], pause_of(t), detour << TIDAL_PAGE_SHIFT, TIDAL_FAKE_DEVICES },
	};

	gate_open(&t->lab.gate, hart, &boot);
}

/* ---- pages ---- */

static bool is_taken(const struct trial *t, tidal_gpa page)
{
	for (unsigned v = 0; v < LITMUS_VARS; v++)
		if (t->page[v] == page)
			return true;
	return false;
}

/* One that no variable has; does it have to be zeroed first? */
static tidal_gpa take_page(struct trial *t, bool *old)
{
	for (;;) {
		unsigned range = below(t, LAB_RANGES), i = below(t, t->lab.c.pool);
		tidal_gpa page = LAB_GFN(range, 3 * i) << TIDAL_PAGE_SHIFT;

		if (is_taken(t, page))
			continue;
		*old = t->used[range][i];
		t->used[range][i] = true;
		return page;
	}
}

/* New pages for the variables, dormant, wherever they are: each its own, or several one. */
static bool new_pages(struct trial *t)
{
	static const unsigned lives[] = { 1, 1, 4, 16, 64 };
	unsigned layout = t->shape->apart || t->fault ? 0 : below(t, 3), dirty = 0;
	tidal_gpa zero[LITMUS_VARS] = { 0 };
	bool old;

	t->slot = 0;
	t->slots = SLOTS;
	t->left = lives[below(t, 5)];
	for (unsigned v = 0; v < t->shape->vars; v++) {
		if (v > 0 && (layout == 1 || (layout == 2 && one_in(t, 2)))) {
			t->page[v] = t->page[0];
			continue;
		}
		t->page[v] = take_page(t, &old);
		if (old)
			zero[dirty++] = t->page[v];
	}
	if (dirty)
		give(t, below(t, t->shape->harts), t->lab.body.zero[dirty], zero);
	return lab_gather(&t->lab);
}

/* x lies behind the code, so the code is fetched anew whenever somebody has written to x. */
static void use_code_page(struct trial *t)
{
	unsigned first = (t->lab.body.words * 4 + SLOT - 1) / SLOT;
	bool old;

	for (unsigned v = 0; v < t->shape->vars; v++)
		t->page[v] = v > 0 && one_in(t, 2) ? take_page(t, &old) : t->lab.code;
	t->slot = first;
	t->slots = SLOTS;
	t->left = SLOTS;
}

/* ---- a run ---- */

/* Before a run: harts get copies or pages, and go somewhere. */
static bool touch(struct trial *t)
{
	for (unsigned h = 0; h < t->shape->harts; h++) {
		tidal_gpa dummy = SLOTS * SLOT + h * 8;
		tidal_gpa a[LITMUS_VARS] = { t->page[below(t, t->shape->vars)] + dummy,
					     t->page[below(t, t->shape->vars)] + dummy, 0 };
		unsigned piece = t->lab.body.touch[below(t, WAYS)][below(t, TOUCH_KINDS)]
						  [below(t, TOUCH_KINDS)];

		if (!one_in(t, 3))
			give(t, h, piece, a);
	}
	return lab_gather(&t->lab);
}

/* Which instructions a detour follows. */
static unsigned detours(struct trial *t, unsigned hart)
{
	unsigned all = (1u << shape_ops(t->shape, hart)) - 1;

	return one_in(t, 2) ? 0 : (unsigned)rnd(&t->random) & all;
}

/* When somebody begins next: not after a time in which nothing would happen. */
static unsigned next_step(const struct trial *t, unsigned step, const unsigned *wait)
{
	unsigned next = SKEW;

	if (!t->lab.quiet)
		return step + 1;
	for (unsigned h = 0; h < t->shape->harts; h++)
		if (wait[h] > step && wait[h] < next)
			next = wait[h];
	return next;
}

static bool test(struct trial *t, const tidal_gpa *a, unsigned shift)
{
	unsigned n = t->shape->harts, wait[LITMUS_HARTS], opened = 0;

	for (unsigned h = 0; h < n; h++)
		wait[h] = one_in(t, 2) ? 0 : below(t, SKEW);
	for (unsigned v = 0; v < LITMUS_VARS; v++)
		t->lab.gate.at[v] = t->page[v] >> TIDAL_PAGE_SHIFT;
	if (t->fault)
		gate_break(&t->lab.gate, t->fault, 1 + below(t, n));
	for (unsigned step = 0; opened < n; step = next_step(t, step, wait)) {
		for (unsigned h = 0; h < n; h++) {
			if (wait[h] != step)
				continue;
			give(t, (h + shift) % n, t->lab.body.test[h][detours(t, h)], a);
			opened++;
		}
		if (!lab_step(&t->lab))
			return false;
	}
	if (!lab_gather(&t->lab))
		return false;
	gate_mend(&t->lab.gate);
	return true;
}

static uint64_t learnt(const struct trial *t, unsigned shift, unsigned *n)
{
	uint64_t code = 0;

	for (unsigned h = 0; h < t->shape->harts; h++) {
		const uint64_t *x = t->lab.gate.hart[(h + shift) % t->shape->harts].x;
		unsigned got = 0;

		for (unsigned i = 0; i < shape_ops(t->shape, h); i++)
			if (op_observes(t->shape->op[h][i].kind))
				outcome_add(&code, n, x[BODY_LEARNT + got++]);
	}
	return code;
}

static void record(struct trial *t, uint64_t code, bool count)
{
	char text[160];

	t->outcome = code;
	t->allowed &= count ? outcomes_see(t->outcomes, code) : outcomes_has(t->outcomes, code);
	if (!t->verbose)
		return;
	outcome_text(text, sizeof(text), t->shape, code);
	printf("  %s%s\n", text, t->allowed ? "" : "  forbidden");
}

/* All the variables at the end; *n values are known before. */
static void add_ends(struct trial *t, uint64_t code, unsigned n, const uint64_t *end, bool count)
{
	for (unsigned v = 0; v < t->shape->vars; v++)
		outcome_add(&code, &n, end[v]);
	record(t, code, count);
}

/* A VMM looks at them, from any node. */
static bool look_from_outside(struct trial *t, const tidal_gpa *a, uint64_t code, unsigned n)
{
	uint64_t end[LITMUS_VARS] = { 0 };
	unsigned char byte[8];

	for (unsigned v = 0; v < t->shape->vars; v++) {
		if (!lab_access(&t->lab, below(t, t->lab.c.nodes), a[v], byte, 8, false))
			return false;
		for (unsigned i = 0; i < 8; i++)
			end[v] |= (uint64_t)byte[i] << 8 * i;
	}
	add_ends(t, code, n, end, true);
	return true;
}

/* Some harts look at them; what each of them sees must be allowed. */
static bool look(struct trial *t, const tidal_gpa *a, uint64_t code, unsigned n)
{
	unsigned harts = t->shape->harts, one = below(t, harts);
	bool looks[LITMUS_HARTS];

	for (unsigned h = 0; h < harts; h++) {
		looks[h] = h == one || one_in(t, 4);
		if (looks[h])
			give(t, h, t->lab.body.look, a);
	}
	if (!lab_gather(&t->lab))
		return false;
	for (unsigned h = 0; h < harts && t->allowed; h++)
		if (looks[h])
			add_ends(t, code, n, &t->lab.gate.hart[h].x[BODY_LEARNT], h == one);
	return true;
}

static bool run(struct trial *t)
{
	tidal_gpa a[LITMUS_VARS] = { 0 };
	unsigned shift = below(t, t->shape->harts), n = 0;
	uint64_t code;

	if ((t->left == 0 || t->slot == t->slots) && !new_pages(t))
		return false;
	for (unsigned v = 0; v < t->shape->vars; v++)
		a[v] = t->page[v] + t->slot * SLOT + 8 * v;
	t->left--;
	t->slot++;
	for (unsigned i = below(t, 4) + (t->fault != FAULT_NONE); i > 1; i--)
		if (!touch(t))
			return false;
	if (!test(t, a, shift))
		return false;
	code = learnt(t, shift, &n);
	if (t->shape->ends)
		return one_in(t, 8) ? look_from_outside(t, a, code, n) : look(t, a, code, n);
	record(t, code, true);
	return true;
}

/* ---- a pod ---- */

static void add_traffic(const struct trial *t, struct traffic *all)
{
	all->pods++;
	all->steps += t->lab.steps;
	for (unsigned i = 0; i < t->lab.c.nodes; i++) {
		struct tidal_stats s;

		tidal_core_stats(tidal_node_core(t->lab.node[i].node), &s, sizeof(s));
		all->pages += s.pages_in;
		all->copies += s.copies_in;
		all->invalidations += s.invals_out;
		all->vcpus += s.vcpus_in;
		all->evictions += s.evictions;
		all->resent += s.resent;
		all->zeroed += s.skips;
	}
}

unsigned trial_runs(struct trial *t, uint64_t seed, unsigned runs, struct traffic *traffic)
{
	struct lab_config config;
	unsigned n = 0;

	t->random = seed;
	t->allowed = true;
	t->left = 0;
	memset(t->page, 0, sizeof(t->page));
	memset(t->used, 0, sizeof(t->used));
	lab_choose(&config, seed, t->shape->harts);
	if (t->fault)
		lab_calm(&config);
	lab_open(&t->lab, &config, seed, t->shape, CODE_GFN);
	t->in_code = one_in(t, 8) && !t->shape->apart && !t->fault &&
		     t->lab.body.words * 4 + SLOTS_FEW * SLOT < TIDAL_PAGE_SIZE;
	if (t->in_code) {
		use_code_page(t);
		runs = runs < t->slots - t->slot ? runs : t->slots - t->slot;
	}
	while (n < runs && !t->lab.wrong[0] && t->allowed)
		n += run(t);
	if (!t->lab.wrong[0] && t->allowed && lab_check(&t->lab))
		add_traffic(t, traffic);
	lab_close(&t->lab);
	return n;
}
