/* SPDX-License-Identifier: BSD-3-Clause */
/* Branches, jumps, traps, CSRs and the ways in which a run of the fake host ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "fake_asm.h"
#include "fake_vm.h"

#define HANDLER (VM_CODE + 0x800)
#define MISALIGNED "jump to a misaligned address"

static void test_branches(void **state)
{
	static const struct {
		unsigned funct3;
		uint64_t a, b;
		int taken;
	} rows[] = {
		{ 0, 5, 5, 1 },		 { 0, 5, 6, 0 },	  { 1, 5, 6, 1 },
		{ 1, 5, 5, 0 },		 { 4, UINT64_MAX, 0, 1 }, { 4, 0, UINT64_MAX, 0 },
		{ 4, 3, 3, 0 },		 { 5, 3, 3, 1 },	  { 5, 0, UINT64_MAX, 1 },
		{ 5, UINT64_MAX, 0, 0 }, { 6, 0, UINT64_MAX, 1 }, { 6, UINT64_MAX, 0, 0 },
		{ 6, 3, 3, 0 },		 { 7, 3, 3, 1 },	  { 7, UINT64_MAX, 0, 1 },
		{ 7, 0, UINT64_MAX, 0 },
	};
	/* within a page, to its last instruction, and across pages: forward and back */
	static const struct {
		tidal_gpa at;
		int offset;
	} places[] = {
		{ VM_CODE, 16 },	{ VM_CODE + 64, -16 },	 { VM_CODE, 4092 },
		{ VM_CODE + 4092, 4 },	{ VM_CODE + 4092, 8 },	 { VM_CODE + 4096, -4 },
		{ VM_CODE + 8, 4088 },	{ VM_CODE + 4096, -4096 }, { VM_CODE + 4092, -4092 },
	};
	struct vm *vm = *state;

	vm_map(vm, VM_CODE + 4096, TIDAL_PROT_R);
	for (size_t p = 0; p < sizeof(places) / sizeof(places[0]); p++)
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			tidal_gpa target = places[p].at + (tidal_gpa)(int64_t)places[p].offset;

			VM_CODE_AT(vm, places[p].at + 4, RV_EBREAK);
			VM_CODE_AT(vm, target, RV_EBREAK);
			VM_CODE_AT(vm, places[p].at,
				   rv_b(rows[i].funct3, A0, A1, places[p].offset));
			vm_boot(vm, 0, places[p].at, rows[i].a, rows[i].b, 0);
			vm_run_to_end(vm, 0);
			assert_int_equal(vm_regs(vm, 0).pc,
					 rows[i].taken ? target : places[p].at + 4);
			assert_int_equal(vm_regs(vm, 0).retired, 1);
		}
}

static void test_jumps(void **state)
{
	struct vm *vm = *state;

	vm_map(vm, VM_CODE + 0x20000 - 0x1000, TIDAL_PROT_R);
	VM_CODE_AT(vm, VM_CODE, rv_jal(RA, 0x1fffc), RV_EBREAK);
	VM_CODE_AT(vm, VM_CODE + 0x1fffc, RV_JALR(S0, RA, 0)); /* and back */
	vm_boot(vm, 0, VM_CODE, 0, 0, 0);
	vm_run_to_end(vm, 0);
	assert_int_equal(vm_regs(vm, 0).pc, VM_CODE + 4);
	assert_int_equal(vm_regs(vm, 0).x[RA], VM_CODE + 4);
	assert_int_equal(vm_regs(vm, 0).x[S0], VM_CODE + 0x20000);

	/* source and destination may be one register; bit 0 of the target is dropped */
	VM_CODE_AT(vm, VM_CODE, RV_JALR(A0, A0, 9), RV_NOP, RV_EBREAK);
	vm_boot(vm, 0, VM_CODE, VM_CODE, 0, 0);
	vm_run_to_end(vm, 0);
	assert_int_equal(vm_regs(vm, 0).pc, VM_CODE + 8);
	assert_int_equal(vm_regs(vm, 0).x[A0], VM_CODE + 4);
}

