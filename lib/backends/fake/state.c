/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A hart as bytes, so that it can go on at another node:
 *
 *	 0  magic "TIDALrv6"
 *	 8  version		16 bits
 *	10  vCPU		16 bits
 *	12  flags		8 bits: 1 off, 2 stall, 4 stall is a write, 8 stall sign-extends
 *	13  access of the stall	8 bits
 *	14  size of the stall	8 bits
 *	15  rd of the stall	8 bits
 *	16  numbers of 64 bits: x1-x31, then those of `fields` below
 *
 * A reservation is not part of it: it does not survive a move.
 */
#include <tidal/error.h>

#include "bytes.h"
#include "hart.h"

#define VERSION 1
#define NUMBERS 16
#define FLAG_OFF 1u
#define FLAG_STALL 2u
#define FLAG_WRITE 4u
#define FLAG_SIGN 8u

static const uint8_t magic[8] = { 'T', 'I', 'D', 'A', 'L', 'r', 'v', '6' };

/* Where the numbers after x31 come from and go to. */
static const uint16_t fields[] = {
	offsetof(struct fake_hart, pc),
	offsetof(struct fake_hart, retired),
	offsetof(struct fake_hart, now),
	offsetof(struct fake_hart, csr.mstatus),
	offsetof(struct fake_hart, csr.mtvec),
	offsetof(struct fake_hart, csr.mepc),
	offsetof(struct fake_hart, csr.mcause),
	offsetof(struct fake_hart, csr.mtval),
	offsetof(struct fake_hart, csr.mscratch),
	offsetof(struct fake_hart, csr.mie),
	offsetof(struct fake_hart, csr.cycle_offset),
	offsetof(struct fake_hart, csr.instret_offset),
	offsetof(struct fake_hart, stall.gpa),
	offsetof(struct fake_hart, stall.data),
};
#define FIELDS (sizeof(fields) / sizeof(fields[0]))

_Static_assert(NUMBERS + 8 * (31 + FIELDS) == FAKE_STATE_BYTES, "the size is what save() fills");

void fake_state_save(const struct fake_hart *hart, tidal_time now, uint8_t *buf)
{
	const struct fake_stall *stall = &hart->stall;
	struct fake_hart saved = *hart;
	uint8_t *p = buf + NUMBERS;

	saved.now = now;
	memcpy(buf, magic, sizeof(magic));
	fake_put16(buf + 8, VERSION);
	fake_put16(buf + 10, hart->id);
	buf[12] = (uint8_t)((hart->off ? FLAG_OFF : 0) | (stall->valid ? FLAG_STALL : 0) |
			    (stall->write ? FLAG_WRITE : 0) | (stall->sign ? FLAG_SIGN : 0));
	buf[13] = stall->access;
	buf[14] = stall->size;
	buf[15] = stall->rd;
	for (unsigned i = 1; i < 32; i++, p += 8)
		fake_put64(p, hart->x[i]);
	for (size_t i = 0; i < FIELDS; i++, p += 8) {
		uint64_t v;

		memcpy(&v, (const uint8_t *)&saved + fields[i], sizeof(v));
		fake_put64(p, v);
	}
}

/* What save() can't have written would break the interpreter later. */
static bool sound(const struct fake_hart *hart)
{
	const struct fake_stall *stall = &hart->stall;
	const struct fake_csrs *csr = &hart->csr;

	if ((hart->pc | csr->mtvec | csr->mepc) % 4 || csr->mstatus & ~(uint64_t)0x88)
		return false;
	if (!stall->valid || stall->access < TIDAL_IO)
		return true;
	if (stall->access > TIDAL_IO || (!stall->write && (!stall->rd || stall->rd > FAKE_X_SINK)))
		return false;
	return stall->size == 1 || stall->size == 2 || stall->size == 4 || stall->size == 8;
}

int fake_state_load(struct fake_hart *hart, tidal_vcpuid id, tidal_time *now, const uint8_t *buf,
		    size_t len)
{
	struct fake_hart loaded;
	const uint8_t *p = buf + NUMBERS;

	if (len != FAKE_STATE_BYTES || memcmp(buf, magic, sizeof(magic)) != 0 ||
	    fake_get16(buf + 8) != VERSION || fake_get16(buf + 10) != id || buf[12] > 15)
		return TIDAL_EFORMAT;
	fake_hart_reset(&loaded, id);
	loaded.off = buf[12] & FLAG_OFF;
	loaded.stall.valid = buf[12] & FLAG_STALL;
	loaded.stall.write = (buf[12] & FLAG_WRITE) != 0;
	loaded.stall.sign = (buf[12] & FLAG_SIGN) != 0;
	loaded.stall.access = buf[13];
	loaded.stall.size = buf[14];
	loaded.stall.rd = buf[15];
	for (unsigned i = 1; i < 32; i++, p += 8)
		loaded.x[i] = fake_get64(p);
	for (size_t i = 0; i < FIELDS; i++, p += 8) {
		uint64_t v = fake_get64(p);

		memcpy((uint8_t *)&loaded + fields[i], &v, sizeof(v));
	}
	if (!sound(&loaded))
		return TIDAL_EFORMAT;
	*now = loaded.now;
	*hart = loaded;
	return 0;
}
