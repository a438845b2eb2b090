/* SPDX-License-Identifier: BSD-3-Clause */
/* wire - encoder and decoder, generated from the table in wire.h. */
#include "wire.h"

#include "assert.h"
#include "le.h"
#include "link.h"

static void wr_epoch(struct wr *w, uint64_t epoch)
{
	wr_u64(w, epoch);
}

static uint64_t rd_epoch(struct rd *r)
{
	uint64_t epoch = rd_u64(r);

	r->bad |= epoch > EPOCH_MASK;
	return epoch;
}

#define PUT(type, field) wr_##type(&w, m->field);
#define GET(type, field) m->field = rd_##type(&r);

#define ENCODER(number, NAME, name, class)                                                    \
	static struct wr put_##name(struct wr w, const struct wire_##name *m)                 \
	{                                                                                     \
		WIRE_##NAME(PUT) return w;                                                    \
	}
#define DECODER(number, NAME, name, class)                                                    \
	static struct rd get_##name(struct rd r, struct wire_##name *m)                       \
	{                                                                                     \
		WIRE_##NAME(GET) return r;                                                    \
	}
WIRE_MESSAGES(ENCODER)
WIRE_MESSAGES(DECODER)

uint32_t wire_encode(const struct wire *m, void *buf)
{
	struct wr w = wr_init(buf, LINK_BODY_MAX);

	wr_u8(&w, m->kind);
	switch (m->kind) {
#define ENCODE(number, NAME, name, class)                                                     \
	case MSG_##NAME:                                                                      \
		w = put_##name(w, &m->u.name);                                                \
		break;
		WIRE_MESSAGES(ENCODE)
	default:
		ASSERT(0);
	}
	ASSERT(wr_ok(&w));
	return (uint32_t)w.len;
}

bool wire_decode(struct wire *m, const void *bytes, uint32_t len)
{
	struct rd r = rd_init(bytes, len);

	m->kind = rd_u8(&r);
	switch (m->kind) {
#define DECODE(number, NAME, name, class)                                                     \
	case MSG_##NAME:                                                                      \
		r = get_##name(r, &m->u.name);                                                \
		break;
		WIRE_MESSAGES(DECODE)
	default:
		return false;
	}
	return rd_ok(&r) && r.left == 0;
}

unsigned wire_class(unsigned kind)
{
	switch (kind) {
#define CLASS(number, NAME, name, class)                                                      \
	case MSG_##NAME:                                                                      \
		return class;
		WIRE_MESSAGES(CLASS)
	default:
		return LINK_REPLY;
	}
}

const char *wire_name(unsigned kind)
{
	switch (kind) {
#define NAME_OF(number, NAME, name, class)                                                    \
	case MSG_##NAME:                                                                      \
		return #name;
		WIRE_MESSAGES(NAME_OF)
	default:
		return "?";
	}
}
