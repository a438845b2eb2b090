/* SPDX-License-Identifier: BSD-3-Clause */
/* Page or vCPU: what the built-in policies decide in situations that real guests bring about. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <tidal/error.h>

#include "core/policy.h"

#define PAGE TIDAL_CHOOSE_PAGE
#define VCPU TIDAL_CHOOSE_VCPU

static struct policy_tables tables; /* the defaults */

static const char *const choices[] = { "page", "vCPU" };

/* Shares in 1/256, loads in vCPUs per thread. */
#define ALL 256
#define LOAD(vcpus) ((uint32_t)((vcpus) * 16))

/*
 * The usual: an ordinary page of an idle node, a vCPU that has been on its node for long and may
 * move, memory half full. What is unusual:
 */
enum { ARRIVED = 1, FULL = 2, STAYS = 4 };

static struct tidal_factors usual(struct tidal_factors f, unsigned but)
{
	f.bytes_page = f.dormant ? 0 : 4096;
	f.bytes_vcpu = 6400;
	f.free_here = but & FULL ? 0 : ALL / 2;
	f.free_there = ALL / 2;
	f.warmth = but & ARRIVED ? 0 : ALL;
	f.movable = !(but & STAYS);
	return f;
}

struct scenario {
	const char *what;
	enum tidal_choice request, answer; /* expected */
	unsigned but;
	struct tidal_factors f;
};

