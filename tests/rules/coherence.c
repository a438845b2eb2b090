/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules 5 to 10 of docs/protocol.md: coherence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "story.h"

#define G 7 /* the page that these stories are about */

/*
 * A copy that was invalidated before it came is discarded and asked for again. Broken in
 * on_copy(): no look at t->stale.
 */
static void rule_05_invalidation_overtakes_copy(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, &(struct world_config){ 0 });
	story_do(&s, 1, TIDAL_WRITE, G);
	story_wire(&s, MSG_COPY, 1, 2, WORLD_HOLD);
	story_tell(&s, 2, TIDAL_READ, G);
	story_pass(&s, 50 * US);
	story_do(&s, 0, TIDAL_WRITE, G); /* node 2 has acknowledged, its copy is still to come */
	assert_int_equal(story_seen(&s, MSG_INVALIDATED, 2, 0), 1);
	assert_true(story_mend(&s) >= 1);
	assert_true(story_finish(&s, 2, 1 * MS)); /* and has read the latest */
	assert_int_equal(story_stats(&s, 2).requests, 2);
	assert_int_equal(story_stats(&s, 2).copies_in, 1);
	story_close(&s);
}

/* Node 1 owns the page, nodes 0 and 2 have copies; vCPU 3 is to write. */
static void share(struct story *s)
{
	story_open(s, &(struct world_config){ .nodes = 4 });
	story_do(s, 1, TIDAL_WRITE, G);
	story_do(s, 0, TIDAL_READ, G);
	story_do(s, 2, TIDAL_READ, G);
}

/*
 * Acknowledgements that come before the grant count. Broken in on_own(): acks not less the early
 * ones.
 */
static void rule_06_acknowledgements_precede_grant(void **state)
{
	struct story s;

	(void)state;
	share(&s);
	story_wire(&s, MSG_OWN, 1, 3, WORLD_HOLD);
	story_tell(&s, 3, TIDAL_WRITE, G);
	story_pass(&s, 100 * US);
	assert_int_equal(story_seen(&s, MSG_INVALIDATED, ANY, 3), 2);
	story_mend(&s);
	assert_true(story_finish(&s, 3, 1 * MS));
	story_close(&s);
}

/*
 * The new owner neither writes nor serves anybody until the last acknowledgement is there.
 * Broken in on_own(): goes on although acks are due.
 */
static void rule_06_new_owner_waits_for_all(void **state)
{
	struct story s;

	(void)state;
	share(&s);
	story_wire(&s, MSG_INVALIDATED, 2, 3, WORLD_HOLD);
	story_tell(&s, 3, TIDAL_WRITE, G);
	story_pass(&s, 50 * US);
	story_tell(&s, 0, TIDAL_READ, G);
	story_tell(&s, 1, TIDAL_WRITE, G);
	story_pass(&s, 1 * MS);
	assert_true(story_page(&s, 3, G).state >= TIDAL_PAGE_PRIMARY);
	assert_int_equal(world_mapping(s.w, 3, G), 0);
	assert_int_equal(story_seen(&s, MSG_COPY, 3, ANY), 0);
	assert_int_equal(story_seen(&s, MSG_OWN, 3, ANY), 0);
	story_mend(&s);
	for (tidal_vcpuid v = 0; v < 4; v++)
		assert_true(story_finish(&s, v, 1 * MS));
	story_close(&s);
}

/*
 * Sharers that have dropped their copies acknowledge too. Broken in on_invalidate_absent():
 * silence.
 */
static void rule_06_nodes_without_copy_acknowledge(void **state)
{
	struct story s;

	(void)state;
	share(&s);
	for (unsigned n = 0; n <= 2; n += 2) {
		story_command(&s, n, (struct tidal_ev_command){ .command = TIDAL_CMD_EVICT,
								.gfn = G });
		story_pass(&s, 10 * US);
		assert_int_equal(story_page(&s, n, G).state, TIDAL_PAGE_INVALID);
	}
	story_do(&s, 3, TIDAL_WRITE, G);
	assert_int_equal(story_seen(&s, MSG_INVALIDATED, ANY, 3), 2);
	story_close(&s);
}

static void part(struct story *s, unsigned node, bool cut)
{
	for (unsigned n = 0; n < s->config.nodes; n++) {
		world_cut(s->w, n, node, cut);
		world_cut(s->w, node, n, cut);
	}
}

