/* SPDX-License-Identifier: BSD-3-Clause */
/* report - see report.h. */
#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FIGURES 256
#define NAME_MAX_LEN 96

struct kept {
	char bench[16];
	char name[NAME_MAX_LEN];
	struct figure f;
};

static struct {
	bool json;
	const char *bench;
	struct kept kept[FIGURES];
	unsigned count;
} report;

static bool met(const struct figure *f)
{
	return f->goal == AT_MOST ? f->value <= f->goal_value : f->value >= f->goal_value;
}

static const char *verdict(const struct figure *f)
{
	return f->goal == NO_GOAL ? "" : met(f) ? "met" : "missed";
}

/* Three digits that mean something, whatever the size. */
static const char *number(double v, char *text, size_t room)
{
	double size = v < 0 ? -v : v;

	snprintf(text, room, "%.*f", size >= 100 || v == (double)(long long)v ? 0 : size >= 10 ? 1 : 2,
		 v);
	return text;
}

static void print_text(const struct figure *f)
{
	char v[32], g[32], l[32];

	printf("  %-52s %9s %-10s", f->name, number(f->value, v, sizeof(v)), f->unit);
	if (f->goal != NO_GOAL)
		printf(" goal %s %s: %s.", f->goal == AT_MOST ? "<=" : ">=",
		       number(f->goal_value, g, sizeof(g)), verdict(f));
	if (f->floor_name)
		printf(" Floor: %s, %s", number(f->floor, l, sizeof(l)), f->floor_name);
	printf("\n");
}

/* Names and units are ours: nothing in them needs to be escaped. */
static void print_json(const struct figure *f)
{
	printf("{\"bench\": \"%s\", \"figure\": \"%s\", \"value\": %.6g, \"unit\": \"%s\"",
	       report.bench, f->name, f->value, f->unit);
	if (f->goal != NO_GOAL)
		printf(", \"goal\": \"%s\", \"goal_value\": %.6g, \"verdict\": \"%s\"",
		       f->goal == AT_MOST ? "at most" : "at least", f->goal_value, verdict(f));
	if (f->floor_name)
		printf(", \"floor\": %.6g, \"floor_name\": \"%s\"", f->floor, f->floor_name);
	printf("}\n");
}

void report_json(bool json)
{
	report.json = json;
}

void report_begin(const char *bench, const char *title)
{
	report.bench = bench;
	if (!report.json)
		printf("\n%s: %s\n", bench, title);
}

static void keep(const struct figure *f)
{
	struct kept *k = &report.kept[report.count];

	if (report.count == FIGURES)
		return;
	report.count++;
	k->f = *f;
	snprintf(k->bench, sizeof(k->bench), "%s", report.bench);
	snprintf(k->name, sizeof(k->name), "%s", f->name);
}

void report_figure(const struct figure *f)
{
	if (report.json)
		print_json(f);
	else
		print_text(f);
	if (f->goal != NO_GOAL)
		keep(f);
	fflush(stdout);
}

void report_skip(const char *why)
{
	if (report.json)
		printf("{\"bench\": \"%s\", \"skipped\": \"%s\"}\n", report.bench, why);
	else
		printf("  SKIPPED %s\n", why);
}

unsigned report_end(void)
{
	unsigned missed = 0;

	if (!report.json)
		printf("\n%-10s %-52s %12s %14s  %s\n", "Goals", "", "measured", "goal", "verdict");
	for (unsigned i = 0; i < report.count; i++) {
		const struct kept *k = &report.kept[i];
		char v[32], g[32];

		missed += !met(&k->f);
		if (report.json)
			continue;
		printf("%-10s %-52s %12s %2s %11s  %s\n", k->bench, k->name,
		       number(k->f.value, v, sizeof(v)), k->f.goal == AT_MOST ? "<=" : ">=",
		       number(k->f.goal_value, g, sizeof(g)), verdict(&k->f));
	}
	if (!report.json)
		printf("%u of %u goals met\n", report.count - missed, report.count);
	return missed;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double median(double *values, unsigned n)
{
	qsort(values, n, sizeof(*values), by_size);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

static uint64_t read_clock(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t clock_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

uint64_t cpu_ns(void)
{
	return read_clock(CLOCK_THREAD_CPUTIME_ID);
}
