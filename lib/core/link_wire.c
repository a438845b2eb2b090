/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * link_wire - packets as bytes. A header, then the body of a message or nothing; all
 * little-endian:
 *
 *	VERSION		u8	LINK_VERSION
 *	FLAGS		u8	see below
 *	CLASS		u8	of the message, else 0
 *	LEN		u8	bytes of the body
 *	FROM		u32	incarnation of the sender
 *	TO		u32	incarnation of the receiver; 0: not known, the packet is a hello
 *	LOAD		u32	of the sender
 *	FREE		u32	free frames of the sender
 *	TIME		u64	pod time
 *	SEQ		u64	sequence number of the message within its class, else 0
 *	ACK		3 * u64 for each class: all messages up to this one have come,
 *	REQUESTS	u32	and of those beyond: requests,
 *	FORWARDS	u32	forwards,
 *	REPLIES		u64	replies
 *
 * An ideal link's packets have no sequence numbers and no acknowledgements.
 */
#include "le.h"
#include "link_state.h"

enum offset {
	VERSION = 0,
	FLAGS = 1,
	CLASS = 2,
	LEN = 3,
	FROM = 4,
	TO = 8,
	LOAD = 12,
	FREE = 16,
	TIME = 20,
	SEQ = 28,
	ACK = 36,
	REQUESTS = 60,
	FORWARDS = 64,
	REPLIES = 68,
};

enum flags {
	FLAG_MESSAGE = 1 << 0,
	FLAG_VOID = 1 << 1, /* the message's payload was withdrawn */
	FLAG_IDEAL = 1 << 2,
	FLAG_ALL = (1 << 3) - 1,
};

static uint8_t flags_of(const struct link *l, const struct msg *m)
{
	unsigned flags = l->ideal ? FLAG_IDEAL : 0;

	if (m)
		flags |= m->withdrawn ? FLAG_MESSAGE | FLAG_VOID : FLAG_MESSAGE;
	return (uint8_t)flags;
}

uint32_t link_write(struct link *l, const struct peer *p, const struct msg *m, tidal_time now)
{
	uint8_t *h = l->packet;

	h[VERSION] = LINK_VERSION;
	h[FLAGS] = flags_of(l, m);
	h[CLASS] = m ? m->class : 0;
	h[LEN] = m ? m->len : 0;
	le_put32(h + FROM, l->incarnation);
	le_put32(h + TO, p->incarnation);
	le_put32(h + LOAD, l->load);
	le_put32(h + FREE, l->free_frames);
	le_put64(h + TIME, now);
	le_put64(h + SEQ, m ? m->seq : 0);
	for (unsigned c = 0; c < LINK_CLASSES; c++)
		le_put64(h + ACK + 8 * c, p->lane[c].come);
	le_put32(h + REQUESTS, (uint32_t)p->lane[LINK_REQUEST].beyond);
	le_put32(h + FORWARDS, (uint32_t)p->lane[LINK_FORWARD].beyond);
	le_put64(h + REPLIES, p->lane[LINK_REPLY].beyond);
	if (m && m->len)
		memcpy(h + LINK_HEADER, m->body, m->len);
	return LINK_HEADER + (uint32_t)h[LEN];
}

/* The bytes alone: is this a packet? */
static int parse(const struct link *l, const uint8_t *h, uint32_t len, struct link_in *in)
{
	uint8_t flags;

	if (len > VERSION && h[VERSION] != LINK_VERSION)
		return TIDAL_EVERSION;
	if (len < LINK_HEADER || len - LINK_HEADER != h[LEN] || h[LEN] > LINK_BODY_MAX)
		return TIDAL_EPROTO;
	flags = h[FLAGS];
	if ((flags & ~FLAG_ALL) || !(flags & FLAG_IDEAL) != !l->ideal)
		return TIDAL_EPROTO;
	in->duplicate = false;
	in->reset = false;
	in->message = flags & FLAG_MESSAGE;
	in->void_payload = flags & FLAG_VOID;
	in->class = h[CLASS];
	in->body = in->message ? h + LINK_HEADER : NULL;
	in->len = h[LEN];
	in->incarnation = le_get32(h + FROM);
	in->hello = le_get32(h + TO) == 0;
	in->load = le_get32(h + LOAD);
	in->free = le_get32(h + FREE);
	in->time = le_get64(h + TIME);
	in->seq = le_get64(h + SEQ);
	for (unsigned c = 0; c < LINK_CLASSES; c++)
		in->ack[c] = le_get64(h + ACK + 8 * c);
	in->ack_bits[LINK_REQUEST] = le_get32(h + REQUESTS);
	in->ack_bits[LINK_FORWARD] = le_get32(h + FORWARDS);
	in->ack_bits[LINK_REPLY] = le_get64(h + REPLIES);
	if (in->incarnation == 0 || in->time > LINK_TIME_MAX || in->class >= LINK_CLASSES)
		return TIDAL_EPROTO;
	if (!in->message && (in->seq || in->class || in->len || in->void_payload))
		return TIDAL_EPROTO;
	return 0;
}

/* Is the packet between the incarnations that live now? */
static int check_incarnations(const struct link *l, const struct peer *p, uint32_t to,
			      struct link_in *in)
{
	if (to != 0 && to != l->incarnation)
		return TIDAL_ESTALE;
	if (in->incarnation < p->incarnation)
		return TIDAL_ESTALE;
	if (in->incarnation == p->incarnation && p->down)
		return TIDAL_ESTALE;
	in->reset = p->incarnation != 0 && in->incarnation != p->incarnation;
	return 0;
}

/* Was all that it acknowledges sent, to this incarnation? */
static int check_acks(const struct link *l, const struct peer *p, const struct link_in *in)
{
	bool known = !in->hello && !l->ideal && in->incarnation == p->incarnation;

	for (unsigned c = 0; c < LINK_CLASSES; c++) {
		uint64_t ack = in->ack[c], bits = in->ack_bits[c];
		uint64_t sent = known ? p->lane[c].sent : 0;

		if (ack > sent || (bits & 1))
			return TIDAL_EPROTO;
		if (bits && sent - ack < 64 && bits >> (sent - ack))
			return TIDAL_EPROTO;
	}
	return 0;
}

/* Where is the message in the receive window? */
static int check_message(const struct link *l, const struct peer *p, struct link_in *in)
{
	const struct lane *lane = &p->lane[in->class];
	uint64_t come = in->incarnation == p->incarnation ? lane->come : 0;
	uint64_t beyond = in->incarnation == p->incarnation ? lane->beyond : 0;

	if (l->ideal)
		return in->seq ? TIDAL_EPROTO : 0;
	if (in->hello || in->seq == 0)
		return TIDAL_EPROTO;
	if (in->seq <= come)
		in->duplicate = true;
	else if (in->seq - come > lane_window(in->class))
		return TIDAL_EPROTO; /* the sender may not go on before we acknowledge */
	else if (beyond >> (in->seq - come - 1) & 1)
		in->duplicate = true;
	if (in->duplicate)
		in->body = NULL;
	return 0;
}

int link_peek(const struct link *l, tidal_nodeid from, const void *bytes, uint32_t len,
	      struct link_in *in)
{
	const struct peer *p;
	int err;

	if (from >= l->nodes || from == l->self)
		return TIDAL_ERANGE;
	err = parse(l, bytes, len, in);
	if (err)
		return err;
	p = peer_at(l, from);
	err = check_incarnations(l, p, le_get32((const uint8_t *)bytes + TO), in);
	if (!err)
		err = check_acks(l, p, in);
	if (!err && in->message)
		err = check_message(l, p, in);
	return err;
}
