/* SPDX-License-Identifier: BSD-3-Clause */
/* Parameters: defaults that hold for any memory, bounds, and structs of other versions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <tidal/error.h>
#include <tidal/transport.h>

#include "core/params.h"

static struct tidal_vmap map; /* 100 pages, 2 vCPUs */

/* Defaults of a node 0 in a pod of two. */
static struct tidal_params good_params(uint32_t frames)
{
	struct tidal_params p;

	tidal_params_init(&p, sizeof(p), frames);
	p.nodes = 2;
	p.vmap = &map;
	return p;
}

static void expect(const struct tidal_params *p, int err, const char *says)
{
	const char *why = "unset";

	assert_int_equal(tidal_params_check(p, NULL), err);
	assert_int_equal(tidal_params_check(p, &why), err);
	if (!err)
		assert_null(why);
	else if (!strstr(why, says))
		fail_msg("\"%s\" does not say \"%s\"", why, says);
}

static void test_defaults(void **state)
{
	struct tidal_params p;

	(void)state;
	tidal_params_init(&p, sizeof(p), 65536);
	assert_int_equal(p.size, sizeof(p));
	assert_int_equal(p.node, 0);
	assert_int_equal(p.nodes, 1);
	assert_int_equal(p.incarnation, 1);
	assert_int_equal(p.flags, 0);
	assert_int_equal(p.frames, 65536);
	assert_int_equal(p.landing, 64);
	assert_int_equal(p.reserve, 32);
	assert_int_equal(p.low, 4096);
	assert_int_equal(p.high, 8192);
	assert_int_equal(p.vcpus, 1024);
	assert_int_equal(p.vcpu_slots, 64);
	assert_int_equal(p.vcpu_bytes, 6400);
	assert_int_equal(p.transits, 4096);
	assert_int_equal(p.messages, 1024);
	assert_int_equal(p.ranges, p.frames + 1024);
	assert_int_equal(p.homes, 65536 + 1024);
	assert_int_equal(p.hints, 16384);
	assert_int_equal(p.rto_ns, 200000);
	assert_int_equal(p.hold_ns, 20000);
	assert_int_equal(p.hold_max_ns, 1000000);
	assert_int_equal(p.reserve_ns, 500000);
	assert_int_equal(p.backoff_ns, 10000);
	assert_int_equal(p.slice_ns, 1000000);
	assert_null(p.policy);
	assert_null(p.weights);
	assert_null(p.topology);
}

