/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * report - figures as they are measured, each with its goal, its floor and the verdict, and
 * a table of all goals at the end.
 */
#ifndef TIDAL_BENCH_REPORT_H
#define TIDAL_BENCH_REPORT_H

#include <stdbool.h>
#include <stdint.h>

enum goal { NO_GOAL, AT_MOST, AT_LEAST };

struct figure {
	const char *name;
	const char *unit;
	double value;
	enum goal goal;
	double goal_value;
	const char *floor_name; /* NULL: has none */
	double floor;
};

/* Lines of JSON instead of text. */
void report_json(bool json);
/* What the figures that follow are about. */
void report_begin(const char *bench, const char *title);
void report_figure(const struct figure *f);
/* What is not measured, and why. */
void report_skip(const char *why);
/* All figures that have a goal. Returns how many missed it. */
unsigned report_end(void);

/* Sorts. */
double median(double *values, unsigned n);
/* Wall clock, and CPU time of this thread, in ns. */
uint64_t clock_ns(void);
uint64_t cpu_ns(void);

#endif