static const struct scenario scenarios[] = {
	/* One touch of a remote page is no reason to move. */
	{ "first stall of a vCPU", PAGE, PAGE, 0, { 0 } },
	{ "first stall, write", PAGE, PAGE, 0, { .access = TIDAL_WRITE } },
	{ "a remote page once in a while", PAGE, PAGE,
	  0, { .local_share = 160, .remote_share = 32 } },
	{ "a remote page once in a while, written, with copies", PAGE, PAGE,
	  0, { .access = TIDAL_WRITE, .local_share = 160, .remote_share = 32, .copies = 4 } },
	{ "stalls spread evenly over four owners", PAGE, PAGE, 0, { .remote_share = 64 } },
	{ "half of the stalls here, half there", PAGE, PAGE,
	  0, { .local_share = 128, .remote_share = 128 } },

	/* Streaming over another node's memory: after a few stalls the vCPU goes there. */
	{ "streaming: 2 of the last 16 stalls there", PAGE, PAGE, 0, { .remote_share = 32 } },
	{ "streaming: 4 of 16", PAGE, PAGE, 0, { .remote_share = 64 } },
	{ "streaming: 6 of 16", PAGE, PAGE, 0, { .remote_share = 96 } },
	{ "streaming: 8 of 16", VCPU, PAGE, 0, { .remote_share = 128 } },
	{ "streaming: 10 of 16", VCPU, VCPU, 0, { .remote_share = 160 } },
	{ "streaming: all of 16", VCPU, VCPU, 0, { .remote_share = ALL } },
	{ "streaming, writing", VCPU, VCPU,
	  0, { .access = TIDAL_WRITE, .remote_share = ALL } },
	{ "streaming, and some work here", VCPU, VCPU,
	  0, { .local_share = 51, .remote_share = 205 } },
	{ "streaming, as much work here", PAGE, PAGE,
	  0, { .local_share = 102, .remote_share = 154 } },
	{ "streaming over dormant memory: it comes by the range", PAGE, PAGE,
	  0, { .remote_share = ALL, .dormant = 1 } },
	{ "zeroing remote pages: they come as flags", PAGE, PAGE,
	  0, { .access = TIDAL_ZERO, .remote_share = ALL } },
	{ "a thread's own pages are there", VCPU, VCPU, 0, { .entangled = 1 } },

	/* Code is replicated, whatever else speaks for the vCPU. */
	{ "code of a streaming vCPU", PAGE, PAGE,
	  0, { .access = TIDAL_EXEC, .remote_share = ALL, .pingpong = 9 } },

	/* Locks: pages that several nodes write in turn attract vCPUs where there is room. */
	{ "a lock, first contention", PAGE, PAGE,
	  0, { .access = TIDAL_WRITE, .pingpong = 1, .local_share = 64, .remote_share = 64 } },
	{ "a hot lock, idle owner", VCPU, VCPU,
	  0, { .access = TIDAL_WRITE, .hot = 1, .pingpong = 4, .remote_share = 128 } },
	{ "a hot lock, owner uses it", VCPU, VCPU,
	  0, { .access = TIDAL_WRITE, .hot = 1, .pingpong = 4, .in_use = 1,
	    .remote_share = 64 } },
	{ "a hot lock, owner a vCPU per thread busier", PAGE, PAGE,
	  0, { .access = TIDAL_WRITE, .hot = 1, .pingpong = 4, .remote_share = 64,
	    .load_there = LOAD(1) } },
	{ "a hot lock, both equally busy", VCPU, VCPU,
	  0, { .access = TIDAL_WRITE, .hot = 1, .pingpong = 4, .remote_share = 128,
	    .load_here = LOAD(3), .load_there = LOAD(3) } },
	{ "a hot lock, owner crowded", PAGE, PAGE,
	  0, { .access = TIDAL_WRITE, .hot = 1, .pingpong = 9, .in_use = 1,
	    .remote_share = 128, .load_here = LOAD(1), .load_there = LOAD(4) } },
	{ "a lock that has been hot for ever, owner two vCPUs per thread busier", PAGE, PAGE,
	  0, { .access = TIDAL_WRITE, .hot = 1, .pingpong = 255, .in_use = 1,
	    .remote_share = 64, .load_there = LOAD(2) } },
	{ "a hot lock, only read", PAGE, PAGE,
	  0, { .hot = 1, .pingpong = 4, .remote_share = 32 } },
	{ "a hot lock of a vCPU that works here", PAGE, PAGE,
	  0, { .access = TIDAL_WRITE, .hot = 1, .pingpong = 4, .local_share = 192,
	    .remote_share = 64 } },

	/* Herding: load keeps away all but the first. */
	{ "streaming, owner has a vCPU per thread more", VCPU, VCPU,
	  0, { .remote_share = ALL, .load_there = LOAD(1) } },
	{ "streaming, owner has two vCPUs per thread more", PAGE, PAGE,
	  0, { .remote_share = ALL, .load_there = LOAD(2) } },
	{ "streaming, everybody has two vCPUs per thread", VCPU, VCPU,
	  0, { .remote_share = ALL, .load_here = LOAD(2), .load_there = LOAD(2) } },
	{ "streaming, absurd load", PAGE, PAGE,
	  0, { .remote_share = ALL, .load_there = UINT32_MAX } },

	/* Bouncing: who has moved needs better reasons each time. */
	{ "streaming, has moved once", VCPU, VCPU, 0, { .remote_share = ALL, .moves = 1 } },
	{ "streaming half, has moved once", VCPU, PAGE,
	  ARRIVED, { .remote_share = 128, .moves = 1 } },
	{ "streaming half, has moved twice", PAGE, PAGE,
	  ARRIVED, { .remote_share = 128, .moves = 2 } },
	{ "streaming, has moved three times", PAGE, PAGE,
	  ARRIVED, { .remote_share = ALL, .moves = 3 } },
	{ "two nodes in turn, just arrived", PAGE, PAGE,
	  ARRIVED, { .local_share = 128, .remote_share = 128, .moves = 1 } },

	/* Devices: a register now and then is asked for, a driver goes to its device. */
	{ "a device register once in a while", PAGE, PAGE,
	  0, { .access = TIDAL_IO, .local_share = 160, .remote_share = 32 } },
	{ "device registers again and again", VCPU, VCPU,
	  0, { .access = TIDAL_IO, .remote_share = ALL } },
	{ "a device register, memory full here", PAGE, PAGE,
	  FULL, { .access = TIDAL_IO, .remote_share = 96 } },

	/* Room, pins, and those who can't move. */
	{ "a page from a node with room to a full one", PAGE, PAGE, FULL, { 0 } },
	{ "the same, a few stalls there already", VCPU, VCPU,
	  FULL, { .remote_share = 128 } },
	{ "many copies: to be invalidated wherever the vCPU is", PAGE, PAGE,
	  0, { .access = TIDAL_WRITE, .copies = 100 } },
	{ "pinned there", VCPU, VCPU, 0, { .pinned = 1 } },
	{ "pinned there, code", VCPU, VCPU, 0, { .pinned = 1, .access = TIDAL_EXEC } },
	{ "pinned there, not movable", PAGE, PAGE, STAYS, { .pinned = 1 } },
	{ "streaming, not movable", PAGE, PAGE,
	  STAYS, { .remote_share = ALL } },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_scenarios(void **state)
{
	const struct tidal_policy_ops *ops = tidal_policy_cost();
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(scenarios); i++) {
		const struct scenario *s = &scenarios[i];
		const struct tidal_factors f = usual(s->f, s->but);
		enum tidal_choice request = ops->request(&f, &tables);
		enum tidal_choice answer = ops->answer(&f, &tables);
		bool right = request == s->request && answer == s->answer;

		print_message("%-70s %s %s%s\n", s->what, choices[request], choices[answer],
			      right ? "" : "   <-- wrong");
		wrong += !right;
		/* Without tables: the defaults, too. */
		assert_int_equal(ops->request(&f, NULL), request);
		assert_int_equal(ops->answer(&f, NULL), answer);
		/* Nobody sends a vCPU that must stay. */
		if (!f.movable)
			assert_int_equal(tidal_policy_vcpu()->answer(&f, NULL), PAGE);
		else if (f.access != TIDAL_EXEC)
			assert_int_equal(tidal_policy_vcpu()->request(&f, NULL), VCPU);
		else if (!f.pinned)
			assert_int_equal(tidal_policy_vcpu()->request(&f, NULL), PAGE);
		assert_int_equal(tidal_policy_page()->request(&f, NULL), PAGE);
		assert_int_equal(tidal_policy_page()->answer(&f, NULL), PAGE);
	}
	assert_int_equal(wrong, 0);
}

