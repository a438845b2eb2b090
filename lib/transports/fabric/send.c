/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sending. A payload goes from where it lies, what follows it from a place of the endpoint's. A
 * provider that is full is asked a few times, then the caller has to come again.
 */
#include <string.h>
#include <rdma/fi_errno.h>

#include "endpoint.h"

void send_open(struct tidal_transport *t)
{
	for (uint32_t i = FABRIC_SENDS; i-- > 0;) {
		t->sending[i].op.kind = OP_SEND;
		t->sending[i].op.next = t->sends;
		t->sends = &t->sending[i].op;
	}
}

/* False: too much is under way, to this peer or altogether. */
static struct sending *take(struct tidal_transport *t, tidal_nodeid to)
{
	struct sending *s = (struct sending *)t->sends;
	struct peer *p = &t->peer[to];

	if (!s || p->under_way == FABRIC_SENDS_PEER)
		return NULL;
	t->sends = s->op.next;
	p->under_way++;
	s->to = to;
	s->payload = false;
	return s;
}

static void give(struct tidal_transport *t, struct sending *s)
{
	if (t->peer[s->to].under_way > 0)
		t->peer[s->to].under_way--;
	s->op.next = t->sends;
	t->sends = &s->op;
}

static struct wire_tail tail_for(const struct tidal_transport *t, const struct peer *p)
{
	return (struct wire_tail){
		.version = WIRE_VERSION, .type = WIRE_DATA, .from = (tidal_nodeid)t->config.node,
		.session = t->session, .to_session = p->session,
	};
}

/* Header and tail, as they stand behind the payload. */
static size_t put_rest(const struct tidal_transport *t, uint8_t *rest, struct wire_tail *tail,
		       const void *header, const void *data)
{
	if (tail->header_len > 0)
		memcpy(rest, header, tail->header_len);
	if (t->config.checksums && tail->type == WIRE_DATA)
		tail->check = accept_check(tail, rest, data);
	wire_put_tail(rest + tail->header_len, tail);
	return tail->header_len + WIRE_TAIL;
}

/* Try *call* until the provider takes it; some progress in between may make room. */
#define INSIST(t, ret, call)                                                                      \
	do {                                                                                      \
		ret = (call);                                                                     \
		for (uint32_t i_ = 0; ret == -FI_EAGAIN && i_ < (t)->config.retries; i_++) {      \
			(void)fi_cq_read((t)->cq, NULL, 0);                                       \
			ret = (call);                                                             \
		}                                                                                 \
	} while (0)

/* A provider that can't reach the peer now may be able to later. */
static int result(struct tidal_transport *t, ssize_t ret)
{
	if (ret == 0)
		return 0;
	if (ret != -FI_EAGAIN)
		t->stats.send_errors++;
	return TIDAL_EAGAIN;
}

static int send_injected(struct tidal_transport *t, const struct peer *p, struct wire_tail *tail,
			 const void *header)
{
	uint8_t rest[WIRE_REST];
	size_t len = put_rest(t, rest, tail, header, NULL);
	ssize_t ret;

	INSIST(t, ret, fi_tinject(t->ep, rest, len, p->address, wire_tag(TIDAL_PAYLOAD_NONE)));
	return result(t, ret);
}

static int send_rest(struct tidal_transport *t, tidal_nodeid to, struct wire_tail *tail,
		     const void *header)
{
	const struct peer *p = &t->peer[to];
	struct sending *s;
	ssize_t ret;
	size_t len;

	if (t->inject)
		return send_injected(t, p, tail, header);
	s = take(t, to);
	if (!s)
		return TIDAL_EAGAIN;
	len = put_rest(t, s->rest, tail, header, NULL);
	INSIST(t, ret, fi_tsend(t->ep, s->rest, len, t->own_desc, p->address,
				wire_tag(TIDAL_PAYLOAD_NONE), &s->op.context));
	if (ret != 0)
		give(t, s);
	return result(t, ret);
}

