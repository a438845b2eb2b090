/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receiving. Every posted receive has room for the longest message: providers don't get over one
 * that is too long (a broken connection, an endless loop in "shm" of 1.17); what is too long for its
 * buffer spills into memory that nobody reads.
 */
#include <string.h>
#include <rdma/fi_errno.h>

#include "endpoint.h"

#define APART_NS UINT64_C(200000000)

static void put_free(struct op **list, struct op *op)
{
	op->next = *list;
	*list = op;
}

static struct landing *take_free(struct op **list)
{
	struct op *op = *list;

	if (op)
		*list = op->next;
	return (struct landing *)op;
}

static bool post_small(struct tidal_transport *t, struct small *s)
{
	struct iovec iov[2] = { { s->bytes, sizeof(s->bytes) }, { t->spill, sizeof(t->spill) } };
	void *desc[2] = { t->own_desc, t->own_desc };

	return fi_trecvv(t->ep, iov, desc, 2, FI_ADDR_UNSPEC, wire_tag(TIDAL_PAYLOAD_NONE),
			 wire_tag_ignore(TIDAL_PAYLOAD_NONE), &s->op.context) == 0;
}

static bool post_landing(struct tidal_transport *t, struct landing *l)
{
	struct iovec iov[3] = {
		{ l->buf, l->room }, { l->rest, sizeof(l->rest) }, { t->spill, sizeof(t->spill) },
	};
	void *desc[3] = { NULL, t->own_desc, t->own_desc };

	return region_desc(t, l->buf, l->room, &desc[0]) &&
	       fi_trecvv(t->ep, iov, desc, 3, FI_ADDR_UNSPEC, wire_tag(l->payload),
			 wire_tag_ignore(l->payload), &l->op.context) == 0;
}

/* Give a buffer to the provider; later, if it has no room now. */
static void submit(struct tidal_transport *t, struct landing *l)
{
	struct pool *pool = pool_of(t, l->payload);

	if (!post_landing(t, l)) {
		put_free(&t->refused, &l->op);
	} else if (l->spare) {
		pool->spare_posted = true;
	} else {
		pool->posted++;
	}
}

/* Something must be posted at all times. */
static void refill(struct tidal_transport *t, uint32_t payload)
{
	struct pool *pool = pool_of(t, payload);
	struct landing *l = pool->kept;

	if (pool->spare_posted)
		return;
	if (l) {
		pool->kept = NULL;
		submit(t, l);
	}
	if (pool->posted > 0)
		return;
	l = take_free(&pool->spares);
	if (l)
		submit(t, l);
}

/* Its buffer is empty again. */
static void reuse(struct tidal_transport *t, struct landing *l)
{
	if (l->spare) {
		put_free(&pool_of(t, l->payload)->spares, &l->op);
		refill(t, l->payload);
	} else {
		submit(t, l);
	}
}

static void open_landing(struct tidal_transport *t, struct landing *l, uint32_t payload,
			 uint8_t *spare)
{
	struct pool *pool = pool_of(t, payload);

	l->op.kind = OP_LANDING;
	l->payload = payload;
	l->spare = spare != NULL;
	l->buf = spare;
	l->room = spare ? TIDAL_VCPU_BYTES_MAX : 0;
	put_free(spare ? &pool->spares : &pool->free, &l->op);
}

int receive_open(struct tidal_transport *t)
{
	struct landing *l = t->landing;

	for (uint32_t i = 0; i < FABRIC_PAGES; i++)
		open_landing(t, l++, TIDAL_PAYLOAD_PAGE, NULL);
	for (uint32_t i = 0; i < FABRIC_VCPUS; i++)
		open_landing(t, l++, TIDAL_PAYLOAD_VCPU, NULL);
	for (uint32_t i = 0; i < 2 * FABRIC_SPARES; i++)
		open_landing(t, l++, i & 1 ? TIDAL_PAYLOAD_VCPU : TIDAL_PAYLOAD_PAGE, t->spare[i]);
	for (uint32_t i = 0; i < FABRIC_SMALLS; i++) {
		t->small[i].op.kind = OP_SMALL;
		if (!post_small(t, &t->small[i]))
			return TIDAL_EIO;
	}
	refill(t, TIDAL_PAYLOAD_PAGE);
	refill(t, TIDAL_PAYLOAD_VCPU);
	return t->refused ? TIDAL_EIO : 0;
}

int receive_post(struct tidal_transport *t, uint32_t payload, void *buf, uint32_t room,
		 uint64_t cookie)
{
	struct pool *pool;
	struct landing *l;
	void *desc;

	if (!is_payload(payload) || !buf || room == 0 || !region_desc(t, buf, room, &desc))
		return TIDAL_EINVAL;
	pool = pool_of(t, payload);
	l = take_free(&pool->free);
	if (!l)
		return TIDAL_EAGAIN;
	l->buf = buf;
	l->room = room;
	l->cookie = cookie;
	if (pool->spare_posted && !pool->kept)
		pool->kept = l;
	else
		submit(t, l);
	return 0;
}

