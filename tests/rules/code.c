/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules 11 and 12 of docs/protocol.md: what lies in the host, not in the core. Shown on the fake
 * host, which runs real code; other backends have the processor do it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../unit/fake_asm.h"
#include "../unit/fake_vm.h"

#define PAGE (VM_CODE + TIDAL_PAGE_SIZE) /* of code, RW */
#define OTHER_CODE (VM_CODE + 0x100)

/* ---- rule 11 ---- */

/* Run what is at PAGE, which must be "a0 += n; ebreak", and return n. */
static uint64_t added(struct vm *vm)
{
	vm_boot(vm, 0, PAGE, 0, 0, 0);
	vm_run_to_end(vm, 0);
	return vm_regs(vm, 0).x[A0];
}

/* Code that adds n; it has run, so it is decoded. */
static void decode(struct vm *vm, int n)
{
	vm_map(vm, PAGE, TIDAL_PROT_RW);
	VM_CODE_AT(vm, PAGE, RV_ADDI(A0, A0, n), RV_EBREAK);
	assert_int_equal(added(vm), n);
}

/*
 * The page leaves and comes back in the same frame, changed elsewhere. Broken in fake_mem_forget():
 * neither decoded code nor translation dropped.
 */
static void rule_11_code_changed_elsewhere(void **state)
{
	struct vm *vm = *state;
	uint32_t *code;

	decode(vm, 1);
	vm_unmap(vm, PAGE);
	code = vm->ops->frame_data(vm->host, vm_frame(vm, PAGE), TIDAL_GFN_NONE);
	assert_non_null(code);
	code[0] = RV_ADDI(A0, A0, 2);
	vm_map(vm, PAGE, TIDAL_PROT_R);
	assert_int_equal(added(vm), 2);
}

/* Another frame is installed at the same place. Broken in map_one(): nothing forgotten. */
static void rule_11_code_installed(void **state)
{
	struct tidal_act_pages act = { .mask = 1, .gfn = PAGE / TIDAL_PAGE_SIZE,
				       .prot = TIDAL_PROT_R };
	struct vm *vm = *state;
	struct tidal_event event;

	vm_map(vm, VM_DATA, TIDAL_PROT_RW);
	VM_CODE_AT(vm, VM_DATA, RV_ADDI(A0, A0, 2), RV_EBREAK);
	act.frame = vm_frame(vm, VM_DATA);
	vm_unmap(vm, VM_DATA);
	decode(vm, 1);
	assert_int_equal(vm->ops->map(vm->host, &act), 0);
	assert_int_equal(vm->ops->poll(vm->host, 0, &event, 1), 1);
	assert_int_equal(added(vm), 2);
}

/*
 * A hart writes to the page, the same one or another. Broken in write_bytes(): no
 * fake_code_written().
 */
static void rule_11_code_written_here(void **state)
{
	struct vm *vm = *state;

	for (tidal_vcpuid writer = 0; writer < 2; writer++) {
		decode(vm, 1);
		VM_CODE_AT(vm, OTHER_CODE, RV_SW(A1, 0, A0), RV_EBREAK);
		vm_boot(vm, writer, OTHER_CODE, PAGE, RV_ADDI(A0, A0, 2), 0);
		vm_step(vm, writer, 1);
		assert_int_equal(added(vm), 2);
	}
}

/* ---- rule 12 ---- */

/* LR on a page that is here read-only: an SC that is bound to come would stall anyway, and a
 * stall would end the reservation. Broken in fake_load_reserved(): loads as a read. */
static void rule_12_lr_stalls_as_a_write(void **state)
{
	struct vm *vm = *state;
	struct tidal_event event;

	VM_CODE_AT(vm, VM_CODE, RV_LR(3, A2, A0), RV_EBREAK);
	vm_protect(vm, VM_DATA);
	vm_boot(vm, 0, VM_CODE, VM_DATA, 0, 0);
	event = vm_run(vm, 0);
	vm_expect_stall(&event, TIDAL_WRITE, VM_DATA);
}

