/* SPDX-License-Identifier: BSD-3-Clause */
/* The progress thread: it drives the node while nobody else does. */
#define _GNU_SOURCE
#include <poll.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include "driver.h"
#include "zeroers.h"

#define LOOKS 8 /* at the transport, before others may run */
#define SECOND UINT64_C(1000000000)
#define SLEEP_MAX (3600 * SECOND) /* a deadline may be TIDAL_NEVER */

void progress_wake(struct threads *t)
{
	const uint64_t one = 1;

	t->woken = true;
	/* it can only fail when the descriptor is readable anyway */
	if (write(t->wake_fd, &one, sizeof(one)) < 0)
		return;
}

static void forget_wakes(struct threads *t)
{
	uint64_t count;

	if (t->woken && read(t->wake_fd, &count, sizeof(count)) < 0)
		return;
	t->woken = false;
}

/* The lock is held. false: there is something to do at once. */
static bool may_sleep(struct tidal_node *n, tidal_time now, int wire_fd)
{
	struct threads *t = n->threads;
	tidal_time due = tidal_node_deadline(n);

	if (due <= now || n->broken || atomic_load(&t->stop))
		return false;
	if (due - now > SLEEP_MAX)
		due = now + SLEEP_MAX;
	if (wire_fd < 0 && due - now > t->config.nap_ns)
		due = now + t->config.nap_ns;
	t->until = due;
	t->asleep = true;
	return true;
}

static void wait_for(struct tidal_node *n)
{
	struct threads *t = n->threads;
	struct pollfd fds[4];
	struct timespec rest = { 0 };
	tidal_time now;
	bool sleeps;

	tidal_node_lock(n);
	now = threads_now(t);
	fds[0] = (struct pollfd){ .fd = t->wake_fd, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = n->wire_ops->wait_fd(n->wire), .events = POLLIN };
	fds[2] = (struct pollfd){ .fd = n->host_ops->wait_fd(n->host), .events = POLLIN };
	fds[3] = (struct pollfd){ .fd = t->zeroers ? zeroers_fd(t->zeroers) : -1, .events = POLLIN };
	sleeps = may_sleep(n, now, fds[1].fd);
	if (sleeps)
		rest = (struct timespec){ .tv_sec = (time_t)((t->until - now) / SECOND),
					  .tv_nsec = (long)((t->until - now) % SECOND) };
	tidal_node_unlock(n);
	if (!sleeps)
		return;
	(void)ppoll(fds, 4, &rest, NULL); /* descriptors below 0 are none */
	if (fds[3].revents)
		zeroers_hush(t->zeroers); /* they end after this thread */
	tidal_node_lock(n);
	t->asleep = false;
	forget_wakes(t);
	tidal_node_unlock(n);
}

/* Has anybody been woken since this was asked last? */
static bool took_wake(struct tidal_node *n)
{
	return atomic_load_explicit(&n->woke, memory_order_relaxed) &&
	       atomic_exchange_explicit(&n->woke, false, memory_order_relaxed);
}

/*
 * Threads that touch guest memory may share this processor: as soon as one can go on it does. And a
 * look at such a host is a system call, so only every few looks at the transport are at it too, after
 * others could run.
 */
void *progress_main(void *node)
{
	struct tidal_node *n = node;
	struct threads *t = n->threads;
	bool costly = n->host_ops->wait_fd(n->host) >= 0;
	tidal_time busy = threads_now(t); /* when there was something to do last */
	bool fresh = true;		  /* others could run since the host was looked at */
	unsigned looks = 0;

	while (!atomic_load(&t->stop)) {
		tidal_time now = threads_now(t);
		int any = threads_step(n, now, costly && !fresh);

		if (any < 0)
			break;
		if (any > 0)
			busy = now;
		fresh = took_wake(n) || ++looks >= LOOKS;
		if (any == 0 && now - busy >= t->config.spin_ns) {
			wait_for(n);
			fresh = true;
		} else if (fresh) {
			(void)sched_yield();
		}
		if (fresh)
			looks = 0;
	}
	return NULL;
}
