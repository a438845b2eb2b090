/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The worked examples by the same names as in worked.c, on pods of whole nodes: the code of a guest
 * on fake hosts does the touching (guest.h). What is looked at is what the cores say, what the
 * hosts have mapped, and what the vCPU's registers hold.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/core_state.h" /* whose home a page is */
#include "guest.h"

#define ONES UINT64_MAX

/* ---- looking ---- */

/* The bytes of a frame: gfn as in frame_data(). NULL: that isn't so. */
static const uint64_t *bytes_of(const struct pod *pod, unsigned node, tidal_frame frame,
				tidal_gfn gfn)
{
	return tidal_fake_ops()->frame_data(pod->node[node].host, frame, gfn);
}

/* In this state; and what the host has mapped goes with it. */
static void expect_page(const struct pod *pod, unsigned node, tidal_gfn gfn, uint32_t state)
{
	struct tidal_page_info page = guest_page(pod, node, gfn);
	bool real = state != TIDAL_PAGE_INVALID && state != TIDAL_PAGE_DORMANT;

	assert_int_equal(page.state, state);
	if (real)
		assert_non_null(bytes_of(pod, node, page.frame, gfn));
	else
		assert_true(page.frame == TIDAL_FRAME_NONE || page.frame == TIDAL_FRAME_ZERO);
}

static void expect_zeroes(const uint64_t *bytes)
{
	assert_non_null(bytes);
	for (unsigned i = 0; i < TIDAL_PAGE_SIZE / sizeof(*bytes); i++)
		assert_int_equal(bytes[i], 0);
}

static uint64_t sent_by_all(const struct pod *pod)
{
	uint64_t bytes = 0;

	for (unsigned n = 0; n < pod->nodes; n++)
		bytes += guest_stats(pod, n).bytes_out;
	return bytes;
}

/* Whoever follows the maps from any node on comes to the page. */
static void expect_maps_lead_to(const struct pod *pod, tidal_gfn gfn, unsigned owner)
{
	for (unsigned n = 0; n < pod->nodes; n++) {
		unsigned at = n, hops = 0;

		while (at != owner && hops++ < pod->nodes)
			at = guest_page(pod, at, gfn).owner;
		assert_int_equal(at, owner);
	}
}

static void expect_vcpu_maps_lead_to(const struct pod *pod, tidal_vcpuid v, unsigned node)
{
	struct tidal_vcpu_info info;

	assert_int_equal(guest_where(pod, v), node);
	for (unsigned n = 0; n < pod->nodes; n++) {
		unsigned at = n, hops = 0;

		for (; at != node && hops < pod->nodes; hops++) {
			assert_int_equal(tidal_core_vcpu(guest_core(pod, at), v, &info), 0);
			at = info.node;
		}
		assert_int_equal(at, node);
	}
}

/* ---- two nodes; memory begins at node 0, vCPU n at node n ---- */

static void vcpu_each(struct tidal_vmap *map)
{
	map->vcpu_runs = tidal_vmap_vcpus(map);
	for (uint16_t n = 0; n < map->vcpu_runs; n++)
		map->vcpu[n] = (struct tidal_vmap_vcpus){ n, 1, n };
}

static struct pod_config two_nodes(void)
{
	return (struct pod_config){ .nodes = 2, .pages = 1024, .vcpus = 2, .frames = 256,
				    .policy = tidal_policy_page(), .place = vcpu_each };
}

/*
 * Pages 0 to 7 are dormant, node 0's, and mapped to nothing; the guest reads zeroes. Every frame
 * is to be zeroed, which goes on in the background on both nodes at the same time.
 * Broken in pull_zero(): nothing to zero; in stall.c's wants[]: a read takes a frame.
 */
