/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The fake host's interpreter against qemu-riscv64: random programs must leave the same
 * registers and memory. Usage: riscv [SEED]. Exit status: 77 when qemu is absent.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines.h"
#include "program.h"

static uint64_t get64(const uint8_t *p)
{
	uint64_t v = 0;

	for (int i = 7; i >= 0; i--)
		v = v << 8 | p[i];
	return v;
}

static void print_word(const char *what, unsigned n, const uint8_t *qemu, const uint8_t *fake)
{
	printf("  %s%u: qemu %016llx, fake %016llx\n", what, n, (unsigned long long)get64(qemu),
	       (unsigned long long)get64(fake));
}

/* The first sequence that differs is the one that went wrong. */
static void print_difference(const struct program *p, const uint8_t *qemu, const uint8_t *fake)
{
	unsigned n = 0;

	while (n < p->sequences && memcmp(qemu + n * BLOCK_BYTES, fake + n * BLOCK_BYTES,
					  BLOCK_BYTES) == 0)
		n++;
	printf("sequence %u of %u differs:\n", n, p->sequences);
	for (unsigned i = 0; i < BLOCK_BYTES / 8; i++) {
		size_t at = n * BLOCK_BYTES + 8 * i;

		if (memcmp(qemu + at, fake + at, 8) == 0)
			continue;
		if (8 * i >= BLOCK_SCRATCH)
			print_word("scratch + ", 8 * i - BLOCK_SCRATCH, qemu + at, fake + at);
		else
			print_word("x", i % 32, qemu + at, fake + at);
	}
	if (n == p->sequences)
		return;
	printf("its registers before:\n");
	for (unsigned i = 1; i < BLOCK_REGS; i++)
		printf("  x%u = %016llx\n", i,
		       (unsigned long long)get64(p->data + n * BLOCK_BYTES + 8 * i));
	printf("its instructions:\n");
	for (size_t i = p->start[n]; i < p->start[n + 1]; i++)
		printf("  %08llx: %08x\n", (unsigned long long)(PROGRAM_TEXT + 4 * i), p->text[i]);
}

static int compare(const struct program *p, int rough, uint64_t seed)
{
	size_t len, bytes = p->data_bytes;
	uint8_t *file = program_elf(p, &len);
	uint8_t *qemu = calloc(1, bytes), *fake = calloc(1, bytes);
	int r = qemu && fake ? qemu_run(file, len, qemu, bytes) : -1;

	if (r == 0)
		r = fake_run(file, len, fake, bytes, rough, seed);
	if (r == 0 && memcmp(qemu, fake, bytes) != 0) {
		print_difference(p, qemu, fake);
		r = -1;
	}
	free(file);
	free(qemu);
	free(fake);
	return r;
}

/* Reservations may die when pages come and go, so rough programs have none. */
static int run(uint64_t seed, unsigned sequences, int rough)
{
	struct program *p = program_make(seed, sequences, 80, !rough);
	int r = compare(p, rough, seed);

	if (r == 0)
		printf("%u sequences, %zu instructions%s: the same\n", sequences, p->words,
		       rough ? ", disturbed" : "");
	else if (r < 0)
		printf("failed with seed %llu%s\n", (unsigned long long)seed,
		       rough ? ", disturbed" : "");
	program_free(p);
	return r;
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 20240601;
	int r = run(seed, 300, 0);

	if (r == 0)
		r = run(seed + 1, 100, 1);
	if (r == 77)
		printf("SKIP: qemu-riscv64 is not installed\n");
	return r < 0 ? 1 : r;
}
