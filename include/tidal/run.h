/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tidal/run.h - threads for a node: one that drives it while nobody else does, one for each
 * hyperthread, if the host can run vCPUs in threads of its callers (struct tidal_host_ops:
 * vcpu_enter), and some that zero free frames while nothing else wants a processor (scrub).
 *
 * All functions of a node (node.h) may be called by any thread, started or not; only
 * tidal_node_close(), start and stop want no other call at the same time as themselves, but stop may
 * overlap with commands, accesses and steps of other threads. A lock per node orders them: it is
 * held while messages and events are taken and actions are carried out, never while a thread waits
 * or a vCPU runs. Callbacks are called with that lock held, by whichever thread drives the node
 * just then, one at a time; they should be short, may begin accesses, and must not start, stop,
 * step, or give commands (TIDAL_EBUSY).
 *
 * Several nodes of a process may each be started. What they share must bear it: a network of
 * tidal/inproc.h wants its member `threads`.
 */
#ifndef TIDAL_RUN_H
#define TIDAL_RUN_H

#include <tidal/node.h>

TIDAL_BEGIN_DECLS

#define TIDAL_RUN_ANYWHERE UINT32_MAX

struct tidal_run_config {
	size_t size;
	uint32_t budget;	/* instructions that a vCPU runs before others may have the host */
	tidal_time spin_ns;	/* look again for so long before sleeping */
	/* A transport without wait_fd() is looked at that often while nothing happens. */
	tidal_time nap_ns;
	uint32_t runners;	/* 0: no threads for vCPUs: steps run them */
	/*
	 * 1: each runner stays on the processor whose number is the os_index of its hyperthread in
	 * params->topology. Needs hwloc.
	 */
	uint32_t pin;
	uint32_t progress_cpu;	/* likewise for the thread that drives; TIDAL_RUN_ANYWHERE */
	/* Pod time; any thread, so it must be safe. NULL: CLOCK_MONOTONIC, which is that of all
	 * processes of this machine. */
	tidal_time (*now)(void *arg);
	/*
	 * The node can't go on: an error of tidal_node_step(). Once, with the lock held, by the thread
	 * that saw it, or by the next one of ours. tidal_node_stop() returns it too.
	 */
	void (*failed)(void *arg, int error);
	void *arg;
	/*
	 * Threads of the lowest priority (SCHED_IDLE) that zero frames in the background, for each
	 * NUMA node of this machine, 0 .. 16. With hwloc they stay on their NUMA node, and each of n
	 * nodes gets an n-th of the frames: memory that is first touched there lies there. 0, or a host
	 * that can't (scrub): whoever steps the node zeroes, a frame at a time.
	 */
	uint32_t zeroers;
};

/* 2,000 instructions, 20 us of spinning, naps of 200 us, runners, nothing pinned, the clock, one zeroer. */
TIDAL_API void tidal_run_config_init(struct tidal_run_config *config, size_t size);

/*
 * Start threads (config NULL: defaults). They take no signals. EINVAL; EBUSY: it is started, or the
 * call comes from a callback; ENOMEM; EIO: the system gives no thread; ENOSYS: pinning without
 * hwloc; ERANGE: there is no such processor, or it isn't ours.
 */
TIDAL_API TIDAL_CHECKED int tidal_node_start(struct tidal_node *node,
					     const struct tidal_run_config *config);
/*
 * Stop and join them: they end after the step or slice they are in. The node stays as it is: it can
 * be stepped, closed, or started again. 0; the error that the node has come to; EINVAL: it is not
 * started; EBUSY: from a callback.
 */
TIDAL_API TIDAL_CHECKED int tidal_node_stop(struct tidal_node *node);

/*
 * Keep everybody else out of the node, for tidal_node_core() and for what belongs to the node's
 * thread in host and transport. Nests; within it all functions but start and stop may be called.
 */
TIDAL_API void tidal_node_lock(const struct tidal_node *node);
TIDAL_API void tidal_node_unlock(const struct tidal_node *node);

TIDAL_END_DECLS

#endif
