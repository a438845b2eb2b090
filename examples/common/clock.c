/* SPDX-License-Identifier: BSD-3-Clause */
/* clock.c - real time and signals. */
#define _GNU_SOURCE /* ppoll() */
#include "clock.h"

#include <signal.h>
#include <string.h>
#include <time.h>

static volatile sig_atomic_t came;

uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

void clock_wait(struct pollfd *fds, unsigned n, uint64_t ns)
{
	const struct timespec time = { .tv_sec = (time_t)(ns / 1000000000),
				       .tv_nsec = (long)(ns % 1000000000) };

	(void)ppoll(fds, n, &time, NULL);
}

static void remember(int number)
{
	came = number;
}

void interrupt_catch(void)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = remember; /* without SA_RESTART: whoever sleeps wakes up */
	for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		(void)sigaction(numbers[i], &action, NULL);
}

int interrupt_came(void)
{
	return came;
}
