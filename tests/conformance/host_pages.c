/* SPDX-License-Identifier: BSD-3-Clause */
/* Cases about regions, mappings and frames; no guest runs. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "host_machine.h"

#define PAGE TIDAL_PAGE_SIZE

void test_query(void **state)
{
	struct machine *m = machine_open(state);
	struct tidal_host_caps caps;

	assert_true(m->ops->size >= sizeof(struct tidal_host_ops));
	assert_non_null(m->ops->name);
	assert_true(m->caps.frames >= 64);
	assert_true(m->caps.vcpu_slots >= 2);
	assert_true(m->caps.hthreads >= 2);
	assert_true(m->caps.vcpu_bytes > 0);
	/* an older caller knows less */
	memset(&caps, 0xee, sizeof(caps));
	caps.size = offsetof(struct tidal_host_caps, hthreads);
	assert_int_equal(m->ops->query(m->host, &caps), 0);
	assert_int_equal(caps.frames, m->caps.frames);
	assert_int_equal(caps.hthreads, 0xeeeeeeee);
	assert_true(m->ops->wait_fd(m->host) >= -1);
	machine_close(m);
}

void test_regions(void **state)
{
	static const struct {
		tidal_gpa base;
		uint64_t bytes;
		uint32_t kind;
		int result;
	} rows[] = {
		{ 0, HOST_RAM_BYTES, TIDAL_REGION_RAM, TIDAL_EEXIST },
		{ PAGE, PAGE, TIDAL_REGION_DEVICE, TIDAL_EEXIST }, /* inside */
		{ HOST_RAM_BYTES - PAGE, 2 * PAGE, TIDAL_REGION_RAM, TIDAL_EEXIST },
		{ HOST_ROM - PAGE, 2 * PAGE, TIDAL_REGION_HOLE, TIDAL_EEXIST },
		{ HOST_ROM - PAGE, 8 * PAGE, TIDAL_REGION_RAM, TIDAL_EEXIST }, /* around */
		{ HOST_RAM_BYTES + 1, PAGE, TIDAL_REGION_RAM, TIDAL_EINVAL },
		{ HOST_RAM_BYTES, PAGE - 1, TIDAL_REGION_RAM, TIDAL_EINVAL },
		{ HOST_RAM_BYTES, 0, TIDAL_REGION_RAM, TIDAL_EINVAL },
		{ HOST_RAM_BYTES, PAGE, 4, TIDAL_EINVAL },
		{ UINT64_MAX - PAGE + 1, 2 * PAGE, TIDAL_REGION_RAM, TIDAL_EINVAL }, /* wraps */
		{ HOST_RAM_BYTES, PAGE, TIDAL_REGION_RAM, 0 }, /* right behind another */
		{ HOST_RAM_BYTES, PAGE, TIDAL_REGION_RAM, TIDAL_EEXIST },
	};
	struct machine *m = machine_open(state);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tidal_region region = { rows[i].base, rows[i].bytes, rows[i].kind };

		assert_int_equal(m->ops->region_add(m->host, &region), rows[i].result);
	}
	machine_map(m, HOST_RAM_BYTES, 3, TIDAL_PROT_RW);
	assert_int_equal(m->ops->region_del(m->host, HOST_RAM_BYTES), TIDAL_EBUSY);
	machine_unmap(m, HOST_RAM_BYTES, 3);
	assert_int_equal(m->ops->region_del(m->host, HOST_RAM_BYTES - PAGE), TIDAL_ENOENT);
	assert_int_equal(m->ops->region_del(m->host, HOST_RAM_BYTES), 0);
	assert_int_equal(m->ops->region_del(m->host, HOST_RAM_BYTES), TIDAL_ENOENT);
	assert_int_equal(machine_try_map(m, HOST_RAM_BYTES, 3, TIDAL_PROT_R), TIDAL_ERANGE);
	machine_map(m, 0, 3, TIDAL_PROT_R); /* the others are still there */
	machine_close(m);
}

