/* SPDX-License-Identifier: BSD-3-Clause */
/* logs - see logs.h. The layout is that of lib/node/eventlog.h. */
#include "logs.h"

#include <string.h>

#include "node/bytes.h"
#include "node/eventlog.h"
#include "node/hash.h"

static uint32_t get32(const uint8_t *p)
{
	struct in in = in_init(p, 4);

	return in_u32(&in);
}

static void put(uint8_t *p, uint64_t v, unsigned n)
{
	struct out o = out_init(p, n);

	out_int(&o, v, n);
}

/* The setup's length, cut to what there is. */
static size_t repair_setup(uint8_t *log, size_t len)
{
	size_t room = len - EVENTLOG_PREFIX - 8, setup = get32(log + 12);

	memcpy(log, "TIDALLOG", 8);
	put(log + 8, EVENTLOG_VERSION, 2);
	put(log + 10, HASH_FNV, 1);
	put(log + 11, 0, 1);
	if (setup > room)
		setup = room;
	put(log + 12, setup, 4);
	put(log + EVENTLOG_PREFIX + setup, hash_bytes(HASH_FNV, 0, log + EVENTLOG_PREFIX, setup), 8);
	return EVENTLOG_PREFIX + setup + 8;
}

size_t logs_repair(uint8_t *log, size_t len)
{
	uint64_t running = 0;
	size_t at, bytes;

	if (len < EVENTLOG_PREFIX + 8)
		return len;
	for (at = repair_setup(log, len); len - at >= 8; at += bytes + 8) {
		bytes = get32(log + at) % EVENTLOG_RECORD_MAX;
		if (bytes > len - at - 8)
			bytes = len - at - 8;
		put(log + at, bytes, 4);
		running = hash_bytes(HASH_FNV, running, log + at + 4, bytes);
		put(log + at + 4 + bytes, running, 4);
	}
	return at;
}
