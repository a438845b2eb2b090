/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kvm - real vCPUs against KVM's and the kernel's bare calls, in the same run.
 *
 * A vCPU's state: saved by one host and loaded by another one. Its floor are the calls that can't
 * be left out: vectors both ways, and what may have changed read. A page fault of a guest: it
 * reads, or writes, page after page. Its floor is the same vCPU and guest in memory next to the host's, where
 * a bare handler answers each event of a userfaultfd by one call.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <tidal/transport.h>
#include <time.h>
#include <unistd.h>

#include "../tests/conformance/kvm_guest.h"
#include "backends/kvm/host.h"
#include "backends/memory/kernel.h"
#include "backends/memory/uffd.h"
#include "bench.h"
#include "pod.h"
#include "report.h"

#define PAGE TIDAL_PAGE_SIZE
#define CODE 0x10000u
#define FIRST 64u /* page of the memory that is read or written */
#define PAGES 512u
#define BARE 0xa0000000u /* gpa of the bare handler's */
#define BARE_SLOT 101u
#define ROUNDS 15
#define MOVES 400

/* Read, or write, so many pages (rsi) from rdi on; then an exit. Spin. */
static const uint8_t reader[] = { 0x48, 0x8b, 0x07, 0x48, 0x81, 0xc7, 0, 0x10, 0, 0,
				  0x48, 0xff, 0xce, 0x75, 0xf1, 0xe6, 0x10, 0xf4 };
static const uint8_t writer[] = { 0x48, 0x89, 0x37, 0x48, 0x81, 0xc7, 0, 0x10, 0, 0,
				  0x48, 0xff, 0xce, 0x75, 0xf1, 0xe6, 0x10, 0xf4 };
static const uint8_t spinner[] = { 0xeb, 0xfe };

struct side {
	struct tidal_host *host;
	struct kvm_guest guest;
	pthread_t thread;
	const struct tidal_host_ops *ops;
	uint8_t *bare; /* memory of the bare handler */
	struct uffd uffd;
};

static void *vcpu_main(void *arg)
{
	struct side *s = arg;

	for (;;) {
		int news = tidal_kvm_run(s->host, 0);

		if (news < 0 || news == TIDAL_KVM_END)
			return NULL;
		if (news == TIDAL_KVM_EXIT && tidal_kvm_halt(s->host, 0))
			return NULL;
	}
}

static struct tidal_event wait_event(struct side *s, unsigned kind)
{
	struct tidal_event event = { 0 };

	while (s->ops->poll(s->host, 0, &event, 1) == 0)
		;
	if (event.kind != kind)
		fail("event %u, not %u", event.kind, kind);
	return event;
}

static void change(struct side *s, int (*fn)(struct tidal_host *, const struct tidal_act_pages *),
		   tidal_gfn gfn, tidal_frame frame, unsigned prot)
{
	const struct tidal_act_pages act = { .gfn = gfn, .mask = 1, .frame = frame,
					     .prot = (uint16_t)prot };

	if (fn(s->host, &act))
		fail("no page");
	(void)wait_event(s, TIDAL_EV_HOST_DONE);
}

static bool open_side(struct side *s, const char **why)
{
	struct tidal_kvm_config c;

	tidal_kvm_config_init(&c, sizeof(c));
	c.frames = FIRST + PAGES;
	c.ram_bytes = (uint64_t)(FIRST + PAGES) * PAGE;
	c.vcpu_slots = c.hthreads = 1;
	s->ops = tidal_kvm_ops();
	if (tidal_kvm_open(&c, &s->host, why))
		return false;
	if (kvm_guest_open(&s->guest, s->host))
		fail("no page tables");
	if (pthread_create(&s->thread, NULL, vcpu_main, s))
		fail("no thread");
	return true;
}

static void close_side(struct side *s)
{
	tidal_kvm_end(s->host);
	(void)pthread_join(s->thread, NULL);
	s->ops->close(s->host);
	kvm_guest_close(&s->guest);
}

static void put_code(struct side *s, const uint8_t *code, size_t len)
{
	memcpy(s->ops->frame_data(s->host, 0, TIDAL_GFN_NONE), code, len);
	change(s, s->ops->map, CODE / PAGE, 0, TIDAL_PROT_R);
}

static void run(struct side *s)
{
	const struct tidal_act_vcpu act = { .vcpu = 0 };

	if (s->ops->vcpu_run(s->host, &act))
		fail("it does not run");
}

static void start(struct side *s, uint64_t at)
{
	const uint64_t args[6] = { at, PAGES };

	if (kvm_guest_boot(s->host, 0, CODE) || kvm_guest_args(s->host, 0, args))
		fail("it does not start");
	run(s);
}

