/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * firmware.h - what the processor reads besides the guest's memory: page tables, descriptors,
 * handlers. Each node has its own, at the same place and of the same contents, outside of
 * guest RAM, so that it never stalls and is never sent. Nobody changes it but for the processor's
 * accessed and dirty bits, of which nothing depends.
 */
#ifndef VMM_FIRMWARE_H
#define VMM_FIRMWARE_H

#include <stddef.h>
#include <stdint.h>

#define FIRMWARE_AT 0xc0000000u /* physical, in the hole */
#define FIRMWARE_PORT 0xf5	/* exceptions say their vector here, with rbx: error, rcx: rip, rdx: cr2 */

struct firmware {
	uint8_t *bytes;
	size_t len;
};

/* What a vCPU's registers say of it: addresses and limits. */
struct firmware_tables {
	uint64_t cr3; /* physical */
	uint64_t gdt, idt, tss;
	uint16_t gdt_limit, idt_limit, tss_limit;
};

#define FIRMWARE_USER_CODE 0x33
#define FIRMWARE_USER_DATA 0x2b
#define FIRMWARE_TSS 0x40
#define FIRMWARE_KERNEL_CODE 0x08 /* then data */

/* For that much guest RAM; into a memory slot of the VM. 0, or an errno. close() in any case. */
int firmware_open(struct firmware *firmware, int vm_fd, uint32_t slot, uint64_t memory);
void firmware_tables(unsigned vcpu, struct firmware_tables *tables);
/* After the VM is closed. */
void firmware_close(struct firmware *firmware);

#endif
