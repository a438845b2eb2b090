/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A guest for litmus tests. Each vCPU has a role; all go through the same instances of a shape, a batch
 * at a time, each instance with 8 bytes of its own in page x and in page y. In batch g (from 1 on) g is
 * written, so a read of g is one of the new value; nothing is ever cleared. One vCPU counts the outcomes.
 */
#ifndef TEST_KVM_LITMUS_GUEST_H
#define TEST_KVM_LITMUS_GUEST_H

#include <stdint.h>

#define LITMUS_INSTANCES 512u

/* In guest memory, one for each vCPU; rdi points to it. Addresses are the guest's. */
struct litmus_args {
	uint64_t x, y;	  /* pages */
	uint64_t mine;	  /* a byte per instance: what this vCPU read; bit 0: the first read was new */
	uint64_t sync;	  /* 8 bytes: barriers */
	uint64_t roles;	  /* vCPUs */
	uint64_t batches;
	uint64_t body;	  /* what it does: offset from guest_litmus */
	uint64_t a, b;	  /* results of the two roles that count; a = 0: this vCPU doesn't count */
	uint64_t counts;  /* 16 times 8 bytes: by a's bits + 4 * b's */
};

extern const uint8_t guest_litmus[], guest_litmus_end[];
/* Roles: wx writes x, rxry reads x and then y, ...; x_: with xchg; f_: a fence in between. */
extern const uint8_t litmus_wx[], litmus_wy[], litmus_wxry[], litmus_wyrx[], litmus_x_wxry[],
	litmus_x_wyrx[], litmus_f_wxry[], litmus_f_wyrx[], litmus_wxwy[], litmus_x_wxwy[],
	litmus_ryrx[], litmus_rxry[], litmus_rxwy[], litmus_rywx[];

#endif
