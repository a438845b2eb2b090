/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * replay - feeds files to a fuzz target, without a fuzzer. Linked to each target as replay-NAME:
 * without arguments it takes all of tests/fuzz/corpus/NAME, else the files and folders named.
 */
#define _DEFAULT_SOURCE
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#include "fuzz.h"

#define FILE_MAX (1u << 20)
#define STATUS_BROKEN 99

static _Noreturn void broken(const char *name)
{
	fprintf(stderr, "replay: %s: %s\n", name, strerror(errno));
	exit(STATUS_BROKEN);
}

/* In memory of exactly its size, so that reading beyond it is seen. */
static void run_file(const char *name, const struct stat *st)
{
	size_t len = (size_t)st->st_size;
	uint8_t *bytes = malloc(len ? len : 1);
	FILE *f = fopen(name, "rb");

	if (!bytes || !f || len > FILE_MAX || fread(bytes, 1, len, f) != len)
		broken(name);
	fclose(f);
	fprintf(stderr, "%s\n", name); /* the log says which one it was */
	(void)LLVMFuzzerTestOneInput(bytes, len);
	free(bytes);
}

static unsigned run(const char *name);

static unsigned run_folder(const char *name)
{
	struct dirent **entries;
	int n = scandir(name, &entries, NULL, alphasort);
	unsigned files = 0;
	char path[4096];

	if (n < 0)
		broken(name);
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", name, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.')
			files += run(path);
		free(entries[i]);
	}
	free(entries);
	return files;
}

static unsigned run(const char *name)
{
	struct stat st;

	if (stat(name, &st) != 0)
		broken(name);
	if (S_ISDIR(st.st_mode))
		return run_folder(name);
	run_file(name, &st);
	return 1;
}

/* The corpus that belongs to this program's name. */
static unsigned run_corpus(const char *program)
{
	const char *top = getenv("top_srcdir"), *target = strrchr(program, '-');
	char path[4096];

	if (!top || !target) {
		fprintf(stderr, "usage: %s FILE-OR-FOLDER...\n", program);
		exit(STATUS_BROKEN);
	}
	snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/%s", top, target + 1);
	return run(path);
}

int main(int argc, char **argv)
{
	unsigned files = argc > 1 ? 0 : run_corpus(argv[0]);

	for (int i = 1; i < argc; i++)
		files += run(argv[i]);
	printf("%u files\n", files);
	return files ? 0 : STATUS_BROKEN; /* nothing was tested */
}
