/* SPDX-License-Identifier: BSD-3-Clause */
/* Nodes with real cores, hosts and wires between them: memory, vCPUs, devices, logs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fake_asm.h"
#include "node/replay.h"
#include "node_pod.h"

#define PAGES 1024
#define PATIENCE 400000

static const struct pod_config calm = { .nodes = 2, .pages = PAGES, .vcpus = 2, .frames = 256 };

static void fill(uint8_t *to, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i++)
		to[i] = (uint8_t)(i * 7 + i / 251 + seed * 13);
}

static void check_cores(struct pod *pod)
{
	const char *why = "";

	for (unsigned i = 0; i < pod->nodes; i++)
		if (tidal_core_check(tidal_node_core(pod->node[i].node), &why) != 0)
			fail_msg("node %u: %s", i, why);
}

/* Unaligned accesses over several pages, turn about on both nodes. */
static void access_back_and_forth(const struct pod_config *config)
{
	static uint8_t out[5 * TIDAL_PAGE_SIZE], in[sizeof(out)];
	struct pod pod;

	pod_open(&pod, config);
	pod_boot(&pod);
	for (unsigned round = 0; round < 12; round++) {
		tidal_gpa gpa = 100 * TIDAL_PAGE_SIZE + round * 1000 + 17;
		size_t len = sizeof(out) - round * 300;

		fill(out, len, round);
		assert_int_equal(pod_access(&pod, round % config->nodes, gpa, out, len, 1), 0);
		memset(in, 0xee, len);
		assert_int_equal(pod_access(&pod, (round + 1) % config->nodes, gpa, in, len, 0), 0);
		assert_memory_equal(in, out, len);
	}
	check_cores(&pod);
	assert_int_equal(pod.accesses, 24);
	pod_close(&pod);
}

static void test_memory_is_shared(void **state)
{
	(void)state;
	access_back_and_forth(&calm);
}

static void test_memory_is_shared_over_a_bad_wire(void **state)
{
	struct pod_config bad = calm;

	(void)state;
	bad.nodes = 3;
	bad.loss_ppm = 100000;
	bad.dup_ppm = 100000;
	bad.reorder = 1;
	access_back_and_forth(&bad);
}

static uint64_t next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

/* Three nodes of 64 frames share 120 pages: random accesses against a plain array. */
static void test_memory_is_right_when_nodes_are_full(void **state)
{
	struct pod_config config = calm;
	const uint64_t most = 114 * TIDAL_PAGE_SIZE;
	static uint8_t plain[120 * TIDAL_PAGE_SIZE];
	uint8_t buf[3 * TIDAL_PAGE_SIZE];
	struct tidal_stats stats;
	uint64_t x = 88172645463325252u;
	struct pod pod;

	(void)state;
	config.nodes = 3;
	config.frames = 64;
	config.loss_ppm = 20000;
	config.dup_ppm = 20000;
	config.reorder = 1;
	memset(plain, 0, sizeof(plain));
	pod_open(&pod, &config);
	pod_boot(&pod);
	for (unsigned i = 0; i < 1000; i++) {
		tidal_gpa gpa = next_random(&x) % most;
		size_t len = 1 + next_random(&x) % (i % 8 ? 64 : sizeof(buf));
		unsigned node = next_random(&x) % 3;
		int write = next_random(&x) % 2;

		fill(buf, len, i);
		if (write)
			memcpy(plain + gpa, buf, len);
		assert_int_equal(pod_access(&pod, node, gpa, buf, len, write), 0);
		if (!write)
			assert_memory_equal(buf, plain + gpa, len);
		if (i % 100 == 0)
			check_cores(&pod);
	}
	tidal_core_stats(tidal_node_core(pod.node[0].node), &stats, sizeof(stats));
	assert_true(stats.evictions > 0 && stats.resent > 0);
	pod_close(&pod);
}

static void test_untouched_memory_reads_as_zeroes(void **state)
{
	uint8_t buf[3 * TIDAL_PAGE_SIZE];
	struct pod pod;

	(void)state;
	pod_open(&pod, &calm);
	pod_boot(&pod);
	memset(buf, 0xff, sizeof(buf));
	assert_int_equal(pod_access(&pod, 1, 5000, buf, sizeof(buf), 0), 0);
	for (size_t i = 0; i < sizeof(buf); i++)
		assert_int_equal(buf[i], 0);
	pod_close(&pod);
}

