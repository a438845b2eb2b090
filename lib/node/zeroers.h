/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * zeroers - threads that zero free frames while nothing else wants a processor (SCHED_IDLE).
 *
 * They may be stopped for long at any point, so they hold no lock, ever: jobs lie in slots whose
 * state changes by atomic steps,
 *
 *	FREE -> READY	the node gives it
 *	READY -> TAKEN	a zeroer of its NUMA node begins
 *	TAKEN -> DONE	and has ended
 *	READY -> DONE	the node has waited too long for it to begin, and has its frames back
 *	DONE -> FREE	the node has taken the answer
 *
 * and what they have done is told in batches: a descriptor becomes readable when several jobs are done,
 * or when none is left to begin.
 */
#ifndef TIDAL_NODE_ZEROERS_H
#define TIDAL_NODE_ZEROERS_H

#include <stdbool.h>
#include <tidal/host.h>

#define ZEROERS_JOBS 16
#define ZEROERS_BATCH 4 /* jobs that are told of together, at most */
#define ZEROERS_MOST 16 /* threads for a NUMA node */

struct numa;
struct zeroers;

struct zeroers_config {
	int (*scrub)(struct tidal_host *, tidal_frame first, uint64_t mask);
	struct tidal_host *host;
	const struct numa *numa; /* stays the caller's, and stays */
	unsigned each;	     /* threads for each NUMA node, 1 .. ZEROERS_MOST */
	tidal_time pause_ns; /* after a job that failed, so that it isn't begun again at once */
	tidal_time recall_ns; /* a job that hasn't begun after so long is given back; not 0 */
};

/* ENOMEM; EIO: no thread, no descriptor, or not of such a priority. */
int zeroers_open(struct zeroers **zeroers, const struct zeroers_config *config);
/* Ends them after the job they are in. The answers to all jobs can be taken afterwards, too. */
void zeroers_stop(struct zeroers *zeroers);
void zeroers_close(struct zeroers *zeroers);

/* The rest: one thread at a time, as the node's lock has it. */

/* false: no slot is free. *token* comes back with the answer. */
bool zeroers_give(struct zeroers *z, uint64_t token, tidal_frame first, uint64_t mask);
struct zeroers_answer {
	uint64_t token;
	int status; /* of scrub(); EAGAIN: it never began */
};

/* The answers to those that are done; how many. */
unsigned zeroers_collect(struct zeroers *z, struct zeroers_answer answers[ZEROERS_JOBS]);
/*
 * Answer jobs that nobody began in time by EAGAIN: on a machine that has not a moment to spare, their
 * frames are not to be missing. To be called before deadline(), with time that never goes back: what is
 * given counts from the first such call on. NEVER: nothing waits.
 */
void zeroers_recall(struct zeroers *z, tidal_time now);
tidal_time zeroers_deadline(const struct zeroers *z);
/* How many frames may well be under way: enough to keep all busy. */
uint32_t zeroers_frames(const struct zeroers *z);
/* Readable when it is time to collect, until it is hushed, which comes first. Any one thread. */
int zeroers_fd(const struct zeroers *z);
void zeroers_hush(const struct zeroers *z);

#endif
