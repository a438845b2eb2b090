/* SPDX-License-Identifier: BSD-3-Clause */
/* Computing instructions of the fake host: one row per fact of the manual, corner cases included. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fake_asm.h"
#include "fake_vm.h"

#define MIN64 0x8000000000000000u
#define MAX64 0x7fffffffffffffffu
#define MIN32 0xffffffff80000000u /* sign-extended */
#define MAX32 0x7fffffffu
#define ONES UINT64_MAX

struct row {
	uint32_t insn; /* a2 = a0 op a1 */
	uint64_t a, b, expected;
};

#define RR(opcode, funct3, funct7, a, b, expected) \
	{ rv_r(opcode, funct3, funct7, A2, A0, A1), a, b, expected }
#define RI(opcode, funct3, imm, a, expected) { rv_i(opcode, funct3, A2, A0, imm), a, 0, expected }

static void run_rows(void **state, const struct row *rows, size_t n)
{
	struct vm *vm = *state;

	for (size_t i = 0; i < n; i++) {
		VM_CODE_AT(vm, VM_CODE, rows[i].insn, RV_EBREAK);
		vm_boot(vm, 0, VM_CODE, rows[i].a, rows[i].b, 0x5555);
		vm_run_to_end(vm, 0);
		if (vm_regs(vm, 0).x[A2] != rows[i].expected)
			print_error("row %zu, instruction %08x\n", i, rows[i].insn);
		assert_int_equal(vm_regs(vm, 0).x[A2], rows[i].expected);
		assert_int_equal(vm_regs(vm, 0).x[A0], rows[i].a);
		assert_int_equal(vm_regs(vm, 0).x[A1], rows[i].b);
	}
}
#define RUN_ROWS(state, rows) run_rows(state, rows, sizeof(rows) / sizeof((rows)[0]))

static void test_immediates(void **state)
{
	const struct row rows[] = {
		RI(0x13, 0, 2047, 1, 2048),
		RI(0x13, 0, -2048, 0, (uint64_t)-2048),
		RI(0x13, 0, 1, MAX64, MIN64),
		RI(0x13, 2, -1, (uint64_t)-2, 1),
		RI(0x13, 2, -1, (uint64_t)-1, 0),
		RI(0x13, 2, 0, MIN64, 1),
		RI(0x13, 3, -1, (uint64_t)-2, 1), /* the immediate is sign-extended, then unsigned */
		RI(0x13, 3, 1, 0, 1),
		RI(0x13, 3, 1, 1, 0),
		RI(0x13, 4, -1, 0x0f0f, ~(uint64_t)0x0f0f),
		RI(0x13, 6, -256, 0x12, (uint64_t)-256 + 0x12),
		RI(0x13, 7, -256, 0x1234, 0x1200),
		RI(0x13, 1, 63, 3, MIN64),
		RI(0x13, 1, 0, 3, 3),
		RI(0x13, 5, 63, MIN64, 1),
		RI(0x13, 5, 0x400 | 63, MIN64, ONES),
		RI(0x13, 5, 0x400 | 4, 0xf0, 0xf),
		RI(0x1b, 0, 0, 0xdeadbeef80000000u, MIN32),
		RI(0x1b, 0, 1, MAX32, MIN32),
		RI(0x1b, 0, -1, 0x100000000u, ONES),
		RI(0x1b, 1, 31, 3, MIN32),
		RI(0x1b, 5, 31, 0x80000000u, 1),
		RI(0x1b, 5, 4, 0xf00000000u, 0),
		RI(0x1b, 5, 0, 0x80000000u, MIN32),
		RI(0x1b, 5, 0x400 | 31, 0x80000000u, ONES),
		RI(0x1b, 5, 0x400 | 1, 0xf40000000u, 0x20000000),
	};

	RUN_ROWS(state, rows);
}

