/* SPDX-License-Identifier: BSD-3-Clause */
/* Loads, stores and zeroing on the fake host: results, stalls that restart exactly, devices, faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "fake_asm.h"
#include "fake_vm.h"

#define NEXT (VM_DATA + TIDAL_PAGE_SIZE) /* not mapped at first */
#define PATTERN 0xf1e2d3c4b5a69788u

/* Run one instruction at VM_CODE with a0, a1; a2 tells what it loaded. */
static struct tidal_event run_one(struct vm *vm, uint32_t insn, uint64_t a0, uint64_t a1)
{
	VM_CODE_AT(vm, VM_CODE, insn, RV_EBREAK);
	vm_boot(vm, 0, VM_CODE, a0, a1, 0);
	return vm_run(vm, 0);
}

static void test_load_kinds(void **state)
{
	static const uint64_t expected[7] = { 0xffffffffffffff88u, 0xffffffffffff9788u,
					      0xffffffffb5a69788u, PATTERN,
					      0x88,		   0x9788,
					      0xb5a69788u };
	struct vm *vm = *state;

	vm_put(vm, VM_DATA + 16, PATTERN);
	for (unsigned funct3 = 0; funct3 < 7; funct3++) {
		run_one(vm, rv_i(0x03, funct3, A2, A0, -8), VM_DATA + 24, 0);
		assert_int_equal(vm_regs(vm, 0).x[A2], expected[funct3]);
	}
}

static void test_store_kinds(void **state)
{
	struct vm *vm = *state;

	for (unsigned funct3 = 0; funct3 < 4; funct3++) {
		uint64_t mask = funct3 == 3 ? UINT64_MAX : ((uint64_t)1 << (8 << funct3)) - 1;

		vm_put(vm, VM_DATA + 8, 0x1111111111111111u);
		vm_put(vm, VM_DATA + 16, 0x2222222222222222u);
		run_one(vm, rv_s(funct3, A1, 8, A0), VM_DATA, PATTERN);
		assert_int_equal(vm_get(vm, VM_DATA + 8),
				 (0x1111111111111111u & ~mask) | (PATTERN & mask));
		assert_int_equal(vm_get(vm, VM_DATA + 16), 0x2222222222222222u);
	}
}

static void test_misaligned(void **state)
{
	struct vm *vm = *state;

	for (unsigned at = 1; at < 8; at++) {
		memset(vm_bytes(vm, VM_DATA), 0, 32);
		run_one(vm, RV_SD(A1, 0, A0), VM_DATA + at, PATTERN);
		assert_int_equal(vm_get(vm, VM_DATA + at), PATTERN);
		assert_int_equal(vm_get(vm, VM_DATA + at + 8), 0);
		run_one(vm, RV_LD(A2, 0, A0), VM_DATA + at, 0);
		assert_int_equal(vm_regs(vm, 0).x[A2], PATTERN);
	}
}

static void test_read_stall(void **state)
{
	struct vm *vm = *state;
	struct tidal_event event = run_one(vm, RV_LD(A2, 0, A0), NEXT + 40, 0);

	vm_expect_stall(&event, TIDAL_READ, NEXT + 40);
	assert_int_equal(vm_regs(vm, 0).pc, VM_CODE);
	assert_int_equal(vm_regs(vm, 0).retired, 0);
	event = vm_run(vm, 0); /* still missing: the same again */
	vm_expect_stall(&event, TIDAL_READ, NEXT + 40);
	vm_map(vm, NEXT, TIDAL_PROT_R);
	vm_put(vm, NEXT + 40, 123);
	vm_run_to_end(vm, 0);
	assert_int_equal(vm_regs(vm, 0).x[A2], 123);
	assert_int_equal(vm_regs(vm, 0).retired, 1);
}

static void test_write_stall(void **state)
{
	struct vm *vm = *state;
	struct tidal_event event = run_one(vm, RV_SW(A1, 4, A0), NEXT, 7);

	vm_expect_stall(&event, TIDAL_WRITE, NEXT + 4);
	vm_map(vm, NEXT, TIDAL_PROT_R); /* not enough */
	event = vm_run(vm, 0);
	vm_expect_stall(&event, TIDAL_WRITE, NEXT + 4);
	assert_int_equal(vm_get(vm, NEXT), 0);
	vm_map(vm, NEXT, TIDAL_PROT_RW);
	vm_run_to_end(vm, 0);
	assert_int_equal(vm_get(vm, NEXT), (uint64_t)7 << 32);
}

