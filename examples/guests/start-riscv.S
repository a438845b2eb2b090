/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * start-riscv.S - where every hart begins: give it a stack in pages of its own, then
 * call C. The six arguments (see tidal/fake.h) stay in a0-a5.
 */
#include "stack.h"

	.section .text.start, "ax", @progbits
	.globl	_start
	.type	_start, @function
_start:
	.option push
	.option norelax
	la	gp, __global_pointer$
	.option pop
	/* sp = round_up(a5, 4096) + (a0 + 1) * GUEST_STACK_BYTES */
	li	t0, 4095
	add	sp, a5, t0
	not	t0, t0
	and	sp, sp, t0
	addi	t1, a0, 1
	li	t2, GUEST_STACK_BYTES
	mul	t1, t1, t2
	add	sp, sp, t1
	li	s0, 0
	call	guest_start
1:	wfi
	j	1b
	.size	_start, . - _start
	.section .note.GNU-stack, "", @progbits
