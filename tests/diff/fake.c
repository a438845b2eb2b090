/* SPDX-License-Identifier: BSD-3-Clause */
/* Run a program on the fake host, smoothly or with every disturbance that must not matter. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tidal/fake.h>

#include "engines.h"
#include "program.h"

#define PAGES_MAX 1024u
#define STEPS_MAX 50000000u
#define TRAP "environment call"

/* The program's pages, whose bytes travel with them between two hosts. */
struct run {
	const struct tidal_host_ops *ops;
	struct tidal_host *host[2];
	int at; /* which host has the vCPU and all mapped pages */
	struct rng rng;
	uint32_t npages;
	struct page {
		tidal_gfn gfn;
		unsigned prot; /* 0: not mapped */
	} page[PAGES_MAX]; /* page i is in frame i */
};

static struct page *page_of(struct run *run, tidal_gfn gfn)
{
	for (uint32_t i = 0; i < run->npages; i++)
		if (run->page[i].gfn == gfn)
			return &run->page[i];
	return NULL;
}

static int load(struct run *run, const struct tidal_fake_segment *s)
{
	for (uint64_t at = 0; at < s->bytes; at += TIDAL_PAGE_SIZE) {
		uint64_t n = s->file_bytes - at < TIDAL_PAGE_SIZE ? s->file_bytes - at :
								    TIDAL_PAGE_SIZE;

		if (run->npages == PAGES_MAX)
			return -1;
		memcpy(run->ops->frame_data(run->host[0], run->npages, TIDAL_GFN_NONE),
		       (const uint8_t *)s->data + at, n);
		run->page[run->npages++].gfn = (s->gpa + at) / TIDAL_PAGE_SIZE;
	}
	return 0;
}

static struct tidal_act_pages act_for(const struct run *run, const struct page *page)
{
	return (struct tidal_act_pages){ .token = 1, .gfn = page->gfn, .mask = 1,
					 .frame = (tidal_frame)(page - run->page) };
}

static int done(struct run *run)
{
	struct tidal_event event;

	return run->ops->poll(run->host[run->at], 0, &event, 1) == 1 &&
			       event.kind == TIDAL_EV_HOST_DONE ?
		       0 :
		       -1;
}

static int give(struct run *run, struct page *page, unsigned prot)
{
	struct tidal_act_pages act = act_for(run, page);

	act.prot = (uint16_t)prot;
	page->prot = prot;
	return run->ops->map(run->host[run->at], &act) || done(run) ? -1 : 0;
}

static int take(struct run *run, struct page *page)
{
	struct tidal_act_pages act = act_for(run, page);

	page->prot = 0;
	return run->ops->unmap(run->host[run->at], &act) || done(run) ? -1 : 0;
}

/* The vCPU and the bytes of all pages go to the other host. */
static int move(struct run *run)
{
	uint8_t state[4096];
	struct tidal_event event;
	struct tidal_host *from = run->host[run->at], *to = run->host[!run->at];

	for (uint32_t i = 0; i < run->npages; i++) {
		if (run->page[i].prot && take(run, &run->page[i]))
			return -1;
		memcpy(run->ops->frame_data(to, i, TIDAL_GFN_NONE),
		       run->ops->frame_data(from, i, TIDAL_GFN_NONE), TIDAL_PAGE_SIZE);
	}
	if (run->ops->vcpu_save(from, 1, 0, state, sizeof(state)) ||
	    run->ops->poll(from, 0, &event, 1) != 1 || run->ops->vcpu_drop(from, 0) ||
	    run->ops->vcpu_load(to, 1, 0, state, event.u.done.payload_len))
		return -1;
	run->at = !run->at;
	return done(run);
}

static int disturb(struct run *run)
{
	struct page *page = &run->page[rng_below(&run->rng, run->npages)];

	switch (rng_below(&run->rng, 64)) {
	case 0:
		return move(run);
	case 1:
	case 2:
	case 3:
		return page->prot ? take(run, page) : 0;
	case 4:
	case 5:
		return page->prot == TIDAL_PROT_RW ? give(run, page, TIDAL_PROT_R) : 0;
	default:
		return 0;
	}
}