/* What policy.h says. Broken in policy.c: each weight, each exponent. */
static void test_defaults(void **state)
{
#define DEFAULT(name, us, exp)                                                                \
	do {                                                                                  \
		assert_int_equal(w.name.weight, (us) * 1000);                                 \
		assert_int_equal(w.name.exponent, exp);                                       \
	} while (0)
	struct tidal_weights w;

	(void)state;
	tidal_weights_init(&w, sizeof(w));
	DEFAULT(page_fixed, 20, 4);
	DEFAULT(page_bytes, 1, 4);
	DEFAULT(page_copies, 1, 2);
	DEFAULT(page_pingpong, 8, 2);
	DEFAULT(page_hot, 30, 4);
	DEFAULT(page_remote_share, 160, 8);
	DEFAULT(page_full_here, 30, 16);
	DEFAULT(page_in_use, 15, 4);
	DEFAULT(vcpu_fixed, 30, 4);
	DEFAULT(vcpu_bytes, 1, 4);
	DEFAULT(vcpu_local_share, 120, 4);
	DEFAULT(vcpu_load, 60, 6);
	DEFAULT(vcpu_warmth, 20, 4);
	DEFAULT(vcpu_moves, 20, 8);
	DEFAULT(wait_frame, 10, 4);
	DEFAULT(evict_page, 40, 4);
}

/* All weights set to one weight and exponent. */
static void fill(struct tidal_weights *w, int32_t weight, uint32_t exponent)
{
	struct tidal_weight one = { weight, exponent };

	tidal_weights_init(w, sizeof(*w));
#define SET(name, text) w->name = one;
	TIDAL_WEIGHTS(SET)
#undef SET
}

