/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * threads - the lock of a node, and the threads that drive it when it is started.
 *
 *	progress	steps; spins; sleeps until a descriptor or a deadline
 *	runners		one per hyperthread: a vCPU's code without the lock; what comes of it is the
 *			runner's own to push, so that no fault is handed to another thread
 *	zeroers		zeroers.h: free frames, while nothing else wants a processor; never the lock
 */
#ifndef TIDAL_NODE_THREADS_H
#define TIDAL_NODE_THREADS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <tidal/run.h>

/* Who waits is next: a thread that lets go and comes again stands behind it. */
struct turnstile {
	pthread_mutex_t next, hold;
	_Atomic uintptr_t owner; /* 0: nobody */
	unsigned depth;
};

struct numa;
struct zeroers;

struct threads {
	struct turnstile lock;
	struct tidal_run_config config;
	bool up;	/* started */
	bool told;	/* that the node is broken */
	atomic_bool stop;
	pthread_t progress;
	int wake_fd;	/* an eventfd */
	/* under the lock */
	bool asleep, woken; /* the progress thread, on wake_fd and others */
	tidal_time until;   /* it sleeps */
	uint32_t runners;   /* 0: vCPUs run in steps, or by themselves */
	struct runner *runner;
	struct zeroers *zeroers; /* NULL: none; used under the lock */
	struct numa *numa;	 /* NULL: not known yet */
	/* of the topology */
	uint32_t hthreads;
	uint32_t *cpu; /* os_index of each */
};

struct tidal_node;

/* topology: NULL: one hyperthread. */
int threads_open(struct tidal_node *n, const struct tidal_topology *topology);
void threads_close(struct tidal_node *n);

/*
 * Drive the node once, with the lock; *glance*: without a look at the host, unless it was asked for
 * something. Tells the embedder of an error, and returns it.
 */
int threads_step(struct tidal_node *n, tidal_time now, bool glance);
tidal_time threads_now(const struct threads *t);
/* progress.c: what the progress thread does. */
void *progress_main(void *node);
/* The lock is held: the progress thread must look at the node again. */
void progress_wake(struct threads *t);

int threads_create(pthread_t *thread, void *(*body)(void *), void *arg);

/* runner.c: with the node's lock, but for join. */
int runners_start(struct tidal_node *n);
int runners_pin(const struct threads *t);
void runners_join(struct threads *t);
void runners_free(struct threads *t);
/* A vCPU was put on a hyperthread. */
void runners_call(const struct threads *t, uint32_t hthread);

/* zeroing.c: with the node's lock, but for stop. Errors: of zeroers_open() and numa_open(). */
struct tidal_act_frame;
int zeroing_start(struct tidal_node *n);
void zeroing_stop(struct tidal_node *n);
void zeroing_close(struct tidal_node *n);
/* Answers become events; how many. */
unsigned zeroing_collect(struct tidal_node *n);
/* When frames that nobody zeroes are to be taken back. */
tidal_time zeroing_deadline(const struct tidal_node *n);
/* Is it a job for others, and do they have it now? */
bool zeroing_give(struct tidal_node *n, const struct tidal_act_frame *f);
/* More than one frame, at once. */
void zeroing_several(struct tidal_node *n, const struct tidal_act_frame *f);

/* pin_hwloc.c, or pin_no_hwloc.c: bind a thread to a processor. ENOSYS, ERANGE, EIO. */
int pin_thread(pthread_t thread, uint32_t os_index);

#endif
