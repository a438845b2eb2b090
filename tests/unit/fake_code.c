/* SPDX-License-Identifier: BSD-3-Clause */
/* Caches of decoded instructions: whatever changes code, the new code runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "backends/fake/code.h"
#include "fake_asm.h"
#include "fake_vm.h"

#define PAGE2 (VM_CODE + TIDAL_PAGE_SIZE)

/* Run what is at *pc*, which must be "a0 += n; ebreak", and return n. */
static uint64_t added_at(struct vm *vm, tidal_gpa pc)
{
	vm_boot(vm, 0, pc, 0, 0, 0);
	vm_run_to_end(vm, 0);
	return vm_regs(vm, 0).x[A0];
}

/* Code that a hart changes under its own feet, in the page that it runs in. */
static void test_own_page(void **state)
{
	struct vm *vm = *state;

	vm_map(vm, VM_CODE, TIDAL_PROT_RW);
	for (unsigned fence = 0; fence < 2; fence++) {
		VM_CODE_AT(vm, VM_CODE, RV_SW(A2, 20, A1), fence ? RV_FENCE_I : RV_NOP,
			   rv_jal(X0, 12), RV_NOP, RV_NOP, RV_ADDI(A0, A0, 1), RV_EBREAK);
		assert_int_equal(added_at(vm, VM_CODE + 20), 1); /* now it is decoded */
		vm_boot(vm, 0, VM_CODE, 0, VM_CODE, RV_ADDI(A0, A0, 64));
		vm_run_to_end(vm, 0);
		assert_int_equal(vm_regs(vm, 0).x[A0], 64);
	}
}

/* The other ways to write: other sizes, crossing into the page, atomics, zeroing, from outside. */
static void test_writes(void **state)
{
	struct vm *vm = *state;
	struct tidal_event event;

	vm_map(vm, PAGE2, TIDAL_PROT_RW);
	VM_CODE_AT(vm, PAGE2, RV_ADDI(A0, A0, 1), RV_EBREAK);
	assert_int_equal(added_at(vm, PAGE2), 1);

	VM_CODE_AT(vm, VM_CODE, RV_SB(A2, 3, A1), RV_EBREAK); /* the upper bits of the immediate */
	vm_boot(vm, 0, VM_CODE, 0, PAGE2, 1);
	vm_run_to_end(vm, 0);
	assert_int_equal(added_at(vm, PAGE2), 17);

	VM_CODE_AT(vm, VM_CODE, RV_SD(A2, 0, A1), RV_EBREAK); /* two instructions at once */
	VM_CODE_AT(vm, PAGE2, RV_ADDI(A0, A0, 1), RV_ADDI(A0, A0, 1), RV_EBREAK);
	assert_int_equal(added_at(vm, PAGE2), 2);
	vm_boot(vm, 0, VM_CODE, 0, PAGE2,
		RV_ADDI(A0, A0, 16) | (uint64_t)RV_ADDI(A0, A0, 32) << 32);
	vm_run_to_end(vm, 0);
	assert_int_equal(added_at(vm, PAGE2), 48);
	VM_CODE_AT(vm, PAGE2, RV_ADDI(A0, A0, 1), RV_EBREAK);
	assert_int_equal(added_at(vm, PAGE2), 1);

	VM_CODE_AT(vm, VM_CODE, RV_AMO(0x01, 2, X0, A2, A1), RV_EBREAK);
	vm_boot(vm, 0, VM_CODE, 0, PAGE2, RV_ADDI(A0, A0, 5));
	vm_run_to_end(vm, 0);
	assert_int_equal(added_at(vm, PAGE2), 5);

	VM_CODE_AT(vm, VM_CODE, RV_LR(2, A3, A1), RV_SC(2, A3, A2, A1), RV_EBREAK);
	vm_boot(vm, 0, VM_CODE, 0, PAGE2, RV_ADDI(A0, A0, 6));
	vm_run_to_end(vm, 0);
	assert_int_equal(added_at(vm, PAGE2), 6);

	vm_map(vm, VM_DATA, TIDAL_PROT_RW);
	vm_map(vm, VM_DATA + 4096, TIDAL_PROT_RW);
	VM_CODE_AT(vm, VM_DATA + 4096, RV_ADDI(A0, A0, 1), RV_EBREAK);
	assert_int_equal(added_at(vm, VM_DATA + 4096), 1);
	VM_CODE_AT(vm, VM_CODE, RV_SD(A2, -4, A1), RV_EBREAK);
	vm_boot(vm, 0, VM_CODE, 0, VM_DATA + 4096, (uint64_t)RV_ADDI(A0, A0, 7) << 32);
	vm_run_to_end(vm, 0);
	assert_int_equal(added_at(vm, VM_DATA + 4096), 7);

	VM_CODE_AT(vm, PAGE2, RV_ADDI(A0, A0, 8));
	assert_int_equal(added_at(vm, PAGE2), 8);

	VM_CODE_AT(vm, VM_CODE, RV_CBO_ZERO(A1), RV_JALR(X0, A1, 0));
	vm_boot(vm, 0, VM_CODE, 0, PAGE2, 0);
	event = vm_run(vm, 0);
	vm_expect_fault(vm, &event, "illegal instruction", PAGE2);
}