static void test_accesses_outside_of_memory_fail(void **state)
{
	uint8_t buf[16];
	struct pod pod;

	(void)state;
	pod_open(&pod, &calm);
	pod_boot(&pod);
	for (unsigned node = 0; node < 2; node++) {
		assert_int_equal(pod_access(&pod, node, PAGES * 4096, buf, 1, 0), TIDAL_ERANGE);
		assert_int_equal(pod_access(&pod, node, UINT64_MAX, buf, 2, 0), TIDAL_ERANGE);
		assert_int_equal(pod_access(&pod, node, 0, buf, 0, 0), TIDAL_EINVAL);
		assert_int_equal(pod_access(&pod, node, 0, NULL, 4, 0), TIDAL_EINVAL);
		assert_int_equal(pod_access(&pod, node, PAGES * 4096 - 1, buf, 1, 1), 0);
	}
	/* the master knows where memory ends and touches nothing; others find out on the way */
	assert_int_equal(pod_access(&pod, 0, PAGES * 4096 - 8, buf, 9, 1), TIDAL_ERANGE);
	assert_int_equal(pod_access(&pod, 1, PAGES * 4096 - 8, buf, 9, 1), TIDAL_ERANGE);
	pod_close(&pod);
}

#define CODE 0x1000u
#define DATA 0x40000u
#define WORDS 60

/*
 * Increment a word of every second page, reading a ticket each time, then tell the number of
 * rounds and stop. a0: address, a1: rounds, a2: exit register, a3: stride, a4: ticket register.
 */
static size_t assemble(uint32_t *code)
{
	size_t n = 0;

	code[n++] = RV_ADDI(T1, A1, 0);
	code[n++] = RV_LD(T2, 0, A4);	   /* loop: a device access */
	code[n++] = RV_LD(T0, 0, A0);
	code[n++] = RV_ADDI(T0, T0, 1);
	code[n++] = RV_SD(T0, 0, A0);
	code[n++] = RV_ADD(A0, A0, A3);
	code[n++] = RV_ADDI(A1, A1, -1);
	code[n++] = RV_BNE(A1, X0, -24);
	code[n++] = RV_SD(T1, 0, A2);
	code[n++] = RV_EBREAK; /* no trap vector: the hart is off */
	return n * sizeof(*code);
}

static void boot_guest(struct pod *pod, unsigned vcpus)
{
	uint32_t code[32];
	size_t bytes = assemble(code);

	assert_int_equal(pod_access(pod, 0, CODE, code, bytes, 1), 0);
	for (unsigned v = 0; v < vcpus; v++) {
		const struct tidal_fake_boot boot = {
			.pc = CODE,
			.a = { DATA + 8 * v, WORDS, TIDAL_FAKE_EXIT, 2 * 4096, TIDAL_FAKE_TICKET },
		};

		assert_int_equal(tidal_fake_ops()->vcpu_create(pod->node[0].host,
							       (tidal_vcpuid)v), 0);
		assert_int_equal(tidal_fake_vcpu_boot(pod->node[0].host, (tidal_vcpuid)v, &boot),
				 0);
	}
}

static void move_vcpu(struct pod *pod, unsigned from, tidal_vcpuid vcpu, tidal_nodeid to)
{
	const struct tidal_ev_command move = {
		.command = TIDAL_CMD_MOVE_VCPU, .vcpu = vcpu, .node = to,
	};

	assert_int_equal(pod_command(pod, from, &move), 0);
}

/* Two vCPUs, one of them moved to another node, on pages that all nodes have written. */
static void run_guest(const struct pod_config *config, struct pod *pod)
{
	uint64_t value;

	pod_open(pod, config);
	pod_boot(pod);
	for (unsigned i = 0; i < WORDS; i++)
		for (unsigned v = 0; v < 2; v++) {
			value = 1000 * i + v;
			assert_int_equal(pod_access(pod, i % config->nodes,
						    DATA + i * 8192 + 8 * v, &value, 8, 1), 0);
		}
	boot_guest(pod, 2);
	pod_continue(pod);
	pod_step(pod);
	move_vcpu(pod, 0, 1, 1);
	for (unsigned i = 0; pod->exited < 2 && i < PATIENCE; i++)
		pod_step(pod);
	assert_int_equal(pod->exited, 2);
	assert_int_equal(pod->exit_code, 2 * WORDS);
	assert_int_equal(pod->tickets, 2 * WORDS); /* each access carried out once */
	for (unsigned i = 0; i < WORDS; i++)
		for (unsigned v = 0; v < 2; v++) {
			assert_int_equal(pod_access(pod, (i + 1) % config->nodes,
						    DATA + i * 8192 + 8 * v, &value, 8, 0), 0);
			assert_int_equal(value, 1000 * i + v + 1);
		}
	check_cores(pod);
	for (unsigned i = 0; i < config->nodes; i++)
		assert_int_equal(pod->node[i].failed, 0);
}

