/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * trace_merge.c - one trace of several parts. Twice through all of them: which arrows have both
 * ends, and when it began; then all lines, with their times as of then.
 */
#include "trace_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tidal/error.h>

#include "text.h"

#define LINE_MAX_BYTES 1024

struct part {
	const char *path;
	FILE *file;
	char run[20], host[64], clock[16];
	uint64_t wall; /* to be added for the time of day */
	uint32_t nodes;
};

struct ids {
	uint64_t *id;
	size_t count, room;
};

struct merge {
	const char *to;
	struct part *part;
	uint32_t parts;
	int wall; /* clocks of several hosts: the time of day is what they have in common */
	uint64_t begun;
	struct ids from, till; /* arrows: where they begin and end */
	FILE *out;
	int any; /* lines written */
};

/* A line of a part. */
struct event {
	uint64_t ts, id;
	const char *rest; /* what follows the time */
	char ph;
};

static int bad_part(const struct part *part)
{
	return complain(MINI_POD_USAGE, "%s: that is no part of a trace, or not all of it",
			part->path);
}

static void read_text(const char *line, const char *key, char *to, size_t size)
{
	const char *at = strstr(line, key);
	size_t len = at ? strcspn(at + strlen(key), "\"") : 0;

	to[0] = '\0';
	if (!at || len >= size)
		return;
	memcpy(to, at + strlen(key), len);
	to[len] = '\0';
}

static int read_head(struct part *part)
{
	char line[LINE_MAX_BYTES], number[32];
	const char *nodes;

	if (!fgets(line, sizeof(line), part->file) || !strstr(line, "\"otherData\":{\"libtidal\""))
		return bad_part(part);
	read_text(line, "\"run\":\"", part->run, sizeof(part->run));
	read_text(line, "\"host\":\"", part->host, sizeof(part->host));
	read_text(line, "\"clock\":\"", part->clock, sizeof(part->clock));
	read_text(line, "\"wall-ns\":\"", number, sizeof(number));
	part->wall = strtoull(number, NULL, 10);
	nodes = strstr(line, "\"nodes\":");
	part->nodes = nodes ? (uint32_t)strtoul(nodes + strlen("\"nodes\":"), NULL, 10) : 0;
	return part->run[0] && part->clock[0] ? 0 : bad_part(part);
}

/* 1: an event; 0: the end; -1: neither. */
static int next_event(const struct merge *merge, const struct part *part,
		      char line[LINE_MAX_BYTES], struct event *event)
{
	const char *id;
	unsigned ns;
	uint64_t us;
	char *rest;

	if (!fgets(line, LINE_MAX_BYTES, part->file))
		return -1;
	if (!strcmp(line, "]}\n"))
		return 0;
	if (sscanf(line, "{\"ts\":%" SCNu64 ".%3u,\"ph\":\"%c\"", &us, &ns, &event->ph) != 3)
		return -1;
	rest = strchr(line, ',');
	event->rest = rest;
	rest[strcspn(rest, "\n")] = '\0';
	if (rest[0] && rest[strlen(rest) - 1] == ',')
		rest[strlen(rest) - 1] = '\0';
	event->ts = us * 1000 + ns + (merge->wall && event->ph != 'M' ? part->wall : 0);
	id = event->ph == 's' || event->ph == 'f' ? strstr(rest, "\"id\":") : NULL;
	event->id = id ? strtoull(id + strlen("\"id\":"), NULL, 10) : 0;
	return 1;
}

static int remember(struct ids *ids, uint64_t id)
{
	if (ids->count == ids->room) {
		size_t room = ids->room ? 2 * ids->room : 1024;
		uint64_t *more = realloc(ids->id, room * sizeof(*more));

		if (!more)
			return complain(MINI_POD_BUG, "not enough memory");
		ids->id = more;
		ids->room = room;
	}
	ids->id[ids->count++] = id;
	return 0;
}

static int compare(const void *x, const void *y)
{
	const uint64_t *a = x, *b = y;

	return *a < *b ? -1 : *a > *b;
}

static void sort(struct ids *ids)
{
	if (ids->count)
		qsort(ids->id, ids->count, sizeof(*ids->id), compare);
}

static int has(const struct ids *ids, uint64_t id)
{
	return ids->count && bsearch(&id, ids->id, ids->count, sizeof(*ids->id), compare);
}

static int look(struct merge *merge, const struct event *event)
{
	if (event->ph != 'M' && event->ts < merge->begun)
		merge->begun = event->ts;
	if (event->ph == 's')
		return remember(&merge->from, event->id);
	return event->ph == 'f' ? remember(&merge->till, event->id) : 0;
}

