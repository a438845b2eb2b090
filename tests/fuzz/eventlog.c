/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzz target: the reader of event logs, as the bytes are and with all hashes put right. What
 * it reads can be written, and is read as the same again.
 */
#include "fuzz.h"
#include "logs.h"
#include "node/eventlog.h"
#include "node/eventlog_event.h"

#define EVENT_AT 29 /* in a record with its length: its kind, time, actions and result are before */

/* The same bytes as those that it was read from; but a command has the names of policies in it,
 * which the writer takes from the policy itself. */
static void rewrite(const struct eventlog_record *r, const uint8_t *bytes, size_t len)
{
	uint8_t first[EVENTLOG_RECORD_MAX], second[EVENTLOG_RECORD_MAX];
	struct out one = out_init(first, sizeof(first)), two = out_init(second, sizeof(second));
	struct eventlog_record again = { 0 };
	struct in in;

	if (r->event.kind == TIDAL_EV_MESSAGE && !r->event.u.message.bytes)
		return;
	eventlog_encode_event(&one, &r->event);
	MUST(!one.bad);
	if (r->event.kind != TIDAL_EV_COMMAND)
		MUST(one.len == len && memcmp(first, bytes, len) == 0);
	in = in_init(first, one.len);
	eventlog_decode_event(&in, &again);
	MUST(!in.bad && in.left == 0);
	eventlog_encode_event(&two, &again.event);
	MUST(!two.bad && two.len == one.len && memcmp(first, second, one.len) == 0);
}

static void read_all(const uint8_t *log, size_t len)
{
	struct eventlog_setup setup;
	struct eventlog_reader reader;
	struct eventlog_record record;
	const uint8_t *from;
	int got = eventlog_open(&reader, log, len, &setup);

	MUST(got == 0 || reader.why);
	if (got)
		return;
	MUST(memchr(setup.policy, 0, sizeof(setup.policy)));
	MUST(setup.topology.count <= TIDAL_TOPO_MAX);
	while (from = reader.at, (got = eventlog_next(&reader, &record)) > 0) {
		MUST(record.kind == EVENTLOG_EVENT || record.kind == EVENTLOG_END);
		MUST(memchr(record.policy, 0, sizeof(record.policy)));
		if (record.kind == EVENTLOG_EVENT)
			rewrite(&record, from + EVENT_AT,
				(size_t)(reader.at - from) - EVENT_AT - 4);
	}
	MUST(got == 0 ? reader.left == 0 : reader.why != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	if (!copy)
		return 0;
	read_all(bytes, len);
	if (len)
		memcpy(copy, bytes, len);
	read_all(copy, logs_repair(copy, len));
	free(copy);
	return 0;
}
