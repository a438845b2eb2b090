/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * apic.h - a local APIC in user space, as far as fixed interrupts between processors and a timer
 * need one: xAPIC registers, priorities, EOI, ICR, the timer. Pure: the caller has a clock, a lock,
 * and a way to other processors. A plain struct, so that it moves with its vCPU.
 *
 * Source: Intel SDM volume 3, chapter 10 (APIC).
 */
#ifndef VMM_APIC_H
#define VMM_APIC_H

#include <stdint.h>

struct apic {
	uint32_t id, tpr, spurious, icr_low, icr_high, lvt_timer, initial, divide;
	uint32_t irr[8], isr[8];
	uint64_t due;	 /* when the timer ends, ns; 0: it does not run */
	uint32_t halted; /* the vCPU waits for an interrupt */
};

/* Reset, and enabled, as firmware leaves it. */
void apic_init(struct apic *apic, uint32_t id);

/* An interrupt for others. */
struct apic_ipi {
	uint8_t vector;
	uint32_t shorthand;   /* 0: to destination; 1: self; 2: all; 3: all but self */
	uint32_t destination; /* physical: an id, 0xff: all; logical: a bit for each of the first 8 */
	int logical;
};

/* Accesses to registers, of which 16 bytes each have one of 32 bits. Unknown ones read 0. */
uint32_t apic_read(const struct apic *apic, uint32_t offset, uint64_t now);
/* 1: send *ipi. */
int apic_write(struct apic *apic, uint32_t offset, uint32_t value, uint64_t now,
	       struct apic_ipi *ipi);

/* Is it meant? For every vCPU but the sender, which the shorthand decides alone. */
int apic_ipi_for(const struct apic_ipi *ipi, uint32_t sender, uint32_t id);

/* An interrupt comes. */
void apic_post(struct apic *apic, uint8_t vector);
/* The one to be delivered now, -1: none. Then that was done. */
int apic_next(const struct apic *apic);
void apic_deliver(struct apic *apic, uint8_t vector);

/* The timer: 1 if it has ended; *vector* is to be posted then unless it is 0. */
int apic_timer(struct apic *apic, uint64_t now, uint8_t *vector);

/* For the way to another clock: due becomes what is left; and back. */
void apic_pack(struct apic *apic, uint64_t now);
void apic_unpack(struct apic *apic, uint64_t now);

#endif
