/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is the fake host's own: configuration, the order and number of events, exact
 * repetition, cost of unused frames. What every host must do is in tests/conformance.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "fake_asm.h"
#include "fake_vm.h"

static void test_config(void **state)
{
	struct {
		struct tidal_fake_config known;
		uint64_t unknown;
	} newer;
	struct tidal_fake_config config;
	struct tidal_host *host = NULL;

	(void)state;
	tidal_fake_config_init(&config, sizeof(config));
	config.ram_bytes = 4095;
	assert_int_equal(tidal_fake_open(&config, &host), TIDAL_EINVAL);
	tidal_fake_config_init(&config, sizeof(config));
	config.ram_bytes = TIDAL_FAKE_DEVICES + 4096;
	assert_int_equal(tidal_fake_open(&config, &host), TIDAL_EINVAL);
	tidal_fake_config_init(&config, sizeof(config));
	config.frames = 0;
	assert_int_equal(tidal_fake_open(&config, &host), TIDAL_EINVAL);
	tidal_fake_config_init(&config, sizeof(config));
	config.vcpu_slots = TIDAL_VCPUS_MAX + 1;
	assert_int_equal(tidal_fake_open(&config, &host), TIDAL_EINVAL);
	tidal_fake_config_init(&config, sizeof(config));
	config.hthreads = 0;
	assert_int_equal(tidal_fake_open(&config, &host), TIDAL_EINVAL);
	config.size = 0;
	assert_int_equal(tidal_fake_open(&config, &host), TIDAL_EINVAL);

	tidal_fake_config_init(&newer.known, sizeof(newer));
	assert_int_equal(newer.unknown, 0);
	newer.unknown = 1;
	assert_int_equal(tidal_fake_open(&newer.known, &host), TIDAL_EINVAL);
	assert_null(host);
	newer.unknown = 0;
	assert_int_equal(tidal_fake_open(&newer.known, &host), 0);
	tidal_fake_ops()->close(host);
	newer.known.size = offsetof(struct tidal_fake_config, vcpu_slots); /* an older caller */
	assert_int_equal(tidal_fake_open(&newer.known, &host), 0);
	tidal_fake_ops()->close(host);
}

/* A terabyte of frames: only what is touched costs memory. */
static void test_unused_frames_are_free(void **state)
{
	const struct tidal_host_ops *ops = tidal_fake_ops();
	struct tidal_fake_config config;
	struct tidal_event event;
	struct tidal_host *host;
	const uint8_t *bytes;

	(void)state;
	tidal_fake_config_init(&config, sizeof(config));
	config.frames = 1u << 26;
	config.ram_bytes = (uint64_t)1 << 40;
	if (tidal_fake_open(&config, &host) == TIDAL_ENOMEM)
		skip(); /* strict accounting of memory, or a sanitizer's limits */
	for (uint32_t i = 0; i < 1u << 26; i += 1u << 16) {
		assert_int_equal(ops->zero(host, i, i), 0);
		assert_int_equal(ops->poll(host, 0, &event, 1), 1);
	}
	bytes = ops->frame_data(host, config.frames - 1, TIDAL_GFN_NONE);
	assert_int_equal(bytes[0] | bytes[4095], 0);
	ops->close(host);
}

/* The ring refuses work instead of overflowing, and keeps room for vCPUs that may stop. */
static void test_full_ring(void **state)
{
	struct vm *vm = *state;
	struct tidal_act_vcpu run = { .watch = 1 };
	struct tidal_event events[64];
	unsigned accepted = 0, seen = 0, stopped = 0, retired = 0;
	int n;

	VM_CODE_AT(vm, VM_CODE, RV_SPIN);
	vm_boot(vm, 0, VM_CODE, 0, 0, 0);
	assert_int_equal(vm->ops->vcpu_run(vm->host, &run), 0);
	while (vm->ops->zero(vm->host, accepted, 100) == 0)
		assert_true(++accepted < 1000000);
	assert_int_equal(vm->ops->zero(vm->host, 0, 100), TIDAL_EAGAIN);
	assert_true(accepted >= 64);
	run = (struct tidal_act_vcpu){ .vcpu = 1, .hthread = 1 };
	assert_int_equal(vm->ops->vcpu_run(vm->host, &run), TIDAL_EAGAIN);
	assert_int_equal(vm->ops->poll(vm->host, 10, events, 0), 0);
	assert_int_equal(vm->ops->vcpu_kick(vm->host, 0), 0);
	while ((n = vm->ops->poll(vm->host, 10, events, 64)) > 0)
		for (int i = 0; i < n; i++) {
			if (events[i].kind == TIDAL_EV_HOST_DONE)
				assert_int_equal(events[i].u.done.token, seen++);
			stopped += events[i].kind == TIDAL_EV_VCPU_STOPPED;
			retired += events[i].kind == TIDAL_EV_RETIRED;
		}
	assert_int_equal(n, 0);
	assert_int_equal(seen, accepted);
	assert_int_equal(stopped, 1);
	assert_int_equal(retired, 1);
	assert_int_equal(vm->ops->vcpu_run(vm->host, &run), 0);
}