static int copy(struct merge *merge, const struct event *event)
{
	uint64_t ts = event->ph == 'M' ? 0 : event->ts - merge->begun;

	if ((event->ph == 's' && !has(&merge->till, event->id)) ||
	    (event->ph == 'f' && !has(&merge->from, event->id)))
		return 0; /* it never came, or from where isn't known */
	fprintf(merge->out, "%s{\"ts\":%" PRIu64 ".%03u%s", merge->any ? ",\n" : "", ts / 1000,
		(unsigned)(ts % 1000), event->rest);
	merge->any = 1;
	return 0;
}

static int each(struct merge *merge, int (*handle)(struct merge *, const struct event *))
{
	for (uint32_t i = 0; i < merge->parts; i++) {
		const struct part *part = &merge->part[i];
		char line[LINE_MAX_BYTES];
		struct event event;
		int status = 0, got;

		rewind(part->file);
		if (!fgets(line, sizeof(line), part->file))
			return bad_part(part);
		while (!status && (got = next_event(merge, part, line, &event)) == 1)
			status = handle(merge, &event);
		if (!status && got < 0)
			status = bad_part(part);
		if (status)
			return status;
	}
	return 0;
}

/* Do they belong together, and by which clock? */
static int agree(struct merge *merge)
{
	const struct part *first = &merge->part[0];

	for (uint32_t i = 1; i < merge->parts; i++) {
		const struct part *part = &merge->part[i];

		if (strcmp(part->run, first->run) != 0)
			return complain(MINI_POD_USAGE, "%s and %s are of different runs",
					first->path, part->path);
		merge->wall |= strcmp(part->host, first->host) != 0;
	}
	return 0;
}

static int write_all(struct merge *merge)
{
	const struct part *first = &merge->part[0];
	int status, bad;

	sort(&merge->from);
	sort(&merge->till);
	merge->out = fopen(merge->to, "w");
	if (!merge->out)
		return complain(MINI_POD_USAGE, "%s: can't write it: %s", merge->to, strerror(errno));
	fprintf(merge->out,
		"{\"displayTimeUnit\":\"ns\",\"otherData\":{\"libtidal\":\"%s\",\"nodes\":%u,"
		"\"clock\":\"%s\"},\"traceEvents\":[\n",
		tidal_version(), first->nodes, merge->wall ? "time of day" : first->clock);
	status = each(merge, copy);
	fputs("\n]}\n", merge->out);
	bad = ferror(merge->out);
	bad |= fclose(merge->out);
	if (bad && !status)
		status = complain(MINI_POD_BUG, "%s: can't write it: %s", merge->to,
				  strerror(errno));
	return status;
}

static int open_parts(struct merge *merge, const struct trace_path *path, uint32_t parts)
{
	for (uint32_t i = 0; i < parts; i++) {
		struct part *part = &merge->part[merge->parts];
		int status;

		part->path = path[i].s;
		part->file = fopen(part->path, "r");
		if (!part->file) {
			complain(0, "%s: node %u has written no part of it", merge->to, i);
			continue;
		}
		merge->parts++;
		status = read_head(part);
		if (status)
			return status;
	}
	return merge->parts ? agree(merge) :
			      complain(MINI_POD_USAGE, "%s: there is no part of it, such as %s",
				       merge->to, path[0].s);
}

int trace_merge(const char *file, const struct trace_path *path, uint32_t parts)
{
	struct merge merge = { .to = file, .begun = UINT64_MAX };
	int status;

	merge.part = calloc(parts, sizeof(*merge.part));
	if (!merge.part)
		return complain(MINI_POD_BUG, "not enough memory");
	status = open_parts(&merge, path, parts);
	if (!status)
		status = each(&merge, look);
	if (!status)
		status = write_all(&merge);
	for (uint32_t i = 0; i < merge.parts; i++) {
		fclose(merge.part[i].file);
		if (!status)
			(void)remove(merge.part[i].path);
	}
	free(merge.from.id);
	free(merge.till.id);
	free(merge.part);
	return status;
}

int trace_merge_all(const struct options *options)
{
	struct trace_path path[MINI_POD_NODES_MAX];
	struct part first = { 0 };
	int status;

	path[0] = trace_part(options->merge_trace, 0);
	first.path = path[0].s;
	first.file = fopen(first.path, "r");
	if (!first.file)
		return complain(MINI_POD_USAGE, "%s: can't read it: %s", first.path,
				strerror(errno));
	status = read_head(&first);
	fclose(first.file);
	if (status)
		return status;
	if (first.nodes < 1 || first.nodes > MINI_POD_NODES_MAX)
		return bad_part(&first);
	for (uint32_t i = 1; i < first.nodes; i++)
		path[i] = trace_part(options->merge_trace, i);
	return trace_merge(options->merge_trace, path, first.nodes);
}
