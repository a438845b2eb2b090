/* SPDX-License-Identifier: BSD-3-Clause */
/* wire: every message of the table, there and back; and bytes that are none. */
#include "component.h"

#include "core/link.h"
#include "core/wire.h"

#define ROUNDS 200

/* A number with many bits, none, or all. */
static uint64_t field(uint64_t *random)
{
	uint64_t pick = random_below(random, 4);

	return pick == 0 ? 0 : pick == 1 ? UINT64_MAX : random_below(random, UINT64_MAX);
}

#define LIMIT_u8 UINT8_MAX
#define LIMIT_u16 UINT16_MAX
#define LIMIT_u32 UINT32_MAX
#define LIMIT_u64 UINT64_MAX
#define LIMIT_epoch EPOCH_MASK
#define FILL(type, name) m->name = (wire_##type)(field(random) & LIMIT_##type);
#define SAME(type, name) assert_int_equal(a->name, b->name);
#define SIZE(type, name) +sizeof(wire_##type)
#define MESSAGE_HELPERS(number, NAME, lower, class)                                           \
	static void fill_##lower(struct wire_##lower *m, uint64_t *random)                    \
	{                                                                                     \
		WIRE_##NAME(FILL)                                                             \
	}                                                                                     \
	static void same_##lower(const struct wire_##lower *a, const struct wire_##lower *b)  \
	{                                                                                     \
		WIRE_##NAME(SAME)                                                             \
	}
WIRE_MESSAGES(MESSAGE_HELPERS)

/* The bytes in memory of exactly their size, so that a read beyond them is seen. */
static bool decode(struct wire *m, const uint8_t *bytes, uint32_t len)
{
	uint8_t *exact = test_malloc(len + 1); /* the first byte unused: len may be 0 */
	bool ok;

	memcpy(exact + 1, bytes, len);
	ok = wire_decode(m, exact + 1, len);
	test_free(exact);
	return ok;
}

static void check_lengths(const uint8_t *bytes, uint32_t len)
{
	uint8_t longer[LINK_BODY_MAX + 1] = { 0 };
	struct wire m;

	for (uint32_t n = 0; n < len; n++)
		assert_false(decode(&m, bytes, n));
	memcpy(longer, bytes, len);
	assert_false(decode(&m, longer, len + 1));
}

#define ROUND_TRIP(number, NAME, lower, class)                                                \
	static void test_##lower(void **state)                                                \
	{                                                                                     \
		uint64_t random = number;                                                     \
                                                                                              \
		(void)state;                                                                  \
		for (unsigned i = 0; i < ROUNDS; i++) {                                       \
			struct wire in = { .kind = MSG_##NAME }, out;                         \
			uint8_t bytes[LINK_BODY_MAX];                                         \
			uint32_t len;                                                         \
                                                                                              \
			fill_##lower(&in.u.lower, &random);                                   \
			len = wire_encode(&in, bytes);                                        \
			assert_int_equal(len, 1 WIRE_##NAME(SIZE));                           \
			assert_int_equal(bytes[0], number);                                   \
			assert_true(decode(&out, bytes, len));                                \
			assert_int_equal(out.kind, in.kind);                                  \
			same_##lower(&in.u.lower, &out.u.lower);                              \
			if (i == 0)                                                           \
				check_lengths(bytes, len);                                    \
		}                                                                             \
	}
WIRE_MESSAGES(ROUND_TRIP)

/* A fixed message, byte by byte: the format must not change by accident. */
static void test_bytes_of_a_message(void **state)
{
	const struct wire m = { .kind = MSG_OWNER,
				.u.owner = { .gfn = 0x0102030405060708, .epoch = 0x11,
					     .owner = 0x2122, .order = WIRE_ORDER_PAGE } };
	static const uint8_t expected[] = { 8, 8, 7, 6, 5, 4, 3, 2, 1, 0x11, 0, 0, 0, 0, 0, 0, 0,
					    0x22, 0x21, 255 };
	uint8_t bytes[LINK_BODY_MAX];

	(void)state;
	assert_int_equal(wire_encode(&m, bytes), sizeof(expected));
	assert_memory_equal(bytes, expected, sizeof(expected));
}

/* Whatever decodes is a message that encodes to the same bytes. */
static void test_garbage(void **state)
{
	uint64_t random = 99;
	unsigned decoded = 0;

	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		uint32_t len = (uint32_t)random_below(&random, 120);
		uint8_t bytes[120], again[LINK_BODY_MAX];
		struct wire m;

		for (uint32_t k = 0; k < len; k++)
			bytes[k] = (uint8_t)random_below(&random, 256);
		if (len)
			bytes[0] %= MSG_MAX + 2;
		if (!decode(&m, bytes, len))
			continue;
		decoded++;
		assert_true(m.kind > 0 && m.kind < MSG_MAX);
		assert_int_equal(wire_encode(&m, again), len);
		assert_memory_equal(bytes, again, len);
	}
	assert_true(decoded > 100);
}

/* An epoch of more than 40 bits would spill into what is kept beside it. */
static void test_epochs_are_bounded(void **state)
{
	struct wire m = { .kind = MSG_GIVE, .u.give = { .epoch = EPOCH_MASK } };
	uint8_t bytes[LINK_BODY_MAX];

	(void)state;
	assert_true(decode(&m, bytes, wire_encode(&m, bytes)));
	m.u.give.epoch = EPOCH_MASK + 1;
	assert_false(decode(&m, bytes, wire_encode(&m, bytes)));
	m.kind = MSG_MOVE_ASK; /* those of vCPUs just count */
	m.u.move_ask = (struct wire_move_ask){ .epoch = UINT64_MAX };
	assert_true(decode(&m, bytes, wire_encode(&m, bytes)));
}

static void test_names_and_classes(void **state)
{
	(void)state;
#define CHECK(number, NAME, lower, class)                                                     \
	assert_string_equal(wire_name(number), #lower);                                       \
	assert_int_equal(wire_class(number), class);
	WIRE_MESSAGES(CHECK)
	assert_string_equal(wire_name(0), "?");
	assert_string_equal(wire_name(MSG_MAX), "?");
	/* answers never wait behind questions */
	assert_int_equal(wire_class(MSG_INVALIDATE), LINK_REPLY);
	assert_int_equal(wire_class(MSG_REQUEST), LINK_REQUEST);
}

int main(void)
{
#define UNIT_TEST(number, NAME, lower, class) cmocka_unit_test(test_##lower),
	const struct CMUnitTest tests[] = {
		WIRE_MESSAGES(UNIT_TEST)
		cmocka_unit_test(test_bytes_of_a_message),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_epochs_are_bounded),
		cmocka_unit_test(test_names_and_classes),
	};

	return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
