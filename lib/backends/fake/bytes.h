/* SPDX-License-Identifier: BSD-3-Clause */
/* Little-endian numbers in memory, of any alignment. */
#ifndef FAKE_BYTES_H
#define FAKE_BYTES_H

#include <stdint.h>
#include <string.h>

static inline uint64_t fake_le64(uint64_t v)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	return __builtin_bswap64(v);
#else
	return v;
#endif
}

static inline uint64_t fake_get64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return fake_le64(v);
}

static inline uint32_t fake_get32(const void *p)
{
	const uint8_t *b = p;

	return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static inline uint16_t fake_get16(const void *p)
{
	const uint8_t *b = p;

	return (uint16_t)(b[0] | b[1] << 8);
}

static inline void fake_put64(void *p, uint64_t v)
{
	v = fake_le64(v);
	memcpy(p, &v, sizeof(v));
}

static inline void fake_put32(void *p, uint32_t v)
{
	uint8_t *b = p;

	for (int i = 0; i < 4; i++)
		b[i] = (uint8_t)(v >> 8 * i);
}

static inline void fake_put16(void *p, uint16_t v)
{
	uint8_t *b = p;

	b[0] = (uint8_t)v;
	b[1] = (uint8_t)(v >> 8);
}

/* A number of 1, 2, 4 or 8 bytes. */
static inline uint64_t fake_get(const void *p, unsigned size)
{
	switch (size) {
	case 1:
		return *(const uint8_t *)p;
	case 2:
		return fake_get16(p);
	case 4:
		return fake_get32(p);
	default:
		return fake_get64(p);
	}
}

static inline void fake_put(void *p, unsigned size, uint64_t v)
{
	switch (size) {
	case 1:
		*(uint8_t *)p = (uint8_t)v;
		break;
	case 2:
		fake_put16(p, (uint16_t)v);
		break;
	case 4:
		fake_put32(p, (uint32_t)v);
		break;
	default:
		fake_put64(p, v);
	}
}

/* The low *size* bytes as a signed number. */
static inline uint64_t fake_sign(uint64_t v, unsigned size)
{
	unsigned shift = 64 - 8 * size;

	return (uint64_t)((int64_t)(v << shift) >> shift);
}

#endif
