/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * le - little-endian bytes, and cursors over them that can't leave their bounds.
 *
 * A cursor that would pass its end becomes bad instead and stays so: reads then
 * give 0 and writes do nothing. So a codec is written as a plain sequence of fields,
 * and one rd_ok() or wr_ok() at its end judges them all.
 */
#ifndef TIDAL_CORE_LE_H
#define TIDAL_CORE_LE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bits.h"

/* To and from the machine's own order. */
static inline uint16_t le_order16(uint16_t v)
{
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? v : __builtin_bswap16(v);
}

static inline uint32_t le_order32(uint32_t v)
{
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? v : __builtin_bswap32(v);
}

static inline uint64_t le_order64(uint64_t v)
{
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? v : __builtin_bswap64(v);
}

/* The builtin: a freestanding compiler would call memcpy(), here it is one instruction. */
static inline uint16_t le_get16(const uint8_t *p)
{
	uint16_t v;

	__builtin_memcpy(&v, p, sizeof(v));
	return le_order16(v);
}

static inline uint32_t le_get32(const uint8_t *p)
{
	uint32_t v;

	__builtin_memcpy(&v, p, sizeof(v));
	return le_order32(v);
}

static inline uint64_t le_get48(const uint8_t *p)
{
	return le_get32(p) | (uint64_t)le_get16(p + 4) << 32;
}

static inline uint64_t le_get64(const uint8_t *p)
{
	uint64_t v;

	__builtin_memcpy(&v, p, sizeof(v));
	return le_order64(v);
}

static inline void le_put16(uint8_t *p, uint16_t v)
{
	v = le_order16(v);
	__builtin_memcpy(p, &v, sizeof(v));
}

static inline void le_put32(uint8_t *p, uint32_t v)
{
	v = le_order32(v);
	__builtin_memcpy(p, &v, sizeof(v));
}

static inline void le_put48(uint8_t *p, uint64_t v)
{
	le_put32(p, (uint32_t)v);
	le_put16(p + 4, (uint16_t)(v >> 32));
}

static inline void le_put64(uint8_t *p, uint64_t v)
{
	v = le_order64(v);
	__builtin_memcpy(p, &v, sizeof(v));
}

/* Reading. */
struct rd {
	const uint8_t *at;
	size_t left;
	bool bad; /* something was read beyond the end */
};

static inline struct rd rd_init(const void *bytes, size_t len)
{
	return (struct rd){ .at = bytes, .left = len };
}

static inline bool rd_ok(const struct rd *r)
{
	return !r->bad;
}

/* The next n bytes, in place; NULL (and the cursor is bad) when there are not so many. */
static inline const uint8_t *rd_take(struct rd *r, size_t n)
{
	const uint8_t *p = r->at;

	if (r->bad || n > r->left) {
		r->bad = true;
		return NULL;
	}
	r->at += n;
	r->left -= n;
	return p;
}

/* Copy n bytes out; zeroes when the cursor is, or becomes, bad. */
static inline void rd_bytes(struct rd *r, void *to, size_t n)
{
	const uint8_t *p = rd_take(r, n);

	if (n == 0)
		return;
	if (p)
		memcpy(to, p, n);
	else
		memset(to, 0, n);
}

static inline uint8_t rd_u8(struct rd *r)
{
	const uint8_t *p = rd_take(r, 1);

	return p ? p[0] : 0;
}

static inline uint16_t rd_u16(struct rd *r)
{
	const uint8_t *p = rd_take(r, 2);

	return p ? le_get16(p) : 0;
}

static inline uint32_t rd_u32(struct rd *r)
{
	const uint8_t *p = rd_take(r, 4);

	return p ? le_get32(p) : 0;
}

static inline uint64_t rd_u48(struct rd *r)
{
	const uint8_t *p = rd_take(r, 6);

	return p ? le_get48(p) : 0;
}

static inline uint64_t rd_u64(struct rd *r)
{
	const uint8_t *p = rd_take(r, 8);

	return p ? le_get64(p) : 0;
}

/* Writing. */
struct wr {
	uint8_t *at;
	size_t left;
	size_t len; /* written so far */
	bool bad;   /* something did not fit */
};

static inline struct wr wr_init(void *bytes, size_t room)
{
	return (struct wr){ .at = bytes, .left = room };
}

static inline bool wr_ok(const struct wr *w)
{
	return !w->bad;
}

/* Room for the next n bytes; NULL (and the cursor is bad) when they don't fit. */
static inline uint8_t *wr_take(struct wr *w, size_t n)
{
	uint8_t *p = w->at;

	if (w->bad || n > w->left) {
		w->bad = true;
		return NULL;
	}
	w->at += n;
	w->left -= n;
	w->len += n;
	return p;
}

static inline void wr_bytes(struct wr *w, const void *from, size_t n)
{
	uint8_t *p = wr_take(w, n);

	if (p && n)
		memcpy(p, from, n);
}

static inline void wr_u8(struct wr *w, uint8_t v)
{
	uint8_t *p = wr_take(w, 1);

	if (p)
		p[0] = v;
}

static inline void wr_u16(struct wr *w, uint16_t v)
{
	uint8_t *p = wr_take(w, 2);

	if (p)
		le_put16(p, v);
}

static inline void wr_u32(struct wr *w, uint32_t v)
{
	uint8_t *p = wr_take(w, 4);

	if (p)
		le_put32(p, v);
}

static inline void wr_u48(struct wr *w, uint64_t v)
{
	uint8_t *p = wr_take(w, 6);

	if (p)
		le_put48(p, v);
}

static inline void wr_u64(struct wr *w, uint64_t v)
{
	uint8_t *p = wr_take(w, 8);

	if (p)
		le_put64(p, v);
}

#endif
