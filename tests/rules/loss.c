/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules 1 to 4 of docs/protocol.md: messages and loss. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "story.h"

#define G 7 /* the page that these stories are about */

/* Node 1 owns G with contents; a write of vCPU 2 takes it, and the grant doesn't arrive. */
static tidal_frame lose_grant(struct story *s)
{
	tidal_frame frame;

	story_do(s, 1, TIDAL_WRITE, G);
	frame = story_page(s, 1, G).frame;
	story_wire(s, MSG_OWN, 1, 2, WORLD_LOSE);
	story_tell(s, 2, TIDAL_WRITE, G);
	story_pass(s, 1 * MS);
	assert_true(story_seen(s, MSG_OWN, 1, 2) > 1); /* the link repeats it */
	assert_false(story_done(s, 2));
	assert_int_equal(story_page(s, 1, G).state, TIDAL_PAGE_INVALID);
	return frame;
}

/*
 * The frame of a grant isn't reused before the grant is acknowledged, however much frames are
 * wanted. Broken in depart(): the frame freed at once.
 */
static void rule_01_grant_lost_after_frame_reuse(void **state)
{
	struct story s;
	tidal_frame frame;

	(void)state;
	story_open(&s, &(struct world_config){ .frames = 32 });
	frame = lose_grant(&s);
	for (tidal_gfn gfn = 100; gfn < 150; gfn++) {
		story_do(&s, 1, TIDAL_WRITE, gfn);
		assert_int_equal(world_frame_value(s.w, 1, frame), world_value(s.w, G));
	}
	story_mend(&s);
	assert_true(story_finish(&s, 2, 100 * MS)); /* on top of what node 1 wrote */
	assert_int_equal(story_page(&s, 2, G).state, TIDAL_PAGE_EXCLUSIVE);
	assert_int_equal(world_reports(s.w, TIDAL_REPORT_PAGE_LOST), 0);
	story_close(&s);
}

/*
 * The receiver is started anew before it has acknowledged: the page is lost, that is
 * reported, and nobody gets the bytes that still lie on node 1. Broken in settle_page(): no report.
 */
static void rule_01_grant_lost_with_its_receiver(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, &(struct world_config){ 0 });
	lose_grant(&s);
	world_restart(s.w, 2);
	story_wire(&s, MSG_OWN, 1, 2, WORLD_PASS);
	story_pass(&s, 20 * MS);
	assert_int_equal(world_reports(s.w, TIDAL_REPORT_PAGE_LOST), 1);
	story_tell(&s, 0, TIDAL_READ, G);
	story_tell(&s, 1, TIDAL_READ, G);
	story_pass(&s, 50 * MS);
	assert_false(story_done(&s, 0));
	assert_false(story_done(&s, 1));
	for (unsigned n = 0; n < 3; n++)
		assert_int_equal(world_mapping(s.w, n, G), 0);
	story_close(&s);
}

/*
 * A grant that comes twice doesn't touch the page again: the second payload lands in a frame that
 * no page has. Broken in link_peek(): duplicates not told from news.
 */
static void rule_02_duplicate_payload(void **state)
{
	struct story s;
	tidal_frame frame;

	(void)state;
	story_open(&s, &(struct world_config){ 0 });
	story_do(&s, 1, TIDAL_WRITE, G);
	story_wire(&s, MSG_OWN, 1, 2, WORLD_TWICE);
	story_do(&s, 2, TIDAL_WRITE, G);
	assert_int_equal(s.payload[MSG_OWN], TIDAL_PAYLOAD_PAGE);
	story_do(&s, 2, TIDAL_WRITE, G);
	frame = story_page(&s, 2, G).frame;
	assert_int_equal(story_mend(&s), 1);
	story_pass(&s, 1 * MS);
	assert_true(story_stats(&s, 2).duplicates >= 1);
	assert_int_equal(story_page(&s, 2, G).frame, frame);
	assert_int_equal(world_frame_value(s.w, 2, frame), world_value(s.w, G));
	story_do(&s, 0, TIDAL_READ, G);
	story_close(&s);
}

/* The same when the page has gone on meanwhile: the duplicate doesn't bring it back. */
static void rule_02_duplicate_after_the_page_left(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, &(struct world_config){ 0 });
	story_do(&s, 1, TIDAL_WRITE, G);
	story_wire(&s, MSG_OWN, 1, 2, WORLD_TWICE);
	story_do(&s, 2, TIDAL_WRITE, G);
	story_do(&s, 0, TIDAL_WRITE, G);
	assert_int_equal(story_mend(&s), 1);
	story_tell(&s, 2, TIDAL_READ, G); /* waits for an answer when it comes */
	assert_true(story_finish(&s, 2, 1 * MS));
	assert_true(story_stats(&s, 2).duplicates >= 1);
	assert_int_equal(story_page(&s, 0, G).state, TIDAL_PAGE_PRIMARY);
	assert_int_equal(story_page(&s, 2, G).state, TIDAL_PAGE_SECONDARY);
	story_close(&s);
}

static void few_messages(struct tidal_params *p, void *arg)
{
	(void)arg;
	p->messages = 8u * p->nodes + 96;
	p->landing = 48; /* it is not these that run out */
}

/*
 * Node 1's requests to node 2 aren't acknowledged and take all of the room that requests may have.
 * It still answers others. Broken in has_room(): all messages handled like requests of one's own.
 */
