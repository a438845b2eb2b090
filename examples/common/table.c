/* SPDX-License-Identifier: BSD-3-Clause */
/* table.c - the counters of all nodes, side by side. */
#include "table.h"

#include <stddef.h>
#include <stdio.h>

#include "text.h"

#define COLUMNS_MAX 8 /* more nodes than that: least, most and total */
#define LABEL 30
#define COLUMN 10

enum unit { COUNT, PAGES, BYTES };

struct row {
	const char *label;
	size_t offset; /* in struct tidal_stats */
	enum unit unit;
};

#define HEADING(text) { text, SIZE_MAX, COUNT }
#define ROW(text, member, unit) { text, offsetof(struct tidal_stats, member), unit }

static const struct row rows[] = {
	HEADING("Where things are at the end"),
	ROW("vCPUs", vcpus_here, COUNT),
	ROW("memory in use, copies too", frames_used, PAGES),
	ROW("memory free", frames_zeroed, PAGES),
	ROW("memory free, not yet zeroed", frames_dirty, PAGES),
	HEADING("Stalls"),
	ROW("of reads and fetches", stalls_read, COUNT),
	ROW("of writes", stalls_write, COUNT),
	ROW("of instructions zeroing a page", stalls_zero, COUNT),
	ROW("of device accesses", stalls_io, COUNT),
	ROW("of the loader", stalls_vmm, COUNT),
	HEADING("What became of them"),
	ROW("served at once", out_local, COUNT),
	ROW("page came to the vCPU", out_page, COUNT),
	ROW("vCPU went to the page", out_vcpu, COUNT),
	ROW("zeroing skipped", skips, COUNT),
	ROW("waited for free memory", full_waits, COUNT),
	HEADING("Pages and vCPUs that moved"),
	ROW("pages that came", pages_in, COUNT),
	ROW("pages that left", pages_out, COUNT),
	ROW("read-only copies that came", copies_in, COUNT),
	ROW("invalidations sent", invals_out, COUNT),
	ROW("evicted to another node", evictions, COUNT),
	ROW("copies dropped for memory", drops, COUNT),
	ROW("vCPUs that came", vcpus_in, COUNT),
	ROW("vCPUs that left", vcpus_out, COUNT),
	HEADING("Dormant memory"),
	ROW("dormant pages given memory", conversions, COUNT),
	ROW("found zero, dormant again", redormant, COUNT),
	ROW("read as the page of zeroes", zero_maps, COUNT),
	ROW("dormant pages that came", dormant_in, COUNT),
	ROW("dormant extents that came", extents_in, COUNT),
	HEADING("The wire"),
	ROW("messages", messages_out, COUNT),
	ROW("sent again", resent, COUNT),
	ROW("sent", bytes_out, BYTES),
	ROW("requests for a page", requests, COUNT),
	ROW("refused", refusals, COUNT),
	ROW("asked again", retries, COUNT),
	ROW("passed on to another node", forwards, COUNT),
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

struct numbers {
	uint64_t least, most, total;
};

static uint64_t value(const struct tidal_stats *stats, const struct row *row)
{
	return *(const uint64_t *)((const char *)stats + row->offset);
}

static struct numbers sum(const struct tidal_stats *stats, uint32_t nodes, const struct row *row)
{
	struct numbers n = { UINT64_MAX, 0, 0 };

	for (uint32_t i = 0; i < nodes; i++) {
		uint64_t v = value(&stats[i], row);

		n.least = v < n.least ? v : n.least;
		n.most = v > n.most ? v : n.most;
		n.total += v;
	}
	return n;
}

static void cell(uint64_t v, enum unit unit)
{
	struct text text = unit == PAGES ? text_bytes(v * TIDAL_PAGE_SIZE) :
			   unit == BYTES ? text_bytes(v) :
					   text_count(v);

	fprintf(stderr, "%*s", COLUMN, v ? text.s : "-");
}

static void print_row(const struct tidal_stats *stats, uint32_t nodes, const struct row *row)
{
	struct numbers n = sum(stats, nodes, row);

	fprintf(stderr, "  %-*s", LABEL - 2, row->label);
	if (nodes > COLUMNS_MAX) {
		cell(n.least, row->unit);
		cell(n.most, row->unit);
	} else if (nodes > 1) {
		for (uint32_t i = 0; i < nodes; i++)
			cell(value(&stats[i], row), row->unit);
	}
	cell(n.total, row->unit);
	fputc('\n', stderr);
}

static void print_heads(uint32_t nodes)
{
	fprintf(stderr, "\n%-*s", LABEL, "");
	if (nodes > COLUMNS_MAX)
		fprintf(stderr, "%*s%*s", COLUMN, "least", COLUMN, "most");
	else if (nodes > 1)
		for (uint32_t i = 0; i < nodes; i++) {
			char head[16];

			snprintf(head, sizeof(head), "node %u", i);
			fprintf(stderr, "%*s", COLUMN, head);
		}
	fprintf(stderr, "%*s\n", COLUMN, nodes > 1 ? "total" : "node 0");
}

/* What never happened is left out, and so is a heading with nothing under it. */
static void print_rows(const struct tidal_stats *stats, uint32_t nodes)
{
	const char *heading = NULL;

	for (size_t i = 0; i < ROWS; i++) {
		if (rows[i].offset == SIZE_MAX) {
			heading = rows[i].label;
			continue;
		}
		if (sum(stats, nodes, &rows[i]).total == 0)
			continue;
		if (heading)
			fprintf(stderr, "%s\n", heading);
		heading = NULL;
		print_row(stats, nodes, &rows[i]);
	}
}

static void print_summary(const struct options *options, const struct tally *tally)
{
	uint64_t used = 0, requests = 0, forwards = 0, longest = 0;
	const char *clock = tally->real ? "" : " (virtual)";

	for (uint32_t i = 0; i < tally->nodes; i++) {
		const struct tidal_stats *stats = &tally->core[i];

		used += stats->conversions - stats->redormant;
		requests += stats->requests;
		forwards += stats->forwards;
		longest = stats->forward_max > longest ? stats->forward_max : longest;
	}
	fprintf(stderr, "\nready to boot after   %s%s, with %s of guest memory\n",
		text_time(tally->ready).s, clock, text_bytes(options->memory).s);
	fprintf(stderr, "guest ended after     %s%s\n", text_time(tally->ended).s, clock);
	fprintf(stderr, "guest memory written  %s, %llu pages; a node has %s, all nodes %s\n",
		text_bytes(used * TIDAL_PAGE_SIZE).s, (unsigned long long)used,
		text_bytes(options->node_memory).s,
		text_bytes(options->node_memory * options->nodes).s);
	if (requests)
		fprintf(stderr, "forwards per request  %.2f, at most %llu\n",
			(double)forwards / (double)requests, (unsigned long long)longest);
}

/* In wall time even where all else is virtual, and so the only line that differs from run to run. */
static void print_decisions(const struct tally *tally)
{
	uint64_t stalls = 0, ns = 0;

	for (uint32_t i = 0; i < tally->nodes; i++) {
		stalls += tally->driver[i].stalls;
		ns += tally->driver[i].stalls_ns;
	}
	if (stalls)
		fprintf(stderr, "decision time here    %s per stall on average (wall clock)\n",
			text_time(ns / stalls).s);
}

void table_print(const struct options *options, const struct tally *tally)
{
	fflush(stdout);
	print_heads(tally->nodes);
	print_rows(tally->core, tally->nodes);
	print_summary(options, tally);
	print_decisions(tally);
}
