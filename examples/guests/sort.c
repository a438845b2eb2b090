/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sort - the lines of the input in the order of their bytes, as `LC_ALL=C sort` prints them.
 *
 * Each hart sorts the lines that begin in its part of the input and copies them, in
 * order, to a run of text. Then runs are merged two by two, each pair by one hart, until
 * there is one. Runs are read and written from front to back, so a node needs few of their
 * pages at a time.
 */
#include "guest.h"

#define HARTS_MAX 64

/* A line of the input, which ends at its newline or at the end of the input. */
struct line {
	uint64_t key; /* the first eight bytes, the first one highest, padded with zeroes */
	const unsigned char *text;
};

/* Text of whole lines, each with its newline. */
struct run {
	const unsigned char *at, *end;
};

/* Each hart writes a page of its own. */
static union {
	struct run run;
	unsigned char page[GUEST_PAGE];
} runs[HARTS_MAX] __attribute__((aligned(GUEST_PAGE)));

static uint64_t line_key(const unsigned char *text, const unsigned char *end)
{
	uint64_t key = 0;

	for (unsigned bits = 64; bits && text < end && *text != '\n'; text++)
		key |= (uint64_t)*text << (bits -= 8);
	return key;
}

/* Does line a come before line b? */
static int text_before(const unsigned char *a, const unsigned char *a_end, const unsigned char *b,
		       const unsigned char *b_end)
{
	for (;; a++, b++) {
		if (b == b_end || *b == '\n')
			return 0;
		if (a == a_end || *a == '\n')
			return 1;
		if (*a != *b)
			return *a < *b;
	}
}

static int line_before(const struct line *a, const struct line *b, const unsigned char *end)
{
	return a->key != b->key ? a->key < b->key : text_before(a->text, end, b->text, end);
}

/* Merge from[base, middle) and from[middle, last) to to[base, last). */
static void merge_lines(struct line *to, const struct line *from, uint64_t base, uint64_t middle,
			uint64_t last, const unsigned char *end)
{
	uint64_t a = base, b = middle;

	for (uint64_t i = base; i < last; i++) {
		int take_b = a == middle ||
			     (b < last && line_before(&from[b], &from[a], end));

		to[i] = from[take_b ? b++ : a++];
	}
}

/* Sort n lines with as much room again in *other*. Returns the array that has the result. */
static struct line *sort_lines(struct line *lines, struct line *other, uint64_t n,
			       const unsigned char *end)
{
	for (uint64_t width = 1; width < n; width *= 2) {
		struct line *swap = lines;

		for (uint64_t base = 0; base < n; base += 2 * width) {
			uint64_t middle = n - base < width ? n : base + width;
			uint64_t last = n - base < 2 * width ? n : base + 2 * width;

			merge_lines(other, lines, base, middle, last, end);
		}
		lines = other;
		other = swap;
	}
	return lines;
}

/* The first line that begins at *at* or later. */
static const unsigned char *line_start(const struct guest *g, uint64_t at)
{
	while (at > 0 && at < g->len && g->input[at - 1] != '\n')
		at++;
	return g->input + at;
}

/* List the lines in [at, last). */
static uint64_t list_lines(struct line *lines, const unsigned char *at, const unsigned char *last)
{
	uint64_t n = 0;

	while (at < last) {
		lines[n].text = at;
		lines[n++].key = line_key(at, last);
		while (at < last && *at++ != '\n')
			;
	}
	return n;
}

static unsigned char *copy_line(unsigned char *to, const unsigned char *from,
				const unsigned char *end)
{
	while (from < end && *from != '\n')
		*to++ = *from++;
	*to++ = '\n';
	return to;
}

/* Sort the lines in [at, last) and copy them to *out*. Returns where the copy ends. */
static unsigned char *sort_part(struct line *room, const unsigned char *at,
				const unsigned char *last, unsigned char *out)
{
	uint64_t n = list_lines(room, at, last);
	const struct line *sorted = sort_lines(room, room + n, n, last);

	for (uint64_t i = 0; i < n; i++)
		out = copy_line(out, sorted[i].text, last);
	return out;
}

static unsigned char *merge_runs(struct run a, struct run b, unsigned char *out)
{
	while (a.at < a.end || b.at < b.end) {
		int take_b = a.at == a.end ||
			     (b.at < b.end && text_before(b.at, b.end, a.at, a.end));
		const unsigned char **from = take_b ? &b.at : &a.at;

		while ((*out++ = *(*from)++) != '\n')
			;
	}
	return out;
}

/*
 * Runs that lie side by side become one, in a buffer that is not theirs, until there
 * is one. *at* is where this hart's part begins in any buffer.
 */
static void merge_all(const struct guest *g, unsigned char *buffer[2], uint64_t at)
{
	struct run *mine = &runs[g->hart].run;
	unsigned turn = 1;

	for (unsigned step = 1; step < g->harts; step *= 2, turn = !turn) {
		struct run none = { 0 };
		unsigned other = g->hart + step;

		guest_barrier(g);
		if (g->hart % (2 * step) != 0)
			continue;
		unsigned char *out = buffer[turn] + at;
		unsigned char *end = merge_runs(*mine, other < g->harts ? runs[other].run : none, out);

		mine->at = out;
		mine->end = end;
	}
}

int guest_main(struct guest *g)
{
	/* The last line may get a newline that it did not have. */
	unsigned char *buffer[2] = { guest_take(g, g->len + 1), guest_take(g, g->len + 1) };
	/* Two entries per line. Lines may be empty; what isn't touched costs nothing. */
	struct line *room = guest_take(g, 2 * g->len * sizeof(*room));
	struct run *mine = &runs[g->hart].run;
	const unsigned char *first, *last;
	uint64_t share, end;

	if (g->harts > HARTS_MAX)
		guest_fail("sort", "more than 64 harts");
	guest_share(g, g->len, &share, &end);
	first = line_start(g, share);
	last = line_start(g, end);
	share = (uint64_t)(first - g->input);
	mine->at = buffer[0] + share;
	mine->end = sort_part(room + 2 * share, first, last, buffer[0] + share);
	merge_all(g, buffer, share);
	guest_barrier(g);
	if (g->hart == 0)
		guest_write(mine->at, (size_t)(mine->end - mine->at));
	return 0;
}
