/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tidal-replay - feed an event log (tidal_node_record()) to a fresh core and compare.
 *
 * Exit status: 0 equal, 1 different, 2 bad input.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tidal/core.h>

#include "node/replay.h"

#define STATUS_BAD 2

static int usage(FILE *to, int status)
{
	fprintf(to, "usage: tidal-replay [-v] FILE\n"
		    "Feed the event log FILE to a fresh core and compare results, actions and the\n"
		    "final digest. -v: print each event. Exit status: 0 equal, 1 different, 2 bad "
		    "input.\n");
	return status;
}

/* The whole file, with its length; NULL, having said why. */
static unsigned char *read_file(const char *name, size_t *len)
{
	FILE *f = fopen(name, "rb");
	unsigned char *bytes = NULL, *more;
	size_t room = 0;

	*len = 0;
	while (f && !ferror(f) && !feof(f)) {
		if (*len == room) {
			room = room ? 2 * room : 1 << 16;
			more = realloc(bytes, room);
			if (!more)
				break;
			bytes = more;
		}
		*len += fread(bytes + *len, 1, room - *len, f);
	}
	if (!f || ferror(f) || !feof(f)) {
		fprintf(stderr, "tidal-replay: %s: %s\n", name, strerror(errno));
		free(bytes);
		bytes = NULL;
	}
	if (f)
		fclose(f);
	return bytes;
}

static void print_details(const struct tidal_event *e)
{
	switch (e->kind) {
	case TIDAL_EV_STALL:
		if (e->u.stall.vcpu == TIDAL_VCPU_NONE)
			printf(" requester %" PRIu32, e->u.stall.requester);
		else
			printf(" vcpu %u", e->u.stall.vcpu);
		printf(" gpa 0x%" PRIx64 " access %u", e->u.stall.gpa, e->u.stall.access);
		break;
	case TIDAL_EV_MESSAGE:
		printf(" from %u, %" PRIu32 " bytes, payload %u", e->u.message.from,
		       e->u.message.len, e->u.message.payload);
		break;
	case TIDAL_EV_HOST_DONE:
		printf(" token %" PRIu64 " status %" PRId32, e->u.done.token, e->u.done.status);
		break;
	case TIDAL_EV_VCPU_STOPPED:
		printf(" vcpu %u reason %u", e->u.stopped.vcpu, e->u.stopped.reason);
		break;
	case TIDAL_EV_RETIRED:
		printf(" vcpu %u", e->u.retired.vcpu);
		break;
	case TIDAL_EV_VCPU_WAKE:
		printf(" vcpu %u", e->u.wake.vcpu);
		break;
	case TIDAL_EV_PEER_UP:
	case TIDAL_EV_PEER_DOWN:
		printf(" node %u", e->u.peer.node);
		break;
	case TIDAL_EV_COMMAND:
		printf(" %" PRIu32, e->u.command.command);
		break;
	default:
		break;
	}
}

static void print_event(void *arg, uint64_t number, const struct eventlog_record *record)
{
	(void)arg;
	printf("%" PRIu64 " at %" PRIu64 " ns: %s", number, record->now,
	       tidal_event_name(record->event.kind));
	print_details(&record->event);
	if (record->result != 0)
		printf(": %s", tidal_strerror(record->result));
	printf("\n");
}

static int verdict(const char *name, const struct replay *r)
{
	switch (r->verdict) {
	case REPLAY_EQUAL:
		printf("%s: equal: %" PRIu64 " events%s\n", name, r->events,
		       r->ended ? ", final digest" : "; the log has no end, so no digest");
		return r->verdict;
	case REPLAY_DIFFERENT:
		if (r->number == 0)
			printf("%s: different before the first event: ", name);
		else
			printf("%s: different at event %" PRIu64 " (%s, %" PRIu64 " ns): ", name,
			       r->number, tidal_event_name(r->kind), r->now);
		printf("%s: recorded %#" PRIx64 ", replayed %#" PRIx64 "\n", r->what, r->recorded,
		       r->replayed);
		return r->verdict;
	case REPLAY_BAD:
		break;
	}
	fprintf(stderr, "tidal-replay: %s: at byte %zu: %s\n", name, r->offset, r->what);
	return STATUS_BAD;
}

int main(int argc, char **argv)
{
	struct replay r = { 0 };
	unsigned char *log;
	size_t len;
	int status;

	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return usage(stdout, 0);
	if (argc == 3 && strcmp(argv[1], "-v") == 0)
		r.visit = print_event;
	else if (argc != 2 || argv[1][0] == '-')
		return usage(stderr, STATUS_BAD);
	log = read_file(argv[argc - 1], &len);
	if (!log)
		return STATUS_BAD;
	replay_run(&r, log, len);
	status = verdict(argv[argc - 1], &r);
	free(log);
	return status;
}
