/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A host that is the fake one with a gate: a device of the host's own, where harts wait for their
 * next piece of code. A hart that loads from the gate is idle; gate_open() gives it a
 * program counter and arguments, and wakes it. The core knows nothing of the gate.
 *
 * And a host with one fault, to see what the tests notice:
 *
 * late		an invalidation (unmap or protect) is acknowledged, but not carried out before
 *		gate_mend(): until then harts here go on with an old copy
 * twice	a vCPU that arrives has forgotten what it did since the gate, as if an older
 *		continuation had been loaded
 */
#ifndef LITMUS_GATE_H
#define LITMUS_GATE_H

#include <tidal/fake.h>

#include "shapes.h"

#define GATE_NODES 4
#define GATE_LATE 8

enum gate_fault { FAULT_NONE, FAULT_LATE, FAULT_TWICE };

struct gate_hart {
	bool waits;   /* at the gate */
	bool given;   /* a piece that it has not begun */
	unsigned node; /* where it waits, if it does */
	uint64_t began; /* instructions that it had retired when it was last run */
	struct tidal_fake_boot piece;
	uint64_t x[32]; /* at the gate */
};

struct gate_host {
	struct gate *gate;
	struct tidal_host *fake;
	unsigned node;
	bool poked; /* has events that the driver doesn't know of */
	struct tidal_event event[2 * LITMUS_HARTS + GATE_LATE];
	unsigned events;
	tidal_frame spare;    /* GATE_LATE frames of which the core knows nothing begin here */
	struct gate_late {
		bool used, unmap; /* or protect */
		struct tidal_act_pages act;
	} late[GATE_LATE];
};

struct gate {
	struct gate_host host[GATE_NODES];
	struct gate_hart hart[LITMUS_HARTS];
	unsigned waiting;
	enum gate_fault fault; /* when `countdown` is 1 */
	unsigned countdown;
	tidal_gfn at[LITMUS_VARS]; /* pages whose invalidation may be late */
	bool confused;	 /* the fake host refused what can't be refused */
};

/* The operations; their host is a struct gate_host. */
const struct tidal_host_ops *gate_ops(void);
struct tidal_host *gate_host(struct gate *gate, unsigned node);

/* Let a hart that waits go on with this piece. */
void gate_open(struct gate *gate, unsigned hart, const struct tidal_fake_boot *piece);
/* The *nth* occasion from now on is a fault; 0: none. */
void gate_break(struct gate *gate, enum gate_fault fault, unsigned nth);
/* No more faults, and what is late happens now. */
void gate_mend(struct gate *gate);

#endif
