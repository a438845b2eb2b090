/* SPDX-License-Identifier: BSD-3-Clause */
/* process - who this process is, so that others of the same host can see that it has ended. */
#ifndef TIDAL_TRANSPORTS_FABRIC_PROCESS_H
#define TIDAL_TRANSPORTS_FABRIC_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

struct process {
	uint64_t host;	  /* this boot of this host, as seen from this pid namespace; 0: can't tell */
	uint64_t started; /* in ticks since the boot: tells processes with the same pid apart */
	uint32_t pid;
};

void process_self(struct process *self);
/* Inode of the pid namespace; 0: can't tell. */
uint64_t process_namespace(void);
/* False: surely not. */
bool process_exists(uint32_t pid);
/* A descriptor by which the end of a process of this host is seen; -1: can't be, or is over. */
int process_watch(const struct process *process);
bool process_ended(int watch);

#endif
