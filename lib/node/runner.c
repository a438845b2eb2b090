/* SPDX-License-Identifier: BSD-3-Clause */
/* Runners: a thread per hyperthread, for the vCPU that the core puts there. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdlib.h>

#include "driver.h"

struct runner {
	struct tidal_node *node;
	uint32_t hthread;
	pthread_t thread;
	pthread_mutex_t lock; /* of the two below, and a leaf: nothing is locked within */
	pthread_cond_t woken;
	bool go;	      /* a vCPU was put here, or all end */
	atomic_bool hint;     /* go, for a look without the lock */
};

static void call(struct runner *r)
{
	(void)pthread_mutex_lock(&r->lock);
	r->go = true;
	atomic_store_explicit(&r->hint, true, memory_order_relaxed);
	(void)pthread_cond_signal(&r->woken);
	(void)pthread_mutex_unlock(&r->lock);
}

void runners_call(const struct threads *t, uint32_t hthread)
{
	if (hthread < t->runners)
		call(&t->runner[hthread]);
}

static void await_call(struct runner *r)
{
	(void)pthread_mutex_lock(&r->lock);
	while (!r->go)
		(void)pthread_cond_wait(&r->woken, &r->lock);
	r->go = false;
	atomic_store_explicit(&r->hint, false, memory_order_relaxed);
	(void)pthread_mutex_unlock(&r->lock);
}

/* Until nothing runs on this hyperthread; what comes of a slice is pushed here. < 0: broken. */
static int run(struct runner *r)
{
	struct tidal_node *n = r->node;
	struct threads *t = n->threads;
	int ret = 0;

	while (ret >= 0 && !atomic_load(&t->stop)) {
		int events = n->host_ops->vcpu_enter(n->host, r->hthread, threads_now(t),
						     t->config.budget);

		if (events < 0)
			break;
		if (events > 0)
			ret = threads_step(n, threads_now(t), false);
	}
	return ret;
}

/* Its vCPU waits for something, most likely a page: fetch it here rather than wake up a thread. */
static int drive(struct runner *r)
{
	struct threads *t = r->node->threads;
	tidal_time start = threads_now(t), now = start;
	int ret = 0;

	while (ret >= 0 && now - start < t->config.spin_ns && !atomic_load(&t->stop) &&
	       !atomic_load_explicit(&r->hint, memory_order_relaxed)) {
		ret = threads_step(r->node, now, false);
		if (ret == 0)
			(void)sched_yield();
		now = threads_now(t);
	}
	return ret;
}

static void *runner_main(void *runner)
{
	struct runner *r = runner;
	int ret = 0;

	while (ret >= 0 && !atomic_load(&r->node->threads->stop)) {
		await_call(r);
		ret = run(r);
		if (ret >= 0)
			ret = drive(r);
	}
	return NULL;
}

/* All begin with a look: the node may have been stopped while vCPUs ran. */
static int start_one(struct tidal_node *n, struct runner *r, uint32_t hthread)
{
	int err;

	*r = (struct runner){ .node = n, .hthread = hthread, .go = true };
	if (pthread_mutex_init(&r->lock, NULL) != 0)
		return TIDAL_ENOMEM;
	err = pthread_cond_init(&r->woken, NULL) == 0 ? 0 : TIDAL_ENOMEM;
	if (!err) {
		err = threads_create(&r->thread, runner_main, r);
		if (err)
			(void)pthread_cond_destroy(&r->woken);
	}
	if (err)
		(void)pthread_mutex_destroy(&r->lock);
	return err;
}

static bool host_can(const struct tidal_node *n)
{
	return n->host_ops->size >= offsetof(struct tidal_host_ops, vcpu_enter) +
					    sizeof(n->host_ops->vcpu_enter) &&
	       n->host_ops->vcpu_enter;
}

int runners_start(struct tidal_node *n)
{
	struct threads *t = n->threads;
	int err = 0;

	if (!t->config.runners || !host_can(n))
		return 0;
	t->runner = calloc(t->hthreads, sizeof(*t->runner));
	if (!t->runner)
		return TIDAL_ENOMEM;
	while (!err && t->runners < t->hthreads) {
		err = start_one(n, &t->runner[t->runners], t->runners);
		t->runners += err == 0;
	}
	return err;
}

int runners_pin(const struct threads *t)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < t->runners; i++)
		err = pin_thread(t->runner[i].thread, t->cpu[i]);
	return err;
}

void runners_join(struct threads *t)
{
	for (uint32_t i = 0; i < t->runners; i++)
		call(&t->runner[i]);
	for (uint32_t i = 0; i < t->runners; i++)
		(void)pthread_join(t->runner[i].thread, NULL);
}

void runners_free(struct threads *t)
{
	for (uint32_t i = 0; i < t->runners; i++) {
		(void)pthread_cond_destroy(&t->runner[i].woken);
		(void)pthread_mutex_destroy(&t->runner[i].lock);
	}
	free(t->runner);
	t->runner = NULL;
	t->runners = 0;
}
