/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lock-counter - all harts add to shared counters: under a spin lock (on RISC-V made of LR and SC),
 * under a ticket lock, and without a lock by one AMO. Exit code 1 if an addition got lost.
 */
#include "guest.h"

#define ROUNDS 256

/* Locks and what they protect lie on one page: whoever has the lock has the counter. */
struct counter {
	GUEST_PAGE_ALIGNED uint32_t lock;
	uint32_t next, serving;
	volatile uint64_t value;
};

static struct counter spin, ticket, atomic;

static void add_spin(void)
{
	while (!guest_try(&spin.lock))
		guest_pause();
	spin.value = spin.value + 1;
	__atomic_store_n(&spin.lock, 0, __ATOMIC_RELEASE);
}

static void add_ticket(void)
{
	uint32_t mine = __atomic_fetch_add(&ticket.next, 1, __ATOMIC_RELAXED);

	while (__atomic_load_n(&ticket.serving, __ATOMIC_ACQUIRE) != mine)
		guest_pause();
	ticket.value = ticket.value + 1;
	__atomic_store_n(&ticket.serving, mine + 1, __ATOMIC_RELEASE);
}

static void add_atomic(void)
{
	__atomic_fetch_add(&atomic.value, 1, __ATOMIC_RELAXED);
}

static int report(const char *name, uint64_t value, uint64_t expected)
{
	struct guest_line line = { 0 };

	guest_text(&line, name);
	guest_text(&line, ": ");
	guest_number(&line, value);
	guest_text(&line, " of ");
	guest_number(&line, expected);
	guest_print(&line);
	return value != expected;
}

int guest_main(struct guest *g)
{
	uint64_t expected = (uint64_t)g->harts * ROUNDS;
	int lost;

	guest_barrier(g);
	for (unsigned i = 0; i < ROUNDS; i++) {
		add_spin();
		add_ticket();
		add_atomic();
	}
	guest_barrier(g);
	if (g->hart != 0)
		return 0;
	lost = report("spin lock", spin.value, expected);
	lost |= report("ticket lock", ticket.value, expected);
	return lost | report("atomic add", atomic.value, expected);
}
