/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * link-net - links and a wire between them, in virtual time, for tests of the link. The wire
 * loses, repeats and delays as told; packets live in memory of exactly their size, so that
 * a sanitizer sees every byte read beyond them.
 */
#ifndef TESTS_LINK_NET_H
#define TESTS_LINK_NET_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <tidal/event.h>

#include "core/bits.h"
#include "core/link.h"

#define NET_NODES 3
#define NET_PACKETS 4096
#define NET_RTO 16000

struct net_packet {
	tidal_time at; /* when it arrives */
	tidal_nodeid from, to;
	uint32_t len;
	uint16_t payload; /* enum tidal_payload */
	uint32_t buf;
	uint8_t *bytes;
};

struct net_node {
	void *mem;
	size_t size;
	struct link *l;
	struct tidal_stats stats;
};

struct net {
	struct net_node node[NET_NODES];
	struct net_packet packet[NET_PACKETS];
	unsigned packets;
	tidal_time now;
	uint64_t random;
	/* the wire: chances in 1/1000, delays in ns */
	unsigned loss, repeat;
	uint32_t delay, jitter;
};

static inline uint32_t net_random(struct net *net, uint32_t below)
{
	return spread(mix64(net->random++), below);
}

static inline void net_start(struct net_node *node, const struct link_config *config)
{
	struct arena measure = { NULL, 0 }, real;

	free(node->mem);
	(void)link_init(&measure, config);
	node->size = (measure.used + 63) & ~(size_t)63;
	node->mem = aligned_alloc(64, node->size);
	memset(node->mem, 0, node->size);
	real = (struct arena){ node->mem, 0 };
	node->l = link_init(&real, config);
	memset(&node->stats, 0, sizeof(node->stats));
}

static inline struct link_config net_config(tidal_nodeid self, uint32_t messages)
{
	return (struct link_config){ .nodes = NET_NODES,
				     .self = self,
				     .incarnation = 1,
				     .messages = messages,
				     .rto_ns = NET_RTO,
				     .seed = 7 };
}

/* Three links that don't know each other yet, and a wire that does its best. */
static inline struct net *net_open(uint64_t seed, uint32_t messages)
{
	struct net *net = calloc(1, sizeof(*net));

	net->random = mix64(seed);
	net->now = 1000;
	net->delay = 2000;
	for (tidal_nodeid n = 0; n < NET_NODES; n++) {
		struct link_config config = net_config(n, messages);

		net_start(&net->node[n], &config);
	}
	return net;
}

static inline void net_introduce(struct net *net)
{
	for (tidal_nodeid a = 0; a < NET_NODES; a++)
		for (tidal_nodeid b = 0; b < NET_NODES; b++)
			if (a != b)
				link_peer(net->node[a].l, b, 1);
}

static inline void net_drop(struct net *net, unsigned i)
{
	free(net->packet[i].bytes);
	net->packet[i] = net->packet[--net->packets];
}

static inline void net_close(struct net *net)
{
	while (net->packets)
		net_drop(net, 0);
	for (unsigned n = 0; n < NET_NODES; n++)
		free(net->node[n].mem);
	free(net);
}

/* Put a copy of a packet on the wire. */
static inline void net_carry(struct net *net, tidal_nodeid from, const struct link_out *out)
{
	struct net_packet *p;

	if (net->packets == NET_PACKETS)
		return; /* an overloaded wire loses, too */
	p = &net->packet[net->packets++];
	*p = (struct net_packet){ .at = net->now + net->delay,
				  .from = from,
				  .to = out->to,
				  .len = out->len,
				  .payload = out->payload.kind,
				  .buf = out->payload.buf };
	if (net->jitter)
		p->at += net_random(net, net->jitter);
	p->bytes = malloc(out->len);
	memcpy(p->bytes, out->header, out->len);
}

/* The same, but the wire does its worst. */
static inline void net_cast(struct net *net, tidal_nodeid from, const struct link_out *out)
{
	if (net_random(net, 1000) >= net->loss)
		net_carry(net, from, out);
	if (net_random(net, 1000) < net->repeat)
		net_carry(net, from, out);
}

/* The packet that arrives first; -1: none. */
static inline int net_first(const struct net *net)
{
	int first = -1;

	for (unsigned i = 0; i < net->packets; i++)
		if (first < 0 || net->packet[i].at < net->packet[first].at)
			first = (int)i;
	return first;
}

/* When something happens next: an arrival or a deadline. */
static inline tidal_time net_next(const struct net *net)
{
	int i = net_first(net);
	tidal_time next = i < 0 ? TIDAL_NEVER : net->packet[i].at;

	for (unsigned n = 0; n < NET_NODES; n++)
		next = min_u64(next, link_deadline(net->node[n].l));
	return next;
}

#endif
