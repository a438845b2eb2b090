/* SPDX-License-Identifier: BSD-3-Clause */
/* trace_file.c - the part of a trace that one process writes. */
#include "trace_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <tidal/error.h>
#include <tidal/event.h>

#include "text.h"

#define ID_MASK ((UINT64_C(1) << 53) - 1) /* what JSON's numbers hold everywhere */
#define PAGES_TRACK 0

struct trace_path trace_part(const char *file, uint32_t node)
{
	struct trace_path path;

	if (node == MINI_POD_NO_NODE)
		snprintf(path.s, sizeof(path.s), "%s.all", file);
	else
		snprintf(path.s, sizeof(path.s), "%s.%u", file, node);
	return path;
}

int trace_check(const struct options *options)
{
	struct trace_path path;
	FILE *file;

	if (!options->trace)
		return 0;
	if (strlen(options->trace) + 16 > sizeof(path.s))
		return complain(MINI_POD_USAGE, "--trace: the name of the file is too long");
	if (options->node == MINI_POD_NO_NODE)
		strcpy(path.s, options->trace);
	else
		path = trace_part(options->trace, options->node);
	file = fopen(path.s, "w");
	if (!file)
		return complain(MINI_POD_USAGE, "%s: can't write it: %s", path.s, strerror(errno));
	fclose(file);
	for (uint32_t i = 0; options->node == MINI_POD_NO_NODE && i < options->nodes; i++)
		(void)remove(trace_part(options->trace, i).s);
	return 0;
}

static const char *access_name(uint32_t access)
{
	static const char *const names[] = {
		[TIDAL_READ] = "read", [TIDAL_WRITE] = "write", [TIDAL_EXEC] = "execute",
		[TIDAL_ZERO] = "zero", [TIDAL_IO] = "device",
	};

	return access < sizeof(names) / sizeof(names[0]) && names[access] ? names[access] : "?";
}

/* The same for both ends of a move. */
static uint64_t flow_id(const struct mark *mark, int out)
{
	const uint64_t parts[] = {
		mark->what / 2, mark->gfn, mark->vcpu, mark->epoch, mark->id,
		out ? mark->other : mark->node,
	};
	uint64_t h = 0;

	for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		h = (h ^ parts[i]) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	return h & ID_MASK;
}

/* How each event begins: trace_merge.c reads that. */
static void begin(FILE *file, const struct mark *mark, uint64_t ts, char ph)
{
	unsigned track = mark->vcpu == TIDAL_VCPU_NONE ? PAGES_TRACK : mark->vcpu + 1u;

	fprintf(file, "{\"ts\":%" PRIu64 ".%03u,\"ph\":\"%c\",\"pid\":%u,\"tid\":%u,", ts / 1000,
		(unsigned)(ts % 1000), ph, mark->node, track);
}

static void slice(FILE *file, const struct mark *mark, const char *name)
{
	begin(file, mark, mark->ts, 'X');
	fprintf(file, "\"dur\":%" PRIu64 ".%03u,\"name\":\"%s\",\"args\":{", mark->ns / 1000,
		(unsigned)(mark->ns % 1000), name);
}

static void write_stall(FILE *file, const struct mark *mark)
{
	static const char *const ends[] = {
		[END_OPEN] = "not yet over", [END_HERE] = "the page was here",
		[END_PAGE] = "the page came", [END_VCPU] = "the vCPU went to the page",
		[END_DEVICE] = "the device answered", [END_AGAIN] = "tried again",
	};
	char name[32];

	snprintf(name, sizeof(name), "stalled: %s", access_name(mark->access));
	slice(file, mark, name);
	fprintf(file, "\"page\":\"0x%" PRIx64 "\",\"end\":\"%s\"", mark->gfn, ends[mark->end]);
	if (mark->end == END_PAGE || mark->end == END_VCPU)
		fprintf(file, ",\"%s\":%u", mark->end == END_PAGE ? "from" : "to", mark->other);
	fputs("}},\n", file);
}

static void flow(FILE *file, const struct mark *mark, int out)
{
	static const char *const names[] = { "?", "vCPU", "page", "copy", "extent" };
	const char *name = names[mark->what / 2 < 5 ? mark->what / 2 : 0];

	begin(file, mark, mark->ts, out ? 's' : 'f');
	fprintf(file, "\"id\":%" PRIu64 ",\"cat\":\"%s\",\"name\":\"%s\"%s},\n", flow_id(mark, out),
		name, name, out ? "" : ",\"bp\":\"e\"");
}