void test_map_refusals(void **state)
{
	struct machine *m = machine_open(state);
	struct tidal_act_pages none = { .gfn = 1, .prot = TIDAL_PROT_R };

	assert_int_equal(machine_try_map(m, HOST_RAM_BYTES, 0, TIDAL_PROT_R), TIDAL_ERANGE);
	assert_int_equal(machine_try_map(m, HOST_HOLE, 0, TIDAL_PROT_R), TIDAL_ERANGE);
	assert_int_equal(machine_try_map(m, HOST_DEVICE, 0, TIDAL_PROT_R), TIDAL_ERANGE);
	assert_int_equal(machine_try_map(m, UINT64_MAX, 0, TIDAL_PROT_R), TIDAL_ERANGE);
	assert_int_equal(machine_try_map(m, 0, m->caps.frames, TIDAL_PROT_R), TIDAL_ERANGE);
	assert_int_equal(machine_try_map(m, 0, TIDAL_FRAME_NONE, TIDAL_PROT_R), TIDAL_ERANGE);
	assert_int_equal(machine_try_map(m, 0, 0, 0), TIDAL_EINVAL);
	assert_int_equal(machine_try_map(m, 0, 0, 2), TIDAL_EINVAL);
	assert_int_equal(machine_try_map(m, 0, 0, 7), TIDAL_EINVAL);
	assert_int_equal(machine_try_map(m, 0, TIDAL_FRAME_ZERO, TIDAL_PROT_RW), TIDAL_EINVAL);
	assert_int_equal(m->ops->map(m->host, &none), TIDAL_EINVAL);
	machine_silence(m); /* what is refused is not completed */
	assert_int_equal(machine_try(m, m->ops->unmap, 0, 0), TIDAL_ENOENT);
	machine_close(m);
}

void test_change_refusals(void **state)
{
	struct machine *m = machine_open(state);
	int (*const changes[])(struct tidal_host *, const struct tidal_act_pages *) = {
		m->ops->unmap, m->ops->protect
	};

	machine_map(m, 0, 5, TIDAL_PROT_RW);
	machine_map(m, PAGE, 6, TIDAL_PROT_RW);
	for (unsigned i = 0; i < 2; i++) {
		struct tidal_act_pages act = { .mask = 3, .frame = 5, .test = 1 };

		assert_int_equal(changes[i](m->host, &act), TIDAL_EINVAL); /* tests one page only */
		act = (struct tidal_act_pages){ .mask = 0, .frame = 5 };
		assert_int_equal(changes[i](m->host, &act), TIDAL_EINVAL);
		act = (struct tidal_act_pages){ .mask = 7, .frame = 5 };
		assert_int_equal(changes[i](m->host, &act), TIDAL_ENOENT); /* the third */
		assert_int_equal(machine_try(m, changes[i], 0, 6), TIDAL_EINVAL);
		assert_int_equal(machine_try(m, changes[i], 2 * PAGE, 7), TIDAL_ENOENT);
		assert_int_equal(machine_try(m, changes[i], HOST_DEVICE, 7), TIDAL_ENOENT);
	}
	machine_silence(m);
	assert_non_null(m->ops->frame_data(m->host, 5, 0)); /* still mapped */
	machine_close(m);
}

void test_one_frame_one_page(void **state)
{
	struct machine *m = machine_open(state);

	machine_map(m, 0, 9, TIDAL_PROT_R);
	assert_int_equal(machine_try_map(m, PAGE, 9, TIDAL_PROT_R), TIDAL_EBUSY);
	machine_map(m, 0, 9, TIDAL_PROT_RW); /* the same page: an upgrade */
	machine_map(m, 0, 10, TIDAL_PROT_RW); /* replaced, so 9 is free */
	machine_map(m, PAGE, 9, TIDAL_PROT_R);
	machine_unmap(m, PAGE, 9);
	machine_map(m, 2 * PAGE, 9, TIDAL_PROT_R);
	machine_map(m, 3 * PAGE, TIDAL_FRAME_ZERO, TIDAL_PROT_R); /* this one backs many */
	machine_map(m, 4 * PAGE, TIDAL_FRAME_ZERO, TIDAL_PROT_R);
	machine_close(m);
}

