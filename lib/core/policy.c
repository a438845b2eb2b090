/* SPDX-License-Identifier: BSD-3-Clause */
/* Page or vCPU: the built-in policies, and the tables behind the one with weights. */
#include "policy.h"

#include <stdbool.h>
#include <tidal/error.h>

#include "bits.h"
#include "versioned.h"

/* The weights by number, in the order of their struct. */
#define INDEX(name, text) W_##name,
enum { TIDAL_WEIGHTS(INDEX) W_COUNT };
#undef INDEX
_Static_assert(W_COUNT == POLICY_WEIGHTS, "the table has one row per weight");

#define NAME(name, text) #name,
static const char *const names[W_COUNT] = { TIDAL_WEIGHTS(NAME) };
#undef NAME

#define OFFSET(name, text) offsetof(struct tidal_weights, name),
static const size_t offsets[W_COUNT] = { TIDAL_WEIGHTS(OFFSET) };
#undef OFFSET

/*
 * How a factor is counted, and the defaults. `shift`: 2^shift steps of the factor are one unit of
 * the formula, the weight is the cost in ns of one unit. A fetched page costs a round trip of about
 * 20 us, a vCPU sent about 30 us; both about 1 us per KiB. The rest speaks of the future:
 * a vCPU all of whose recent stalls were served by one node will save several
 * fetches there, one whose stalls are served here will need several if it leaves.
 */
#define BYTES_STEP 64 /* bytes are counted in steps of 64: up to 16 KiB */

static const struct row {
	uint8_t shift;
	struct tidal_weight weight;
} rows[W_COUNT] = {
	/* factor              shift    weight, exponent   a step, and a unit if it is another */
	[W_page_fixed] =        { 0, { 20000, 4 } },  /* always 1 */
	[W_page_bytes] =        { 4, { 1000, 4 } },   /* 64 B, 1 KiB */
	[W_page_copies] =       { 0, { 1000, 2 } },   /* a copy; in parallel, and there as well */
	[W_page_pingpong] =     { 0, { 8000, 2 } },   /* a move; reads move nothing */
	[W_page_hot] =          { 0, { 30000, 4 } },  /* 0 or 1 */
	[W_page_remote_share] = { 8, { 160000, 8 } }, /* 1/256, all; a few stalls prove little: square */
	[W_page_full_here] =    { 8, { 30000, 16 } }, /* 1/256, all; only the last frames count */
	[W_page_in_use] =       { 0, { 15000, 4 } },  /* 0 or 1 */
	[W_vcpu_fixed] =        { 0, { 30000, 4 } },  /* always 1 */
	[W_vcpu_bytes] =        { 4, { 1000, 4 } },   /* 64 B, 1 KiB */
	[W_vcpu_local_share] =  { 8, { 120000, 4 } }, /* 1/256, all */
	[W_vcpu_load] =         { 4, { 60000, 6 } },  /* 1/16, a vCPU per thread */
	[W_vcpu_warmth] =       { 8, { 20000, 4 } },  /* 1/256, all */
	[W_vcpu_moves] =        { 0, { 20000, 8 } },  /* a move; the third one must have good reasons */
	[W_wait_frame] =        { 4, { 10000, 4 } },  /* 1/16, a stall per frame that is coming */
	[W_evict_page] =        { 0, { 40000, 4 } },  /* a page: sent away, and fetched back one day */
};

/* Weights. */

static struct tidal_weight weight_of(const struct tidal_weights *w, unsigned i)
{
	struct tidal_weight out = rows[i].weight;

	if (w && offsets[i] + sizeof(out) <= w->size)
		memcpy(&out, (const char *)w + offsets[i], sizeof(out));
	return out;
}

void tidal_weights_init(struct tidal_weights *weights, size_t size)
{
	struct tidal_weights full = { .size = sizeof(full) };

	for (unsigned i = 0; i < W_COUNT; i++)
		memcpy((char *)&full + offsets[i], &rows[i].weight, sizeof(rows[i].weight));
	versioned_export(weights, size, &full, sizeof(full));
}

int tidal_weights_check(const struct tidal_weights *weights, const char **name)
{
	const char *wrong = NULL;

	if (versioned_check(weights, weights->size, sizeof(*weights)))
		wrong = "size";
	for (unsigned i = 0; i < W_COUNT && !wrong; i++) {
		struct tidal_weight w = weight_of(weights, i);

		if (w.weight < -1000000000 || w.weight > 1000000000 || w.exponent > 16)
			wrong = names[i];
	}
	if (wrong && name)
		*name = wrong;
	return wrong ? TIDAL_ERANGE : 0;
}

