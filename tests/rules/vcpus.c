/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules 18 to 21 of docs/protocol.md: vCPUs, devices and time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "story.h"

#define G 7 /* the page that these stories are about */

static uint32_t vcpu_state(const struct story *s, unsigned node, tidal_vcpuid v)
{
	struct tidal_vcpu_info info;

	assert_int_equal(tidal_core_vcpu(world_core(s->w, node), v, &info), 0);
	return info.state;
}

static void move(struct story *s, tidal_vcpuid v, unsigned from, unsigned to)
{
	story_command(s, from, (struct tidal_ev_command){ .command = TIDAL_CMD_MOVE_VCPU,
							  .vcpu = v,
							  .node = (tidal_nodeid)to });
}

/*
 * The acknowledgement of a moved vCPU doesn't come. It runs once, at its destination; the source
 * keeps its copy frozen, and repeats the message in vain. Broken in move_on_saved(): READY
 * instead of FROZEN.
 */
static void rule_18_acknowledgement_lost(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, &(struct world_config){ 0 });
	story_do(&s, 1, TIDAL_WRITE, G);
	story_wire(&s, MSG_VCPU, 2, 1, WORLD_HOLD);
	move(&s, 2, 2, 1);
	story_pass(&s, 50 * US);
	world_cut(s.w, 1, 2, true);
	story_mend(&s);
	story_pass(&s, 5 * MS);
	assert_true(story_seen(&s, MSG_VCPU, 2, 1) > 2);
	assert_int_equal(vcpu_state(&s, 2, 2), TIDAL_VCPU_FROZEN);
	assert_int_equal(world_where(s.w, 2), 1);
	assert_int_equal(story_stats(&s, 1).vcpus_in, 1);
	story_do(&s, 2, TIDAL_WRITE, G);
	world_cut(s.w, 1, 2, false);
	story_pass(&s, 20 * MS);
	assert_int_equal(vcpu_state(&s, 2, 2), TIDAL_VCPU_AWAY);
	assert_int_equal(story_stats(&s, 1).vcpus_in, 1);
	story_do(&s, 2, TIDAL_WRITE, G);
	story_close(&s);
}

/* The destination is started anew before it has acknowledged: the vCPU is lost, which is
 * reported; the frozen copy doesn't run. Broken in move_on_settled(): lost or not, it is AWAY. */
static void rule_18_destination_dies(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, &(struct world_config){ 0 });
	story_wire(&s, MSG_VCPU, 2, 1, WORLD_LOSE);
	move(&s, 2, 2, 1);
	story_pass(&s, 1 * MS);
	world_restart(s.w, 1);
	story_mend(&s);
	story_tell(&s, 2, TIDAL_READ, G);
	story_pass(&s, 50 * MS);
	assert_int_equal(world_reports(s.w, TIDAL_REPORT_VCPU_LOST), 1);
	assert_int_equal(vcpu_state(&s, 2, 2), TIDAL_VCPU_LOST);
	assert_false(story_done(&s, 2));
	story_close(&s);
}

static void few_slots(struct tidal_params *p, void *arg)
{
	(void)arg;
	p->vcpu_slots = 1;
}

/*
 * A node without a free slot refuses, and the vCPU hasn't even been saved. Broken in
 * move_on_ask(): always yes.
 */
static void rule_18_slot_reserved_first(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, &(struct world_config){ .tune = few_slots });
	move(&s, 2, 2, 1);
	story_do(&s, 2, TIDAL_WRITE, G);
	story_pass(&s, 1 * MS);
	assert_int_equal(world_where(s.w, 2), 2);
	assert_int_equal(story_total(&s).vcpus_out, 0);
	assert_int_equal(s.last[MSG_MOVE_ANSWER].u.move_answer.yes, 0);
	story_close(&s);
}

/* vCPU 1 stalls on a page of node 2, and is moved to node 0 before the answer comes. */
static void leave_while_stalled(struct story *s, uint8_t access, uint8_t answer)
{
	story_open(s, &(struct world_config){ 0 });
	story_do(s, 2, TIDAL_WRITE, G);
	story_wire(s, answer, 2, 1, WORLD_HOLD);
	story_tell(s, 1, access, G);
	story_pass(s, 50 * US);
	story_wire(s, MSG_REQUEST, 0, ANY, WORLD_HOLD);
	move(s, 1, 1, 0);
	story_pass(s, 50 * US);
	assert_int_equal(world_where(s->w, 1), 0);
}

/* A copy comes to the node that the vCPU has left: it is installed all the same. Broken in
 * on_copy(): taken only while somebody waits. */
