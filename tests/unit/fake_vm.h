/* SPDX-License-Identifier: BSD-3-Clause */
/* A machine for tests of the fake host: pages and vCPUs without a driver. Include after cmocka. */
#ifndef TEST_FAKE_VM_H
#define TEST_FAKE_VM_H

#include <tidal/fake.h>

#define VM_CODE 0x10000u /* where code lies and vCPUs start; its page is mapped R */
#define VM_DATA 0x20000u /* a page that is mapped RW; the two after it aren't mapped */
#define VM_BUDGET 10000u

struct vm {
	const struct tidal_host_ops *ops;
	struct tidal_host *host;
	uint64_t token;
	tidal_frame next; /* fresh */
	struct tidal_frame_of { tidal_gfn gfn; tidal_frame frame; } page[64];
	unsigned pages;
};

/* cmocka setup and teardown: *state is a struct vm with vCPUs 0 and 1. */
int vm_setup(void **state);
int vm_teardown(void **state);

/* Carry out one action, see it done, and return whether the page was tested as zero. */
int vm_map(struct vm *vm, tidal_gpa gpa, unsigned prot); /* a fresh frame; or the one it had */
int vm_unmap(struct vm *vm, tidal_gpa gpa);
int vm_protect(struct vm *vm, tidal_gpa gpa);
tidal_frame vm_frame(const struct vm *vm, tidal_gpa gpa);

/* The bytes of guest memory in a page that was mapped at some time. */
uint8_t *vm_bytes(struct vm *vm, tidal_gpa gpa);
uint64_t vm_get(struct vm *vm, tidal_gpa gpa);
void vm_put(struct vm *vm, tidal_gpa gpa, uint64_t value);
void vm_code(struct vm *vm, tidal_gpa gpa, const uint32_t *insns, unsigned n);
#define VM_CODE_AT(vm, gpa, ...)                                                   \
	vm_code(vm, gpa, (const uint32_t[]){ __VA_ARGS__ },                        \
		sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

/* Let the vCPU begin at *pc* with a0.. = a, b, c. It doesn't run yet. */
void vm_boot(struct vm *vm, tidal_vcpuid vcpu, uint64_t pc, uint64_t a, uint64_t b, uint64_t c);
/* Run it until its next event. */
struct tidal_event vm_run(struct vm *vm, tidal_vcpuid vcpu);
struct tidal_event vm_resume(struct vm *vm, tidal_vcpuid vcpu, unsigned resume, uint64_t value);
/* Run n instructions at most; the vCPU is stopped again, and what it did is returned. */
struct tidal_event vm_step(struct vm *vm, tidal_vcpuid vcpu, uint32_t n);
/* Run code that ends with EBREAK from VM_CODE; it must get there. */
void vm_run_to_end(struct vm *vm, tidal_vcpuid vcpu);
struct tidal_fake_regs vm_regs(struct vm *vm, tidal_vcpuid vcpu);

/* Is it a stall of that kind at that address? */
void vm_expect_stall(const struct tidal_event *event, unsigned access, tidal_gpa gpa);
/* Did the vCPU end by this fault at *pc*? */
void vm_expect_fault(struct vm *vm, const struct tidal_event *event, const char *text, uint64_t pc);

#endif