/* Every factor counts on its side, and only when it is there. */
static void test_every_weight_counts(void **state)
{
	static const struct tidal_factors none = { .access = TIDAL_WRITE, .free_here = ALL,
						   .movable = 1 };
	static const struct {
		size_t weight; /* offset */
		bool page;     /* speaks against the page */
		struct tidal_factors f;
	} cases[] = {
#define WEIGHT(name) offsetof(struct tidal_weights, name)
#define BASE .access = TIDAL_WRITE, .movable = 1
		{ WEIGHT(page_bytes), true, { BASE, .free_here = ALL, .bytes_page = 1024 } },
		{ WEIGHT(page_copies), true, { BASE, .free_here = ALL, .copies = 1 } },
		{ WEIGHT(page_pingpong), true, { BASE, .free_here = ALL, .pingpong = 1 } },
		{ WEIGHT(page_hot), true, { BASE, .free_here = ALL, .hot = 1 } },
		{ WEIGHT(page_remote_share), true, { BASE, .free_here = ALL, .remote_share = ALL } },
		{ WEIGHT(page_full_here), true, { BASE } },
		{ WEIGHT(page_in_use), true, { BASE, .free_here = ALL, .in_use = 1 } },
		{ WEIGHT(vcpu_bytes), false, { BASE, .free_here = ALL, .bytes_vcpu = 1024 } },
		{ WEIGHT(vcpu_local_share), false, { BASE, .free_here = ALL, .local_share = ALL } },
		{ WEIGHT(vcpu_load), false, { BASE, .free_here = ALL, .load_there = LOAD(1) } },
		{ WEIGHT(vcpu_warmth), false, { BASE, .free_here = ALL, .warmth = ALL } },
		{ WEIGHT(vcpu_moves), false, { BASE, .free_here = ALL, .moves = 1 } },
	};
	static struct policy_tables t;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct tidal_weight ten = { 10, 4 };
		struct tidal_weights w;

		/* One unit of the factor costs 10, the other side 9. */
		fill(&w, 0, 4);
		memcpy((char *)&w + cases[i].weight, &ten, sizeof(ten));
		if (cases[i].page)
			w.vcpu_fixed.weight = 9;
		else
			w.page_fixed.weight = 9;
		policy_compile(&t, &w);
		assert_int_equal(tidal_policy_cost()->request(&cases[i].f, &t),
				 cases[i].page ? VCPU : PAGE);
		assert_int_equal(tidal_policy_cost()->request(&none, &t),
				 cases[i].page ? PAGE : VCPU);
	}
}

/* The side of the page costs exactly so much: a vCPU of this cost stays, one of a ns less goes. */
static void check_page_cost(struct tidal_weights *w, const struct tidal_factors *f, int32_t cost)
{
	static struct policy_tables t;

	w->vcpu_fixed = (struct tidal_weight){ cost, 4 };
	policy_compile(&t, w);
	assert_int_equal(tidal_policy_cost()->request(f, &t), PAGE);
	w->vcpu_fixed.weight--;
	policy_compile(&t, w);
	assert_int_equal(tidal_policy_cost()->request(f, &t), VCPU);
}

/* Bytes count in steps of 64, up to 16 KiB. Broken: BYTES_STEP, steps(). */
static void test_bytes_by_steps(void **state)
{
	static const struct { uint32_t bytes; int32_t steps; } cases[] = {
		{ 0, 0 }, { 1, 1 }, { 64, 1 }, { 65, 2 }, { 1024, 16 }, { 1025, 17 }, { 4096, 64 },
		{ 16384, 256 }, { 16385, 256 }, { UINT32_MAX, 256 },
	};
	struct tidal_factors f = { .free_here = ALL, .movable = 1 };
	struct tidal_weights w;

	(void)state;
	fill(&w, 0, 4);
	w.page_bytes.weight = 16; /* one each step */
	for (size_t i = 0; i < COUNT(cases); i++) {
		f.bytes_page = cases[i].bytes;
		check_page_cost(&w, &f, cases[i].steps);
	}
}

/* A page that comes as a flag costs nothing of what the past and its bytes would. Broken in page_cost():
 * each `flag`. */
static void test_pages_that_come_as_flags(void **state)
{
	const struct tidal_weight much = { 1000000000, 4 };
	struct tidal_factors f = { .access = TIDAL_WRITE, .bytes_page = 4096, .hot = 1, .dormant = 1,
				   .remote_share = 1, .free_here = ALL, .movable = 1 };
	struct tidal_weights w;

	(void)state;
	fill(&w, 0, 4);
	w.page_bytes = w.page_hot = w.page_remote_share = much;
	for (f.entangled = 0; f.entangled < 2; f.entangled++) {
		check_page_cost(&w, &f, 0);
		f.access = TIDAL_ZERO;
		f.dormant = 0;
		check_page_cost(&w, &f, 0);
		f.access = TIDAL_WRITE;
		f.dormant = 1;
	}
}

