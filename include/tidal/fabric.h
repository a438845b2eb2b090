/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tidal/fabric.h - a transport between processes and hosts, on libfabric (1.17 or newer).
 *
 * Unprivileged. libfabric is loaded when the first endpoint is opened, not before. Nothing on the
 * wire is encrypted, and `pod` is no secret: use a network that you trust. Strangers by mistake
 * (another pod, protocol, parameters) are refused, with a reason.
 */
#ifndef TIDAL_FABRIC_H
#define TIDAL_FABRIC_H

#include <tidal/transport.h>

TIDAL_BEGIN_DECLS

enum tidal_fabric_wait {
	TIDAL_FABRIC_SPIN = 0,	/* poll() all the time: the fastest; wait_fd() is -1 */
	TIDAL_FABRIC_BLOCK = 1, /* wait_fd() if the provider has one ("shm" has none: -1) */
};

struct tidal_fabric_config {
	size_t size;
	/*
	 * libfabric's name for it: "net" (called "tcp" from libfabric 1.18 on), "tcp;ofi_rxm", "shm",
	 * "verbs;ofi_rxm", "efa", ... NULL: the first that is there of "shm" (only with one_host),
	 * "efa", "verbs;ofi_rxm", "net", "tcp;ofi_rxm". All nodes use the same. "sockets" is refused.
	 * "shm" takes 256 nodes, and trusts all processes of its user.
	 */
	const char *provider;
	uint32_t one_host; /* 1: all peers are on this host */
	uint32_t wait;	   /* enum tidal_fabric_wait */
	/* Where peers reach this node: numeric, or the name of an interface. NULL: 127.0.0.1. Both
	 * mean nothing to "shm". */
	const char *address;
	uint32_t port; /* 0: any that is free; see local_addr() */
	uint32_t node; /* which node this is */
	/*
	 * Equal on all nodes of a pod: others are refused. The core's messages don't say of which
	 * pod they are, so this must be another number for each life of a pod's node 0, at random.
	 */
	uint64_t pod;
	uint64_t params; /* likewise: a hash of what nodes must agree about */
	uint32_t checksums; /* 1: XXH3 from end to end; what arrives damaged is dropped and counted */
	uint32_t retries; /* how often a send is tried again before it is EAGAIN */
	/*
	 * A peer to which nothing was sent for so long is sent a heartbeat; 0: none, and silence means
	 * nothing. An endpoint that nobody polls sends none: see deadline().
	 */
	tidal_time heartbeat_ns;
	/*
	 * Not a word for so long from a peer that has been met: TIDAL_DONE_PEER_SILENT. At least two
	 * heartbeats. How long to wait for one that was never met (CALLING) is the embedder's affair.
	 */
	tidal_time silence_ns;
	/*
	 * 1: it is TIDAL_DONE_PEER_DOWN instead, and the peer is not heard any more until it was
	 * started anew. Only where a silent node is sure to be dead, or is stopped for good by
	 * whoever hears this: see struct tidal_ev_peer. A process of this host that has ended is
	 * known to be dead anyway, within a heartbeat.
	 */
	uint32_t silence_is_death;
};

enum tidal_fabric_state {
	TIDAL_FABRIC_ABSENT = 0,  /* not a peer */
	TIDAL_FABRIC_CALLING = 1, /* no answer yet: send() says EAGAIN */
	TIDAL_FABRIC_UP = 2,
	TIDAL_FABRIC_SILENT = 3,
	TIDAL_FABRIC_DOWN = 4,	  /* TIDAL_DONE_PEER_DOWN was said */
	TIDAL_FABRIC_REFUSED = 5, /* it answered, and doesn't fit: see why */
};

struct tidal_fabric_peer {
	size_t size;
	uint32_t state; /* enum tidal_fabric_state */
	uint32_t restarts; /* how often another process answered at the same address */
	tidal_time heard; /* the poll() at which it was last heard; 0: never */
	char why[160];	/* REFUSED: a sentence */
};

/* Counters of an endpoint; they start at 0 and only grow. */
#define TIDAL_FABRIC_STATS(X)                                                                  \
	X(sent, "messages taken by send()")                                                    \
	X(full, "sends answered by EAGAIN")                                                    \
	X(received, "messages given out by poll()")                                            \
	X(copied, "of them, with a payload that had to be copied once more")                   \
	X(heartbeats, "heartbeats sent")                                                       \
	X(greetings, "greetings sent")                                                         \
	X(unposted, "messages dropped because no posted buffer was there or large enough")     \
	X(malformed, "messages dropped because they make no sense")                            \
	X(strangers, "messages dropped because their sender is no peer, or was not greeted")   \
	X(refused, "greetings that don't fit: another pod, version, parameters")               \
	X(damaged, "messages dropped because of a wrong checksum")                             \
	X(orphans, "payloads dropped because their header never came, and the reverse")        \
	X(send_errors, "messages that the provider could not send")                            \
	X(recv_errors, "messages that the provider could not receive, too long ones for instance")

#define TIDAL_FABRIC_STATS_MEMBER(name, text) uint64_t name;
struct tidal_fabric_stats {
	TIDAL_FABRIC_STATS(TIDAL_FABRIC_STATS_MEMBER)
};
#undef TIDAL_FABRIC_STATS_MEMBER

/* Any provider, 127.0.0.1, spinning, a heartbeat of 250 ms, silence of 3 s, 2 retries. */
TIDAL_API void tidal_fabric_config_init(struct tidal_fabric_config *config, size_t size);
/*
 * Open an endpoint. It has no peers; they are greeted as they are added (by poll(): until a peer has
 * answered send() says EAGAIN). EINVAL: bad settings; ENOSYS: no such provider here, or built without
 * libfabric, or without xxHash and checksums are wanted; EBUSY: address and port are in use; ENOMEM;
 * EIO. *why* (may be NULL) gets a sentence about it.
 */
TIDAL_API TIDAL_CHECKED int tidal_fabric_open(const struct tidal_fabric_config *config,
					      struct tidal_transport **endpoint, char *why,
					      size_t why_size);
/* NULL: built without libfabric. */
TIDAL_API const struct tidal_transport_ops *tidal_fabric_ops(void);

/* The provider that was chosen. It lives as long as the endpoint. */
TIDAL_API const char *tidal_fabric_provider(const struct tidal_transport *endpoint);
/* ERANGE. */
TIDAL_API TIDAL_CHECKED int tidal_fabric_peer(const struct tidal_transport *endpoint,
					      tidal_nodeid node, struct tidal_fabric_peer *peer);
/* Why the last stranger was refused or message dropped: a sentence; "": none was. */
TIDAL_API const char *tidal_fabric_trouble(const struct tidal_transport *endpoint);
TIDAL_API void tidal_fabric_stats(const struct tidal_transport *endpoint,
				  struct tidal_fabric_stats *stats, size_t size);

TIDAL_END_DECLS

#endif
