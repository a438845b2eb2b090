/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Caches of decoded instructions, one per page of code, a bounded number of them. A
 * page's cache lives at most as long as its mapping, and every write to the page
 * goes through fake_code_written(): nothing stale is ever run.
 */
#ifndef FAKE_CODE_H
#define FAKE_CODE_H

#include <stdbool.h>
#include <stdint.h>
#include <tidal/base.h>

#include "insn.h"

#define FAKE_CODE_INSNS (TIDAL_PAGE_SIZE / 4)
#define FAKE_CODE_PAGES 256 /* 2 MiB of caches */

struct fake_code {
	struct fake_insn insn[FAKE_CODE_INSNS + 1]; /* decoded when first run; the last: PAGE_END */
	const uint8_t *bytes;			    /* of the page */
	tidal_gfn gfn;				    /* whose it is */
};

struct fake_codes {
	struct fake_code *slots;
	uint32_t count;
	uint32_t hand;	/* the next one to be taken when none is free */
	uint32_t nfree;
	uint16_t free[FAKE_CODE_PAGES];
};

bool fake_codes_init(struct fake_codes *codes, uint32_t count);
void fake_codes_fini(struct fake_codes *codes);

/* NULL: a slot is free. Else the slot to drop first. */
struct fake_code *fake_codes_victim(struct fake_codes *codes);
/* Begin the cache of a page; there is a free slot. Returns its number. */
uint32_t fake_codes_take(struct fake_codes *codes, tidal_gfn gfn, const uint8_t *bytes);
void fake_codes_drop(struct fake_codes *codes, uint32_t slot);
/* Bytes [at, at + size) of the page changed. */
void fake_code_written(struct fake_code *code, uint32_t at, uint32_t size);

#endif