/* What the TLB learned must be forgotten. */
static void test_revoked_rights(void **state)
{
	struct vm *vm = *state;
	struct tidal_event event;

	VM_CODE_AT(vm, VM_CODE, RV_SD(A1, 0, A0), RV_LD(A2, 0, A0), rv_jal(X0, -8));
	vm_boot(vm, 0, VM_CODE, VM_DATA, 5, 0);
	vm_step(vm, 0, 30);
	assert_int_equal(vm_protect(vm, VM_DATA), 0);
	event = vm_run(vm, 0);
	vm_expect_stall(&event, TIDAL_WRITE, VM_DATA);
	vm_map(vm, VM_DATA, TIDAL_PROT_RW);
	vm_step(vm, 0, 1); /* the store */
	vm_unmap(vm, VM_DATA);
	event = vm_run(vm, 0);
	vm_expect_stall(&event, TIDAL_READ, VM_DATA);
}

/* Both pages are there, or nothing happens. */
static void test_page_crossing_store(void **state)
{
	struct vm *vm = *state;
	uint64_t at = NEXT - 3;
	struct tidal_event event = run_one(vm, RV_SD(A1, 0, A0), at, PATTERN);

	vm_expect_stall(&event, TIDAL_WRITE, NEXT);
	assert_int_equal(vm_get(vm, NEXT - 8), 0);
	vm_map(vm, NEXT, TIDAL_PROT_R);
	vm_unmap(vm, VM_DATA);
	event = vm_run(vm, 0);
	vm_expect_stall(&event, TIDAL_WRITE, at);
	vm_map(vm, VM_DATA, TIDAL_PROT_RW);
	event = vm_run(vm, 0);
	vm_expect_stall(&event, TIDAL_WRITE, NEXT);
	assert_int_equal(vm_get(vm, NEXT - 8), 0);
	vm_map(vm, NEXT, TIDAL_PROT_RW);
	vm_run_to_end(vm, 0);
	assert_int_equal(vm_get(vm, NEXT - 8), PATTERN << 40);
	assert_int_equal(vm_get(vm, NEXT), PATTERN >> 24);
}

static void test_page_crossing_load(void **state)
{
	struct vm *vm = *state;
	uint64_t at = NEXT - 5;
	struct tidal_event event = run_one(vm, RV_LD(A2, 0, A0), at, 0);

	vm_expect_stall(&event, TIDAL_READ, NEXT);
	vm_map(vm, NEXT, TIDAL_PROT_R);
	vm_put(vm, NEXT - 8, PATTERN << 24);
	vm_put(vm, NEXT, PATTERN >> 40);
	vm_run_to_end(vm, 0);
	assert_int_equal(vm_regs(vm, 0).x[A2], PATTERN);
}

/* The same when the TLB knows the first page well. */
static void test_page_crossing_from_warm_page(void **state)
{
	const uint32_t insns[] = { RV_LD(A2, 2, A0), RV_SD(A1, 2, A0) };
	struct vm *vm = *state;
	struct tidal_event event;

	for (unsigned i = 0; i < 2; i++) {
		VM_CODE_AT(vm, VM_CODE, RV_LD(A2, -8, A0), RV_SD(A2, -8, A0), insns[i], RV_EBREAK);
		vm_boot(vm, 0, VM_CODE, NEXT - 8, PATTERN, 0);
		event = vm_run(vm, 0);
		vm_expect_stall(&event, i ? TIDAL_WRITE : TIDAL_READ, NEXT);
		assert_int_equal(vm_get(vm, NEXT - 8), 0);
	}
}

static void test_exec_stall(void **state)
{
	struct vm *vm = *state;
	uint64_t page2 = VM_CODE + TIDAL_PAGE_SIZE;
	struct tidal_event event;

	/* fall through from one page to the next */
	VM_CODE_AT(vm, page2 - 8, RV_ADDI(A0, A0, 1), RV_ADDI(A0, A0, 1));
	vm_boot(vm, 0, page2 - 8, 0, 0, 0);
	event = vm_run(vm, 0);
	vm_expect_stall(&event, TIDAL_EXEC, page2);
	assert_int_equal(vm_regs(vm, 0).pc, page2);
	assert_int_equal(vm_regs(vm, 0).retired, 2);
	vm_map(vm, page2, TIDAL_PROT_R);
	VM_CODE_AT(vm, page2, RV_ADDI(A0, A0, 1), RV_EBREAK);
	vm_run_to_end(vm, 0);
	assert_int_equal(vm_regs(vm, 0).x[A0], 3);
}

