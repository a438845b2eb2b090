/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * interrupts - for the x86-64 machine only. Harts send an interrupt round in a ring, each to the next,
 * and sleep until theirs has come; then each sleeps by its timer. Every interrupt must be counted by
 * the hart that it was meant for: the ring stops if one gets lost, and the numbers are printed.
 */
#include "guest.h"

#define ROUNDS 20
#define TICKS 10
#define TICK_NS 2000000 /* 2 ms */

/* Counters of its interrupts, which this hart's handlers write. */
static uint64_t *counter(const struct guest *g, unsigned which)
{
	return (uint64_t *)(uintptr_t)(VMM_AREA + g->hart * VMM_AREA_BYTES + which);
}

static uint64_t count(const struct guest *g, unsigned which)
{
	return __atomic_load_n(counter(g, which), __ATOMIC_ACQUIRE);
}

static void send(unsigned hart)
{
	apic_write(APIC_ICR_HIGH, hart << 24);
	apic_write(APIC_ICR_LOW, VMM_VECTOR_WAKE);
}

static void sleep_until(const struct guest *g, unsigned which, uint64_t value)
{
	uint64_t now;

	while ((now = count(g, which)) < value)
		arch_wait(counter(g, which), now);
}

/* Hart 0 begins each round, and ends it. No barrier meanwhile: those send such interrupts, too. */
static void ring(const struct guest *g, uint64_t before)
{
	unsigned next = (g->hart + 1) % g->harts;

	for (unsigned round = 1; round <= ROUNDS; round++) {
		if (g->hart == 0)
			send(next);
		sleep_until(g, VMM_COUNT_WAKE, before + round);
		if (g->hart != 0)
			send(next);
	}
}

/* As many as were asked for, at least: those that come late count as one. */
static uint64_t tick(const struct guest *g)
{
	apic_write(APIC_TIMER_DIVIDE, 0xb); /* by 1 */
	apic_write(APIC_LVT_TIMER, APIC_PERIODIC | VMM_VECTOR_TIMER);
	apic_write(APIC_TIMER_INITIAL, TICK_NS);
	sleep_until(g, VMM_COUNT_TIMER, TICKS);
	apic_write(APIC_TIMER_INITIAL, 0);
	return count(g, VMM_COUNT_TIMER);
}

static GUEST_PAGE_ALIGNED uint64_t rounds, ticks, started;

int guest_main(struct guest *g)
{
	struct guest_line line = { 0 };
	uint64_t before = count(g, VMM_COUNT_WAKE);

	/* Not by a barrier, whose interrupts may come at any time after it. */
	__atomic_fetch_add(&started, 1, __ATOMIC_ACQ_REL);
	while (__atomic_load_n(&started, __ATOMIC_ACQUIRE) < g->harts)
		guest_pause();
	ring(g, before);
	__atomic_fetch_add(&rounds, count(g, VMM_COUNT_WAKE) - before, __ATOMIC_RELAXED);
	if (tick(g) >= TICKS)
		__atomic_fetch_add(&ticks, TICKS, __ATOMIC_RELAXED);
	guest_barrier(g);
	if (g->hart != 0)
		return 0;
	guest_number(&line, rounds);
	guest_text(&line, " interrupts from the neighbours, ");
	guest_number(&line, ticks);
	guest_text(&line, " of timers.");
	guest_print(&line);
	return 0;
}