static void rule_03_grants_pass_requests(void **state)
{
	struct world_config c = { .nodes = 3, .vcpus = 30, .tune = few_messages, .frames = 128 };
	struct tidal_event touch = { .kind = TIDAL_EV_STALL };
	struct story s;
	tidal_gfn more = 109;

	(void)state;
	story_open(&s, &c);
	for (tidal_gfn gfn = 100; gfn < 150; gfn++)
		story_do(&s, 2, TIDAL_WRITE, gfn);
	story_do(&s, 1, TIDAL_WRITE, 600);
	world_cut(s.w, 1, 2, true);
	for (unsigned i = 0; i < 9; i++)
		story_tell(&s, (tidal_vcpuid)(4 + 3 * i), TIDAL_WRITE, 100 + i);
	touch.u.stall.vcpu = TIDAL_VCPU_NONE;
	touch.u.stall.access = TIDAL_WRITE;
	for (int err = 0; !err; more++) { /* until there is no room for more */
		assert_true(more < 150);
		touch.u.stall.gpa = more << TIDAL_PAGE_SHIFT;
		err = world_push(s.w, 1, &touch);
	}
	story_pass(&s, 1 * MS);
	assert_in_range(story_do(&s, 0, TIDAL_READ, 600), 0, 20 * US);
	assert_in_range(story_do(&s, 0, TIDAL_WRITE, 600), 0, 20 * US);
	world_cut(s.w, 1, 2, false);
	for (unsigned i = 0; i < 9; i++)
		assert_true(story_finish(&s, (tidal_vcpuid)(4 + 3 * i), 100 * MS));
	story_close(&s);
}

/*
 * However many vCPUs of a node wait for a page, it is asked for once. Broken in on_stall_join():
 * asks.
 */
static void rule_03_one_request_per_page(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, &(struct world_config){ .nodes = 3, .vcpus = 24 });
	story_do(&s, 2, TIDAL_WRITE, G);
	story_wire(&s, MSG_OWN, ANY, ANY, WORLD_HOLD);
	for (tidal_vcpuid v = 1; v < 24; v += 3)
		story_tell(&s, v, TIDAL_WRITE, G);
	story_pass(&s, 100 * US);
	assert_int_equal(story_stats(&s, 1).requests, 1);
	story_mend(&s);
	for (tidal_vcpuid v = 1; v < 24; v += 3)
		assert_true(story_finish(&s, v, 1 * MS));
	assert_int_equal(story_stats(&s, 1).requests, 1);
	story_close(&s);
}

/*
 * While the host of the owner unmaps the page its CPUs may still write to it: no grant is sent
 * before that is over. Broken in leave(): departs at once.
 */
static void rule_04_no_grant_before_host_done(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, &(struct world_config){ 0 });
	story_do(&s, 1, TIDAL_WRITE, G);
	world_stop_host(s.w, 1, true);
	story_tell(&s, 2, TIDAL_WRITE, G);
	story_pass(&s, 1 * MS);
	assert_int_equal(story_seen(&s, MSG_OWN, 1, ANY), 0);
	assert_int_equal(world_mapping(s.w, 1, G), TIDAL_PROT_RW);
	story_do(&s, 1, TIDAL_WRITE, G); /* it can: the old translation is still used */
	world_stop_host(s.w, 1, false);
	assert_true(story_finish(&s, 2, 1 * MS));
	story_close(&s);
}

/*
 * The same for a copy: not before the page is write-protected. Broken in serve_page(): no
 * protecting.
 */
static void rule_04_no_copy_before_host_done(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, &(struct world_config){ 0 });
	story_do(&s, 1, TIDAL_WRITE, G);
	world_stop_host(s.w, 1, true);
	story_tell(&s, 2, TIDAL_READ, G);
	story_pass(&s, 1 * MS);
	assert_int_equal(story_seen(&s, MSG_COPY, 1, ANY), 0);
	story_do(&s, 1, TIDAL_WRITE, G);
	world_stop_host(s.w, 1, false);
	assert_true(story_finish(&s, 2, 1 * MS));
	story_close(&s);
}

/*
 * And for the acknowledgement of an invalidation: while a copy can still be read nobody
 * writes. Broken in on_invalidate_copy(): acknowledges at once.
 */
static void rule_04_no_acknowledgement_before_host_done(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, &(struct world_config){ 0 });
	story_do(&s, 1, TIDAL_WRITE, G);
	story_do(&s, 2, TIDAL_READ, G);
	world_stop_host(s.w, 2, true);
	story_tell(&s, 0, TIDAL_WRITE, G);
	story_pass(&s, 1 * MS);
	assert_int_equal(story_seen(&s, MSG_INVALIDATED, 2, ANY), 0);
	assert_false(story_done(&s, 0));
	story_do(&s, 2, TIDAL_READ, G);
	world_stop_host(s.w, 2, false);
	assert_true(story_finish(&s, 0, 1 * MS));
	story_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_01_grant_lost_after_frame_reuse),
		cmocka_unit_test(rule_01_grant_lost_with_its_receiver),
		cmocka_unit_test(rule_02_duplicate_payload),
		cmocka_unit_test(rule_02_duplicate_after_the_page_left),
		cmocka_unit_test(rule_03_grants_pass_requests),
		cmocka_unit_test(rule_03_one_request_per_page),
		cmocka_unit_test(rule_04_no_grant_before_host_done),
		cmocka_unit_test(rule_04_no_copy_before_host_done),
		cmocka_unit_test(rule_04_no_acknowledgement_before_host_done),
	};

	return cmocka_run_group_tests_name("rules: messages and loss", tests, NULL, NULL);
}
