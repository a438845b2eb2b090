/* SPDX-License-Identifier: BSD-3-Clause */
/* trace.c - from what nodes tell to slices. */
#include "trace.h"

#include <stdlib.h>
#include <tidal/action.h>

#define SHOWN_NS 1000 /* how long something that takes no time is shown, if nothing follows */

struct trace *trace_open(const struct options *options, int real)
{
	struct trace *trace = calloc(1, sizeof(*trace));

	if (!trace)
		return NULL;
	trace->options = options;
	trace->real = real;
	trace->most = options->trace_events;
	if (real)
		trace->most = (trace->most + options->nodes - 1) / options->nodes;
	return trace;
}

void trace_close(struct trace *trace)
{
	if (trace)
		free(trace->mark);
	free(trace);
}

static void add(struct trace *trace, const struct mark *mark)
{
	if (trace->ended)
		return;
	if (trace->marks == trace->room) {
		size_t room = trace->room ? 2 * trace->room : 1024;
		struct mark *more = trace->marks < trace->most ?
					    realloc(trace->mark, room * sizeof(*more)) : NULL;

		if (!more) {
			trace->ended = mark->ts ? mark->ts : 1;
			return;
		}
		trace->mark = more;
		trace->room = room < trace->most ? room : trace->most;
	}
	trace->mark[trace->marks++] = *mark;
}

/* What the vCPU was in is over. */
static void close_slice(struct trace *trace, struct trace_vcpu *vcpu, uint64_t now, int end,
			uint16_t other)
{
	struct mark *mark = &vcpu->now;

	if (!vcpu->open)
		return;
	vcpu->open = 0;
	mark->ns = now - mark->ts;
	if (mark->kind == MARK_STALLED) {
		mark->end = (uint8_t)end;
		mark->other = other;
	}
	if (mark->kind != MARK_READY || mark->ns > 0)
		add(trace, mark);
}

static void open_slice(struct trace_vcpu *vcpu, const struct mark *mark, int kind)
{
	vcpu->now = *mark;
	vcpu->now.kind = (uint8_t)kind;
	vcpu->open = 1;
}

static int end_of_stall(const struct tidal_trace *run)
{
	return run->access == TIDAL_RESUME_IO ? END_DEVICE : END_AGAIN;
}

static void note_vcpu(struct trace *trace, struct trace_vcpu *vcpu, struct mark *mark,
		      const struct tidal_trace *record)
{
	switch (record->what) {
	case TIDAL_TRACE_RUN:
		close_slice(trace, vcpu, mark->ts, end_of_stall(record), mark->node);
		open_slice(vcpu, mark, MARK_RUNNING);
		break;
	case TIDAL_TRACE_STALL:
		close_slice(trace, vcpu, mark->ts, END_OPEN, 0);
		open_slice(vcpu, mark, MARK_STALLED);
		break;
	case TIDAL_TRACE_SERVED:
		close_slice(trace, vcpu, mark->ts,
			    record->node == mark->node ? END_HERE : END_PAGE, record->node);
		open_slice(vcpu, mark, MARK_READY);
		break;
	case TIDAL_TRACE_STOPPED:
		close_slice(trace, vcpu, mark->ts, END_OPEN, 0);
		open_slice(vcpu, mark, MARK_READY);
		break;
	case TIDAL_TRACE_VCPU_OUT:
		close_slice(trace, vcpu, mark->ts, END_VCPU, record->node);
		mark->kind = MARK_LEAVES;
		add(trace, mark);
		break;
	case TIDAL_TRACE_VCPU_IN:
		open_slice(vcpu, mark, MARK_ARRIVES);
		break;
	default:
		break;
	}
}

void trace_note(struct trace *trace, tidal_nodeid node, uint64_t now,
		const struct tidal_trace *record)
{
	struct mark mark = {
		.ts = now, .gfn = record->gfn, .epoch = record->epoch, .pages = record->pages,
		.id = record->id, .node = node, .vcpu = record->vcpu, .other = record->node,
		.access = record->access, .kind = MARK_MOVES, .what = (uint8_t)record->what,
	};

	if (record->vcpu < MINI_POD_VCPUS_MAX)
		note_vcpu(trace, &trace->vcpu[node][record->vcpu], &mark, record);
	else if (record->what != TIDAL_TRACE_DROPPED)
		add(trace, &mark);
}

static int compare(const void *x, const void *y)
{
	const struct mark *a = x, *b = y;

	if (a->node != b->node)
		return a->node < b->node ? -1 : 1;
	if (a->vcpu != b->vcpu)
		return a->vcpu < b->vcpu ? -1 : 1;
	if (a->ts != b->ts)
		return a->ts < b->ts ? -1 : 1;
	return a->ns < b->ns ? -1 : a->ns > b->ns;
}

static int is_moment(const struct mark *mark)
{
	return mark->kind == MARK_LEAVES || mark->kind == MARK_MOVES;
}

/* Slices of a track don't overlap: what happens in one moment is shown 1 ns apart. */
static void spread(struct trace *trace)
{
	for (size_t i = 1; i < trace->marks; i++) {
		struct mark *mark = &trace->mark[i], *before = mark - 1;

		if (mark->node != before->node || mark->vcpu != before->vcpu)
			continue;
		if (is_moment(mark) && mark->ts <= before->ts)
			mark->ts = before->ts + 1;
	}
	for (size_t i = 0; i < trace->marks; i++) {
		struct mark *mark = &trace->mark[i], *next = mark + 1;

		if (!is_moment(mark))
			continue;
		mark->ns = SHOWN_NS;
		if (i + 1 < trace->marks && next->node == mark->node &&
		    next->vcpu == mark->vcpu && next->ts - mark->ts < SHOWN_NS)
			mark->ns = next->ts - mark->ts;
	}
}

void trace_end(struct trace *trace, uint64_t now)
{
	for (uint32_t node = 0; node < MINI_POD_NODES_MAX; node++)
		for (uint32_t v = 0; v < MINI_POD_VCPUS_MAX; v++)
			close_slice(trace, &trace->vcpu[node][v], now, END_OPEN, 0);
	if (trace->marks)
		qsort(trace->mark, trace->marks, sizeof(*trace->mark), compare);
	spread(trace);
}