/* What is counted for writes only, and for memory only. Broken in page_cost(): each `write`, TIDAL_IO. */
static void test_what_counts_for_whom(void **state)
{
	static const struct { uint32_t access; int32_t cost; } cases[] = {
		{ TIDAL_READ, 16 }, { TIDAL_WRITE, 31 }, { TIDAL_ZERO, 31 - 8 }, { TIDAL_IO, 0 },
	};
	const struct tidal_factors usual_ones = { .pingpong = 1, .copies = 1, .in_use = 1, .hot = 1,
						  .movable = 1 };
	struct tidal_weights w;

	(void)state;
	fill(&w, 0, 4);
	w.page_copies.weight = 1;
	w.page_pingpong.weight = 2;
	w.page_in_use.weight = 4;
	w.page_hot.weight = 8;
	w.page_full_here.weight = 16;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tidal_factors f = usual_ones;

		f.access = cases[i].access;
		check_page_cost(&w, &f, cases[i].cost);
	}
}

/* An owner that knows no more than the requester refuses only what the requester would have sent
 * the vCPU for itself: asking is never in vain. */
static void test_owner_is_the_more_hesitant(void **state)
{
	const struct tidal_policy_ops *ops = tidal_policy_cost();
	struct tidal_factors f = usual((struct tidal_factors){ .access = TIDAL_WRITE }, 0);
	unsigned differ = 0;

	(void)state;
	for (f.remote_share = 0; f.remote_share <= ALL; f.remote_share += 4)
		for (f.load_there = 0; f.load_there < 64; f.load_there += 4)
			for (f.pingpong = 0; f.pingpong < 8; f.pingpong++) {
				enum tidal_choice request = ops->request(&f, &tables);
				enum tidal_choice answer = ops->answer(&f, &tables);

				assert_true(answer == PAGE || request == VCPU);
				differ += request != answer;
			}
	assert_true(differ > 0);
}

/*
 * Herding: *vcpus* vCPUs on other nodes, a thread each, all stream over memory of one node with
 * *threads* threads. They decide one after the other, and see the loads as they are.
 */
static unsigned herd(unsigned threads, unsigned vcpus)
{
	unsigned there = 0;

	for (unsigned v = 0; v < vcpus; v++) {
		struct tidal_factors f = {
			.remote_share = ALL,
			.load_there = there * 16 / threads,
		};

		f = usual(f, 0);

		there += tidal_policy_cost()->request(&f, &tables) == VCPU;
	}
	return there;
}

static void test_no_herding(void **state)
{
	static const unsigned threads[] = { 1, 2, 4, 16, 64 };

	(void)state;
	for (size_t i = 0; i < COUNT(threads); i++) {
		unsigned there = herd(threads[i], 512);

		print_message("%2u threads attract %u of 512 vCPUs\n", threads[i], there);
		assert_true(there >= threads[i]); /* no thread stays idle */
		assert_true(there <= 2 * threads[i]);
	}
}

/* A vCPU whose pages are half on one node, half on the other, and which believes for a while
 * after each move that all is on the other one, comes to rest. */
static void test_no_bouncing(void **state)
{
	struct tidal_factors f = usual((struct tidal_factors){ .remote_share = ALL }, 0);

	(void)state;
	for (f.moves = 0; f.moves < 100 && tidal_policy_cost()->request(&f, &tables) == VCPU;
	     f.moves++)
		f.warmth = 0;
	print_message("comes to rest after %u moves\n", f.moves);
	assert_in_range(f.moves, 1, 3);
}

struct full_scenario {
	const char *what;
	enum tidal_full_choice cost, page, vcpu; /* expected from each policy */
	struct tidal_full_factors f;
};

#define SEND TIDAL_FULL_SEND_VCPU
#define EVICT TIDAL_FULL_EVICT
#define WAIT TIDAL_FULL_WAIT

