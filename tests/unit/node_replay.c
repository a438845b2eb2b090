/* SPDX-License-Identifier: BSD-3-Clause */
/* Replaying logs of real nodes: equal ones, tampered ones, and what tidal-replay says of them. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "node/replay.h"
#include "node_pod.h"

/* The log of node 0 of a small pod, kept for all tests. */
static uint8_t *recorded;
static size_t recorded_len;

static int record(void **state)
{
	const struct pod_config config = {
		.nodes = 2, .pages = 512, .vcpus = 1, .frames = 64, .record = 1,
	};
	uint64_t value = 1;
	struct pod pod;

	(void)state;
	pod_open(&pod, &config);
	pod_boot(&pod);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(pod_access(&pod, i % 2, i / 3 * 4096, &value, 8, i % 3 != 1), 0);
	pod_stop(&pod);
	recorded = pod.node[0].log.bytes;
	recorded_len = pod.node[0].log.len;
	pod.node[0].log.bytes = NULL;
	pod_close(&pod);
	return 0;
}

static int forget(void **state)
{
	(void)state;
	free(recorded);
	return 0;
}

enum tamper { KEEP, RESULT, ACTIONS, COUNT, DIGEST, REST };

struct copy {
	uint8_t *bytes;
	size_t len;
	uint64_t events;
	uint64_t number; /* of the first stall */
};

/*
 * Write the log anew, with one thing changed at the first stall (or at the end), so that
 * it is whole but wrong.
 */
static struct copy tampered(enum tamper how)
{
	struct eventlog_setup *setup = malloc(sizeof(*setup));
	struct eventlog_record record;
	struct eventlog_reader r;
	struct eventlog_writer w;
	struct copy c = { .bytes = malloc(recorded_len) };
	bool after_stall = false;

	assert_true(setup && c.bytes);
	assert_int_equal(eventlog_open(&r, recorded, recorded_len, setup), 0);
	c.len = (size_t)(r.at - r.start);
	memcpy(c.bytes, recorded, c.len);
	eventlog_writer_init(&w, r.hash);
	while (eventlog_next(&r, &record) == 1) {
		bool stall = record.kind == EVENTLOG_EVENT && record.event.kind == TIDAL_EV_STALL;
		bool first = stall && c.number == 0;

		w.actions = record.actions + (how == COUNT && after_stall);
		w.actions_hash = record.actions_hash ^ (how == ACTIONS && after_stall);
		after_stall = first;
		c.events += record.kind == EVENTLOG_EVENT;
		if (first) {
			c.number = c.events;
			record.result ^= how == RESULT;
		}
		if (record.kind == EVENTLOG_END)
			c.len += eventlog_put_end(&w, record.now, record.digest ^ (how == DIGEST),
						  c.bytes + c.len);
		else
			c.len += eventlog_put_event(&w, record.now, &record.event, record.result,
						    c.bytes + c.len);
		if (how == REST && first)
			break;
	}
	free(setup);
	assert_true(c.number > 0);
	return c;
}

static void test_equal(void **state)
{
	struct copy c = tampered(KEEP);
	struct replay r = { 0 };

	(void)state;
	assert_int_equal(c.len, recorded_len);
	assert_memory_equal(c.bytes, recorded, recorded_len);
	assert_int_equal(replay_run(&r, c.bytes, c.len), REPLAY_EQUAL);
	assert_int_equal(r.events, c.events);
	assert_true(r.ended);
	free(c.bytes);
}

static void check_difference(enum tamper how, const char *what)
{
	struct copy c = tampered(how);
	struct replay r = { 0 };

	assert_int_equal(replay_run(&r, c.bytes, c.len), REPLAY_DIFFERENT);
	assert_string_equal(r.what, what);
	assert_true(r.recorded != r.replayed);
	if (how == DIGEST) {
		assert_int_equal(r.number, c.events);
	} else {
		assert_int_equal(r.number, c.number);
		assert_int_equal(r.kind, TIDAL_EV_STALL);
	}
	free(c.bytes);
}

static void test_differences_name_the_event(void **state)
{
	(void)state;
	check_difference(RESULT, "result");
	check_difference(ACTIONS, "contents of the actions");
	check_difference(COUNT, "number of actions");
	check_difference(DIGEST, "final digest");
}

/* A node that crashed leaves a log without an end: what is there is compared. */
static void test_logs_without_an_end(void **state)
{
	struct copy c = tampered(REST);
	struct replay r = { 0 };

	(void)state;
	assert_int_equal(replay_run(&r, c.bytes, c.len), REPLAY_EQUAL);
	assert_false(r.ended);
	assert_int_equal(r.events, c.events);
	assert_int_equal(replay_run(&r, c.bytes, c.len - 1), REPLAY_BAD);
	assert_int_equal(r.error, TIDAL_EFORMAT);
	free(c.bytes);
}

