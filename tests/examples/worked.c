/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The worked examples that this system was first described by, each by its name and with its
 * numbers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../rules/story.h"

#include "core/core_state.h" /* whose home a page is */

static void expect_page(const struct story *s, unsigned node, tidal_gfn gfn, uint32_t state)
{
	struct tidal_page_info page = story_page(s, node, gfn);

	assert_int_equal(page.state, state);
	assert_int_equal(page.transient, 0);
}

static void expect_frames(const struct story *s, unsigned node, uint64_t zeroed, uint64_t dirty)
{
	struct tidal_stats stats = story_stats(s, node);

	assert_int_equal(stats.frames_zeroed, zeroed);
	assert_int_equal(stats.frames_dirty, dirty);
}

/* ---- initialise, convert: 8 pages, 16 frames on each of two nodes ---- */

static void sixteen_frames(struct tidal_params *p, void *arg)
{
	(void)arg;
	p->landing = p->reserve = p->low = 1; /* one frame is with the wire, to receive into */
	p->high = 2;
}

static const struct world_config small = { .nodes = 2, .pages = 8, .frames = 16, .vcpus = 2,
					   .hthreads = 2, .delay_ns = 1000, .spread = true,
					   .tune = sixteen_frames };

/* vCPU 0 writes to page 6, if *arg says so; then it waits. */
static bool write_page_6(struct world *w, tidal_vcpuid v, uint64_t step, struct world_op *op,
			 void *arg)
{
	const bool *writes = arg;

	(void)w;
	op->access = v == 0 && step == 0 && *writes ? TIDAL_WRITE : WORLD_WAIT;
	op->gfn = 6;
	return true;
}

/*
 * Pages 0 to 7 are dormant, node 0's, and mapped to nothing; node 1 owns none. Every frame is to
 * be zeroed, which goes on in the background on both nodes whatever the guest does.
 */
static void initialise(void **state)
{
	struct world_config c = small;
	struct story s = { 0 };
	bool writes = false;

	(void)state;
	c.host_ns = 10 * US; /* zeroing takes its time */
	s.w = world_open(&c, write_page_6, &writes);
	for (tidal_gfn gfn = 0; gfn < 8; gfn++) {
		expect_page(&s, 0, gfn, TIDAL_PAGE_DORMANT);
		assert_int_equal(story_page(&s, 0, gfn).frame, TIDAL_FRAME_NONE);
		assert_int_equal(world_mapping(s.w, 0, gfn), 0);
	}
	expect_frames(&s, 0, 0, 14); /* one with the wire, one being zeroed */
	expect_frames(&s, 1, 0, 14);
	world_settle(s.w, 40 * US);
	for (unsigned n = 0; n < 2; n++)
		assert_in_range(story_stats(&s, n).frames_zeroed, 1, 14);
	world_settle(s.w, 1 * MS);
	expect_frames(&s, 0, 15, 0);
	expect_frames(&s, 1, 15, 0);
	for (tidal_gfn gfn = 0; gfn < 8; gfn++) {
		expect_page(&s, 1, gfn, TIDAL_PAGE_INVALID);
		assert_int_equal(story_page(&s, 1, gfn).owner, 0);
		assert_int_equal(world_mapping(s.w, 1, gfn), 0);
	}
	story_close(&s);
}

/* A vCPU on node 0 writes into dormant page 6: a zeroed frame is mapped, the write lands. */
static void convert(void **state)
{
	struct tidal_page_info page;
	struct story s;

	(void)state;
	story_open(&s, &small);
	expect_page(&s, 0, 6, TIDAL_PAGE_DORMANT);
	expect_frames(&s, 0, 15, 0);
	story_do(&s, 0, TIDAL_WRITE, 6);
	expect_page(&s, 0, 6, TIDAL_PAGE_EXCLUSIVE);
	page = story_page(&s, 0, 6);
	assert_int_not_equal(world_value(s.w, 6), 0);
	assert_int_equal(world_frame_value(s.w, 0, page.frame), world_value(s.w, 6));
	expect_frames(&s, 0, 14, 0);
	assert_int_equal(story_stats(&s, 0).stalls_write, 1);
	assert_int_equal(story_stats(&s, 0).zeroed_late, 0);
	story_close(&s);
}

