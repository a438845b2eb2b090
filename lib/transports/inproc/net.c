/* SPDX-License-Identifier: BSD-3-Clause */
/* The network: opening, closing, and the weather that every message goes through. */
#include <stdlib.h>
#include <string.h>

#include "inproc.h"

#define PPM 1000000u
#define QUEUE_MAX (1u << 24)
#define BYTE_PS_MAX UINT64_C(1000000000000) /* a second per byte */

void tidal_inproc_config_init(struct tidal_inproc_config *config, size_t size)
{
	struct tidal_inproc_config c = {
		.size = size, .nodes = 2, .delay_ns = 1000, .seed = 1, .queue = 4096,
	};

	memset(config, 0, size);
	memcpy(config, &c, size < sizeof(c) ? size : sizeof(c));
}

/* The caller's struct may be of an older or newer version of the header. */
static int read_config(struct tidal_inproc_config *c, const struct tidal_inproc_config *from)
{
	const unsigned char *tail = (const unsigned char *)from;

	if (from->size < sizeof(from->size))
		return TIDAL_EINVAL;
	for (size_t i = sizeof(*c); i < from->size; i++)
		if (tail[i] != 0)
			return TIDAL_EINVAL;
	tidal_inproc_config_init(c, sizeof(*c));
	memcpy(c, from, from->size < sizeof(*c) ? from->size : sizeof(*c));
	c->size = sizeof(*c);
	if (c->nodes < 1 || c->nodes > TIDAL_NODES_MAX || c->queue < 1 || c->queue > QUEUE_MAX ||
	    c->loss_ppm > PPM || c->dup_ppm > PPM || c->reorder > 1 || c->threads > 1 ||
	    c->byte_ps > BYTE_PS_MAX)
		return TIDAL_EINVAL;
	return 0;
}

int tidal_inproc_open(const struct tidal_inproc_config *config, struct tidal_inproc **net)
{
	struct tidal_inproc_config c;
	struct tidal_inproc *n;
	size_t pairs;
	int err;

	if (!config || !net)
		return TIDAL_EINVAL;
	err = read_config(&c, config);
	if (err)
		return err;
	n = calloc(1, sizeof(*n));
	if (!n)
		return TIDAL_ENOMEM;
	n->config = c;
	n->random = c.seed;
	if (pthread_mutex_init(&n->lock, NULL) != 0) {
		free(n);
		return TIDAL_ENOMEM;
	}
	pairs = (size_t)c.nodes * c.nodes;
	n->endpoints = calloc(c.nodes, sizeof(*n->endpoints));
	n->cuts = calloc((pairs + 63) / 64, sizeof(*n->cuts));
	n->last = calloc(pairs, sizeof(*n->last));
	if (!queue_init(&n->queue, c.nodes, c.queue) || !n->endpoints || !n->cuts || !n->last) {
		tidal_inproc_close(n);
		return TIDAL_ENOMEM;
	}
	*net = n;
	return 0;
}

void tidal_inproc_close(struct tidal_inproc *net)
{
	if (!net)
		return;
	(void)pthread_mutex_destroy(&net->lock);
	queue_fini(&net->queue);
	free(net->endpoints);
	free(net->cuts);
	free(net->last);
	free(net);
}

int tidal_inproc_cut(struct tidal_inproc *net, tidal_nodeid from, tidal_nodeid to, int cut)
{
	size_t i;

	if (!net)
		return TIDAL_EINVAL;
	if (from >= net->config.nodes || to >= net->config.nodes)
		return TIDAL_ERANGE;
	i = (size_t)from * net->config.nodes + to;
	inproc_lock(net);
	if (cut)
		net->cuts[i / 64] |= UINT64_C(1) << i % 64;
	else
		net->cuts[i / 64] &= ~(UINT64_C(1) << i % 64);
	inproc_unlock(net);
	return 0;
}

/* To read it is to change its lock; a network is never itself constant. */
static struct tidal_inproc *locked(const struct tidal_inproc *net)
{
	struct tidal_inproc *n = (struct tidal_inproc *)(uintptr_t)net;

	inproc_lock(n);
	return n;
}

tidal_time tidal_inproc_next(const struct tidal_inproc *net)
{
	struct tidal_inproc *n = locked(net);
	tidal_time due = queue_due_any(&n->queue);

	inproc_unlock(n);
	return due;
}

void tidal_inproc_stats(const struct tidal_inproc *net, struct tidal_inproc_stats *stats,
			size_t size)
{
	struct tidal_inproc *n = locked(net);

	memset(stats, 0, size);
	memcpy(stats, &n->stats, size < sizeof(n->stats) ? size : sizeof(n->stats));
	inproc_unlock(n);
}

/* splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (2014). */
static uint64_t draw(struct tidal_inproc *net)
{
	uint64_t z = net->random += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* Nothing is drawn for weather that is switched off: it costs nothing. */
static bool chance(struct tidal_inproc *net, uint32_t ppm)
{
	return ppm > 0 && draw(net) % PPM < ppm;
}

static tidal_time later(tidal_time t, tidal_time by)
{
	return by < TIDAL_NEVER - t ? t + by : TIDAL_NEVER - 1;
}

static tidal_time arrival(struct tidal_inproc *net, tidal_time now, const struct packet_in *in)
{
	const struct tidal_inproc_config *c = &net->config;
	uint64_t bytes = (uint64_t)in->len + in->data_len;
	tidal_time due = later(now, c->delay_ns);
	tidal_time *last = &net->last[(size_t)in->from * c->nodes + in->to];

	if (c->byte_ps > 0)
		due = later(due, bytes * (c->byte_ps / 1000) + bytes * (c->byte_ps % 1000) / 1000);
	if (c->jitter_ns > 0)
		due = later(due, c->jitter_ns == UINT64_MAX ? draw(net)
							    : draw(net) % (c->jitter_ns + 1));
	if (!c->reorder) {
		if (due < *last)
			due = *last;
		*last = due;
	}
	return due;
}

int inproc_carry(struct tidal_inproc *net, tidal_time now, const struct packet_in *in)
{
	size_t wire = (size_t)in->from * net->config.nodes + in->to;

	if (!net->endpoints[in->to] || inproc_bit(net->cuts, wire) ||
	    chance(net, net->config.loss_ppm)) {
		net->stats.sent++;
		net->stats.lost++;
		return 0;
	}
	if (!queue_room(&net->queue, in->data_len))
		return TIDAL_EAGAIN;
	queue_put(&net->queue, arrival(net, now, in), in);
	inproc_bell_ring(net->endpoints[in->to]);
	net->stats.sent++;
	if (chance(net, net->config.dup_ppm) && queue_room(&net->queue, in->data_len)) {
		queue_put(&net->queue, arrival(net, now, in), in);
		net->stats.duplicated++;
	}
	return 0;
}
