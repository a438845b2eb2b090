/* SPDX-License-Identifier: BSD-3-Clause */
/* The loader of guest programs: what it takes, what it refuses and why, and garbage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <tidal/fake.h>

#include "backends/fake/bytes.h"

#define FILE_BYTES 600u
#define HEADERS 64u
#define TEXT 300u /* where the segments' bytes lie in the file */
#define DATA 500u

static void program_header(uint8_t *p, uint32_t type, uint64_t at, uint64_t gpa,
			   uint64_t file_bytes, uint64_t bytes)
{
	fake_put32(p, type);
	fake_put32(p + 4, 7);
	fake_put64(p + 8, at);
	fake_put64(p + 16, gpa);
	fake_put64(p + 24, gpa);
	fake_put64(p + 32, file_bytes);
	fake_put64(p + 40, bytes);
	fake_put64(p + 48, 4096);
}

/* Text, data with bss, and a note that is no matter. */
static void good_file(uint8_t file[FILE_BYTES])
{
	memset(file, 0xaa, FILE_BYTES);
	memset(file, 0, HEADERS + 3 * 56);
	memcpy(file, "\177ELF\2\1\1", 7);
	fake_put16(file + 16, 2);
	fake_put16(file + 18, 243);
	fake_put32(file + 20, 1);
	fake_put64(file + 24, 0x10008);
	fake_put64(file + 32, HEADERS);
	fake_put16(file + 52, 64);
	fake_put16(file + 54, 56);
	fake_put16(file + 56, 3);
	program_header(file + HEADERS, 1, TEXT, 0x10000, 200, 200);
	program_header(file + HEADERS + 56, 4, 0, 0, 0, 0);
	program_header(file + HEADERS + 112, 1, DATA, 0x20000, 100, 5000);
}

static void test_good(void **state)
{
	struct tidal_fake_image image;
	uint8_t file[FILE_BYTES];
	const char *why = "?";

	(void)state;
	good_file(file);
	assert_int_equal(tidal_fake_elf(file, sizeof(file), &image, &why), 0);
	assert_null(why);
	assert_int_equal(image.entry, 0x10008);
	assert_int_equal(image.end, 0x20000 + 5000);
	assert_int_equal(image.segments, 2);
	assert_int_equal(image.segment[0].gpa, 0x10000);
	assert_int_equal(image.segment[0].bytes, 200);
	assert_ptr_equal(image.segment[0].data, file + TEXT);
	assert_int_equal(image.segment[1].gpa, 0x20000);
	assert_int_equal(image.segment[1].file_bytes, 100);
	assert_int_equal(image.segment[1].bytes, 5000);
	assert_ptr_equal(image.segment[1].data, file + DATA);
}

/* One field wrong at a time; the texts are for people, and each is its own. */
static void test_refused(void **state)
{
	static const struct {
		const char *why;
		unsigned at, size;
		uint64_t value;
	} rows[] = {
		{ "not an ELF file", 1, 1, 'e' },
		{ "not a 64-bit little-endian ELF file", 4, 1, 1 },
		{ "not a 64-bit little-endian ELF file", 5, 1, 2 },
		{ "not a 64-bit little-endian ELF file", 6, 1, 0 },
		{ "not an executable linked at fixed addresses", 16, 2, 3 },
		{ "not for RISC-V", 18, 2, 62 },
		{ "unknown ELF version", 20, 4, 2 },
		{ "uses compressed instructions", 48, 4, 1 },
		{ "needs another ABI than lp64", 48, 4, 4 },
		{ "needs another ABI than lp64", 48, 4, 8 },
		{ "wrong size of ELF or program header", 52, 2, 52 },
		{ "wrong size of ELF or program header", 54, 2, 32 },
		{ "no program headers", 56, 2, 0 },
		{ "program headers outside of the file", 56, 2, 65535 },
		{ "program headers outside of the file", 32, 8, UINT64_MAX },
		{ "program headers outside of the file", 32, 8, FILE_BYTES - 3 * 56 + 1 },
		{ "needs a dynamic linker", HEADERS + 56, 4, 3 },
		{ "needs a dynamic linker", HEADERS + 56, 4, 2 },
		{ "segment larger in the file than in memory", HEADERS + 40, 8, 199 },
		{ "segment outside of the file", HEADERS + 112 + 8, 8, FILE_BYTES - 99 },
		{ "segment outside of the file", HEADERS + 112 + 8, 8, UINT64_MAX - 50 },
		{ "segment outside of the address space", HEADERS + 112 + 16, 8, UINT64_MAX },
		{ "segment outside of the address space", HEADERS + 112 + 40, 8, UINT64_MAX },
		{ "segment outside of the address space", HEADERS + 112 + 16, 8,
		  TIDAL_FAKE_DEVICES - 4999 },
		{ "segments overlap or don't ascend", HEADERS + 112 + 16, 8, 0x10000 + 199 },
		{ "segments overlap or don't ascend", HEADERS + 112 + 16, 8, 0x8000 },
		{ "entry is not aligned to an instruction", 24, 8, 0x1000a },
		{ "entry outside of all segments", 24, 8, 0xfffc },
		{ "entry outside of all segments", 24, 8, 0x10000 + 200 },
		{ "entry outside of all segments", 24, 8, 0x20000 + 100 }, /* in the bss */
	};
	struct tidal_fake_image image;
	uint8_t file[FILE_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *why = NULL;

		good_file(file);
		fake_put(file + rows[i].at, rows[i].size, rows[i].value);
		assert_int_equal(tidal_fake_elf(file, sizeof(file), &image, &why), TIDAL_EFORMAT);
		assert_non_null(why);
		assert_string_equal(why, rows[i].why);
		assert_int_equal(tidal_fake_elf(file, sizeof(file), &image, NULL), TIDAL_EFORMAT);
	}
}

