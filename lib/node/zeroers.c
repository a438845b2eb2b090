/* SPDX-License-Identifier: BSD-3-Clause */
/* zeroers - see zeroers.h. */
#define _GNU_SOURCE
#include "zeroers.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "numa.h"
#include "threads.h"

enum state { FREE, TAKEN, DONE, READY }; /* READY + n: for NUMA node n */

struct job {
	_Atomic unsigned state; /* the rest is written before it changes to READY, or to DONE */
	uint64_t token;
	tidal_frame first;
	uint64_t mask;
	int status;
	tidal_time since; /* the node's: READY as far as it has seen; 0: it hasn't */
};

struct zeroer {
	struct zeroers *all;
	unsigned numa;
	pthread_t thread;
};

struct zeroers {
	struct zeroers_config config;
	unsigned nodes, threads; /* threads: that have begun */
	struct zeroer *thread;
	sem_t *ready;	    /* of each NUMA node: its jobs that are READY */
	unsigned sems;
	struct job job[ZEROERS_JOBS];
	atomic_uint waiting; /* READY */
	atomic_uint done;    /* since answers were taken last */
	atomic_bool stop;
	int fd;
};

/* ---- a zeroer ---- */

static struct job *begin(struct zeroers *z, unsigned numa)
{
	for (unsigned i = 0; i < ZEROERS_JOBS; i++) {
		struct job *j = &z->job[i];
		unsigned ready = READY + numa;

		if (atomic_compare_exchange_strong(&j->state, &ready, TAKEN))
			return j;
	}
	return NULL;
}

/* So much at a time, in order to stop soon. */
#define NAP_NS 1000000

static void pause_for(const struct zeroers *z)
{
	const struct timespec nap = { 0, NAP_NS };

	for (tidal_time t = 0; t < z->config.pause_ns && !atomic_load(&z->stop); t += NAP_NS)
		(void)nanosleep(&nap, NULL);
}

static void tell(struct zeroers *z)
{
	const uint64_t one = 1;

	if (atomic_fetch_add(&z->done, 1) + 1 != ZEROERS_BATCH && atomic_load(&z->waiting) > 0)
		return;
	/* it can only fail when the descriptor is readable anyway */
	if (write(z->fd, &one, sizeof(one)) < 0)
		return;
}

static void work(struct zeroers *z, struct job *j)
{
	atomic_fetch_sub(&z->waiting, 1);
	j->status = z->config.scrub(z->config.host, j->first, j->mask);
	if (j->status)
		pause_for(z);
	atomic_store_explicit(&j->state, DONE, memory_order_release);
	tell(z);
}

static void *zeroer_main(void *arg)
{
	const struct zeroer *self = arg;
	struct zeroers *z = self->all;

	while (!atomic_load(&z->stop)) {
		struct job *j;

		if (sem_wait(&z->ready[self->numa]) != 0)
			continue; /* EINTR */
		j = atomic_load(&z->stop) ? NULL : begin(z, self->numa);
		if (j)
			work(z, j);
	}
	return NULL;
}

/* ---- opened and closed ---- */

static int start_one(struct zeroers *z, unsigned numa)
{
	const struct sched_param priority = { 0 };
	struct zeroer *t = &z->thread[z->threads];
	int err;

	*t = (struct zeroer){ .all = z, .numa = numa };
	err = threads_create(&t->thread, zeroer_main, t);
	if (err)
		return err;
	z->threads++;
	if (pthread_setschedparam(t->thread, SCHED_IDLE, &priority) != 0)
		return TIDAL_EIO;
	return numa_bind(z->config.numa, numa, t->thread);
}

static int start(struct zeroers *z)
{
	int err = 0;

	z->thread = calloc((size_t)z->nodes * z->config.each, sizeof(*z->thread));
	z->ready = calloc(z->nodes, sizeof(*z->ready));
	if (!z->thread || !z->ready)
		return TIDAL_ENOMEM;
	z->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (z->fd < 0)
		return TIDAL_EIO;
	for (; z->sems < z->nodes; z->sems++)
		if (sem_init(&z->ready[z->sems], 0, 0) != 0)
			return TIDAL_EIO;
	for (unsigned i = 0; !err && i < z->nodes * z->config.each; i++)
		err = start_one(z, i % z->nodes);
	return err;
}

int zeroers_open(struct zeroers **zeroers, const struct zeroers_config *config)
{
	struct zeroers *z = calloc(1, sizeof(*z));
	int err;

	if (!z)
		return TIDAL_ENOMEM;
	z->config = *config;
	z->fd = -1;
	z->nodes = numa_nodes(config->numa);
	err = start(z);
	if (err)
		zeroers_close(z);
	else
		*zeroers = z;
	return err;
}

