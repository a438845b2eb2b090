/* SPDX-License-Identifier: BSD-3-Clause */
/* Guest memory under test, in both ways, and threads that touch it. Include after cmocka. */
#ifndef TEST_MEMORY_CASE_H
#define TEST_MEMORY_CASE_H

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "backends/memory/state.h"

#define FRAMES 256
#define RAM_PAGES 1024
#define PATIENCE_MS 20000

/* What a test's state points to. */
struct way {
	const char *name;
	bool never_move;
};

static inline struct memory *memory_case(void **state)
{
	const struct way *way = *state;
	const struct memory_config config = {
		.frames = FRAMES, .zeroes = 64, .never_move = way->never_move,
	};
	const struct tidal_region ram = { 0, RAM_PAGES * PAGE, TIDAL_REGION_RAM };
	struct memory *m;
	const char *why;

	assert_int_equal(memory_open(&m, &config, &why), 0);
	assert_int_equal(memory_region_add(m, &ram), 0);
	return m;
}

/* 0: both ways can be tested. Else an exit status, and it is said why. */
static inline int memory_skip(const struct way *way)
{
	const struct memory_config config = {
		.frames = 1, .zeroes = 64, .never_move = way->never_move,
	};
	const char *why = "";
	struct memory *m;
	int r = memory_open(&m, &config, &why);

	if (r == 0) {
		bool moves = memory_moves(m);

		memory_close(m);
		if (moves != way->never_move)
			return 0;
		why = "this kernel's userfaultfd can't move pages: it takes Linux 6.8";
	}
	printf("SKIP: %s: %s\n", way->name, why);
	return r == 0 || r == TIDAL_EPERM || r == TIDAL_ENOSYS ? 77 : 1;
}

/* All tests, for each way that this machine has. */
#define MEMORY_MAIN(tests)                                                                  \
	int main(void)                                                                      \
	{                                                                                   \
		static struct way ways[] = { { "moving", false }, { "copying", true } };    \
		int status[2];                                                              \
                                                                                            \
		for (unsigned w = 0; w < 2; w++) {                                          \
			for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)       \
				tests[i].initial_state = &ways[w];                          \
			status[w] = memory_skip(&ways[w]);                                  \
			if (status[w] == 0)                                                 \
				status[w] = cmocka_run_group_tests_name(ways[w].name, tests, NULL, \
									NULL);      \
		}                                                                           \
		if (status[0] == 77)                                                        \
			return status[1];                                                   \
		return status[1] == 77 ? status[0] : status[0] + status[1];                 \
	}

static inline uint8_t *guest_page(const struct memory *m, tidal_gfn gfn)
{
	uint64_t bytes;

	return memory_at(m, gfn * PAGE, &bytes);
}

static inline int try_map(struct memory *m, tidal_gfn gfn, uint64_t mask, tidal_frame frame,
			  unsigned prot)
{
	const struct tidal_act_pages act = { .gfn = gfn, .mask = mask, .frame = frame,
					     .prot = (uint16_t)prot };

	return memory_map(m, &act);
}

static inline void map(struct memory *m, tidal_gfn gfn, tidal_frame frame, unsigned prot)
{
	assert_int_equal(try_map(m, gfn, 1, frame, prot), 0);
}

static inline int try_unmap(struct memory *m, tidal_gfn gfn, uint64_t mask)
{
	const struct tidal_act_pages act = { .gfn = gfn, .mask = mask, .frame = TIDAL_FRAME_NONE };
	uint32_t zero;

	return memory_unmap(m, &act, &zero);
}

static inline void unmap(struct memory *m, tidal_gfn gfn)
{
	assert_int_equal(try_unmap(m, gfn, 1), 0);
}

static inline int try_protect(struct memory *m, tidal_gfn gfn, uint64_t mask)
{
	const struct tidal_act_pages act = { .gfn = gfn, .mask = mask, .frame = TIDAL_FRAME_NONE };
	uint32_t zero;

	return memory_protect(m, &act, &zero);
}

/* A fault that comes within *ms*. */
static inline bool fault_within(struct memory *m, struct memory_fault *fault, int ms)
{
	for (int i = 0; i <= ms; i++) {
		struct pollfd fd = { memory_fd(m), POLLIN, 0 };

		if (memory_fault(m, fault))
			return true;
		(void)poll(&fd, 1, 1);
	}
	return false;
}

static inline struct memory_fault next_fault(struct memory *m)
{
	struct memory_fault fault = { 0 };

	assert_true(fault_within(m, &fault, PATIENCE_MS));
	return fault;
}

/* One touch by a thread. */
struct touch {
	pthread_t thread;
	volatile uint64_t *at;
	bool write;
	uint64_t value; /* to write, or what was read */
	atomic_bool done;
};

static inline void *touch_main(void *arg)
{
	struct touch *t = arg;

	if (t->write)
		*t->at = t->value;
	else
		t->value = *t->at;
	atomic_store(&t->done, true);
	return NULL;
}

static inline void touch_begin(struct touch *t, struct memory *m, tidal_gfn gfn, size_t at,
			       bool write, uint64_t value)
{
	t->at = (volatile uint64_t *)(void *)(guest_page(m, gfn) + at);
	t->write = write;
	t->value = value;
	atomic_init(&t->done, false);
	assert_int_equal(pthread_create(&t->thread, NULL, touch_main, t), 0);
}

static inline uint64_t touch_end(struct touch *t)
{
	assert_int_equal(pthread_join(t->thread, NULL), 0);
	return t->value;
}

#endif