static void test_retired_event(void **state)
{
	struct vm *vm = *state;
	struct tidal_act_vcpu run = { .watch = 1 };
	struct tidal_event events[4];

	/* stalls at once: nothing retired */
	vm_boot(vm, 0, VM_DATA + 4096, 0, 0, 0);
	assert_int_equal(vm->ops->vcpu_run(vm->host, &run), 0);
	assert_int_equal(vm->ops->poll(vm->host, 10, events, 4), 1);
	assert_int_equal(events[0].kind, TIDAL_EV_STALL);
	/* one instruction, then a stall: both are told, in order */
	VM_CODE_AT(vm, VM_CODE, RV_NOP, RV_LD(A2, 0, A0));
	vm_boot(vm, 0, VM_CODE, VM_DATA + 4096, 0, 0);
	assert_int_equal(vm->ops->vcpu_run(vm->host, &run), 0);
	assert_int_equal(vm->ops->poll(vm->host, 10, events, 4), 2);
	assert_int_equal(events[0].kind, TIDAL_EV_RETIRED);
	assert_int_equal(events[0].u.retired.vcpu, 0);
	assert_int_equal(events[1].kind, TIDAL_EV_STALL);
	/* long runs: once, at the first */
	VM_CODE_AT(vm, VM_CODE, RV_SPIN);
	vm_boot(vm, 0, VM_CODE, 0, 0, 0);
	assert_int_equal(vm->ops->vcpu_run(vm->host, &run), 0);
	assert_int_equal(vm->ops->poll(vm->host, 0, events, 4), 0);
	assert_int_equal(vm->ops->poll(vm->host, 1, events, 4), 1);
	assert_int_equal(events[0].kind, TIDAL_EV_RETIRED);
	assert_int_equal(vm->ops->poll(vm->host, 10, events, 4), 0);
	assert_int_equal(vm->ops->vcpu_kick(vm->host, 0), 0);
	assert_int_equal(vm->ops->poll(vm->host, 0, events, 4), 1);
	assert_int_equal(events[0].kind, TIDAL_EV_VCPU_STOPPED);
	assert_int_equal(events[0].u.stopped.retired, 11);
	/* not asked for: not told */
	run.watch = 0;
	assert_int_equal(vm->ops->vcpu_run(vm->host, &run), 0);
	assert_int_equal(vm->ops->poll(vm->host, 10, events, 4), 0);
}

/* An instruction that the driver completed counts as well. */
static void test_retired_by_resume(void **state)
{
	struct vm *vm = *state;
	struct tidal_act_vcpu run = { .watch = 1, .resume = TIDAL_RESUME_SKIP };
	struct tidal_event events[4];

	VM_CODE_AT(vm, VM_CODE, RV_CBO_ZERO(A0), RV_LD(A2, 0, A0));
	vm_boot(vm, 0, VM_CODE, VM_DATA + 4096, 0, 0);
	vm_run(vm, 0);
	assert_int_equal(vm->ops->vcpu_run(vm->host, &run), 0);
	assert_int_equal(vm->ops->poll(vm->host, 10, events, 4), 2);
	assert_int_equal(events[0].kind, TIDAL_EV_RETIRED);
	vm_expect_stall(&events[1], TIDAL_READ, VM_DATA + 4096);
}

/* Two harts take turns by hyperthread, each for the whole budget. */
static void test_turns(void **state)
{
	struct vm *vm = *state;
	struct tidal_event event;

	/* each notes in a2 what the other one counted up to */
	VM_CODE_AT(vm, VM_CODE, RV_LD(A2, 0, A1), RV_SD(A3, 0, A0), RV_ADDI(A3, A3, 1),
		   rv_jal(X0, -12));
	for (tidal_vcpuid i = 0; i < 2; i++) {
		struct tidal_act_vcpu run = { .vcpu = i, .hthread = !i };

		vm_boot(vm, i, VM_CODE, VM_DATA + 8u * i, VM_DATA + 8u * !i, 0);
		assert_int_equal(vm->ops->vcpu_run(vm->host, &run), 0);
	}
	assert_int_equal(vm->ops->poll(vm->host, 400, &event, 1), 0);
	for (tidal_vcpuid i = 0; i < 2; i++)
		assert_int_equal(vm->ops->vcpu_kick(vm->host, i), 0);
	assert_int_equal(vm_regs(vm, 1).x[A3], 100); /* hyperthread 0: it was first */
	assert_int_equal(vm_regs(vm, 1).x[A2], 0);
	assert_int_equal(vm_regs(vm, 0).x[A3], 100);
	assert_int_equal(vm_regs(vm, 0).x[A2], 99);
}