void test_all_or_nothing(void **state)
{
	struct machine *m = machine_open(state);
	struct tidal_act_pages act = { .token = 1, .mask = 0x15, .frame = 20,
				       .prot = TIDAL_PROT_R };

	machine_map(m, 8 * PAGE, 22, TIDAL_PROT_R);
	assert_int_equal(m->ops->map(m->host, &act), TIDAL_EBUSY); /* the third frame */
	assert_int_equal(machine_try(m, m->ops->unmap, 0, 20), TIDAL_ENOENT);
	assert_int_equal(machine_try(m, m->ops->unmap, 2 * PAGE, 21), TIDAL_ENOENT);
	act.gfn = gfn_of(HOST_RAM_BYTES) - 4; /* the third page is outside */
	act.frame = 30;
	assert_int_equal(m->ops->map(m->host, &act), TIDAL_ERANGE);
	assert_int_equal(machine_try(m, m->ops->unmap, HOST_RAM_BYTES - 4 * PAGE, 30),
			 TIDAL_ENOENT);
	machine_close(m);
}

/* The bytes of a frame are the same before, while and after it is guest memory. */
void test_bytes_stay(void **state)
{
	struct machine *m = machine_open(state);

	for (size_t at = 0; at < PAGE; at += 8)
		machine_put(m, 4, at, 0x0101010101010101u * (at / 8 % 251 + 1));
	for (unsigned step = 0; step < 5; step++) {
		tidal_gpa gpa = UNMAPPED;

		if (step == 1 || step == 2)
			gpa = HOST_DATA;
		if (step == 1)
			machine_map(m, HOST_DATA, 4, TIDAL_PROT_RW);
		if (step == 2)
			machine_protect(m, HOST_DATA, 4);
		if (step == 3)
			machine_unmap(m, HOST_DATA, 4);
		for (size_t at = 0; at < PAGE; at += 8)
			assert_int_equal(machine_get(m, 4, gpa, at),
					 0x0101010101010101u * (at / 8 % 251 + 1));
	}
	machine_close(m);
}

void test_frame_data_refusals(void **state)
{
	struct machine *m = machine_open(state);

	machine_map(m, 0, 4, TIDAL_PROT_RW);
	assert_null(m->ops->frame_data(m->host, m->caps.frames, TIDAL_GFN_NONE));
	assert_null(m->ops->frame_data(m->host, TIDAL_FRAME_NONE, TIDAL_GFN_NONE));
	assert_null(m->ops->frame_data(m->host, 4, TIDAL_GFN_NONE));
	assert_null(m->ops->frame_data(m->host, 4, 1));
	assert_null(m->ops->frame_data(m->host, 5, 0));
	assert_non_null(m->ops->frame_data(m->host, 4, 0));
	assert_non_null(m->ops->frame_data(m->host, 5, TIDAL_GFN_NONE));
	machine_close(m);
}

/* Frames go to the pages of the mask in order. */
void test_batches(void **state)
{
	static const uint64_t masks[] = { 1, 0xb, (uint64_t)1 << 63, 0x8000000000000001u,
					  0x00ff00000000ff00u };
	struct machine *m = machine_open(state);

	for (tidal_frame f = 0; f < 32; f++)
		machine_put(m, f, 0, 1000 + f);
	for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
		struct tidal_act_pages act = { .token = ++m->token, .gfn = 64, .mask = masks[i],
					       .frame = 8, .prot = TIDAL_PROT_RW };
		tidal_frame f = 8;

		assert_int_equal(m->ops->map(m->host, &act), 0);
		machine_done(m);
		for (unsigned bit = 0; bit < 64; bit++)
			if (masks[i] >> bit & 1) {
				assert_int_equal(machine_get(m, f, (64 + bit) * (tidal_gpa)PAGE, 0),
						 1000 + f);
				f++;
			}
		act.token = ++m->token;
		assert_int_equal(m->ops->protect(m->host, &act), 0);
		machine_done(m);
		act.token = ++m->token;
		assert_int_equal(m->ops->unmap(m->host, &act), 0);
		machine_done(m);
		while (f-- > 8)
			assert_int_equal(machine_get(m, f, UNMAPPED, 0), 1000 + f);
	}
	machine_close(m);
}

