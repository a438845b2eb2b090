/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * platform.h - the x86-64 machine that tidal-vmm makes, for itself and for its guests, in C and
 * assembler.
 *
 * Each vCPU begins at the entry of the ELF file, in 64-bit user mode with all I/O ports, with interrupts
 * on, no stack, and
 *	rdi = its number	rsi = number of vCPUs	rdx = bytes of RAM
 *	rcx = address of the input	r8 = bytes of input	r9 = first free address
 *
 * Addresses: RAM is mapped from 0 on, in one piece, but for the first MiB, where there is nothing; an
 * ELF file may begin at VMM_LOAD. Below that is an area of each vCPU. VMM_HIGH + physical address is where
 * the user-space local APIC is (xAPIC, one tick of its timer takes 1 ns; fixed interrupts only), and
 * tables that are not the guest's.
 *
 * Physical RAM has a hole below 4 GiB: see VMM_PHYSICAL().
 *
 * Interrupts have handlers already: they count, and say EOI. Exceptions end the guest.
 */
#ifndef VMM_PLATFORM_H
#define VMM_PLATFORM_H

#define VMM_HOLE 0xc0000000  /* physical: RAM to here, and again from ... */
#define VMM_HOLE_END 0x100000000
#define VMM_HIGH 0x7f8000000000
#define VMM_APIC 0xfee00000 /* physical */
#define VMM_LOAD 0x200000

/* The physical address of one in RAM. */
#define VMM_PHYSICAL(address) \
	((address) < VMM_HOLE ? (address) : (address) + (VMM_HOLE_END - VMM_HOLE))

/* A vCPU's area: a page. Its counters of interrupts are at the bottom, and the handlers' stack at the top. */
#define VMM_AREA 0x100000
#define VMM_AREA_BYTES 4096
#define VMM_COUNT_WAKE 0 /* 64 bits each */
#define VMM_COUNT_TIMER 8

/*
 * `int3` waits for an interrupt if the 64 bits at rdi are rsi, so that an interrupt that is sent after
 * they have been changed is not missed. (Not every KVM takes `int n` or `syscall` from user mode.)
 */
#define VMM_WAIT 3
#define VMM_VECTOR_TIMER 0xef
#define VMM_VECTOR_WAKE 0xf0

/* Ports. All are devices of node 0, wherever the vCPU is. */
#define VMM_EXIT 0xf4	 /* out: the guest ends with this exit code */
#define VMM_SERIAL 0x3f8 /* 8 of them: a 16550 that is always ready, and receives nothing */
/*
 * Print from memory, for each vCPU: out of 32 bits: low half and high half of the physical address, and
 * the bytes, up to VMM_PRINT_MAX, which begins; in of VMM_PRINT_BYTES: 0 when that is done.
 */
#define VMM_PRINT 0x510
#define VMM_PRINT_LOW VMM_PRINT
#define VMM_PRINT_HIGH (VMM_PRINT + 4)
#define VMM_PRINT_BYTES (VMM_PRINT + 8)
#define VMM_PRINT_MAX 65536

#endif
