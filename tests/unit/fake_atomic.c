/* SPDX-License-Identifier: BSD-3-Clause */
/* Atomic instructions of the fake host, and when a reservation lives and dies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fake_asm.h"
#include "fake_vm.h"

#define NEXT (VM_DATA + TIDAL_PAGE_SIZE)
#define OTHER_CODE (VM_CODE + 0x400)

static void test_amos(void **state)
{
	static const struct {
		unsigned funct5, size;
		uint64_t memory, operand, result;
	} rows[] = {
		{ 0x00, 3, UINT64_MAX, 2, 1 },
		{ 0x01, 3, 5, 7, 7 },
		{ 0x04, 3, 0xff00, 0x0ff0, 0xf0f0 },
		{ 0x08, 3, 0xf0, 0x0f, 0xff },
		{ 0x0c, 3, 0xf3, 0x3f, 0x33 },
		{ 0x10, 3, UINT64_MAX, 0, UINT64_MAX },
		{ 0x10, 3, 4, 3, 3 },
		{ 0x14, 3, UINT64_MAX, 0, 0 },
		{ 0x14, 3, 4, 3, 4 },
		{ 0x18, 3, UINT64_MAX, 0, 0 },
		{ 0x18, 3, 3, 4, 3 },
		{ 0x1c, 3, UINT64_MAX, 0, UINT64_MAX },
		{ 0x1c, 3, 3, 4, 4 },
		/* words: the upper half stays as it is, upper halves of operands don't count */
		{ 0x00, 2, 0x11111111ffffffffu, 0xabc00000002u, 0x1111111100000001u },
		{ 0x01, 2, 0x1111111180000000u, 0xabc00000007u, 0x1111111100000007u },
		{ 0x10, 2, 0x1111111180000000u, 0xabc00000007u, 0x1111111180000000u },
		{ 0x14, 2, 0x1111111180000000u, 0xabc00000007u, 0x1111111100000007u },
		{ 0x18, 2, 0x1111111180000000u, 0xabc00000007u, 0x1111111100000007u },
		{ 0x1c, 2, 0x1111111180000000u, 0xabc00000007u, 0x1111111180000000u },
	};
	struct vm *vm = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t old = rows[i].size == 3 ? rows[i].memory :
						   (uint64_t)(int64_t)(int32_t)rows[i].memory;

		/* with aq and rl set, which change nothing here */
		VM_CODE_AT(vm, VM_CODE, RV_AMO(rows[i].funct5, rows[i].size, A2, A1, A0) | 3u << 25,
			   RV_EBREAK);
		vm_put(vm, VM_DATA, rows[i].memory);
		vm_boot(vm, 0, VM_CODE, VM_DATA, rows[i].operand, 0);
		vm_run_to_end(vm, 0);
		assert_int_equal(vm_get(vm, VM_DATA), rows[i].result);
		assert_int_equal(vm_regs(vm, 0).x[A2], old);
	}
}

static void test_amo_source_is_destination(void **state)
{
	struct vm *vm = *state;

	VM_CODE_AT(vm, VM_CODE, RV_AMO(RV_AMOADD, 3, A0, A0, A0), RV_EBREAK);
	vm_put(vm, VM_DATA, 1);
	vm_boot(vm, 0, VM_CODE, VM_DATA, 0, 0);
	vm_run_to_end(vm, 0);
	assert_int_equal(vm_get(vm, VM_DATA), VM_DATA + 1);
	assert_int_equal(vm_regs(vm, 0).x[A0], 1);
}

/* They all stall as writes, LR included: rule 12. */
static void test_stalls(void **state)
{
	const uint32_t insns[] = { RV_AMO(RV_AMOADD, 3, A2, A1, A0), RV_LR(3, A2, A0) };
	struct vm *vm = *state;
	struct tidal_event event;

	for (unsigned i = 0; i < 2; i++) {
		VM_CODE_AT(vm, VM_CODE, insns[i], RV_EBREAK);
		vm_boot(vm, 0, VM_CODE, NEXT + 8, 1, 99);
		event = vm_run(vm, 0);
		vm_expect_stall(&event, TIDAL_WRITE, NEXT + 8);
		vm_map(vm, NEXT, TIDAL_PROT_R);
		event = vm_run(vm, 0);
		vm_expect_stall(&event, TIDAL_WRITE, NEXT + 8);
		assert_int_equal(vm_regs(vm, 0).x[A2], 99);
		assert_int_equal(vm_regs(vm, 0).retired, 0);
		vm_map(vm, NEXT, TIDAL_PROT_RW);
		vm_run_to_end(vm, 0);
		vm_unmap(vm, NEXT);
	}
}