static void test_zero_block(void **state)
{
	struct vm *vm = *state;
	struct tidal_event event;

	vm_put(vm, VM_DATA, 1);
	vm_put(vm, VM_DATA + 4088, 2);
	run_one(vm, RV_CBO_ZERO(A0), VM_DATA + 1234, 0); /* any address of the page */
	assert_int_equal(vm_regs(vm, 0).retired, 1);
	assert_int_equal(vm_unmap(vm, VM_DATA), 1); /* all of it is zero */

	event = run_one(vm, RV_CBO_ZERO(A0), VM_DATA + 1234, 0);
	vm_expect_stall(&event, TIDAL_ZERO, VM_DATA);
	vm_map(vm, VM_DATA, TIDAL_PROT_R);
	event = vm_run(vm, 0);
	vm_expect_stall(&event, TIDAL_ZERO, VM_DATA);
	vm_put(vm, VM_DATA, 99);
	event = vm_resume(vm, 0, TIDAL_RESUME_SKIP, 0);
	vm_expect_fault(vm, &event, "breakpoint", VM_CODE + 4);
	assert_int_equal(vm_regs(vm, 0).retired, 1);
	assert_int_equal(vm_get(vm, VM_DATA), 99); /* skipped, not done */
}

static void test_page_of_zeroes(void **state)
{
	struct vm *vm = *state;
	struct tidal_act_pages act = { .token = ++vm->token,
				       .gfn = NEXT / TIDAL_PAGE_SIZE,
				       .mask = 3,
				       .frame = TIDAL_FRAME_ZERO,
				       .prot = TIDAL_PROT_R };
	struct tidal_event event;

	assert_int_equal(vm->ops->map(vm->host, &act), 0);
	assert_int_equal(vm->ops->poll(vm->host, 0, &event, 1), 1);
	event = run_one(vm, RV_LD(A2, 0, A0), NEXT + TIDAL_PAGE_SIZE, 0);
	vm_expect_fault(vm, &event, "breakpoint", VM_CODE + 4);
	event = run_one(vm, RV_SD(A1, 0, A0), NEXT, 1);
	vm_expect_stall(&event, TIDAL_WRITE, NEXT);
	vm_map(vm, NEXT, TIDAL_PROT_RW); /* replaces it */
	vm_run_to_end(vm, 0);
	assert_int_equal(vm_get(vm, NEXT), 1);
	event = run_one(vm, RV_LD(A2, 0, A0), NEXT + TIDAL_PAGE_SIZE, 0);
	assert_int_equal(vm_regs(vm, 0).x[A2], 0);
}

static void test_device(void **state)
{
	static const uint64_t loaded[7] = { 0xffffffffffffff88u, 0xffffffffffff9788u,
					    0xffffffffb5a69788u, PATTERN,
					    0x88,		 0x9788,
					    0xb5a69788u };
	struct vm *vm = *state;
	struct tidal_event event;

	for (unsigned funct3 = 0; funct3 < 7; funct3++) {
		event = run_one(vm, rv_i(0x03, funct3, A2, A0, 0), TIDAL_FAKE_TICKET, 0);
		vm_expect_stall(&event, TIDAL_IO, TIDAL_FAKE_TICKET);
		assert_int_equal(event.u.stall.io_write, 0);
		assert_int_equal(event.u.stall.io_size, 1 << (funct3 & 3));
		event = vm_resume(vm, 0, TIDAL_RESUME_IO, PATTERN);
		vm_expect_fault(vm, &event, "breakpoint", VM_CODE + 4);
		assert_int_equal(vm_regs(vm, 0).x[A2], loaded[funct3]);
		assert_int_equal(vm_regs(vm, 0).retired, 1);
	}
	for (unsigned funct3 = 0; funct3 < 4; funct3++) {
		uint64_t mask = funct3 == 3 ? UINT64_MAX : ((uint64_t)1 << (8 << funct3)) - 1;

		event = run_one(vm, rv_s(funct3, A1, 0, A0), TIDAL_FAKE_CONSOLE, PATTERN);
		vm_expect_stall(&event, TIDAL_IO, TIDAL_FAKE_CONSOLE);
		assert_int_equal(event.u.stall.io_write, 1);
		assert_int_equal(event.u.stall.io_size, 1 << funct3);
		assert_int_equal(event.u.stall.io_data, PATTERN & mask);
		event = vm_resume(vm, 0, TIDAL_RESUME_IO, 0);
		vm_expect_fault(vm, &event, "breakpoint", VM_CODE + 4);
	}
	/* a load to x0 still happens */
	event = run_one(vm, RV_LD(X0, 0, A0), TIDAL_FAKE_TICKET, 0);
	vm_expect_stall(&event, TIDAL_IO, TIDAL_FAKE_TICKET);
	vm_resume(vm, 0, TIDAL_RESUME_IO, 7);
	assert_int_equal(vm_regs(vm, 0).x[0], 0);
}