static void initialise(void **state)
{
	const struct pod_config c = two_nodes();
	bool parallel = false;
	struct pod pod;

	(void)state;
	pod_open(&pod, &c);
	for (unsigned n = 0; n < 2; n++) {
		assert_int_equal(guest_stats(&pod, n).frames_zeroed, 0);
		assert_in_range(guest_stats(&pod, n).frames_dirty, 200, 256);
	}
	for (unsigned i = 0; i < 200; i++) {
		unsigned both = 0;

		pod_step(&pod);
		for (unsigned n = 0; n < 2; n++)
			both += guest_stats(&pod, n).frames_dirty > 0 &&
				guest_stats(&pod, n).frames_zeroed > 0;
		parallel = parallel || both == 2;
	}
	assert_true(parallel);
	for (unsigned n = 0; n < 2; n++)
		assert_int_equal(guest_stats(&pod, n).frames_dirty, 0);
	guest_start(&pod);
	for (tidal_gfn gfn = 0; gfn < 8; gfn++) {
		uint64_t zeroed = guest_stats(&pod, 0).frames_zeroed;

		expect_page(&pod, 0, gfn, TIDAL_PAGE_DORMANT);
		assert_int_equal(guest_page(&pod, 0, gfn).frame, TIDAL_FRAME_NONE);
		expect_page(&pod, 1, gfn, TIDAL_PAGE_INVALID);
		assert_int_equal(guest_page(&pod, 1, gfn).owner, 0);
		assert_int_equal(guest_load(&pod, 0, gfn), 0);
		expect_page(&pod, 0, gfn, TIDAL_PAGE_DORMANT);
		assert_int_equal(guest_stats(&pod, 0).frames_zeroed, zeroed);
	}
	guest_finish(&pod);
}

/*
 * A vCPU on node 0 writes ones into dormant page 6: a zeroed frame is mapped, the write lands.
 * Broken in proto_convert(): mapped read-only at first, so that it stalls twice.
 */
static void convert(void **state)
{
	const struct pod_config c = two_nodes();
	struct tidal_stats before, after;
	const uint64_t *bytes;
	struct pod pod;

	(void)state;
	guest_open(&pod, &c);
	expect_page(&pod, 0, 6, TIDAL_PAGE_DORMANT);
	before = guest_stats(&pod, 0);
	guest_store(&pod, 0, 6, ONES);
	after = guest_stats(&pod, 0);
	expect_page(&pod, 0, 6, TIDAL_PAGE_EXCLUSIVE);
	assert_int_equal(after.stalls_write, before.stalls_write + 1);
	assert_int_equal(after.conversions, before.conversions + 1);
	assert_int_equal(after.frames_zeroed, before.frames_zeroed - 1);
	assert_int_equal(after.frames_used, before.frames_used + 1);
	assert_int_equal(after.zeroed_late, before.zeroed_late);
	bytes = bytes_of(&pod, 0, guest_page(&pod, 0, 6).frame, 6);
	for (unsigned i = 0; i < TIDAL_PAGE_SIZE / sizeof(*bytes); i++)
		assert_int_equal(bytes[i], i == GUEST_WORD ? ONES : 0);
	assert_int_equal(guest_load(&pod, 0, 6), ONES);
	assert_int_equal(guest_load(&pod, 1, 6), ONES);
	guest_finish(&pod);
}

/*
 * No frame is left, zeroed or not: a strategy runs; here other pages leave for node 1. Nothing is
 * lost. Broken in evict.c, where a page is pushed: each as if it were all zeroes.
 */
static void convert_on_a_full_node(void **state)
{
	struct pod_config c = two_nodes();
	struct pod pod;

	(void)state;
	c.frames = 32; /* of each node; 40 pages with contents, and the code */
	guest_open(&pod, &c);
	guest_fill(&pod, 0, 0, 40, 1000);
	expect_page(&pod, 0, 39, TIDAL_PAGE_EXCLUSIVE);
	assert_true(guest_stats(&pod, 0).evictions >= 40 - 32);
	assert_true(guest_stats(&pod, 0).full_waits > 0);
	for (tidal_gfn gfn = 0; gfn < 40; gfn++)
		assert_int_equal(guest_load(&pod, gfn % 2, gfn), 1000 + gfn);
	guest_finish(&pod);
}

/*
 * Page 27 is node 0's and page 34 node 1's, both with contents. A vCPU on node 0 zeroes page 27: an
 * ordinary write. It zeroes page 34: the instruction is skipped, the page is node 0's and
 * dormant, node 1 gets its frame back, no contents travel.
 * Broken in depart(): they do; in proto_wake(): the instruction is restarted.
 */