/* Costs. */

#define ROOT_BITS 26 /* fraction bits of a fourth root */

static uint64_t square_root(uint64_t x)
{
	uint64_t root = 0;

	for (uint64_t bit = (uint64_t)1 << 62; bit; bit >>= 2) {
		if (x >= root + bit) {
			x -= root + bit;
			root += bit << 1;
		}
		root >>= 1;
	}
	return root;
}

/* (f / 2^shift)^(quarters / 4) for quarters 0 .. 3, in 1/2^ROOT_BITS. */
static uint64_t root_power(uint32_t f, unsigned shift, unsigned quarters)
{
	uint64_t half = square_root((uint64_t)f << (2 * ROOT_BITS - shift));
	uint64_t quarter = square_root(half << ROOT_BITS);

	switch (quarters) {
	case 1:
		return quarter;
	case 2:
		return half;
	case 3:
		return half * quarter >> ROOT_BITS;
	default:
		return (uint64_t)1 << ROOT_BITS;
	}
}

/*
 * weight * (f / 2^shift)^(exponent / 4). The whole powers are exact: 10^9 * 256^4 < 2^62.
 * With a fractional part the whole one is at most the third: < 2^54, times a root of at most 2^6.
 * x^0 is 1, even for x = 0.
 */
static int64_t cost_at(struct tidal_weight w, unsigned shift, uint32_t f)
{
	unsigned whole = w.exponent / 4, quarters = w.exponent % 4;
	uint64_t cost = (uint64_t)(w.weight < 0 ? -(int64_t)w.weight : w.weight);

	for (unsigned i = 0; i < whole; i++)
		cost *= f;
	if (quarters) {
		uint64_t root = root_power(f, shift, quarters);
		uint64_t low = cost & (((uint64_t)1 << ROOT_BITS) - 1);

		cost = (cost >> ROOT_BITS) * root + (low * root >> ROOT_BITS);
	}
	cost >>= shift * whole;
	if (cost > (uint64_t)POLICY_COST_MAX)
		cost = POLICY_COST_MAX;
	return w.weight < 0 ? -(int64_t)cost : (int64_t)cost;
}

void policy_compile(struct policy_tables *t, const struct tidal_weights *w)
{
	for (unsigned i = 0; i < W_COUNT; i++)
		for (uint32_t f = 0; f <= POLICY_FACTOR_MAX; f++)
			t->cost[i][f] = cost_at(weight_of(w, i), rows[i].shift, f);
}

/* The cost of weight i at a factor. Without tables the defaults are worked out. */
static int64_t cost(const struct policy_tables *t, unsigned i, uint32_t factor)
{
	uint32_t f = factor < POLICY_FACTOR_MAX ? factor : POLICY_FACTOR_MAX;

	return t ? t->cost[i][f] : cost_at(rows[i].weight, rows[i].shift, f);
}

static uint32_t steps(uint32_t bytes)
{
	return bytes / BYTES_STEP + (bytes % BYTES_STEP != 0);
}

static uint32_t above(uint32_t a, uint32_t b)
{
	return a > b ? a - b : 0;
}

/*
 * A page that arrives as a flag brings a whole range of dormant memory with it or is
 * about to be overwritten: nothing of what the past says of its owner matters, as the vCPU will
 * find what it needs here.
 */
static int64_t page_cost(const struct policy_tables *t, const struct tidal_factors *f)
{
	bool flag = f->dormant || f->access == TIDAL_ZERO;
	bool write = f->access == TIDAL_WRITE || f->access == TIDAL_ZERO;
	int64_t sum = cost(t, W_page_fixed, 1);

	if (f->access != TIDAL_IO) /* which needs no frame */
		sum += cost(t, W_page_full_here, above(256, f->free_here));
	sum += cost(t, W_page_pingpong, write ? f->pingpong : 0);
	sum += cost(t, W_page_copies, write ? f->copies : 0);
	sum += cost(t, W_page_in_use, write && f->in_use);
	sum += cost(t, W_page_bytes, flag ? 0 : steps(f->bytes_page));
	sum += cost(t, W_page_hot, write && !flag && f->hot);
	/* An entangled page belongs to a thread all of whose pages are there. */
	sum += cost(t, W_page_remote_share, flag ? 0 : f->entangled ? 256 : f->remote_share);
	return sum;
}

