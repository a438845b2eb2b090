/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * floor - the least that a remote page fault can cost: a userfaultfd, a wire, and between them the
 * steps that nobody can do without. A page has one owner, who alone may have it writable and knows
 * who has copies; a request names what is wanted, the owner protects the page or gives it up and
 * sends it, copies are dropped before somebody writes.
 *
 *	request -> the owner protects, or takes, the page -> page and header -> installed, waker
 *
 * It is no protocol for anything else: nothing may be lost, nodes don't ask for the same page at a
 * time, and a node is always told who the owner is or asks somebody who was.
 *
 * One thread per node does it all, on the processor of those whose faults it handles: so it looks for
 * faults after it has let them run, and no oftener.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <tidal/base.h>
#include <unistd.h>

#include "../report.h"
#include "memory.h"
#include "wire.h"

#define FRAMES (4 * WIRE_FRAMES)
#define LET_RUN 8 /* looks at the wire before others may have the processor */
#define FIRST_OWNER 1

enum state { NOTHING, COPY, OWNED_SHARED, OWNED };

struct page {
	uint8_t state;	 /* enum state */
	uint8_t wanted;	 /* enum kind of the request that is under way; 0: none */
	uint8_t owner;	 /* as far as is known */
	uint8_t copies;	 /* OWNED_SHARED: bits of nodes */
	uint8_t dropping; /* copies that are not known to be gone */
	uint8_t sending; /* its bytes */
	uint8_t *frame;	 /* wanted: it has come, and waits for copies to be dropped */
};

static struct {
	struct crew_config config;
	unsigned self;
	const struct wire *wire;
	uint8_t *guest, *pool;
	struct page page[CREW_PAGES];
	uint8_t *full[FRAMES], *hole[FRAMES]; /* frames, with and without memory */
	unsigned fulls, holes;
	bool woke; /* somebody, since others could run last */
	int epoll;
} f;

static uint8_t bit(unsigned node)
{
	return (uint8_t)(1u << node);
}

static void tell(unsigned to, uint8_t kind, unsigned page, unsigned from, uint8_t copies,
		 const uint8_t *bytes, uint8_t *sending)
{
	const struct header h = { .kind = kind, .copies = copies, .from = (uint16_t)from,
				  .page = (uint16_t)page };

	if (!f.wire->send(to, &h, bytes) && sending)
		(*sending)++;
	else if (bytes)
		sent(bytes);
}

/* A place for a page that goes: another frame's, if need be. */
static uint8_t *take_hole(void)
{
	if (f.holes)
		return f.hole[--f.holes];
	if (!f.fulls)
		crew_fail(false, "too few frames");
	memory_empty(f.full[--f.fulls]);
	return f.full[f.fulls];
}

static void post(void)
{
	f.wire->post(f.fulls ? f.full[--f.fulls] : f.hole[--f.holes]);
}

/* ---- who wants a page ---- */

static void install(unsigned number)
{
	struct page *p = &f.page[number];

	if (p->frame) {
		memory_move_in(number, p->frame);
		f.hole[f.holes++] = p->frame;
		post();
	} else {
		memory_unprotect(number);
	}
	*p = (struct page){ .state = OWNED, .owner = (uint8_t)f.self };
	f.woke = true;
}

/* All copies must be gone before somebody writes. */
static void drop_copies(unsigned number)
{
	struct page *p = &f.page[number];

	for (unsigned i = 0; i < f.config.nodes; i++) {
		if (!(p->copies & bit(i)))
			continue;
		p->dropping++;
		tell(i, DROP_IT, number, f.self, 0, NULL, NULL);
	}
	if (!p->dropping)
		install(number);
}

static void await_sent(const struct page *p)
{
	while (p->sending)
		(void)f.wire->poll();
}

static void fault(unsigned number, bool write)
{
	static const uint8_t wish[] = { [NOTHING] = WRITE_IT, [COPY] = UPGRADE_IT,
					[OWNED_SHARED] = DROP_IT };
	struct page *p = &f.page[number];

	if (p->wanted)
		return;
	if (p->state == OWNED || (p->state != NOTHING && !write)) {
		memory_wake_up(number); /* it has come meanwhile */
		f.woke = true;
		return;
	}
	p->wanted = write ? wish[p->state] : READ_IT;
	if (p->wanted != DROP_IT) {
		tell(p->owner, p->wanted, number, f.self, 0, NULL, NULL);
		return;
	}
	await_sent(p);
	drop_copies(number);
}

static void take_copy(unsigned number, unsigned owner, uint8_t *frame)
{
	struct page *p = &f.page[number];

	memory_copy_in(number, frame);
	f.full[f.fulls++] = frame;
	post();
	*p = (struct page){ .state = COPY, .owner = (uint8_t)owner };
	f.woke = true;
}

static void take_page(unsigned number, uint8_t copies, uint8_t *frame)
{
	f.page[number].copies = copies;
	f.page[number].frame = frame;
	drop_copies(number);
}

static void dropped(unsigned number)
{
	if (--f.page[number].dropping == 0)
		install(number);
}

/* ---- who has it ---- */

static void lend(unsigned number, unsigned to)
{
	struct page *p = &f.page[number];

	if (p->state == OWNED)
		memory_write_protect(number);
	p->state = OWNED_SHARED;
	p->copies |= bit(to);
	tell(to, TAKE_COPY, number, f.self, 0, f.guest + (size_t)number * TIDAL_PAGE_SIZE,
	     &p->sending);
}

