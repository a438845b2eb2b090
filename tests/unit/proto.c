/* SPDX-License-Identifier: BSD-3-Clause */
/* proto: the table is complete, refuses nothing that may happen, and is what the manual says. */
#define _POSIX_C_SOURCE 200809L /* open_memstream() */
#include "component.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/proto.h"
#include "../explore/table_text.h"

static bool rejects(unsigned s, unsigned h)
{
	return proto_at((enum situation)s, (enum happening)h) == on_reject;
}

static void test_every_cell_is_decided(void **state)
{
	(void)state;
	for (unsigned s = 0; s < SIT_MAX; s++)
		for (unsigned h = 0; h < HAP_MAX; h++) {
			const char *name = proto_name((enum situation)s, (enum happening)h);

			assert_non_null(proto_at((enum situation)s, (enum happening)h));
			assert_int_equal(rejects(s, h), !strcmp(name, "reject"));
		}
}

/* A name stands for one handler, and a handler has one name. */
static void test_names_are_true(void **state)
{
	(void)state;
	for (unsigned a = 0; a < SIT_MAX * HAP_MAX; a++)
		for (unsigned b = 0; b < a; b++) {
			enum situation sa = a / HAP_MAX, sb = b / HAP_MAX;
			enum happening ha = a % HAP_MAX, hb = b % HAP_MAX;

			assert_int_equal(proto_at(sa, ha) == proto_at(sb, hb),
					 !strcmp(proto_name(sa, ha), proto_name(sb, hb)));
		}
	for (unsigned h = 0; h < HAP_MAX; h++)
		assert_string_not_equal(happening_name(h), "?");
	assert_string_equal(happening_name(HAP_MAX), "?");
	assert_string_equal(happening_name(HAP_REQUEST), "REQUEST");
}

/* What may come in every situation, because it depends on others, or on a guest. */
static void test_what_may_always_happen(void **state)
{
	static const enum happening always[] = {
		HAP_READ, HAP_WRITE, HAP_ZERO, HAP_REQUEST, HAP_FIND, HAP_FOUND, HAP_OFFER,
		HAP_EVICT, HAP_FRAMES,
	};

	(void)state;
	for (unsigned s = 0; s < SIT_MAX; s++)
		for (unsigned i = 0; i < sizeof(always) / sizeof(always[0]); i++) {
			if (rejects(s, always[i]))
				print_error("%s in %s\n", happening_name(always[i]),
					    situation_name(s));
			assert_false(rejects(s, always[i]));
		}
}

/* Without a page of its own a node may have a copy, or one on its way, or have had one. */
static void test_invalidations_where_copies_may_be(void **state)
{
	static const bool owns[SIT_MAX] = {
		[SIT_PRIMARY] = true, [SIT_EXCLUSIVE] = true, [SIT_DORMANT] = true,
		[SIT_COLLECT] = true, [SIT_FRAME] = true, [SIT_ZEROING] = true,
		[SIT_LOWERING] = true, [SIT_LEAVING] = true, [SIT_OFFERED] = true,
		[SIT_PUSHING] = true, [SIT_FOLDING] = true,
	};

	(void)state;
	for (unsigned s = 0; s < SIT_MAX; s++) { /* nobody invalidates an owner, or did so long ago */
		assert_false(rejects(s, HAP_INVALIDATE));
		assert_int_equal(proto_at(s, HAP_INVALIDATE) == on_invalidate_stale, owns[s]);
	}
}

/* The host answers what it was asked, and nothing else. */
static void test_host_is_done_where_it_was_asked(void **state)
{
	static const bool asked[SIT_MAX] = {
		[SIT_ZEROING] = true, [SIT_MAPPING] = true, [SIT_DROPPING] = true,
		[SIT_LOWERING] = true, [SIT_LEAVING] = true, [SIT_PUSHING] = true,
		[SIT_FOLDING] = true,
	};

	(void)state;
	for (unsigned s = 0; s < SIT_MAX; s++) {
		assert_int_equal(rejects(s, HAP_DONE), !asked[s]);
		/* and is asked again when it failed; zeroing begins anew with another frame */
		if (asked[s] && s != SIT_ZEROING)
			assert_false(rejects(s, HAP_TIMER));
	}
}

