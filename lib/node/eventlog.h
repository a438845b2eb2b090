/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * eventlog - the file format of recorded events: writer and reader. Little-endian.
 *
 *	file    "TIDALLOG", version (2 bytes), hash (1, enum hash_kind), 0 (1),
 *		setup: length (4), bytes, hash of them (8); records
 *	record  length (4), bytes, low half (4) of a hash that runs on through all records
 *	bytes   kind (1, enum eventlog_kind), now (8), number (4) and running hash (8) of the actions
 *		pulled since the record before; then for
 *		EVENT	result of the push (4), the event
 *		END	digest of the core (8)
 *
 * So the actions that an event caused are told by the record after it.
 */
#ifndef TIDAL_NODE_EVENTLOG_H
#define TIDAL_NODE_EVENTLOG_H

#include <stdbool.h>
#include <tidal/action.h>
#include <tidal/event.h>
#include <tidal/params.h>
#include <tidal/transport.h>

#define EVENTLOG_VERSION 1
#define EVENTLOG_PREFIX 16	 /* bytes up to the setup's own */
#define EVENTLOG_SETUP_MAX 16384 /* bytes of a setup with its prefix and hash */
#define EVENTLOG_RECORD_MAX 512	 /* bytes of a record with length and hash */
#define EVENTLOG_NAME_MAX 64	 /* of a policy, with the 0 */

enum eventlog_kind { EVENTLOG_EVENT = 1, EVENTLOG_END = 2 };

/* The parameters of a log; *params* points to the other members. */
struct eventlog_setup {
	struct tidal_params params; /* without a policy: that has to be found by its name */
	struct tidal_vmap vmap;
	struct tidal_topology topology;
	struct tidal_topo_object objects[TIDAL_TOPO_MAX];
	struct tidal_weights weights;
	char policy[EVENTLOG_NAME_MAX]; /* "": none was given */
};

struct eventlog_record {
	uint32_t kind; /* enum eventlog_kind */
	tidal_time now;
	uint32_t actions;
	uint64_t actions_hash;
	/* EVENT */
	int32_t result;
	struct tidal_event event;
	char policy[EVENTLOG_NAME_MAX];
	struct tidal_weights weights;
	/* END */
	uint64_t digest;
};

/* Writing fills the caller's bytes; *running* is 0 at first and belongs to the writer. */
struct eventlog_writer {
	unsigned hash; /* enum hash_kind */
	uint64_t running;
	uint32_t actions;
	uint64_t actions_hash;
};

void eventlog_writer_init(struct eventlog_writer *w, unsigned hash);
/* Bytes written, to EVENTLOG_SETUP_MAX; 0: a name is too long or a table too large. */
size_t eventlog_put_setup(const struct eventlog_writer *w, const struct tidal_params *params,
			  uint8_t *bytes);
/* Bytes written, to EVENTLOG_RECORD_MAX; 0: the event has no such form. */
size_t eventlog_put_event(struct eventlog_writer *w, tidal_time now,
			  const struct tidal_event *event, int result, uint8_t *bytes);
size_t eventlog_put_end(struct eventlog_writer *w, tidal_time now, uint64_t digest,
			uint8_t *bytes);
/* An action was pulled: its contents, not its addresses, go into the hash. */
void eventlog_action(struct eventlog_writer *w, const struct tidal_action *action);

/* Reading a log that lies in memory. */
struct eventlog_reader {
	unsigned hash;
	uint64_t running;
	const uint8_t *start, *at;
	size_t left;
	const char *why; /* static: what is wrong, after TIDAL_EFORMAT */
};

/* Read the setup. 0, or TIDAL_EFORMAT or TIDAL_EVERSION with why. */
int eventlog_open(struct eventlog_reader *r, const void *bytes, size_t len,
		  struct eventlog_setup *setup);
/* 1: a record; 0: the end of the bytes; TIDAL_EFORMAT with why. A message's bytes are in the log's. */
int eventlog_next(struct eventlog_reader *r, struct eventlog_record *record);

#endif
