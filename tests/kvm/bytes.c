/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A saved vCPU as bytes: what is put comes back, and what nobody can have put is refused. And device
 * accesses cut into pieces. No KVM is needed.
 *
 * Broken on purpose, it fails: leave out a row in bytes.c, or a check in get_parts(); let next_piece() in
 * device.c forget the alignment; let kvm_device_answer() take every answer for the last.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backends/kvm/host.h"

#define ID 7
#define XSAVE 4096u
#define VMM_LEN 13

static struct kvm_machine machine(bool lapic)
{
	return (struct kvm_machine){
		.xsave_bytes = XSAVE, .tsc_khz = 2500000, .lapic = lapic, .known = true,
		.msrs = 3, .msr = { 0x174, 0xc0000081, 0xc0000102 },
	};
}

/* Something everywhere, but zeroes at the ends of some. */
static void fill(struct kvm_parts *p, const struct kvm_machine *m, bool pae)
{
	uint8_t *bytes = (uint8_t *)p;

	memset(p, 0, sizeof(*p));
	for (size_t i = 0; i < offsetof(struct kvm_parts, pdptr); i++)
		bytes[i] = (uint8_t)(i * 7 + 1);
	for (size_t i = 0; i < XSAVE / 2; i++)
		p->xsave[i] = (uint8_t)(i * 3);
	p->has_pdptr = pae;
	p->pdptr[1] = pae ? 55 : 0;
	p->cold.xcrs.nr_xcrs = 1;
	p->cold.xcrs.xcrs[0].value = 7;
	p->cold.debugregs.dr7 = 0x400;
	p->cold.msr[0] = 8;
	p->cold.msr[2] = UINT64_MAX;
	p->cold.mp_state.mp_state = m->lapic ? 3 : 0;
	memset(p->lapic.regs, m->lapic ? 0x5a : 0, sizeof(p->lapic.regs));
	p->tsc = 123456789012345u;
}

struct scene {
	struct kvm_machine m;
	struct kvm_parts *in, *out;
	uint8_t *buf;
	size_t len;
};

static struct scene begin(bool lapic, bool pae)
{
	struct scene s = { .m = machine(lapic) };

	s.in = calloc(1, sizeof(*s.in));
	s.out = calloc(1, sizeof(*s.out));
	s.buf = calloc(1, kvm_bytes_max(&s.m) + VMM_LEN);
	assert_true(s.in && s.out && s.buf);
	fill(s.in, &s.m, pae);
	s.len = kvm_bytes_put(&s.m, ID, s.in, "what it keeps", VMM_LEN, s.buf);
	assert_true(s.len <= kvm_bytes_max(&s.m) + VMM_LEN);
	return s;
}

static void end(struct scene *s)
{
	free(s->in);
	free(s->out);
	free(s->buf);
}

static int get(struct scene *s, size_t len)
{
	const void *vmm;
	size_t vmm_len;

	return kvm_bytes_get(&s->m, ID, s->out, &vmm, &vmm_len, s->buf, len);
}

static void test_comes_back(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct scene s = begin(i & 1, i & 2);
		const void *vmm;
		size_t vmm_len;

		memset(s.out, 0xee, sizeof(*s.out));
		assert_int_equal(kvm_bytes_get(&s.m, ID, s.out, &vmm, &vmm_len, s.buf, s.len), 0);
		assert_memory_equal(s.out, s.in, offsetof(struct kvm_parts, xsave) - 1);
		assert_memory_equal(s.out->xsave, s.in->xsave, XSAVE);
		assert_int_equal(vmm_len, VMM_LEN);
		assert_memory_equal(vmm, "what it keeps", VMM_LEN);
		end(&s);
	}
}

/* Zeroes are not sent. */
static void test_is_short(void **state)
{
	struct scene s = begin(false, false);

	(void)state;
	assert_true(s.len < 32 + sizeof(struct kvm_regs) + sizeof(struct kvm_sregs) + XSAVE / 2 + 512);
	memset(s.in, 0, sizeof(*s.in));
	assert_true(kvm_bytes_put(&s.m, ID, s.in, NULL, 0, s.buf) <= 40);
	assert_int_equal(get(&s, 40), 0);
	end(&s);
}