void test_zero_test(void **state)
{
	static const size_t places[] = { 0, 8, 2048, PAGE - 8 };
	struct machine *m = machine_open(state);

	assert_int_equal(m->ops->zero(m->host, ++m->token, 4), 0);
	machine_done(m);
	machine_map(m, HOST_DATA, 4, TIDAL_PROT_RW);
	assert_int_equal(machine_protect(m, HOST_DATA, 4), 1);
	assert_int_equal(machine_unmap(m, HOST_DATA, 4), 1);
	for (unsigned i = 0; i < 4; i++) {
		/* the first byte of the page, its last one, and some between */
		machine_put(m, 4, places[i], i == 3 ? (uint64_t)1 << 56 : 1);
		machine_map(m, HOST_DATA, 4, TIDAL_PROT_RW);
		assert_int_equal(machine_protect(m, HOST_DATA, 4), 0);
		assert_int_equal(machine_unmap(m, HOST_DATA, 4), 0);
		machine_put(m, 4, places[i], 0);
	}
	machine_map(m, HOST_DATA, TIDAL_FRAME_ZERO, TIDAL_PROT_R);
	assert_int_equal(machine_unmap(m, HOST_DATA, TIDAL_FRAME_ZERO), 1);
	machine_close(m);
}

void test_zero(void **state)
{
	struct machine *m = machine_open(state);

	for (size_t at = 0; at < PAGE; at += 8)
		machine_put(m, 4, at, UINT64_MAX);
	machine_put(m, 5, 0, 55);
	assert_int_equal(m->ops->zero(m->host, 1, m->caps.frames), TIDAL_ERANGE);
	machine_map(m, HOST_DATA, 4, TIDAL_PROT_RW);
	assert_int_equal(m->ops->zero(m->host, 1, 4), TIDAL_EBUSY);
	machine_unmap(m, HOST_DATA, 4);
	assert_int_equal(m->ops->zero(m->host, ++m->token, 4), 0);
	machine_done(m);
	for (size_t at = 0; at < PAGE; at += 8)
		assert_int_equal(machine_get(m, 4, UNMAPPED, at), 0);
	assert_int_equal(machine_get(m, 5, UNMAPPED, 0), 55);
	assert_int_equal(m->ops->zero(m->host, ++m->token, 5), 0); /* was never guest memory */
	machine_done(m);
	assert_int_equal(machine_get(m, 5, UNMAPPED, 0), 0);
	machine_close(m);
}

/* ---- zeroing several, by whoever likes: optional ---- */

static void need_scrub(struct machine *m)
{
	if (m->ops->size > offsetof(struct tidal_host_ops, scrub) && m->ops->scrub)
		return;
	print_message("SKIP: scrub: this host doesn't have it\n");
	machine_close(m);
	skip();
}

static void fill(struct machine *m, tidal_frame frame)
{
	for (size_t at = 0; at < PAGE; at += 8)
		machine_put(m, frame, at, UINT64_MAX);
}

static bool is_zero(struct machine *m, tidal_frame frame)
{
	uint64_t any = 0;

	for (size_t at = 0; at < PAGE; at += 8)
		any |= machine_get(m, frame, UNMAPPED, at);
	return any == 0;
}

/* Frames 2 to 9 but for 5, which nobody named; 8 and 9 were never used. */
void test_scrub(void **state)
{
	struct machine *m = machine_open(state);
	const uint64_t mask = 0xf7;

	need_scrub(m);
	for (tidal_frame f = 2; f < 8; f++)
		fill(m, f);
	assert_int_equal(m->ops->scrub(m->host, 2, 0), TIDAL_EINVAL);
	assert_int_equal(m->ops->scrub(m->host, m->caps.frames, 1), TIDAL_ERANGE);
	assert_int_equal(m->ops->scrub(m->host, m->caps.frames - 1, 2), TIDAL_ERANGE);
	machine_map(m, HOST_DATA, 4, TIDAL_PROT_RW);
	assert_int_equal(m->ops->scrub(m->host, 2, mask), TIDAL_EBUSY);
	machine_unmap(m, HOST_DATA, 4);
	assert_false(is_zero(m, 4));
	assert_int_equal(m->ops->scrub(m->host, 2, mask), 0);
	for (tidal_frame f = 2; f < 10; f++)
		assert_int_equal(is_zero(m, f), f != 5);
	machine_silence(m);
	/* and they are as good as any other: used, and zeroed again */
	machine_map(m, HOST_DATA, 3, TIDAL_PROT_RW);
	assert_int_equal(machine_unmap(m, HOST_DATA, 3), 1);
	fill(m, 3);
	assert_int_equal(m->ops->scrub(m->host, 3, 1), 0);
	assert_true(is_zero(m, 3));
	machine_close(m);
}

