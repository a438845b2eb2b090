/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bytes - little-endian fields, written and read by cursors that can't leave their bounds. A
 * cursor that would pass its end becomes bad and stays so: one look at the end judges it all.
 */
#ifndef TIDAL_NODE_BYTES_H
#define TIDAL_NODE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct out {
	uint8_t *at;
	size_t left, len; /* len: written so far */
	bool bad;
};

struct in {
	const uint8_t *at;
	size_t left;
	bool bad;
};

static inline struct out out_init(void *bytes, size_t room)
{
	return (struct out){ .at = bytes, .left = room };
}

static inline struct in in_init(const void *bytes, size_t len)
{
	return (struct in){ .at = bytes, .left = len };
}

static inline void out_bytes(struct out *o, const void *from, size_t n)
{
	if (o->bad || n > o->left) {
		o->bad = true;
		return;
	}
	if (n > 0)
		memcpy(o->at, from, n);
	o->at += n;
	o->left -= n;
	o->len += n;
}

/* The lowest n bytes of v, low byte first. */
static inline void out_int(struct out *o, uint64_t v, unsigned n)
{
	uint8_t b[8];

	for (unsigned i = 0; i < n; i++)
		b[i] = (uint8_t)(v >> 8 * i);
	out_bytes(o, b, n);
}

/* The next n bytes, in place; NULL when there are not so many. */
static inline const uint8_t *in_take(struct in *i, size_t n)
{
	const uint8_t *p = i->at;

	if (i->bad || n > i->left) {
		i->bad = true;
		return NULL;
	}
	i->at += n;
	i->left -= n;
	return p;
}

static inline uint64_t in_int(struct in *in, unsigned n)
{
	const uint8_t *p = in_take(in, n);
	uint64_t v = 0;

	for (unsigned i = 0; p && i < n; i++)
		v |= (uint64_t)p[i] << 8 * i;
	return v;
}

#define out_u8(o, v) out_int(o, v, 1)
#define out_u16(o, v) out_int(o, v, 2)
#define out_u32(o, v) out_int(o, v, 4)
#define out_u64(o, v) out_int(o, v, 8)
#define in_u8(i) ((uint8_t)in_int(i, 1))
#define in_u16(i) ((uint16_t)in_int(i, 2))
#define in_u32(i) ((uint32_t)in_int(i, 4))
#define in_u64(i) in_int(i, 8)

#endif
