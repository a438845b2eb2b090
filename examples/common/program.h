/* SPDX-License-Identifier: BSD-3-Clause */
/* program.h - the guest's program and input: found, read, and laid out in guest memory. */
#ifndef MINI_POD_PROGRAM_H
#define MINI_POD_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "machine.h"

struct file {
	unsigned char *bytes;
	size_t len;
};

struct program {
	struct file elf, input;
	struct image image; /* points into elf */
	uint64_t input_at, free;      /* where the input lies, and the first page after all */
};

/*
 * Find and read options->program (a path, or the name of a guest that came with libtidal) and
 * options->input (NULL: none), and lay them out in the guest's memory. 0, or an exit code after
 * a complaint. program_close() in either case.
 */
int program_open(struct program *program, const struct options *options);
/* Another program, with an input that is in memory already; it becomes the program's (free()). */
int program_open_with(struct program *program, const struct options *options, const char *name,
		      struct file input);
void program_close(struct program *program);

#endif
