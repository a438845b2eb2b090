/* SPDX-License-Identifier: BSD-3-Clause */
/* progress.h - a line at the bottom of a terminal, while the pod runs. */
#ifndef MINI_POD_PROGRESS_H
#define MINI_POD_PROGRESS_H

struct pod;

/* Show where memory and vCPUs are, a few times per second. Does nothing without a terminal. */
void progress_show(const struct pod *pod);
/* Make room for other output. */
void progress_clear(void);

#endif
