/* SPDX-License-Identifier: BSD-3-Clause */
/* text.c - complaints, sizes and times as text, and back. */
#include "text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "progress.h"

#define COMPLAINT_MAX 8192 /* with paths in it */

/* At once: others may write to the same terminal. */
int complain(int code, const char *format, ...)
{
	char line[COMPLAINT_MAX];
	va_list args;

	progress_clear();
	fflush(stdout); /* what the guest said comes first */
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	fprintf(stderr, "%s: %s\n", text_program, line);
	return code;
}

/* value / unit with three figures, as far as it isn't a whole number. */
static struct text scaled(uint64_t value, double unit, const char *name)
{
	struct text text;
	double x = (double)value / unit;
	int decimals = x >= 99.95 || (double)(uint64_t)x == x ? 0 : x >= 9.995 ? 1 : 2;

	snprintf(text.s, sizeof(text.s), "%.*f%s%s", decimals, x, *name ? " " : "", name);
	return text;
}

struct text text_bytes(uint64_t bytes)
{
	static const char *const names[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double unit = 1;
	unsigned i = 0;

	for (; i < 4 && (double)bytes / unit >= 1024; i++)
		unit *= 1024;
	return bytes ? scaled(bytes, unit, names[i]) : scaled(0, 1, "");
}

struct text text_count(uint64_t count)
{
	static const char *const names[] = { "", "k", "M", "G", "T" };
	double unit = 1;
	unsigned i = 0;

	/* Four figures still are a count, not a measurement. */
	for (; i < 4 && (double)count / unit >= 9999.5; i++)
		unit *= 1000;
	return scaled(count, unit, names[i]);
}

struct text text_time(uint64_t ns)
{
	static const char *const names[] = { "ns", "us", "ms", "s" };
	double unit = 1;
	unsigned i = 0;

	for (; i < 3 && (double)ns / unit >= 999.5; i++)
		unit *= 1000;
	return scaled(ns, unit, names[i]);
}

int parse_number(const char *text, uint64_t *number)
{
	char *end;

	if (*text < '0' || *text > '9')
		return -1;
	errno = 0;
	*number = strtoull(text, &end, 10);
	return errno || *end ? -1 : 0;
}

int parse_bytes(const char *text, uint64_t *bytes)
{
	static const char suffixes[] = "KMGT";
	unsigned shift = 0;
	const char *suffix;
	char *end;

	if (*text < '0' || *text > '9')
		return -1;
	errno = 0;
	*bytes = strtoull(text, &end, 10);
	if (errno)
		return -1;
	suffix = *end ? strchr(suffixes, *end) : NULL;
	if (suffix) {
		shift = 10 * (unsigned)(suffix - suffixes + 1);
		end++;
		if (!strcmp(end, "iB"))
			end += 2;
	}
	if (*end || *bytes > UINT64_MAX >> shift)
		return -1;
	*bytes <<= shift;
	return 0;
}

int parse_percent(const char *text, uint32_t *ppm)
{
	double percent;
	char *end;

	if ((*text < '0' || *text > '9') && *text != '.')
		return -1;
	percent = strtod(text, &end);
	if (end == text || *end || !(percent >= 0 && percent <= 100))
		return -1;
	*ppm = (uint32_t)(percent * 10000 + 0.5);
	return 0;
}
