/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * start-x86-64.S - where every hart begins: give it a stack in pages of its own, then
 * call C. The six arguments (see examples/vmm/platform.h) are those of a function.
 */
#include "platform.h"
#include "stack.h"

	.section .text.start, "ax", @progbits
	.globl	_start
	.type	_start, @function
_start:
	/* rsp = round_up(r9, 4096) + (rdi + 1) * GUEST_STACK_BYTES */
	leaq	4095(%r9), %rax
	andq	$-4096, %rax
	leaq	1(%rdi), %r10
	imulq	$GUEST_STACK_BYTES, %r10, %r10
	leaq	(%rax, %r10), %rsp
	xorl	%ebp, %ebp
	call	guest_start
	pushq	$0
1:	movq	%rsp, %rdi
	xorl	%esi, %esi
	int3
	jmp	1b
	.size	_start, . - _start
	.section .note.GNU-stack, "", @progbits
