/* SPDX-License-Identifier: BSD-3-Clause */
/* Saved vCPUs of the fake host: everything comes back, and nothing else is accepted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backends/fake/hart.h"
#include "fake_asm.h"
#include "fake_vm.h"

#define NEXT (VM_DATA + TIDAL_PAGE_SIZE)
#define HANDLER (VM_CODE + 0x800)

/* Save vCPU 0 and make it again in *to*, which may be the same machine. */
static void move(struct vm *from, struct vm *to)
{
	struct tidal_host_caps caps = { .size = sizeof(caps) };
	struct tidal_event event;
	uint8_t *buf;

	assert_int_equal(from->ops->query(from->host, &caps), 0);
	buf = malloc(caps.vcpu_bytes); /* exactly: ASan sees one byte more */
	assert_int_equal(from->ops->vcpu_save(from->host, 11, 0, buf, caps.vcpu_bytes), 0);
	assert_int_equal(from->ops->poll(from->host, 0, &event, 1), 1);
	assert_int_equal(event.kind, TIDAL_EV_HOST_DONE);
	assert_int_equal(event.u.done.token, 11);
	assert_true(event.u.done.payload_len <= caps.vcpu_bytes);
	assert_int_equal(to->ops->vcpu_drop(to->host, 0), 0);
	assert_int_equal(to->ops->vcpu_load(to->host, 12, 0, buf, event.u.done.payload_len), 0);
	free(buf);
	assert_int_equal(to->ops->poll(to->host, 0, &event, 1), 1);
	assert_int_equal(event.u.done.token, 12);
}

static void test_registers(void **state)
{
	struct vm *vm = *state, *to;
	struct tidal_fake_regs before, after;
	uint32_t insns[32];

	assert_int_equal(vm_setup((void **)&to), 0);
	for (unsigned i = 1; i < 32; i++)
		insns[i - 1] = RV_ADDI(i, X0, (int)i * 3);
	insns[31] = RV_SPIN;
	vm_code(vm, VM_CODE, insns, 32);
	vm_boot(vm, 0, VM_CODE, 0, 0, 0);
	vm_step(vm, 0, 100);
	before = vm_regs(vm, 0);
	move(vm, to);
	after = vm_regs(to, 0);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(after.x[31], 93);
	assert_int_equal(after.pc, VM_CODE + 124);
	assert_int_equal(after.retired, 100);
	vm_teardown((void **)&to);
}

/* Stop a program that uses all CSRs after every instruction: it must not notice. */
static void test_moved_at_every_instruction(void **state)
{
	struct vm *vm = *state;
	struct tidal_fake_regs stayed, moved;

	VM_CODE_AT(vm, HANDLER, RV_CSRRS(S2, 0x341, X0), RV_CSRRS(S3, 0x342, X0),
		   RV_CSRRS(S4, 0x343, X0), RV_CSRRS(S5, 0x300, X0), RV_ADDI(S2, S2, 4),
		   RV_CSRRW(X0, 0x341, S2), RV_MRET);
	VM_CODE_AT(vm, VM_CODE, RV_CSRRW(X0, 0x305, A0), RV_CSRRW(X0, 0x300, A2),
		   RV_CSRRW(X0, 0x340, A1), RV_CSRRW(X0, 0x304, A2), RV_CSRRW(X0, 0xb00, A1),
		   RV_CSRRW(X0, 0xb02, A0), RV_LD(A3, 0, A1), RV_CSRRS(S6, 0x300, X0),
		   RV_CSRRS(S7, 0x340, X0), RV_CSRRS(S8, 0x304, X0), RV_CSRRS(S9, 0xb00, X0),
		   RV_CSRRS(S10, 0xb02, X0), RV_CSRRW(S11, 0x305, X0), RV_EBREAK);
	vm_boot(vm, 0, VM_CODE, HANDLER, 64u << 20, 8);
	vm_run_to_end(vm, 0);
	stayed = vm_regs(vm, 0);
	assert_int_equal(stayed.x[S4], 64u << 20); /* it went through its handler */

	vm_boot(vm, 0, VM_CODE, HANDLER, 64u << 20, 8);
	for (unsigned i = 0; i < stayed.retired + 1; i++) { /* one more for the trap */
		move(vm, vm);
		vm_step(vm, 0, 1);
	}
	vm_run_to_end(vm, 0);
	moved = vm_regs(vm, 0);
	assert_memory_equal(&stayed, &moved, sizeof(stayed));
}

/* What a vCPU waits for moves with it, so that its answer finds it. */
static void test_stalls(void **state)
{
	struct vm *vm = *state;
	struct tidal_event event;

	VM_CODE_AT(vm, VM_CODE, rv_i(0x03, 1, A2, A0, 0), RV_CBO_ZERO(A1), RV_EBREAK);
	vm_boot(vm, 0, VM_CODE, TIDAL_FAKE_TICKET, NEXT, 0);
	event = vm_run(vm, 0);
	vm_expect_stall(&event, TIDAL_IO, TIDAL_FAKE_TICKET);
	move(vm, vm);
	event = vm_resume(vm, 0, TIDAL_RESUME_IO, 0x12348001);
	assert_int_equal(vm_regs(vm, 0).x[A2], 0xffffffffffff8001u);
	vm_expect_stall(&event, TIDAL_ZERO, NEXT);
	move(vm, vm);
	event = vm_resume(vm, 0, TIDAL_RESUME_SKIP, 0);
	vm_expect_fault(vm, &event, "breakpoint", VM_CODE + 8);
}

