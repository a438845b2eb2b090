/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The simulation is able to fail: faults of the model are planted, and each must be caught, come
 * again from its file, and be shortened. And it is a function of its seed.
 */
#define _POSIX_C_SOURCE 200809L /* getpid() */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "run.h"
#include "shrink.h"
#include "world.h"

#define SEEDS 60
#define MOST 100000

static void plain(struct setting *s, uint64_t seed)
{
	const struct setting_limits limits = { .plant = PLANT_NONE };

	setting_choose(s, seed, &limits);
}

/* The first seed that notices; 0: none. */
static uint64_t caught(uint64_t plant, struct setting *s, struct outcome *out)
{
	const struct setting_limits limits = { .plant = plant };
	const struct run_how how = { .most_events = MOST };

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		setting_choose(s, seed, &limits);
		run_setting(s, &how, out);
		if (out->violation[0])
			return seed;
	}
	return 0;
}

/* Write it to a file, read it, run that. */
static void repeat(const struct setting *s, const struct script *script, const char *violation)
{
	struct script again = { 0 };
	const struct run_how how = { .script = &again };
	struct setting read;
	struct outcome out;
	char expected[256], path[64];

	snprintf(path, sizeof(path), "planted-%ld.failure", (long)getpid());
	assert_true(failure_write(path, s, script, violation));
	assert_true(failure_read(path, &read, &again, expected));
	remove(path);
	assert_string_equal(expected, violation);
	run_setting(&read, &how, &out);
	if (!run_alike(out.violation, violation))
		fail_msg("again it says: %s, not: %s", out.violation, violation);
	script_free(&again);
}

static void check_plant(uint64_t plant)
{
	struct script script = { 0 };
	const struct run_how how = { .record = &script, .most_events = MOST };
	struct outcome out, second;
	struct setting s;
	uint64_t seed = caught(plant, &s, &out);
	size_t before;

	assert_int_not_equal(seed, 0);
	run_setting(&s, &how, &second);
	assert_string_equal(second.violation, out.violation);
	assert_int_equal(second.digest, out.digest);
	repeat(&s, &script, out.violation);
	before = script.count;
	for (double seconds = 0.3; script.count == before && seconds < 10; seconds *= 4)
		shrink(&s, &script, out.violation, seconds); /* with sanitizers a run takes long */
	assert_true(script.count < before);
	repeat(&s, &script, out.violation);
	printf("caught by seed %llu: %s; %zu of %zu choices\n", (unsigned long long)seed,
	       out.violation, script.count, before);
	script_free(&script);
}

#define PLANTED(name, plant)                                                                  \
	static void name(void **state)                                                        \
	{                                                                                     \
		(void)state;                                                                  \
		check_plant(plant);                                                           \
	}
PLANTED(planted_unmap_ignored, PLANT_DEAF_UNMAP)
PLANTED(planted_protect_ignored, PLANT_DEAF_PROTECT)
PLANTED(planted_false_zeroes, PLANT_ZERO_LIE)
PLANTED(planted_payload_lost, PLANT_OLD_PAGE)
PLANTED(planted_vcpu_twice, PLANT_DEAF_STOP)
PLANTED(planted_message_twice, PLANT_TWICE)
PLANTED(planted_acknowledgement_lost, PLANT_LOST_ACK)

/* Nothing planted: the same seeds find nothing, and a seed is the same run each time. */
static void same_seed_same_run(void **state)
{
	const struct run_how how = { .most_events = MOST };
	uint64_t last = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct outcome a, b;
		struct setting s;

		plain(&s, seed);
		run_setting(&s, &how, &a);
		run_setting(&s, &how, &b);
		assert_string_equal(a.violation, "");
		assert_int_equal(a.digest, b.digest);
		assert_int_equal(a.events, b.events);
		assert_int_not_equal(a.digest, last);
		last = a.digest;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_seed_same_run),
		cmocka_unit_test(planted_unmap_ignored),
		cmocka_unit_test(planted_protect_ignored),
		cmocka_unit_test(planted_false_zeroes),
		cmocka_unit_test(planted_payload_lost),
		cmocka_unit_test(planted_vcpu_twice),
		cmocka_unit_test(planted_message_twice),
		cmocka_unit_test(planted_acknowledgement_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
