/* SPDX-License-Identifier: BSD-3-Clause */
/* A machine without a driver. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host_machine.h"

#define BUDGET 1000u
#define PATIENCE 100000 /* polls until an event counts as missing */
#define SILENCE 50	/* polls that show that none comes */

struct machine *machine_open(void **state)
{
	static const struct tidal_region regions[] = {
		{ 0, HOST_RAM_BYTES, TIDAL_REGION_RAM },
		{ HOST_ROM, 2 * TIDAL_PAGE_SIZE, TIDAL_REGION_ROM },
		{ HOST_HOLE, TIDAL_PAGE_SIZE, TIDAL_REGION_HOLE },
		{ HOST_DEVICE, TIDAL_PAGE_SIZE, TIDAL_REGION_DEVICE },
	};
	struct machine *m = calloc(1, sizeof(*m));
	const char *why;

	assert_non_null(m);
	m->adapter = *state;
	m->ops = m->adapter->ops();
	assert_int_equal(m->adapter->open(&m->host, &why), 0);
	m->caps.size = sizeof(m->caps);
	assert_int_equal(m->ops->query(m->host, &m->caps), 0);
	for (size_t i = 0; i < sizeof(regions) / sizeof(regions[0]); i++)
		assert_int_equal(m->ops->region_add(m->host, &regions[i]), 0);
	for (tidal_vcpuid i = 0; i < 2; i++)
		assert_int_equal(m->ops->vcpu_create(m->host, i), 0);
	return m;
}

void machine_close(struct machine *m)
{
	m->ops->close(m->host);
	free(m);
}

static int poll_once(struct machine *m, struct tidal_event *event)
{
	int n = m->ops->poll(m->host, BUDGET, event, 1);

	assert_true(n == 0 || n == 1);
	if (n == 0 && m->adapter->pause)
		m->adapter->pause();
	return n;
}

struct tidal_event machine_wait(struct machine *m, unsigned kind)
{
	struct tidal_event event = { 0 };

	for (int i = 0; i < PATIENCE; i++)
		if (poll_once(m, &event))
			break;
	assert_int_equal(event.kind, kind);
	return event;
}

struct tidal_ev_host_done machine_done(struct machine *m)
{
	struct tidal_event event = machine_wait(m, TIDAL_EV_HOST_DONE);

	assert_int_equal(event.u.done.token, m->token);
	assert_int_equal(event.u.done.status, 0);
	return event.u.done;
}

void machine_silence(struct machine *m)
{
	struct tidal_event event;

	for (int i = 0; i < SILENCE; i++)
		assert_int_equal(poll_once(m, &event), 0);
}

int machine_try_map(struct machine *m, tidal_gpa gpa, tidal_frame frame, unsigned prot)
{
	struct tidal_act_pages act = { .token = ++m->token, .gfn = gfn_of(gpa), .mask = 1,
				       .frame = frame, .prot = (uint16_t)prot };
	int r = m->ops->map(m->host, &act);

	if (r == 0)
		machine_done(m);
	return r;
}

void machine_map(struct machine *m, tidal_gpa gpa, tidal_frame frame, unsigned prot)
{
	assert_int_equal(machine_try_map(m, gpa, frame, prot), 0);
}

int machine_try(struct machine *m,
		int (*change)(struct tidal_host *, const struct tidal_act_pages *), tidal_gpa gpa,
		tidal_frame frame)
{
	struct tidal_act_pages act = { .token = ++m->token, .gfn = gfn_of(gpa), .mask = 1,
				       .frame = frame };
	int r = change(m->host, &act);

	if (r == 0)
		machine_done(m);
	return r;
}

/* While a vCPU runs, its events may come before the one that is waited for; not here. */
static int tested(struct machine *m,
		  int (*change)(struct tidal_host *, const struct tidal_act_pages *),
		  tidal_gpa gpa, tidal_frame frame)
{
	struct tidal_act_pages act = { .token = ++m->token, .gfn = gfn_of(gpa), .mask = 1,
				       .frame = frame, .test = 1 };

	assert_int_equal(change(m->host, &act), 0);
	return (int)machine_done(m).zero;
}

int machine_unmap(struct machine *m, tidal_gpa gpa, tidal_frame frame)
{
	return tested(m, m->ops->unmap, gpa, frame);
}

