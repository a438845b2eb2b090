/* SPDX-License-Identifier: BSD-3-Clause */
/* Recording: the event log as it leaves through the embedder's callback. */
#include <stdlib.h>

#include "driver.h"
#include "hash.h"

/* The parameters are the caller's, and may be gone when recording begins. */
int node_record_prepare(struct tidal_node *n, const struct tidal_params *params)
{
	n->setup = malloc(EVENTLOG_SETUP_MAX);
	if (!n->setup)
		return TIDAL_ENOMEM;
	eventlog_writer_init(&n->log, hash_best());
	n->setup_len = eventlog_put_setup(&n->log, params, n->setup);
	return 0;
}

int node_record_begin(struct tidal_node *n)
{
	int err;

	if (n->setup_len == 0)
		return TIDAL_EFORMAT;
	err = n->callbacks.record(n->arg, n->setup, n->setup_len);
	n->recording = err == 0;
	return err;
}

/* A log with a gap is worth nothing: it stops at the first failure. */
static void put(struct tidal_node *n, const uint8_t *bytes, size_t len)
{
	if (len == 0 || n->callbacks.record(n->arg, bytes, len) != 0)
		n->recording = false;
}

void node_record_event(struct tidal_node *n, const struct tidal_event *event, int result)
{
	uint8_t bytes[EVENTLOG_RECORD_MAX];

	if (n->recording)
		put(n, bytes, eventlog_put_event(&n->log, n->now, event, result, bytes));
}

void node_record_end(struct tidal_node *n)
{
	uint8_t bytes[EVENTLOG_RECORD_MAX];

	if (n->recording)
		put(n, bytes,
		    eventlog_put_end(&n->log, n->now, tidal_core_digest(n->core), bytes));
	n->recording = false;
}
