/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * real - real guest memory (lib/backends/memory) against the kernel's bare calls, interleaved.
 *
 * Dense writing: frames that were zeroed before are mapped in batches, and each page is written
 * to; its floor is the plain first touch of as much anonymous memory. An isolated page: what the
 * handler's thread does from the event until the toucher is woken; its floor is one read(), one
 * UFFDIO_MOVE that wakes.
 */
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backends/memory/kernel.h"
#include "backends/memory/memory.h"
#include "backends/memory/uffd.h"
#include "bench.h"
#include "pod.h"
#include "report.h"

#define PAGE TIDAL_PAGE_SIZE
#define PAGES 2048
#define ROUNDS 31
#define FAULTS 400

static void *map_pages(uint64_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED || madvise(at, bytes, MADV_NOHUGEPAGE))
		fail("no memory");
	return at;
}

static struct memory *open_memory(const char **why)
{
	const struct memory_config config = { .frames = PAGES, .zeroes = 64 };
	const struct tidal_region ram = { 0, (uint64_t)PAGES * PAGE, TIDAL_REGION_RAM };
	struct memory *m;

	if (memory_open(&m, &config, why))
		return NULL;
	if (memory_region_add(m, &ram))
		fail("no guest memory");
	*why = "this kernel can't move pages: it takes Linux 6.8";
	if (memory_moves(m))
		return m;
	memory_close(m);
	return NULL;
}

static uint8_t *guest(const struct memory *m)
{
	uint64_t bytes;

	return memory_at(m, 0, &bytes);
}

static void write_each(uint8_t *at)
{
	for (size_t i = 0; i < PAGES; i++)
		*(volatile uint8_t *)(at + i * PAGE) = 1;
}

static double first_touch(void)
{
	uint8_t *at = map_pages((uint64_t)PAGES * PAGE);
	uint64_t start = clock_ns();

	write_each(at);
	start = clock_ns() - start;
	munmap(at, (size_t)PAGES * PAGE);
	return (double)start / PAGES;
}

static void batch(struct memory *m, unsigned first, bool map)
{
	const struct tidal_act_pages act = { .gfn = first, .mask = UINT64_MAX, .frame = first,
					     .prot = TIDAL_PROT_RW };
	uint32_t zero;

	if (map ? memory_map(m, &act) : memory_unmap(m, &act, &zero))
		fail("a batch is refused");
}

static double give_and_write(struct memory *m)
{
	uint64_t start;

	for (tidal_frame f = 0; f < PAGES; f++)
		if (memory_zero(m, f))
			fail("a frame is refused");
	start = clock_ns();
	for (unsigned i = 0; i < PAGES; i += 64)
		batch(m, i, true);
	write_each(guest(m));
	return (double)(clock_ns() - start) / PAGES;
}

static double take_back(struct memory *m)
{
	uint64_t start = clock_ns();

	for (unsigned i = 0; i < PAGES; i += 64)
		batch(m, i, false);
	return (double)(clock_ns() - start) / PAGES;
}

static void dense(struct memory *m)
{
	double touch[ROUNDS], give[ROUNDS], take[ROUNDS], ratio[ROUNDS];

	for (unsigned r = 0; r < ROUNDS; r++) {
		touch[r] = first_touch();
		give[r] = give_and_write(m);
		take[r] = take_back(m);
		ratio[r] = give[r] / touch[r];
	}
	report_figure(&(struct figure){ .name = "dense writing, a page", .unit = "ns",
					.value = median(give, ROUNDS),
					.floor_name = "plain first touch",
					.floor = median(touch, ROUNDS) });
	report_figure(&(struct figure){ .name = "dense writing / plain first touch",
					.unit = "", .value = median(ratio, ROUNDS), .goal = AT_MOST,
					.goal_value = 0.25 });
	report_figure(&(struct figure){ .name = "taken away, a page of 64", .unit = "ns",
					.value = median(take, ROUNDS) });
}

/* ---- isolated pages: a thread touches one when it is told to ---- */

