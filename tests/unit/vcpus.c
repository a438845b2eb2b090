/* SPDX-License-Identifier: BSD-3-Clause */
/* vcpus: who served the last stalls, and when a vCPU starves. */
#include "component.h"

#include "core/vcpus.h"

static struct vcpus *open_vcpus(void)
{
	struct vcpus *vs;

	COMPONENT_OPEN(struct vcpus, &vs, vcpus_init, 3, 2);
	return vs;
}

static void test_records_are_apart(void **state)
{
	struct vcpus *vs = open_vcpus();

	(void)state;
	for (tidal_vcpuid v = 0; v < 3; v++) {
		assert_false(vcpu_is_here(vcpus_at(vs, v)));
		vcpus_at(vs, v)->epoch = 10u + v;
	}
	for (tidal_vcpuid v = 0; v < 3; v++)
		assert_int_equal(vcpus_at(vs, v)->epoch, 10 + v);
	test_free(vs);
}

/* Slots are for those who are here and those who were told to come. */
static void test_slots(void **state)
{
	struct vcpus *vs = open_vcpus();

	(void)state;
	assert_true(vcpus_may_promise(vs));
	vs->here = 1;
	assert_true(vcpus_may_promise(vs));
	vs->promised = 1;
	assert_false(vcpus_may_promise(vs));
	test_free(vs);
}

/* The share is of a full history, so that one stall alone says little. */
static void test_shares(void **state)
{
	struct vcpu v = { 0 };

	(void)state;
	assert_int_equal(vcpu_share(&v, 1), 0);
	vcpu_served(&v, 1);
	assert_int_equal(vcpu_share(&v, 1), 256 / VCPU_HISTORY);
	assert_int_equal(vcpu_share(&v, 0), 0); /* what has not been noted yet was nobody's */
	for (unsigned i = 0; i < VCPU_HISTORY; i++)
		vcpu_served(&v, 2);
	assert_int_equal(vcpu_share(&v, 1), 0);
	assert_int_equal(vcpu_share(&v, 2), 256);
	for (unsigned i = 0; i < VCPU_HISTORY / 2; i++)
		vcpu_served(&v, 1);
	assert_int_equal(vcpu_share(&v, 1), 128);
	assert_int_equal(vcpu_share(&v, 2), 128);
}

static void test_starving_is_since_the_first_stall(void **state)
{
	struct vcpu v = { 0 };

	(void)state;
	for (tidal_time t = 100; t < 100 + VCPU_STARVING; t++)
		vcpu_stalled(&v, t, t, TIDAL_READ, true);
	assert_int_equal(v.stalls, VCPU_STARVING);
	assert_int_equal(v.since, 100);
	v.moved = v.pin_bound = true;
	vcpu_retired(&v);
	assert_int_equal(v.stalls, 0);
	assert_false(v.moved || v.pin_bound);
	vcpu_stalled(&v, 500, 1, TIDAL_READ, true);
	assert_int_equal(v.since, 500);
	for (unsigned i = 0; i < 1000; i++)
		vcpu_stalled(&v, 501, 1, TIDAL_READ, true);
	assert_int_equal(v.stalls, UINT8_MAX);
}

/* A host that can't tell: two pages in turn may be one instruction, a third one may not. */
static void test_third_page_means_progress(void **state)
{
	struct vcpu v = { 0 };

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		vcpu_stalled(&v, i, 40 + i % 2, TIDAL_WRITE, false);
	assert_int_equal(v.stalls, 9); /* the first of them may have ended what was before */
	v.moved = true;
	vcpu_stalled(&v, 20, 50, TIDAL_WRITE, false);
	assert_int_equal(v.stalls, 1);
	assert_int_equal(v.since, 20);
	assert_false(v.moved);
	for (unsigned i = 0; i < 9; i++)
		vcpu_stalled(&v, 30, 60 + i, TIDAL_WRITE, true); /* this host could tell */
	assert_int_equal(v.stalls, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records_are_apart),
		cmocka_unit_test(test_slots),
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_starving_is_since_the_first_stall),
		cmocka_unit_test(test_third_page_means_progress),
	};

	return cmocka_run_group_tests_name("vcpus", tests, NULL, NULL);
}