/* The jump itself faults, and links nothing. */
static void test_misaligned_targets(void **state)
{
	const uint32_t insns[] = { rv_jal(A1, 6), RV_JALR(A1, A0, 2), RV_BEQ(X0, X0, 10),
				   rv_jal(A1, 0x2002) };
	struct vm *vm = *state;
	struct tidal_event event;

	for (size_t i = 0; i < sizeof(insns) / sizeof(insns[0]); i++) {
		VM_CODE_AT(vm, VM_CODE, insns[i]);
		vm_boot(vm, 0, VM_CODE, VM_CODE, 55, 0);
		event = vm_run(vm, 0);
		vm_expect_fault(vm, &event, MISALIGNED, VM_CODE);
		assert_int_equal(vm_regs(vm, 0).x[A1], 55);
	}
	VM_CODE_AT(vm, VM_CODE, RV_BNE(X0, X0, 10), RV_EBREAK); /* not taken: no fault */
	vm_boot(vm, 0, VM_CODE, 0, 0, 0);
	vm_run_to_end(vm, 0);
}

/* With a handler exceptions are the guest's own affair. */
static void test_traps(void **state)
{
	const struct {
		uint32_t insn;
		uint64_t cause, tval;
	} rows[] = {
		{ RV_ECALL, 11, 0 },
		{ RV_EBREAK, 3, VM_CODE + 8 },
		{ 0, 2, 0 },
		{ 0xffffffff, 2, 0xffffffff },
		{ RV_CSRRW(X0, 0xf14, A1), 2, RV_CSRRW(X0, 0xf14, A1) },
		{ RV_LD(A2, 0, A1), 5, 64u << 20 },
		{ RV_SD(A2, 0, A1), 7, 64u << 20 },
		{ RV_LR(3, A2, A0), 4, VM_CODE + 0x802 },
		{ RV_AMO(RV_AMOADD, 3, A2, A2, A0), 6, VM_CODE + 0x802 },
		{ RV_SC(2, A2, A2, A0), 6, VM_CODE + 0x802 },
		{ rv_jal(X0, 6), 0, VM_CODE + 8 + 6 },
	};
	struct vm *vm = *state;

	VM_CODE_AT(vm, HANDLER, RV_CSRRS(S2, 0x341, X0), RV_CSRRS(S3, 0x342, X0),
		   RV_CSRRS(S4, 0x343, X0), RV_CSRRS(S5, 0x300, X0), RV_ADDI(S2, S2, 4),
		   RV_CSRRW(X0, 0x341, S2), RV_MRET);
	VM_CODE_AT(vm, VM_CODE + 12, RV_CSRRS(S6, 0x300, X0), RV_CSRRW(X0, 0x305, X0),
		   RV_EBREAK);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		/* a0 = HANDLER + 2: mtvec takes no mode; a1: nothing is there; a2 = MIE */
		VM_CODE_AT(vm, VM_CODE, RV_CSRRW(X0, 0x305, A0), RV_CSRRW(X0, 0x300, A2),
			   rows[i].insn);
		vm_boot(vm, 0, VM_CODE, HANDLER + 2, 64u << 20, 8);
		vm_run_to_end(vm, 0);
		assert_int_equal(vm_regs(vm, 0).x[S2], VM_CODE + 12);
		assert_int_equal(vm_regs(vm, 0).x[S3], rows[i].cause);
		assert_int_equal(vm_regs(vm, 0).x[S4], rows[i].tval);
		assert_int_equal(vm_regs(vm, 0).x[S5], 0x1880); /* MPP, MPIE; MIE off */
		assert_int_equal(vm_regs(vm, 0).x[S6], 0x1888); /* MIE again */
		assert_int_equal(vm_regs(vm, 0).retired, 2 + 7 + 2);
	}
}

/* A handler that can't be fetched traps for ever, but the run still ends. */
static void test_endless_traps(void **state)
{
	struct vm *vm = *state;
	struct tidal_event event;

	VM_CODE_AT(vm, VM_CODE, RV_CSRRW(X0, 0x305, A0), RV_ECALL);
	vm_boot(vm, 0, VM_CODE, 64u << 20, 0, 0);
	event = vm_step(vm, 0, 1000);
	assert_int_equal(event.kind, TIDAL_EV_VCPU_STOPPED);
	assert_int_equal(event.u.stopped.reason, TIDAL_STOP_SLICE);
	assert_int_equal(event.u.stopped.retired, 1);
}

