/* SPDX-License-Identifier: BSD-3-Clause */
/* program.c - find, read and lay out what the guest runs. */
#include "program.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "text.h"

#ifndef GUESTDIR
#define GUESTDIR "/usr/local/share/libtidal/guests"
#endif

#define ELF_BYTES_MAX ((size_t)256 << 20)

/* Read a file that may grow or be a pipe, up to *max* bytes. 0, or an errno. */
static int read_stream(FILE *stream, size_t max, struct file *file)
{
	size_t room = 0;

	for (;;) {
		size_t n;

		if (file->len == room) {
			unsigned char *more = realloc(file->bytes, room = room ? 2 * room : 65536);

			if (!more)
				return ENOMEM;
			file->bytes = more;
		}
		n = fread(file->bytes + file->len, 1, room - file->len, stream);
		file->len += n;
		if (file->len > max)
			return EFBIG;
		if (n == 0)
			return ferror(stream) ? EIO : 0;
	}
}

/* 0, or an errno. */
static int read_file(const char *path, size_t max, struct file *file)
{
	FILE *stream = fopen(path, "rb");
	struct stat st;
	int error;

	if (!stream)
		return errno;
	if (fstat(fileno(stream), &st) == 0 && S_ISDIR(st.st_mode))
		error = EISDIR;
	else
		error = read_stream(stream, max, file);
	fclose(stream);
	return error;
}

static int exists(const char *path)
{
	return access(path, F_OK) == 0;
}

/* DIR/guests/NAME with its suffix for a DIR some steps up from this executable: the build tree. */
static int find_built(const char *name, const char *suffix, char path[PATH_MAX])
{
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (len < 0)
		return 0;
	self[len] = '\0';
	for (int up = 0; up < 3; up++) {
		char *slash = strrchr(self, '/');

		if (!slash)
			return 0;
		*slash = '\0';
		if (snprintf(path, PATH_MAX, "%s/guests/%s%s", self, name, suffix) < PATH_MAX &&
		    exists(path))
			return 1;
	}
	return 0;
}

static int find_program(const char *name, const char *suffix, char path[PATH_MAX])
{
	if (!strchr(name, '/')) {
		if (find_built(name, suffix, path))
			return 0;
		if (snprintf(path, PATH_MAX, "%s/%s%s", GUESTDIR, name, suffix) < PATH_MAX &&
		    exists(path))
			return 0;
	}
	if (snprintf(path, PATH_MAX, "%s", name) < PATH_MAX && exists(path))
		return 0;
	return complain(MINI_POD_USAGE,
			"%s: no such guest or file: give a path, or a guest that %s --help names",
			name, text_program);
}

static uint64_t page_up(uint64_t address)
{
	return (address + TIDAL_PAGE_SIZE - 1) / TIDAL_PAGE_SIZE * TIDAL_PAGE_SIZE;
}

static int read_elf(struct program *program, const struct machine *machine, const char *name)
{
	const char *why = "";
	char path[PATH_MAX];
	int error = find_program(name, machine->suffix, path);

	if (error)
		return error;
	error = read_file(path, ELF_BYTES_MAX, &program->elf);
	if (error)
		return complain(MINI_POD_USAGE, "%s: can't read it: %s", path, strerror(error));
	if (machine->image(program->elf.bytes, program->elf.len, &program->image, &why))
		return complain(MINI_POD_USAGE, "%s: not a guest: %s; it takes %s", path, why,
				machine->wants);
	return 0;
}

/* First the program, then the input, both from the beginning of a page. */
static int lay_out(struct program *program, const char *name, uint64_t memory)
{
	const struct image *image = &program->image;

	if (image->end > memory || page_up(image->end) > memory)
		return complain(MINI_POD_USAGE,
				"%s: ends at %s, beyond the guest's memory of %s: raise --memory",
				name, text_bytes(image->end).s, text_bytes(memory).s);
	program->input_at = page_up(image->end);
	if (program->input.len > memory - program->input_at)
		return complain(MINI_POD_USAGE,
				"input of %s: more than fits into the guest's memory of %s: "
				"raise --memory",
				text_bytes(program->input.len).s, text_bytes(memory).s);
	program->free = page_up(program->input_at + program->input.len);
	return 0;
}

int program_open_with(struct program *program, const struct options *options, const char *name,
		      struct file input)
{
	int status;

	memset(program, 0, sizeof(*program));
	program->input = input;
	status = read_elf(program, options->machine, name);
	return status ? status : lay_out(program, name, options->memory);
}

int program_open(struct program *program, const struct options *options)
{
	uint64_t memory = options->memory;
	struct file file = { 0 };
	size_t max = memory < SIZE_MAX ? (size_t)memory : SIZE_MAX;
	const char *input = options->input;
	int error = input ? read_file(input, max, &file) : 0;

	if (!error)
		return program_open_with(program, options, options->program, file);
	memset(program, 0, sizeof(*program));
	free(file.bytes);
	if (error == EFBIG)
		return complain(MINI_POD_USAGE,
				"%s: more than fits into the guest's memory of %s: raise --memory",
				input, text_bytes(memory).s);
	return complain(MINI_POD_USAGE, "%s: can't read it: %s", input, strerror(error));
}

void program_close(struct program *program)
{
	free(program->elf.bytes);
	free(program->input.bytes);
	memset(program, 0, sizeof(*program));
}
