/* SPDX-License-Identifier: BSD-3-Clause */
/* One node's end of the network: the table of transport operations. */
#include <stdlib.h>
#include <string.h>

#include "inproc.h"

/* An address is this, then the number of the node. */
static const uint8_t magic[4] = { 'i', 'n', 'p', 'r' };
#define ADDR_BYTES 6

static int enter(struct tidal_inproc *net, struct tidal_transport *t)
{
	int err = 0;

	inproc_lock(net);
	if (net->endpoints[t->node])
		err = TIDAL_EEXIST;
	else
		net->endpoints[t->node] = t;
	inproc_unlock(net);
	return err;
}

int tidal_inproc_endpoint(struct tidal_inproc *net, tidal_nodeid node,
			  struct tidal_transport **endpoint)
{
	struct tidal_transport *t;
	int err;

	if (!net || !endpoint)
		return TIDAL_EINVAL;
	if (node >= net->config.nodes)
		return TIDAL_ERANGE;
	t = malloc(sizeof(*t)); /* not zeroed: the room for buffers is rarely needed */
	if (!t)
		return TIDAL_ENOMEM;
	t->net = net;
	t->node = node;
	t->now = 0;
	t->posts[0].used = t->posts[1].used = 0;
	memset(t->peers, 0, sizeof(t->peers));
	for (uint32_t i = 0; i < net->config.nodes; i++)
		if (i != node)
			t->peers[i / 64] |= UINT64_C(1) << i % 64;
	err = inproc_bell_open(t) ? enter(net, t) : TIDAL_ENOMEM;
	if (err) {
		inproc_bell_close(t);
		free(t);
		return err;
	}
	*endpoint = t;
	return 0;
}

static void endpoint_close(struct tidal_transport *t)
{
	struct tidal_inproc *net = t->net;

	inproc_lock(net);
	while (queue_first(&net->queue, t->node)) {
		queue_drop(&net->queue, t->node);
		net->stats.lost++;
	}
	net->endpoints[t->node] = NULL;
	inproc_unlock(net);
	inproc_bell_close(t);
	free(t);
}

static int query(struct tidal_transport *t, struct tidal_transport_caps *caps)
{
	const struct tidal_inproc_config *c = &t->net->config;
	struct tidal_transport_caps all = {
		.header_max = TIDAL_HEADER_MAX,
		.payload_max = TIDAL_VCPU_BYTES_MAX,
		.copies = 1,
		.exactly_once = c->loss_ppm == 0 && c->dup_ppm == 0,
	};

	if (caps->size < sizeof(caps->size))
		return TIDAL_EINVAL;
	all.size = caps->size;
	memset(caps, 0, all.size);
	memcpy(caps, &all, all.size < sizeof(all) ? all.size : sizeof(all));
	return 0;
}

static int local_addr(struct tidal_transport *t, void *addr, size_t *len)
{
	uint8_t *to = addr;
	size_t room = *len;

	*len = ADDR_BYTES;
	if (room < ADDR_BYTES)
		return TIDAL_ERANGE;
	memcpy(to, magic, sizeof(magic));
	to[4] = (uint8_t)t->node;
	to[5] = (uint8_t)(t->node >> 8);
	return 0;
}

static int peer_add(struct tidal_transport *t, tidal_nodeid node, const void *addr, size_t len)
{
	const uint8_t *a = addr;

	if (!addr || len != ADDR_BYTES || memcmp(a, magic, sizeof(magic)) != 0 ||
	    (a[4] | a[5] << 8) != node || node >= t->net->config.nodes || node == t->node)
		return TIDAL_EINVAL;
	if (inproc_bit(t->peers, node))
		return TIDAL_EEXIST;
	t->peers[node / 64] |= UINT64_C(1) << node % 64;
	return 0;
}

static bool is_peer(const struct tidal_transport *t, tidal_nodeid node)
{
	return node < t->net->config.nodes && inproc_bit(t->peers, node);
}

static int peer_del(struct tidal_transport *t, tidal_nodeid node)
{
	if (!is_peer(t, node))
		return TIDAL_ENOENT;
	t->peers[node / 64] &= ~(UINT64_C(1) << node % 64);
	return 0;
}

/* Everything is copied, so there is nothing to register. */
static int buffer_reg(struct tidal_transport *t, void *mem, size_t len)
{
	(void)t;
	return mem && len > 0 ? 0 : TIDAL_EINVAL;
}

