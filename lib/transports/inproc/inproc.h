/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of the in-process transport: packets under way, endpoints, and the network of both. */
#ifndef TIDAL_TRANSPORTS_INPROC_H
#define TIDAL_TRANSPORTS_INPROC_H

#include <pthread.h>
#include <stdbool.h>
#include <tidal/inproc.h>

#include "queue.h"

#define INPROC_KINDS 2	      /* of payload: pages and vCPUs */
#define INPROC_POSTS 4096     /* buffers of one kind that an endpoint can hold */
#define INPROC_POLL 32	      /* completions that one poll gives at most */
#define INPROC_SET (TIDAL_NODES_MAX / 64)

struct inproc_post {
	void *buf;
	uint32_t room;
	uint64_t cookie;
};

/* The last buffer that was posted is the first to be used: its lines are the warmest. */
struct inproc_posts {
	uint32_t used;
	struct inproc_post post[INPROC_POSTS];
};

struct tidal_transport {
	struct tidal_inproc *net;
	tidal_nodeid node;
	tidal_time now; /* of the last poll */
	int fd;		/* an eventfd, or -1 */
	bool rung;	/* it is readable */
	uint64_t peers[INPROC_SET];
	uint8_t header[INPROC_POLL][TIDAL_HEADER_MAX]; /* of the completions of the last poll */
	struct inproc_posts posts[INPROC_KINDS];
};

struct tidal_inproc {
	struct tidal_inproc_config config;
	struct tidal_inproc_stats stats;
	struct queue queue;
	uint64_t random;
	struct tidal_transport **endpoints; /* NULL: not open */
	uint64_t *cuts;	     /* bit from * nodes + to */
	tidal_time *last;    /* latest delivery of each pair; only where order must be kept */
	pthread_mutex_t lock; /* of everything, if config.threads; config doesn't change */
};

static inline void inproc_lock(struct tidal_inproc *net)
{
	if (net->config.threads)
		(void)pthread_mutex_lock(&net->lock);
}

static inline void inproc_unlock(struct tidal_inproc *net)
{
	if (net->config.threads)
		(void)pthread_mutex_unlock(&net->lock);
}

/* bell.c: what wakes an endpoint's thread, if the network has several. */
bool inproc_bell_open(struct tidal_transport *t);
void inproc_bell_close(struct tidal_transport *t);
/* The lock is held. */
void inproc_bell_ring(struct tidal_transport *t);
void inproc_bell_quiet(struct tidal_transport *t);

/* Put a packet on its way: loss, delay and repetition happen in here. 0 or TIDAL_EAGAIN. */
int inproc_carry(struct tidal_inproc *net, tidal_time now, const struct packet_in *in);

static inline bool inproc_bit(const uint64_t *set, size_t i)
{
	return set[i / 64] >> i % 64 & 1;
}

#endif