static void rule_19_copy_for_a_vcpu_that_left(void **state)
{
	struct story s;

	(void)state;
	leave_while_stalled(&s, TIDAL_READ, MSG_COPY);
	s.wires = 0;
	story_wire(&s, MSG_REQUEST, 0, ANY, WORLD_HOLD);
	world_release(s.w);
	story_pass(&s, 50 * US);
	assert_int_equal(story_page(&s, 1, G).state, TIDAL_PAGE_SECONDARY);
	assert_int_equal(story_page(&s, 1, G).transient, 0);
	story_mend(&s);
	assert_true(story_finish(&s, 1, 5 * MS));
	story_close(&s);
}

/*
 * The same with the page itself: the node owns it, and passes it on to where the vCPU is. Broken in
 * on_own(): taken only while somebody waits.
 */
static void rule_19_page_for_a_vcpu_that_left(void **state)
{
	struct story s;

	(void)state;
	leave_while_stalled(&s, TIDAL_WRITE, MSG_OWN);
	story_mend(&s);
	assert_true(story_finish(&s, 1, 5 * MS));
	assert_int_equal(story_seen(&s, MSG_OWN, 2, 1) >= 1, 1);
	assert_int_equal(story_page(&s, 0, G).state, TIDAL_PAGE_EXCLUSIVE);
	story_close(&s);
}

/*
 * A device access is carried out once, however often its messages come or are lost. Broken in
 * link_peek(): duplicates not told from news.
 */
static void rule_20_device_access_once(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, &(struct world_config){ 0 });
	story_wire(&s, MSG_IO_ASK, 1, 0, WORLD_TWICE);
	story_wire(&s, MSG_IO_ANSWER, 0, 1, WORLD_LOSE);
	story_tell(&s, 1, TIDAL_IO, 0);
	story_pass(&s, 2 * MS);
	assert_int_equal(world_device_accesses(s.w), 1);
	assert_false(story_done(&s, 1));
	story_mend(&s);
	assert_true(story_finish(&s, 1, 50 * MS));
	assert_int_equal(world_device_accesses(s.w), 1);
	story_do(&s, 1, TIDAL_IO, 0);
	assert_int_equal(world_device_accesses(s.w), 2);
	story_close(&s);
}

/*
 * A vCPU isn't saved while its access is under way; its result goes with it. Broken in is_still():
 * TIDAL_IO too.
 */
static void rule_20_no_snapshot_during_access(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, &(struct world_config){ 0 });
	story_wire(&s, MSG_IO_ANSWER, 0, 1, WORLD_HOLD);
	story_tell(&s, 1, TIDAL_IO, 0);
	story_pass(&s, 50 * US);
	move(&s, 1, 1, 2);
	story_pass(&s, 5 * MS);
	assert_int_equal(vcpu_state(&s, 1, 1), TIDAL_VCPU_STALLED);
	assert_int_equal(story_seen(&s, MSG_VCPU, 1, ANY), 0);
	story_mend(&s);
	assert_true(story_finish(&s, 1, 5 * MS));
	assert_int_equal(world_where(s.w, 1), 2);
	assert_int_equal(world_device_accesses(s.w), 1);
	story_close(&s);
}

/*
 * The clock of node 2 is 5 ms slow. What it hears of the others brings it forward, so a vCPU that
 * moves there sees time go on (the world checks that). Broken in core_message(): in.time ignored.
 */
static void rule_21_time(void **state)
{
	struct story s;
	tidal_time then;

	(void)state;
	story_open(&s, &(struct world_config){ 0 });
	story_pass(&s, 50 * MS);
	world_lag(s.w, 2, 5 * MS);
	story_do(&s, 1, TIDAL_WRITE, G);
	then = tidal_core_time(world_core(s.w, 1));
	assert_true(tidal_core_time(world_core(s.w, 2)) < then);
	story_do(&s, 2, TIDAL_READ, G);
	assert_true(tidal_core_time(world_core(s.w, 2)) >= then);
	story_pass(&s, 20 * MS);
	story_do(&s, 1, TIDAL_READ, G);
	then = tidal_core_time(world_core(s.w, 1));
	assert_true(tidal_core_time(world_core(s.w, 2)) < then);
	move(&s, 1, 1, 2);
	story_pass(&s, 100 * US);
	story_do(&s, 1, TIDAL_READ, G);
	assert_int_equal(world_where(s.w, 1), 2);
	assert_true(tidal_core_time(world_core(s.w, 2)) >= then);
	story_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rule_18_acknowledgement_lost),
		cmocka_unit_test(rule_18_destination_dies),
		cmocka_unit_test(rule_18_slot_reserved_first),
		cmocka_unit_test(rule_19_copy_for_a_vcpu_that_left),
		cmocka_unit_test(rule_19_page_for_a_vcpu_that_left),
		cmocka_unit_test(rule_20_device_access_once),
		cmocka_unit_test(rule_20_no_snapshot_during_access),
		cmocka_unit_test(rule_21_time),
	};

	return cmocka_run_group_tests_name("rules: vCPUs", tests, NULL, NULL);
}
