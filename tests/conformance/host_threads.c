/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The threads host passes the conformance suite, with pages moved and with pages copied. A
 * vCPU's program is carried out by a thread that begins when the vCPU is run; its code is a
 * number only. A thread can't execute guest code, zero a page in one instruction, reach
 * devices or tell the time: those cases are skipped.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tidal/threads.h>
#include <unistd.h>

#include "host.h"

#define GUESTS 8
#define PROGRAMS 2

struct guest {
	struct tidal_host *host; /* NULL: free */
	tidal_vcpuid vcpu;
	struct host_program program;
	uint8_t *ram;
	int runs;
	sem_t ready;
	pthread_t thread;
};

static struct guest guests[GUESTS];
static struct host_program programs[PROGRAMS]; /* by where their code lies */
static _Thread_local sigjmp_buf out;

/* A thread may be asleep on a page that never comes; this gets it out of there. */
static void on_signal(int number)
{
	(void)number;
	siglongjmp(out, 1);
}

static uint64_t get(const volatile void *at)
{
	return *(const volatile uint64_t *)at;
}

static void put(volatile void *at, uint64_t value)
{
	*(volatile uint64_t *)at = value;
}

static void carry_out(const struct guest *g)
{
	const struct host_program *p = &g->program;
	uint64_t bytes;
	volatile uint8_t *at = tidal_threads_memory(g->host, p->addr, &bytes);

	if (p->what == HOST_GUEST_LOAD)
		put(g->ram + HOST_RESULT, get(at));
	if (p->what == HOST_GUEST_STORE)
		put(at, p->value);
	while (p->what == HOST_GUEST_COUNT)
		put(at, get(at) + 1);
	for (;;)
		pause(); /* the suite's spinning, without the heat */
}

static void *guest_main(void *arg)
{
	struct guest *g = arg;

	if (sigsetjmp(out, 1) == 0) {
		sem_post(&g->ready);
		carry_out(g);
	}
	return NULL;
}

static void end(struct guest *g)
{
	if (g->runs) {
		pthread_kill(g->thread, SIGUSR1);
		pthread_join(g->thread, NULL);
		sem_destroy(&g->ready);
	}
	g->runs = 0;
}

static struct guest *find(struct tidal_host *host, tidal_vcpuid vcpu)
{
	for (unsigned i = 0; i < GUESTS; i++)
		if (guests[i].host == host && (!host || guests[i].vcpu == vcpu))
			return &guests[i];
	return NULL;
}

static void threads_close(struct tidal_host *host)
{
	for (unsigned i = 0; i < GUESTS; i++)
		if (guests[i].host == host) {
			end(&guests[i]);
			guests[i].host = NULL;
		}
	tidal_threads_ops()->close(host);
}

static int threads_run(struct tidal_host *host, const struct tidal_act_vcpu *act)
{
	struct guest *g = find(host, act->vcpu);
	int r = tidal_threads_ops()->vcpu_run(host, act);

	if (r || !g || g->runs)
		return r;
	sem_init(&g->ready, 0, 0);
	if (pthread_create(&g->thread, NULL, guest_main, g))
		abort();
	while (sem_wait(&g->ready))
		;
	g->runs = 1;
	return 0;
}

static const struct tidal_host_ops *threads_ops(void)
{
	static struct tidal_host_ops ops;

	ops = *tidal_threads_ops();
	ops.close = threads_close;
	ops.vcpu_run = threads_run;
	return &ops;
}

static size_t threads_code(uint8_t *bytes, tidal_gpa at, const struct host_program *program)
{
	int reads = program->what == HOST_GUEST_LOAD;
	int writes = program->what == HOST_GUEST_STORE || program->what == HOST_GUEST_COUNT;
	tidal_gpa last = program->addr;

	if (program->what != HOST_GUEST_SPIN && !reads && !writes)
		return 0;
	if (last >= HOST_RAM_BYTES && !(reads && last >= HOST_ROM && last < HOST_HOLE))
		return 0;
	programs[(at - HOST_CODE) / TIDAL_PAGE_SIZE] = *program;
	bytes[0] = (uint8_t)program->what;
	return 1;
}

static int threads_boot(struct tidal_host *host, tidal_vcpuid vcpu, tidal_gpa pc)
{
	struct guest *g = find(host, vcpu);

	if (!g)
		g = find(NULL, 0);
	if (!g)
		return TIDAL_EFULL;
	end(g);
	g->host = host;
	g->vcpu = vcpu;
	g->program = programs[(pc - HOST_CODE) / TIDAL_PAGE_SIZE];
	g->ram = tidal_threads_memory(host, 0, NULL);
	return 0;
}

static int open_with(uint32_t flags, struct tidal_host **host, const char **why)
{
	struct tidal_threads_info info = { .size = sizeof(info) };
	struct tidal_threads_config config;
	int r;

	tidal_threads_config_init(&config, sizeof(config));
	config.frames = 64;
	config.vcpu_slots = 4;
	config.hthreads = 4;
	config.ram_bytes = 0;
	config.flags = flags;
	r = tidal_threads_open(&config, host, why);
	if (r)
		return r == TIDAL_EPERM || r == TIDAL_ENOSYS ? 1 : r;
	tidal_threads_info(*host, &info);
	if (info.moves || flags & TIDAL_THREADS_COPY)
		return 0;
	tidal_threads_ops()->close(*host);
	*why = "this kernel's userfaultfd can't move pages: it takes Linux 6.8";
	return 1;
}

static int open_moving(struct tidal_host **host, const char **why)
{
	return open_with(0, host, why);
}

static int open_copying(struct tidal_host **host, const char **why)
{
	return open_with(TIDAL_THREADS_COPY, host, why);
}

static void wait_a_little(void)
{
	usleep(500);
}

int main(void)
{
	struct host_adapter adapter = {
		.name = "host threads",
		.ops = threads_ops,
		.open = open_moving,
		.code = threads_code,
		.boot = threads_boot,
		.stays = 1,
		.pause = wait_a_little,
	};
	struct sigaction action = { .sa_handler = on_signal };
	int moving, copying;

	if (sigaction(SIGUSR1, &action, NULL))
		return 99;
	moving = host_conformance(&adapter);
	adapter.name = "host threads, copying";
	adapter.open = open_copying;
	copying = host_conformance(&adapter);
	if (moving == 77)
		return copying;
	return copying == 77 ? moving : moving + copying;
}
