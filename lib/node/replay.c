/* SPDX-License-Identifier: BSD-3-Clause */
/* Replaying an event log: same events, same actions, same digest? */
#include <stdlib.h>
#include <string.h>
#include <tidal/core.h>

#include "replay.h"

#define CORE_ALIGN 64u

/* What is needed while a log is replayed. */
struct run {
	struct replay *r;
	struct eventlog_setup setup;
	struct eventlog_reader reader;
	struct eventlog_record record;
	struct eventlog_writer mine; /* hashes of the replayed core's actions */
	void *memory;
	struct tidal_core *core;
};

static bool bad(struct run *run, const char *what, int error)
{
	run->r->verdict = REPLAY_BAD;
	run->r->what = what;
	run->r->error = error;
	run->r->offset = (size_t)(run->reader.at - run->reader.start);
	return false;
}

static bool different(struct replay *r, const char *what, uint64_t recorded, uint64_t replayed)
{
	r->verdict = REPLAY_DIFFERENT;
	r->what = what;
	r->recorded = recorded;
	r->replayed = replayed;
	return false;
}

/* "": the log has no policy. */
static bool find_policy(const char *name, const struct tidal_policy_ops **policy)
{
	const struct tidal_policy_ops *const built_in[] = {
		tidal_policy_page(), tidal_policy_vcpu(), tidal_policy_cost(),
	};

	*policy = NULL;
	for (size_t i = 0; i < sizeof(built_in) / sizeof(built_in[0]); i++)
		if (strcmp(name, built_in[i]->name) == 0)
			*policy = built_in[i];
	return *policy || name[0] == '\0';
}

static bool open_core(struct run *run)
{
	struct tidal_params *p = &run->setup.params;
	const char *why = "wrong parameters";
	size_t bytes;
	uintptr_t at;
	int err;

	if (!find_policy(run->setup.policy, &p->policy))
		return bad(run, "recorded with a policy that is not built in", 0);
	err = tidal_params_check(p, &why);
	if (err)
		return bad(run, why, err);
	bytes = tidal_core_footprint(p);
	run->memory = bytes > 0 ? calloc(1, bytes + CORE_ALIGN) : NULL;
	if (!run->memory)
		return bad(run, "not enough memory for the core", TIDAL_ENOMEM);
	at = ((uintptr_t)run->memory + CORE_ALIGN - 1) / CORE_ALIGN * CORE_ALIGN;
	err = tidal_core_init((void *)at, bytes, p, &run->core);
	return err ? bad(run, "the core refuses the parameters", err) : true;
}

/* The actions that the event before this record caused. */
static bool compare_actions(struct run *run)
{
	struct tidal_action action;

	run->mine.actions = 0;
	while (tidal_core_pull(run->core, &action) == 1)
		eventlog_action(&run->mine, &action);
	if (run->mine.actions != run->record.actions)
		return different(run->r, "number of actions", run->record.actions,
				 run->mine.actions);
	if (run->mine.actions_hash != run->record.actions_hash)
		return different(run->r, "contents of the actions", run->record.actions_hash,
				 run->mine.actions_hash);
	return true;
}

static bool push_event(struct run *run)
{
	struct eventlog_record *record = &run->record;
	struct replay *r = run->r;
	int ret;

	r->number++;
	r->kind = record->event.kind;
	r->now = record->now;
	if (r->visit)
		r->visit(r->arg, r->number, record);
	if (record->event.kind == TIDAL_EV_COMMAND &&
	    !find_policy(record->policy, &record->event.u.command.policy))
		return bad(run, "a command sets a policy that is not built in", 0);
	ret = tidal_core_push(run->core, record->now, &record->event);
	if (ret != record->result)
		return different(r, "result", (uint64_t)(int64_t)record->result,
				 (uint64_t)(int64_t)ret);
	r->events++;
	return true;
}

static bool compare_end(struct run *run)
{
	uint64_t digest = tidal_core_digest(run->core);

	run->r->ended = true;
	return digest == run->record.digest ||
	       different(run->r, "final digest", run->record.digest, digest);
}

static void replay_all(struct run *run)
{
	int got;

	do {
		got = eventlog_next(&run->reader, &run->record);
		if (got < 0)
			bad(run, run->reader.why, got);
		if (got <= 0)
			return;
		if (run->r->ended) {
			bad(run, "records after the end", TIDAL_EFORMAT);
			return;
		}
	} while (compare_actions(run) && (run->record.kind == EVENTLOG_END ? compare_end(run)
									    : push_event(run)));
}

enum replay_verdict replay_run(struct replay *r, const void *log, size_t len)
{
	struct run *run = calloc(1, sizeof(*run));
	int err;

	*r = (struct replay){ .visit = r->visit, .arg = r->arg };
	if (!run) {
		r->verdict = REPLAY_BAD;
		r->what = "not enough memory";
		r->error = TIDAL_ENOMEM;
		return r->verdict;
	}
	run->r = r;
	err = eventlog_open(&run->reader, log, len, &run->setup);
	if (err)
		bad(run, run->reader.why, err);
	else if (open_core(run)) {
		eventlog_writer_init(&run->mine, run->reader.hash);
		replay_all(run);
	}
	free(run->memory);
	free(run);
	return r->verdict;
}
