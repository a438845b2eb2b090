/* SPDX-License-Identifier: BSD-3-Clause */
/* Cases about vCPUs: made, run, stopped, saved, moved; and about time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host_machine.h"

#define WORD 0x1122334455667788u

void test_create_refusals(void **state)
{
	struct machine *m = machine_open(state);

	assert_int_equal(m->ops->vcpu_create(m->host, 0), TIDAL_EEXIST);
	assert_int_equal(m->ops->vcpu_create(m->host, TIDAL_VCPUS_MAX), TIDAL_ERANGE);
	assert_int_equal(m->ops->vcpu_create(m->host, TIDAL_VCPU_NONE), TIDAL_ERANGE);
	assert_int_equal(m->ops->vcpu_drop(m->host, 2), TIDAL_ENOENT);
	assert_int_equal(m->ops->vcpu_drop(m->host, TIDAL_VCPU_NONE), TIDAL_ENOENT);
	assert_int_equal(m->ops->vcpu_drop(m->host, 0), 0);
	assert_int_equal(m->ops->vcpu_drop(m->host, 0), TIDAL_ENOENT);
	assert_int_equal(m->ops->vcpu_create(m->host, 0), 0);
	machine_close(m);
}

/* Slots are by number of vCPUs, not by their numbers, and come back. */
void test_slots(void **state)
{
	struct machine *m = machine_open(state);
	uint32_t slots = m->caps.vcpu_slots;

	if (slots >= TIDAL_VCPUS_MAX) {
		machine_close(m);
		skip();
	}
	for (uint32_t i = 2; i < slots; i++)
		assert_int_equal(m->ops->vcpu_create(m->host, (tidal_vcpuid)(i + 1)), 0);
	assert_int_equal(m->ops->vcpu_create(m->host, 2), TIDAL_EFULL);
	assert_int_equal(m->ops->vcpu_drop(m->host, 1), 0);
	assert_int_equal(m->ops->vcpu_create(m->host, 2), 0);
	assert_int_equal(m->ops->vcpu_create(m->host, 1), TIDAL_EFULL);
	machine_close(m);
}

void test_run_refusals(void **state)
{
	struct machine *m = machine_open(state);
	struct tidal_act_vcpu act = { .vcpu = 2 };

	assert_int_equal(m->ops->vcpu_run(m->host, &act), TIDAL_ENOENT);
	act = (struct tidal_act_vcpu){ .hthread = (uint16_t)m->caps.hthreads };
	assert_int_equal(m->ops->vcpu_run(m->host, &act), TIDAL_ERANGE);
	assert_int_equal(m->ops->vcpu_kick(m->host, 2), TIDAL_ENOENT);
	assert_int_equal(m->ops->vcpu_kick(m->host, 0), 0); /* not running: nothing to say */
	machine_silence(m);
	machine_close(m);
}

void test_busy(void **state)
{
	struct machine *m = machine_open(state);
	struct tidal_act_vcpu same_thread = { .vcpu = 1, .hthread = 0 };
	struct tidal_act_vcpu same_vcpu = { .vcpu = 0, .hthread = 1 };
	void *buf = malloc(m->caps.vcpu_bytes);

	assert_non_null(buf);
	machine_program(m, 0, HOST_GUEST_SPIN, 0, 0);
	machine_run(m, 0);
	assert_int_equal(m->ops->vcpu_run(m->host, &same_thread), TIDAL_EBUSY);
	assert_int_equal(m->ops->vcpu_run(m->host, &same_vcpu), TIDAL_EBUSY);
	assert_int_equal(m->ops->vcpu_drop(m->host, 0), TIDAL_EBUSY);
	assert_int_equal(m->ops->vcpu_save(m->host, 1, 0, buf, m->caps.vcpu_bytes), TIDAL_EBUSY);
	machine_stop(m, 0);
	machine_program(m, 1, HOST_GUEST_SPIN, 0, 0);
	assert_int_equal(m->ops->vcpu_run(m->host, &same_thread), 0); /* free again */
	machine_stop(m, 1);
	assert_int_equal(m->ops->vcpu_run(m->host, &same_vcpu), 0); /* on another thread */
	machine_stop(m, 0);
	free(buf);
	machine_close(m);
}

/* Only what a vCPU waits for can be completed. */
void test_resume_refusals(void **state)
{
	struct machine *m = machine_open(state);
	struct tidal_act_vcpu act = { .resume = TIDAL_RESUME_SKIP };

	machine_program(m, 0, HOST_GUEST_LOAD, HOST_DATA, 0);
	assert_int_equal(m->ops->vcpu_run(m->host, &act), TIDAL_EINVAL);
	machine_run(m, 0);
	machine_stall(m, 0, TIDAL_READ, HOST_DATA);
	assert_int_equal(m->ops->vcpu_run(m->host, &act), TIDAL_EINVAL);
	act.resume = TIDAL_RESUME_IO;
	assert_int_equal(m->ops->vcpu_run(m->host, &act), TIDAL_EINVAL);
	machine_program(m, 0, HOST_GUEST_IN, HOST_DEVICE, 0);
	machine_run(m, 0);
	machine_stall(m, 0, TIDAL_IO, HOST_DEVICE);
	act.resume = TIDAL_RESUME_SKIP;
	assert_int_equal(m->ops->vcpu_run(m->host, &act), TIDAL_EINVAL);
	machine_close(m);
}