/* ---- state ---- */

struct bare_msrs {
	uint32_t count, pad;
	struct kvm_msr_entry entry[KVM_MSRS];
};

/* The calls that nothing can save. */
static double bare_calls(struct tidal_host *host, int fd)
{
	static struct bare_msrs msrs;
	static uint8_t xsave[KVM_XSAVE_MAX];
	struct kvm_xcrs xcrs;
	struct kvm_debugregs debug;
	uint64_t t;
	int bad = 0;

	msrs.count = host->machine.msrs;
	for (uint32_t i = 0; i < msrs.count; i++)
		msrs.entry[i].index = host->machine.msr[i];
	t = clock_ns();
	bad |= ioctl(fd, KVM_GET_XSAVE2, xsave);
	bad |= ioctl(fd, KVM_GET_XCRS, &xcrs);
	bad |= ioctl(fd, KVM_GET_DEBUGREGS, &debug);
	bad |= ioctl(fd, KVM_GET_MSRS, &msrs) != (int)msrs.count;
	bad |= ioctl(fd, KVM_SET_XSAVE, xsave);
	t = clock_ns() - t;
	if (bad)
		fail("KVM's bare calls fail: %s", strerror(errno));
	return (double)t / 1000;
}

static void nap_us(long us)
{
	const struct timespec t = { .tv_nsec = us * 1000 };

	(void)nanosleep(&t, NULL);
}

static void move(struct side *from, struct side *to, double *both, double *bare)
{
	static uint8_t buf[TIDAL_VCPU_BYTES_MAX];
	struct tidal_kvm_vcpu kvm;
	struct tidal_event done;
	uint64_t t;

	run(from);
	nap_us(100);
	if (from->ops->vcpu_kick(from->host, 0) || tidal_kvm_vcpu(from->host, 0, &kvm))
		fail("it does not stop");
	(void)wait_event(from, TIDAL_EV_VCPU_STOPPED);
	*bare = bare_calls(from->host, kvm.fd);
	t = clock_ns();
	if (from->ops->vcpu_save(from->host, 1, 0, buf, sizeof(buf)))
		fail("it can't be saved");
	t = clock_ns() - t;
	done = wait_event(from, TIDAL_EV_HOST_DONE);
	if (done.u.done.status || from->ops->vcpu_drop(from->host, 0))
		fail("it can't be saved");
	*both = (double)t / 1000;
	t = clock_ns();
	if (to->ops->vcpu_load(to->host, 2, 0, buf, done.u.done.payload_len))
		fail("it can't be loaded");
	*both += (double)(clock_ns() - t) / 1000;
	(void)wait_event(to, TIDAL_EV_HOST_DONE);
}

void bench_kvm_state(void)
{
	static double both[MOVES], bare[MOVES];
	struct side side[2] = { { .uffd.fd = -1 }, { .uffd.fd = -1 } };
	const char *why;

	for (unsigned i = 0; i < 2; i++) {
		if (!open_side(&side[i], &why)) {
			report_skip(why);
			if (i)
				close_side(&side[0]);
			return;
		}
		put_code(&side[i], spinner, sizeof(spinner));
	}
	if (side[0].ops->vcpu_create(side[0].host, 0) || kvm_guest_boot(side[0].host, 0, CODE))
		fail("no vCPU");
	for (unsigned i = 0; i < MOVES; i++)
		move(&side[i % 2], &side[1 - i % 2], &both[i], &bare[i]);
	report_figure(&(struct figure){
		"save and load of a vCPU, median", "us", median(both, MOVES), AT_MOST, 25,
		"KVM's calls that can't be left out", median(bare, MOVES) });
	for (unsigned i = 0; i < 2; i++)
		close_side(&side[i]);
}

/* ---- faults ---- */