static int64_t vcpu_cost(const struct policy_tables *t, const struct tidal_factors *f)
{
	int64_t sum = cost(t, W_vcpu_fixed, 1);

	sum += cost(t, W_vcpu_bytes, steps(f->bytes_vcpu));
	sum += cost(t, W_vcpu_local_share, f->local_share);
	sum += cost(t, W_vcpu_load, above(f->load_there, f->load_here));
	sum += cost(t, W_vcpu_warmth, f->warmth);
	sum += cost(t, W_vcpu_moves, f->moves);
	return sum;
}

/* What no policy may decide: the code that a vCPU runs is replicated, or an instruction
 * that needs two pages could chase them for ever (protocol rule 15). */
static bool must_fetch(const struct tidal_factors *f)
{
	return !f->movable || (f->access == TIDAL_EXEC && !f->pinned);
}

/* The policy with weights. */

static enum tidal_choice cost_request(const struct tidal_factors *f, const void *weights)
{
	if (must_fetch(f))
		return TIDAL_CHOOSE_PAGE;
	if (f->pinned)
		return TIDAL_CHOOSE_VCPU;
	return vcpu_cost(weights, f) < page_cost(weights, f) ? TIDAL_CHOOSE_VCPU
							     : TIDAL_CHOOSE_PAGE;
}

/* The owner weighs the same, but refusing wastes the half round trip that the request took. */
static enum tidal_choice cost_answer(const struct tidal_factors *f, const void *weights)
{
	int64_t wasted = cost(weights, W_page_fixed, 1) / 2;

	if (must_fetch(f))
		return TIDAL_CHOOSE_PAGE;
	if (f->pinned)
		return TIDAL_CHOOSE_VCPU;
	return vcpu_cost(weights, f) + wasted < page_cost(weights, f) ? TIDAL_CHOOSE_VCPU
								      : TIDAL_CHOOSE_PAGE;
}

/* Waiting is possible while more frames are coming than stalls wait for them; sending
 * anything needs a node with free frames. When nothing is possible, wait. */
static enum tidal_full_choice cost_full(const struct tidal_full_factors *f, const void *weights)
{
	enum tidal_full_choice best = TIDAL_FULL_WAIT;
	int64_t least = INT64_MAX, c;

	if (f->coming > f->waiting)
		least = cost(weights, W_wait_frame,
			     (uint32_t)((f->waiting + (uint64_t)1) * 16 / f->coming));
	if (!f->best_free)
		return best;
	c = cost(weights, W_evict_page, 1);
	if (c < least) {
		least = c;
		best = TIDAL_FULL_EVICT;
	}
	if (!f->movable)
		return best;
	c = cost(weights, W_vcpu_fixed, 1) + cost(weights, W_vcpu_bytes, steps(f->bytes_vcpu)) +
	    cost(weights, W_vcpu_local_share, f->local_share) +
	    cost(weights, W_vcpu_load, above(f->load_there, f->load_here));
	return c < least ? TIDAL_FULL_SEND_VCPU : best;
}

/* Always the page, and always the vCPU. */

static enum tidal_choice always_page(const struct tidal_factors *f, const void *weights)
{
	(void)f;
	(void)weights;
	return TIDAL_CHOOSE_PAGE;
}

static enum tidal_full_choice page_full(const struct tidal_full_factors *f, const void *weights)
{
	(void)weights;
	return f->coming > f->waiting || !f->best_free ? TIDAL_FULL_WAIT : TIDAL_FULL_EVICT;
}

static enum tidal_choice always_vcpu(const struct tidal_factors *f, const void *weights)
{
	(void)weights;
	return must_fetch(f) ? TIDAL_CHOOSE_PAGE : TIDAL_CHOOSE_VCPU;
}

static enum tidal_full_choice vcpu_full(const struct tidal_full_factors *f, const void *weights)
{
	return f->movable && f->best_free ? TIDAL_FULL_SEND_VCPU : page_full(f, weights);
}

static const struct tidal_policy_ops page_ops = {
	sizeof(page_ops), "page", always_page, always_page, page_full,
};
static const struct tidal_policy_ops vcpu_ops = {
	sizeof(vcpu_ops), "vcpu", always_vcpu, always_vcpu, vcpu_full,
};
static const struct tidal_policy_ops cost_ops = {
	sizeof(cost_ops), "cost", cost_request, cost_answer, cost_full,
};

const struct tidal_policy_ops *tidal_policy_page(void)
{
	return &page_ops;
}

const struct tidal_policy_ops *tidal_policy_vcpu(void)
{
	return &vcpu_ops;
}

const struct tidal_policy_ops *tidal_policy_cost(void)
{
	return &cost_ops;
}
