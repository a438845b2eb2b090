/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Garbage as code, on two harts that share pages which come and go: whatever the guest
 * does, the host stays sound. (That its results are right is for tests/diff to show.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

#include "fake_asm.h"
#include "fake_vm.h"

#define WORDS 1024u
#define SEEDS 300u
#define TURNS 200u

static uint64_t next(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

/* Pure noise is mostly illegal: most words get an opcode that exists. */
static uint32_t garbage(uint64_t *s)
{
	static const uint8_t opcodes[] = { 0x03, 0x0f, 0x13, 0x17, 0x1b, 0x23, 0x2f, 0x33,
					   0x37, 0x3b, 0x63, 0x67, 0x6f, 0x73 };
	uint32_t word = (uint32_t)(next(s) >> 16);

	switch (next(s) % 16) {
	case 0:
		return word;
	case 1:
		return RV_CBO_ZERO(word % 32);
	case 2:
		return RV_LR(3, word % 32, A0 + word / 32 % 4);
	default:
		return (word & ~0x7fu) | opcodes[next(s) % sizeof(opcodes)];
	}
}

/* Registers point to somewhere in the pages in use, to devices, or anywhere. */
static void boot(struct vm *vm, tidal_vcpuid vcpu, uint64_t *s)
{
	struct tidal_fake_boot boot = { .pc = VM_CODE + next(s) % WORDS * 4 };

	for (unsigned i = 0; i < 6; i++) {
		uint64_t r = next(s);

		boot.a[i] = r % 8 == 0 ? r :
			    r % 8 == 1 ? TIDAL_FAKE_DEVICES + (r >> 8) % 64 :
					 VM_CODE + (r >> 8) % (VM_DATA + 8192 - VM_CODE);
	}
	assert_int_equal(tidal_fake_vcpu_boot(vm->host, vcpu, &boot), 0);
}

/* Give what a hart waits for, mostly, and take away something. */
static unsigned serve(struct vm *vm, const struct tidal_ev_stall *stall, uint64_t *s)
{
	uint64_t r = next(s);
	tidal_gpa page = stall->gpa & ~(tidal_gpa)4095;

	if (stall->access == TIDAL_IO)
		return TIDAL_RESUME_IO;
	if (stall->access == TIDAL_ZERO && r % 2)
		return TIDAL_RESUME_SKIP;
	if (r % 16 == 1 && vm->pages > 2) {
		tidal_gpa other = vm->page[2 + next(s) % (vm->pages - 2)].gfn * TIDAL_PAGE_SIZE;

		if (vm->ops->frame_data(vm->host, vm_frame(vm, other), other / TIDAL_PAGE_SIZE))
			vm_unmap(vm, other);
	}
	if (r % 16 == 2)
		vm_protect(vm, VM_CODE);
	if (vm->pages < 60 || vm_frame(vm, page) != TIDAL_FRAME_NONE)
		vm_map(vm, page, r % 4 ? TIDAL_PROT_RW : TIDAL_PROT_R);
	return TIDAL_RESUME_RETRY;
}

/* One turn of one hart; false: it is off. */
static bool turn(struct vm *vm, tidal_vcpuid vcpu, unsigned *resume, uint64_t *s)
{
	struct tidal_act_vcpu act = { .vcpu = vcpu, .hthread = vcpu, .resume = (uint16_t)*resume,
				      .value = next(s), .watch = next(s) % 2 };
	uint64_t before = vm_regs(vm, vcpu).retired;
	uint32_t budget = 1 + next(s) % 64;
	struct tidal_event events[4];
	int n;

	assert_int_equal(vm->ops->vcpu_run(vm->host, &act), 0);
	n = vm->ops->poll(vm->host, budget, events, 4);
	assert_int_equal(vm->ops->vcpu_kick(vm->host, vcpu), 0);
	n += vm->ops->poll(vm->host, 0, events + n, 4 - n);
	assert_in_range(n, 1, 2);
	assert_true(vm_regs(vm, vcpu).retired - before <= budget + 1);
	assert_int_equal(vm_regs(vm, vcpu).x[0], 0);
	assert_int_equal(vm_regs(vm, vcpu).pc % 4, 0);
	if (n == 2)
		assert_int_equal(events[0].kind, TIDAL_EV_RETIRED);
	*resume = TIDAL_RESUME_RETRY;
	if (events[n - 1].kind == TIDAL_EV_STALL)
		*resume = serve(vm, &events[n - 1].u.stall, s);
	else
		return events[n - 1].u.stopped.reason == TIDAL_STOP_SLICE;
	return true;
}

static void run_seed(uint64_t seed)
{
	uint64_t s = seed * 0x9e3779b97f4a7c15u;
	uint32_t code[WORDS];
	unsigned resume[2] = { 0, 0 };
	struct vm *vm;

	assert_int_equal(vm_setup((void **)&vm), 0);
	for (unsigned i = 0; i < WORDS; i++)
		code[i] = garbage(&s);
	vm_code(vm, VM_CODE, code, WORDS);
	vm_map(vm, VM_CODE, TIDAL_PROT_RW);
	for (tidal_vcpuid i = 0; i < 2; i++)
		boot(vm, i, &s);
	for (unsigned i = 0; i < TURNS; i++) {
		tidal_vcpuid vcpu = i % 2;

		if (!turn(vm, vcpu, &resume[vcpu], &s)) {
			boot(vm, vcpu, &s);
			resume[vcpu] = TIDAL_RESUME_RETRY;
		}
	}
	vm_teardown((void **)&vm);
}

static void test_garbage(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		run_seed(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
