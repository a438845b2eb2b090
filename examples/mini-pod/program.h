/* SPDX-License-Identifier: BSD-3-Clause */
/* program.h - the guest's program and input: found, read, and laid out in guest memory. */
#ifndef MINI_POD_PROGRAM_H
#define MINI_POD_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#include <tidal/fake.h>

struct file {
	unsigned char *bytes;
	size_t len;
};

struct program {
	struct file elf, input;
	struct tidal_fake_image image; /* points into elf */
	tidal_gpa input_at, free;      /* where the input lies, and the first page after all */
};

/*
 * Find and read a program (a path, or the name of a guest that came with libtidal) and
 * its input (NULL: none), and lay them out in *memory* bytes. 0, or an exit code after
 * a complaint. program_close() in either case.
 */
int program_open(struct program *program, const char *name, const char *input, uint64_t memory);
/* The same with an input that is in memory already; it becomes the program's (free()). */
int program_open_with(struct program *program, const char *name, struct file input,
		      uint64_t memory);
void program_close(struct program *program);

#endif
