/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pod_log - the first node is recorded, and its log replayed in the end: the same events give
 * the same actions, whatever the events are.
 */
#include "node/eventlog.h"
#include "node/hash.h"
#include "node/replay.h"
#include "pod.h"

#define ROOM (1u << 18)

struct pod_log {
	struct eventlog_writer writer;
	size_t len;
	uint8_t bytes[ROOM];
};

static void stop(struct pod *p)
{
	free(p->log);
	p->log = NULL;
}

void pod_log_open(struct pod *p)
{
	p->log = calloc(1, sizeof(*p->log));
	MUST(p->log);
	eventlog_writer_init(&p->log->writer, HASH_FNV);
	p->log->len = eventlog_put_setup(&p->log->writer, &p->node[0].params, p->log->bytes);
	MUST(p->log->len > 0);
	pod_pull(p, &p->node[0]); /* as the replay does before the first event */
}

void pod_log_event(struct pod *p, const struct pod_node *n, const struct tidal_event *ev, int result)
{
	struct pod_log *log = p->log;

	if (!log || n != &p->node[0])
		return;
	if (ROOM - log->len < 2 * EVENTLOG_RECORD_MAX)
		stop(p);
	else
		log->len += eventlog_put_event(&log->writer, p->now, ev, result,
					       log->bytes + log->len);
}

void pod_log_action(struct pod *p, const struct pod_node *n, const struct tidal_action *a)
{
	if (p->log && n == &p->node[0])
		eventlog_action(&p->log->writer, a);
}

void pod_log_close(struct pod *p)
{
	struct pod_log *log = p->log;
	struct replay r = { 0 };

	if (!log)
		return;
	log->len += eventlog_put_end(&log->writer, p->now, tidal_core_digest(p->node[0].core),
				     log->bytes + log->len);
	if (replay_run(&r, log->bytes, log->len) != REPLAY_EQUAL)
		fprintf(stderr, "event %llu: %s\n", (unsigned long long)r.number, r.what);
	MUST(r.verdict == REPLAY_EQUAL && r.ended);
	stop(p);
}
