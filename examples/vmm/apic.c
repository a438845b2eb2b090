/* SPDX-License-Identifier: BSD-3-Clause */
/* apic.c - see apic.h. */
#include "apic.h"

#include <string.h>

#define REG_ID 0x20
#define REG_VERSION 0x30
#define REG_TPR 0x80
#define REG_PPR 0xa0
#define REG_EOI 0xb0
#define REG_SPURIOUS 0xf0
#define REG_ISR 0x100
#define REG_IRR 0x200
#define REG_ICR_LOW 0x300
#define REG_ICR_HIGH 0x310
#define REG_LVT_TIMER 0x320
#define REG_INITIAL 0x380
#define REG_CURRENT 0x390
#define REG_DIVIDE 0x3e0

#define VERSION 0x00050014u /* integrated, with 6 LVT entries */
#define ENABLED 0x100u
#define MASKED 0x10000u
#define PERIODIC 0x20000u
#define MODE_MASK 0x700u /* of delivery: 0 is fixed */
#define LOGICAL 0x800u
#define EVERYBODY 0xffu
#define NONE (-1)

void apic_init(struct apic *a, uint32_t id)
{
	*a = (struct apic){ .id = id, .spurious = ENABLED | 0xff, .lvt_timer = MASKED };
}

static int highest(const uint32_t bits[8])
{
	for (int i = 7; i >= 0; i--)
		if (bits[i])
			return 32 * i + 31 - __builtin_clz(bits[i]);
	return NONE;
}

static uint32_t priority(const struct apic *a)
{
	int serving = highest(a->isr);
	uint32_t class = serving < 0 ? 0 : (uint32_t)serving & 0xf0;

	return a->tpr >> 4 > class >> 4 ? a->tpr & 0xff : class;
}

/* ---- the timer: a tick takes a nanosecond, times the divisor ---- */

static uint32_t divisor(const struct apic *a)
{
	uint32_t code = (a->divide & 3) | (a->divide >> 1 & 4);

	return code == 7 ? 1 : 2u << code;
}

static uint64_t period(const struct apic *a)
{
	return (uint64_t)a->initial * divisor(a);
}

static uint32_t current(const struct apic *a, uint64_t now)
{
	return a->due > now ? (uint32_t)((a->due - now) / divisor(a)) : 0;
}

int apic_timer(struct apic *a, uint64_t now, uint8_t *vector)
{
	if (!a->due || now < a->due)
		return 0;
	*vector = a->lvt_timer & MASKED ? 0 : (uint8_t)a->lvt_timer;
	if (!(a->lvt_timer & PERIODIC))
		a->due = 0;
	else
		a->due += ((now - a->due) / period(a) + 1) * period(a); /* what was missed is one */
	return 1;
}

void apic_pack(struct apic *a, uint64_t now)
{
	if (a->due)
		a->due = a->due > now ? a->due - now : 1;
}

void apic_unpack(struct apic *a, uint64_t now)
{
	if (a->due)
		a->due += now;
}

/* ---- registers ---- */

uint32_t apic_read(const struct apic *a, uint32_t offset, uint64_t now)
{
	switch (offset) {
	case REG_ID:
		return a->id << 24;
	case REG_VERSION:
		return VERSION;
	case REG_TPR:
		return a->tpr;
	case REG_PPR:
		return priority(a);
	case REG_SPURIOUS:
		return a->spurious;
	case REG_ICR_LOW:
		return a->icr_low;
	case REG_ICR_HIGH:
		return a->icr_high;
	case REG_LVT_TIMER:
		return a->lvt_timer;
	case REG_INITIAL:
		return a->initial;
	case REG_CURRENT:
		return current(a, now);
	case REG_DIVIDE:
		return a->divide;
	default:
		if (offset >= REG_ISR && offset < REG_ISR + 0x80)
			return a->isr[(offset - REG_ISR) / 16];
		if (offset >= REG_IRR && offset < REG_IRR + 0x80)
			return a->irr[(offset - REG_IRR) / 16];
		return 0;
	}
}

static void end_of_interrupt(struct apic *a)
{
	int serving = highest(a->isr);

	if (serving >= 0)
		a->isr[serving / 32] &= ~(1u << serving % 32);
}

static int command(struct apic *a, uint32_t value, struct apic_ipi *ipi)
{
	a->icr_low = value & ~0x1000u; /* it is never under way still */
	*ipi = (struct apic_ipi){
		.vector = (uint8_t)value,
		.shorthand = value >> 18 & 3,
		.destination = a->icr_high >> 24,
		.logical = (value & LOGICAL) != 0,
	};
	return (value & MODE_MASK) == 0 && ipi->vector >= 16;
}

int apic_write(struct apic *a, uint32_t offset, uint32_t value, uint64_t now,
	       struct apic_ipi *ipi)
{
	switch (offset) {
	case REG_TPR:
		a->tpr = value & 0xff;
		break;
	case REG_EOI:
		end_of_interrupt(a);
		break;
	case REG_SPURIOUS:
		a->spurious = value & 0x3ff;
		break;
	case REG_ICR_LOW:
		return command(a, value, ipi);
	case REG_ICR_HIGH:
		a->icr_high = value;
		break;
	case REG_LVT_TIMER:
		a->lvt_timer = value & (MASKED | PERIODIC | 0xff);
		break;
	case REG_INITIAL:
		a->initial = value;
		a->due = value ? now + period(a) : 0;
		break;
	case REG_DIVIDE:
		a->divide = value & 0xb;
		break;
	default:
		break;
	}
	return 0;
}

/* ---- interrupts ---- */

int apic_ipi_for(const struct apic_ipi *ipi, uint32_t sender, uint32_t id)
{
	if (ipi->shorthand)
		return id == sender ? ipi->shorthand != 3 : ipi->shorthand != 1;
	if (ipi->destination == EVERYBODY && !ipi->logical)
		return 1;
	return ipi->logical ? id < 8 && ipi->destination >> id & 1 : ipi->destination == id;
}

void apic_post(struct apic *a, uint8_t vector)
{
	if (a->spurious & ENABLED)
		a->irr[vector / 32] |= 1u << vector % 32;
}

int apic_next(const struct apic *a)
{
	int vector = highest(a->irr);

	return vector >= 0 && (uint32_t)vector >> 4 > priority(a) >> 4 ? vector : NONE;
}

void apic_deliver(struct apic *a, uint8_t vector)
{
	a->irr[vector / 32] &= ~(1u << vector % 32);
	a->isr[vector / 32] |= 1u << vector % 32;
}