/* Bytes of a message, wherever they are: in the buffer, or behind it. */
static void gather(const struct landing *l, size_t at, void *to, size_t len)
{
	size_t first = at < l->room ? l->room - at : 0;

	if (first > len)
		first = len;
	memcpy(to, l->buf + at, first);
	if (len > first)
		memcpy((uint8_t *)to + first, l->rest + (at + first - l->room), len - first);
}

static bool tail_fits(const struct wire_tail *tail, size_t len)
{
	return tail->version == WIRE_VERSION && tail->header_len <= TIDAL_HEADER_MAX &&
	       tail->payload_len <= TIDAL_VCPU_BYTES_MAX &&
	       (size_t)tail->payload_len + tail->header_len + WIRE_TAIL == len;
}

static void heard(struct tidal_transport *t, struct peer *p)
{
	p->heard = t->now;
	if (p->state == TIDAL_FABRIC_SILENT)
		peers_set_state(t, p, p->echoed ? TIDAL_FABRIC_UP : TIDAL_FABRIC_CALLING);
}

static void deliver(struct tidal_transport *t, const struct wire_tail *tail, const uint8_t *header,
		    uint64_t cookie, struct op *op)
{
	const struct tidal_completion done = {
		.kind = TIDAL_DONE_RECV, .from = tail->from, .payload = tail->payload,
		.header = header, .len = tail->header_len, .payload_len = tail->payload_len,
		.cookie = cookie,
	};

	ready_add(t, &done, op);
}

/* The caller's buffer for what landed in a spare; NULL: none that is large enough. */
static struct landing *move_from_spare(struct tidal_transport *t, const struct landing *spare,
				       uint32_t len)
{
	struct pool *pool = pool_of(t, spare->payload);
	struct landing *l = pool->kept;

	if (!l || l->room < len) {
		t->stats.unposted++;
		return NULL;
	}
	pool->kept = NULL;
	memcpy(l->buf, spare->buf, len);
	t->stats.copied++;
	return l;
}

/* A whole message in a buffer; false: it counts for nothing. */
static bool landed_whole(struct tidal_transport *t, struct landing *l, size_t len)
{
	uint8_t bytes[WIRE_TAIL];
	const uint8_t *header = l->rest;
	struct landing *target = l;
	struct wire_tail tail;
	struct peer *p;

	if (len > (size_t)l->room + WIRE_REST) {
		t->stats.unposted++;
		return false;
	}
	if (len >= WIRE_TAIL)
		gather(l, len - WIRE_TAIL, bytes, WIRE_TAIL);
	if (len < WIRE_TAIL || !wire_get_tail(bytes, &tail) || !tail_fits(&tail, len) ||
	    tail.type != WIRE_DATA || tail.apart || tail.payload != l->payload ||
	    tail.payload_len == 0) {
		t->stats.malformed++;
		return false;
	}
	if (tail.payload_len > l->room) {
		t->stats.unposted++;
		return false;
	}
	if (tail.payload_len != l->room) {
		gather(l, tail.payload_len, l->header, tail.header_len);
		header = l->header;
	}
	p = accept_message(t, &tail, header, l->buf);
	if (!p)
		return false;
	heard(t, p);
	if (l->spare)
		target = move_from_spare(t, l, tail.payload_len);
	if (!target)
		return false;
	deliver(t, &tail, header, target->cookie, &l->op);
	if (target != l)
		put_free(&pool_of(t, target->payload)->free, &target->op);
	return true;
}

static void drop_waiting(struct tidal_transport *t, uint32_t i)
{
	struct landing *l = t->waiting[i];

	for (t->waiting_count--; i < t->waiting_count; i++)
		t->waiting[i] = t->waiting[i + 1];
	t->stats.orphans++;
	reuse(t, l);
}

/* Its header is right behind it: if another payload comes first, or none for so long, it is lost. */
static void drop_orphans(struct tidal_transport *t, tidal_nodeid from)
{
	for (uint32_t i = 0; i < t->waiting_count;) {
		const struct landing *l = t->waiting[i];

		if (l->from == from || t->now - l->since > APART_NS)
			drop_waiting(t, i);
		else
			i++;
	}
}

void receive_tick(struct tidal_transport *t)
{
	if (t->waiting_count > 0)
		drop_orphans(t, TIDAL_NODE_NONE);
}

/* A payload alone: it waits for its header. */
static bool landed_apart(struct tidal_transport *t, struct landing *l, size_t len,
			 tidal_nodeid from, uint32_t seq)
{
	struct landing *target = l;

	if (!t->apart || !peers_find(t, from)) {
		t->stats.malformed++;
		return false;
	}
	if (len == 0 || len > l->room) {
		t->stats.unposted++;
		return false;
	}
	if (l->spare) {
		target = move_from_spare(t, l, (uint32_t)len);
		if (!target)
			return false;
		put_free(&pool_of(t, l->payload)->spares, &l->op);
	}
	drop_orphans(t, from);
	if (t->waiting_count == FABRIC_APART)
		drop_waiting(t, 0);
	target->since = t->now;
	target->from = from;
	target->seq = seq;
	target->len = (uint32_t)len;
	t->waiting[t->waiting_count++] = target;
	return true;
}

