/* SPDX-License-Identifier: BSD-3-Clause */
/* taps - when a node calls its host and transport, and when they return: for one fault. */
#ifndef TIDAL_BENCH_TAPS_H
#define TIDAL_BENCH_TAPS_H

#include <stdint.h>
#include <tidal/host.h>
#include <tidal/transport.h>

enum tap {
	TAP_STALL,	/* poll() has returned a fault */
	TAP_SEND, TAP_SENT, /* send() is called, has returned */
	TAP_MESSAGE,	/* poll() has returned a message */
	TAP_CHANGE, TAP_CHANGED, /* protect() or unmap() */
	TAP_DONE,	/* poll() has returned that something is done */
	TAP_BYTES,	/* frame_data() has returned */
	TAP_MAP, TAP_MAPPED,
	TAP_RUN, TAP_RAN, /* vcpu_run(): wakes */
};

#define TAPS 4000

/* In each node's notes (crew.h). CLOCK_MONOTONIC, the same for all processes. */
struct taps {
	uint32_t count; /* beyond TAPS: the rest was not noted */
	struct {
		uint64_t at;
		uint32_t what; /* enum tap */
	} tap[TAPS];
};

/* In a node's process: the node uses these operations instead. */
void taps_on(const struct tidal_host_ops **host, const struct tidal_transport_ops **wire);

#endif