struct scrubber {
	struct machine *m;
	pthread_t thread;
	tidal_frame first;
	unsigned failures;
};

static void *scrub_main(void *arg)
{
	struct scrubber *s = arg;

	for (unsigned i = 0; i < 200; i++)
		s->failures += s->m->ops->scrub(s->m->host, s->first, 0x5d) != 0;
	return NULL;
}

/* Two other threads zero frames again and again while pages of frames next to those come and go. */
void test_scrub_by_others(void **state)
{
	struct machine *m = machine_open(state);
	struct scrubber s[2] = { { .m = m, .first = 16 }, { .m = m, .first = 32 } };

	need_scrub(m);
	for (unsigned i = 0; i < 2; i++) {
		fill(m, s[i].first);
		fill(m, s[i].first + 1);
		assert_int_equal(pthread_create(&s[i].thread, NULL, scrub_main, &s[i]), 0);
	}
	for (unsigned i = 0; i < 200; i++) {
		tidal_frame frame = i % 2 ? 17 : 33; /* bit 1, which is not in the mask */

		machine_map(m, HOST_DATA, frame, TIDAL_PROT_RW);
		machine_unmap(m, HOST_DATA, frame);
		assert_int_equal(machine_get(m, frame, UNMAPPED, 8), UINT64_MAX);
	}
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(pthread_join(s[i].thread, NULL), 0);
		assert_int_equal(s[i].failures, 0);
		assert_true(is_zero(m, s[i].first));
	}
	machine_close(m);
}

void test_pins(void **state)
{
	struct machine *m = machine_open(state);
	tidal_gfn gfn = gfn_of(HOST_DATA);

	assert_int_equal(m->ops->pin(m->host, gfn), TIDAL_ENOENT);
	assert_int_equal(m->ops->unpin(m->host, gfn), TIDAL_ENOENT);
	machine_map(m, HOST_DATA, 4, TIDAL_PROT_R);
	assert_int_equal(m->ops->unpin(m->host, gfn), TIDAL_ENOENT);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(m->ops->pin(m->host, gfn), 0);
	machine_map(m, HOST_DATA, 4, TIDAL_PROT_RW); /* more rights are fine */
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(machine_try(m, m->ops->unmap, HOST_DATA, 4), TIDAL_EBUSY);
		assert_int_equal(machine_try(m, m->ops->protect, HOST_DATA, 4), TIDAL_EBUSY);
		assert_int_equal(machine_try_map(m, HOST_DATA, 5, TIDAL_PROT_RW), TIDAL_EBUSY);
		assert_int_equal(machine_try_map(m, HOST_DATA, 4, TIDAL_PROT_R), TIDAL_EBUSY);
		assert_int_equal(m->ops->unpin(m->host, gfn), 0);
	}
	assert_int_equal(m->ops->unpin(m->host, gfn), TIDAL_ENOENT);
	machine_protect(m, HOST_DATA, 4);
	machine_unmap(m, HOST_DATA, 4);
	machine_close(m);
}

void test_few_events_at_a_time(void **state)
{
	struct machine *m = machine_open(state);
	struct tidal_event event;

	for (uint64_t i = 1; i <= 8; i++)
		assert_int_equal(m->ops->zero(m->host, i, (tidal_frame)i), 0);
	assert_int_equal(m->ops->poll(m->host, 0, &event, 0), 0); /* takes none */
	for (m->token = 1; m->token <= 8; m->token++)
		machine_done(m);
	machine_silence(m);
	machine_close(m);
}