/* One message: payload, header, tail. */
static int send_whole(struct tidal_transport *t, tidal_nodeid to, struct wire_tail *tail,
		      const void *header, const void *data, uint64_t cookie)
{
	const struct peer *p = &t->peer[to];
	struct iovec iov[2] = { { (void *)(uintptr_t)data, tail->payload_len } };
	void *desc[2] = { NULL, t->own_desc };
	struct sending *s;
	ssize_t ret;

	if (!region_desc(t, data, tail->payload_len, &desc[0]))
		return TIDAL_EINVAL;
	s = take(t, to);
	if (!s)
		return TIDAL_EAGAIN;
	s->payload = true;
	s->cookie = cookie;
	iov[1] = (struct iovec){ s->rest, put_rest(t, s->rest, tail, header, data) };
	INSIST(t, ret, fi_tsendv(t->ep, iov, desc, 2, p->address, wire_tag(tail->payload),
				 &s->op.context));
	if (ret != 0)
		give(t, s);
	return result(t, ret);
}

/* Two messages, each small enough to be injected: the payload, then the rest. */
static int send_apart(struct tidal_transport *t, tidal_nodeid to, struct wire_tail *tail,
		      const void *header, const void *data, uint64_t cookie)
{
	const struct tidal_completion done = { .kind = TIDAL_DONE_SENT, .cookie = cookie };
	struct peer *p = &t->peer[to];
	uint8_t rest[WIRE_REST];
	size_t len;
	ssize_t ret;

	if (!ready_room(t))
		return TIDAL_EAGAIN;
	tail->apart = true;
	tail->seq = ++p->seq;
	len = put_rest(t, rest, tail, header, data);
	INSIST(t, ret, fi_tinject(t->ep, data, tail->payload_len, p->address,
				  wire_tag_apart(tail->payload, tail->from, tail->seq)));
	if (ret == 0)
		INSIST(t, ret, fi_tinject(t->ep, rest, len, p->address,
					  wire_tag(TIDAL_PAYLOAD_NONE)));
	if (ret == 0)
		ready_add(t, &done, NULL);
	return result(t, ret);
}

static bool goes_apart(const struct tidal_transport *t, uint32_t data_len)
{
	return t->apart && data_len <= t->info->tx_attr->inject_size;
}

static int check(const void *header, uint32_t len, uint32_t payload, const void *data,
		 uint32_t data_len)
{
	if (len > TIDAL_HEADER_MAX || data_len > TIDAL_VCPU_BYTES_MAX)
		return TIDAL_ERANGE;
	if ((len > 0 && !header) || (data_len > 0 && (!data || !is_payload(payload))))
		return TIDAL_EINVAL;
	return 0;
}

int send_message(struct tidal_transport *t, tidal_nodeid to, const void *header, uint32_t len,
		 uint32_t payload, const void *data, uint32_t data_len, uint64_t cookie)
{
	struct peer *p = peers_find(t, to);
	struct wire_tail tail;
	int ret = check(header, len, payload, data, data_len);

	if (ret)
		return ret;
	if (!p)
		return TIDAL_ENOENT;
	tail = tail_for(t, p);
	tail.header_len = (uint16_t)len;
	tail.payload_len = data_len;
	tail.payload = data_len > 0 ? (uint8_t)payload : TIDAL_PAYLOAD_NONE;
	if (p->session == 0 || !p->echoed)
		ret = TIDAL_EAGAIN;
	else if (data_len == 0)
		ret = send_rest(t, to, &tail, header);
	else if (goes_apart(t, data_len))
		ret = send_apart(t, to, &tail, header, data, cookie);
	else
		ret = send_whole(t, to, &tail, header, data, cookie);
	p->sent |= ret == 0;
	t->stats.sent += ret == 0;
	t->stats.full += ret == TIDAL_EAGAIN;
	return ret;
}

void send_own(struct tidal_transport *t, tidal_nodeid to, uint32_t type, const uint8_t *bytes,
	      uint32_t len)
{
	struct wire_tail tail = tail_for(t, &t->peer[to]);

	tail.type = (uint8_t)type;
	tail.header_len = (uint16_t)len;
	(void)send_rest(t, to, &tail, bytes);
}

void send_done(struct tidal_transport *t, struct op *op)
{
	struct sending *s = (struct sending *)op;
	const struct tidal_completion done = { .kind = TIDAL_DONE_SENT, .cookie = s->cookie };

	if (s->payload)
		ready_add(t, &done, NULL);
	give(t, s);
}