static void zero(void **state)
{
	const struct pod_config c = two_nodes();
	struct tidal_stats before[2], after[2];
	tidal_frame frame[2];
	uint64_t sent;
	struct pod pod;

	(void)state;
	guest_open(&pod, &c);
	guest_store(&pod, 0, 27, ONES);
	guest_store(&pod, 1, 34, ONES);
	expect_page(&pod, 0, 27, TIDAL_PAGE_EXCLUSIVE);
	expect_page(&pod, 1, 34, TIDAL_PAGE_EXCLUSIVE);
	frame[0] = guest_page(&pod, 0, 27).frame;
	frame[1] = guest_page(&pod, 1, 34).frame;
	for (unsigned n = 0; n < 2; n++)
		before[n] = guest_stats(&pod, n);

	guest_do(&pod, 0, GUEST_ZERO, 27);
	assert_int_equal(guest_stats(&pod, 0).stalls_zero, before[0].stalls_zero);
	expect_page(&pod, 0, 27, TIDAL_PAGE_EXCLUSIVE);
	assert_int_equal(guest_page(&pod, 0, 27).frame, frame[0]);
	expect_zeroes(bytes_of(&pod, 0, frame[0], 27));

	sent = sent_by_all(&pod);
	guest_do(&pod, 0, GUEST_ZERO, 34);
	assert_in_range(sent_by_all(&pod) - sent, 1, TIDAL_PAGE_SIZE - 1);
	for (unsigned n = 0; n < 2; n++)
		after[n] = guest_stats(&pod, n);
	assert_int_equal(after[0].stalls_zero, before[0].stalls_zero + 1);
	assert_int_equal(after[0].skips, before[0].skips + 1);
	assert_int_equal(after[0].frames_used, before[0].frames_used);
	assert_int_equal(after[1].frames_used, before[1].frames_used - 1);
	assert_int_equal(after[1].zeroed_idle, before[1].zeroed_idle + 1);
	expect_page(&pod, 0, 34, TIDAL_PAGE_DORMANT);
	expect_page(&pod, 1, 34, TIDAL_PAGE_INVALID);
	assert_null(bytes_of(&pod, 1, frame[1], 34));
	expect_zeroes(bytes_of(&pod, 1, frame[1], TIDAL_GFN_NONE));
	assert_int_equal(guest_load(&pod, 1, 34), 0);
	assert_int_equal(guest_load(&pod, 0, 34), 0);
	guest_finish(&pod);
}

/*
 * The same instruction on a dormant page: it stays dormant, and no frame is used.
 * Broken in stall.c's wants[]: the page is converted, as for a write.
 */
static void zero_a_dormant_page(void **state)
{
	const struct pod_config c = two_nodes();
	struct tidal_stats before, after;
	struct pod pod;

	(void)state;
	guest_open(&pod, &c);
	expect_page(&pod, 0, 40, TIDAL_PAGE_DORMANT);
	before = guest_stats(&pod, 0);
	guest_do(&pod, 0, GUEST_ZERO, 40);
	after = guest_stats(&pod, 0);
	expect_page(&pod, 0, 40, TIDAL_PAGE_DORMANT);
	assert_int_equal(guest_page(&pod, 0, 40).frame, TIDAL_FRAME_NONE);
	assert_int_equal(after.stalls_zero, before.stalls_zero + 1);
	assert_int_equal(after.skips, before.skips + 1);
	assert_int_equal(after.conversions, before.conversions);
	assert_int_equal(after.frames_zeroed, before.frames_zeroed);
	assert_int_equal(after.frames_used, before.frames_used);
	assert_int_equal(guest_load(&pod, 0, 40), 0);
	guest_finish(&pod);
}

/* ---- three nodes ---- */

#define THIRD 0x30000u

/* Pages 0 to 8FFFF and vCPUs P00 to P08, a third of both on each node. */
static void thirds(struct tidal_vmap *map)
{
	map->memory_runs = map->vcpu_runs = 3;
	for (uint16_t n = 0; n < 3; n++) {
		map->memory[n] = (struct tidal_vmap_memory){ n * THIRD, THIRD, n };
		map->vcpu[n] = (struct tidal_vmap_vcpus){ (tidal_vcpuid)(3 * n), 3, n };
	}
}

/*
 * P00 on node 0 reads 8FFFF, which is node 2's: the memory comes to node 0. Then P06 on node 2
 * reads 81FFF, which is on node 0 by now: this time the vCPU goes there, with its registers,
 * and P01 comes in exchange.
 * Broken in would_rather_have_vcpu(): never; in move.c: no forwarding entry where it left.
 */