/* The same calls give the same events and the same state, bit for bit. */
static uint64_t run_recorded(void)
{
	struct tidal_event events[4];
	uint64_t sum = 0;
	struct vm *vm;

	assert_int_equal(vm_setup((void **)&vm), 0);
	VM_CODE_AT(vm, VM_CODE, RV_LD(A2, 0, A0), RV_SD(A2, 8, A0), RV_ADDI(A0, A0, 1000),
		   RV_AMO(RV_AMOADD, 3, A3, A1, A4), rv_jal(X0, -16));
	for (tidal_vcpuid i = 0; i < 2; i++) {
		struct tidal_act_vcpu run = { .vcpu = i, .hthread = i };

		vm_boot(vm, i, VM_CODE, VM_DATA, 3, 0);
		assert_int_equal(vm->ops->vcpu_run(vm->host, &run), 0);
	}
	for (unsigned i = 0; i < 200; i++) {
		int n = vm->ops->poll(vm->host, 7, events, 4);

		for (int e = 0; e < n; e++) {
			const struct tidal_ev_stall *stall = &events[e].u.stall;
			struct tidal_act_vcpu run = { .vcpu = stall->vcpu, .hthread = stall->vcpu };
			unsigned write = stall->access == TIDAL_WRITE;

			assert_int_equal(events[e].kind, TIDAL_EV_STALL);
			sum = sum * 31 + stall->gpa + i * 7 + stall->vcpu;
			if (!write || i % 3)
				vm_map(vm, stall->gpa, write ? TIDAL_PROT_RW : TIDAL_PROT_R);
			assert_int_equal(vm->ops->vcpu_run(vm->host, &run), 0);
		}
	}
	for (tidal_vcpuid i = 0; i < 2; i++) {
		assert_int_equal(vm->ops->vcpu_kick(vm->host, i), 0);
		sum = sum * 31 + vm_regs(vm, i).retired;
	}
	vm_teardown((void **)&vm);
	return sum;
}

static void test_repetition(void **state)
{
	uint64_t first = run_recorded();

	(void)state;
	assert_int_equal(run_recorded(), first);
}

/* A frame is zeroed, though it was written by the guest, or by hand. */
static void test_zero(void **state)
{
	struct vm *vm = *state;
	struct tidal_event event;
	tidal_frame frame = vm_frame(vm, VM_DATA);

	assert_int_equal(vm->ops->zero(vm->host, 1, frame), TIDAL_EBUSY);
	assert_int_equal(vm->ops->zero(vm->host, 1, 128), TIDAL_ERANGE);
	VM_CODE_AT(vm, VM_CODE, RV_SD(A1, 0, A0), RV_EBREAK);
	vm_boot(vm, 0, VM_CODE, VM_DATA + 4088, 1, 0);
	vm_run_to_end(vm, 0);
	assert_int_equal(vm_unmap(vm, VM_DATA), 0);
	assert_int_equal(vm->ops->zero(vm->host, 1, frame), 0);
	assert_int_equal(vm->ops->poll(vm->host, 0, &event, 1), 1);
	assert_int_equal(vm_get(vm, VM_DATA + 4088), 0);
	vm_put(vm, VM_DATA + 8, 5);
	assert_int_equal(vm->ops->zero(vm->host, 2, frame), 0);
	assert_int_equal(vm->ops->poll(vm->host, 0, &event, 1), 1);
	assert_int_equal(vm_get(vm, VM_DATA + 8), 0);
}

static void test_boot(void **state)
{
	struct vm *vm = *state;
	struct tidal_fake_boot boot = { 0x1000, { 1, 2, 3, 4, 5, 6 } };
	struct tidal_act_vcpu run = { 0 };
	struct tidal_fake_regs regs;

	assert_int_equal(tidal_fake_vcpu_boot(vm->host, 9, &boot), TIDAL_ENOENT);
	assert_int_equal(tidal_fake_vcpu_regs(vm->host, 9, &regs), TIDAL_ENOENT);
	assert_int_equal(tidal_fake_vcpu_boot(vm->host, 0, &boot), 0);
	assert_int_equal(tidal_fake_vcpu_regs(vm->host, 0, &regs), 0);
	for (unsigned i = 0; i < 32; i++)
		assert_int_equal(regs.x[i], i >= A0 && i <= A5 ? i - A0 + 1 : 0);
	assert_int_equal(regs.pc, 0x1000);
	assert_int_equal(vm->ops->vcpu_run(vm->host, &run), 0);
	assert_int_equal(tidal_fake_vcpu_boot(vm->host, 0, &boot), TIDAL_EBUSY);
	assert_int_equal(tidal_fake_vcpu_regs(vm->host, 0, &regs), TIDAL_EBUSY);
	assert_int_equal(vm->ops->vcpu_kick(vm->host, 0), 0);
	boot.pc = 0x1002;
	assert_int_equal(tidal_fake_vcpu_boot(vm->host, 0, &boot), TIDAL_EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_unused_frames_are_free),
		cmocka_unit_test_setup_teardown(test_full_ring, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_retired_event, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_retired_by_resume, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_turns, vm_setup, vm_teardown),
		cmocka_unit_test(test_repetition),
		cmocka_unit_test_setup_teardown(test_zero, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_boot, vm_setup, vm_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
