/* SPDX-License-Identifier: BSD-3-Clause */
/* The event log: what was cut, changed or made up is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "node_eventlog.h"

/* Read to the end or the first error; returns the number of whole records. */
static int read_all(const uint8_t *bytes, size_t len, int *err, const char **why)
{
	struct eventlog_setup *setup = malloc(sizeof(*setup));
	struct eventlog_record record;
	struct eventlog_reader r;
	int records = 0, got;

	assert_non_null(setup);
	*err = eventlog_open(&r, bytes, len, setup);
	if (*err == 0) {
		while ((got = eventlog_next(&r, &record)) == 1)
			records++;
		*err = got;
	}
	*why = r.why;
	free(setup);
	return records;
}

/* A copy of exact size: a sanitizer sees a read beyond it. */
static uint8_t *exact(const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	return copy;
}

/* Cut anywhere: the whole records are read, then comes an error, or the end between two. */
static void test_truncated_logs(void **state)
{
	struct log *log = sample(HASH_FNV);
	int before = 0, whole = 0, ends = 0;

	(void)state;
	for (size_t len = 0; len <= log->len; len++) {
		uint8_t *copy = exact(log->bytes, len);
		const char *why;
		int err, records = read_all(copy, len, &err, &why);

		assert_in_range(records, before, before + 1);
		assert_true(err == 0 || err == TIDAL_EFORMAT);
		if (err == 0)
			ends++;
		else
			assert_non_null(why);
		whole += records > before;
		before = records;
		free(copy);
	}
	assert_int_equal(ends, whole + 1); /* after the setup, and after each record */
	assert_int_equal(before, 13);
	free(log);
}

/* No bit of a log can change unseen. */
static void check_damage(unsigned hash)
{
	struct log *log = sample(hash);

	for (size_t bit = 0; bit < 8 * log->len; bit += 1 + bit % 3) {
		uint8_t *copy = exact(log->bytes, log->len);
		const char *why;
		int err;

		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		read_all(copy, log->len, &err, &why);
		if (err != TIDAL_EFORMAT && err != TIDAL_EVERSION)
			fail_msg("bit %zu: error %d", bit, err);
		assert_non_null(why);
		free(copy);
	}
	free(log);
}

static void test_damaged_logs(void **state)
{
	(void)state;
	check_damage(HASH_FNV);
	check_damage(hash_best());
}

/* Whole records that are missing or repeated are seen too: the hash runs on. */
static void test_records_left_out(void **state)
{
	struct log *log = sample(HASH_FNV);
	struct eventlog_record record;
	struct eventlog_reader r;
	struct eventlog_setup *setup = read_setup(&r, log->bytes, log->len);
	const uint8_t *first = r.at;
	size_t hole, at;
	const char *why;
	int err;

	(void)state;
	assert_int_equal(eventlog_next(&r, &record), 1);
	hole = (size_t)(r.at - first);
	at = (size_t)(first - log->bytes);
	memmove(log->bytes + at, log->bytes + at + hole, log->len - at - hole);
	assert_int_equal(read_all(log->bytes, log->len - hole, &err, &why), 0);
	assert_int_equal(err, TIDAL_EFORMAT);
	free(setup);
	free(log);
}

/* Give a record these bytes, with the right length and hash; what the reader says. */
static int read_record(const uint8_t *body, size_t len)
{
	struct tidal_params params;
	struct log *log = calloc(1, sizeof(*log));
	struct out o;
	const char *why;
	int err;

	assert_non_null(log);
	tidal_params_init(&params, sizeof(params), 64);
	begin(log, &params, HASH_FNV);
	o = out_init(log->bytes + log->len, LOG_MAX - log->len);
	out_u32(&o, len);
	out_bytes(&o, body, len);
	out_u32(&o, hash_bytes(HASH_FNV, 0, body, len));
	read_all(log->bytes, log->len + o.len, &err, &why);
	free(log);
	return err;
}

/* A record with the right hash may still be of a form that this reader does not know. */
static void test_records_of_another_form(void **state)
{
	static uint8_t body[600] = { EVENTLOG_EVENT };
	const size_t head = 1 + 8 + 4 + 8 + 4; /* then the kind of event */

	(void)state;
	body[head] = TIDAL_EV_TICK;
	assert_int_equal(read_record(body, head + 1), 0);
	assert_int_equal(read_record(body, head + 2), TIDAL_EFORMAT);
	assert_int_equal(read_record(body, head), TIDAL_EFORMAT);
	assert_int_equal(read_record(body, 0), TIDAL_EFORMAT);
	assert_int_equal(read_record(body, sizeof(body)), TIDAL_EFORMAT);
	body[head] = 0;
	assert_int_equal(read_record(body, head + 1), TIDAL_EFORMAT);
	body[head] = 200;
	assert_int_equal(read_record(body, head + 1), TIDAL_EFORMAT);
	body[head] = TIDAL_EV_TICK;
	body[0] = 3; /* neither event nor end */
	assert_int_equal(read_record(body, head + 1), TIDAL_EFORMAT);
}

/* The same for the parameters: more of a table than there can be. */
static void test_parameters_of_another_form(void **state)
{
	struct tidal_params params;
	struct log *log = calloc(1, sizeof(*log));
	size_t body_len;
	struct out o;
	const char *why;
	int err;

	(void)state;
	assert_non_null(log);
	tidal_params_init(&params, sizeof(params), 64);
	begin(log, &params, HASH_FNV);
	/* the last of the body: number of objects (4), presence of a map (1); then the hash */
	body_len = log->len - 8 - EVENTLOG_PREFIX;
	o = out_init(log->bytes + EVENTLOG_PREFIX + body_len - 5, LOG_MAX - log->len);
	out_u32(&o, TIDAL_TOPO_MAX + 6);
	for (unsigned i = 0; i < TIDAL_TOPO_MAX + 6; i++)
		out_u64(&o, 0);
	out_u8(&o, 0);
	body_len += (TIDAL_TOPO_MAX + 6) * 8;
	out_u64(&o, hash_bytes(HASH_FNV, 0, log->bytes + EVENTLOG_PREFIX, body_len));
	log->len = EVENTLOG_PREFIX + body_len + 8;
	o = out_init(log->bytes + EVENTLOG_PREFIX - 4, 4);
	out_u32(&o, body_len);
	read_all(log->bytes, log->len, &err, &why);
	assert_int_equal(err, TIDAL_EFORMAT);
	assert_string_equal(why, "parameters of another form");
	free(log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_truncated_logs),
		cmocka_unit_test(test_damaged_logs),
		cmocka_unit_test(test_records_left_out),
		cmocka_unit_test(test_records_of_another_form),
		cmocka_unit_test(test_parameters_of_another_form),
	};

	return cmocka_run_group_tests_name("node_eventlog_bad", tests, NULL, NULL);
}
