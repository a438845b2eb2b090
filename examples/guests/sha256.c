/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sha256 - the SHA-256 of the input (FIPS 180-4), as `sha256sum` prints it.
 *
 * A hash is sequential, so all harts compute the same one and must agree: the input is
 * read everywhere and written nowhere, which is what read-only copies are for.
 */
#include "guest.h"

#define BLOCK 64

static const uint32_t constant[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2,
};

struct hash {
	uint32_t h[8];
};

static struct {
	GUEST_PAGE_ALIGNED struct hash hash;
	GUEST_PAGE_ALIGNED unsigned disagree;
} shared;

static uint32_t turn(uint32_t x, unsigned n)
{
	return x >> n | x << (32 - n);
}

static void schedule(uint32_t w[64], const unsigned char *block)
{
	for (unsigned i = 0; i < 16; i++, block += 4)
		w[i] = (uint32_t)block[0] << 24 | (uint32_t)block[1] << 16 |
		       (uint32_t)block[2] << 8 | block[3];
	for (unsigned i = 16; i < 64; i++) {
		uint32_t x = w[i - 15], y = w[i - 2];

		w[i] = w[i - 16] + (turn(x, 7) ^ turn(x, 18) ^ x >> 3) + w[i - 7] +
		       (turn(y, 17) ^ turn(y, 19) ^ y >> 10);
	}
}

static void compress(struct hash *hash, const unsigned char *block)
{
	uint32_t w[64], v[8];

	schedule(w, block);
	memcpy(v, hash->h, sizeof(v));
	for (unsigned i = 0; i < 64; i++) {
		uint32_t a = v[0], e = v[4];
		uint32_t one = v[7] + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) +
			       ((e & v[5]) ^ (~e & v[6])) + constant[i] + w[i];
		uint32_t two = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) +
			       ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));

		v[7] = v[6];
		v[6] = v[5];
		v[5] = e;
		v[4] = v[3] + one;
		v[3] = v[2];
		v[2] = v[1];
		v[1] = a;
		v[0] = one + two;
	}
	for (unsigned i = 0; i < 8; i++)
		hash->h[i] += v[i];
}

static struct hash sha256(const unsigned char *text, uint64_t len)
{
	struct hash hash = { { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
			       0x9b05688c, 0x1f83d9ab, 0x5be0cd19 } };
	unsigned char last[2 * BLOCK] = { 0 };
	uint64_t rest = len % BLOCK, bits = len * 8;
	unsigned blocks = rest + 9 > BLOCK ? 2 : 1; /* a one bit and the length have to fit */

	for (uint64_t i = 0; i + BLOCK <= len; i += BLOCK)
		compress(&hash, text + i);
	memcpy(last, text + (len - rest), rest);
	last[rest] = 0x80;
	for (unsigned i = 0; i < 8; i++)
		last[blocks * BLOCK - 1 - i] = (unsigned char)(bits >> (8 * i));
	for (unsigned i = 0; i < blocks; i++)
		compress(&hash, last + i * BLOCK);
	return hash;
}

int guest_main(struct guest *g)
{
	struct hash hash = sha256(g->input, g->len);
	struct guest_line line = { 0 };

	if (g->hart == 0)
		shared.hash = hash;
	guest_barrier(g);
	if (memcmp(&hash, &shared.hash, sizeof(hash)) != 0)
		__atomic_fetch_add(&shared.disagree, 1, __ATOMIC_RELAXED);
	guest_barrier(g);
	if (g->hart != 0)
		return 0;
	if (shared.disagree)
		guest_fail("sha256", "the harts don't agree on the hash");
	for (unsigned i = 0; i < 8; i++)
		guest_hex(&line, hash.h[i], 8);
	guest_print(&line);
	return 0;
}