static void test_guests_run_under_every_policy(void **state)
{
	const struct tidal_policy_ops *const policies[] = {
		tidal_policy_page(), tidal_policy_vcpu(), tidal_policy_cost(),
	};
	struct pod_config config = calm;
	struct tidal_stats stats;
	struct pod pod;

	(void)state;
	config.nodes = 3;
	for (unsigned i = 0; i < 3; i++) {
		config.policy = policies[i];
		run_guest(&config, &pod);
		tidal_core_stats(tidal_node_core(pod.node[0].node), &stats, sizeof(stats));
		assert_true(stats.vcpus_out >= 1);
		pod_close(&pod);
	}
}

static void test_guests_run_over_a_bad_wire(void **state)
{
	struct pod_config config = calm;
	struct pod pod;

	(void)state;
	config.nodes = 3;
	config.loss_ppm = 50000;
	config.dup_ppm = 50000;
	config.reorder = 1;
	run_guest(&config, &pod);
	pod_close(&pod);
}

static void test_stats_measure_the_decisions(void **state)
{
	struct tidal_node_stats stats;
	struct pod_config config = calm;
	struct pod pod;

	(void)state;
	run_guest(&config, &pod);
	tidal_node_stats(pod.node[0].node, &stats, sizeof(stats));
	assert_true(stats.stalls > 0 && stats.stalls_ns > 0);
	assert_true(stats.stalls_ns / stats.stalls < 1000000);
	assert_true(stats.sends > 0 && stats.messages > 0 && stats.actions > 0);
	assert_int_equal(stats.host_failed, 0);
	assert_int_equal(stats.messages_dropped, 0);
	pod_close(&pod);
}

static void check_trace(const struct pod_node *n)
{
	const uint64_t *traced = n->traced;
	struct tidal_stats s;

	tidal_core_stats(tidal_node_core(n->node), &s, sizeof(s));
	assert_int_equal(traced[TIDAL_TRACE_SERVED], s.out_local + s.out_page);
	assert_int_equal(traced[TIDAL_TRACE_VCPU_OUT], s.vcpus_out);
	assert_int_equal(traced[TIDAL_TRACE_VCPU_IN], s.vcpus_in);
	assert_int_equal(traced[TIDAL_TRACE_PAGE_OUT], s.pages_out);
	assert_int_equal(traced[TIDAL_TRACE_PAGE_IN], s.pages_in);
	assert_int_equal(traced[TIDAL_TRACE_COPY_OUT], s.copies_out);
	assert_int_equal(traced[TIDAL_TRACE_COPY_IN], s.copies_in);
	assert_int_equal(traced[TIDAL_TRACE_EXTENT_OUT], s.extents_out);
	assert_int_equal(traced[TIDAL_TRACE_EXTENT_IN], s.extents_in);
	assert_int_equal(traced[TIDAL_TRACE_RUN], s.runs);
	assert_int_equal(traced[TIDAL_TRACE_STALL],
			 s.stalls_read + s.stalls_write + s.stalls_zero + s.stalls_io);
	assert_int_equal(traced[TIDAL_TRACE_DROPPED], 0);
}

/*
 * What is traced is what is counted, and has the same numbers at both ends. (Broken by hand: the
 * epoch of PAGE_IN that of before; no COPY_OUT.)
 */
static void test_traces_tell_all_that_is_counted(void **state)
{
	const struct tidal_policy_ops *const policies[] = { tidal_policy_page(), tidal_policy_vcpu() };
	struct pod_config config = calm;
	struct pod pod;

	(void)state;
	config.nodes = 3;
	config.trace = 1;
	for (unsigned i = 0; i < 2; i++) {
		uint64_t left = 0, came = 0, moved = 0;

		config.policy = policies[i];
		run_guest(&config, &pod);
		for (unsigned n = 0; n < 3; n++) {
			check_trace(&pod.node[n]);
			left += pod.node[n].left;
			came += pod.node[n].came;
			moved += pod.node[n].traced[i ? TIDAL_TRACE_VCPU_IN : TIDAL_TRACE_PAGE_IN];
		}
		assert_true(moved > 10);
		assert_true(left == came);
		pod_close(&pod);
	}
}

/* Nothing else is different. */
static void test_a_trace_changes_nothing(void **state)
{
	struct tidal_stats stats[2];
	uint64_t digest[2];
	struct pod_config config = calm;
	struct pod pod;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		config.trace = i;
		run_guest(&config, &pod);
		tidal_core_stats(tidal_node_core(pod.node[0].node), &stats[i], sizeof(stats[i]));
		digest[i] = tidal_core_digest(tidal_node_core(pod.node[0].node));
		assert_true((pod.node[0].traced[TIDAL_TRACE_SERVED] > 0) == (i == 1));
		assert_true((pod.node[0].traced[TIDAL_TRACE_RUN] > 0) == (i == 1));
		pod_close(&pod);
	}
	assert_memory_equal(&stats[0], &stats[1], sizeof(stats[0]));
	assert_true(digest[0] == digest[1]);
}