/* vCPU 0 has a reservation on VM_DATA and is about to store 7 there if it still has it. */
static void reserve(struct vm *vm)
{
	VM_CODE_AT(vm, VM_CODE, RV_LR(3, A2, A0), RV_SC(3, S0, A1, A0), RV_EBREAK);
	vm_put(vm, VM_DATA, 1);
	vm_boot(vm, 0, VM_CODE, VM_DATA, 7, 0);
	vm_step(vm, 0, 1);
}

static uint64_t conditional_store(struct vm *vm)
{
	vm_run_to_end(vm, 0);
	assert_int_equal(vm_get(vm, VM_DATA), vm_regs(vm, 0).x[S0] ? 1 : 7);
	return vm_regs(vm, 0).x[S0]; /* 0: it was done */
}

/* Nothing happens in between. Broken in fake_load_reserved(): no reservation. */
static void rule_12_reservation_holds(void **state)
{
	reserve(*state);
	assert_int_equal(conditional_store(*state), 0);
}

/* The page was away in between. Broken in fake_mem_forget(): reservations stay. */
static void rule_12_reservation_dies_on_unmap(void **state)
{
	reserve(*state);
	vm_unmap(*state, VM_DATA);
	vm_map(*state, VM_DATA, TIDAL_PROT_RW);
	assert_int_equal(conditional_store(*state), 1);
}

static void rule_12_reservation_dies_on_protect(void **state)
{
	reserve(*state);
	vm_protect(*state, VM_DATA);
	vm_map(*state, VM_DATA, TIDAL_PROT_RW);
	assert_int_equal(conditional_store(*state), 1);
}

/* Another vCPU stores what is there already. Broken in write_bytes(): no fake_unreserve_bytes(). */
static void rule_12_reservation_dies_on_a_write(void **state)
{
	struct vm *vm = *state;

	reserve(vm);
	VM_CODE_AT(vm, OTHER_CODE, RV_SD(A1, 0, A0), RV_EBREAK);
	vm_boot(vm, 1, OTHER_CODE, VM_DATA, 1, 0);
	vm_step(vm, 1, 1);
	assert_int_equal(conditional_store(vm), 1);
}

/* The vCPU moves. Broken in fake_vcpu_load(): the vCPU comes with a reservation. */
static void rule_12_reservation_does_not_move(void **state)
{
	struct vm *vm = *state;
	struct tidal_host_caps caps = { .size = sizeof(caps) };
	struct tidal_event event;
	uint8_t *buf;

	reserve(vm);
	assert_int_equal(vm->ops->query(vm->host, &caps), 0);
	buf = malloc(caps.vcpu_bytes);
	assert_int_equal(vm->ops->vcpu_save(vm->host, 1, 0, buf, caps.vcpu_bytes), 0);
	assert_int_equal(vm->ops->poll(vm->host, 0, &event, 1), 1);
	assert_int_equal(vm->ops->vcpu_drop(vm->host, 0), 0);
	assert_int_equal(vm->ops->vcpu_load(vm->host, 2, 0, buf, event.u.done.payload_len), 0);
	assert_int_equal(vm->ops->poll(vm->host, 0, &event, 1), 1);
	free(buf);
	assert_int_equal(conditional_store(vm), 1);
}

#define ON_VM(test) cmocka_unit_test_setup_teardown(test, vm_setup, vm_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_VM(rule_11_code_changed_elsewhere),
		ON_VM(rule_11_code_installed),
		ON_VM(rule_11_code_written_here),
		ON_VM(rule_12_lr_stalls_as_a_write),
		ON_VM(rule_12_reservation_holds),
		ON_VM(rule_12_reservation_dies_on_unmap),
		ON_VM(rule_12_reservation_dies_on_protect),
		ON_VM(rule_12_reservation_dies_on_a_write),
		ON_VM(rule_12_reservation_does_not_move),
	};

	return cmocka_run_group_tests_name("rules: code and reservations", tests, NULL, NULL);
}