static void test_csrs(void **state)
{
	struct vm *vm = *state;
	struct tidal_fake_regs regs;

	VM_CODE_AT(vm, VM_CODE, RV_CSRRW(S0, 0x340, A0), /* mscratch = a0 */
		   RV_CSRRS(S1, 0x340, A1),		 /* |= a1 */
		   RV_CSRRC(S2, 0x340, A2),		 /* &= ~a2 */
		   rv_i(0x73, 5, S3, 21, 0x340),	 /* = 21, by immediate */
		   rv_i(0x73, 6, S4, 2, 0x340),		 /* |= 2 */
		   rv_i(0x73, 7, S5, 1, 0x340),		 /* &= ~1 */
		   RV_CSRRS(S6, 0x340, X0),		 /* read only */
		   RV_CSRRS(S7, 0xf14, X0), RV_CSRRS(S8, 0x301, X0), RV_CSRRS(S9, 0xc02, X0),
		   RV_CSRRW(X0, 0xb02, A0), RV_CSRRS(S10, 0xb02, X0), RV_CSRRS(S11, 0xc00, X0),
		   RV_EBREAK);
	vm_boot(vm, 1, VM_CODE, 0xf0, 0x0f, 0x11);
	vm_run_to_end(vm, 1);
	regs = vm_regs(vm, 1);
	assert_int_equal(regs.x[S0], 0);
	assert_int_equal(regs.x[S1], 0xf0);
	assert_int_equal(regs.x[S2], 0xff);
	assert_int_equal(regs.x[S3], 0xee);
	assert_int_equal(regs.x[S4], 21);
	assert_int_equal(regs.x[S5], 23);
	assert_int_equal(regs.x[S6], 22);
	assert_int_equal(regs.x[S7], 1);			  /* mhartid */
	assert_int_equal(regs.x[S8], 0x8000000000001101u); /* misa: 64 bit, A, I, M */
	assert_int_equal(regs.x[S9], 9);			  /* instret before itself */
	assert_int_equal(regs.x[S10], 0xf0);			  /* written just before */
	assert_int_equal(regs.x[S11], 12);
}

static void test_time(void **state)
{
	struct vm *vm = *state;

	VM_CODE_AT(vm, VM_CODE, RV_CSRRS(A0, 0xc01, X0), RV_EBREAK);
	vm->ops->clock(vm->host, 1000);
	vm->ops->clock(vm->host, 900);
	vm_boot(vm, 0, VM_CODE, 0, 0, 0);
	vm_run_to_end(vm, 0);
	assert_int_equal(vm_regs(vm, 0).x[A0], 1000);
	vm->ops->clock(vm->host, 1001);
	vm_boot(vm, 0, VM_CODE, 0, 0, 0);
	vm_run_to_end(vm, 0);
	assert_int_equal(vm_regs(vm, 0).x[A0], 1001);
}

static void test_wfi(void **state)
{
	struct vm *vm = *state;
	struct tidal_event event;

	VM_CODE_AT(vm, VM_CODE, RV_NOP, RV_WFI, RV_EBREAK);
	vm_boot(vm, 0, VM_CODE, 0, 0, 0);
	event = vm_run(vm, 0);
	assert_int_equal(event.kind, TIDAL_EV_VCPU_STOPPED);
	assert_int_equal(event.u.stopped.reason, TIDAL_STOP_SLICE);
	assert_int_equal(event.u.stopped.retired, 2);
	vm_run_to_end(vm, 0);
	assert_int_equal(vm_regs(vm, 0).pc, VM_CODE + 8);
}

/* The budget is exact, wherever in a page or loop it ends, and adds up. */
static void test_budget(void **state)
{
	struct vm *vm = *state;
	struct tidal_event event;

	vm_map(vm, VM_CODE + 4096, TIDAL_PROT_R);
	VM_CODE_AT(vm, VM_CODE + 4088, RV_ADDI(A0, A0, 1), RV_ADDI(A0, A0, 1),
		   RV_ADDI(A0, A0, 1), rv_jal(X0, -12));
	vm_boot(vm, 0, VM_CODE + 4088, 0, 0, 0);
	for (uint32_t n = 0, sum = 0; n < 20; sum += ++n) {
		assert_int_equal(vm_regs(vm, 0).retired, sum);
		assert_int_equal(vm_regs(vm, 0).x[A0], sum - sum / 4);
		event = vm_step(vm, 0, n + 1);
		assert_int_equal(event.u.stopped.retired, n + 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_branches, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_jumps, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_misaligned_targets, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_traps, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_endless_traps, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_csrs, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_time, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_wfi, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_budget, vm_setup, vm_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
