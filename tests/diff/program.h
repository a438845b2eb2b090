/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random programs: sequences of instructions that run one after the other, each on
 * registers of its own in memory and a scratch area of its own. The program ends with
 * write(1, data, bytes) and exit(0) as Linux has them.
 */
#ifndef DIFF_PROGRAM_H
#define DIFF_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#define PROGRAM_TEXT 0x100000u
#define PROGRAM_DATA 0x4000000u

/* A sequence's block of data: registers before, registers after, scratch. */
#define BLOCK_BYTES 1024u
#define BLOCK_AFTER 256u
#define BLOCK_SCRATCH 512u
#define BLOCK_REGS 31 /* x1 to x30; x31 is the block's address */

struct program {
	uint32_t *text;
	size_t words, room;
	uint8_t *data;
	size_t data_bytes;
	unsigned sequences;
	size_t *start; /* of each sequence in text; one more for the end */
};

/* Exits when there is no memory. *lr_sc*: with load-reserved and store-conditional. */
struct program *program_make(uint64_t seed, unsigned sequences, unsigned units, int lr_sc);
void program_free(struct program *p);
/* The program as an ELF file: its bytes, to be freed. */
uint8_t *program_elf(const struct program *p, size_t *len);

struct rng {
	uint64_t state;
};
uint32_t rng_below(struct rng *rng, uint32_t n);
uint64_t rng_next(struct rng *rng);

#endif