static void open_bare(struct side *s)
{
	struct kvm_userspace_memory_region slot = {
		.slot = BARE_SLOT, .guest_phys_addr = BARE, .memory_size = PAGES * PAGE,
	};
	const char *why;

	s->bare = mmap(NULL, 2 * PAGES * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	slot.userspace_addr = (uintptr_t)s->bare;
	if (s->bare == MAP_FAILED || madvise(s->bare, 2 * PAGES * PAGE, MADV_NOHUGEPAGE) ||
	    uffd_open(&s->uffd, true, false, &why) ||
	    uffd_watch(&s->uffd, s->bare, PAGES * PAGE, true) ||
	    uffd_watch(&s->uffd, s->bare + PAGES * PAGE, PAGES * PAGE, false) ||
	    ioctl(tidal_kvm_vm_fd(s->host), KVM_SET_USER_MEMORY_REGION, &slot))
		fail("no memory for the bare handler");
}

/* One event, one call, which wakes. */
static void bare_answer(struct side *s, bool write)
{
	struct uffd_fault fault[UFFD_FAULTS];
	int n = uffd_read(&s->uffd, fault);

	for (int i = 0; i < n; i++) {
		uintptr_t to = fault[i].at & ~(uintptr_t)(PAGE - 1), from = to + PAGES * PAGE;
		struct kernel_move m = { to, from, PAGE, 0, 0 };
		struct uffdio_copy c = { .dst = to, .src = from, .len = PAGE,
					 .mode = UFFDIO_COPY_MODE_WP };

		if (ioctl(s->uffd.fd, write ? KERNEL_MOVE : UFFDIO_COPY,
			  write ? (void *)&m : (void *)&c) && errno != EEXIST)
			fail("the bare handler fails: %s", strerror(errno));
	}
}

/* us per page; the guest's exit ends it. */
static double bare_round(struct side *s, bool write)
{
	struct tidal_event event = { 0 };
	uint64_t t;

	memset(s->bare + PAGES * PAGE, 1, PAGES * PAGE);
	t = clock_ns();
	start(s, BARE);
	while (s->ops->poll(s->host, 0, &event, 1) == 0)
		bare_answer(s, write);
	t = clock_ns() - t;
	if (event.kind != TIDAL_EV_VCPU_STOPPED || event.u.stopped.reason != TIDAL_STOP_IDLE)
		fail("the guest fails: event %u, gpa %#llx", event.kind,
		     (unsigned long long)event.u.stall.gpa);
	if (madvise(s->bare, PAGES * PAGE, MADV_DONTNEED))
		fail("no memory back");
	return (double)t / 1000 / PAGES;
}

static void answer(struct side *s, tidal_gpa gpa, bool write)
{
	const struct tidal_act_pages act = {
		.gfn = gpa / PAGE, .mask = 1, .frame = (tidal_frame)(gpa / PAGE),
		.prot = write ? TIDAL_PROT_RW : TIDAL_PROT_R,
	};

	if (s->ops->map(s->host, &act))
		fail("no page");
	run(s);
}

static double round_of(struct side *s, bool write)
{
	struct tidal_event event = { 0 };
	uint64_t t;

	for (unsigned i = 0; i < PAGES; i++)
		memset(s->ops->frame_data(s->host, FIRST + i, TIDAL_GFN_NONE), 1, PAGE);
	t = clock_ns();
	start(s, FIRST * PAGE);
	do {
		if (s->ops->poll(s->host, 0, &event, 1) == 1 && event.kind == TIDAL_EV_STALL)
			answer(s, event.u.stall.gpa, write);
	} while (event.kind != TIDAL_EV_VCPU_STOPPED);
	t = clock_ns() - t;
	for (unsigned i = 0; i < PAGES; i++)
		change(s, s->ops->unmap, FIRST + i, FIRST + i, 0);
	return (double)t / 1000 / PAGES;
}

static void measure(struct side *s, bool write, const char *name, double goal)
{
	double ours[ROUNDS], bare[ROUNDS], floor;

	if (s->ops->frame_data(s->host, 0, CODE / PAGE))
		change(s, s->ops->unmap, CODE / PAGE, 0, 0);
	put_code(s, write ? writer : reader, sizeof(reader));
	for (unsigned i = 0; i < ROUNDS; i++) {
		bare[i] = bare_round(s, write);
		ours[i] = round_of(s, write);
	}
	floor = median(bare, ROUNDS);
	report_figure(&(struct figure){ name, "us", median(ours, ROUNDS), AT_MOST, goal * floor,
					"a bare handler's", floor });
}

void bench_kvm_faults(void)
{
	struct side s = { .uffd.fd = -1 };
	struct tidal_kvm_info info = { .size = sizeof(info) };
	const char *why;

	if (!open_side(&s, &why)) {
		report_skip(why);
		return;
	}
	tidal_kvm_info(s.host, &info);
	if (!info.moves) {
		report_skip("this kernel can't move pages: it takes Linux 6.8");
		close_side(&s);
		return;
	}
	if (s.ops->vcpu_create(s.host, 0))
		fail("no vCPU");
	/* the task state, which may be looked at for the port that ends a round */
	change(&s, s.ops->map, 0, 1, TIDAL_PROT_RW);
	open_bare(&s);
	measure(&s, false, "a guest reads a page that is not there", 1.15);
	measure(&s, true, "a guest writes to one", 1.15);
	uffd_close(&s.uffd); /* else whoever sleeps there stays */
	close_side(&s);
	munmap(s.bare, 2 * PAGES * PAGE);
}
