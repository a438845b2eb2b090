/* SPDX-License-Identifier: BSD-3-Clause */
/* bench - the benchmarks, one file each. They report figures, and fail() if they can't. */
#ifndef TIDAL_BENCH_BENCH_H
#define TIDAL_BENCH_BENCH_H

void bench_stall(void);
void bench_events(void);
void bench_start(void);
void bench_pages(void);
void bench_messages(void);
void bench_forwards(void);
void bench_guests(void);
void bench_real(void);
void bench_dense(void);
void bench_fault(void);
void bench_fault_steps(void);
void bench_fault_rate(void);
void bench_sharers(void);
void bench_kvm_state(void);
void bench_kvm_faults(void);

#endif
