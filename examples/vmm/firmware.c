/* SPDX-License-Identifier: BSD-3-Clause */
/* firmware.c - see firmware.h. Layouts: Intel SDM volume 3, chapters 4 (paging), 6 and 7. */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include "firmware.h"

#include <errno.h>
#include <string.h>

#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "options.h"
#include "platform.h"

#define PAGE 4096u
#define LARGE 0x200000u
#define GIB ((uint64_t)1 << 30)

/* Pages of it; the directories of RAM follow the last. */
enum {
	GDT_PAGE,
	IDT_PAGE,
	CODE_PAGE,
	TSS_PAGE,
	TSS_PAGE_2,
	PORTS_PAGE, /* which ports are the guest's: all */
	PORTS_PAGE_2,
	PORTS_END_PAGE,
	ROOT_PAGE,
	HIGH_POINTERS_PAGE,
	HIGH_PAGE, /* the directory of the last GiB below 4 */
	LOW_PAGE,  /* the table of the first 2 MiB */
	FIRST_PAGE,
};

#define PRESENT 1u
#define WRITABLE 2u
#define USER 4u
#define UNCACHED 0x10u
#define IS_LARGE 0x80u
#define ALL (PRESENT | WRITABLE | USER)

#define TSS_BYTES 128u
#define TSS_STACK 4 /* offsets in a TSS: stack of handlers, offset of the bitmap of ports */
#define TSS_PORTS 102
#define PORTS_BYTES 8192u
#define HANDLER_BYTES 32u

static uint64_t at(uint64_t page)
{
	return FIRMWARE_AT + page * PAGE;
}

static uint64_t *table(const struct firmware *f, uint64_t page)
{
	return (uint64_t *)(void *)(f->bytes + page * PAGE);
}

/* ---- page tables ---- */

static uint64_t gibs_of(uint64_t memory)
{
	return (memory + GIB - 1) / GIB;
}

static uint64_t pointers_of(uint64_t memory)
{
	return (gibs_of(memory) + 511) / 512;
}

static void map_ram(const struct firmware *f, uint64_t memory)
{
	uint64_t pointers = FIRST_PAGE, directories = pointers + pointers_of(memory);

	for (uint64_t a = 0; a < memory; a += LARGE) {
		uint64_t gib = a / GIB, pointer = pointers + gib / 512;

		table(f, ROOT_PAGE)[gib / 512] = at(pointer) | ALL;
		table(f, pointer)[gib % 512] = at(directories + gib) | ALL;
		table(f, directories + gib)[a / LARGE % 512] = VMM_PHYSICAL(a) | IS_LARGE | ALL;
	}
	table(f, directories)[0] = at(LOW_PAGE) | ALL;
	for (uint64_t a = VMM_AREA; a < LARGE; a += PAGE)
		table(f, LOW_PAGE)[a / PAGE] = a | ALL;
}

static void map_high(const struct firmware *f)
{
	uint64_t *directory = table(f, HIGH_PAGE);

	table(f, ROOT_PAGE)[VMM_HIGH >> 39] = at(HIGH_POINTERS_PAGE) | ALL;
	table(f, HIGH_POINTERS_PAGE)[FIRMWARE_AT / GIB] = at(HIGH_PAGE) | ALL;
	directory[0] = FIRMWARE_AT | IS_LARGE | PRESENT | WRITABLE;
	directory[(VMM_APIC - FIRMWARE_AT) / LARGE] = VMM_APIC | IS_LARGE | UNCACHED | ALL;
}

/* ---- handlers ---- */

static void put(uint8_t **to, const char *code, size_t len)
{
	memcpy(*to, code, len);
	*to += len;
}
#define PUT(to, code) put(to, code, sizeof(code) - 1)

static int has_error(unsigned vector)
{
	return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 ||
	       vector == 29 || vector == 30;
}

/* Tell the VMM, which does not come back. */
static void put_exception(uint8_t *to, unsigned vector)
{
	if (has_error(vector))
		PUT(&to, "\x5b"); /* pop %rbx */
	else
		PUT(&to, "\x31\xdb");  /* xor %ebx, %ebx */
	PUT(&to, "\x48\x8b\x0c\x24"); /* mov (%rsp), %rcx */
	PUT(&to, "\x0f\x20\xd2");     /* mov %cr2, %rdx */
	PUT(&to, "\xb0");	      /* mov $vector, %al */
	*to++ = (uint8_t)vector;
	PUT(&to, "\xe6"); /* out %al, $FIRMWARE_PORT */
	*to++ = FIRMWARE_PORT;
	PUT(&to, "\xf4\xeb\xfd"); /* hlt; again */
}

/* Interrupts are off here: none comes between the look and the wait. */
static void put_wait(uint8_t *to)
{
	PUT(&to, "\x48\x39\x37\x75\x02"); /* cmp %rsi, (%rdi); jne to the end */
	PUT(&to, "\xfb\xf4\x48\xcf");	   /* sti; hlt; iretq */
}