/* vCPU 0: a2 = LR (a0); s0 = SC a1 -> (a0). The test stops it in between. */
static void reserve(struct vm *vm, unsigned size, uint64_t addr)
{
	VM_CODE_AT(vm, VM_CODE, RV_LR(size, A2, A0), RV_SC(size, S0, A1, A0), RV_EBREAK);
	vm_put(vm, VM_DATA, 0x8000000080000000u);
	vm_boot(vm, 0, VM_CODE, addr, 7, 0);
	vm_step(vm, 0, 1);
}

static void expect_success(struct vm *vm, uint64_t addr)
{
	vm_run_to_end(vm, 0);
	assert_int_equal(vm_regs(vm, 0).x[S0], 0);
	assert_int_equal(vm_get(vm, addr) & UINT32_MAX, 7);
}

static void expect_failure(struct vm *vm)
{
	vm_run_to_end(vm, 0);
	assert_int_equal(vm_regs(vm, 0).x[S0], 1);
	assert_int_not_equal(vm_get(vm, VM_DATA) & UINT32_MAX, 7);
}

static void test_success(void **state)
{
	struct vm *vm = *state;

	reserve(vm, 3, VM_DATA);
	assert_int_equal(vm_regs(vm, 0).x[A2], 0x8000000080000000u);
	expect_success(vm, VM_DATA);
	reserve(vm, 2, VM_DATA + 4);
	assert_int_equal(vm_regs(vm, 0).x[A2], 0xffffffff80000000u);
	expect_success(vm, VM_DATA + 4);
	assert_int_equal(vm_get(vm, VM_DATA), 0x780000000u);
}

/* One LR serves one SC, and only at its own place. */
static void test_pairs(void **state)
{
	struct vm *vm = *state;

	VM_CODE_AT(vm, VM_CODE, RV_SC(3, S0, A1, A0), RV_LR(3, A2, A0), RV_SC(3, S1, A1, A0),
		   RV_SC(3, S2, A1, A0), RV_LR(3, A2, A0), RV_ADDI(A0, A0, 8),
		   RV_SC(3, S3, A1, A0), RV_ADDI(A0, A0, -8), RV_SC(3, S4, A1, A0), RV_EBREAK);
	vm_boot(vm, 0, VM_CODE, VM_DATA, 7, 0);
	vm_run_to_end(vm, 0);
	assert_int_equal(vm_regs(vm, 0).x[S0], 1);
	assert_int_equal(vm_regs(vm, 0).x[S1], 0);
	assert_int_equal(vm_regs(vm, 0).x[S2], 1);
	assert_int_equal(vm_regs(vm, 0).x[S3], 1);
	assert_int_equal(vm_regs(vm, 0).x[S4], 1); /* the failing SC ended the reservation */
	assert_int_equal(vm_get(vm, VM_DATA + 8), 0);
}

/* vCPU 1 does one instruction with a0 = *addr*, a1 = what memory holds anyway. */
static void other(struct vm *vm, uint32_t insn, uint64_t addr)
{
	VM_CODE_AT(vm, OTHER_CODE, insn, RV_EBREAK);
	vm_boot(vm, 1, OTHER_CODE, addr, 0x8000000080000000u, 0);
	vm_step(vm, 1, 1);
}

static void test_stores_of_others(void **state)
{
	const uint32_t insns[] = { RV_SD(A1, 0, A0), RV_SB(X0, 7, A0), RV_SW(A1, -4, A0),
				   RV_AMO(0x08, 3, X0, A1, A0), RV_CBO_ZERO(A0) };
	struct vm *vm = *state;

	for (unsigned i = 0; i < 5; i++) {
		if (i == 2)
			continue; /* beside the granule: see below */
		reserve(vm, 3, VM_DATA);
		other(vm, insns[i], VM_DATA);
		expect_failure(vm);
	}
	reserve(vm, 3, VM_DATA + 8);
	other(vm, insns[2], VM_DATA + 8);
	other(vm, RV_SD(A1, 0, A0), VM_DATA + 16);
	other(vm, RV_LD(A2, 0, A0), VM_DATA + 8);
	expect_success(vm, VM_DATA + 8);
	reserve(vm, 3, VM_DATA + 8);
	other(vm, RV_SD(A1, 0, A0), VM_DATA + 1); /* misaligned: its last byte hits */
	expect_failure(vm);
}