/* Answers reach those who asked; while a copy is dropped they wait. */
static void test_answers_where_a_request_is_out(void **state)
{
	static const enum happening answers[] = { HAP_OWN, HAP_REFUSE, HAP_INVALIDATED };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		assert_false(rejects(SIT_ASK, answers[i]));
		assert_false(rejects(SIT_UPGRADE, answers[i]));
		assert_ptr_equal(proto_at(SIT_DROPPING, answers[i]), on_later);
	}
	assert_true(rejects(SIT_INVALID, HAP_OWN));
	/* when nobody waits for them any more: see late.c */
	for (unsigned s = 0; s < SIT_MAX; s++)
		assert_false(rejects(s, HAP_COPY) || rejects(s, HAP_REFUSE));
	assert_ptr_equal(proto_at(SIT_INVALID, HAP_COPY), on_copy_late);
	assert_ptr_equal(proto_at(SIT_EXCLUSIVE, HAP_REFUSE), on_refuse_late);
	assert_true(rejects(SIT_EXCLUSIVE, HAP_OWN)); /* nobody gives an owner what it has */
	assert_false(rejects(SIT_ASK, HAP_COPY));
	assert_false(rejects(SIT_ASK, HAP_EXTENT));
	assert_false(rejects(SIT_COLLECT, HAP_INVALIDATED));
	assert_false(rejects(SIT_OFFERED, HAP_ANSWER));
	assert_false(rejects(SIT_EXPECTED, HAP_GIVE));
	assert_false(rejects(SIT_BACKOFF, HAP_TIMER));
	assert_false(rejects(SIT_HELD, HAP_TIMER));
}

/* A transit's state decides, and without one the page's; the numbers of both agree. */
static void test_situation(void **state)
{
	struct page page = { .state = TIDAL_PAGE_PRIMARY };
	struct transit t = { .state = SIT_COLLECT };

	(void)state;
	assert_int_equal(proto_situation(NULL, &page), SIT_PRIMARY);
	assert_int_equal(proto_situation(&t, &page), SIT_COLLECT);
	assert_int_equal(SIT_INVALID, TIDAL_PAGE_INVALID);
	assert_int_equal(SIT_SECONDARY, TIDAL_PAGE_SECONDARY);
	assert_int_equal(SIT_EXCLUSIVE, TIDAL_PAGE_EXCLUSIVE);
	assert_int_equal(SIT_DORMANT, TIDAL_PAGE_DORMANT);
}

/* ---- the manual ---- */

#define BEGIN "<!-- table:begin -->\n"
#define END "<!-- table:end -->"

static char *read_manual(void)
{
	const char *folder = getenv("top_srcdir");
	char path[4096], *text;
	size_t len;
	FILE *f;

	snprintf(path, sizeof(path), "%s/docs/protocol.md", folder ? folder : ".");
	f = fopen(path, "r");
	if (!f)
		return NULL;
	text = calloc(1, 1 << 20);
	assert_non_null(text);
	len = fread(text, 1, (1 << 20) - 1, f);
	assert_in_range(len, 1, (1 << 20) - 2); /* it fits */
	fclose(f);
	return text;
}

static void test_manual_has_this_table(void **state)
{
	char *manual = read_manual(), *begin, *end, *table = NULL;
	size_t len = 0;
	FILE *f;

	(void)state;
	if (!manual)
		skip();
	begin = strstr(manual, BEGIN);
	end = strstr(manual, END);
	assert_non_null(begin);
	assert_non_null(end);
	*end = 0;
	f = open_memstream(&table, &len);
	assert_non_null(f);
	table_text(f);
	fclose(f);
	assert_string_equal(begin + strlen(BEGIN), table); /* tests/explore/print-table prints it */
	free(table);
	free(manual);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_cell_is_decided),
		cmocka_unit_test(test_names_are_true),
		cmocka_unit_test(test_what_may_always_happen),
		cmocka_unit_test(test_invalidations_where_copies_may_be),
		cmocka_unit_test(test_host_is_done_where_it_was_asked),
		cmocka_unit_test(test_answers_where_a_request_is_out),
		cmocka_unit_test(test_situation),
		cmocka_unit_test(test_manual_has_this_table),
	};

	return cmocka_run_group_tests_name("proto", tests, NULL, NULL);
}
