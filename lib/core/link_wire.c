/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * link_wire - packets as bytes. All little-endian:
 *
 *	 0 u8	LINK_VERSION
 *	 1 u8	flags, see below
 *	 2 u8	class of the message, else 0
 *	 3 u8	bytes of its body, which follows the header and ends the packet
 *	 4 u32	incarnation of the sender
 *	 8 u32	incarnation of the receiver; 0: not known, the packet is a hello
 *	12 u32	load of the sender
 *	16 u32	free frames of the sender
 *	20 u64	pod time
 *	28 u64	sequence number of the message within its class, else 0
 *	36 u64	for each class: all messages up to this one have come,
 *	60 u32	and of those beyond: requests,
 *	64 u32	forwards,
 *	68 u64	replies
 *
 * An ideal link's packets have no sequence numbers and no acknowledgements.
 */
#include "assert.h"
#include "le.h"
#include "link_state.h"

enum flags {
	FLAG_MESSAGE = 1 << 0,
	FLAG_VOID = 1 << 1, /* the message's payload was withdrawn */
	FLAG_IDEAL = 1 << 2,
	FLAGS = (1 << 3) - 1,
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
	struct wr w = wr_init(l->packet, sizeof(l->packet));

	wr_u8(&w, LINK_VERSION);
	wr_u8(&w, flags_of(l, m));
	wr_u8(&w, m ? m->class : 0);
	wr_u8(&w, m ? m->len : 0);
	wr_u32(&w, l->incarnation);
	wr_u32(&w, p->incarnation);
	wr_u32(&w, l->load);
	wr_u32(&w, l->free_frames);
	wr_u64(&w, now);
	wr_u64(&w, m ? m->seq : 0);
	for (unsigned c = 0; c < LINK_CLASSES; c++)
		wr_u64(&w, p->lane[c].come);
	wr_u32(&w, (uint32_t)p->lane[LINK_REQUEST].beyond);
	wr_u32(&w, (uint32_t)p->lane[LINK_FORWARD].beyond);
	wr_u64(&w, p->lane[LINK_REPLY].beyond);
	if (m)
		wr_bytes(&w, m->body, m->len);
	ASSERT(wr_ok(&w));
	return (uint32_t)w.len;
}

struct header {
	uint8_t flags, len;
	uint32_t to_incarnation;
};

/* The bytes alone: is this a packet? */
static int parse(const struct link *l, const void *bytes, uint32_t len, struct header *h,
		 struct link_in *in)
{
	struct rd r = rd_init(bytes, len);
	uint8_t version = rd_u8(&r);

	if (rd_ok(&r) && version != LINK_VERSION)
		return TIDAL_EVERSION;
	h->flags = rd_u8(&r);
	in->class = rd_u8(&r);
	h->len = rd_u8(&r);
	in->incarnation = rd_u32(&r);
	h->to_incarnation = rd_u32(&r);
	in->load = rd_u32(&r);
	in->free = rd_u32(&r);
	in->time = rd_u64(&r);
	in->seq = rd_u64(&r);
	for (unsigned c = 0; c < LINK_CLASSES; c++)
		in->ack[c] = rd_u64(&r);
	in->ack_bits[LINK_REQUEST] = rd_u32(&r);
	in->ack_bits[LINK_FORWARD] = rd_u32(&r);
	in->ack_bits[LINK_REPLY] = rd_u64(&r);
	in->body = rd_take(&r, h->len);
	if (!rd_ok(&r) || r.left != 0 || (h->flags & ~FLAGS) || h->len > LINK_BODY_MAX)
		return TIDAL_EPROTO;
	if (!(h->flags & FLAG_IDEAL) != !l->ideal)
		return TIDAL_EPROTO;
	if (in->incarnation == 0 || in->time > LINK_TIME_MAX || in->class >= LINK_CLASSES)
		return TIDAL_EPROTO;
	in->message = h->flags & FLAG_MESSAGE;
	in->void_payload = h->flags & FLAG_VOID;
	in->hello = h->to_incarnation == 0;
	if (!in->message && (in->seq || in->class || h->len || in->void_payload))
		return TIDAL_EPROTO;
	if (!in->message)
		in->body = NULL;
	return 0;
}

/* Is the packet between the incarnations that live now? */
static int check_incarnations(const struct link *l, const struct peer *p, const struct header *h,
			      struct link_in *in)
{
	if (h->to_incarnation != 0 && h->to_incarnation != l->incarnation)
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
		return TIDAL_EAGAIN;
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
	struct header h;
	int err;

	if (from >= l->nodes || from == l->self)
		return TIDAL_ERANGE;
	*in = (struct link_in){ 0 };
	err = parse(l, bytes, len, &h, in);
	if (err)
		return err;
	in->len = h.len;
	p = peer_at(l, from);
	err = check_incarnations(l, p, &h, in);
	if (!err)
		err = check_acks(l, p, in);
	if (!err && in->message)
		err = check_message(l, p, in);
	return err;
}
