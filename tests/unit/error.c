/* SPDX-License-Identifier: BSD-3-Clause */
/* Error numbers are frozen and all have a text of their own; the version is that of the headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <tidal/error.h>

#define NUMBER(name, number, text) TIDAL_##name,
static const int errors[] = { TIDAL_OK, TIDAL_ERRORS(NUMBER) };
#define ERRORS (sizeof(errors) / sizeof(errors[0]))

static void test_every_error_has_its_own_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < ERRORS; i++) {
		assert_string_not_equal(tidal_strerror(errors[i]), tidal_strerror(12345));
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(tidal_strerror(errors[i]),
						tidal_strerror(errors[j]));
	}
}

static void test_unknown_numbers_have_a_text(void **state)
{
	static const int unknown[] = { 1, -63, -1000, INT32_MAX, INT32_MIN };

	(void)state;
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		assert_string_equal(tidal_strerror(unknown[i]), "unknown error");
}

/* Callers are compiled against these numbers. A new error extends the list. */
static void test_numbers_are_frozen(void **state)
{
	(void)state;
	assert_int_equal(TIDAL_EINVAL, -1);
	assert_int_equal(TIDAL_EAGAIN, -2);
	assert_int_equal(TIDAL_ENOMEM, -3);
	assert_int_equal(TIDAL_EPROTO, -4);
	assert_int_equal(TIDAL_EVERSION, -5);
	assert_int_equal(TIDAL_ESTALE, -6);
	assert_int_equal(TIDAL_ENOENT, -7);
	assert_int_equal(TIDAL_EBUSY, -8);
	assert_int_equal(TIDAL_ERANGE, -9);
	assert_int_equal(TIDAL_EEXIST, -10);
	assert_int_equal(TIDAL_ENOSYS, -11);
	assert_int_equal(TIDAL_EFORMAT, -12);
	assert_int_equal(TIDAL_EIO, -13);
	assert_int_equal(TIDAL_EPERM, -14);
	assert_int_equal(TIDAL_EFULL, -15);
	assert_int_equal(TIDAL_EPEER, -16);
	assert_int_equal(TIDAL_EBROKEN, -64);
}

static void test_version_is_that_of_the_headers_and_of_the_package(void **state)
{
	char text[32];

	(void)state;
	snprintf(text, sizeof(text), "%d.%d.%d", TIDAL_VERSION_MAJOR, TIDAL_VERSION_MINOR,
		 TIDAL_VERSION_PATCH);
	assert_string_equal(tidal_version(), text);
	assert_string_equal(tidal_version(), PACKAGE_VERSION);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_error_has_its_own_text),
		cmocka_unit_test(test_unknown_numbers_have_a_text),
		cmocka_unit_test(test_numbers_are_frozen),
		cmocka_unit_test(test_version_is_that_of_the_headers_and_of_the_package),
	};

	return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