void test_kick(void **state)
{
	struct machine *m = machine_open(state);

	machine_program(m, 0, HOST_GUEST_SPIN, 0, 0);
	for (unsigned i = 0; i < 3; i++) {
		machine_run(m, 0);
		machine_stop(m, 0);
	}
	/* at once, and once: a second one finds it stopped or on its way */
	machine_run(m, 0);
	assert_int_equal(m->ops->vcpu_kick(m->host, 0), 0);
	assert_int_equal(m->ops->vcpu_kick(m->host, 0), 0);
	machine_wait(m, TIDAL_EV_VCPU_STOPPED);
	machine_silence(m);
	machine_close(m);
}

void test_two_at_once(void **state)
{
	struct machine *m = machine_open(state);

	for (tidal_vcpuid i = 0; i < 2; i++) {
		tidal_gpa gpa = HOST_DATA + i * TIDAL_PAGE_SIZE;

		machine_program(m, i, HOST_GUEST_COUNT, gpa, 0);
		machine_map(m, gpa, 4u + i, TIDAL_PROT_RW);
	}
	for (tidal_vcpuid i = 0; i < 2; i++)
		machine_run(m, i);
	for (unsigned round = 0; round < 3; round++)
		for (tidal_vcpuid i = 0; i < 2; i++) {
			tidal_gpa gpa = HOST_DATA + i * TIDAL_PAGE_SIZE;

			machine_change(m, 4u + i, gpa, machine_get(m, 4u + i, gpa, 0));
		}
	machine_stop(m, 0);
	machine_stop(m, 1);
	machine_close(m);
}

/* Reported when asked for, and not by a vCPU that did nothing. */
void test_retired(void **state)
{
	struct machine *m = machine_open(state);
	struct tidal_act_vcpu act = { .watch = 1 };

	if (!m->caps.tells_retire) {
		machine_close(m);
		skip();
	}
	machine_program(m, 0, HOST_GUEST_EXEC, HOST_DATA, 0);
	assert_int_equal(m->ops->vcpu_run(m->host, &act), 0);
	assert_int_equal(machine_wait(m, TIDAL_EV_RETIRED).u.retired.vcpu, 0);
	machine_stall(m, 0, TIDAL_EXEC, HOST_DATA);
	assert_int_equal(m->ops->vcpu_run(m->host, &act), 0);
	machine_stall(m, 0, TIDAL_EXEC, HOST_DATA);
	machine_close(m);
}

/* A machine whose vCPUs can be moved; else the case is skipped. */
static struct machine *open_mover(void **state)
{
	struct machine *m = machine_open(state);

	if (!m->adapter->stays)
		return m;
	assert_int_equal(m->ops->vcpu_save(m->host, 1, 0, m, m->caps.vcpu_bytes), TIDAL_ENOSYS);
	assert_int_equal(m->ops->vcpu_load(m->host, 1, 2, m, m->caps.vcpu_bytes), TIDAL_ENOSYS);
	machine_silence(m);
	machine_close(m);
	skip();
	return NULL;
}

/* Save a vCPU of one machine, load it into another one. */
static void move(struct machine *from, struct machine *to, tidal_vcpuid vcpu)
{
	struct tidal_ev_host_done done;
	uint8_t *buf = malloc(from->caps.vcpu_bytes);

	assert_non_null(buf);
	assert_int_equal(from->ops->vcpu_save(from->host, ++from->token, vcpu, buf,
					      from->caps.vcpu_bytes),
			 0);
	done = machine_done(from);
	assert_true(done.payload_len > 0);
	assert_true(done.payload_len <= from->caps.vcpu_bytes);
	assert_int_equal(to->ops->vcpu_drop(to->host, vcpu), 0);
	assert_int_equal(to->ops->vcpu_load(to->host, ++to->token, vcpu, buf, done.payload_len), 0);
	memset(buf, 0xee, from->caps.vcpu_bytes); /* the host is done with it */
	free(buf);
	machine_done(to);
}

/* A counting vCPU goes from one host to another one, its page with it. */
void test_save_and_load(void **state)
{
	struct machine *m[2] = { open_mover(state), open_mover(state) };
	uint64_t value = 0;

	for (unsigned i = 0; i < 2; i++)
		machine_program(m[i], 0, HOST_GUEST_COUNT, HOST_DATA, 0);
	for (unsigned i = 0; i < 4; i++) {
		struct machine *here = m[i % 2], *there = m[(i + 1) % 2];
		uint64_t later;

		machine_put(here, 4, 0, value);
		machine_map(here, HOST_DATA, 4, TIDAL_PROT_RW);
		machine_run(here, 0);
		machine_change(here, 4, HOST_DATA, value);
		machine_stop(here, 0);
		machine_unmap(here, HOST_DATA, 4);
		later = machine_get(here, 4, UNMAPPED, 0);
		assert_true(later > value);
		value = later;
		move(here, there, 0);
	}
	machine_close(m[0]);
	machine_close(m[1]);
}