static void tell_down(struct story *s, unsigned node)
{
	struct tidal_event ev = { .kind = TIDAL_EV_PEER_DOWN };

	ev.u.peer.node = (tidal_nodeid)node;
	for (unsigned n = 0; n < s->config.nodes; n++)
		if (n != node)
			assert_int_equal(world_push(s->w, n, &ev), 0);
}

/* A sharer dies before it has acknowledged. Broken in on_peer(): no proto_lost(). */
static void rule_06_dead_peer_leaves_the_set(void **state)
{
	struct story s;

	(void)state;
	share(&s);
	part(&s, 2, true);
	story_tell(&s, 3, TIDAL_WRITE, G);
	story_pass(&s, 5 * MS);
	assert_false(story_done(&s, 3)); /* it might still read its copy */
	world_restart(s.w, 2);		 /* now it doesn't */
	tell_down(&s, 2);
	assert_true(story_finish(&s, 3, 1 * MS));
	story_do(&s, 0, TIDAL_READ, G);
	story_close(&s);
}

/* A sharer is known to be dead when the write begins. Broken in on_own(): no proto_living(). */
static void rule_06_dead_peer_is_not_in_the_set(void **state)
{
	struct story s;

	(void)state;
	share(&s);
	part(&s, 2, true);
	world_restart(s.w, 2);
	tell_down(&s, 2);
	story_tell(&s, 3, TIDAL_WRITE, G);
	assert_true(story_finish(&s, 3, 1 * MS));
	story_tell(&s, 0, TIDAL_WRITE, G);
	assert_true(story_finish(&s, 0, 1 * MS));
	story_close(&s);
}

/*
 * Nobody says that it died, but its next incarnation is heard of: that one has no copy, and says
 * so. Broken in core_settled(): lost invalidations forgotten.
 */
static void rule_06_restarted_peer_leaves_the_set(void **state)
{
	struct story s;

	(void)state;
	share(&s);
	story_wire(&s, MSG_INVALIDATE, 1, 2, WORLD_LOSE);
	story_tell(&s, 3, TIDAL_WRITE, G);
	story_pass(&s, 1 * MS);
	assert_false(story_done(&s, 3));
	world_restart(s.w, 2);
	story_mend(&s); /* node 1 repeats it, and hears who lives there now */
	assert_true(story_finish(&s, 3, 50 * MS));
	story_close(&s);
}

/*
 * Two sharers upgrade at once: one gets permission only, the other, whose copy is gone by
 * then, the page with its bytes. Broken in depart(): permission only for whoever had a copy.
 */
static void rule_07_two_upgrades(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, &(struct world_config){ .nodes = 4 });
	story_do(&s, 1, TIDAL_WRITE, G);
	story_do(&s, 2, TIDAL_READ, G);
	story_do(&s, 3, TIDAL_READ, G);
	story_wire(&s, MSG_REQUEST, ANY, ANY, WORLD_HOLD);
	story_tell(&s, 2, TIDAL_WRITE, G);
	story_tell(&s, 3, TIDAL_WRITE, G);
	story_pass(&s, 20 * US);
	assert_int_equal(story_mend(&s), 2);
	story_wire(&s, MSG_REQUEST, 1, 2, WORLD_HOLD); /* the second of them, passed on */
	assert_true(story_finish(&s, 2, 1 * MS));
	assert_int_equal(s.last[MSG_OWN].u.own.flags & WIRE_NO_DATA, WIRE_NO_DATA);
	story_mend(&s);
	assert_true(story_finish(&s, 3, 1 * MS));
	assert_int_equal(s.last[MSG_OWN].u.own.flags & WIRE_NO_DATA, 0);
	assert_int_equal(s.payload[MSG_OWN], TIDAL_PAYLOAD_PAGE);
	assert_int_equal(story_seen(&s, MSG_OWN, ANY, ANY), 2);
	story_close(&s);
}

/* Nodes 1 and 2 have mapped a dormant page of node 0 as the page of zeroes. */
static void share_zeroes(struct story *s)
{
	story_open(s, &(struct world_config){ 0 });
	story_do(s, 0, TIDAL_WRITE, 1); /* else the whole range would move as an extent */
	story_do(s, 1, TIDAL_READ, G);
	story_do(s, 2, TIDAL_READ, G);
	assert_int_equal(story_page(s, 0, G).state, TIDAL_PAGE_DORMANT);
	assert_int_equal(world_mapping(s->w, 1, G), TIDAL_PROT_R);
	assert_int_equal(world_mapping(s->w, 2, G), TIDAL_PROT_R);
}

/*
 * The owner of a dormant page writes: zero mappings elsewhere go first. Broken in want_frame():
 * no revoking.
 */