/* A page that the other one writes by the fast path before and after. */
static void test_hot_stores_of_others(void **state)
{
	struct vm *vm = *state;

	VM_CODE_AT(vm, OTHER_CODE, RV_SD(A1, 0, A0), rv_jal(X0, -4));
	vm_boot(vm, 1, OTHER_CODE, VM_DATA, 0x8000000080000000u, 0);
	vm_step(vm, 1, 100);
	reserve(vm, 3, VM_DATA);
	vm_step(vm, 1, 100);
	expect_failure(vm);
}

/* Another's reservation, its SC that fails, and its LR change nothing. */
static void test_reservations_of_others(void **state)
{
	struct vm *vm = *state;

	reserve(vm, 3, VM_DATA);
	other(vm, RV_LR(3, A2, A0), VM_DATA);
	expect_success(vm, VM_DATA);
	VM_CODE_AT(vm, OTHER_CODE, RV_SC(3, A2, A1, A0), RV_EBREAK);
	vm_step(vm, 1, 1); /* its turn had passed */
	reserve(vm, 3, VM_DATA);
	other(vm, RV_SC(3, A2, A1, A0), VM_DATA);
	expect_success(vm, VM_DATA);
}

/* One's own stores leave it alone. */
static void test_own_store(void **state)
{
	struct vm *vm = *state;

	VM_CODE_AT(vm, VM_CODE, RV_LR(3, A2, A0), RV_SD(A2, 0, A0), RV_SD(A2, 1, A0),
		   RV_AMO(0x08, 3, A3, X0, A0), RV_SC(3, S0, A1, A0), RV_EBREAK);
	vm_boot(vm, 0, VM_CODE, VM_DATA, 7, 0);
	expect_success(vm, VM_DATA);
}

static void test_mappings(void **state)
{
	struct vm *vm = *state;

	reserve(vm, 3, VM_DATA);
	vm_unmap(vm, VM_DATA);
	vm_map(vm, VM_DATA, TIDAL_PROT_RW);
	expect_failure(vm);
	reserve(vm, 3, VM_DATA);
	vm_protect(vm, VM_DATA);
	expect_failure(vm); /* without an access, so without a stall */
	vm_map(vm, VM_DATA, TIDAL_PROT_RW);
	reserve(vm, 3, VM_DATA);
	vm_protect(vm, VM_DATA);
	vm_map(vm, VM_DATA, TIDAL_PROT_RW);
	expect_failure(vm);
	reserve(vm, 3, VM_DATA);
	vm_bytes(vm, VM_DATA); /* a device gets its address for writing */
	expect_failure(vm);
}

static void test_save_and_load(void **state)
{
	struct vm *vm = *state;
	struct tidal_event event;
	uint8_t saved[1024];

	reserve(vm, 3, VM_DATA);
	assert_int_equal(vm->ops->vcpu_save(vm->host, 1, 0, saved, sizeof(saved)), 0);
	assert_int_equal(vm->ops->poll(vm->host, 0, &event, 1), 1);
	expect_failure(vm);
	assert_int_equal(vm->ops->vcpu_drop(vm->host, 0), 0);
	assert_int_equal(vm->ops->vcpu_load(vm->host, 1, 0, saved, event.u.done.payload_len), 0);
	assert_int_equal(vm->ops->poll(vm->host, 0, &event, 1), 1);
	expect_failure(vm);
}

/* A vCPU that is gone holds no reservation for its successor in the slot. */
static void test_drop(void **state)
{
	struct vm *vm = *state;

	for (unsigned i = 0; i < 1000; i++) { /* more than there are slots */
		reserve(vm, 3, VM_DATA);
		assert_int_equal(vm->ops->vcpu_drop(vm->host, 0), 0);
		assert_int_equal(vm->ops->vcpu_create(vm->host, 0), 0);
	}
	other(vm, RV_SD(A1, 0, A0), VM_DATA);
	vm_boot(vm, 0, VM_CODE + 4, VM_DATA, 7, 0);
	expect_failure(vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_amos, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_amo_source_is_destination, vm_setup,
						vm_teardown),
		cmocka_unit_test_setup_teardown(test_stalls, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_success, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_pairs, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_stores_of_others, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_hot_stores_of_others, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_reservations_of_others, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_own_store, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_mappings, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_save_and_load, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_drop, vm_setup, vm_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