static void give(unsigned number, unsigned to)
{
	struct page *p = &f.page[number];
	uint8_t copies = p->copies & (uint8_t)~bit(to), *hole;
	static uint8_t ignored;

	await_sent(p);
	hole = take_hole();
	memory_move_out(number, hole);
	*p = (struct page){ .owner = (uint8_t)to };
	tell(to, TAKE_PAGE, number, f.self, copies, hole, &ignored);
}

static void give_right(unsigned number, unsigned to)
{
	struct page *p = &f.page[number];
	uint8_t copies = p->copies & (uint8_t)~bit(to);

	await_sent(p);
	memory_discard(number);
	*p = (struct page){ .owner = (uint8_t)to };
	tell(to, TAKE_RIGHT, number, f.self, copies, NULL, NULL);
}

static void drop(unsigned number, unsigned owner)
{
	memory_discard(number);
	f.page[number] = (struct page){ .owner = (uint8_t)owner };
	tell(owner, DROPPED, number, f.self, 0, NULL, NULL);
}

static void request(const struct header *h)
{
	const struct page *p = &f.page[h->page];

	if (p->wanted)
		crew_fail(false, "two nodes want page %u at a time", h->page);
	if (p->state < OWNED_SHARED)
		tell(p->owner, h->kind, h->page, h->from, 0, NULL, NULL);
	else if (h->kind == READ_IT)
		lend(h->page, h->from);
	else if (h->kind == WRITE_IT)
		give(h->page, h->from);
	else
		give_right(h->page, h->from);
}

/* ---- the wire's news ---- */

void received(const struct header *h, uint8_t *frame)
{
	switch ((enum kind)h->kind) {
	case TAKE_COPY:
		take_copy(h->page, h->from, frame);
		break;
	case TAKE_PAGE:
		take_page(h->page, h->copies, frame);
		break;
	case TAKE_RIGHT:
		take_page(h->page, h->copies, NULL);
		break;
	case DROP_IT:
		drop(h->page, h->from);
		break;
	case DROPPED:
		dropped(h->page);
		break;
	default:
		request(h);
	}
}

/* A page of the guest, or a frame that went away. */
void sent(const uint8_t *bytes)
{
	size_t offset = (size_t)(bytes - f.guest);

	if (bytes < f.guest || offset >= (size_t)CREW_PAGES * TIDAL_PAGE_SIZE)
		f.full[f.fulls++] = (uint8_t *)(uintptr_t)bytes;
	else if (f.page[offset / TIDAL_PAGE_SIZE].sending)
		f.page[offset / TIDAL_PAGE_SIZE].sending--;
}

/* ---- the thread ---- */

static bool take_faults(void)
{
	unsigned number;
	bool write, any = false;

	while (memory_next_fault(&number, &write)) {
		fault(number, write);
		any = true;
	}
	return any;
}

static void sleep_until_news(void)
{
	struct epoll_event event;

	while (epoll_wait(f.epoll, &event, 1, f.wire->may_sleep() ? -1 : 0) < 0 && errno == EINTR)
		continue;
}

static bool may_spin(uint64_t busy)
{
	return f.config.wait == CREW_SPIN ||
	       (f.config.wait == CREW_MIXED && clock_ns() - busy < f.config.spin_ns);
}

static void *serve(void *ignored)
{
	uint64_t busy = clock_ns();

	for (unsigned vain = 1;; vain++) {
		bool any = f.wire->poll();

		if (f.woke || vain % LET_RUN == 0) {
			f.woke = false;
			if (may_spin(busy))
				(void)sched_yield();
			else if (!any)
				sleep_until_news();
			any |= take_faults();
		}
		if (f.config.wait == CREW_BLOCK) {
			vain = LET_RUN - 1;
		} else if (any) {
			vain = 0;
			busy = f.config.wait == CREW_MIXED ? clock_ns() : 0;
		}
	}
	return ignored;
}

static void open_sleep(void)
{
	struct epoll_event event = { .events = EPOLLIN };

	if (f.config.wait == CREW_SPIN)
		return;
	f.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (f.epoll < 0 || epoll_ctl(f.epoll, EPOLL_CTL_ADD, memory_descriptor(), &event))
		crew_fail(false, "nothing to sleep on");
	f.wire->watch(f.epoll);
}

static size_t floor_open(const struct crew_config *config, unsigned node, uint8_t *address)
{
	f.config = *config;
	f.self = node;
	f.wire = config->provider ? &floor_fabric : &floor_sockets;
	f.guest = memory_begin(CREW_PAGES, FRAMES, node == FIRST_OWNER, &f.pool);
	for (unsigned i = 0; i < CREW_PAGES; i++)
		f.page[i] = (struct page){ .state = node == FIRST_OWNER ? OWNED : NOTHING,
					   .owner = FIRST_OWNER };
	return f.wire->open(config, node, address);
}

static uint8_t *floor_start(const uint8_t (*address)[CREW_ADDRESS], const size_t *len)
{
	pthread_t thread;

	f.wire->connect(address, len);
	open_sleep();
	for (unsigned i = 0; i < FRAMES; i++) {
		uint8_t *frame = f.pool + (size_t)i * TIDAL_PAGE_SIZE;

		if (i < WIRE_FRAMES)
			f.wire->post(frame);
		else
			f.hole[f.holes++] = frame;
	}
	if (pthread_create(&thread, NULL, serve, NULL))
		crew_fail(false, "no thread");
	return f.guest;
}

const struct engine engine_floor = { .name = "floor", .open = floor_open, .start = floor_start };
