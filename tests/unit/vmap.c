/* SPDX-License-Identifier: BSD-3-Clause */
/* The initial virtual map: the plain one, and each rule broken once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <tidal/error.h>
#include <tidal/vmap.h>

#define NODES 4

static void test_plain_map(void **state)
{
	struct tidal_vmap map;
	const char *why;

	(void)state;
	memset(&map, 0xff, sizeof(map));
	assert_int_equal(tidal_vmap_init(&map, sizeof(map), 1000, 3), 0);
	assert_int_equal(map.size, sizeof(map));
	assert_int_equal(tidal_vmap_check(&map, 1, &why), 0);
	assert_int_equal(tidal_vmap_pages(&map), 1000);
	assert_int_equal(tidal_vmap_vcpus(&map), 3);
	assert_int_equal(map.memory[0].node, 0);
	assert_int_equal(map.vcpu[0].node, 0);
	assert_int_equal(map.devices, 0);
}

static void test_init_bounds(void **state)
{
	static const struct { uint64_t pages; unsigned vcpus; int err; } cases[] = {
		{ 1, 1, 0 },
		{ UINT64_C(1) << 34, 1024, 0 },
		{ 0, 1, TIDAL_ERANGE },
		{ (UINT64_C(1) << 34) + 1, 1, TIDAL_ERANGE },
		{ UINT64_MAX, 1, TIDAL_ERANGE },
		{ 1, 0, TIDAL_ERANGE },
		{ 1, 1025, TIDAL_ERANGE },
		{ 1, 65536 + 1, TIDAL_ERANGE },
	};
	static union { struct tidal_vmap map; unsigned char bytes[65536]; } longest;
	struct tidal_vmap map;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(tidal_vmap_init(&map, sizeof(map), cases[i].pages, cases[i].vcpus),
				 cases[i].err);
	assert_int_equal(tidal_vmap_init(&map, sizeof(map) - 1, 1, 1), TIDAL_ERANGE);
	assert_int_equal(tidal_vmap_init(&map, SIZE_MAX, 1, 1), TIDAL_ERANGE);
	assert_int_equal(tidal_vmap_init(&map, 65537, 1, 1), TIDAL_ERANGE);
	memset(&longest, 0xff, sizeof(longest));
	assert_int_equal(tidal_vmap_init(&longest.map, sizeof(longest), 1, 1), 0);
	assert_int_equal(longest.bytes[65535], 0);
	assert_int_equal(tidal_vmap_check(&longest.map, 1, NULL), 0);
}

/* A map with two runs of each kind and two devices that touch. */
static struct tidal_vmap good_map(void)
{
	struct tidal_vmap map = {
		.size = sizeof(map),
		.memory_runs = 2,
		.vcpu_runs = 2,
		.devices = 2,
		.memory = { { 0, 512, 0 }, { 512, 7, 3 } },
		.vcpu = { { 0, 2, 1 }, { 2, 1022, 2 } },
		.device = { { 519 * 4096, 16, 3 }, { 519 * 4096 + 16, 1, 0 } },
	};

	return map;
}

static void expect(const struct tidal_vmap *map, int err, const char *says)
{
	const char *why = "";

	assert_int_equal(tidal_vmap_check(map, NODES, &why), err);
	assert_int_equal(tidal_vmap_check(map, NODES, NULL), err);
	if (!strstr(why, says))
		fail_msg("\"%s\" does not say \"%s\"", why, says);
}

static void test_good_map(void **state)
{
	struct tidal_vmap map = good_map();

	(void)state;
	expect(&map, 0, "");
	assert_int_equal(tidal_vmap_pages(&map), 519);
	assert_int_equal(tidal_vmap_vcpus(&map), 1024);
	map.device[1].base = UINT64_MAX; /* the last byte there is */
	expect(&map, 0, "");
}

/* Break one member of a good map. */
#define BROKEN(member, value, err, says)         \
	do {                                     \
		struct tidal_vmap map = good_map(); \
		map.member = (value);            \
		expect(&map, err, says);         \
	} while (0)