static const struct full_scenario full_scenarios[] = {
	{ "frames are coming for all", WAIT, WAIT, SEND,
	  { .waiting = 2, .coming = 3, .best_free = 100, .movable = 1, .bytes_vcpu = 6400 } },
	{ "fewer are coming than wait, idle peer, no ties here", SEND, EVICT, SEND,
	  { .waiting = 3, .coming = 3, .best_free = 100, .movable = 1, .bytes_vcpu = 6400 } },
	{ "nothing comes, vCPU works here", EVICT, EVICT, SEND,
	  { .best_free = 100, .movable = 1, .bytes_vcpu = 6400, .local_share = 128 } },
	{ "nothing comes, peer busy", EVICT, EVICT, SEND,
	  { .best_free = 100, .movable = 1, .bytes_vcpu = 6400, .load_there = LOAD(1) } },
	{ "nothing comes, peer no busier than we", SEND, EVICT, SEND,
	  { .best_free = 100, .movable = 1, .bytes_vcpu = 6400, .load_there = LOAD(1),
	    .load_here = LOAD(1) } },
	{ "not movable", EVICT, EVICT, EVICT, { .best_free = 1, .bytes_vcpu = 6400 } },
	{ "pod full, one frame coming", WAIT, WAIT, WAIT,
	  { .waiting = 9, .coming = 1, .movable = 1, .bytes_vcpu = 6400 } },
	{ "pod full, nothing coming", WAIT, WAIT, WAIT, { .movable = 1, .bytes_vcpu = 6400 } },
};

static void test_full(void **state)
{
	static const char *const names[] = { "send vCPU", "evict", "wait" };

	(void)state;
	for (size_t i = 0; i < COUNT(full_scenarios); i++) {
		const struct full_scenario *s = &full_scenarios[i];
		enum tidal_full_choice c = tidal_policy_cost()->full(&s->f, &tables);

		print_message("%-70s %s\n", s->what, names[c]);
		assert_int_equal(c, s->cost);
		assert_int_equal(tidal_policy_cost()->full(&s->f, NULL), s->cost);
		assert_int_equal(tidal_policy_page()->full(&s->f, NULL), s->page);
		assert_int_equal(tidal_policy_vcpu()->full(&s->f, NULL), s->vcpu);
	}
}

/* The tables hold weight * (f / unit)^(x / 4), to a millionth or one. */
static void test_tables_hold_the_formula(void **state)
{
	static const unsigned unit[POLICY_WEIGHTS] = { 1, 16, 1, 1, 1, 256, 256, 1,
						       1, 16, 256, 16, 256, 1, 16, 1 };
	static const int32_t weights[] = { 1, -1, 977, -20000, 1000000000, -1000000000 };
	static struct policy_tables t;

	(void)state;
	for (uint32_t x = 0; x <= 16; x++)
		for (size_t k = 0; k < COUNT(weights); k++) {
			struct tidal_weights w;

			fill(&w, weights[k], x);
			policy_compile(&t, &w);
			for (unsigned i = 0; i < POLICY_WEIGHTS; i++)
				for (unsigned f = 0; f <= POLICY_FACTOR_MAX; f++) {
					double want = weights[k] * pow((double)f / unit[i], x / 4.0);
					double limit = (double)POLICY_COST_MAX;

					want = want > limit ? limit : want < -limit ? -limit : want;
					assert_true(fabs((double)t.cost[i][f] - want) <=
						    1 + fabs(want) * 1e-6);
				}
		}
}

