/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * guest.h - what a guest program has instead of a C library: memory of its own choice,
 * atomics, a barrier, a console. Two machines may be under it: that of tidal/fake.h, or the one of
 * examples/vmm/platform.h. arch-*.h and arch-*.c know them; each has guest_pause(),
 * guest_zero_page() and guest_try().
 *
 * Every hart calls guest_main(). The guest ends when all of them have returned, with the
 * bitwise OR of what they returned as its exit code.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stddef.h>
#include <stdint.h>

#ifdef __x86_64__
#include "arch-x86-64.h"
#else
#include "arch-riscv.h"
#endif
#include "stack.h"

#define GUEST_PAGE 4096u
#define GUEST_PAGE_ALIGNED __attribute__((aligned(GUEST_PAGE)))

/* This hart's view of the machine. Each hart has its own, on its stack. */
struct guest {
	unsigned hart, harts;
	uint64_t ram; /* bytes */
	const unsigned char *input;
	size_t len;
	uint64_t free; /* first address that nobody has taken; all zeroes from here on */
};

int guest_main(struct guest *g);

/* All harts wait for each other. What one wrote before, all can read afterwards. */
void guest_barrier(const struct guest *g);

/*
 * Take *bytes* of fresh, zero, page-aligned memory. All harts must take the same
 * amounts in the same order: they then get the same addresses. Ends the guest when
 * there is not so much.
 */
void *guest_take(struct guest *g, uint64_t bytes);

/* This hart's share of n things: [*first, *end). */
void guest_share(const struct guest *g, uint64_t n, uint64_t *first, uint64_t *end);

/* One line of output; numbers right where they are needed. Sent as a whole. */
struct guest_line {
	size_t len;
	char text[160];
};
void guest_text(struct guest_line *line, const char *text);
void guest_number(struct guest_line *line, uint64_t number);
/* Bytes, in the largest unit of which they are a whole number: "1 TiB", "1536 MiB". */
void guest_size(struct guest_line *line, uint64_t bytes);
void guest_hex(struct guest_line *line, uint64_t number, unsigned digits);
void guest_print(struct guest_line *line); /* adds the newline and empties the line */

void guest_write(const void *bytes, size_t len);
_Noreturn void guest_exit(int code);
/* Say why on the console and end the guest with exit code 1. */
_Noreturn void guest_fail(const char *program, const char *why);

/* A generator of numbers (splitmix64): the same on every machine. */
static inline uint64_t guest_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#endif
