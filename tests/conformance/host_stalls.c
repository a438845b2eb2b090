/* SPDX-License-Identifier: BSD-3-Clause */
/* Cases in which a guest touches memory: stalls, restarts, devices, faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "host_machine.h"

#define PAGE TIDAL_PAGE_SIZE
#define WORD 0x1122334455667788u
#define WORD32 0x55667788u

/* What the guest reported by storing it. */
static uint64_t result(struct machine *m)
{
	return machine_get(m, RESULT_FRAME, HOST_RESULT, 0);
}

void test_load(void **state)
{
	struct machine *m = machine_open(state);

	machine_program(m, 0, HOST_GUEST_LOAD, HOST_DATA + 16, 0);
	machine_run(m, 0);
	machine_stall(m, 0, TIDAL_READ, HOST_DATA + 16);
	machine_silence(m); /* it isn't running any more */
	machine_run(m, 0);
	machine_stall(m, 0, TIDAL_READ, HOST_DATA + 16); /* nothing has changed */
	machine_put(m, 4, 16, WORD);
	machine_map(m, HOST_DATA, 4, TIDAL_PROT_R);
	machine_run(m, 0);
	machine_stop(m, 0);
	assert_int_equal(result(m), WORD);
	machine_close(m);
}

void test_store(void **state)
{
	struct machine *m = machine_open(state);

	machine_program(m, 0, HOST_GUEST_STORE, HOST_DATA + 8, WORD);
	machine_run(m, 0);
	machine_stall(m, 0, TIDAL_WRITE, HOST_DATA + 8);
	machine_put(m, 4, 0, 1);
	machine_put(m, 4, 16, 3);
	machine_map(m, HOST_DATA, 4, TIDAL_PROT_RW);
	machine_run(m, 0);
	machine_stop(m, 0);
	assert_int_equal(machine_get(m, 4, HOST_DATA, 8), WORD);
	assert_int_equal(machine_unmap(m, HOST_DATA, 4), 0);
	assert_int_equal(machine_get(m, 4, UNMAPPED, 0), 1);
	assert_int_equal(machine_get(m, 4, UNMAPPED, 8), WORD);
	assert_int_equal(machine_get(m, 4, UNMAPPED, 16), 3);
	machine_close(m);
}

void test_store_read_only(void **state)
{
	struct machine *m = machine_open(state);

	machine_program(m, 0, HOST_GUEST_STORE, HOST_DATA, WORD);
	machine_map(m, HOST_DATA, 4, TIDAL_PROT_R);
	for (unsigned i = 0; i < 2; i++) {
		machine_run(m, 0);
		machine_stall(m, 0, TIDAL_WRITE, HOST_DATA);
		assert_int_equal(machine_get(m, 4, HOST_DATA, 0), 0);
	}
	machine_map(m, HOST_DATA, 4, TIDAL_PROT_RW);
	machine_protect(m, HOST_DATA, 4); /* and back */
	machine_run(m, 0);
	machine_stall(m, 0, TIDAL_WRITE, HOST_DATA);
	machine_map(m, HOST_DATA, 4, TIDAL_PROT_RW);
	machine_run(m, 0);
	machine_stop(m, 0);
	assert_int_equal(machine_get(m, 4, HOST_DATA, 0), WORD);
	machine_close(m);
}

/* It jumps to a page that holds another program. */
void test_execute(void **state)
{
	struct machine *m = machine_open(state);
	struct host_program store = { HOST_GUEST_STORE, HOST_RESULT, WORD };

	machine_program(m, 0, HOST_GUEST_EXEC, HOST_DATA, 0);
	machine_run(m, 0);
	machine_stall(m, 0, TIDAL_EXEC, HOST_DATA);
	m->adapter->code(m->ops->frame_data(m->host, 4, TIDAL_GFN_NONE), HOST_DATA, &store);
	machine_map(m, HOST_DATA, 4, TIDAL_PROT_R);
	machine_run(m, 0);
	machine_stop(m, 0);
	assert_int_equal(result(m), WORD);
	machine_close(m);
}

/* Skipped: the instruction counts as done, the page wasn't touched. */
void test_zero_stall_skipped(void **state)
{
	struct machine *m = machine_open(state);

	machine_program(m, 0, HOST_GUEST_ZERO, HOST_DATA, 0);
	machine_put(m, 4, 0, WORD);
	for (unsigned mapped = 0; mapped < 2; mapped++) {
		assert_int_equal(m->adapter->boot(m->host, 0, HOST_CODE), 0);
		if (mapped)
			machine_map(m, HOST_DATA, 4, TIDAL_PROT_R);
		machine_run(m, 0);
		machine_stall(m, 0, TIDAL_ZERO, HOST_DATA);
		machine_resume(m, 0, TIDAL_RESUME_SKIP, 0);
		machine_stop(m, 0);
	}
	assert_int_equal(machine_get(m, 4, HOST_DATA, 0), WORD);
	machine_close(m);
}