/* No frame is zeroed yet: one is zeroed on the spot. */
static void convert_zeroes_on_the_spot(void **state)
{
	struct story s = { 0 };
	bool writes = true;

	(void)state;
	s.w = world_open(&small, write_page_6, &writes);
	world_stop_host(s.w, 0, true);
	world_settle(s.w, 10 * US);
	expect_frames(&s, 0, 0, 13);
	assert_int_equal(story_page(&s, 0, 6).transient, SIT_ZEROING);
	world_stop_host(s.w, 0, false);
	world_settle(s.w, 10 * US);
	expect_page(&s, 0, 6, TIDAL_PAGE_EXCLUSIVE);
	assert_int_equal(story_stats(&s, 0).zeroed_late, 1);
	assert_int_equal(world_frame_value(s.w, 0, story_page(&s, 0, 6).frame),
			 world_value(s.w, 6));
	story_close(&s);
}

/* Both lists are empty: a strategy runs. Here another page leaves, to node 1. */
static void convert_on_a_full_node(void **state)
{
	struct world_config c = small;
	struct story s;

	(void)state;
	c.pages = 24;
	story_open(&s, &c);
	for (tidal_gfn gfn = 0; gfn < 24; gfn++)
		story_do(&s, 0, TIDAL_WRITE, gfn);
	assert_true(story_stats(&s, 0).evictions >= 24 - 15);
	expect_page(&s, 0, 23, TIDAL_PAGE_EXCLUSIVE);
	assert_int_equal(world_reports(s.w, TIDAL_REPORT_POD_FULL), 0);
	for (tidal_gfn gfn = 0; gfn < 24; gfn++)
		story_do(&s, 1, TIDAL_READ, gfn); /* nothing is lost */
	story_close(&s);
}

/* ---- zero ---- */

/* Write to the page so that it gets this frame: use up those that are taken before. */
static void write_into_frame(struct story *s, unsigned node, tidal_gfn gfn, tidal_frame frame,
			     tidal_gfn scratch)
{
	tidal_vcpuid v = (tidal_vcpuid)node;

	do
		story_do(s, v, TIDAL_WRITE, scratch);
	while (story_page(s, node, scratch++).frame != frame - 1);
	story_do(s, v, TIDAL_WRITE, gfn);
	assert_int_equal(story_page(s, node, gfn).frame, frame);
}

/* Node 0 has page 27 in frame 196; page 34 is node 1's, in its frame 734. */
static void open_zero(struct story *s)
{
	story_open(s, &(struct world_config){ .nodes = 2, .pages = 4096, .frames = 1024 });
	write_into_frame(s, 0, 27, 196, 1024);
	write_into_frame(s, 1, 34, 734, 2048);
	expect_page(s, 1, 34, TIDAL_PAGE_EXCLUSIVE);
}

/*
 * A vCPU on node 0 zeroes page 27: an ordinary write. It zeroes page 34: the instruction is
 * skipped, the page is node 0's and dormant, node 1 gets its frame back, no contents travel.
 */
