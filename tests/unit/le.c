/* SPDX-License-Identifier: BSD-3-Clause */
/* le - byte order, bounds, and that a cursor remembers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/le.h"

static void write_all(struct wr *w)
{
	wr_u8(w, 0x01);
	wr_u16(w, 0x0302);
	wr_u32(w, 0x07060504);
	wr_u48(w, 0x0d0c0b0a0908);
	wr_u64(w, 0x1514131211100f0e);
	wr_bytes(w, "\x16\x17", 2);
}

static void test_byte_order(void **state)
{
	uint8_t bytes[23];
	uint8_t tail[2];
	struct wr w = wr_init(bytes, sizeof(bytes));
	struct rd r = rd_init(bytes, sizeof(bytes));

	(void)state;
	write_all(&w);
	assert_true(wr_ok(&w));
	assert_int_equal(w.len, sizeof(bytes));
	for (unsigned i = 0; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], i + 1);

	assert_int_equal(rd_u8(&r), 0x01);
	assert_int_equal(rd_u16(&r), 0x0302);
	assert_int_equal(rd_u32(&r), 0x07060504);
	assert_int_equal(rd_u48(&r), 0x0d0c0b0a0908);
	assert_int_equal(rd_u64(&r), 0x1514131211100f0e);
	rd_bytes(&r, tail, 2);
	assert_memory_equal(tail, "\x16\x17", 2);
	assert_true(rd_ok(&r));
	assert_int_equal(r.left, 0);
}

/* At every length that is too short something is missing, and nothing beyond is touched. */
static void test_bounds(void **state)
{
	uint8_t full[23];
	struct wr all = wr_init(full, sizeof(full));

	(void)state;
	write_all(&all);
	for (size_t len = 0; len < sizeof(full); len++) {
		uint8_t bytes[24], tail[2] = { 9, 9 };
		struct wr w = wr_init(bytes, len);
		struct rd r = rd_init(full, len);

		memset(bytes, 0xee, sizeof(bytes));
		write_all(&w);
		assert_false(wr_ok(&w));
		assert_true(w.len <= len);
		for (size_t i = w.len; i < sizeof(bytes); i++)
			assert_int_equal(bytes[i], 0xee);

		(void)rd_u8(&r);
		(void)rd_u16(&r);
		(void)rd_u32(&r);
		(void)rd_u48(&r);
		(void)rd_u64(&r);
		rd_bytes(&r, tail, 2);
		assert_false(rd_ok(&r));
		assert_memory_equal(tail, "\0\0", 2);
	}
}

/* What would still fit after an overflow is refused as well. */
static void test_bad_stays_bad(void **state)
{
	uint8_t bytes[4] = { 1, 2, 3, 4 };
	struct rd r = rd_init(bytes, sizeof(bytes));
	struct wr w = wr_init(bytes, sizeof(bytes));

	(void)state;
	assert_int_equal(rd_u64(&r), 0);
	assert_int_equal(rd_u8(&r), 0);
	assert_null(rd_take(&r, 1));
	assert_false(rd_ok(&r));
	wr_u64(&w, 0);
	wr_u8(&w, 0xff);
	assert_false(wr_ok(&w));
	assert_int_equal(bytes[0], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_byte_order),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_bad_stays_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
