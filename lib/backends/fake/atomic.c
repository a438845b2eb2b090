/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Load-reserved, store-conditional and atomic operations. All of them need the page
 * writable: only one node can have it so, which makes them atomic in the whole pod. LR
 * too, since a remote writer then has to take the page away, and that ends the reservation.
 */
#include "bytes.h"
#include "mem.h"

#define GRANULE 8u

void fake_unreserve(struct fake_mem *mem, struct fake_hart *hart)
{
	if (hart->granule == FAKE_NO_RESERVATION)
		return;
	hart->granule = FAKE_NO_RESERVATION;
	for (uint32_t i = 0; i < mem->reservations; i++)
		if (mem->reserved[i] == hart) {
			mem->reserved[i] = mem->reserved[--mem->reservations];
			return;
		}
}

void fake_unreserve_bytes(struct fake_mem *mem, const struct fake_hart *writer, uint64_t addr,
			  unsigned size)
{
	uint32_t i = 0;

	while (i < mem->reservations) {
		struct fake_hart *hart = mem->reserved[i];
		bool hit = hart->granule - addr < size || addr - hart->granule < GRANULE;

		if (hit && hart != writer)
			fake_unreserve(mem, hart); /* puts the last one here */
		else
			i++;
	}
}

static void reserve(struct fake_mem *mem, struct fake_hart *hart, uint64_t addr)
{
	if (hart->granule == FAKE_NO_RESERVATION)
		mem->reserved[mem->reservations++] = hart;
	hart->granule = addr & ~(uint64_t)(GRANULE - 1);
}

enum fake_outcome fake_load_reserved(struct fake_mem *mem, struct fake_hart *hart,
				     const struct fake_insn *insn)
{
	uint64_t addr = hart->x[insn->rs1];
	unsigned size = (unsigned)insn->imm;
	enum fake_outcome r;
	uint8_t *p;

	if (addr % size)
		return fake_hart_except(hart, FAKE_CAUSE_LOAD_MISALIGNED, addr);
	r = fake_writable(mem, hart, addr, size, &p);
	if (r == FAKE_TRAP)
		return fake_hart_except(hart, FAKE_CAUSE_LOAD, addr);
	if (r != FAKE_OK)
		return r;
	reserve(mem, hart, addr);
	hart->x[insn->rd] = fake_sign(fake_get(p, size), size);
	return FAKE_OK;
}

/*
 * A reservation implies that its page is mapped writable, so the failing SC needs no
 * access, and the other one can't stall.
 */
enum fake_outcome fake_store_conditional(struct fake_mem *mem, struct fake_hart *hart,
					 const struct fake_insn *insn)
{
	uint64_t addr = hart->x[insn->rs1], value = hart->x[insn->rs2];
	unsigned size = (unsigned)insn->imm;
	bool done = hart->granule == (addr & ~(uint64_t)(GRANULE - 1));

	if (addr % size)
		return fake_hart_except(hart, FAKE_CAUSE_STORE_MISALIGNED, addr);
	if (done) {
		enum fake_outcome r = fake_store(mem, hart, addr, size, value);

		if (r != FAKE_OK)
			return r;
	}
	fake_unreserve(mem, hart);
	hart->x[insn->rd] = !done;
	return FAKE_OK;
}

enum amo {
	AMO_ADD = 0x00,
	AMO_SWAP = 0x01,
	AMO_XOR = 0x04,
	AMO_OR = 0x08,
	AMO_AND = 0x0c,
	AMO_MIN = 0x10,
	AMO_MAX = 0x14,
	AMO_MINU = 0x18,
	AMO_MAXU = 0x1c,
};

/* Both operands are sign-extended, which keeps the order of unsigned words as well. */
static uint64_t combine(enum amo op, uint64_t old, uint64_t value)
{
	switch (op) {
	case AMO_ADD:
		return old + value;
	case AMO_SWAP:
		return value;
	case AMO_XOR:
		return old ^ value;
	case AMO_OR:
		return old | value;
	case AMO_AND:
		return old & value;
	case AMO_MIN:
		return (int64_t)old < (int64_t)value ? old : value;
	case AMO_MAX:
		return (int64_t)old > (int64_t)value ? old : value;
	case AMO_MINU:
		return old < value ? old : value;
	case AMO_MAXU:
	default:
		return old > value ? old : value;
	}
}

enum fake_outcome fake_amo(struct fake_mem *mem, struct fake_hart *hart,
			   const struct fake_insn *insn)
{
	uint64_t addr = hart->x[insn->rs1], old;
	unsigned size = (unsigned)insn->imm & 15;
	enum fake_outcome r;
	uint8_t *p;

	if (addr % size)
		return fake_hart_except(hart, FAKE_CAUSE_STORE_MISALIGNED, addr);
	r = fake_writable(mem, hart, addr, size, &p);
	if (r != FAKE_OK)
		return r;
	fake_unreserve_bytes(mem, hart, addr, size);
	old = fake_sign(fake_get(p, size), size);
	fake_put(p, size,
		 combine((enum amo)(insn->imm >> 4), old, fake_sign(hart->x[insn->rs2], size)));
	hart->x[insn->rd] = old;
	return FAKE_OK;
}