/* A log of every node replays on a fresh core to the same digest. */
static void test_logs_replay(void **state)
{
	struct pod_config config = calm;
	struct pod pod;

	(void)state;
	config.nodes = 3;
	config.record = 1;
	config.trace = 1;
	config.loss_ppm = 30000;
	config.reorder = 1;
	run_guest(&config, &pod);
	pod_stop(&pod);
	for (unsigned i = 0; i < 3; i++) {
		struct replay r = { 0 };

		assert_true(pod.node[i].log.len > 1000);
		if (replay_run(&r, pod.node[i].log.bytes, pod.node[i].log.len) != REPLAY_EQUAL)
			fail_msg("node %u: event %llu: %s", i, (unsigned long long)r.number,
				 r.what);
		assert_true(r.ended);
		assert_true(r.events > 100);
	}
	pod_close(&pod);
}

static void test_pins(void **state)
{
	const struct tidal_ev_command pin = {
		.command = TIDAL_CMD_PIN, .gfn = 300, .requester = 5,
	};
	struct tidal_ev_command unpin = pin;
	uint64_t value = 77;
	struct pod pod;

	(void)state;
	unpin.command = TIDAL_CMD_UNPIN;
	pod_open(&pod, &calm);
	pod_boot(&pod);
	assert_int_equal(pod_access(&pod, 1, 300 * 4096, &value, 8, 1), 0);
	assert_int_equal(pod_command(&pod, 0, &pin), 0);
	for (unsigned i = 0; pod.node[0].pinned == 0 && i < PATIENCE; i++)
		pod_step(&pod);
	assert_int_equal(pod.node[0].pinned, 1);
	assert_int_equal(pod.node[0].pin_status, 0);
	/* the host keeps it */
	assert_int_equal(tidal_fake_ops()->unmap(pod.node[0].host, &(struct tidal_act_pages){
				 .token = 1, .gfn = 300, .mask = 1 }), TIDAL_EBUSY);
	assert_int_equal(pod_command(&pod, 0, &unpin), 0);
	assert_int_equal(tidal_fake_ops()->unpin(pod.node[0].host, 300), TIDAL_ENOENT);
	value = 0;
	assert_int_equal(pod_access(&pod, 1, 300 * 4096, &value, 8, 1), 0);
	pod_close(&pod);
}

/*
 * A command makes the host do something: an embedder that sleeps until the deadline must see it
 * done. Broken in tidal_node_command(): the next step is due when somebody else does something.
 */
static void test_a_command_makes_a_step_due(void **state)
{
	const struct tidal_ev_command pin = { .command = TIDAL_CMD_PIN, .gfn = 3 };
	struct pod pod;

	(void)state;
	pod_open(&pod, &calm);
	pod_boot(&pod);
	for (unsigned i = 0; tidal_node_deadline(pod.node[0].node) != TIDAL_NEVER && i < PATIENCE; i++)
		pod_step(&pod);
	assert_int_equal(tidal_node_deadline(pod.node[0].node), TIDAL_NEVER);
	assert_int_equal(pod_command(&pod, 0, &pin), 0);
	for (unsigned i = 0; tidal_node_deadline(pod.node[0].node) <= pod.now && i < PATIENCE; i++)
		pod_step(&pod);
	assert_int_equal(pod.node[0].pinned, 1);
	assert_int_equal(tidal_node_deadline(pod.node[0].node), TIDAL_NEVER);
	pod_close(&pod);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_is_shared),
		cmocka_unit_test(test_memory_is_shared_over_a_bad_wire),
		cmocka_unit_test(test_memory_is_right_when_nodes_are_full),
		cmocka_unit_test(test_untouched_memory_reads_as_zeroes),
		cmocka_unit_test(test_accesses_outside_of_memory_fail),
		cmocka_unit_test(test_guests_run_under_every_policy),
		cmocka_unit_test(test_guests_run_over_a_bad_wire),
		cmocka_unit_test(test_stats_measure_the_decisions),
		cmocka_unit_test(test_traces_tell_all_that_is_counted),
		cmocka_unit_test(test_a_trace_changes_nothing),
		cmocka_unit_test(test_logs_replay),
		cmocka_unit_test(test_pins),
		cmocka_unit_test(test_a_command_makes_a_step_due),
	};

	return cmocka_run_group_tests_name("node_real", tests, NULL, NULL);
}