/* Another frame with other code at the same address, by every way to get it there. */
static void test_remapped(void **state)
{
	struct vm *vm = *state;
	struct tidal_act_pages act = { .mask = 1, .gfn = PAGE2 / TIDAL_PAGE_SIZE,
				       .prot = TIDAL_PROT_R };
	struct tidal_event event;

	vm_map(vm, PAGE2, TIDAL_PROT_RW);
	VM_CODE_AT(vm, PAGE2, RV_ADDI(A0, A0, 1), RV_EBREAK);
	vm_map(vm, VM_DATA, TIDAL_PROT_RW);
	VM_CODE_AT(vm, VM_DATA, RV_ADDI(A0, A0, 2), RV_EBREAK);
	vm_unmap(vm, VM_DATA);
	assert_int_equal(added_at(vm, PAGE2), 1);

	act.frame = vm_frame(vm, VM_DATA);
	assert_int_equal(vm->ops->map(vm->host, &act), 0); /* replaces */
	assert_int_equal(vm->ops->poll(vm->host, 0, &event, 1), 1);
	assert_int_equal(added_at(vm, PAGE2), 2);

	assert_int_equal(vm->ops->unmap(vm->host, &act), 0);
	act.frame = vm_frame(vm, PAGE2);
	assert_int_equal(vm->ops->map(vm->host, &act), 0);
	assert_int_equal(vm->ops->poll(vm->host, 0, &event, 1), 1);
	assert_int_equal(vm->ops->poll(vm->host, 0, &event, 1), 1);
	assert_int_equal(added_at(vm, PAGE2), 1);
}

/* The same frame with other contents, written while it was not mapped. */
static void test_rewritten_while_unmapped(void **state)
{
	struct vm *vm = *state;
	uint8_t *bytes;

	vm_map(vm, PAGE2, TIDAL_PROT_R);
	VM_CODE_AT(vm, PAGE2, RV_ADDI(A0, A0, 1), RV_EBREAK);
	assert_int_equal(added_at(vm, PAGE2), 1);
	vm_unmap(vm, PAGE2);
	bytes = vm_bytes(vm, PAGE2);
	vm_map(vm, PAGE2, TIDAL_PROT_R);
	bytes[3] = 3; /* immediate = 49; not through the host, so nobody was told */
	assert_int_equal(added_at(vm, PAGE2), 49);
}

/* A loop runs in one slice after the other while its page is taken away and comes back changed. */
static void test_changed_between_slices(void **state)
{
	struct vm *vm = *state;
	struct tidal_act_vcpu act = { 0 };
	struct tidal_event event;
	uint8_t *bytes;

	vm_map(vm, PAGE2, TIDAL_PROT_R);
	VM_CODE_AT(vm, PAGE2, RV_ADDI(A0, A0, 1), rv_jal(X0, -4));
	vm_boot(vm, 0, PAGE2, 0, 0, 0);
	assert_int_equal(vm->ops->vcpu_run(vm->host, &act), 0);
	assert_int_equal(vm->ops->poll(vm->host, 100, &event, 1), 0);
	vm_unmap(vm, PAGE2);
	bytes = vm_bytes(vm, PAGE2);
	memcpy(bytes, &(uint32_t){ RV_ADDI(A0, A0, 1000) }, 4);
	vm_map(vm, PAGE2, TIDAL_PROT_R);
	assert_int_equal(vm->ops->poll(vm->host, 2, &event, 1), 0);
	assert_int_equal(vm->ops->vcpu_kick(vm->host, 0), 0);
	assert_int_equal(vm_regs(vm, 0).x[A0], 1050);
}

/* More pages of code than there are caches: a chain through all of them, twice. */
static void test_more_code_than_caches(void **state)
{
	enum { N = 2 * FAKE_CODE_PAGES + 3 };
	struct tidal_fake_config config;
	struct tidal_event event;
	struct tidal_host *host;
	const struct tidal_host_ops *ops = tidal_fake_ops();
	struct tidal_fake_boot boot = { .pc = 0 };
	struct tidal_act_vcpu run = { 0 };
	struct tidal_fake_regs regs;

	(void)state;
	tidal_fake_config_init(&config, sizeof(config));
	assert_int_equal(tidal_fake_open(&config, &host), 0);
	for (uint32_t i = 0; i < N; i++) {
		const uint32_t insns[2] = { RV_ADDI(A0, A0, 1),
					    i + 1 < N ? rv_jal(X0, 4092) : RV_JALR(X0, X0, 0) };
		struct tidal_act_pages act = { .gfn = i, .mask = 1, .frame = i,
					       .prot = TIDAL_PROT_R };

		memcpy(ops->frame_data(host, i, TIDAL_GFN_NONE), insns, sizeof(insns));
		assert_int_equal(ops->map(host, &act), 0);
		assert_int_equal(ops->poll(host, 0, &event, 1), 1);
	}
	assert_int_equal(ops->vcpu_create(host, 0), 0);
	assert_int_equal(tidal_fake_vcpu_boot(host, 0, &boot), 0);
	assert_int_equal(ops->vcpu_run(host, &run), 0);
	assert_int_equal(ops->poll(host, 4 * N, &event, 1), 0);
	assert_int_equal(ops->vcpu_kick(host, 0), 0);
	assert_int_equal(tidal_fake_vcpu_regs(host, 0, &regs), 0);
	assert_int_equal(regs.x[A0], 2 * N);
	assert_int_equal(regs.pc, 0);
	ops->close(host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_own_page, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_writes, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_remapped, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_rewritten_while_unmapped, vm_setup,
						vm_teardown),
		cmocka_unit_test_setup_teardown(test_changed_between_slices, vm_setup, vm_teardown),
		cmocka_unit_test(test_more_code_than_caches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
