/* SPDX-License-Identifier: BSD-3-Clause */
/* A node's lock, and its threads started and stopped. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "driver.h"
#include "zeroers.h"

/* ---- the lock ---- */

static uintptr_t self(void)
{
	return (uintptr_t)pthread_self();
}

void tidal_node_lock(const struct tidal_node *node)
{
	struct turnstile *l = &node->threads->lock;

	if (atomic_load_explicit(&l->owner, memory_order_relaxed) == self()) {
		l->depth++;
		return;
	}
	(void)pthread_mutex_lock(&l->next);
	(void)pthread_mutex_lock(&l->hold);
	(void)pthread_mutex_unlock(&l->next);
	atomic_store_explicit(&l->owner, self(), memory_order_relaxed);
	l->depth = 1;
}

/* What was done may be more than the progress thread counts with. */
void tidal_node_unlock(const struct tidal_node *node)
{
	struct threads *t = node->threads;
	struct turnstile *l = &t->lock;

	if (l->depth > 1) {
		l->depth--;
		return;
	}
	if (t->asleep && !t->woken &&
	    (node->broken || tidal_node_deadline(node) < t->until))
		progress_wake(t);
	l->depth = 0;
	atomic_store_explicit(&l->owner, 0, memory_order_relaxed);
	(void)pthread_mutex_unlock(&l->hold);
}

static int copy_topology(struct threads *t, const struct tidal_topology *topology)
{
	uint32_t count = topology ? topology->count : 0;

	t->cpu = calloc(count + 1, sizeof(*t->cpu));
	if (!t->cpu)
		return TIDAL_ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		if (topology->objects[i].kind == TIDAL_TOPO_THREAD)
			t->cpu[t->hthreads++] = topology->objects[i].os_index;
	if (!topology)
		t->hthreads = 1;
	return 0;
}

int threads_open(struct tidal_node *n, const struct tidal_topology *topology)
{
	struct threads *t = calloc(1, sizeof(*t));

	if (!t)
		return TIDAL_ENOMEM;
	t->wake_fd = -1;
	if (copy_topology(t, topology) || pthread_mutex_init(&t->lock.next, NULL) != 0) {
		free(t->cpu);
		free(t);
		return TIDAL_ENOMEM;
	}
	if (pthread_mutex_init(&t->lock.hold, NULL) != 0) {
		(void)pthread_mutex_destroy(&t->lock.next);
		free(t->cpu);
		free(t);
		return TIDAL_ENOMEM;
	}
	n->threads = t;
	return 0;
}

void threads_close(struct tidal_node *n)
{
	struct threads *t = n->threads;
	int ignored = t && t->up ? tidal_node_stop(n) : 0;

	(void)ignored; /* whoever closes it doesn't care any more */
	if (!t)
		return;
	zeroing_close(n);
	(void)pthread_mutex_destroy(&t->lock.next);
	(void)pthread_mutex_destroy(&t->lock.hold);
	free(t->cpu);
	free(t);
	n->threads = NULL;
}

/* ---- for both kinds of threads ---- */

tidal_time threads_now(const struct threads *t)
{
	struct timespec now;

	if (t->config.now)
		return t->config.now(t->config.arg);
	if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
		return 0;
	return (tidal_time)now.tv_sec * 1000000000u + (tidal_time)now.tv_nsec;
}

int threads_step(struct tidal_node *n, tidal_time now, bool glance)
{
	struct threads *t = n->threads;
	int ret;

	tidal_node_lock(n);
	ret = node_drive(n, now, t->runners ? 0 : t->config.budget,
			 glance ? NODE_GLANCE : NODE_SETTLE);
	if (ret < 0 && !t->told) {
		t->told = true;
		if (t->config.failed)
			t->config.failed(t->config.arg, ret);
	}
	tidal_node_unlock(n);
	return ret;
}

/* ---- start and stop ---- */