static void test_registers(void **state)
{
	const struct row rows[] = {
		RR(0x33, 0, 0x00, MAX64, 1, MIN64),
		RR(0x33, 0, 0x20, 0, 1, ONES),
		RR(0x33, 1, 0x00, 1, 64 + 3, 8), /* six bits count */
		RR(0x33, 2, 0x00, MIN64, MAX64, 1),
		RR(0x33, 2, 0x00, 1, 1, 0),
		RR(0x33, 3, 0x00, MIN64, MAX64, 0),
		RR(0x33, 3, 0x00, 0, ONES, 1),
		RR(0x33, 4, 0x00, 0xff00, 0x0ff0, 0xf0f0),
		RR(0x33, 5, 0x00, MIN64, 127, 1),
		RR(0x33, 5, 0x20, MIN64, 127, ONES),
		RR(0x33, 5, 0x20, MAX64, 62, 1),
		RR(0x33, 6, 0x00, 0xf0, 0x0f, 0xff),
		RR(0x33, 7, 0x00, 0xf3, 0x3f, 0x33),
	};

	RUN_ROWS(state, rows);
}

static void test_words(void **state)
{
	const struct row rows[] = {
		RR(0x3b, 0, 0x00, MAX32, 1, MIN32),
		RR(0x3b, 0, 0x00, 0xffffffff00000001u, 0xffffffff00000002u, 3),
		RR(0x3b, 0, 0x20, MIN32, 1, MAX32),
		RR(0x3b, 0, 0x20, 0x100000000u, 1, ONES),
		RR(0x3b, 1, 0x00, 1, 32 + 31, MIN32), /* five bits count */
		RR(0x3b, 5, 0x00, MIN32, 32 + 31, 1),
		RR(0x3b, 5, 0x00, 0xff80000000u, 0, MIN32),
		RR(0x3b, 5, 0x20, 0x80000000u, 31, ONES),
		RR(0x3b, 5, 0x20, 0xff7fffffffu, 30, 1),
	};

	RUN_ROWS(state, rows);
}

static void test_multiply(void **state)
{
	const struct row rows[] = {
		RR(0x33, 0, 1, MIN64, ONES, MIN64),
		RR(0x33, 0, 1, 0x100000001u, 0x100000001u, 0x200000001u),
		RR(0x33, 1, 1, MIN64, MIN64, 0x4000000000000000u),
		RR(0x33, 1, 1, ONES, ONES, 0),
		RR(0x33, 1, 1, ONES, 1, ONES),
		RR(0x33, 2, 1, ONES, ONES, ONES),
		RR(0x33, 2, 1, MIN64, MIN64, 0xc000000000000000u),
		RR(0x33, 2, 1, 1, ONES, 0),
		RR(0x33, 3, 1, ONES, ONES, ONES - 1),
		RR(0x33, 3, 1, MIN64, 2, 1),
		RR(0x3b, 0, 1, 0x10000, 0x8000, MIN32),
		RR(0x3b, 0, 1, 0xffffffff00000003u, 5, 15),
	};

	RUN_ROWS(state, rows);
}

/* Nothing traps: the results of division by zero and of overflow are defined. */
static void test_divide(void **state)
{
	const struct row rows[] = {
		RR(0x33, 4, 1, (uint64_t)-7, 2, (uint64_t)-3),
		RR(0x33, 4, 1, 7, 0, ONES),
		RR(0x33, 4, 1, MIN64, ONES, MIN64),
		RR(0x33, 5, 1, ONES, 2, MAX64),
		RR(0x33, 5, 1, 7, 0, ONES),
		RR(0x33, 6, 1, (uint64_t)-7, 2, ONES),
		RR(0x33, 6, 1, 7, (uint64_t)-2, 1),
		RR(0x33, 6, 1, (uint64_t)-7, 0, (uint64_t)-7),
		RR(0x33, 6, 1, MIN64, ONES, 0),
		RR(0x33, 7, 1, ONES, 10, 5),
		RR(0x33, 7, 1, 7, 0, 7),
		RR(0x3b, 4, 1, (uint64_t)-7, 2, (uint64_t)-3),
		RR(0x3b, 4, 1, MIN32, ONES, MIN32),
		RR(0x3b, 4, 1, 0x500000007u, 0xf00000000u, ONES),
		RR(0x3b, 5, 1, ONES, 1, ONES), /* 0xffffffff, sign-extended */
		RR(0x3b, 5, 1, 0xfffffffeu, 2, MAX32),
		RR(0x3b, 5, 1, 7, 0x100000000u, ONES),
		RR(0x3b, 6, 1, (uint64_t)-7, 2, ONES),
		RR(0x3b, 6, 1, MIN32, ONES, 0),
		RR(0x3b, 6, 1, 0x180000000u, 0, MIN32),
		RR(0x3b, 7, 1, ONES, 10, 5),
		RR(0x3b, 7, 1, 0x80000000u, 0, MIN32),
	};

	RUN_ROWS(state, rows);
}

