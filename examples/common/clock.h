/* SPDX-License-Identifier: BSD-3-Clause */
/* clock.h - real time, for pods of processes; and whether somebody wants an end. */
#ifndef MINI_POD_CLOCK_H
#define MINI_POD_CLOCK_H

#include <poll.h>
#include <stdint.h>

/* Nanoseconds since some time in the past. */
uint64_t clock_ns(void);

/* Wait until one of these can be read, for at most so many nanoseconds. */
void clock_wait(struct pollfd *fds, unsigned n, uint64_t ns);

/* From now on SIGINT, SIGTERM and SIGHUP are only remembered. */
void interrupt_catch(void);
/* The signal that came, or 0. */
int interrupt_came(void);

#endif