static void write_vcpu_move(FILE *file, const struct mark *mark)
{
	int out = mark->kind == MARK_LEAVES;

	slice(file, mark, out ? "leaves" : "arrives");
	fprintf(file, "\"%s\":%u}},\n", out ? "to" : "from", mark->other);
	flow(file, mark, out);
}

static void write_page_move(FILE *file, const struct mark *mark)
{
	int out = mark->what % 2 == TIDAL_TRACE_PAGE_OUT % 2;

	slice(file, mark, tidal_trace_name(mark->what));
	fprintf(file, "\"page\":\"0x%" PRIx64 "\",\"pages\":%" PRIu64 ",\"%s\":%u}},\n", mark->gfn,
		mark->pages, out ? "to" : "from", mark->other);
	flow(file, mark, out);
}

static void write_mark(FILE *file, const struct mark *mark)
{
	switch (mark->kind) {
	case MARK_RUNNING:
	case MARK_READY:
		slice(file, mark, mark->kind == MARK_RUNNING ? "running" : "ready");
		fputs("}},\n", file);
		break;
	case MARK_STALLED:
		write_stall(file, mark);
		break;
	case MARK_LEAVES:
	case MARK_ARRIVES:
		write_vcpu_move(file, mark);
		break;
	default:
		write_page_move(file, mark);
	}
}

static void write_name(FILE *file, const struct mark *mark, const char *what, const char *name)
{
	begin(file, mark, 0, 'M');
	fprintf(file, "\"name\":\"%s\",\"args\":{\"name\":\"", what);
	for (; *name; name++)
		if (*name != '"' && *name != '\\' && (unsigned char)*name >= ' ')
			fputc(*name, file);
	fputs("\"}},\n", file);
}

/* What the tracks are called; each comes once, at its first event. */
static void write_tracks(FILE *file, const struct trace *trace)
{
	for (size_t i = 0; i < trace->marks; i++) {
		const struct mark *mark = &trace->mark[i], *before = i ? mark - 1 : NULL;
		char name[MINI_POD_NAME_MAX + 32];

		if (before && before->node == mark->node && before->vcpu == mark->vcpu)
			continue;
		snprintf(name, sizeof(name), "node %u %s", mark->node,
			 trace->options->place[mark->node].name);
		if (!before || before->node != mark->node)
			write_name(file, mark, "process_name", name);
		snprintf(name, sizeof(name), "vCPU %u", mark->vcpu);
		write_name(file, mark, "thread_name",
			   mark->vcpu == TIDAL_VCPU_NONE ? "pages" : name);
	}
}

static uint64_t clock_of(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* Which host, since its start: the same clock. */
static void read_host(char *host, size_t size)
{
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "r");

	if (!file || !fgets(host, (int)size, file))
		host[0] = '\0';
	if (file)
		fclose(file);
	host[strcspn(host, "\n\"\\")] = '\0';
}

static void write_head(FILE *file, const struct trace *trace)
{
	char host[64];

	read_host(host, sizeof(host));
	fprintf(file,
		"{\"displayTimeUnit\":\"ns\",\"otherData\":{\"libtidal\":\"%s\",\"nodes\":%u,"
		"\"clock\":\"%s\",\"run\":\"%016" PRIx64 "\",\"host\":\"%s\",\"wall-ns\":\"%" PRIu64
		"\"},\"traceEvents\":[\n",
		tidal_version(), trace->options->nodes, trace->real ? "monotonic" : "virtual",
		trace->run, host, clock_of(CLOCK_REALTIME) - clock_of(CLOCK_MONOTONIC));
}

int trace_write(const struct trace *trace, const char *path)
{
	FILE *file = fopen(path, "w");
	int bad;

	if (!file)
		return complain(MINI_POD_BUG, "%s: can't write it: %s", path, strerror(errno));
	write_head(file, trace);
	write_tracks(file, trace);
	for (size_t i = 0; i < trace->marks; i++)
		write_mark(file, &trace->mark[i]);
	/* It ends with an event, after which there is no comma. */
	fprintf(file, "{\"ts\":0.000,\"ph\":\"M\",\"pid\":%u,\"tid\":0,\"name\":\"trace_ended\","
		"\"args\":{\"ended\":%d}}\n]}\n",
		trace->marks ? trace->mark[0].node : 0, trace->ended != 0);
	bad = ferror(file);
	bad |= fclose(file);
	if (bad)
		return complain(MINI_POD_BUG, "%s: can't write it: %s", path, strerror(errno));
	if (trace->ended)
		complain(0, "%s: it has no more than the first %zu events: see --trace-events",
			 path, trace->marks);
	return 0;
}