static void rule_08_owner_writes_dormant_page(void **state)
{
	struct story s;

	(void)state;
	share_zeroes(&s);
	story_wire(&s, MSG_INVALIDATED, 2, 0, WORLD_HOLD);
	story_tell(&s, 0, TIDAL_WRITE, G);
	story_pass(&s, 100 * US);
	assert_int_equal(story_seen(&s, MSG_INVALIDATED, ANY, 0), 2);
	assert_int_equal(world_mapping(s.w, 0, G), 0);
	assert_int_equal(world_mapping(s.w, 1, G), 0);
	story_mend(&s);
	assert_true(story_finish(&s, 0, 1 * MS));
	assert_int_equal(world_mapping(s.w, 0, G), TIDAL_PROT_RW);
	story_do(&s, 1, TIDAL_READ, G);
	story_close(&s);
}

/*
 * A node that has mapped zeroes writes: it becomes the owner, and the others' mappings go first.
 * Broken in depart(): the grant doesn't name the copies.
 */
static void rule_08_sharer_writes_dormant_page(void **state)
{
	struct story s;

	(void)state;
	share_zeroes(&s);
	story_wire(&s, MSG_INVALIDATED, 2, 1, WORLD_HOLD);
	story_tell(&s, 1, TIDAL_WRITE, G);
	story_pass(&s, 100 * US);
	assert_int_equal(story_page(&s, 1, G).state, TIDAL_PAGE_DORMANT); /* it has come */
	assert_int_equal(world_mapping(s.w, 1, G), TIDAL_PROT_R);
	story_mend(&s);
	assert_true(story_finish(&s, 1, 1 * MS));
	assert_int_equal(s.last[MSG_OWN].u.own.flags & (WIRE_NO_DATA | WIRE_IS_ZERO), WIRE_IS_ZERO);
	assert_int_equal(story_page(&s, 1, G).state, TIDAL_PAGE_EXCLUSIVE);
	assert_int_equal(world_mapping(s.w, 2, G), 0);
	assert_int_equal(story_page(&s, 0, G).state, TIDAL_PAGE_INVALID);
	story_close(&s);
}

/* Node 1's page is all zeroes when vCPU 2 asks for it; but node 1's host takes its time. */
static void ask_for_zeroes(struct story *s, uint8_t access)
{
	story_open(s, &(struct world_config){ 0 });
	story_do(s, 1, TIDAL_WRITE, G);
	story_do(s, 1, TIDAL_ZERO, G); /* it is mapped: an ordinary write */
	world_stop_host(s->w, 1, true);
	story_tell(s, 2, access, G);
	story_pass(s, 100 * US);
}

/*
 * A page is tested when nobody can write any more: what is written until then travels.
 * Broken in on_leave_done() and on_lower_done(): done->zero taken for 1.
 */
static void rule_09_written_while_unmapped(void **state)
{
	struct story s;

	(void)state;
	ask_for_zeroes(&s, TIDAL_WRITE);
	story_do(&s, 1, TIDAL_WRITE, G);
	world_stop_host(s.w, 1, false);
	assert_true(story_finish(&s, 2, 1 * MS));
	assert_int_equal(s.payload[MSG_OWN], TIDAL_PAYLOAD_PAGE);
	story_close(&s);
}

static void rule_09_written_while_protected(void **state)
{
	struct story s;

	(void)state;
	ask_for_zeroes(&s, TIDAL_READ);
	story_do(&s, 1, TIDAL_WRITE, G);
	world_stop_host(s.w, 1, false);
	assert_true(story_finish(&s, 2, 1 * MS));
	assert_int_equal(s.payload[MSG_COPY], TIDAL_PAYLOAD_PAGE);
	assert_int_equal(story_page(&s, 1, G).state, TIDAL_PAGE_PRIMARY);
	story_close(&s);
}

/*
 * And a page that really is all zeroes travels as a flag. Broken: proto_unmap() doesn't ask for
 * the test.
 */
static void rule_09_zeroes_travel_as_a_flag(void **state)
{
	struct story s;

	(void)state;
	ask_for_zeroes(&s, TIDAL_WRITE);
	world_stop_host(s.w, 1, false);
	assert_true(story_finish(&s, 2, 1 * MS));
	assert_int_equal(s.payload[MSG_OWN], TIDAL_PAYLOAD_NONE);
	assert_int_equal(s.last[MSG_OWN].u.own.flags & WIRE_IS_ZERO, WIRE_IS_ZERO);
	assert_int_equal(story_stats(&s, 1).redormant, 1);
	story_close(&s);
}

