/* SPDX-License-Identifier: BSD-3-Clause */
/* fault - the parts of bench_fault() that have files of their own. */
#ifndef TIDAL_BENCH_FAULT_H
#define TIDAL_BENCH_FAULT_H

/* Where the time of one fault goes. */
void fault_stamps(const char *provider);

#endif
