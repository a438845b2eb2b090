/* SPDX-License-Identifier: BSD-3-Clause */
/* guest.c - the runtime of the guest programs: start, barrier, memory, end. */
#include "guest.h"

/*
 * Each on a page of its own: the count is written by every hart that arrives, the
 * generation is read by all that wait and written once.
 */
static struct {
	GUEST_PAGE_ALIGNED uint64_t arrived;
	GUEST_PAGE_ALIGNED uint64_t generation;
	GUEST_PAGE_ALIGNED int code;
	uint32_t failing;
} shared;

void guest_start(uint64_t hart, uint64_t harts, uint64_t ram, const unsigned char *input,
		 size_t len, uint64_t end);

void guest_barrier(const struct guest *g)
{
	uint64_t now = __atomic_load_n(&shared.generation, __ATOMIC_RELAXED);

	if (__atomic_add_fetch(&shared.arrived, 1, __ATOMIC_ACQ_REL) == g->harts) {
		__atomic_store_n(&shared.arrived, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&shared.generation, now + 1, __ATOMIC_RELEASE);
		if (g->harts > 1)
			arch_wake_all();
		return;
	}
	while (__atomic_load_n(&shared.generation, __ATOMIC_ACQUIRE) == now)
		arch_wait(&shared.generation, now);
}

void *guest_take(struct guest *g, uint64_t bytes)
{
	uint64_t at = g->free;
	uint64_t pages = bytes / GUEST_PAGE + (bytes % GUEST_PAGE != 0);

	if (at > g->ram || pages > (g->ram - at) / GUEST_PAGE)
		guest_fail("guest", "not enough memory: give the guest more RAM");
	g->free = at + pages * GUEST_PAGE;
	return (void *)at;
}

void guest_share(const struct guest *g, uint64_t n, uint64_t *first, uint64_t *end)
{
	uint64_t each = n / g->harts, more = n % g->harts;

	*first = g->hart * each + (g->hart < more ? g->hart : more);
	*end = *first + each + (g->hart < more);
}

void guest_write(const void *bytes, size_t len)
{
	arch_write(bytes, len);
}

_Noreturn void guest_exit(int code)
{
	arch_exit(code);
	for (;;)
		arch_idle();
}

_Noreturn void guest_fail(const char *program, const char *why)
{
	struct guest_line line = { 0 };

	/* One voice: what fails often fails on all harts. */
	while (__atomic_exchange_n(&shared.failing, 1, __ATOMIC_ACQ_REL))
		guest_pause();
	guest_text(&line, program);
	guest_text(&line, ": ");
	guest_text(&line, why);
	guest_print(&line);
	guest_exit(1);
}

void guest_start(uint64_t hart, uint64_t harts, uint64_t ram, const unsigned char *input,
		 size_t len, uint64_t end)
{
	uint64_t stacks = (end + GUEST_PAGE - 1) & -(uint64_t)GUEST_PAGE;
	struct guest g = {
		.hart = (unsigned)hart,
		.harts = (unsigned)harts,
		.ram = ram,
		.input = input,
		.len = len,
		.free = stacks + harts * GUEST_STACK_BYTES,
	};
	int code = guest_main(&g);

	if (code)
		__atomic_fetch_or(&shared.code, code, __ATOMIC_RELAXED);
	guest_barrier(&g);
	if (hart == 0)
		guest_exit(__atomic_load_n(&shared.code, __ATOMIC_RELAXED));
}
