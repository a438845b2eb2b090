/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * memory - the floor's pages: guest memory under a userfaultfd, frames besides it, and one system
 * call for each thing that is done to a page. Whatever fails ends the process.
 */
#ifndef TIDAL_BENCH_FLOOR_MEMORY_H
#define TIDAL_BENCH_FLOOR_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* *present*: all pages are there, and zero; else none. Returns the pages; *pool: frames, holes all. */
uint8_t *memory_begin(unsigned pages, unsigned frames, bool present, uint8_t **pool);
void memory_empty(uint8_t *frame);
int memory_descriptor(void);

/* A thread sleeps since it touched a page; false: none that hasn't been told. */
bool memory_next_fault(unsigned *page, bool *write);

/* A frame's bytes, read-only; a frame itself, which is a hole then. Those who sleep there wake. */
void memory_copy_in(unsigned page, const uint8_t *frame);
void memory_move_in(unsigned page, uint8_t *frame);
void memory_unprotect(unsigned page); /* wakes */
void memory_wake_up(unsigned page);
void memory_write_protect(unsigned page);
void memory_move_out(unsigned page, uint8_t *hole);
void memory_discard(unsigned page);

#endif