static void test_off_stays_off(void **state)
{
	struct vm *vm = *state;
	struct tidal_act_vcpu act = { 0 };

	VM_CODE_AT(vm, VM_CODE, RV_EBREAK);
	vm_boot(vm, 0, VM_CODE, 0, 0, 0);
	vm_run_to_end(vm, 0);
	assert_int_equal(vm->ops->vcpu_run(vm->host, &act), TIDAL_EPERM);
	move(vm, vm);
	assert_int_equal(vm->ops->vcpu_run(vm->host, &act), TIDAL_EPERM);
}

/* Time is at least what the vCPU, and so whoever it talks to, has seen elsewhere. */
static void test_time(void **state)
{
	struct vm *vm = *state, *to;

	assert_int_equal(vm_setup((void **)&to), 0);
	vm->ops->clock(vm->host, 5000);
	to->ops->clock(to->host, 100);
	VM_CODE_AT(to, VM_CODE, RV_CSRRS(A0, 0xc01, X0), RV_EBREAK);
	move(vm, to);
	for (tidal_vcpuid i = 0; i < 2; i++) {
		vm_boot(to, i, VM_CODE, 0, 0, 0);
		vm_run_to_end(to, i);
		assert_int_equal(vm_regs(to, i).x[A0], 5000);
	}
	vm_teardown((void **)&to);
}

/* A saved state with one byte changed is refused, or is a sound state of this vCPU. */
static void test_damaged(void **state)
{
	struct vm *vm = *state;
	uint8_t good[FAKE_STATE_BYTES], bad[FAKE_STATE_BYTES];
	unsigned refused = 0;
	struct tidal_event event;

	VM_CODE_AT(vm, VM_CODE, RV_LD(A2, 0, A0), RV_EBREAK);
	vm_boot(vm, 0, VM_CODE, TIDAL_FAKE_TICKET, 0, 0);
	event = vm_run(vm, 0);
	vm_expect_stall(&event, TIDAL_IO, TIDAL_FAKE_TICKET);
	assert_int_equal(vm->ops->vcpu_save(vm->host, 1, 0, good, sizeof(good)), 0);
	vm->ops->poll(vm->host, 0, &event, 1);
	assert_int_equal(vm->ops->vcpu_drop(vm->host, 0), 0);
	for (size_t at = 0; at < sizeof(good); at++)
		for (unsigned flip = 1; flip < 256; flip *= 2) {
			struct tidal_act_vcpu act = { .resume = TIDAL_RESUME_IO };
			int r;

			memcpy(bad, good, sizeof(bad));
			bad[at] ^= (uint8_t)flip;
			r = vm->ops->vcpu_load(vm->host, 1, 0, bad, sizeof(bad));
			if (r) {
				assert_int_equal(r, TIDAL_EFORMAT);
				refused++;
				continue;
			}
			assert_int_equal(vm->ops->poll(vm->host, 0, &event, 1), 1);
			if (vm->ops->vcpu_run(vm->host, &act) == 0) {
				vm->ops->poll(vm->host, 10, &event, 1);
				assert_int_equal(vm->ops->vcpu_kick(vm->host, 0), 0);
				vm->ops->poll(vm->host, 0, &event, 1);
			}
			assert_int_equal(vm->ops->vcpu_drop(vm->host, 0), 0);
		}
	assert_true(refused >= 12 * 8); /* at least magic, version, vCPU */
}

static void test_wrong_calls(void **state)
{
	struct vm *vm = *state;
	uint8_t buf[FAKE_STATE_BYTES + 1];
	struct tidal_event event;

	assert_int_equal(vm->ops->vcpu_save(vm->host, 1, 7, buf, sizeof(buf)), TIDAL_ENOENT);
	assert_int_equal(vm->ops->vcpu_save(vm->host, 1, 0, buf, FAKE_STATE_BYTES - 1),
			 TIDAL_ERANGE);
	assert_int_equal(vm->ops->vcpu_save(vm->host, 1, 0, buf, sizeof(buf)), 0);
	assert_int_equal(vm->ops->poll(vm->host, 0, &event, 1), 1);
	assert_int_equal(vm->ops->vcpu_load(vm->host, 1, 0, buf, FAKE_STATE_BYTES), TIDAL_EEXIST);
	assert_int_equal(vm->ops->vcpu_load(vm->host, 1, 7, buf, FAKE_STATE_BYTES), TIDAL_EFORMAT);
	assert_int_equal(vm->ops->vcpu_drop(vm->host, 0), 0);
	for (size_t len = 0; len < FAKE_STATE_BYTES; len++)
		assert_int_equal(vm->ops->vcpu_load(vm->host, 1, 0, buf, len), TIDAL_EFORMAT);
	assert_int_equal(vm->ops->vcpu_load(vm->host, 1, 0, buf, sizeof(buf)), TIDAL_EFORMAT);
	assert_int_equal(vm->ops->poll(vm->host, 0, &event, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_registers, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_moved_at_every_instruction, vm_setup,
						vm_teardown),
		cmocka_unit_test_setup_teardown(test_stalls, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_off_stays_off, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_time, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_damaged, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_wrong_calls, vm_setup, vm_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
