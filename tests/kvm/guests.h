/* SPDX-License-Identifier: BSD-3-Clause */
/* Guest programs: position-independent, 64-bit, in user mode. */
#ifndef TEST_KVM_GUESTS_H
#define TEST_KVM_GUESTS_H

#include <stdint.h>

/*
 * Every vCPU counts: rdi: which it is; rsi: rounds; rdx: 16 pages; rcx: a counter for all; r8: where
 * its results go (64 bytes each). In a round it adds a pseudo-random x COUNT_INNER times to its own
 * 8 bytes (at 64 * vCPU) in the page that x chooses, adds (1, 2, 3, 4) to ymm1 and 1 to xmm2 as
 * often, and 1 to the common counter, with lock. Results: ymm1 (doubles), xmm2 (two 64-bit numbers),
 * what 8 bytes of its stack pointer's would hold: x87's top. Then it tells that it is done.
 */
extern const uint8_t guest_count[], guest_count_end[];
#define COUNT_INNER 200

/*
 * Devices: rdi: which vCPU it is; rsi: rounds; rdx: where its tickets go (4 bytes each). In a round it
 * reads a ticket, and the one with number 3 writes the text, by one string instruction. Then it tells
 * that it is done.
 */
extern const uint8_t guest_devices[], guest_devices_end[];
#define DEVICE_TEXT "the text of vCPU 3, "
#define DEVICE_TEXT_LEN 20u

/* The same sequence here. */
static inline uint64_t count_next(uint64_t x)
{
	return x * UINT64_C(6364136223846793005) + 1;
}

#endif