void tidal_run_config_init(struct tidal_run_config *config, size_t size)
{
	const struct tidal_run_config defaults = {
		.size = size,
		.budget = 2000,
		.spin_ns = 20000,
		.nap_ns = 200000,
		.runners = 1,
		.progress_cpu = TIDAL_RUN_ANYWHERE,
		.zeroers = 1,
	};

	memset(config, 0, size);
	memcpy(config, &defaults, size < sizeof(defaults) ? size : sizeof(defaults));
}

static int read_config(struct tidal_run_config *c, const struct tidal_run_config *from)
{
	const unsigned char *bytes = (const unsigned char *)from;

	tidal_run_config_init(c, sizeof(*c));
	if (!from)
		return 0;
	if (from->size < sizeof(from->size))
		return TIDAL_EINVAL;
	for (size_t i = sizeof(*c); i < from->size; i++)
		if (bytes[i] != 0)
			return TIDAL_EINVAL;
	memcpy(c, from, from->size < sizeof(*c) ? from->size : sizeof(*c));
	if (c->budget == 0 || c->nap_ns == 0 || c->runners > 1 || c->pin > 1 ||
	    c->zeroers > ZEROERS_MOST)
		return TIDAL_EINVAL;
	return 0;
}

/* Signals are the embedder's threads'. */
int threads_create(pthread_t *thread, void *(*body)(void *), void *arg)
{
	sigset_t all, before;
	int err;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(thread, NULL, body, arg);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err == 0 ? 0 : err == ENOMEM ? TIDAL_ENOMEM : TIDAL_EIO;
}

static int start_threads(struct tidal_node *n)
{
	struct threads *t = n->threads;
	int err;

	atomic_store(&t->stop, false);
	t->told = false;
	t->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (t->wake_fd < 0)
		return TIDAL_EIO;
	err = threads_create(&t->progress, progress_main, n);
	if (err) {
		(void)close(t->wake_fd);
		t->wake_fd = -1;
		return err;
	}
	t->up = true;
	err = zeroing_start(n);
	return err ? err : runners_start(n);
}

static int pin(const struct threads *t)
{
	int err = t->config.pin ? runners_pin(t) : 0;

	if (!err && t->config.progress_cpu != TIDAL_RUN_ANYWHERE)
		err = pin_thread(t->progress, t->config.progress_cpu);
	return err;
}

static int begin_stop(struct tidal_node *n)
{
	struct threads *t = n->threads;

	if (n->busy)
		return TIDAL_EBUSY;
	if (!t->up)
		return TIDAL_EINVAL;
	atomic_store(&t->stop, true);
	progress_wake(t);
	return 0;
}

static int end_stop(struct tidal_node *n)
{
	struct threads *t = n->threads;
	int err;

	runners_join(t);
	(void)pthread_join(t->progress, NULL);
	zeroing_stop(n);
	tidal_node_lock(n);
	runners_free(t);
	t->up = t->asleep = t->woken = false;
	(void)close(t->wake_fd);
	t->wake_fd = -1;
	err = n->broken;
	tidal_node_unlock(n);
	return err;
}

int tidal_node_start(struct tidal_node *node, const struct tidal_run_config *config)
{
	struct threads *t = node->threads;
	struct tidal_run_config c;
	int err = read_config(&c, config);

	if (err)
		return err;
	tidal_node_lock(node);
	if (t->up || node->busy) {
		tidal_node_unlock(node);
		return TIDAL_EBUSY;
	}
	t->config = c;
	err = start_threads(node);
	if (!err)
		err = pin(t);
	if (err && t->up)
		err = begin_stop(node) ? TIDAL_EBROKEN : err;
	tidal_node_unlock(node);
	if (err && t->up)
		(void)end_stop(node);
	return err;
}

int tidal_node_stop(struct tidal_node *node)
{
	int err;

	tidal_node_lock(node);
	err = begin_stop(node);
	tidal_node_unlock(node);
	return err ? err : end_stop(node);
}