static void pin(struct story *s, unsigned node, tidal_gfn gfn)
{
	unsigned before = world_completed(s->w, node);

	story_command(s, node, (struct tidal_ev_command){ .command = TIDAL_CMD_PIN, .gfn = gfn });
	story_pass(s, 1 * MS);
	assert_int_equal(world_completed(s->w, node), before + 1);
	assert_int_equal(story_page(s, node, gfn).state, TIDAL_PAGE_EXCLUSIVE);
}

static void unpin(struct story *s, unsigned node, tidal_gfn gfn)
{
	story_command(s, node, (struct tidal_ev_command){ .command = TIDAL_CMD_UNPIN, .gfn = gfn });
}

/*
 * A pinned page stays: the vCPU comes, under any policy. Broken in proto_serve(): no look at
 * pins.
 */
static void rule_10_pin_attracts_vcpu(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, &(struct world_config){ 0 });
	pin(&s, 1, G);
	story_do(&s, 2, TIDAL_WRITE, G);
	assert_int_equal(world_where(s.w, 2), 1);
	assert_int_equal(story_page(&s, 1, G).state, TIDAL_PAGE_EXCLUSIVE);
	story_close(&s);
}

/*
 * Whoever can't move waits for the pin to go; the page's owner and copies stay as they were.
 * Broken in serve_pinned(): refuses instead of queueing.
 */
static void rule_10_immovable_waits(void **state)
{
	struct tidal_page_info before, after;
	struct story s;

	(void)state;
	story_open(&s, &(struct world_config){ 0 });
	pin(&s, 1, G);
	before = story_page(&s, 1, G);
	story_touch(&s, 2, TIDAL_WRITE, G);
	story_touch(&s, 0, TIDAL_READ, G);
	story_pass(&s, 10 * MS);
	after = story_page(&s, 1, G);
	assert_int_equal(world_completed(s.w, 2) + world_completed(s.w, 0), 0);
	assert_int_equal(story_seen(&s, MSG_REFUSE, 1, ANY), 0);
	assert_int_equal(after.state, before.state);
	assert_int_equal(after.epoch, before.epoch);
	assert_memory_equal(&after.copies, &before.copies, sizeof(after.copies));
	story_do(&s, 1, TIDAL_WRITE, G);
	unpin(&s, 1, G);
	story_pass(&s, 5 * MS);
	assert_int_equal(world_completed(s.w, 2), 1);
	assert_int_equal(world_completed(s.w, 0), 1);
	story_close(&s);
}

/*
 * An instruction needs two pages that are pinned on two nodes: reported, and it goes on when
 * one of the pins goes. Broken in on_refuse(): no report.
 */
static void rule_10_two_pins_conflict(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, &(struct world_config){ 0 });
	pin(&s, 1, G);
	pin(&s, 2, G + 1);
	story_tell_crossing(&s, 0, TIDAL_WRITE, G);
	story_pass(&s, 10 * MS);
	assert_false(story_done(&s, 0));
	assert_true(world_reports(s.w, TIDAL_REPORT_PIN_CONFLICT) >= 1);
	unpin(&s, 2, G + 1);
	assert_true(story_finish(&s, 0, 20 * MS));
	story_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_05_invalidation_overtakes_copy),
		cmocka_unit_test(rule_06_acknowledgements_precede_grant),
		cmocka_unit_test(rule_06_new_owner_waits_for_all),
		cmocka_unit_test(rule_06_nodes_without_copy_acknowledge),
		cmocka_unit_test(rule_06_dead_peer_leaves_the_set),
		cmocka_unit_test(rule_06_dead_peer_is_not_in_the_set),
		cmocka_unit_test(rule_06_restarted_peer_leaves_the_set),
		cmocka_unit_test(rule_07_two_upgrades),
		cmocka_unit_test(rule_08_owner_writes_dormant_page),
		cmocka_unit_test(rule_08_sharer_writes_dormant_page),
		cmocka_unit_test(rule_09_written_while_unmapped),
		cmocka_unit_test(rule_09_written_while_protected),
		cmocka_unit_test(rule_09_zeroes_travel_as_a_flag),
		cmocka_unit_test(rule_10_pin_attracts_vcpu),
		cmocka_unit_test(rule_10_immovable_waits),
		cmocka_unit_test(rule_10_two_pins_conflict),
	};

	return cmocka_run_group_tests_name("rules: coherence", tests, NULL, NULL);
}