static void page_then_vcpu(void **state)
{
	const struct pod_config c = { .nodes = 3, .pages = 3 * THIRD, .vcpus = 9, .frames = 256,
				      .policy = tidal_policy_page(), .place = thirds };
	struct pod pod;

	(void)state;
	guest_open(&pod, &c);
	guest_store(&pod, 0, 0x81fff, 0x4711);
	expect_maps_lead_to(&pod, 0x8ffff, 2);
	assert_int_equal(guest_load(&pod, 0, 0x8ffff), 0);
	expect_vcpu_maps_lead_to(&pod, 0, 0);
	expect_page(&pod, 0, 0x8ffff, TIDAL_PAGE_DORMANT);
	expect_maps_lead_to(&pod, 0x8ffff, 0);

	guest_order(&pod, (struct tidal_ev_command){ .command = TIDAL_CMD_SET_POLICY,
						     .policy = tidal_policy_vcpu() });
	expect_vcpu_maps_lead_to(&pod, 6, 2);
	assert_int_equal(guest_load(&pod, 6, 0x81fff), 0x4711);
	expect_vcpu_maps_lead_to(&pod, 6, 0);
	expect_page(&pod, 0, 0x81fff, TIDAL_PAGE_EXCLUSIVE);
	expect_maps_lead_to(&pod, 0x81fff, 0);
	assert_int_equal(pod_command(&pod, 0, &(struct tidal_ev_command){
				 .command = TIDAL_CMD_MOVE_VCPU, .vcpu = 1, .node = 2 }), 0);
	guest_pass(&pod, 200);
	expect_vcpu_maps_lead_to(&pod, 1, 2);
	guest_do(&pod, 1, GUEST_NOTHING, 0);
	expect_vcpu_maps_lead_to(&pod, 0, 0);
	guest_finish(&pod);
}

static void memory_at_1(struct tidal_vmap *map)
{
	map->memory[0].node = 1;
	vcpu_each(map);
}

/* A page of which node 1 is the home, too: nobody but node 1 knows where it goes. */
static tidal_gfn page_with_home_1(const struct pod *pod)
{
	tidal_gfn gfn = 0;

	while (owners_home(&guest_core(pod, 2)->owners, gfn) != 1)
		gfn += TIDAL_RANGE_PAGES;
	assert_in_range(gfn, 0, tidal_vmap_pages(&pod->vmap) - 1);
	return gfn;
}

/*
 * Node 2 asks node 1 for a page that node 1 has given to node 0. The answer can't come by way of
 * node 1: nothing that node 0 sends arrives there.
 * Broken in proto_forward(): in the name of the node that passes it on.
 */
static void moved_on(void **state)
{
	const struct pod_config c = { .nodes = 3, .pages = 16 * TIDAL_RANGE_PAGES, .vcpus = 3,
				      .frames = 256, .policy = tidal_policy_page(),
				      .place = memory_at_1 };
	struct tidal_stats before[3], after[3];
	struct pod pod;
	tidal_gfn gfn;

	(void)state;
	guest_open(&pod, &c);
	gfn = page_with_home_1(&pod);
	expect_page(&pod, 1, gfn, TIDAL_PAGE_DORMANT);
	guest_store(&pod, 0, gfn, 0x4711);
	expect_page(&pod, 0, gfn, TIDAL_PAGE_EXCLUSIVE);
	assert_int_equal(guest_page(&pod, 1, gfn).owner, 0);
	assert_int_equal(guest_page(&pod, 2, gfn).owner, 1);
	for (unsigned n = 0; n < 3; n++)
		before[n] = guest_stats(&pod, n);
	assert_int_equal(tidal_inproc_cut(pod.net, 0, 1, 1), 0);
	assert_int_equal(guest_load(&pod, 2, gfn), 0x4711);
	assert_int_equal(tidal_inproc_cut(pod.net, 0, 1, 0), 0);
	for (unsigned n = 0; n < 3; n++)
		after[n] = guest_stats(&pod, n);
	assert_int_equal(after[2].requests, before[2].requests + 1);
	assert_int_equal(after[1].forwards, before[1].forwards + 1);
	assert_int_equal(after[0].copies_out, before[0].copies_out + 1);
	assert_int_equal(after[1].copies_out, before[1].copies_out);
	assert_int_equal(after[2].copies_in, before[2].copies_in + 1);
	assert_int_equal(after[2].retries, before[2].retries);
	assert_int_equal(after[2].finds, before[2].finds);
	expect_page(&pod, 2, gfn, TIDAL_PAGE_SECONDARY);
	expect_page(&pod, 0, gfn, TIDAL_PAGE_PRIMARY);
	assert_int_equal(guest_page(&pod, 2, gfn).owner, 0);
	guest_finish(&pod);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(initialise),
		cmocka_unit_test(convert),
		cmocka_unit_test(convert_on_a_full_node),
		cmocka_unit_test(zero),
		cmocka_unit_test(zero_a_dormant_page),
		cmocka_unit_test(page_then_vcpu),
		cmocka_unit_test(moved_on),
	};

	return cmocka_run_group_tests_name("worked examples, guests", tests, NULL, NULL);
}
