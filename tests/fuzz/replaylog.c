/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzz target: replaying an event log, with all hashes put right. The events are the file's,
 * so a driver that lies; the parameters are kept small.
 */
#include <tidal/core.h>

#include "fuzz.h"
#include "logs.h"
#include "node/replay.h"

#define FOOTPRINT_MAX (4u << 20)

/* Larger cores take too long. */
static int is_small(const uint8_t *log, size_t len)
{
	struct eventlog_setup setup;
	struct eventlog_reader reader;

	return eventlog_open(&reader, log, len, &setup) != 0 ||
	       tidal_core_footprint(&setup.params) <= FOOTPRINT_MAX;
}

static void replay(const uint8_t *log, size_t len)
{
	struct replay r = { 0 };
	enum replay_verdict verdict = replay_run(&r, log, len);

	MUST(verdict == r.verdict);
	MUST(verdict == REPLAY_EQUAL || r.what);
	MUST(verdict != REPLAY_BAD || r.offset <= len);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	if (!copy)
		return 0;
	if (len)
		memcpy(copy, bytes, len);
	len = logs_repair(copy, len);
	if (is_small(copy, len))
		replay(copy, len);
	free(copy);
	return 0;
}