static int buffer_dereg(struct tidal_transport *t, void *mem)
{
	(void)t;
	return mem ? 0 : TIDAL_EINVAL;
}

static bool is_payload(uint32_t kind)
{
	return kind == TIDAL_PAYLOAD_PAGE || kind == TIDAL_PAYLOAD_VCPU;
}

static int send_to(struct tidal_transport *t, tidal_nodeid to, const void *header, uint32_t len,
		   uint32_t payload, const void *data, uint32_t data_len, uint64_t cookie)
{
	struct packet_in in = {
		.from = t->node, .to = to, .header = header, .len = len,
		.payload = TIDAL_PAYLOAD_NONE, .data = data, .data_len = data_len,
	};
	int err;

	(void)cookie; /* never answered: send() has read everything */
	if (len > TIDAL_HEADER_MAX || data_len > TIDAL_VCPU_BYTES_MAX)
		return TIDAL_ERANGE;
	if ((len > 0 && !header) || (data_len > 0 && (!data || !is_payload(payload))))
		return TIDAL_EINVAL;
	if (!is_peer(t, to))
		return TIDAL_ENOENT;
	if (data_len > 0)
		in.payload = (uint16_t)payload;
	inproc_lock(t->net);
	err = inproc_carry(t->net, t->now, &in);
	inproc_unlock(t->net);
	return err;
}

static int recv_post(struct tidal_transport *t, uint32_t payload, void *buf, uint32_t room,
		     uint64_t cookie)
{
	struct inproc_posts *posts;

	if (!is_payload(payload) || !buf || room == 0)
		return TIDAL_EINVAL;
	posts = &t->posts[payload - 1];
	if (posts->used == INPROC_POSTS)
		return TIDAL_EAGAIN;
	posts->post[posts->used++] = (struct inproc_post){ buf, room, cookie };
	return 0;
}

/* Fill a completion from a packet; false: it is lost. */
static bool deliver(struct tidal_transport *t, const struct packet *p, uint8_t *header,
		    struct tidal_completion *done)
{
	struct inproc_posts *posts;
	struct inproc_post *post;

	if (!is_peer(t, p->from)) {
		t->net->stats.lost++;
		return false;
	}
	*done = (struct tidal_completion){
		.kind = TIDAL_DONE_RECV, .from = p->from, .payload = p->payload,
		.header = header, .len = p->len, .payload_len = p->data_len,
	};
	if (p->data_len > 0) {
		posts = &t->posts[p->payload - 1];
		if (posts->used == 0 || posts->post[posts->used - 1].room < p->data_len) {
			t->net->stats.unposted++;
			return false;
		}
		post = &posts->post[--posts->used];
		queue_payload(&t->net->queue, p, post->buf);
		done->cookie = post->cookie;
	}
	memcpy(header, p->header, p->len);
	t->net->stats.delivered++;
	return true;
}

static int poll_due(struct tidal_transport *t, tidal_time now, struct tidal_completion *done,
		    int n)
{
	struct queue *q = &t->net->queue;
	int got = 0;

	if (now > t->now)
		t->now = now;
	if (n > INPROC_POLL)
		n = INPROC_POLL;
	inproc_lock(t->net);
	inproc_bell_quiet(t);
	while (got < n && queue_due(q, t->node) <= t->now && queue_first(q, t->node)) {
		if (deliver(t, queue_first(q, t->node), t->header[got], &done[got]))
			got++;
		queue_drop(q, t->node);
	}
	inproc_unlock(t->net);
	return got;
}

static tidal_time deadline(struct tidal_transport *t)
{
	tidal_time due;

	inproc_lock(t->net);
	due = queue_due(&t->net->queue, t->node);
	inproc_unlock(t->net);
	return due;
}

static int wait_fd(struct tidal_transport *t)
{
	return t->fd;
}

static const struct tidal_transport_ops ops = {
	.size = sizeof(ops),
	.name = "inproc",
	.query = query,
	.close = endpoint_close,
	.local_addr = local_addr,
	.peer_add = peer_add,
	.peer_del = peer_del,
	.buffer_reg = buffer_reg,
	.buffer_dereg = buffer_dereg,
	.send = send_to,
	.recv_post = recv_post,
	.poll = poll_due,
	.deadline = deadline,
	.wait_fd = wait_fd,
};

const struct tidal_transport_ops *tidal_inproc_ops(void)
{
	return &ops;
}
