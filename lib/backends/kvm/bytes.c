/* SPDX-License-Identifier: BSD-3-Clause */
/* A vCPU as bytes: see parts.h. */
#include <string.h>
#include <tidal/error.h>

#include "parts.h"

#define VERSION 1
#define HEAD 32
#define PART_HEAD 8
#define MSR_BYTES 12
#define TSC_TOLERANCE 4000 /* frequencies this close (1 in 4000) are the same to KVM, too */

static const uint8_t magic[8] = { 'T', 'I', 'D', 'A', 'L', 'x', '8', '6' };

/* Numbers of parts; their order in the bytes, too. Frozen. */
enum part {
	PART_REGS = 1,
	PART_SREGS = 2,
	PART_EVENTS = 3,
	PART_PDPTRS = 4,
	PART_XSAVE = 5,
	PART_XCRS = 6,
	PART_DEBUGREGS = 7,
	PART_MP_STATE = 8,
	PART_LAPIC = 9,
	PART_MSRS = 10,
	PART_VMM = 11,
};

static const struct {
	uint32_t number;
	size_t at, bytes;
} rows[] = {
#define ROW(number, member) \
	{ number, offsetof(struct kvm_parts, member), sizeof(((struct kvm_parts *)0)->member) }
	ROW(PART_REGS, regs),
	ROW(PART_SREGS, sregs),
	ROW(PART_EVENTS, events),
	ROW(PART_PDPTRS, pdptr),
	ROW(PART_XSAVE, xsave),
	ROW(PART_XCRS, cold.xcrs),
	ROW(PART_DEBUGREGS, cold.debugregs),
	ROW(PART_MP_STATE, cold.mp_state),
	ROW(PART_LAPIC, lapic),
#undef ROW
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static void put(uint8_t *at, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (uint8_t)(v >> 8 * i);
}

static uint64_t get(const uint8_t *at, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v |= (uint64_t)at[i] << 8 * i;
	return v;
}

static size_t round_up(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

size_t kvm_bytes_max(const struct kvm_machine *m)
{
	size_t n = HEAD + (ROWS + 2) * (PART_HEAD + 7) + KVM_MSRS * MSR_BYTES;

	for (size_t i = 0; i < ROWS; i++)
		n += rows[i].number == PART_XSAVE ? m->xsave_bytes : rows[i].bytes;
	return n;
}

/* ---- writing ---- */

static uint8_t *end_part(uint8_t *at, unsigned number, size_t len)
{
	put(at, number, 4);
	put(at + 4, len, 4);
	memset(at + PART_HEAD + len, 0, round_up(len) - len);
	return at + PART_HEAD + round_up(len);
}

static bool eight_zeroes(const uint8_t *at)
{
	uint64_t v;

	memcpy(&v, at, sizeof(v));
	return v == 0;
}

static size_t without_zeroes(const uint8_t *bytes, size_t n)
{
	while (n >= 8 && eight_zeroes(bytes + n - 8))
		n -= 8;
	while (n > 0 && bytes[n - 1] == 0)
		n--;
	return n;
}

static size_t size_of(const struct kvm_machine *m, const struct kvm_parts *p, size_t row)
{
	switch (rows[row].number) {
	case PART_XSAVE:
		return m->xsave_bytes;
	case PART_PDPTRS:
		return p->has_pdptr ? rows[row].bytes : 0;
	case PART_MP_STATE:
	case PART_LAPIC:
		return m->lapic ? rows[row].bytes : 0;
	default:
		return rows[row].bytes;
	}
}

static uint8_t *put_rows(const struct kvm_machine *m, const struct kvm_parts *p, uint8_t *at)
{
	for (size_t i = 0; i < ROWS; i++) {
		const uint8_t *bytes = (const uint8_t *)p + rows[i].at;
		size_t n = without_zeroes(bytes, size_of(m, p, i));

		/* pointers that are all zero are still there */
		if (n == 0 && !(rows[i].number == PART_PDPTRS && p->has_pdptr))
			continue;
		memcpy(at + PART_HEAD, bytes, n);
		at = end_part(at, rows[i].number, n);
	}
	return at;
}

static uint8_t *put_msrs(const struct kvm_machine *m, const struct kvm_parts *p, uint8_t *at)
{
	uint8_t *to = at + PART_HEAD;

	for (uint32_t i = 0; i < m->msrs; i++) {
		if (!p->cold.msr[i])
			continue;
		put(to, m->msr[i], 4);
		put(to + 4, p->cold.msr[i], 8);
		to += MSR_BYTES;
	}
	return end_part(at, PART_MSRS, (size_t)(to - at) - PART_HEAD);
}

size_t kvm_bytes_put(const struct kvm_machine *m, tidal_vcpuid id, const struct kvm_parts *p,
		     const void *vmm, size_t vmm_len, uint8_t *buf)
{
	uint8_t *at = put_msrs(m, p, put_rows(m, p, buf + HEAD));

	if (vmm_len) {
		memcpy(at + PART_HEAD, vmm, vmm_len);
		at = end_part(at, PART_VMM, vmm_len);
	}
	memcpy(buf, magic, sizeof(magic));
	put(buf + 8, VERSION, 2);
	put(buf + 10, id, 2);
	put(buf + 12, (uint64_t)(at - buf), 4);
	put(buf + 16, p->tsc, 8);
	put(buf + 24, m->tsc_khz, 4);
	put(buf + 28, 0, 4);
	return (size_t)(at - buf);
}

/* ---- reading ---- */

/* A register that is not known here must not matter. */
static int get_msrs(const struct kvm_machine *m, struct kvm_parts *p, const uint8_t *at, size_t len)
{
	uint32_t next = 0;

	if (len % MSR_BYTES)
		return TIDAL_EFORMAT;
	for (; len; at += MSR_BYTES, len -= MSR_BYTES) {
		uint32_t index = (uint32_t)get(at, 4), tries = 0;

		/* the same order, most likely */
		while (tries < m->msrs && m->msr[next % m->msrs] != index) {
			next++;
			tries++;
		}
		if (tries == m->msrs)
			return TIDAL_EFORMAT;
		p->cold.msr[next++ % m->msrs] = get(at + 4, 8);
	}
	return 0;
}

static int get_row(const struct kvm_machine *m, struct kvm_parts *p, uint64_t number,
		   const uint8_t *at, size_t len)
{
	for (size_t i = 0; i < ROWS; i++) {
		if (rows[i].number != number)
			continue;
		p->has_pdptr |= number == PART_PDPTRS;
		if (len > size_of(m, p, i))
			return TIDAL_EFORMAT;
		memcpy((uint8_t *)p + rows[i].at, at, len);
		return 0;
	}
	return TIDAL_EFORMAT;
}

/* All but the vectors, of which only what KVM reads matters. */
static void clear(const struct kvm_machine *m, struct kvm_parts *p)
{
	memset(p, 0, offsetof(struct kvm_parts, xsave));
	memset(p->xsave, 0, m->xsave_bytes);
}

static int get_parts(const struct kvm_machine *m, struct kvm_parts *p, const void **vmm,
		     size_t *vmm_len, const uint8_t *at, const uint8_t *end)
{
	uint64_t before = 0;
	int r = 0;

	while (!r && at < end) {
		uint64_t number = get(at, 4), len = get(at + 4, 4);
		const uint8_t *bytes = at + PART_HEAD;

		if (bytes > end || len > (uint64_t)(end - bytes) ||
		    round_up(len) > (uint64_t)(end - bytes) || number <= before)
			return TIDAL_EFORMAT;
		before = number;
		at = bytes + round_up(len);
		if (number == PART_MSRS) {
			r = get_msrs(m, p, bytes, len);
		} else if (number == PART_VMM) {
			*vmm = bytes;
			*vmm_len = len;
		} else {
			r = get_row(m, p, number, bytes, len);
		}
	}
	return r;
}

static bool same_speed(uint32_t a, uint32_t b)
{
	return (a > b ? a - b : b - a) <= a / TSC_TOLERANCE;
}

int kvm_bytes_get(const struct kvm_machine *m, tidal_vcpuid id, struct kvm_parts *p,
		  const void **vmm, size_t *vmm_len, const uint8_t *buf, size_t len)
{
	if (len < HEAD || len % 8 || memcmp(buf, magic, sizeof(magic)) != 0 ||
	    get(buf + 8, 2) != VERSION || get(buf + 10, 2) != id || get(buf + 12, 4) != len ||
	    !same_speed(m->tsc_khz, (uint32_t)get(buf + 24, 4)) || get(buf + 28, 4) != 0)
		return TIDAL_EFORMAT;
	*vmm = NULL;
	*vmm_len = 0;
	clear(m, p);
	p->tsc = get(buf + 16, 8);
	return get_parts(m, p, vmm, vmm_len, buf + HEAD, buf + len);
}