void test_zero_stall_retried(void **state)
{
	struct machine *m = machine_open(state);

	machine_program(m, 0, HOST_GUEST_ZERO, HOST_DATA, 0);
	machine_put(m, 4, 0, WORD);
	machine_put(m, 4, PAGE - 8, WORD);
	machine_run(m, 0);
	machine_stall(m, 0, TIDAL_ZERO, HOST_DATA);
	machine_map(m, HOST_DATA, 4, TIDAL_PROT_RW);
	machine_run(m, 0);
	machine_stop(m, 0);
	assert_int_equal(machine_unmap(m, HOST_DATA, 4), 1);
	machine_close(m);
}

void test_page_of_zeroes(void **state)
{
	struct machine *m = machine_open(state);

	machine_program(m, 0, HOST_GUEST_LOAD, HOST_DATA + 8, 0);
	machine_program(m, 1, HOST_GUEST_STORE, HOST_DATA, WORD);
	machine_map(m, HOST_DATA, TIDAL_FRAME_ZERO, TIDAL_PROT_R);
	machine_put(m, 4, 8, 4);
	machine_run(m, 0);
	machine_stop(m, 0);
	assert_int_equal(result(m), 0);
	machine_run(m, 1);
	machine_stall(m, 1, TIDAL_WRITE, HOST_DATA);
	machine_map(m, HOST_DATA, 4, TIDAL_PROT_RW); /* takes its place */
	machine_run(m, 1);
	machine_stop(m, 1);
	assert_int_equal(m->adapter->boot(m->host, 0, HOST_CODE), 0);
	machine_run(m, 0);
	machine_stop(m, 0);
	assert_int_equal(result(m), 4);
	assert_int_equal(machine_get(m, 4, HOST_DATA, 0), WORD);
	machine_map(m, HOST_DATA + PAGE, TIDAL_FRAME_ZERO, TIDAL_PROT_R);
	assert_int_equal(machine_unmap(m, HOST_DATA + PAGE, TIDAL_FRAME_ZERO), 1);
	machine_close(m);
}

void test_device_write(void **state)
{
	struct machine *m = machine_open(state);
	struct tidal_ev_stall stall;

	machine_program(m, 0, HOST_GUEST_OUT, HOST_DEVICE + 8, WORD);
	machine_run(m, 0);
	stall = machine_stall(m, 0, TIDAL_IO, HOST_DEVICE + 8);
	assert_int_equal(stall.io_write, 1);
	assert_int_equal(stall.io_size, 4);
	assert_int_equal(stall.io_data, WORD32);
	machine_resume(m, 0, TIDAL_RESUME_IO, 0);
	machine_stop(m, 0); /* once, then it went on */
	machine_close(m);
}

void test_device_read(void **state)
{
	struct machine *m = machine_open(state);
	struct tidal_ev_stall stall;

	machine_program(m, 0, HOST_GUEST_IN, HOST_DEVICE + 4, 0);
	machine_run(m, 0);
	stall = machine_stall(m, 0, TIDAL_IO, HOST_DEVICE + 4);
	assert_int_equal(stall.io_write, 0);
	assert_int_equal(stall.io_size, 4);
	machine_resume(m, 0, TIDAL_RESUME_IO, WORD);
	machine_stop(m, 0);
	assert_int_equal(result(m), WORD32);
	machine_close(m);
}

/* Another frame in the place of one that the guest has just used. */
void test_replaced_page(void **state)
{
	struct machine *m = machine_open(state);

	machine_program(m, 0, HOST_GUEST_LOAD, HOST_DATA, 0);
	machine_put(m, 4, 0, 44);
	machine_put(m, 5, 0, 55);
	for (tidal_frame frame = 4; frame < 6; frame++) {
		machine_map(m, HOST_DATA, frame, TIDAL_PROT_RW);
		assert_int_equal(m->adapter->boot(m->host, 0, HOST_CODE), 0);
		machine_run(m, 0);
		machine_stop(m, 0);
		assert_int_equal(result(m), 11 * frame);
	}
	machine_close(m);
}

/*
 * Wait for an action to be done, and for the stall that it causes: in any order. Without its page
 * a program that counts stalls at its load or at its store.
 */
static void done_and_stall(struct machine *m, uint64_t *value, bool unmapped)
{
	unsigned done = 0, stalled = 0;

	for (unsigned i = 0; i < 100000 && (!done || !stalled); i++) {
		struct tidal_event event;

		if (m->ops->poll(m->host, 1000, &event, 1) == 0) {
			if (m->adapter->pause)
				m->adapter->pause();
			continue;
		}
		if (event.kind == TIDAL_EV_HOST_DONE) {
			done++;
			assert_int_equal(event.u.done.token, m->token);
			*value = machine_get(m, 4, unmapped ? UNMAPPED : HOST_DATA, 0);
		} else {
			stalled++;
			assert_int_equal(event.kind, TIDAL_EV_STALL);
			if (event.u.stall.access != TIDAL_READ || !unmapped)
				assert_int_equal(event.u.stall.access, TIDAL_WRITE);
			assert_int_equal(event.u.stall.gpa, HOST_DATA);
		}
	}
	assert_int_equal(done, 1);
	assert_int_equal(stalled, 1);
}

