/* SPDX-License-Identifier: BSD-3-Clause */
/* A machine without a driver, for the cases of the suite. Include after cmocka. */
#ifndef TESTS_CONFORMANCE_HOST_MACHINE_H
#define TESTS_CONFORMANCE_HOST_MACHINE_H

#include <stdbool.h>

#include "host.h"

struct machine {
	const struct host_adapter *adapter;
	const struct tidal_host_ops *ops;
	struct tidal_host *host;
	struct tidal_host_caps caps;
	uint64_t token;
};

/* RAM, ROM, hole and device; vCPUs 0 and 1; nothing is mapped. Case functions get the adapter. */
struct machine *machine_open(void **state);
void machine_close(struct machine *m);

#define gfn_of(gpa) ((tidal_gfn)(gpa) / TIDAL_PAGE_SIZE)

/* Actions on one page; they must be accepted and done. The last two return done.zero. */
void machine_map(struct machine *m, tidal_gpa gpa, tidal_frame frame, unsigned prot);
int machine_unmap(struct machine *m, tidal_gpa gpa, tidal_frame frame);
int machine_protect(struct machine *m, tidal_gpa gpa, tidal_frame frame);
/* What comes of an action that has no effect that matters: an error, or 0 and it is done. */
int machine_try_map(struct machine *m, tidal_gpa gpa, tidal_frame frame, unsigned prot);
int machine_try(struct machine *m,
		int (*change)(struct tidal_host *, const struct tidal_act_pages *), tidal_gpa gpa,
		tidal_frame frame);

/* Bytes of a frame that is mapped at gpa, or isn't mapped (TIDAL_GFN_NONE). */
uint64_t machine_get(struct machine *m, tidal_frame frame, tidal_gpa gpa, size_t at);
#define UNMAPPED UINT64_MAX
void machine_put(struct machine *m, tidal_frame frame, size_t at, uint64_t value);

/* The next event, which must be of that kind. */
struct tidal_event machine_wait(struct machine *m, unsigned kind);
struct tidal_ev_host_done machine_done(struct machine *m);
/* Nothing comes. */
void machine_silence(struct machine *m);

/*
 * Make a vCPU ready to run a program, with its code in frame 48 + vcpu, and the page at
 * HOST_RESULT in frame 50. Skips the case when the backend has no such program.
 */
#define CODE_FRAME 48u
#define RESULT_FRAME 50u
void machine_program(struct machine *m, tidal_vcpuid vcpu, enum host_guest what, tidal_gpa addr,
		     uint64_t value);
void machine_run(struct machine *m, tidal_vcpuid vcpu);
void machine_resume(struct machine *m, tidal_vcpuid vcpu, unsigned resume, uint64_t value);
/* It must stall so; it isn't running afterwards. */
struct tidal_ev_stall machine_stall(struct machine *m, tidal_vcpuid vcpu, unsigned access,
				    tidal_gpa gpa);
/* Stop a vCPU that spins, when it has had time to do its work. */
void machine_stop(struct machine *m, tidal_vcpuid vcpu);
/* Let the vCPUs run until the 8 bytes are not *old* any more; the new value. */
uint64_t machine_change(struct machine *m, tidal_frame frame, tidal_gpa gpa, uint64_t old);

/* The cases, by file. */
void test_query(void **state);
void test_regions(void **state);
void test_map_refusals(void **state);
void test_change_refusals(void **state);
void test_one_frame_one_page(void **state);
void test_all_or_nothing(void **state);
void test_bytes_stay(void **state);
void test_frame_data_refusals(void **state);
void test_batches(void **state);
void test_zero_test(void **state);
void test_zero(void **state);
void test_scrub(void **state);
void test_scrub_by_others(void **state);
void test_pins(void **state);
void test_few_events_at_a_time(void **state);

void test_load(void **state);
void test_store(void **state);
void test_store_read_only(void **state);
void test_execute(void **state);
void test_zero_stall_skipped(void **state);
void test_zero_stall_retried(void **state);
void test_page_of_zeroes(void **state);
void test_device_write(void **state);
void test_device_read(void **state);
void test_replaced_page(void **state);
void test_protect_while_running(void **state);
void test_unmap_while_running(void **state);
void test_rom(void **state);
void test_hole(void **state);
void test_nowhere(void **state);

void test_create_refusals(void **state);
void test_slots(void **state);
void test_run_refusals(void **state);
void test_busy(void **state);
void test_resume_refusals(void **state);
void test_kick(void **state);
void test_two_at_once(void **state);
void test_retired(void **state);
void test_save_and_load(void **state);
void test_moved_while_stalled(void **state);
void test_save_refusals(void **state);
void test_clock(void **state);
void test_clock_of_a_moved_vcpu(void **state);

#endif