static int serve(struct run *run, const struct tidal_ev_stall *stall)
{
	struct page *page = page_of(run, stall->gpa / TIDAL_PAGE_SIZE);

	if (!page) {
		printf("fake: access %u outside of the program: 0x%llx\n", stall->access,
		       (unsigned long long)stall->gpa);
		return -1;
	}
	return give(run, page, stall->access == TIDAL_WRITE ? TIDAL_PROT_RW : TIDAL_PROT_R);
}

/* 1: the program reached its end. */
static int stopped(struct run *run, const struct tidal_ev_vcpu_stopped *event)
{
	tidal_vcpuid vcpu;
	uint64_t pc;
	uint32_t insn;
	const char *why;

	if (event->reason != TIDAL_STOP_OFF)
		return 0;
	why = tidal_fake_fault(run->host[run->at], &vcpu, &pc, &insn);
	if (strcmp(why, TRAP) == 0)
		return 1;
	printf("fake: %s at 0x%llx: %08x\n", why, (unsigned long long)pc, insn);
	return -1;
}

/* One turn: 1 at the end, 0 to go on. The vCPU isn't running afterwards. */
static int turn(struct run *run, uint32_t budget)
{
	struct tidal_host *host = run->host[run->at];
	struct tidal_act_vcpu act = { 0 };
	struct tidal_event event;

	if (run->ops->vcpu_run(host, &act))
		return -1;
	if (run->ops->poll(host, budget, &event, 1) == 0 &&
	    (run->ops->vcpu_kick(host, 0) || run->ops->poll(host, 0, &event, 1) != 1))
		return -1;
	if (event.kind == TIDAL_EV_STALL)
		return serve(run, &event.u.stall);
	return event.kind == TIDAL_EV_VCPU_STOPPED ? stopped(run, &event.u.stopped) : -1;
}

static int run_all(struct run *run, int rough)
{
	for (uint32_t i = 0; i < STEPS_MAX; i++) {
		int r = turn(run, rough ? 1 + rng_below(&run->rng, 20) : 100000);

		if (r)
			return r > 0 ? 0 : r;
		if (rough && disturb(run))
			return -1;
	}
	printf("fake: the program does not end\n");
	return -1;
}

static int collect(struct run *run, uint8_t *out, size_t bytes)
{
	for (size_t at = 0; at < bytes; at += TIDAL_PAGE_SIZE) {
		struct page *page = page_of(run, (PROGRAM_DATA + at) / TIDAL_PAGE_SIZE);
		size_t n = bytes - at < TIDAL_PAGE_SIZE ? bytes - at : TIDAL_PAGE_SIZE;

		if (!page || (page->prot && take(run, page)))
			return -1;
		memcpy(out + at,
		       run->ops->frame_data(run->host[run->at], (tidal_frame)(page - run->page),
					    TIDAL_GFN_NONE),
		       n);
	}
	return 0;
}

static int start(struct run *run, const uint8_t *file, size_t len)
{
	struct tidal_fake_config config;
	struct tidal_fake_image image;
	struct tidal_fake_boot boot;
	const char *why;

	tidal_fake_config_init(&config, sizeof(config));
	config.frames = PAGES_MAX;
	config.ram_bytes = 256u << 20;
	for (int i = 0; i < 2; i++)
		if (tidal_fake_open(&config, &run->host[i]))
			return -1;
	if (tidal_fake_elf(file, len, &image, &why)) {
		printf("fake: %s\n", why);
		return -1;
	}
	for (uint32_t i = 0; i < image.segments; i++)
		if (load(run, &image.segment[i]))
			return -1;
	boot = (struct tidal_fake_boot){ .pc = image.entry };
	if (run->ops->vcpu_create(run->host[0], 0))
		return -1;
	return tidal_fake_vcpu_boot(run->host[0], 0, &boot);
}

int fake_run(const uint8_t *file, size_t len, uint8_t *out, size_t bytes, int rough, uint64_t seed)
{
	struct run *run = calloc(1, sizeof(*run));
	int r;

	if (!run)
		return -1;
	run->ops = tidal_fake_ops();
	run->rng.state = seed;
	r = start(run, file, len) || run_all(run, rough) || collect(run, out, bytes) ? -1 : 0;
	for (int i = 0; i < 2; i++)
		run->ops->close(run->host[i]);
	free(run);
	return r;
}