/* Its page is on the other host: there the instruction is restarted. */
void test_moved_while_stalled(void **state)
{
	struct machine *m[2] = { open_mover(state), open_mover(state) };

	for (unsigned i = 0; i < 2; i++)
		machine_program(m[i], 0, HOST_GUEST_LOAD, HOST_DATA, 0);
	machine_put(m[1], 4, 0, WORD);
	machine_map(m[1], HOST_DATA, 4, TIDAL_PROT_RW);
	machine_run(m[0], 0);
	machine_stall(m[0], 0, TIDAL_READ, HOST_DATA);
	move(m[0], m[1], 0);
	machine_run(m[1], 0);
	machine_stop(m[1], 0);
	assert_int_equal(machine_get(m[1], RESULT_FRAME, HOST_RESULT, 0), WORD);
	machine_close(m[0]);
	machine_close(m[1]);
}

void test_save_refusals(void **state)
{
	struct machine *m = open_mover(state);
	uint8_t *buf = calloc(1, m->caps.vcpu_bytes);
	uint32_t len;

	assert_non_null(buf);
	assert_int_equal(m->ops->vcpu_save(m->host, 1, 2, buf, m->caps.vcpu_bytes), TIDAL_ENOENT);
	assert_int_equal(m->ops->vcpu_save(m->host, 1, 0, buf, 0), TIDAL_ERANGE);
	assert_int_equal(m->ops->vcpu_load(m->host, 1, 2, buf, m->caps.vcpu_bytes), TIDAL_EFORMAT);
	assert_int_equal(m->ops->vcpu_load(m->host, 1, 2, buf, 0), TIDAL_EFORMAT);
	assert_int_equal(m->ops->vcpu_save(m->host, ++m->token, 0, buf, m->caps.vcpu_bytes), 0);
	len = machine_done(m).payload_len;
	assert_int_equal(m->ops->vcpu_load(m->host, 1, 0, buf, len), TIDAL_EEXIST);
	assert_int_equal(m->ops->vcpu_load(m->host, 1, TIDAL_VCPUS_MAX, buf, len), TIDAL_ERANGE);
	assert_int_equal(m->ops->vcpu_drop(m->host, 0), 0);
	assert_int_equal(m->ops->vcpu_load(m->host, 1, 0, buf, len - 1), TIDAL_EFORMAT);
	buf[0] ^= 1;
	assert_int_equal(m->ops->vcpu_load(m->host, 1, 0, buf, len), TIDAL_EFORMAT);
	buf[0] ^= 1;
	machine_silence(m);
	assert_int_equal(m->ops->vcpu_load(m->host, ++m->token, 0, buf, len), 0);
	machine_done(m);
	free(buf);
	machine_close(m);
}

/* A moment that the guest has noted since *old*. */
static tidal_time guest_time(struct machine *m)
{
	machine_silence(m); /* let it pass through its loop */
	return m->adapter->time(machine_get(m, 4, HOST_DATA, 0));
}

void test_clock(void **state)
{
	struct machine *m = machine_open(state);
	tidal_time now = 0, seen, last = 0;

	machine_program(m, 0, HOST_GUEST_CLOCK, HOST_DATA, 0);
	machine_map(m, HOST_DATA, 4, TIDAL_PROT_RW);
	machine_run(m, 0);
	for (unsigned i = 0; i < 10; i++) {
		now += 1000000 * (i + 1);
		m->ops->clock(m->host, now);
		m->ops->clock(m->host, now / 2); /* of no effect */
		seen = guest_time(m);
		assert_true(seen >= now);
		assert_true(seen >= last);
		last = seen;
	}
	machine_stop(m, 0);
	machine_close(m);
}

/* The other host is behind: the guest must not notice, nor anyone that it talks to. */
void test_clock_of_a_moved_vcpu(void **state)
{
	struct machine *m[2] = { open_mover(state), open_mover(state) };
	const tidal_time ahead = 5000000000u;
	tidal_time seen;

	for (unsigned i = 0; i < 2; i++) {
		machine_program(m[i], 0, HOST_GUEST_CLOCK, HOST_DATA, 0);
		machine_map(m[i], HOST_DATA, 4, TIDAL_PROT_RW);
	}
	m[0]->ops->clock(m[0]->host, ahead);
	m[1]->ops->clock(m[1]->host, 1000);
	machine_run(m[0], 0);
	seen = guest_time(m[0]);
	assert_true(seen >= ahead);
	machine_stop(m[0], 0);
	move(m[0], m[1], 0);
	machine_run(m[1], 0);
	assert_true(guest_time(m[1]) >= seen);
	machine_stop(m[1], 0);
	machine_program(m[1], 1, HOST_GUEST_CLOCK, HOST_DATA, 0);
	machine_run(m[1], 1);
	assert_true(guest_time(m[1]) >= seen);
	machine_stop(m[1], 1);
	machine_close(m[0]);
	machine_close(m[1]);
}