static void test_records_after_the_end(void **state)
{
	struct copy c = tampered(KEEP);
	struct eventlog_setup *setup = malloc(sizeof(*setup));
	const struct tidal_event tick = { .kind = TIDAL_EV_TICK };
	struct eventlog_record record;
	struct eventlog_reader reader;
	struct eventlog_writer w;
	struct replay r = { 0 };

	(void)state;
	assert_non_null(setup);
	c.bytes = realloc(c.bytes, c.len + EVENTLOG_RECORD_MAX);
	assert_non_null(c.bytes);
	assert_int_equal(eventlog_open(&reader, c.bytes, c.len, setup), 0);
	while (eventlog_next(&reader, &record) == 1)
		;
	eventlog_writer_init(&w, reader.hash);
	w.running = reader.running;
	c.len += eventlog_put_event(&w, 0, &tick, 0, c.bytes + c.len);
	assert_int_equal(replay_run(&r, c.bytes, c.len), REPLAY_BAD);
	assert_string_equal(r.what, "records after the end");
	free(setup);
	free(c.bytes);
}

static void test_unknown_policies(void **state)
{
	const struct tidal_policy_ops own = { .size = sizeof(own), .name = "mine" };
	uint8_t *bytes = malloc(EVENTLOG_SETUP_MAX);
	struct eventlog_writer w;
	struct tidal_params params;
	struct replay r = { 0 };
	size_t len;

	(void)state;
	assert_non_null(bytes);
	tidal_params_init(&params, sizeof(params), 64);
	params.policy = &own;
	eventlog_writer_init(&w, 1);
	len = eventlog_put_setup(&w, &params, bytes);
	assert_int_equal(replay_run(&r, bytes, len), REPLAY_BAD);
	assert_string_equal(r.what, "recorded with a policy that is not built in");
	params.policy = NULL;
	params.nodes = 0;
	len = eventlog_put_setup(&w, &params, bytes);
	assert_int_equal(replay_run(&r, bytes, len), REPLAY_BAD);
	assert_int_equal(r.error, TIDAL_ERANGE);
	free(bytes);
}

/* --- the program ------------------------------------------------------------------------- */

/* Run tidal-replay on these bytes; the exit status, and its first line of output or error. */
static int run_tool(const char *option, const void *bytes, size_t len, char *line, int room)
{
	const char *top = getenv("top_builddir");
	char file[] = "/tmp/tidal-replay-test-XXXXXX", command[4096];
	int fd = mkstemp(file), status;
	FILE *pipe;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
	close(fd);
	snprintf(command, sizeof(command), "'%s/tools/tidal-replay' %s %s 2>&1", top ? top : ".",
		 option, file);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	memset(line, 0, (size_t)room);
	if (!fgets(line, room, pipe))
		line[0] = '\0';
	while (fgetc(pipe) != EOF)
		;
	status = pclose(pipe);
	unlink(file);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_the_program(void **state)
{
	struct copy c = tampered(RESULT);
	char line[1024];

	(void)state;
	assert_int_equal(run_tool("", recorded, recorded_len, line, sizeof(line)), 0);
	assert_non_null(strstr(line, ": equal: "));
	assert_int_equal(run_tool("-v", recorded, recorded_len, line, sizeof(line)), 0);
	assert_int_equal(strncmp(line, "1 at ", 5), 0);
	assert_int_equal(run_tool("", c.bytes, c.len, line, sizeof(line)), 1);
	assert_non_null(strstr(line, ": different at event "));
	assert_non_null(strstr(line, "(stall, "));
	assert_int_equal(run_tool("", c.bytes, c.len - 3, line, sizeof(line)), 1);
	assert_int_equal(run_tool("", recorded, recorded_len - 3, line, sizeof(line)), 2);
	assert_non_null(strstr(line, "ends within a record"));
	assert_int_equal(run_tool("", "hello", 5, line, sizeof(line)), 2);
	assert_non_null(strstr(line, "not an event log"));
	assert_int_equal(run_tool("", "", 0, line, sizeof(line)), 2);
	assert_int_equal(run_tool("/nonexistent/file.log", "", 0, line, sizeof(line)), 2);
	assert_non_null(strstr(line, "usage:"));
	assert_int_equal(run_tool("-x", "", 0, line, sizeof(line)), 2);
	free(c.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_differences_name_the_event),
		cmocka_unit_test(test_logs_without_an_end),
		cmocka_unit_test(test_records_after_the_end),
		cmocka_unit_test(test_unknown_policies),
		cmocka_unit_test(test_the_program),
	};

	return cmocka_run_group_tests_name("node_replay", tests, record, forget);
}