static void zero(void **state)
{
	struct tidal_stats before[2], after[2];
	struct story s;

	(void)state;
	open_zero(&s);
	before[0] = story_stats(&s, 0);
	story_do(&s, 0, TIDAL_ZERO, 27);
	assert_int_equal(story_stats(&s, 0).stalls_zero, before[0].stalls_zero);
	assert_int_equal(story_page(&s, 0, 27).frame, 196);
	assert_int_equal(world_frame_value(s.w, 0, 196), 0);

	before[1] = story_stats(&s, 1);
	story_do(&s, 0, TIDAL_ZERO, 34);
	story_pass(&s, 1 * MS);
	for (unsigned n = 0; n < 2; n++)
		after[n] = story_stats(&s, n);
	assert_int_equal(after[0].stalls_zero, before[0].stalls_zero + 1);
	assert_int_equal(after[0].skips, before[0].skips + 1);
	assert_int_equal(after[0].frames_used, before[0].frames_used);
	assert_int_equal(after[1].frames_used, before[1].frames_used - 1);
	assert_int_equal(after[1].zeroed_idle, before[1].zeroed_idle + 1);
	assert_int_equal(world_frame_value(s.w, 1, 734), 0);
	expect_page(&s, 0, 34, TIDAL_PAGE_DORMANT);
	expect_page(&s, 1, 34, TIDAL_PAGE_INVALID);
	assert_int_equal(world_mapping(s.w, 1, 34), 0);
	assert_int_equal(s.payload[MSG_OWN], TIDAL_PAYLOAD_NONE);
	assert_int_equal(world_value(s.w, 34), 0);
	story_do(&s, 1, TIDAL_READ, 34);
	story_close(&s);
}

/* The same instruction on a dormant page: it stays dormant, and no frame is used. */
static void zero_a_dormant_page(void **state)
{
	struct tidal_stats before, after;
	struct story s;

	(void)state;
	story_open(&s, &(struct world_config){ .nodes = 2 });
	expect_page(&s, 0, 40, TIDAL_PAGE_DORMANT);
	before = story_stats(&s, 0);
	story_do(&s, 0, TIDAL_ZERO, 40);
	after = story_stats(&s, 0);
	expect_page(&s, 0, 40, TIDAL_PAGE_DORMANT);
	assert_int_equal(story_page(&s, 0, 40).frame, TIDAL_FRAME_NONE);
	assert_int_equal(after.skips, before.skips + 1);
	assert_int_equal(after.conversions, before.conversions);
	assert_int_equal(after.frames_zeroed, before.frames_zeroed);
	assert_int_equal(after.frames_used, before.frames_used);
	story_close(&s);
}

/* ---- three nodes ---- */

#define THIRD 0x30000u

/* Pages 0 to 8FFFF and vCPUs P00 to P08, a third of both on each node. */
static void thirds(struct tidal_vmap *map, void *arg)
{
	(void)arg;
	map->memory_runs = map->vcpu_runs = 3;
	for (uint16_t n = 0; n < 3; n++) {
		map->memory[n] = (struct tidal_vmap_memory){ n * THIRD, THIRD, n };
		map->vcpu[n] = (struct tidal_vmap_vcpus){ (tidal_vcpuid)(3 * n), 3, n };
	}
}

/* Whoever follows the maps from any node on comes to the page. */
static void expect_maps_lead_to(const struct story *s, tidal_gfn gfn, unsigned owner)
{
	for (unsigned n = 0; n < 3; n++) {
		unsigned at = n, hops = 0;

		while (at != owner && hops++ < 3)
			at = story_page(s, at, gfn).owner;
		assert_int_equal(at, owner);
	}
}

static void expect_vcpu_maps_lead_to(const struct story *s, tidal_vcpuid v, unsigned node)
{
	struct tidal_vcpu_info info;

	for (unsigned n = 0; n < 3; n++) {
		unsigned at = n, hops = 0;

		for (; at != node && hops < 3; hops++) {
			assert_int_equal(tidal_core_vcpu(world_core(s->w, at), v, &info), 0);
			at = info.node;
		}
		assert_int_equal(at, node);
	}
}

static void set_policy(struct story *s, const struct tidal_policy_ops *policy)
{
	for (unsigned n = 0; n < 3; n++)
		story_command(s, n, (struct tidal_ev_command){ .command = TIDAL_CMD_SET_POLICY,
							       .policy = policy });
}

