/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages: from the transport to the core. */
#include <stdlib.h>
#include <string.h>

#include "driver.h"

#define BATCH 32
#define STEP_MAX 1024 /* messages per pump, so that a flood can't starve the vCPUs */

int messages_open(struct tidal_node *n, uint32_t landing)
{
	n->messages.frames_max = landing;
	n->messages.frame = calloc((size_t)landing + 1, sizeof(*n->messages.frame));
	return n->messages.frame ? 0 : TIDAL_ENOMEM;
}

void messages_close(struct tidal_node *n)
{
	free(n->messages.frame);
}

/* TIDAL_EAGAIN: the transport holds as many as it can. */
static int post_frame(struct tidal_node *n, tidal_frame frame)
{
	void *data = n->host_ops->frame_data(n->host, frame, TIDAL_GFN_NONE);

	if (!data)
		return TIDAL_ERANGE;
	return n->wire_ops->recv_post(n->wire, TIDAL_PAYLOAD_PAGE, data, TIDAL_PAGE_SIZE, frame);
}

void messages_post(struct tidal_node *n, tidal_frame frame)
{
	struct messages *m = &n->messages;
	int err = post_frame(n, frame);

	if (err == TIDAL_EAGAIN && m->frames < m->frames_max)
		m->frame[m->frames++] = frame;
	else if (err)
		node_report_failure(n, err, TIDAL_VCPU_NONE, "a frame can't be received into");
}

/* Frames that did not fit before, until one does not fit again. */
static void post_again(struct tidal_node *n)
{
	struct messages *m = &n->messages;

	for (uint32_t before = m->frames + 1; m->frames > 0 && m->frames < before;) {
		before = m->frames;
		messages_post(n, m->frame[--m->frames]);
	}
}

/* The payload of a message that is not the core's goes back to the transport. */
static void drop(struct tidal_node *n, const struct tidal_ev_message *m)
{
	if (m->payload == TIDAL_PAYLOAD_PAGE)
		messages_post(n, m->buf);
	else if (m->payload == TIDAL_PAYLOAD_VCPU)
		buffers_free(n, m->buf);
}

static void keep(struct tidal_node *n, const struct tidal_ev_message *m)
{
	struct message_kept *k = &n->messages.keep[n->messages.kept];

	if (n->messages.kept == MESSAGES_KEPT) {
		n->stats.messages_full++;
		drop(n, m);
		return;
	}
	n->messages.kept++;
	k->message = *m;
	if (m->len > 0)
		memcpy(k->header, m->bytes, m->len);
}

static int push(struct tidal_node *n, const struct tidal_ev_message *m)
{
	struct tidal_event event = { .kind = TIDAL_EV_MESSAGE, .u.message = *m };
	int ret = node_push(n, &event);

	if (ret < 0 && ret != TIDAL_EAGAIN) {
		n->stats.messages_dropped++;
		drop(n, m);
	}
	return ret;
}

/* Those that are put off again move down; order is kept. */
static int push_kept(struct tidal_node *n)
{
	struct messages *m = &n->messages;
	uint32_t end = m->kept;

	m->kept = 0;
	for (uint32_t i = 0; i < end; i++) {
		struct message_kept *k = &m->keep[i];

		k->message.bytes = k->header;
		if (push(n, &k->message) != TIDAL_EAGAIN)
			continue;
		if (m->kept != i)
			m->keep[m->kept] = *k;
		m->kept++;
	}
	return (int)(end - m->kept);
}

static void received(struct tidal_node *n, const struct tidal_completion *c)
{
	struct tidal_ev_message m = {
		.from = c->from, .payload = c->payload, .len = c->len, .bytes = c->header,
		.buf = (uint32_t)c->cookie, .payload_len = c->payload_len,
	};

	n->stats.messages++;
	if (m.payload == TIDAL_PAYLOAD_VCPU && !buffers_landed(n, c->cookie)) {
		n->stats.messages_dropped++; /* not a buffer of ours: the transport is wrong */
		return;
	}
	if (m.len > TIDAL_HEADER_MAX) {
		n->stats.messages_dropped++;
		drop(n, &m);
	} else if (push(n, &m) == TIDAL_EAGAIN) {
		keep(n, &m);
	}
}

static void report_peer(struct tidal_node *n, uint32_t what, tidal_nodeid peer, const char *text)
{
	const struct tidal_act_report report = {
		.what = what, .error = TIDAL_EPEER, .gfn = TIDAL_GFN_NONE,
		.vcpu = TIDAL_VCPU_NONE, .node = peer, .text = text,
	};

	if (n->callbacks.report)
		n->callbacks.report(n->arg, &report);
}

/* At once: what comes behind it may be its successor's, which is not to be taken for dead. */
static void peer_down(struct tidal_node *n, tidal_nodeid peer)
{
	struct tidal_event down = { .kind = TIDAL_EV_PEER_DOWN, .u.peer = { .node = peer } };
	int ret = node_push(n, &down);

	if (ret == TIDAL_EAGAIN)
		events_add(n, &down);
	else if (ret < 0)
		node_report_failure(n, ret, TIDAL_VCPU_NONE, "the core refuses news of a peer");
	report_peer(n, TIDAL_REPORT_PEER_DOWN, peer, "a node has died");
}

static void completed(struct tidal_node *n, const struct tidal_completion *c)
{
	switch (c->kind) {
	case TIDAL_DONE_RECV:
		received(n, c);
		break;
	case TIDAL_DONE_SENT:
		buffers_bounce_free(n, c->cookie);
		break;
	case TIDAL_DONE_PEER_DOWN:
		peer_down(n, c->from);
		break;
	case TIDAL_DONE_PEER_SILENT:
		report_peer(n, TIDAL_REPORT_PEER_SILENT, c->from,
			    "nothing is heard of a node any more");
		break;
	default:
		break;
	}
}

/* How many may come now: with a core that relies on each, only as many as can be kept. */
static int room(const struct tidal_node *n)
{
	uint32_t left = MESSAGES_KEPT - n->messages.kept;

	return n->lossless && left < BATCH ? (int)left : BATCH;
}

int messages_pump(struct tidal_node *n)
{
	struct tidal_completion batch[BATCH];
	int total = push_kept(n), got, most;

	do {
		post_again(n);
		buffers_post(n);
		most = room(n);
		got = most > 0 ? n->wire_ops->poll(n->wire, n->now, batch, most) : 0;
		for (int i = 0; i < got; i++)
			completed(n, &batch[i]);
		if (got > 0)
			total += got;
	} while (got == most && most > 0 && total < STEP_MAX && n->broken == 0);
	return total;
}