struct toucher {
	pthread_t thread;
	sem_t go, done;
	volatile uint8_t *at; /* NULL: end */
};

static void *touch_main(void *arg)
{
	struct toucher *t = arg;

	for (;;) {
		while (sem_wait(&t->go))
			;
		if (!t->at)
			return NULL;
		*t->at = 1;
		sem_post(&t->done);
	}
}

static void begin_touch(struct toucher *t, uint8_t *at, int fd)
{
	struct pollfd ready = { fd, POLLIN, 0 };

	t->at = at;
	sem_post(&t->go);
	if (at && poll(&ready, 1, 10000) != 1)
		fail("no fault");
}

static void end_touch(struct toucher *t)
{
	while (sem_wait(&t->done))
		;
}

static double bare_fault(struct toucher *t, const struct uffd *u, uint8_t *to, uint8_t *from)
{
	struct kernel_move move = { (uintptr_t)to, (uintptr_t)from, PAGE, 0, 0 };
	struct uffd_msg msg;
	uint64_t start;

	from[0] = 0;
	begin_touch(t, to, u->fd);
	start = clock_ns();
	if (read(u->fd, &msg, sizeof(msg)) != sizeof(msg) || ioctl(u->fd, KERNEL_MOVE, &move))
		fail("the kernel refuses");
	start = clock_ns() - start;
	end_touch(t);
	return (double)start;
}

static double our_fault(struct toucher *t, struct memory *m, tidal_gfn gfn)
{
	struct tidal_act_pages act = { .mask = 1, .frame = (tidal_frame)gfn,
				       .prot = TIDAL_PROT_RW };
	struct memory_fault fault;
	uint64_t start;

	if (memory_zero(m, act.frame))
		fail("a frame is refused");
	begin_touch(t, guest(m) + gfn * PAGE, memory_fd(m));
	start = clock_ns();
	if (!memory_fault(m, &fault))
		fail("no fault");
	act.gfn = fault.gpa / PAGE;
	if (memory_map(m, &act))
		fail("a page is refused");
	memory_wake(m, act.gfn);
	start = clock_ns() - start;
	end_touch(t);
	return (double)start;
}

static void isolated(struct memory *m)
{
	static double bare[FAULTS], ours[FAULTS];
	uint8_t *to = map_pages((uint64_t)FAULTS * PAGE), *from = map_pages((uint64_t)FAULTS * PAGE);
	struct toucher t = { .at = NULL };
	struct uffd u = { .fd = -1 };
	const char *why = "";

	if (uffd_open(&u, false, false, &why) || uffd_watch(&u, to, (size_t)FAULTS * PAGE, true))
		fail("%s", why);
	sem_init(&t.go, 0, 0);
	sem_init(&t.done, 0, 0);
	if (pthread_create(&t.thread, NULL, touch_main, &t))
		fail("no thread");
	for (unsigned i = 0; i < FAULTS; i++) {
		bare[i] = bare_fault(&t, &u, to + (size_t)i * PAGE, from + (size_t)i * PAGE);
		ours[i] = our_fault(&t, m, i);
	}
	begin_touch(&t, NULL, -1);
	pthread_join(t.thread, NULL);
	uffd_close(&u);
	munmap(to, (size_t)FAULTS * PAGE);
	munmap(from, (size_t)FAULTS * PAGE);
	report_figure(&(struct figure){ .name = "an isolated page, from event to wake", .unit = "ns",
					.value = median(ours, FAULTS),
					.floor_name = "read() and UFFDIO_MOVE",
					.floor = median(bare, FAULTS) });
	report_figure(&(struct figure){ .name = "an isolated page / bare event and call",
					.unit = "", .value = median(ours, FAULTS) / median(bare, FAULTS),
					.goal = AT_MOST, .goal_value = 1.2 });
}

void bench_real(void)
{
	const char *why = "";
	struct memory *m = open_memory(&why);

	if (!m) {
		report_skip(why);
		return;
	}
	dense(m);
	isolated(m);
	memory_close(m);
}