/* Weights as large as they may be don't overflow, and keep their sign. */
static void test_extreme_weights(void **state)
{
	static struct policy_tables t;
	struct tidal_factors f = {
		.access = TIDAL_WRITE,
		.bytes_page = UINT32_MAX,
		.bytes_vcpu = UINT32_MAX,
		.copies = UINT32_MAX,
		.remote_share = UINT32_MAX,
		.pingpong = UINT32_MAX,
		.hot = 1,
		.in_use = 1,
		.load_there = UINT32_MAX,
		.movable = 1,
	};
	struct tidal_weights w;

	(void)state;
	fill(&w, 1000000000, 16); /* the page's factors are worth more: copies, moves */
	policy_compile(&t, &w);
	assert_int_equal(tidal_policy_cost()->request(&f, &t), VCPU);
	fill(&w, -1000000000, 16);
	policy_compile(&t, &w);
	assert_int_equal(tidal_policy_cost()->request(&f, &t), PAGE);
	f.moves = f.local_share = f.warmth = UINT32_MAX; /* but not worth more than these */
	f.pingpong = f.copies = 0;
	fill(&w, 1000000000, 16);
	policy_compile(&t, &w);
	assert_int_equal(tidal_policy_cost()->request(&f, &t), PAGE);
}

static void test_weights_are_checked(void **state)
{
	struct { struct tidal_weights w; uint64_t more; } newer;
	struct tidal_weights w;
	const char *name = NULL;

	(void)state;
	tidal_weights_init(&w, sizeof(w));
	assert_int_equal(w.size, sizeof(w));
	assert_int_equal(tidal_weights_check(&w, &name), 0);
	w.vcpu_load.exponent = 16;
	w.page_hot.weight = 1000000000;
	w.page_fixed.weight = -1000000000;
	assert_int_equal(tidal_weights_check(&w, &name), 0);
	w.page_hot.weight++;
	assert_int_equal(tidal_weights_check(&w, &name), TIDAL_ERANGE);
	assert_string_equal(name, "page_hot");
	w.page_hot.weight--;
	w.vcpu_load.exponent = 17;
	assert_int_equal(tidal_weights_check(&w, &name), TIDAL_ERANGE);
	assert_string_equal(name, "vcpu_load");
	w.page_fixed.weight = -1000000001;
	assert_int_equal(tidal_weights_check(&w, &name), TIDAL_ERANGE);
	assert_string_equal(name, "page_fixed");
	assert_int_equal(tidal_weights_check(&w, NULL), TIDAL_ERANGE);

	tidal_weights_init(&newer.w, sizeof(newer));
	assert_int_equal(newer.more, 0);
	assert_int_equal(tidal_weights_check(&newer.w, &name), 0);
	newer.more = 1;
	assert_int_equal(tidal_weights_check(&newer.w, &name), TIDAL_ERANGE);
	assert_string_equal(name, "size");
	w.size = 1;
	assert_int_equal(tidal_weights_check(&w, &name), TIDAL_ERANGE);
	assert_string_equal(name, "size");
}

/* A caller that knows only the first weights gets the defaults for the others. */
static void test_older_weights(void **state)
{
	static struct policy_tables t, defaults;
	struct tidal_weights w;
	const char *name;

	(void)state;
	fill(&w, 1, 99);
	w.page_fixed = (struct tidal_weight){ 7, 4 };
	w.size = offsetof(struct tidal_weights, page_bytes);
	assert_int_equal(tidal_weights_check(&w, &name), 0);
	policy_compile(&t, &w);
	policy_compile(&defaults, NULL);
	assert_int_equal(t.cost[0][1], 7);
	assert_memory_equal(t.cost[1], defaults.cost[1],
			    sizeof(t.cost) - sizeof(t.cost[0]));
	assert_memory_equal(&defaults, &tables, sizeof(tables));
}

static int compile_defaults(void **state)
{
	struct tidal_weights w;

	(void)state;
	tidal_weights_init(&w, sizeof(w));
	policy_compile(&tables, &w);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scenarios),
		cmocka_unit_test(test_every_weight_counts),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_bytes_by_steps),
		cmocka_unit_test(test_pages_that_come_as_flags),
		cmocka_unit_test(test_what_counts_for_whom),
		cmocka_unit_test(test_owner_is_the_more_hesitant),
		cmocka_unit_test(test_no_herding),
		cmocka_unit_test(test_no_bouncing),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_tables_hold_the_formula),
		cmocka_unit_test(test_extreme_weights),
		cmocka_unit_test(test_weights_are_checked),
		cmocka_unit_test(test_older_weights),
	};

	return cmocka_run_group_tests_name("policy", tests, compile_defaults, NULL);
}
