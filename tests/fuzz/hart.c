/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzz target: a vCPU that came from another node, and the interpreter. The state is loaded as
 * it is and with its first bytes put right; what loads is saved as the same bytes. Then
 * it runs whatever code the rest of the input is.
 */
#include <tidal/fake.h>

#include "backends/fake/hart.h"
#include "fuzz.h"

#define FRAMES 8u
#define RAM_PAGES 16u
#define ID 3
#define RUNS 12u
#define BUDGET 300u

static uint32_t take_events(struct tidal_host *host, uint32_t budget, struct tidal_event *last)
{
	struct tidal_event ev[8];
	int n = tidal_fake_ops()->poll(host, budget, ev, 8);

	MUST(n >= 0 && n <= 8);
	if (n)
		*last = ev[n - 1];
	return (uint32_t)n;
}

static void map(struct tidal_host *host, tidal_gfn gfn, tidal_frame frame, uint16_t prot)
{
	const struct tidal_act_pages p = { 1, gfn, 1, frame, prot, 0 };
	struct tidal_event ev;

	MUST(tidal_fake_ops()->map(host, &p) == 0);
	MUST(take_events(host, 0, &ev) == 1);
}

/* Code at page 0, data at pages 1 to 3, the page of zeroes at 4, nothing at the others. */
static struct tidal_host *machine(struct fuzz_in *in)
{
	struct tidal_fake_config config;
	struct tidal_host *host;

	tidal_fake_config_init(&config, sizeof(config));
	config.frames = FRAMES;
	config.vcpu_slots = 2;
	config.hthreads = 1;
	config.ram_bytes = RAM_PAGES * TIDAL_PAGE_SIZE;
	MUST(tidal_fake_open(&config, &host) == 0);
	fuzz_bytes(in, tidal_fake_ops()->frame_data(host, 0, TIDAL_GFN_NONE), TIDAL_PAGE_SIZE);
	map(host, 0, 0, TIDAL_PROT_RW);
	map(host, 1, 1, TIDAL_PROT_RW);
	map(host, 2, 2, TIDAL_PROT_RW);
	map(host, 3, 3, TIDAL_PROT_R);
	map(host, 4, TIDAL_FRAME_ZERO, TIDAL_PROT_R);
	return host;
}

/* A reservation and the present are not part of it, nor what was not used of the stall. */
static void check_saved(struct tidal_host *host, const uint8_t *state)
{
	uint8_t saved[FAKE_STATE_BYTES];
	struct tidal_event ev;

	MUST(tidal_fake_ops()->vcpu_save(host, 2, ID, saved, sizeof(saved)) == 0);
	MUST(take_events(host, 0, &ev) == 1 && ev.u.done.payload_len == FAKE_STATE_BYTES);
	MUST(memcmp(saved, state, FAKE_STATE_BYTES) == 0);
}

static void check_event(const struct tidal_event *ev)
{
	switch (ev->kind) {
	case TIDAL_EV_STALL:
		MUST(ev->u.stall.vcpu == ID && ev->u.stall.access <= TIDAL_IO);
		if (ev->u.stall.access != TIDAL_IO)
			MUST(ev->u.stall.gpa < RAM_PAGES * TIDAL_PAGE_SIZE);
		break;
	case TIDAL_EV_VCPU_STOPPED:
		MUST(ev->u.stopped.vcpu == ID && ev->u.stopped.reason <= TIDAL_STOP_OFF);
		break;
	default:
		MUST(ev->kind == TIDAL_EV_RETIRED && ev->u.retired.vcpu == ID);
	}
}

/* Each stall is completed as a core would, now and then wrongly. */
static void run(struct tidal_host *host, struct fuzz_in *in)
{
	struct tidal_act_vcpu act = { .vcpu = ID };
	struct tidal_event ev = { 0 };
	int err;

	for (unsigned i = 0; i < RUNS; i++) {
		act.watch = i & 1;
		err = tidal_fake_ops()->vcpu_run(host, &act);
		MUST(err == 0 || err == TIDAL_EPERM || err == TIDAL_EINVAL);
		if (err == TIDAL_EPERM)
			return;
		ev = (struct tidal_event){ 0 };
		if (!err)
			(void)take_events(host, BUDGET, &ev);
		(void)tidal_fake_ops()->vcpu_kick(host, ID); /* if it still runs */
		while (take_events(host, 0, &ev))
			;
		if (ev.kind)
			check_event(&ev);
		act.resume = fuzz_u8(in) % 3;
		if (ev.kind == TIDAL_EV_STALL && ev.u.stall.access >= TIDAL_ZERO)
			act.resume = ev.u.stall.access - TIDAL_ZERO + TIDAL_RESUME_SKIP;
		act.value = fuzz_u8(in);
	}
}

static void load(struct tidal_host *host, const uint8_t *state, size_t len, struct fuzz_in *in)
{
	int err = tidal_fake_ops()->vcpu_load(host, 3, ID, state, len);
	struct tidal_event ev;

	MUST(err == 0 || err == TIDAL_EFORMAT);
	if (err)
		return;
	MUST(take_events(host, 0, &ev) == 1 && ev.kind == TIDAL_EV_HOST_DONE);
	check_saved(host, state);
	run(host, in);
	(void)tidal_fake_ops()->vcpu_kick(host, ID);
	MUST(tidal_fake_ops()->vcpu_drop(host, ID) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const uint8_t first[16] = { 'T', 'I', 'D', 'A', 'L', 'r', 'v', '6', 1, 0, ID, 0 };
	struct fuzz_in in = { bytes, len };
	uint8_t state[FAKE_STATE_BYTES];
	size_t have = fuzz_bytes(&in, state, sizeof(state));
	struct tidal_host *host = machine(&in);

	load(host, state, have, &in);
	memcpy(state, first, 12);
	state[12] &= 15;
	load(host, state, sizeof(state), &in);
	while (tidal_fake_ops()->poll(host, 0, &(struct tidal_event){ 0 }, 1) > 0)
		;
	tidal_fake_ops()->close(host);
	return 0;
}
