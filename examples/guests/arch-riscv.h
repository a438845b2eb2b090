/* SPDX-License-Identifier: BSD-3-Clause */
/* arch-riscv.h - the guests' machine is that of tidal/fake.h. */
#ifndef GUEST_ARCH_H
#define GUEST_ARCH_H

#include <stddef.h>
#include <stdint.h>

/* Pod time in nanoseconds. */
static inline uint64_t guest_time(void)
{
	uint64_t time;

	__asm__ volatile("rdtime %0" : "=r"(time));
	return time;
}

/* There is nothing to do here until another hart has done something. */
static inline void guest_pause(void)
{
	__asm__ volatile("wfi" ::: "memory");
}

/* Zero the page at *page* with one instruction: cbo.zero, spelt for old assemblers. */
static inline void guest_zero_page(void *page)
{
	__asm__ volatile(".insn i 0x0f, 2, x0, %0, 4" ::"r"(page) : "memory");
}

/* Take a lock that is 0 when free; 1: it is ours. */
static inline int guest_try(uint32_t *lock)
{
	uint32_t old, failed = 1;

	__asm__ volatile("	lr.w.aq	%0, (%2)\n"
			 "	bnez	%0, 1f\n"
			 "	sc.w	%1, %3, (%2)\n"
			 "1:"
			 : "=&r"(old), "+&r"(failed)
			 : "r"(lock), "r"(1)
			 : "memory");
	return !old && !failed;
}

/* Wait, perhaps not long enough, for *word* to have another value than that. */
static inline void arch_wait(const uint64_t *word, uint64_t value)
{
	(void)word;
	(void)value;
	guest_pause();
}

/* There are others who wait. */
static inline void arch_wake_all(void)
{
}

/* Never come back. */
static inline void arch_idle(void)
{
	guest_pause();
}

void arch_write(const unsigned char *bytes, size_t len);
void arch_exit(int code);

#endif
