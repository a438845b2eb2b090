/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * matmul - C = A * B of 64-bit integers (modulo 2^64), rows shared out to the harts, checked
 * with Freivalds' method: A * (B * r) and C * r must be equal for random vectors r.
 */
#include "guest.h"

#define N 128
#define TRIALS 2

struct matrix {
	uint64_t at[N][N];
};

static GUEST_PAGE_ALIGNED unsigned wrong;
static GUEST_PAGE_ALIGNED uint64_t checksum;

static void fill(struct matrix *m, uint64_t first, uint64_t end, uint64_t seed)
{
	for (uint64_t i = first; i < end; i++) {
		uint64_t state = seed + i;

		for (unsigned j = 0; j < N; j++)
			m->at[i][j] = guest_random(&state);
	}
}

/* Rows [first, end) of C. B is passed row by row, so that its pages are read in order. */
static void multiply(struct matrix *c, const struct matrix *a, const struct matrix *b,
		     uint64_t first, uint64_t end)
{
	for (uint64_t i = first; i < end; i++)
		for (unsigned k = 0; k < N; k++)
			for (unsigned j = 0; j < N; j++)
				c->at[i][j] += a->at[i][k] * b->at[k][j];
}

static uint64_t row_times(const uint64_t row[N], const uint64_t vector[N])
{
	uint64_t sum = 0;

	for (unsigned j = 0; j < N; j++)
		sum += row[j] * vector[j];
	return sum;
}

/* Rows [first, end) of C with one random vector, the same on all harts. */
static unsigned check(const struct matrix *a, const struct matrix *b, const struct matrix *c,
		      uint64_t first, uint64_t end, uint64_t seed)
{
	uint64_t r[N], br[N];
	unsigned bad = 0;

	for (unsigned j = 0; j < N; j++)
		r[j] = guest_random(&seed);
	for (unsigned k = 0; k < N; k++)
		br[k] = row_times(b->at[k], r);
	for (uint64_t i = first; i < end; i++)
		bad += row_times(a->at[i], br) != row_times(c->at[i], r);
	return bad;
}

static uint64_t sum_rows(const struct matrix *m, uint64_t first, uint64_t end)
{
	uint64_t sum = 0;

	for (uint64_t i = first; i < end; i++)
		for (unsigned j = 0; j < N; j++)
			sum += m->at[i][j] * (2 * (i * N + j) + 1);
	return sum;
}

static int report(void)
{
	struct guest_line line = { 0 };

	if (wrong)
		guest_fail("matmul", "the product is wrong");
	guest_number(&line, N);
	guest_text(&line, " x ");
	guest_number(&line, N);
	guest_text(&line, ", checked, checksum ");
	guest_hex(&line, checksum, 16);
	guest_print(&line);
	return 0;
}

int guest_main(struct guest *g)
{
	struct matrix *a = guest_take(g, sizeof(*a));
	struct matrix *b = guest_take(g, sizeof(*b));
	struct matrix *c = guest_take(g, sizeof(*c));
	uint64_t first, end;
	unsigned bad = 0;

	guest_share(g, N, &first, &end);
	fill(a, first, end, 1);
	fill(b, first, end, N + 1);
	guest_barrier(g);
	multiply(c, a, b, first, end);
	for (uint64_t trial = 1; trial <= TRIALS; trial++)
		bad += check(a, b, c, first, end, trial);
	__atomic_fetch_add(&wrong, bad, __ATOMIC_RELAXED);
	__atomic_fetch_add(&checksum, sum_rows(c, first, end), __ATOMIC_RELAXED);
	guest_barrier(g);
	return g->hart == 0 ? report() : 0;
}