static void landed(struct tidal_transport *t, struct landing *l,
		   const struct fi_cq_tagged_entry *entry)
{
	struct pool *pool = pool_of(t, l->payload);
	tidal_nodeid from;
	uint32_t seq;
	bool taken;

	if (l->spare)
		pool->spare_posted = false;
	else
		pool->posted--;
	if (wire_tag_is_apart(entry->tag, &from, &seq))
		taken = landed_apart(t, l, entry->len, from, seq);
	else
		taken = landed_whole(t, l, entry->len);
	if (taken)
		refill(t, l->payload);
	else
		reuse(t, l);
}

/* The payload that belongs to a header; those before it have none. */
static struct landing *find_waiting(struct tidal_transport *t, const struct wire_tail *tail)
{
	for (uint32_t i = 0; i < t->waiting_count;) {
		struct landing *l = t->waiting[i];

		if (l->from != tail->from || (int32_t)(l->seq - tail->seq) > 0) {
			i++;
			continue;
		}
		if (l->seq != tail->seq || l->payload != tail->payload ||
		    l->len != tail->payload_len) {
			drop_waiting(t, i);
			continue;
		}
		for (t->waiting_count--; i < t->waiting_count; i++)
			t->waiting[i] = t->waiting[i + 1];
		return l;
	}
	t->stats.orphans++;
	return NULL;
}

/* A header, with its payload if that came before. False: nothing for the caller. */
static bool data(struct tidal_transport *t, struct small *s, const struct wire_tail *tail)
{
	struct landing *l = NULL;
	struct peer *p;

	if (tail->apart) {
		l = find_waiting(t, tail);
		if (!l)
			return false;
	}
	p = accept_message(t, tail, s->bytes, l ? l->buf : NULL);
	if (!p) {
		if (l)
			reuse(t, l);
		return false;
	}
	heard(t, p);
	deliver(t, tail, s->bytes, l ? l->cookie : 0, &s->op);
	if (l)
		put_free(&pool_of(t, l->payload)->free, &l->op);
	return true;
}

static bool small_fits(const struct wire_tail *tail, size_t len)
{
	struct wire_tail bare = *tail;

	if (tail->apart)
		bare.payload_len = 0; /* it is not in this message */
	if (!tail_fits(&bare, len) || tail->payload_len > TIDAL_VCPU_BYTES_MAX)
		return false;
	return tail->apart ? tail->payload_len > 0 && is_payload(tail->payload)
			   : tail->payload_len == 0 && tail->payload == TIDAL_PAYLOAD_NONE;
}

/* False: its memory is free again. */
static bool arrived(struct tidal_transport *t, struct small *s, size_t len)
{
	struct wire_tail tail;
	struct peer *p;

	if (len < WIRE_TAIL || len > WIRE_REST ||
	    !wire_get_tail(s->bytes + len - WIRE_TAIL, &tail)) {
		t->stats.malformed++;
		return false;
	}
	if (tail.type == WIRE_GREET) {
		greeted(t, s->bytes, len - WIRE_TAIL);
		return false;
	}
	if (!small_fits(&tail, len) || (tail.type != WIRE_DATA && tail.type != WIRE_BEAT)) {
		t->stats.malformed++;
		return false;
	}
	if (tail.type == WIRE_DATA)
		return data(t, s, &tail);
	p = accept_message(t, &tail, s->bytes, NULL);
	if (p)
		heard(t, p);
	return false;
}

void receive_done(struct tidal_transport *t, const struct fi_cq_tagged_entry *entry)
{
	struct op *op = entry->op_context;

	if (op->kind == OP_LANDING)
		landed(t, (struct landing *)op, entry);
	else if (!arrived(t, (struct small *)op, entry->len))
		receive_back(t, op);
}

/* What could not be received is lost; its buffer serves again. */
void receive_failed(struct tidal_transport *t, struct op *op)
{
	struct landing *l = (struct landing *)op;

	t->stats.recv_errors++;
	if (op->kind == OP_SMALL) {
		receive_back(t, op);
		return;
	}
	if (l->spare)
		pool_of(t, l->payload)->spare_posted = false;
	else
		pool_of(t, l->payload)->posted--;
	reuse(t, l);
}

void receive_again(struct tidal_transport *t, struct op *op)
{
	if (op->kind == OP_SMALL)
		receive_back(t, op);
	else
		submit(t, (struct landing *)op);
}

void receive_back(struct tidal_transport *t, struct op *op)
{
	struct landing *l = (struct landing *)op;

	if (op->kind == OP_SMALL) {
		if (!post_small(t, (struct small *)op))
			put_free(&t->refused, op);
	} else if (l->spare) {
		put_free(&pool_of(t, l->payload)->spares, op);
		refill(t, l->payload);
	} else {
		put_free(&pool_of(t, l->payload)->free, op);
	}
}
