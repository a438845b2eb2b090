/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wordcount - lines, words and bytes of the input, as `wc` counts them in the C locale.
 * Each hart counts in a part of the input; a word belongs to the hart that sees its
 * first byte, for which it looks at the last byte of the part before.
 */
#include "guest.h"

static struct {
	GUEST_PAGE_ALIGNED uint64_t lines;
	uint64_t words;
} total;

static unsigned is_space(unsigned c)
{
	return c == ' ' || c - '\t' <= '\r' - '\t';
}

static void count(const unsigned char *text, uint64_t first, uint64_t end)
{
	uint64_t lines = 0, words = 0;
	unsigned before = first == 0 || is_space(text[first - 1]);

	for (uint64_t i = first; i < end; i++) {
		unsigned space = is_space(text[i]);

		lines += text[i] == '\n';
		words += before & !space;
		before = space;
	}
	__atomic_fetch_add(&total.lines, lines, __ATOMIC_RELAXED);
	__atomic_fetch_add(&total.words, words, __ATOMIC_RELAXED);
}

int guest_main(struct guest *g)
{
	struct guest_line line = { 0 };
	uint64_t first, end;

	guest_share(g, g->len, &first, &end);
	if (first < end)
		count(g->input, first, end);
	guest_barrier(g);
	if (g->hart == 0) {
		guest_number(&line, total.lines);
		guest_text(&line, " ");
		guest_number(&line, total.words);
		guest_text(&line, " ");
		guest_number(&line, g->len);
		guest_print(&line);
	}
	return 0;
}