/*
 * P00 on node 0 reads 8FFFF, which is node 2's: the memory comes to node 0. Then P06 on node 2
 * reads 81FFF, which is on node 0 by now: this time the vCPU goes there, and P01 comes in
 * exchange.
 */
static void page_then_vcpu(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, &(struct world_config){ .nodes = 3, .vcpus = 9, .pages = 3 * THIRD,
					       .place = thirds });
	story_do(&s, 0, TIDAL_WRITE, 0x81fff);
	expect_maps_lead_to(&s, 0x8ffff, 2);
	story_do(&s, 0, TIDAL_READ, 0x8ffff);
	assert_int_equal(world_where(s.w, 0), 0);
	expect_page(&s, 0, 0x8ffff, TIDAL_PAGE_DORMANT);
	expect_maps_lead_to(&s, 0x8ffff, 0);

	set_policy(&s, tidal_policy_vcpu());
	assert_int_equal(world_where(s.w, 6), 2);
	story_do(&s, 6, TIDAL_READ, 0x81fff);
	assert_int_equal(world_where(s.w, 6), 0);
	expect_page(&s, 0, 0x81fff, TIDAL_PAGE_EXCLUSIVE);
	expect_maps_lead_to(&s, 0x81fff, 0);
	story_command(&s, 0, (struct tidal_ev_command){ .command = TIDAL_CMD_MOVE_VCPU,
							.vcpu = 1, .node = 2 });
	story_pass(&s, 1 * MS);
	assert_int_equal(world_where(s.w, 1), 2);
	expect_vcpu_maps_lead_to(&s, 0, 0);
	expect_vcpu_maps_lead_to(&s, 6, 0);
	expect_vcpu_maps_lead_to(&s, 1, 2);
	story_close(&s);
}

static void all_on_node_1(struct tidal_vmap *map, void *arg)
{
	(void)arg;
	map->memory[0].node = 1;
}

/* A page of which node 1 is the home, too: nobody but node 1 knows where it goes. */
static tidal_gfn page_with_home_1(const struct story *s)
{
	tidal_gfn gfn = 0;

	while (owners_home(&world_core(s->w, 2)->owners, gfn) != 1)
		gfn += TIDAL_RANGE_PAGES;
	assert_in_range(gfn, 0, s->config.pages - 1);
	return gfn;
}

/* Node 2 asks node 1 for a page that node 1 has given to node 0. */
static void moved_on(void **state)
{
	struct story s;
	tidal_gfn gfn;

	(void)state;
	story_open(&s, &(struct world_config){ .nodes = 3, .place = all_on_node_1,
					       .pages = 16 * TIDAL_RANGE_PAGES });
	gfn = page_with_home_1(&s);
	story_do(&s, 0, TIDAL_WRITE, gfn);
	assert_int_equal(story_page(&s, 2, gfn).owner, 1);
	story_do(&s, 2, TIDAL_READ, gfn);
	assert_int_equal(story_seen(&s, MSG_REQUEST, 2, 1), 1);
	assert_int_equal(story_seen(&s, MSG_REQUEST, 1, 0), 1);
	assert_int_equal(story_seen(&s, MSG_REQUEST, ANY, ANY), 3); /* and node 0's at first */
	assert_int_equal(story_seen(&s, MSG_COPY, 0, 2), 1);
	assert_int_equal(story_stats(&s, 1).forwards, 1);
	assert_int_equal(story_page(&s, 2, gfn).owner, 0);
	story_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(initialise),
		cmocka_unit_test(convert),
		cmocka_unit_test(convert_zeroes_on_the_spot),
		cmocka_unit_test(convert_on_a_full_node),
		cmocka_unit_test(zero),
		cmocka_unit_test(zero_a_dormant_page),
		cmocka_unit_test(page_then_vcpu),
		cmocka_unit_test(moved_on),
	};

	return cmocka_run_group_tests_name("worked examples", tests, NULL, NULL);
}
