/* SPDX-License-Identifier: BSD-3-Clause */
/* Cases that no rule names, found by review: each was a hang or a broken promise once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/transits.h"
#include "story.h"

/*
 * A copy is invalidated while its node backs off from upgrading it, and the timer rings before
 * the host has unmapped it. Broken in proto_drop() or on_drop_done(): the timer left as it is.
 */
static void found_timer_while_copy_is_dropped(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, &(struct world_config){ .nodes = 4 });
	story_do(&s, 1, TIDAL_WRITE, 7);
	story_do(&s, 2, TIDAL_READ, 7);
	story_pass(&s, 5 * MS);
	story_wire(&s, MSG_INVALIDATE, 1, 2, WORLD_HOLD);
	story_wire(&s, MSG_OWN, 1, 3, WORLD_HOLD);
	story_tell(&s, 3, TIDAL_WRITE, 7);
	story_pass(&s, 100 * US);
	story_tell(&s, 2, TIDAL_WRITE, 7); /* waits at node 3 until that loses patience */
	for (unsigned i = 0; i < 40000 && story_page(&s, 2, 7).transient != SIT_BACKOFF; i++)
		story_pass(&s, 1 * US);
	assert_int_equal(story_page(&s, 2, 7).transient, SIT_BACKOFF);
	world_stop_host(s.w, 2, true);
	story_mend(&s);
	story_pass(&s, 100 * US);
	assert_int_equal(story_page(&s, 2, 7).transient, SIT_DROPPING);
	world_stop_host(s.w, 2, false);
	assert_true(story_finish(&s, 2, 100 * MS));
	assert_true(story_finish(&s, 3, 100 * MS));
	story_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(found_timer_while_copy_is_dropped),
	};

	return cmocka_run_group_tests_name("found", tests, NULL, NULL);
}