/* What depends on the number of frames, as params.h has it. Broken in init_sizes(): each number. */
static void test_defaults_by_frames(void **state)
{
	static const struct {
		uint32_t frames, landing, reserve, low, high, transits, ranges, homes, hints;
	} rows[] = {
		{ 3, 1, 1, 2, 2, 64, 1027, 1027, 256 },
		{ 4, 1, 1, 2, 2, 64, 1028, 1028, 256 },
		{ 8, 2, 2, 4, 4, 64, 1032, 1032, 256 },
		{ 15, 3, 2, 5, 7, 64, 1039, 1039, 256 },
		{ 16, 4, 2, 6, 8, 64, 1040, 1040, 256 },
		{ 20, 4, 2, 6, 10, 64, 1044, 1044, 256 },
		{ 24, 4, 2, 6, 12, 64, 1048, 1048, 256 },
		{ 28, 4, 2, 6, 12, 64, 1052, 1052, 256 },
		{ 255, 7, 3, 15, 30, 64, 1279, 1279, 256 },
		{ 256, 8, 4, 16, 32, 64, 1280, 1280, 256 },
		{ 1000, 31, 15, 62, 124, 125, 2024, 2024, 256 },
		{ 1024, 32, 16, 64, 128, 128, 2048, 2048, 256 },
		{ 1040, 32, 16, 65, 130, 130, 2064, 2064, 512 },
		{ 4096, 64, 32, 256, 512, 512, 5120, 5120, 1024 },
		{ 32768, 64, 32, 2048, 4096, 4096, 33792, 33792, 8192 },
		{ 262144, 64, 32, 16384, 32768, 4096, 263168, 263168, 65536 },
		{ 1u << 30, 64, 32, 1u << 26, 1u << 27, 4096, 1u << 30, (1u << 30) + 1024, 65536 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tidal_params p;

		tidal_params_init(&p, sizeof(p), rows[i].frames);
		assert_int_equal(p.landing, rows[i].landing);
		assert_int_equal(p.reserve, rows[i].reserve);
		assert_int_equal(p.low, rows[i].low);
		assert_int_equal(p.high, rows[i].high);
		assert_int_equal(p.transits, rows[i].transits);
		assert_int_equal(p.ranges, rows[i].ranges);
		assert_int_equal(p.homes, rows[i].homes);
		assert_int_equal(p.hints, rows[i].hints);
	}
}

/* Whatever the number of frames, the defaults hold. */
static void test_defaults_are_right_for_all_sizes(void **state)
{
	struct tidal_params p;

	(void)state;
	for (uint32_t frames = 4; frames < 20000; frames++) {
		p = good_params(frames);
		expect(&p, 0, "");
		assert_true(p.low >= p.landing + p.reserve || frames < 8);
	}
	for (uint32_t frames = 20000; frames <= 1u << 30; frames += frames / 3) {
		p = good_params(frames);
		expect(&p, 0, "");
	}
	p = good_params(1u << 30);
	expect(&p, 0, "");
	p = good_params(3);
	expect(&p, TIDAL_ERANGE, "frames: 4 .. 2^30");
	p = good_params((1u << 30) + 1);
	expect(&p, TIDAL_ERANGE, "frames: 4 .. 2^30");
	p = good_params(UINT32_MAX);
	expect(&p, TIDAL_ERANGE, "frames: 4 .. 2^30");
}

/* All frames but two wait for pages that come. Broken in bounds[]: one less. */
static void test_most_landing_frames(void **state)
{
	struct tidal_params p = good_params(64);

	(void)state;
	p.landing = 62;
	p.reserve = 1;
	p.low = p.high = 0;
	expect(&p, 0, "");
	p.landing = 63;
	expect(&p, TIDAL_ERANGE, "landing: 1 .. frames - 2");
}

/* A world that can be explored to its end. */
static void test_smallest_world(void **state)
{
	struct tidal_params p = good_params(4);

	(void)state;
	p.landing = p.reserve = 1;
	p.transits = p.ranges = p.homes = p.hints = 4;
	p.messages = 8 * p.nodes + 96;
	p.vcpus = p.vcpu_slots = 2;
	expect(&p, 0, "");
	p.low = p.high = 0;
	expect(&p, 0, "");
}

/* Change one member of good parameters. */
#define WITH(member, value, err, says)                      \
	do {                                                \
		struct tidal_params with = good_params(1024); \
		with.member = (value);                      \
		expect(&with, err, says);                   \
	} while (0)
#define BOUNDS(member, least, most, says)                           \
	do {                                                        \
		WITH(member, least, 0, "");                         \
		WITH(member, most, 0, "");                          \
		WITH(member, (most) + 1, TIDAL_ERANGE, says);       \
		if ((least) > 0)                                    \
			WITH(member, (least) - 1, TIDAL_ERANGE, says); \
	} while (0)

static void test_bounds(void **state)
{
	const tidal_time minute = UINT64_C(60000000000);

	(void)state;
	WITH(incarnation, UINT32_MAX, 0, "");
	WITH(incarnation, 0, TIDAL_ERANGE, "incarnation: 1 .. 2^32 - 1");
	WITH(node, 2, TIDAL_ERANGE, "node: 0 .. nodes - 1");
	WITH(nodes, 0, TIDAL_ERANGE, "nodes: 1 .. 1024");
	WITH(nodes, 1025, TIDAL_ERANGE, "nodes: 1 .. 1024");
	WITH(nodes, 116, 0, "");
	WITH(nodes, 117, TIDAL_ERANGE, "messages: 8 * nodes + 96"); /* the default: 1024 */
	WITH(landing, 0, TIDAL_ERANGE, "landing: 1 .. frames - 2");
	WITH(landing, 1024 - 128, 0, "");
	WITH(landing, 1024 - 127, TIDAL_ERANGE, "high: 0 .. frames - landing");
	WITH(landing, 1023, TIDAL_ERANGE, "landing: 1 .. frames - 2");
	BOUNDS(reserve, 1u, 1024u - 32 - 1, "reserve: 1 .. frames - landing - 1");
	BOUNDS(high, 64u, 1024u - 32, "");
	WITH(high, 1024 - 31, TIDAL_ERANGE, "high: 0 .. frames - landing");
	BOUNDS(low, 0u, 128u, "low: 0 .. high");
	BOUNDS(vcpus, 2u, 1024u, "vcpus: ");
	BOUNDS(vcpu_slots, 2u, 1024u, "vcpu_slots: ");
	BOUNDS(vcpu_bytes, 1u, TIDAL_VCPU_BYTES_MAX, "vcpu_bytes: 1 .. 65536");
	BOUNDS(transits, 4u, 1u << 20, "transits: 4 .. 2^20");
	BOUNDS(messages, 8u * good_params(1024).nodes + 96, 1u << 24, "messages: 8 * nodes + 96");
	BOUNDS(ranges, 4u, 1u << 30, "ranges: 4 .. 2^30");
	BOUNDS(homes, 4u, 1u << 31, "homes: 4 .. 2^31");
	BOUNDS(hints, 4u, 1u << 30, "hints: a power of two, 4 .. 2^30");
	WITH(hints, 1000, TIDAL_ERANGE, "hints: a power of two, 4 .. 2^30");
	WITH(hints, 1u << 31, TIDAL_ERANGE, "hints: a power of two, 4 .. 2^30");
	BOUNDS(rto_ns, 1u, minute, "rto_ns: 1 .. 60 s");
	BOUNDS(hold_ns, 0u, UINT64_C(1000000), "hold_max_ns: hold_ns .. 60 s");
	WITH(hold_ns, minute + 1, TIDAL_ERANGE, "hold_ns: 0 .. 60 s");
	BOUNDS(hold_max_ns, 20000u, minute, "hold_max_ns: hold_ns .. 60 s");
	BOUNDS(reserve_ns, 1u, minute, "reserve_ns: 1 .. 60 s");
	BOUNDS(backoff_ns, 1u, minute, "backoff_ns: 1 .. 60 s");
	BOUNDS(slice_ns, 1u, minute, "slice_ns: 1 .. 60 s");
	WITH(slice_ns, TIDAL_NEVER, TIDAL_ERANGE, "slice_ns: 1 .. 60 s");
	WITH(flags, 1u << 3, TIDAL_EINVAL, "flags: unknown bits");
	WITH(flags, TIDAL_PARAM_IDEAL_LINK | TIDAL_PARAM_RETIRE_EVENTS | TIDAL_PARAM_TRACE, 0, "");
}

static void test_references(void **state)
{
	struct tidal_topo_object objects[2] = { { .kind = TIDAL_TOPO_NODE },
						{ .kind = TIDAL_TOPO_THREAD } };
	struct tidal_topology topology = { objects, 2 };
	struct tidal_policy_ops ops = *tidal_policy_page();
	struct tidal_weights weights;
	struct tidal_vmap other = map;
	struct tidal_params p = good_params(1024);

	(void)state;
	WITH(vmap, NULL, TIDAL_EINVAL, "vmap: node 0 needs it");
	WITH(node, 1, TIDAL_EINVAL, "vmap: NULL except on node 0");
	p.node = 1;
	p.vmap = NULL;
	expect(&p, 0, "");
	other.memory[0].node = 2;
	WITH(vmap, &other, TIDAL_ERANGE, "vmap: memory.node");
	other = map;
	other.vcpu[0].count = 65;
	WITH(vmap, &other, TIDAL_ERANGE, "vcpu_slots: fewer than the vCPUs that start here");
	other.vcpu[0].node = 1;
	WITH(vmap, &other, 0, "");
	other.vcpu[1] = (struct tidal_vmap_vcpus){ 65, 900, 0 }; /* beyond the runs: not looked at */
	WITH(vmap, &other, 0, "");

	WITH(topology, &topology, 0, "");
	objects[1].kind = TIDAL_TOPO_CORE;
	WITH(topology, &topology, TIDAL_ERANGE, "topology: threads");

	WITH(policy, &ops, 0, "");
	ops.answer = NULL;
	WITH(policy, &ops, TIDAL_EINVAL, "policy: ");
	ops = *tidal_policy_page();
	ops.size = offsetof(struct tidal_policy_ops, full);
	WITH(policy, &ops, TIDAL_EINVAL, "policy: ");

	WITH(policy_data, &ops, TIDAL_EINVAL, "policy_data: ");
	ops = *tidal_policy_page();
	p = good_params(1024);
	p.policy_data = &ops;
	p.policy = tidal_policy_cost();
	expect(&p, TIDAL_EINVAL, "policy_data: ");
	p.policy = &ops;
	expect(&p, 0, "");

	tidal_weights_init(&weights, sizeof(weights));
	WITH(weights, &weights, 0, "");
	weights.page_hot.exponent = 17;
	WITH(weights, &weights, TIDAL_ERANGE, "weights: ");
}

/* A caller of an older library leaves out the tail; it has the defaults. */
static void test_older_caller(void **state)
{
	struct tidal_params user = good_params(512), full;
	size_t known = offsetof(struct tidal_params, rto_ns);

	(void)state;
	memset((char *)&user + known, 0xff, sizeof(user) - known);
	user.size = known;
	user.homes = 77;
	expect(&user, 0, "");
	assert_int_equal(params_import(&full, &user), 0);
	assert_int_equal(full.size, sizeof(full));
	assert_int_equal(full.nodes, 2);
	assert_int_equal(full.homes, 77);
	assert_int_equal(full.rto_ns, 200000);
	assert_null(full.policy_data);
	assert_ptr_equal(full.vmap, &map);

	user.size = offsetof(struct tidal_params, frames);
	expect(&user, TIDAL_EINVAL, "size: ");
	user.size = 0;
	expect(&user, TIDAL_EINVAL, "size: ");
}

/* init() for an older caller writes no more than it has room for. */
static void test_init_of_other_sizes(void **state)
{
	struct { struct tidal_params p; uint64_t more; } newer;
	size_t known = offsetof(struct tidal_params, transits);
	struct tidal_params p;

	(void)state;
	memset(&p, 0xa5, sizeof(p));
	tidal_params_init(&p, known, 512);
	assert_int_equal(p.size, known);
	assert_int_equal(p.vcpu_bytes, 6400);
	assert_int_equal(p.transits, 0xa5a5a5a5);

	memset(&newer, 0xa5, sizeof(newer));
	tidal_params_init(&newer.p, sizeof(newer), 512);
	assert_int_equal(newer.p.size, sizeof(newer));
	assert_int_equal(newer.more, 0);
}

/* A newer caller's struct is accepted as long as it uses nothing that is new. */
static void test_newer_caller(void **state)
{
	struct { struct tidal_params p; uint64_t more; } newer;
	struct tidal_params full;

	(void)state;
	newer.p = good_params(512);
	newer.p.size = sizeof(newer);
	newer.more = 0;
	expect(&newer.p, 0, "");
	assert_int_equal(params_import(&full, &newer.p), 0);
	assert_int_equal(full.size, sizeof(full));
	newer.more = 1;
	expect(&newer.p, TIDAL_EINVAL, "size: ");
	newer.p.size = SIZE_MAX;
	expect(&newer.p, TIDAL_EINVAL, "size: ");
}

static int make_map(void **state)
{
	(void)state;
	return tidal_vmap_init(&map, sizeof(map), 100, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_defaults_by_frames),
		cmocka_unit_test(test_defaults_are_right_for_all_sizes),
		cmocka_unit_test(test_most_landing_frames),
		cmocka_unit_test(test_smallest_world),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_older_caller),
		cmocka_unit_test(test_init_of_other_sizes),
		cmocka_unit_test(test_newer_caller),
	};

	return cmocka_run_group_tests_name("params", tests, make_map, NULL);
}
