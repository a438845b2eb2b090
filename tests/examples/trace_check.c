/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * trace_check TRACE [COUNTERS]: is this trace of mini-pod's one that can be shown, and does it tell
 * all that the counters (--json) count? Complains and ends with 1.
 *
 * Slices of a track follow each other; every arrow begins and ends once, in a slice, and not before
 * it began; tracks have names.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODES 64
#define TRACKS 65

struct track {
	int64_t begun, ended; /* of its latest slice, ns; -1: none */
	int named;
};

struct arrow {
	int64_t id, ts;
	const char *cat;
	int end;
};

static struct track tracks[NODES][TRACKS];
static struct arrow *arrows;
static size_t arrow_count;
static int failures;

static void wrong(size_t event, const char *what)
{
	printf("event %zu: %s\n", event, what);
	if (++failures > 20)
		exit(1);
}

static int64_t time_of(json_t *event, const char *key)
{
	double us = json_number_value(json_object_get(event, key));

	return (int64_t)(us * 1000 + 0.5);
}

static void check_slice(size_t i, json_t *event, struct track *track, int64_t ts)
{
	json_t *dur = json_object_get(event, "dur");

	if (!json_is_number(dur) || time_of(event, "dur") < 0)
		wrong(i, "a slice without length");
	if (!json_is_string(json_object_get(event, "name")))
		wrong(i, "a slice without name");
	if (ts < track->begun)
		wrong(i, "time goes backwards on its track");
	if (ts < track->ended)
		wrong(i, "overlaps with the slice before");
	track->begun = ts;
	track->ended = ts + time_of(event, "dur");
}

static void check_arrow(size_t i, json_t *event, const struct track *track, int64_t ts, int end)
{
	const char *cat = json_string_value(json_object_get(event, "cat"));
	json_t *id = json_object_get(event, "id");

	if (!json_is_integer(id) || !cat)
		wrong(i, "an arrow without number or category");
	if (ts != track->begun)
		wrong(i, "an end of an arrow outside of a slice");
	arrows[arrow_count++] = (struct arrow){ json_integer_value(id), ts, cat ? cat : "", end };
}

static void check_event(size_t i, json_t *event)
{
	const char *ph = json_string_value(json_object_get(event, "ph"));
	json_int_t pid = json_integer_value(json_object_get(event, "pid"));
	json_int_t tid = json_integer_value(json_object_get(event, "tid"));
	const char *name = json_string_value(json_object_get(event, "name"));
	int64_t ts = time_of(event, "ts");
	struct track *track;

	if (!ph || pid < 0 || pid >= NODES || tid < 0 || tid >= TRACKS || ts < 0) {
		wrong(i, "no kind, time or track");
		return;
	}
	track = &tracks[pid][tid];
	if (*ph == 'M') {
		track->named |= name && !strcmp(name, "thread_name");
		return;
	}
	if (!track->named)
		wrong(i, "its track has no name");
	if (*ph == 'X')
		check_slice(i, event, track, ts);
	else if (*ph == 's' || *ph == 'f')
		check_arrow(i, event, track, ts, *ph == 'f');
	else
		wrong(i, "of a kind that mini-pod doesn't write");
}

static int compare(const void *x, const void *y)
{
	const struct arrow *a = x, *b = y;

	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	return a->end - b->end;
}

static void check_arrows(void)
{
	qsort(arrows, arrow_count, sizeof(*arrows), compare);
	if (arrow_count % 2)
		wrong(arrow_count, "arrows have two ends");
	for (size_t i = 0; i + 1 < arrow_count; i += 2) {
		const struct arrow *a = &arrows[i], *b = a + 1;

		if (a->id != b->id || a->end || !b->end || strcmp(a->cat, b->cat) != 0)
			wrong(i, "an arrow without its other end");
		else if (b->ts < a->ts)
			wrong(i, "an arrow that comes before it left");
	}
}

/* Slices of this node whose name begins so. */
static int64_t count(json_t *events, json_int_t node, const char *name)
{
	int64_t n = 0;
	json_t *event;
	size_t i;

	json_array_foreach(events, i, event) {
		const char *its = json_string_value(json_object_get(event, "name"));
		const char *ph = json_string_value(json_object_get(event, "ph"));

		n += ph && *ph == 'X' && its && !strncmp(its, name, strlen(name)) &&
		     json_integer_value(json_object_get(event, "pid")) == node;
	}
	return n;
}

static void check_count(json_t *events, json_t *core, size_t node, const char *name,
			const char *const *counters)
{
	int64_t traced = count(events, (json_int_t)node, name), counted = 0;

	for (; *counters; counters++)
		counted += json_integer_value(json_object_get(core, *counters));
	if (traced != counted) {
		printf("node %zu: %lld of '%s' in the trace, %lld counted\n", node,
		       (long long)traced, name, (long long)counted);
		failures++;
	}
}

static void check_counts(json_t *events, json_t *root)
{
	static const struct {
		const char *name;
		const char *counters[4];
	} all[] = {
		{ "page-in", { "pages_in" } }, { "page-out", { "pages_out" } },
		{ "copy-in", { "copies_in" } }, { "copy-out", { "copies_out" } },
		{ "extent-in", { "extents_in" } }, { "extent-out", { "extents_out" } },
		{ "arrives", { "vcpus_in" } }, { "leaves", { "vcpus_out" } },
		{ "running", { "runs" } },
		{ "stalled: device", { "stalls_io" } },
		{ "stalled: write", { "stalls_write" } },
		{ "stalled: zero", { "stalls_zero" } },
		{ "stalled", { "stalls_read", "stalls_write", "stalls_zero", "stalls_io" } },
	};
	json_t *nodes = json_object_get(root, "nodes"), *node;
	size_t n;

	if (json_array_size(nodes) == 0)
		wrong(0, "no counters");
	json_array_foreach(nodes, n, node)
		for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
			const char *list[5] = { NULL };

			memcpy(list, all[i].counters, sizeof(all[i].counters));
			check_count(events, json_object_get(node, "core"), n, all[i].name, list);
		}
}

int main(int argc, char **argv)
{
	json_error_t error;
	json_t *trace = json_load_file(argv[1], JSON_REJECT_DUPLICATES, &error);
	json_t *events = json_object_get(trace, "traceEvents"), *counters = NULL, *event;
	size_t i;

	if (!trace || !json_is_array(events)) {
		printf("%s: line %d: %s\n", argv[1], error.line, trace ? "no events" : error.text);
		return 1;
	}
	memset(tracks, 0, sizeof(tracks));
	arrows = calloc(json_array_size(events) + 1, sizeof(*arrows));
	if (!arrows)
		return 99;
	json_array_foreach(events, i, event)
		check_event(i, event);
	check_arrows();
	if (argc > 2) {
		counters = json_load_file(argv[2], 0, &error);
		check_counts(events, counters);
	}
	printf("%zu events, %zu arrows\n", json_array_size(events), arrow_count / 2);
	free(arrows);
	json_decref(counters);
	json_decref(trace);
	return failures != 0;
}
