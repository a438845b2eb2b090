/* SPDX-License-Identifier: BSD-3-Clause */
/* words.h - count lines and words of a part of a text, as `wc` does in the C locale. */
#ifndef GUEST_WORDS_H
#define GUEST_WORDS_H

#include <stdint.h>

struct words {
	uint64_t lines, words;
};

static inline unsigned words_space(unsigned c)
{
	return c == ' ' || c - '\t' <= '\r' - '\t';
}

/* Of text[first, end): a word belongs to the part that has its first byte. */
static inline struct words words_count(const unsigned char *text, uint64_t first, uint64_t end)
{
	struct words n = { 0, 0 };
	unsigned before = 1;

	if (first > 0 && first < end)
		before = words_space(text[first - 1]);
	for (uint64_t i = first; i < end; i++) {
		unsigned space = words_space(text[i]);

		n.lines += text[i] == '\n';
		n.words += before & !space;
		before = space;
	}
	return n;
}

#endif
