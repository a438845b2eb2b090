/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wordcount - lines, words and bytes of the input, as `wc` counts them in the C locale.
 * Each hart counts in a part of the input.
 */
#include "guest.h"
#include "words.h"

static GUEST_PAGE_ALIGNED struct words total;

int guest_main(struct guest *g)
{
	struct guest_line line = { 0 };
	struct words mine;
	uint64_t first, end;

	guest_share(g, g->len, &first, &end);
	mine = words_count(g->input, first, end);
	__atomic_fetch_add(&total.lines, mine.lines, __ATOMIC_RELAXED);
	__atomic_fetch_add(&total.words, mine.words, __ATOMIC_RELAXED);
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