int machine_protect(struct machine *m, tidal_gpa gpa, tidal_frame frame)
{
	return tested(m, m->ops->protect, gpa, frame);
}

static uint8_t *data(struct machine *m, tidal_frame frame, tidal_gpa gpa)
{
	tidal_gfn gfn = gpa == UNMAPPED ? TIDAL_GFN_NONE : gfn_of(gpa);
	uint8_t *bytes = m->ops->frame_data(m->host, frame, gfn);

	assert_non_null(bytes);
	return bytes;
}

uint64_t machine_get(struct machine *m, tidal_frame frame, tidal_gpa gpa, size_t at)
{
	uint64_t v;

	memcpy(&v, data(m, frame, gpa) + at, sizeof(v));
	return v;
}

void machine_put(struct machine *m, tidal_frame frame, size_t at, uint64_t value)
{
	memcpy(data(m, frame, UNMAPPED) + at, &value, sizeof(value));
}

static tidal_gpa code_of(tidal_vcpuid vcpu)
{
	return HOST_CODE + vcpu * TIDAL_PAGE_SIZE;
}

void machine_program(struct machine *m, tidal_vcpuid vcpu, enum host_guest what, tidal_gpa addr,
		     uint64_t value)
{
	struct host_program program = { what, addr, value };
	tidal_frame frame = CODE_FRAME + vcpu;
	uint8_t code[TIDAL_PAGE_SIZE];

	memset(code, 0, sizeof(code));
	if (!m->adapter->code(code, code_of(vcpu), &program)) {
		machine_close(m);
		skip();
	}
	machine_try(m, m->ops->unmap, code_of(vcpu), frame); /* of an earlier program */
	memcpy(data(m, frame, UNMAPPED), code, sizeof(code));
	machine_map(m, code_of(vcpu), frame, TIDAL_PROT_R);
	machine_map(m, HOST_RESULT, RESULT_FRAME, TIDAL_PROT_RW);
	assert_int_equal(m->adapter->boot(m->host, vcpu, code_of(vcpu)), 0);
}

void machine_resume(struct machine *m, tidal_vcpuid vcpu, unsigned resume, uint64_t value)
{
	struct tidal_act_vcpu act = { .vcpu = vcpu, .hthread = vcpu, .resume = (uint16_t)resume,
				      .value = value };

	assert_int_equal(m->ops->vcpu_run(m->host, &act), 0);
}

void machine_run(struct machine *m, tidal_vcpuid vcpu)
{
	machine_resume(m, vcpu, TIDAL_RESUME_RETRY, 0);
}

struct tidal_ev_stall machine_stall(struct machine *m, tidal_vcpuid vcpu, unsigned access,
				    tidal_gpa gpa)
{
	struct tidal_event event = machine_wait(m, TIDAL_EV_STALL);
	tidal_gpa at = event.u.stall.gpa;

	if (m->adapter->coarse && access != TIDAL_IO) {
		at = at / TIDAL_PAGE_SIZE == gpa / TIDAL_PAGE_SIZE ? gpa : at;
		access = access == TIDAL_EXEC ? TIDAL_READ : access;
	}
	assert_int_equal(event.u.stall.vcpu, vcpu);
	assert_int_equal(event.u.stall.access, access);
	assert_int_equal(at, gpa);
	return event.u.stall;
}

void machine_stop(struct machine *m, tidal_vcpuid vcpu)
{
	struct tidal_event event;

	machine_silence(m);
	assert_int_equal(m->ops->vcpu_kick(m->host, vcpu), 0);
	event = machine_wait(m, TIDAL_EV_VCPU_STOPPED);
	assert_int_equal(event.u.stopped.vcpu, vcpu);
	assert_int_equal(event.u.stopped.reason, TIDAL_STOP_SLICE);
}

uint64_t machine_change(struct machine *m, tidal_frame frame, tidal_gpa gpa, uint64_t old)
{
	struct tidal_event event;
	uint64_t now = old;

	for (int i = 0; i < PATIENCE && now == old; i++) {
		assert_int_equal(poll_once(m, &event), 0);
		now = machine_get(m, frame, gpa, gpa % TIDAL_PAGE_SIZE);
	}
	assert_int_not_equal(now, old);
	return now;
}