static void test_refusals(void **state)
{
	struct scene s = begin(true, true);

	(void)state;
	for (size_t len = 0; len < s.len; len++)
		assert_int_equal(get(&s, len), TIDAL_EFORMAT);
	s.buf[10]++; /* another vCPU */
	assert_int_equal(get(&s, s.len), TIDAL_EFORMAT);
	s.buf[10]--;
	s.m.tsc_khz += 600; /* a clock of the same make */
	assert_int_equal(get(&s, s.len), 0);
	s.m.tsc_khz += 600;
	assert_int_equal(get(&s, s.len), TIDAL_EFORMAT);
	s.m = machine(true);
	s.m.msr[2] = 0x10a; /* it has none of these */
	assert_int_equal(get(&s, s.len), TIDAL_EFORMAT);
	s.m = machine(false); /* nor a local APIC in the kernel */
	assert_int_equal(get(&s, s.len), TIDAL_EFORMAT);
	s.m = machine(true);
	s.m.xsave_bytes = 1024; /* nor room for its vectors */
	assert_int_equal(get(&s, s.len), TIDAL_EFORMAT);
	end(&s);
}

/* Whatever is wrong with it, nothing is read or written where it should not be (sanitizers see that). */
static void test_damage(void **state)
{
	struct scene s = begin(true, true);
	uint8_t *tight;

	(void)state;
	for (size_t i = 0; i < s.len; i++)
		for (unsigned bit = 0; bit < 8; bit += 3) {
			int r;

			tight = malloc(s.len);
			assert_non_null(tight);
			memcpy(tight, s.buf, s.len);
			tight[i] ^= (uint8_t)(1u << bit);
			r = kvm_bytes_get(&s.m, ID, s.out, &(const void *){ NULL }, &(size_t){ 0 },
					  tight, s.len);
			assert_true(r == 0 || r == TIDAL_EFORMAT);
			free(tight);
		}
	end(&s);
}

/* ---- devices ---- */

struct piece {
	tidal_gpa gpa;
	uint8_t bytes;
};

static const struct {
	struct kvm_device d;
	struct piece piece[6];
} accesses[] = {
	{ { .gpa = 0x1000, .left = 8, .unit = 8 }, { { 0x1000, 8 } } },
	{ { .gpa = 0x1000, .left = 3, .unit = 8 }, { { 0x1000, 2 }, { 0x1002, 1 } } },
	{ { .gpa = 0x1001, .left = 7, .unit = 8 },
	  { { 0x1001, 1 }, { 0x1002, 2 }, { 0x1004, 4 } } },
	{ { .gpa = 0x1004, .left = 8, .unit = 8 }, { { 0x1004, 4 }, { 0x1008, 4 } } },
	{ { .gpa = 0x60, .left = 6, .unit = 2, .same = true },
	  { { 0x60, 2 }, { 0x60, 2 }, { 0x60, 2 } } },
	{ { .gpa = 0x61, .left = 4, .unit = 4, .same = true }, { { 0x61, 4 } } },
};

static void check_access(const struct kvm_device *access, const struct piece *piece, bool write)
{
	struct tidal_event events[8] = { { 0 } }, event = { 0 };
	uint16_t running[1] = { ID + 1 };
	struct tidal_host *host = calloc(1, sizeof(*host));
	struct kvm_vcpu v = { .id = ID, .state = KVM_RUNNING };
	uint8_t data[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }, at = 0;
	struct kvm_device d = *access;
	bool done = false;

	assert_non_null(host);
	host->bell_fd = -1;
	host->ring = (struct host_ring){ .events = events, .mask = 7 };
	host->running = running;
	host->nrunning = 1;
	d.data = data;
	d.write = write;
	kvm_device_begin(host, &v, &d);
	for (; !done; piece++) {
		const struct tidal_ev_stall *s = &event.u.stall;

		assert_int_equal(host_ring_take(&host->ring, &event, 1), 1);
		assert_int_equal(s->gpa, piece->gpa);
		assert_int_equal(s->io_size, piece->bytes);
		assert_int_equal(s->io_write, write);
		for (unsigned i = 0; i < piece->bytes; i++)
			assert_int_equal(s->io_data >> 8 * i & 0xff, write ? at + i + 1u : 0);
		at = (uint8_t)(at + piece->bytes);
		assert_int_equal(v.state, KVM_DEVICE);
		done = kvm_device_answer(&v, 0x4746454443424140u);
		v.state = KVM_RUNNING;
		v.hthread = 0;
		host->nrunning = 1;
		if (!done)
			kvm_device_stalled(host, &v);
	}
	assert_int_equal(at, access->left);
	assert_int_equal(piece->bytes, 0); /* all of them */
	for (unsigned i = 0; i < 8; i++)
		assert_true(data[i] == i + 1 || (!write && i < at && data[i] >= 0x40));
	free(host);
}

static void test_pieces(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(accesses) / sizeof(accesses[0]); i++) {
		check_access(&accesses[i].d, accesses[i].piece, false);
		check_access(&accesses[i].d, accesses[i].piece, true);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_comes_back), cmocka_unit_test(test_is_short),
		cmocka_unit_test(test_refusals),   cmocka_unit_test(test_damage),
		cmocka_unit_test(test_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
