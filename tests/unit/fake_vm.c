/* SPDX-License-Identifier: BSD-3-Clause */
/* A machine for tests of the fake host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_asm.h"
#include "fake_vm.h"

int vm_setup(void **state)
{
	struct vm *vm = calloc(1, sizeof(*vm));
	struct tidal_fake_config config;

	assert_non_null(vm);
	tidal_fake_config_init(&config, sizeof(config));
	config.frames = 128;
	config.hthreads = 2;
	vm->ops = tidal_fake_ops();
	assert_int_equal(tidal_fake_open(&config, &vm->host), 0);
	for (tidal_vcpuid i = 0; i < 2; i++)
		assert_int_equal(vm->ops->vcpu_create(vm->host, i), 0);
	vm_map(vm, VM_CODE, TIDAL_PROT_R);
	vm_map(vm, VM_DATA, TIDAL_PROT_RW);
	*state = vm;
	return 0;
}

int vm_teardown(void **state)
{
	struct vm *vm = *state;

	vm->ops->close(vm->host);
	free(vm);
	return 0;
}

tidal_frame vm_frame(const struct vm *vm, tidal_gpa gpa)
{
	for (unsigned i = 0; i < vm->pages; i++)
		if (vm->page[i].gfn == gpa / TIDAL_PAGE_SIZE)
			return vm->page[i].frame;
	return TIDAL_FRAME_NONE;
}

static int done(struct vm *vm)
{
	struct tidal_event event;

	assert_int_equal(vm->ops->poll(vm->host, 0, &event, 1), 1);
	assert_int_equal(event.kind, TIDAL_EV_HOST_DONE);
	assert_int_equal(event.u.done.token, vm->token);
	assert_int_equal(event.u.done.status, 0);
	return (int)event.u.done.zero;
}

int vm_map(struct vm *vm, tidal_gpa gpa, unsigned prot)
{
	struct tidal_act_pages act = { .token = ++vm->token,
				       .gfn = gpa / TIDAL_PAGE_SIZE,
				       .mask = 1,
				       .frame = vm_frame(vm, gpa),
				       .prot = (uint16_t)prot };

	if (act.frame == TIDAL_FRAME_NONE) {
		assert_true(vm->pages < 64);
		act.frame = vm->next++;
		vm->page[vm->pages++] = (struct tidal_frame_of){ act.gfn, act.frame };
	}
	assert_int_equal(vm->ops->map(vm->host, &act), 0);
	return done(vm);
}

static struct tidal_act_pages change(struct vm *vm, tidal_gpa gpa)
{
	return (struct tidal_act_pages){ .token = ++vm->token,
					 .gfn = gpa / TIDAL_PAGE_SIZE,
					 .mask = 1,
					 .frame = vm_frame(vm, gpa),
					 .test = 1 };
}

int vm_unmap(struct vm *vm, tidal_gpa gpa)
{
	struct tidal_act_pages act = change(vm, gpa);

	assert_int_equal(vm->ops->unmap(vm->host, &act), 0);
	return done(vm);
}

int vm_protect(struct vm *vm, tidal_gpa gpa)
{
	struct tidal_act_pages act = change(vm, gpa);

	assert_int_equal(vm->ops->protect(vm->host, &act), 0);
	return done(vm);
}

uint8_t *vm_bytes(struct vm *vm, tidal_gpa gpa)
{
	tidal_frame frame = vm_frame(vm, gpa);
	uint8_t *bytes = vm->ops->frame_data(vm->host, frame, gpa / TIDAL_PAGE_SIZE);

	if (!bytes)
		bytes = vm->ops->frame_data(vm->host, frame, TIDAL_GFN_NONE);
	assert_non_null(bytes);
	return bytes + gpa % TIDAL_PAGE_SIZE;
}

uint64_t vm_get(struct vm *vm, tidal_gpa gpa)
{
	const uint8_t *b = vm_bytes(vm, gpa);
	uint64_t v = 0;

	for (unsigned i = 0; i < 8; i++)
		v |= (uint64_t)b[i] << 8 * i;
	return v;
}

void vm_put(struct vm *vm, tidal_gpa gpa, uint64_t value)
{
	uint8_t *b = vm_bytes(vm, gpa);

	for (unsigned i = 0; i < 8; i++)
		b[i] = (uint8_t)(value >> 8 * i);
}

void vm_code(struct vm *vm, tidal_gpa gpa, const uint32_t *insns, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint8_t *b = vm_bytes(vm, gpa + 4 * i);

		for (unsigned j = 0; j < 4; j++)
			b[j] = (uint8_t)(insns[i] >> 8 * j);
	}
}

void vm_boot(struct vm *vm, tidal_vcpuid vcpu, uint64_t pc, uint64_t a, uint64_t b, uint64_t c)
{
	struct tidal_fake_boot boot = { pc, { a, b, c } };

	assert_int_equal(tidal_fake_vcpu_boot(vm->host, vcpu, &boot), 0);
}

struct tidal_event vm_resume(struct vm *vm, tidal_vcpuid vcpu, unsigned resume, uint64_t value)
{
	struct tidal_act_vcpu act = { .vcpu = vcpu,
				      .hthread = vcpu,
				      .resume = (uint16_t)resume,
				      .value = value };
	struct tidal_event event = { 0 };

	assert_int_equal(vm->ops->vcpu_run(vm->host, &act), 0);
	assert_int_equal(vm->ops->poll(vm->host, VM_BUDGET, &event, 1), 1);
	return event;
}

struct tidal_event vm_run(struct vm *vm, tidal_vcpuid vcpu)
{
	return vm_resume(vm, vcpu, TIDAL_RESUME_RETRY, 0);
}

struct tidal_event vm_step(struct vm *vm, tidal_vcpuid vcpu, uint32_t n)
{
	struct tidal_act_vcpu act = { .vcpu = vcpu, .hthread = vcpu };
	struct tidal_event event = { 0 };

	assert_int_equal(vm->ops->vcpu_run(vm->host, &act), 0);
	if (vm->ops->poll(vm->host, n, &event, 1) == 0) {
		assert_int_equal(vm->ops->vcpu_kick(vm->host, vcpu), 0);
		assert_int_equal(vm->ops->poll(vm->host, 0, &event, 1), 1);
	}
	return event;
}

struct tidal_fake_regs vm_regs(struct vm *vm, tidal_vcpuid vcpu)
{
	struct tidal_fake_regs regs;

	assert_int_equal(tidal_fake_vcpu_regs(vm->host, vcpu, &regs), 0);
	return regs;
}

void vm_expect_stall(const struct tidal_event *event, unsigned access, tidal_gpa gpa)
{
	assert_int_equal(event->kind, TIDAL_EV_STALL);
	assert_int_equal(event->u.stall.access, access);
	assert_int_equal(event->u.stall.gpa, gpa);
}

void vm_expect_fault(struct vm *vm, const struct tidal_event *event, const char *text, uint64_t pc)
{
	tidal_vcpuid vcpu;
	uint64_t at;
	uint32_t insn;
	const char *why = tidal_fake_fault(vm->host, &vcpu, &at, &insn);

	assert_int_equal(event->kind, TIDAL_EV_VCPU_STOPPED);
	assert_int_equal(event->u.stopped.reason, TIDAL_STOP_OFF);
	assert_non_null(why);
	assert_string_equal(why, text);
	assert_int_equal(at, pc);
	assert_int_equal(vcpu, event->u.stopped.vcpu);
}

void vm_run_to_end(struct vm *vm, tidal_vcpuid vcpu)
{
	struct tidal_event event = vm_run(vm, vcpu);

	vm_expect_fault(vm, &event, "breakpoint", vm_regs(vm, vcpu).pc);
}
