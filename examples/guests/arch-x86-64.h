/* SPDX-License-Identifier: BSD-3-Clause */
/* arch-x86-64.h - the guests' machine is that of examples/vmm/platform.h. */
#ifndef GUEST_ARCH_H
#define GUEST_ARCH_H

#include <stddef.h>
#include <stdint.h>

#include "platform.h"

/* There is nothing to do here until another hart has done something. */
static inline void guest_pause(void)
{
	__asm__ volatile("pause" ::: "memory");
}

/* Zero the page at *page* with one instruction. */
static inline void guest_zero_page(void *page)
{
	uint64_t quads = 512;

	__asm__ volatile("rep stosq" : "+D"(page), "+c"(quads) : "a"(0) : "memory");
}

/* Take a lock that is 0 when free; 1: it is ours. */
static inline int guest_try(uint32_t *lock)
{
	uint32_t one = 1;

	__asm__ volatile("lock xchg %0, %1" : "+r"(one), "+m"(*lock)::"memory");
	return !one;
}

/*
 * Wait, perhaps not long enough, for *word* to have another value than that. Whoever changes it sends an
 * interrupt afterwards, which can't come between the look and the wait.
 */
static inline void arch_wait(const uint64_t *word, uint64_t value)
{
	__asm__ volatile("int3" ::"D"(word), "S"(value) : "memory");
}

/* Wait for an interrupt. */
static inline void arch_idle(void)
{
	uint64_t same = 0;

	arch_wait(&same, 0);
}

/* Registers of this hart's local APIC (Intel SDM volume 3, chapter 10). */
#define APIC_ICR_LOW 0x300
#define APIC_ICR_HIGH 0x310
#define APIC_LVT_TIMER 0x320
#define APIC_TIMER_INITIAL 0x380
#define APIC_TIMER_DIVIDE 0x3e0
#define APIC_PERIODIC (1u << 17)
#define APIC_ALL_BUT_SELF (3u << 18)

static inline void apic_write(unsigned reg, uint32_t value)
{
	*(volatile uint32_t *)(VMM_HIGH + VMM_APIC + reg) = value;
}

/* There are others who wait. */
static inline void arch_wake_all(void)
{
	apic_write(APIC_ICR_LOW, APIC_ALL_BUT_SELF | VMM_VECTOR_WAKE);
}

void arch_write(const unsigned char *bytes, size_t len);
void arch_exit(int code);

#endif