static void test_upper_immediates(void **state)
{
	const struct row rows[] = {
		{ RV_LUI(A2, 0x12345000), 0, 0, 0x12345000 },
		{ RV_LUI(A2, 0x80000000), 0, 0, MIN32 },
		{ RV_AUIPC(A2, 0x1000), 0, 0, VM_CODE + 0x1000 },
		{ RV_AUIPC(A2, 0xfffff000), 0, 0, VM_CODE - 0x1000 },
	};

	RUN_ROWS(state, rows);
}

static void test_x0_stays_zero(void **state)
{
	struct vm *vm = *state;

	VM_CODE_AT(vm, VM_CODE, RV_ADDI(X0, A0, 5), RV_LUI(X0, 0x1000), RV_LD(X0, 0, A1),
		   RV_AMO(RV_AMOADD, 3, X0, A0, A1), rv_jal(X0, 4), RV_CSRRS(X0, 0xf14, X0),
		   RV_ADD(A2, X0, X0), RV_EBREAK);
	vm_put(vm, VM_DATA, 77);
	vm_boot(vm, 0, VM_CODE, 1, VM_DATA, 9);
	vm_run_to_end(vm, 0);
	assert_int_equal(vm_regs(vm, 0).x[X0], 0);
	assert_int_equal(vm_regs(vm, 0).x[A2], 0);
	assert_int_equal(vm_get(vm, VM_DATA), 78);
}

/* Encodings next to real ones that mean nothing (or need extensions that aren't here). */
static void test_illegal(void **state)
{
	const uint32_t insns[] = {
		0x00000000, 0xffffffff,
		0x4501,				      /* compressed */
		rv_i(0x13, 1, A0, A0, 0x400 | 3),     /* slli with srai's bit */
		rv_i(0x13, 5, A0, A0, 0x800 | 3),     /* srli with an unknown bit */
		rv_i(0x1b, 1, A0, A0, 32),	      /* slliw by 32 */
		rv_i(0x1b, 2, A0, A0, 0),	      /* no sltiw */
		rv_r(0x33, 1, 0x20, A0, A0, A0),      /* no arithmetic shift left */
		rv_r(0x33, 0, 0x02, A0, A0, A0),      /* unknown funct7 */
		rv_r(0x3b, 1, 0x01, A0, A0, A0),      /* no mulhw */
		rv_r(0x3b, 2, 0x00, A0, A0, A0),      /* no sltw */
		rv_i(0x03, 7, A0, A0, 0),	      /* no unsigned load of 16 bytes */
		rv_s(4, A0, 0, A0),		      /* no store of 16 bytes */
		rv_b(2, A0, A0, 8),		      /* no such branch */
		rv_i(0x67, 1, A0, A0, 0),	      /* no such jump */
		rv_r(0x2f, 2, 0x02 << 2, A0, A0, A1), /* lr.w with a second operand */
		rv_r(0x2f, 4, 0, A0, A0, A0),	      /* atomic of 16 bytes */
		rv_r(0x2f, 3, 0x05 << 2, A0, A0, A0), /* amocas */
		rv_i(0x07, 2, A0, A0, 0),	      /* flw */
		rv_i(0x0f, 2, 0, A0, 0),	      /* cbo.inval */
		rv_i(0x0f, 2, A0, A0, 4),	      /* cbo.zero with a destination */
		0x10200073,			      /* sret */
		RV_CSRRS(A0, 0x100, X0),	      /* sstatus */
		RV_CSRRW(A0, 0xf14, A0),	      /* mhartid can't be written */
		RV_CSRRS(A0, 0xc00, A0),	      /* nor can cycle */
	};
	struct vm *vm = *state;

	for (size_t i = 0; i < sizeof(insns) / sizeof(insns[0]); i++) {
		struct tidal_event event;

		VM_CODE_AT(vm, VM_CODE, RV_NOP, insns[i]);
		vm_boot(vm, 0, VM_CODE, VM_DATA, 1, 2);
		event = vm_run(vm, 0);
		vm_expect_fault(vm, &event, "illegal instruction", VM_CODE + 4);
		assert_int_equal(vm_regs(vm, 0).retired, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_immediates, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_registers, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_words, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_multiply, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_divide, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_upper_immediates, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_x0_stays_zero, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_illegal, vm_setup, vm_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
