/* SPDX-License-Identifier: BSD-3-Clause */
/* arch-x86-64.c - devices, as examples/vmm/platform.h gives them. */
#include "guest.h"

#define SERIAL_MAX 16 /* longer texts are printed from memory */

static void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port) : "memory");
}

static void out32(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" ::"a"(value), "Nd"(port) : "memory");
}

static uint32_t in32(uint16_t port)
{
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static void print(const unsigned char *bytes, uint32_t len)
{
	uint64_t at = VMM_PHYSICAL((uint64_t)bytes);

	out32(VMM_PRINT_LOW, (uint32_t)at);
	out32(VMM_PRINT_HIGH, (uint32_t)(at >> 32));
	out32(VMM_PRINT_BYTES, len);
	while (in32(VMM_PRINT_BYTES))
		guest_pause();
}

void arch_write(const unsigned char *bytes, size_t len)
{
	while (len > SERIAL_MAX) {
		/* the hole begins at a multiple of it: physical addresses go on within that */
		size_t n = VMM_PRINT_MAX - (uint64_t)bytes % VMM_PRINT_MAX;

		n = n < len ? n : len;
		print(bytes, (uint32_t)n);
		bytes += n;
		len -= n;
	}
	while (len--)
		out8(VMM_SERIAL, *bytes++);
}

void arch_exit(int code)
{
	out8(VMM_EXIT, (uint8_t)code);
}
