/* SPDX-License-Identifier: BSD-3-Clause */
/* A node of a crew: its process, and its threads that touch pages. */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <tidal/base.h>
#include <time.h>
#include <unistd.h>

#include "crew_board.h"
#include "report.h"

#define LIFE 200 /* seconds; whoever lives longer hangs */
#define PATIENCE 60000 /* ms */

static struct board *board;
static unsigned self;
static uint8_t *ram;

static long futex(atomic_uint *word, int op, unsigned value, const struct timespec *timeout)
{
	return syscall(SYS_futex, word, op, value, timeout, NULL, 0);
}

void bell_ring(struct bell *bell)
{
	atomic_fetch_add(&bell->count, 1);
	(void)futex(&bell->count, FUTEX_WAKE, INT32_MAX, NULL);
}

bool bell_wait(struct bell *bell, unsigned least, unsigned ms)
{
	uint64_t end = clock_ns() + ms * UINT64_C(1000000);
	const struct timespec nap = { .tv_nsec = 100000000 };
	unsigned count;

	while ((count = atomic_load(&bell->count)) < least) {
		if (clock_ns() > end)
			return false;
		(void)futex(&bell->count, FUTEX_WAIT, count, &nap);
	}
	return true;
}

void crew_fail(bool absent, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (!atomic_exchange(&board->failed, true)) {
		board->absent = absent;
		(void)vsnprintf(board->why, sizeof(board->why), format, args);
	}
	va_end(args);
	_exit(1);
}

void *crew_own_notes(void)
{
	return board->node[self].notes;
}

static volatile uint64_t *word_of(unsigned page)
{
	return (volatile uint64_t *)(void *)(ram + (size_t)page * TIDAL_PAGE_SIZE);
}

static void check(unsigned page, uint64_t value)
{
	if (value != board->wrote[page])
		crew_fail(false, "node %u: page %u holds %llu, not %llu", self, page,
			  (unsigned long long)value, (unsigned long long)board->wrote[page]);
}

static double touch(unsigned page, bool write)
{
	volatile uint64_t *word = word_of(page);
	uint64_t start = clock_ns(), value, took;

	if (write)
		*word = board->wrote[page] + 1;
	value = *word;
	took = clock_ns() - start;
	board->wrote[page] += write;
	check(page, value);
	return (double)took;
}

static void ping_pong(const struct board_order *o)
{
	for (unsigned i = 0; i < o->count; i++) {
		while (atomic_load_explicit(&board->turn, memory_order_acquire) % 2 != self)
			(void)sched_yield();
		(void)touch(o->page[0], true);
		atomic_fetch_add_explicit(&board->turn, 1, memory_order_release);
	}
}

static void work(struct board_order *o, unsigned guest)
{
	unsigned each = o->count / o->guests, first = guest * each;

	o->begin[guest] = clock_ns();
	if (o->work == WORK_PING_PONG)
		ping_pong(o);
	else
		for (unsigned i = first; i < first + each; i++)
			o->ns[i] = touch(o->page[i], o->write);
	o->end[guest] = clock_ns();
}

static void *guest_main(void *arg)
{
	struct board_node *n = &board->node[self];
	unsigned guest = (unsigned)(uintptr_t)arg;

	for (unsigned i = 1;; i++) {
		while (!bell_wait(&n->begin[guest], i, PATIENCE))
			continue;
		work(&n->order, guest);
		bell_ring(&n->finished);
	}
	return NULL;
}

/* Before there are threads: they all stay where the process is. */
static void stay_on_processor(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(self % (unsigned)sysconf(_SC_NPROCESSORS_ONLN), &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}

void crew_node(struct board *shared, const struct engine *engine, unsigned node)
{
	struct board_node *n = &shared->node[node];
	pthread_t thread;

	board = shared;
	self = node;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)alarm(LIFE);
	stay_on_processor();
	board->address_len[node] = engine->open(&board->config, node, board->address[node]);
	bell_ring(&n->opened);
	if (!bell_wait(&board->addresses, 1, PATIENCE))
		crew_fail(false, "node %u: the others don't come", node);
	ram = engine->start((const uint8_t (*)[CREW_ADDRESS])board->address, board->address_len);
	for (uintptr_t i = 0; i < CREW_GUESTS; i++)
		if (pthread_create(&thread, NULL, guest_main, (void *)i))
			crew_fail(false, "node %u: no thread", node);
	bell_ring(&n->started);
	for (;;)
		(void)pause();
}