static void test_resume_must_fit(void **state)
{
	struct vm *vm = *state;
	struct tidal_act_vcpu act = { .resume = TIDAL_RESUME_IO };

	run_one(vm, RV_LD(A2, 0, A0), NEXT, 0);
	assert_int_equal(vm->ops->vcpu_run(vm->host, &act), TIDAL_EINVAL);
	act.resume = TIDAL_RESUME_SKIP;
	assert_int_equal(vm->ops->vcpu_run(vm->host, &act), TIDAL_EINVAL);
	run_one(vm, RV_CBO_ZERO(A0), NEXT, 0);
	act.resume = TIDAL_RESUME_IO;
	assert_int_equal(vm->ops->vcpu_run(vm->host, &act), TIDAL_EINVAL);
	run_one(vm, RV_LD(A2, 0, A0), TIDAL_FAKE_TICKET, 0);
	act.resume = TIDAL_RESUME_SKIP;
	assert_int_equal(vm->ops->vcpu_run(vm->host, &act), TIDAL_EINVAL);
	act.resume = 3;
	assert_int_equal(vm->ops->vcpu_run(vm->host, &act), TIDAL_EINVAL);
}

/* Regions beyond those of the machine: ROM that is there, and a hole. */
#define ROM 0x800000000000u
#define HOLE (ROM + 0x10000)

static void test_faults(void **state)
{
	static const char load[] = "load outside of memory";
	static const char store[] = "store outside of writable memory";
	static const char fetch[] = "instruction fetch outside of memory";
	const struct {
		uint32_t insn;
		uint64_t a0;
		const char *text;
		uint64_t pc;
	} rows[] = {
		{ RV_LD(A2, 0, A0), 64u << 20, load, VM_CODE }, /* behind the RAM */
		{ RV_LD(A2, 0, A0), (64u << 20) - 4, load, VM_CODE }, /* half behind it */
		{ RV_LB(A2, 0, A0), UINT64_MAX, load, VM_CODE },
		{ RV_LD(A2, 0, A0), UINT64_MAX - 3, load, VM_CODE }, /* wraps */
		{ RV_SD(A2, 0, A0), 64u << 20, store, VM_CODE },
		{ RV_SD(A2, 0, A0), UINT64_MAX - 3, store, VM_CODE },
		{ RV_SD(A2, 0, A0), ROM, store, VM_CODE },
		{ RV_CBO_ZERO(A0), ROM, store, VM_CODE },
		{ RV_AMO(RV_AMOADD, 3, A2, A1, A0), ROM, store, VM_CODE },
		{ RV_LD(A2, 0, A0), HOLE, load, VM_CODE },
		{ RV_SD(A2, 0, A0), HOLE + 8, store, VM_CODE },
		{ RV_JALR(X0, A0, 0), HOLE, fetch, HOLE },
		{ RV_JALR(X0, A0, 0), TIDAL_FAKE_DEVICES, fetch, TIDAL_FAKE_DEVICES },
		{ RV_JALR(X0, A0, 0), 64u << 20, fetch, 64u << 20 },
		{ RV_LW(A2, 0, A0), TIDAL_FAKE_DEVICES + 2, load, VM_CODE }, /* misaligned */
		{ RV_SD(A2, 0, A0), TIDAL_FAKE_DEVICES + 4, store, VM_CODE },
		{ RV_CBO_ZERO(A0), TIDAL_FAKE_DEVICES, store, VM_CODE },
		{ RV_AMO(RV_AMOADD, 3, A2, A1, A0), TIDAL_FAKE_DEVICES, store, VM_CODE },
		{ RV_LR(3, A2, A0), TIDAL_FAKE_DEVICES, load, VM_CODE },
	};
	const struct tidal_region rom = { ROM, 4096, TIDAL_REGION_ROM };
	const struct tidal_region hole = { HOLE, 4096, TIDAL_REGION_HOLE };
	struct vm *vm = *state;

	vm_map(vm, (64u << 20) - 4096, TIDAL_PROT_RW);
	assert_int_equal(vm->ops->region_add(vm->host, &rom), 0);
	assert_int_equal(vm->ops->region_add(vm->host, &hole), 0);
	vm_map(vm, ROM, TIDAL_PROT_RW);
	run_one(vm, RV_LD(A2, 0, A0), ROM, 0); /* reading is fine */
	assert_int_equal(vm_regs(vm, 0).pc, VM_CODE + 4);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tidal_event event = run_one(vm, rows[i].insn, rows[i].a0, 0);

		vm_expect_fault(vm, &event, rows[i].text, rows[i].pc);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_load_kinds, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_store_kinds, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_misaligned, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_read_stall, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_write_stall, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_revoked_rights, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_page_crossing_store, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_page_crossing_load, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_page_crossing_from_warm_page, vm_setup,
						vm_teardown),
		cmocka_unit_test_setup_teardown(test_exec_stall, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_zero_block, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_page_of_zeroes, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_device, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_resume_must_fit, vm_setup, vm_teardown),
		cmocka_unit_test_setup_teardown(test_faults, vm_setup, vm_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
