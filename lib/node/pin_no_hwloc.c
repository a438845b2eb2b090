/* SPDX-License-Identifier: BSD-3-Clause */
/* Threads on processors: not without hwloc. */
#include "threads.h"

int pin_thread(pthread_t thread, uint32_t os_index)
{
	(void)thread;
	(void)os_index;
	return TIDAL_ENOSYS;
}