static void test_each_rule(void **state)
{
	const uint64_t most = UINT64_C(1) << 34;

	(void)state;
	BROKEN(size, sizeof(struct tidal_vmap) - 1, TIDAL_EINVAL, "size");
	BROKEN(size, 0, TIDAL_EINVAL, "size");
	BROKEN(size, SIZE_MAX, TIDAL_EINVAL, "size");
	BROKEN(memory_runs, 0, TIDAL_ERANGE, "memory_runs: 1 .. 64");
	BROKEN(memory_runs, 65, TIDAL_ERANGE, "memory_runs: 1 .. 64");
	BROKEN(memory[0].first, 1, TIDAL_EINVAL, "memory.first");
	BROKEN(memory[1].first, 511, TIDAL_EINVAL, "memory.first");
	BROKEN(memory[1].first, 1024, TIDAL_EINVAL, "memory.first");
	BROKEN(memory[0].pages, 0, TIDAL_ERANGE, "memory.pages: 1 .. 2^34");
	BROKEN(memory[0].pages, 511, TIDAL_EINVAL, "multiple of 512");
	BROKEN(memory[1].pages, 0, TIDAL_ERANGE, "memory.pages: 1 .. 2^34");
	BROKEN(memory[1].pages, most - 511, TIDAL_ERANGE, "memory.pages: 1 .. 2^34");
	BROKEN(memory[1].pages, UINT64_MAX, TIDAL_ERANGE, "memory.pages: 1 .. 2^34");
	BROKEN(memory[1].node, NODES, TIDAL_ERANGE, "memory.node");
	BROKEN(vcpu_runs, 0, TIDAL_ERANGE, "vcpu_runs: 1 .. 64");
	BROKEN(vcpu_runs, 65, TIDAL_ERANGE, "vcpu_runs: 1 .. 64");
	BROKEN(vcpu[0].first, 1, TIDAL_EINVAL, "vcpu.first");
	BROKEN(vcpu[1].first, 3, TIDAL_EINVAL, "vcpu.first");
	BROKEN(vcpu[0].count, 0, TIDAL_ERANGE, "vcpu.count: 1 .. 1024");
	BROKEN(vcpu[1].count, 1023, TIDAL_ERANGE, "vcpu.count: 1 .. 1024");
	BROKEN(vcpu[0].node, TIDAL_NODE_NONE, TIDAL_ERANGE, "vcpu.node");
	BROKEN(devices, 17, TIDAL_ERANGE, "devices: 0 .. 16");
	BROKEN(device[0].bytes, 0, TIDAL_ERANGE, "device.bytes");
	BROKEN(device[0].base, 519 * 4096 - 1, TIDAL_EINVAL, "outside of guest memory");
	BROKEN(device[0].bytes, 17, TIDAL_EINVAL, "overlap");
	BROKEN(device[1].base, 519 * 4096, TIDAL_EINVAL, "overlap");
	BROKEN(device[1].bytes, UINT64_MAX, TIDAL_ERANGE, "device.bytes");
	BROKEN(device[1].node, NODES, TIDAL_ERANGE, "device.node");
}

/* A newer caller's map: longer, and what is new must not be used. */
static void test_longer_map(void **state)
{
	struct { struct tidal_vmap map; uint64_t more; } newer = { good_map(), 0 };

	(void)state;
	newer.map.size = sizeof(newer);
	expect(&newer.map, 0, "");
	newer.more = UINT64_C(1) << 63;
	expect(&newer.map, TIDAL_EINVAL, "size");
	assert_int_equal(tidal_vmap_init(&newer.map, sizeof(newer), 1, 1), 0);
	expect(&newer.map, 0, "");
}

/* One that isn't filled in yet. An entry before the first was named, which the sanitizer saw. */
static void test_empty_map(void **state)
{
	const struct tidal_vmap map = { .size = sizeof(map) };

	(void)state;
	assert_int_equal(tidal_vmap_pages(&map), 0);
	assert_int_equal(tidal_vmap_vcpus(&map), 0);
}

/* Devices may come in any order. Broken in devices_overlap(): either half. */
static void test_devices_in_any_order(void **state)
{
	struct tidal_vmap map = good_map();
	const struct tidal_vmap_device first = map.device[0];

	(void)state;
	map.device[0] = map.device[1];
	map.device[1] = first;
	expect(&map, 0, "");
	map.device[1].bytes++;
	expect(&map, TIDAL_EINVAL, "overlap");
}

/* A device may be larger than its address, and reach to the end of the address space, not beyond. */
static void test_ends_of_devices(void **state)
{
	struct tidal_vmap map = good_map();

	(void)state;
	map.devices = 1;
	map.device[0].base = 519 * 4096;
	map.device[0].bytes = UINT64_C(1) << 40;
	expect(&map, 0, "");
	map.device[0].bytes = UINT64_MAX - 519 * 4096 + 1;
	expect(&map, 0, "");
	map.device[0].bytes++;
	expect(&map, TIDAL_ERANGE, "device.bytes");
	map.device[0].base = UINT64_MAX - 15;
	map.device[0].bytes = 16;
	expect(&map, 0, "");
	map.device[0].bytes = 17;
	expect(&map, TIDAL_ERANGE, "device.bytes");
}

/* As many as there may be of everything. */
static void test_most_of_everything(void **state)
{
	struct tidal_vmap map = { .size = sizeof(map), .memory_runs = TIDAL_VMAP_RUNS,
				  .vcpu_runs = TIDAL_VMAP_RUNS, .devices = TIDAL_VMAP_DEVICES };

	(void)state;
	for (uint16_t i = 0; i < TIDAL_VMAP_RUNS; i++) {
		map.memory[i] = (struct tidal_vmap_memory){ 512u * i, 512, i % NODES };
		map.vcpu[i] = (struct tidal_vmap_vcpus){ i, 1, i % NODES };
	}
	for (uint16_t i = 0; i < TIDAL_VMAP_DEVICES; i++)
		map.device[i] = (struct tidal_vmap_device){ (UINT64_C(1) << 40) + 8u * i, 8, i % NODES };
	expect(&map, 0, "");
	map.device[TIDAL_VMAP_DEVICES - 1].base = map.device[0].base + 7;
	expect(&map, TIDAL_EINVAL, "overlap");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_map),
		cmocka_unit_test(test_init_bounds),
		cmocka_unit_test(test_good_map),
		cmocka_unit_test(test_each_rule),
		cmocka_unit_test(test_longer_map),
		cmocka_unit_test(test_empty_map),
		cmocka_unit_test(test_ends_of_devices),
		cmocka_unit_test(test_most_of_everything),
		cmocka_unit_test(test_devices_in_any_order),
	};

	return cmocka_run_group_tests_name("vmap", tests, NULL, NULL);
}