/* Done means: no CPU can write by the old translation. */
void test_protect_while_running(void **state)
{
	struct machine *m = machine_open(state);
	struct tidal_act_pages act = { .token = ++m->token, .gfn = gfn_of(HOST_DATA), .mask = 1,
				       .frame = 4 };
	uint64_t value, later;

	machine_program(m, 0, HOST_GUEST_COUNT, HOST_DATA, 0);
	machine_map(m, HOST_DATA, 4, TIDAL_PROT_RW);
	machine_run(m, 0);
	value = machine_change(m, 4, HOST_DATA, 0);
	act.token = ++m->token;
	assert_int_equal(m->ops->protect(m->host, &act), 0);
	done_and_stall(m, &value, false);
	assert_int_equal(machine_get(m, 4, HOST_DATA, 0), value);
	machine_map(m, HOST_DATA, 4, TIDAL_PROT_RW); /* it goes on where it was */
	machine_run(m, 0);
	later = machine_change(m, 4, HOST_DATA, value);
	assert_true(later > value);
	machine_close(m);
}

void test_unmap_while_running(void **state)
{
	struct machine *m = machine_open(state);
	struct tidal_act_pages act = { .gfn = gfn_of(HOST_DATA), .mask = 1, .frame = 4 };
	uint64_t value, later;

	machine_program(m, 0, HOST_GUEST_COUNT, HOST_DATA, 0);
	machine_map(m, HOST_DATA, 4, TIDAL_PROT_RW);
	machine_run(m, 0);
	value = machine_change(m, 4, HOST_DATA, 0);
	act.token = ++m->token;
	assert_int_equal(m->ops->unmap(m->host, &act), 0);
	done_and_stall(m, &value, true);
	later = machine_get(m, 4, UNMAPPED, 0);
	assert_int_equal(later, value);
	/* the bytes go to another frame, as if they came from another node */
	machine_put(m, 5, 0, later);
	machine_map(m, HOST_DATA, 5, TIDAL_PROT_RW);
	machine_run(m, 0);
	assert_true(machine_change(m, 5, HOST_DATA, later) > later);
	assert_int_equal(machine_get(m, 4, UNMAPPED, 0), value);
	machine_close(m);
}

static void expect_off(struct machine *m, tidal_vcpuid vcpu)
{
	struct tidal_act_vcpu act = { .vcpu = vcpu };
	struct tidal_event event = machine_wait(m, TIDAL_EV_VCPU_STOPPED);

	assert_int_equal(event.u.stopped.vcpu, vcpu);
	assert_int_equal(event.u.stopped.reason, TIDAL_STOP_OFF);
	assert_int_equal(m->ops->vcpu_run(m->host, &act), TIDAL_EPERM);
}

void test_rom(void **state)
{
	struct machine *m = machine_open(state);

	machine_program(m, 0, HOST_GUEST_LOAD, HOST_ROM, 0);
	machine_program(m, 1, HOST_GUEST_STORE, HOST_ROM, WORD);
	machine_run(m, 0);
	machine_stall(m, 0, TIDAL_READ, HOST_ROM); /* comes by map(), as RAM does */
	machine_put(m, 4, 0, 44);
	machine_map(m, HOST_ROM, 4, TIDAL_PROT_RW);
	machine_run(m, 0);
	machine_stop(m, 0);
	assert_int_equal(result(m), 44);
	machine_run(m, 1);
	expect_off(m, 1);
	assert_int_equal(machine_get(m, 4, HOST_ROM, 0), 44);
	machine_close(m);
}

void test_hole(void **state)
{
	struct machine *m = machine_open(state);

	machine_program(m, 0, HOST_GUEST_LOAD, HOST_HOLE, 0);
	machine_program(m, 1, HOST_GUEST_STORE, HOST_HOLE, WORD);
	for (tidal_vcpuid i = 0; i < 2; i++) {
		machine_run(m, i);
		expect_off(m, i);
	}
	machine_close(m);
}

/* Outside of all regions it is like a hole. */
void test_nowhere(void **state)
{
	struct machine *m = machine_open(state);

	machine_program(m, 0, HOST_GUEST_LOAD, HOST_RAM_BYTES, 0);
	machine_program(m, 1, HOST_GUEST_EXEC, HOST_RAM_BYTES, 0);
	for (tidal_vcpuid i = 0; i < 2; i++) {
		machine_run(m, i);
		expect_off(m, i);
	}
	machine_close(m);
}