void zeroers_stop(struct zeroers *z)
{
	atomic_store(&z->stop, true);
	for (unsigned i = 0; i < z->threads; i++)
		(void)sem_post(&z->ready[z->thread[i].numa]);
	for (unsigned i = 0; i < z->threads; i++)
		(void)pthread_join(z->thread[i].thread, NULL);
	z->threads = 0;
	for (unsigned i = 0; i < ZEROERS_JOBS; i++)
		if (atomic_load(&z->job[i].state) >= READY) {
			z->job[i].status = TIDAL_EAGAIN;
			atomic_store(&z->job[i].state, DONE);
			atomic_fetch_add(&z->done, 1);
		}
}

void zeroers_close(struct zeroers *z)
{
	if (!z)
		return;
	zeroers_stop(z);
	while (z->sems > 0)
		(void)sem_destroy(&z->ready[--z->sems]);
	if (z->fd >= 0)
		(void)close(z->fd);
	free(z->ready);
	free(z->thread);
	free(z);
}

/* ---- the node's side ---- */

bool zeroers_give(struct zeroers *z, uint64_t token, tidal_frame first, uint64_t mask)
{
	unsigned numa = numa_of(z->nodes, first);

	for (unsigned i = 0; i < ZEROERS_JOBS; i++) {
		struct job *j = &z->job[i];

		if (atomic_load_explicit(&j->state, memory_order_relaxed) != FREE)
			continue;
		j->since = 0;
		j->token = token;
		j->first = first;
		j->mask = mask;
		atomic_fetch_add(&z->waiting, 1);
		atomic_store_explicit(&j->state, READY + numa, memory_order_release);
		(void)sem_post(&z->ready[numa]);
		return true;
	}
	return false;
}

unsigned zeroers_collect(struct zeroers *z, struct zeroers_answer answers[ZEROERS_JOBS])
{
	unsigned n = 0;

	if (atomic_load_explicit(&z->done, memory_order_relaxed) == 0)
		return 0;
	(void)atomic_exchange(&z->done, 0); /* before the look: what ends now is counted anew */
	for (unsigned i = 0; i < ZEROERS_JOBS; i++) {
		struct job *j = &z->job[i];

		if (atomic_load_explicit(&j->state, memory_order_acquire) != DONE)
			continue;
		answers[n++] = (struct zeroers_answer){ j->token, j->status };
		atomic_store_explicit(&j->state, FREE, memory_order_relaxed);
	}
	return n;
}

static bool is_ready(const struct job *j)
{
	return atomic_load_explicit(&j->state, memory_order_relaxed) >= READY;
}

static void recall(struct zeroers *z, struct job *j)
{
	unsigned state = atomic_load(&j->state);

	if (state < READY || !atomic_compare_exchange_strong(&j->state, &state, TAKEN))
		return; /* it has begun after all */
	atomic_fetch_sub(&z->waiting, 1);
	j->status = TIDAL_EAGAIN;
	atomic_store_explicit(&j->state, DONE, memory_order_release);
	atomic_fetch_add(&z->done, 1);
}

void zeroers_recall(struct zeroers *z, tidal_time now)
{
	for (unsigned i = 0; i < ZEROERS_JOBS; i++) {
		struct job *j = &z->job[i];

		if (!is_ready(j))
			continue;
		if (j->since == 0)
			j->since = now ? now : 1;
		else if (now - j->since >= z->config.recall_ns)
			recall(z, j);
	}
}

tidal_time zeroers_deadline(const struct zeroers *z)
{
	tidal_time due = TIDAL_NEVER;

	for (unsigned i = 0; i < ZEROERS_JOBS; i++) {
		const struct job *j = &z->job[i];

		if (is_ready(j) && j->since + z->config.recall_ns < due)
			due = j->since + z->config.recall_ns;
	}
	return due;
}

uint32_t zeroers_frames(const struct zeroers *z)
{
	uint32_t jobs = 4 * z->threads;

	return 64 * (jobs < ZEROERS_JOBS ? jobs : ZEROERS_JOBS);
}

int zeroers_fd(const struct zeroers *z)
{
	return z->fd;
}

void zeroers_hush(const struct zeroers *z)
{
	uint64_t count;

	if (read(z->fd, &count, sizeof(count)) < 0)
		return; /* it was silent */
}
