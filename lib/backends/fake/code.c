/* SPDX-License-Identifier: BSD-3-Clause */
/* Caches of decoded instructions: which pages have one. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "code.h"

bool fake_codes_init(struct fake_codes *codes, uint32_t count)
{
	codes->count = count < FAKE_CODE_PAGES ? count : FAKE_CODE_PAGES;
	codes->slots = calloc(codes->count, sizeof(*codes->slots));
	codes->hand = 0;
	codes->nfree = codes->count;
	for (uint32_t i = 0; i < codes->count; i++)
		codes->free[i] = (uint16_t)(codes->count - 1 - i);
	return codes->slots != NULL;
}

void fake_codes_fini(struct fake_codes *codes)
{
	free(codes->slots);
	codes->slots = NULL;
}

struct fake_code *fake_codes_victim(struct fake_codes *codes)
{
	if (codes->nfree)
		return NULL;
	codes->hand = (codes->hand + 1) % codes->count;
	return &codes->slots[codes->hand];
}

uint32_t fake_codes_take(struct fake_codes *codes, tidal_gfn gfn, const uint8_t *bytes)
{
	uint32_t slot;

	assert(codes->nfree > 0);
	slot = codes->free[--codes->nfree];
	memset(codes->slots[slot].insn, 0, sizeof(codes->slots[slot].insn));
	codes->slots[slot].insn[FAKE_CODE_INSNS].op = FAKE_PAGE_END;
	codes->slots[slot].bytes = bytes;
	codes->slots[slot].gfn = gfn;
	return slot;
}

void fake_codes_drop(struct fake_codes *codes, uint32_t slot)
{
	codes->free[codes->nfree++] = (uint16_t)slot;
}

void fake_code_written(struct fake_code *code, uint32_t at, uint32_t size)
{
	for (uint32_t i = at / 4; i <= (at + size - 1) / 4; i++)
		code->insn[i].op = FAKE_UNDECODED;
}
