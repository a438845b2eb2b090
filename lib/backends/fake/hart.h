/* SPDX-License-Identifier: BSD-3-Clause */
/* A hart: registers of one vCPU, its traps, and what it waits for. */
#ifndef FAKE_HART_H
#define FAKE_HART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tidal/base.h>

#include "insn.h"

/* Exceptions, by their numbers in mcause. */
enum fake_cause {
	FAKE_CAUSE_FETCH_MISALIGNED = 0,
	FAKE_CAUSE_FETCH = 1,
	FAKE_CAUSE_ILLEGAL = 2,
	FAKE_CAUSE_BREAKPOINT = 3,
	FAKE_CAUSE_LOAD_MISALIGNED = 4,
	FAKE_CAUSE_LOAD = 5,
	FAKE_CAUSE_STORE_MISALIGNED = 6,
	FAKE_CAUSE_STORE = 7,
	FAKE_CAUSE_ECALL = 11,
	FAKE_CAUSES = 12,
};

/* How an attempt to touch memory ended. Details are in the hart: stall, or trap. */
enum fake_outcome { FAKE_OK = 0, FAKE_STALL = 1, FAKE_TRAP = 2 };

/* What the instruction at pc waits for. */
struct fake_stall {
	bool valid;
	uint8_t access; /* enum tidal_access */
	uint8_t size;	/* TIDAL_IO: bytes, and whether it is a write */
	uint8_t write;
	uint8_t rd;	/* TIDAL_IO, load: where the value goes, and how it is extended */
	uint8_t sign;
	tidal_gpa gpa;
	uint64_t data; /* TIDAL_IO, write */
};

struct fake_csrs {
	uint64_t mstatus, mtvec, mepc, mcause, mtval, mscratch, mie;
	uint64_t cycle_offset, instret_offset; /* what the guest wrote, minus what was retired */
};

#define FAKE_NO_RESERVATION 1u /* no address of a granule */
#define FAKE_NOT_RUNNING (-1)

struct fake_hart {
	uint64_t x[FAKE_X_COUNT];
	uint64_t pc;
	uint64_t retired;
	struct fake_csrs csr;
	tidal_vcpuid id;
	bool off;
	struct fake_stall stall;

	uint64_t granule; /* reserved by LR: 8 bytes, aligned; or FAKE_NO_RESERVATION */
	uint32_t cause;	  /* of the trap that is being taken, and its value */
	uint64_t tval;
	tidal_time now; /* what rdtime reads */

	int32_t hthread; /* or FAKE_NOT_RUNNING */
	bool watch;	 /* RETIRED is still to be reported for this run */
	uint64_t started; /* `retired` when this run began */
};

void fake_hart_reset(struct fake_hart *hart, tidal_vcpuid id);

/* Remember why an instruction can't be done. */
enum fake_outcome fake_hart_stall(struct fake_hart *hart, enum tidal_access access, tidal_gpa gpa);
enum fake_outcome fake_hart_except(struct fake_hart *hart, enum fake_cause cause, uint64_t tval);

/* Enter the guest's trap handler. false: it has none, and the hart is off. */
bool fake_hart_trap(struct fake_hart *hart);
void fake_hart_mret(struct fake_hart *hart);
const char *fake_cause_text(uint32_t cause);

/* A CSR instruction. false: it is illegal. */
bool fake_csr(struct fake_hart *hart, const struct fake_insn *insn);

/* The instruction that stalled on a device or on zeroing is done. */
void fake_hart_complete(struct fake_hart *hart, uint64_t value);

/* A saved hart: versioned, little-endian, of fixed size. */
#define FAKE_STATE_BYTES 376
void fake_state_save(const struct fake_hart *hart, tidal_time now, uint8_t *buf);
/* EFORMAT: not the state of vCPU *id*. *now* is when it was saved. */
int fake_state_load(struct fake_hart *hart, tidal_vcpuid id, tidal_time *now, const uint8_t *buf,
		    size_t len);

#endif