static void test_segment_count(void **state)
{
	enum { MOST = TIDAL_FAKE_SEGMENTS, BYTES = 64 + 56 * (MOST + 1) };
	struct tidal_fake_image image;
	uint8_t file[BYTES];
	const char *why;

	(void)state;
	for (unsigned n = MOST; n <= MOST + 1; n++) {
		uint8_t whole[FILE_BYTES];

		good_file(whole);
		memcpy(file, whole, 64);
		fake_put16(file + 56, (uint16_t)n);
		for (unsigned i = 0; i < n; i++)
			program_header(file + 64 + 56 * i, 1, 0, 0x10000 + 64 * i, 64, 64);
		assert_int_equal(tidal_fake_elf(file, sizeof(file), &image, &why),
				 n == MOST ? 0 : TIDAL_EFORMAT);
	}
	assert_string_equal(why, "too many segments");
}

/* Copies of exact size, so that ASan sees every byte read behind the end. */
static int load_copy(const uint8_t *file, size_t len)
{
	struct tidal_fake_image image;
	uint8_t *copy = malloc(len ? len : 1);
	const char *why = NULL;
	uint64_t sum = 0;
	int r;

	assert_non_null(copy);
	memcpy(copy, file, len);
	r = tidal_fake_elf(copy, len, &image, &why);
	assert_true(r ? r == TIDAL_EFORMAT && why : !why);
	for (uint32_t s = 0; r == 0 && s < image.segments; s++) {
		const uint8_t *data = image.segment[s].data;

		assert_true(image.segment[s].file_bytes <= image.segment[s].bytes);
		for (uint64_t i = 0; i < image.segment[s].file_bytes; i++)
			sum += data[i];
		assert_true(image.segment[s].gpa + image.segment[s].bytes <= image.end);
	}
	assert_true(sum < UINT64_MAX);
	free(copy);
	return r;
}

static void test_truncated(void **state)
{
	uint8_t file[FILE_BYTES];

	(void)state;
	good_file(file);
	for (size_t len = 0; len < FILE_BYTES; len++)
		assert_int_equal(load_copy(file, len), TIDAL_EFORMAT);
	assert_int_equal(load_copy(file, FILE_BYTES), 0);
}

static void test_flipped(void **state)
{
	uint8_t file[FILE_BYTES];
	unsigned refused = 0;

	(void)state;
	for (size_t at = 0; at < HEADERS + 3 * 56; at++)
		for (unsigned value = 0; value < 256; value++) {
			good_file(file);
			file[at] = (uint8_t)value;
			refused += load_copy(file, FILE_BYTES) != 0;
		}
	assert_true(refused > 10000);
}

static uint64_t xorshift(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

/* Several fields at once get values that are near something. */
static void test_garbage(void **state)
{
	static const uint64_t values[] = { 0,	       1,	   56,	   64,	    FILE_BYTES,
					   UINT64_MAX, 0x10000,	   0x20000, UINT64_MAX / 56,
					   0x80000000, 0xffffffff, TIDAL_FAKE_DEVICES };
	uint8_t file[FILE_BYTES];
	uint64_t seed = 1;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		good_file(file);
		for (unsigned n = xorshift(&seed) % 4 + 1; n > 0; n--) {
			size_t at = xorshift(&seed) % (HEADERS + 3 * 56 - 8);
			uint64_t v = values[xorshift(&seed) % 12] + xorshift(&seed) % 5 - 2;

			fake_put64(file + (at & ~(size_t)7), v);
		}
		load_copy(file, FILE_BYTES - xorshift(&seed) % 3);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),	      cmocka_unit_test(test_refused),
		cmocka_unit_test(test_segment_count), cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_flipped),	      cmocka_unit_test(test_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
