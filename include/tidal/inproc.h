/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tidal/inproc.h - a transport between nodes of one process: queues, and as much
 * bad weather as a test wants. Deterministic: the same seed and calls give the same
 * deliveries. All endpoints of a network belong to one thread, unless it is opened for several.
 */
#ifndef TIDAL_INPROC_H
#define TIDAL_INPROC_H

#include <tidal/transport.h>

TIDAL_BEGIN_DECLS

struct tidal_inproc; /* a network */

struct tidal_inproc_config {
	size_t size;
	uint32_t nodes;	    /* endpoints, 1 .. TIDAL_NODES_MAX */
	tidal_time delay_ns; /* of every message */
	tidal_time jitter_ns; /* up to this much more, at random; without `reorder` order is kept per pair */
	tidal_time byte_ps;  /* picoseconds per byte on top */
	uint32_t loss_ppm;  /* messages lost, per million */
	uint32_t dup_ppm;   /* messages delivered twice, per million */
	uint32_t reorder;   /* 1: jitter may reorder the messages of a pair */
	uint64_t seed;
	uint32_t queue;	    /* messages under way in the whole network; send() says EAGAIN beyond */
	/*
	 * 1: each endpoint may belong to a thread of its own, and has a wait_fd(); whoever opens, cuts
	 * or asks the network may be any. Only what `seed` decides is the same in every run then.
	 */
	uint32_t threads;
};

/* What happened to messages since the network was opened. */
struct tidal_inproc_stats {
	uint64_t sent;	     /* taken by send() */
	uint64_t delivered;  /* given out by poll(), repetitions too */
	uint64_t duplicated; /* queued a second time */
	uint64_t lost;	     /* by chance, on a cut wire, or to or from a closed or deleted peer */
	uint64_t unposted;   /* lost because no posted buffer was there or large enough */
};

/* Two nodes in good weather: 1 us of delay, 4096 messages under way, one thread. */
TIDAL_API void tidal_inproc_config_init(struct tidal_inproc_config *config, size_t size);
/* EINVAL, ENOMEM. The network is closed after all its endpoints. */
TIDAL_API TIDAL_CHECKED int tidal_inproc_open(const struct tidal_inproc_config *config,
					      struct tidal_inproc **net);
TIDAL_API void tidal_inproc_close(struct tidal_inproc *net);
/*
 * The endpoint of *node*; EEXIST, ERANGE, ENOMEM. All other endpoints are its peers from the
 * start. What is sent to a node whose endpoint is not open is lost, and so is what is under way
 * to one that closes; what is under way from it still arrives. A message leaves at the time of its
 * sender's last poll().
 */
TIDAL_API TIDAL_CHECKED int tidal_inproc_endpoint(struct tidal_inproc *net, tidal_nodeid node,
						  struct tidal_transport **endpoint);
TIDAL_API const struct tidal_transport_ops *tidal_inproc_ops(void);

/* Cut (1) or mend (0) the wire from *from* to *to*: what is sent while it is cut is lost. ERANGE. */
TIDAL_API TIDAL_CHECKED int tidal_inproc_cut(struct tidal_inproc *net, tidal_nodeid from,
					     tidal_nodeid to, int cut);
/* The next delivery time in the whole network; TIDAL_NEVER: nothing is under way. */
TIDAL_API tidal_time tidal_inproc_next(const struct tidal_inproc *net);
TIDAL_API void tidal_inproc_stats(const struct tidal_inproc *net, struct tidal_inproc_stats *stats,
				  size_t size);

TIDAL_END_DECLS

#endif
