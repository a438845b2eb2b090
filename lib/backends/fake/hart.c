/* SPDX-License-Identifier: BSD-3-Clause */
/* A hart: reset, stalls and traps. */
#include <string.h>

#include "bytes.h"
#include "hart.h"

#define MSTATUS_MIE (1u << 3)
#define MSTATUS_MPIE (1u << 7)

void fake_hart_reset(struct fake_hart *hart, tidal_vcpuid id)
{
	memset(hart, 0, sizeof(*hart));
	hart->id = id;
	hart->granule = FAKE_NO_RESERVATION;
	hart->hthread = FAKE_NOT_RUNNING;
}

enum fake_outcome fake_hart_stall(struct fake_hart *hart, enum tidal_access access, tidal_gpa gpa)
{
	hart->stall = (struct fake_stall){ .valid = true, .access = (uint8_t)access, .gpa = gpa };
	return FAKE_STALL;
}

enum fake_outcome fake_hart_except(struct fake_hart *hart, enum fake_cause cause, uint64_t tval)
{
	hart->cause = cause;
	hart->tval = tval;
	return FAKE_TRAP;
}

bool fake_hart_trap(struct fake_hart *hart)
{
	struct fake_csrs *csr = &hart->csr;

	if (csr->mtvec == 0) {
		hart->off = true;
		return false;
	}
	csr->mepc = hart->pc;
	csr->mcause = hart->cause;
	csr->mtval = hart->tval;
	csr->mstatus = csr->mstatus & MSTATUS_MIE ? MSTATUS_MPIE : 0;
	hart->pc = csr->mtvec;
	return true;
}

void fake_hart_mret(struct fake_hart *hart)
{
	struct fake_csrs *csr = &hart->csr;

	csr->mstatus = MSTATUS_MPIE | (csr->mstatus & MSTATUS_MPIE ? MSTATUS_MIE : 0);
	hart->pc = csr->mepc;
}

const char *fake_cause_text(uint32_t cause)
{
	static const char *const text[FAKE_CAUSES] = {
		[FAKE_CAUSE_FETCH_MISALIGNED] = "jump to a misaligned address",
		[FAKE_CAUSE_FETCH] = "instruction fetch outside of memory",
		[FAKE_CAUSE_ILLEGAL] = "illegal instruction",
		[FAKE_CAUSE_BREAKPOINT] = "breakpoint",
		[FAKE_CAUSE_LOAD_MISALIGNED] = "misaligned load-reserved",
		[FAKE_CAUSE_LOAD] = "load outside of memory",
		[FAKE_CAUSE_STORE_MISALIGNED] = "misaligned atomic instruction",
		[FAKE_CAUSE_STORE] = "store outside of writable memory",
		[FAKE_CAUSE_ECALL] = "environment call",
	};

	return cause < FAKE_CAUSES && text[cause] ? text[cause] : "unknown fault";
}

void fake_hart_complete(struct fake_hart *hart, uint64_t value)
{
	const struct fake_stall *stall = &hart->stall;

	if (stall->access == TIDAL_IO && !stall->write) {
		if (stall->size < 8)
			value &= ((uint64_t)1 << 8 * stall->size) - 1;
		hart->x[stall->rd] = stall->sign ? fake_sign(value, stall->size) : value;
	}
	hart->stall = (struct fake_stall){ 0 };
	hart->pc += 4;
	hart->retired++;
}