/* Add one to a counter of the vCPU's area, in which the stack is, and say EOI. Takes room for two. */
static void put_interrupt(uint8_t *to, unsigned counter)
{
	uint64_t eoi = VMM_HIGH + VMM_APIC + 0xb0;

	PUT(&to, "\x50\x48\x89\xe0");		/* push %rax; mov %rsp, %rax */
	PUT(&to, "\x48\x25\x00\xf0\xff\xff");	/* and $-4096, %rax */
	PUT(&to, "\x48\xff\x40");		/* incq counter(%rax) */
	*to++ = (uint8_t)counter;
	PUT(&to, "\x48\xb8"); /* movabs $eoi, %rax */
	memcpy(to, &eoi, sizeof(eoi));
	to += sizeof(eoi);
	PUT(&to, "\xc7\x00\x00\x00\x00\x00\x58\x48\xcf"); /* movl $0, (%rax); pop %rax; iretq */
}

static void put_gate(const struct firmware *f, unsigned vector, unsigned handler, unsigned dpl)
{
	uint64_t *gate = table(f, IDT_PAGE) + 2 * vector;
	uint64_t to = VMM_HIGH + at(CODE_PAGE) + handler * HANDLER_BYTES;

	gate[0] = (to & 0xffff) | (uint64_t)FIRMWARE_KERNEL_CODE << 16 | (0x8eu | (uint64_t)dpl << 5) << 40 |
		  (to >> 16 & 0xffff) << 48;
	gate[1] = to >> 32;
}

#define EXCEPTIONS 32

static void fill_handlers(const struct firmware *f)
{
	uint8_t *code = f->bytes + CODE_PAGE * PAGE;

	for (unsigned v = 0; v < EXCEPTIONS; v++) {
		put_exception(code + v * HANDLER_BYTES, v);
		put_gate(f, v, v, 0);
	}
	put_interrupt(code + EXCEPTIONS * HANDLER_BYTES, VMM_COUNT_TIMER);
	put_gate(f, VMM_VECTOR_TIMER, EXCEPTIONS, 0);
	put_interrupt(code + (EXCEPTIONS + 2) * HANDLER_BYTES, VMM_COUNT_WAKE);
	put_gate(f, VMM_VECTOR_WAKE, EXCEPTIONS + 2, 0);
	put_wait(code + (EXCEPTIONS + 4) * HANDLER_BYTES);
	put_gate(f, VMM_WAIT, EXCEPTIONS + 4, 3);
}

/* ---- descriptors ---- */

/* All TSS share a bitmap: not every KVM goes by IOPL alone. */
static uint32_t ports_offset(unsigned vcpu)
{
	return (PORTS_PAGE - TSS_PAGE) * PAGE - vcpu * TSS_BYTES;
}

static void fill_descriptors(const struct firmware *f)
{
	uint64_t *gdt = table(f, GDT_PAGE);

	/* with their accessed bits set already */
	gdt[FIRMWARE_KERNEL_CODE / 8] = 0x00af9b000000ffff;
	gdt[FIRMWARE_KERNEL_CODE / 8 + 1] = 0x00cf93000000ffff;
	gdt[FIRMWARE_USER_DATA / 8] = 0x00cff3000000ffff;
	gdt[FIRMWARE_USER_CODE / 8] = 0x00affb000000ffff;
	for (unsigned v = 0; v < MINI_POD_VCPUS_MAX; v++) {
		uint64_t stack = VMM_AREA + (v + 1) * VMM_AREA_BYTES;
		uint16_t ports = (uint16_t)ports_offset(v);
		uint8_t *tss = f->bytes + TSS_PAGE * PAGE + v * TSS_BYTES;

		memcpy(tss + TSS_STACK, &stack, sizeof(stack));
		memcpy(tss + TSS_PORTS, &ports, sizeof(ports));
	}
	f->bytes[PORTS_END_PAGE * PAGE] = 0xff;
}

/* ---- opened ---- */

int firmware_open(struct firmware *f, int vm_fd, uint32_t slot, uint64_t memory)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = FIRMWARE_AT,
	};
	void *bytes;

	f->len = (FIRST_PAGE + pointers_of(memory) + gibs_of(memory)) * PAGE;
	bytes = mmap(NULL, f->len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (bytes == MAP_FAILED)
		return errno;
	f->bytes = bytes;
	fill_descriptors(f);
	fill_handlers(f);
	map_ram(f, memory);
	map_high(f);
	region.memory_size = f->len;
	region.userspace_addr = (uintptr_t)bytes;
	return ioctl(vm_fd, KVM_SET_USER_MEMORY_REGION, &region) ? errno : 0;
}

void firmware_tables(unsigned vcpu, struct firmware_tables *tables)
{
	*tables = (struct firmware_tables){
		.cr3 = at(ROOT_PAGE),
		.gdt = VMM_HIGH + at(GDT_PAGE),
		.idt = VMM_HIGH + at(IDT_PAGE),
		.tss = VMM_HIGH + at(TSS_PAGE) + vcpu * TSS_BYTES,
		.gdt_limit = 0x3f,
		.idt_limit = PAGE - 1,
		.tss_limit = (uint16_t)(ports_offset(vcpu) + PORTS_BYTES),
	};
}

void firmware_close(struct firmware *f)
{
	if (f->bytes)
		munmap(f->bytes, f->len);
	f->bytes = NULL;
}
