/* SPDX-License-Identifier: BSD-3-Clause */
/* The guest of the litmus tests: see litmus_guest.h. */
#include "litmus_guest.h"

/* Everybody waits for everybody: the target grows by the number of roles each time. */
#define BARRIER                                    \
	"	add	%r12, %r13\n"              \
	"	lock incq (%r11)\n"                \
	"5:	cmp	%r13, (%r11)\n"            \
	"	jae	6f\n"                      \
	"	pause\n"                           \
	"	jmp	5b\n"                      \
	"6:\n"

#define ROLE(name, code)                           \
	".globl litmus_" #name "\n"                \
	"litmus_" #name ":\n" code

#define WRITE_X "	mov	%rbx, (%r8,%rbp,8)\n"
#define WRITE_Y "	mov	%rbx, (%r9,%rbp,8)\n"
#define SWAP_X "	mov	%rbx, %rax\n	xchg	%rax, (%r8,%rbp,8)\n"
#define SWAP_Y "	mov	%rbx, %rax\n	xchg	%rax, (%r9,%rbp,8)\n"
#define FENCE "	mfence\n"
#define FIRST_X "	mov	(%r8,%rbp,8), %rcx\n"
#define FIRST_Y "	mov	(%r9,%rbp,8), %rcx\n"
#define SECOND_X "	mov	(%r8,%rbp,8), %rdx\n"
#define SECOND_Y "	mov	(%r9,%rbp,8), %rdx\n"
/* The bits: what was read, if anything was. */
#define NONE "	xor	%eax, %eax\n	jmp	litmus_done\n"
#define ONE "	xor	%eax, %eax\n	cmp	%rbx, %rcx\n	sete	%al\n	jmp	litmus_done\n"
#define TWO                                        \
	"	xor	%eax, %eax\n"              \
	"	cmp	%rbx, %rdx\n"              \
	"	sete	%al\n"                     \
	"	add	%eax, %eax\n"              \
	"	cmp	%rbx, %rcx\n"              \
	"	sete	%cl\n"                     \
	"	or	%cl, %al\n"                \
	"	jmp	litmus_done\n"

__asm__(
	".pushsection .rodata\n"
	".balign 64\n"
	".globl guest_litmus, guest_litmus_end\n"
	"guest_litmus:\n"
	"	mov	0(%rdi), %r8\n"
	"	mov	8(%rdi), %r9\n"
	"	mov	16(%rdi), %r10\n"
	"	mov	24(%rdi), %r11\n"
	"	mov	32(%rdi), %r12\n"
	"	mov	40(%rdi), %r14\n"
	"	lea	guest_litmus(%rip), %r15\n"
	"	add	48(%rdi), %r15\n"
	"	xor	%r13d, %r13d\n"
	"	mov	$1, %ebx\n"
	"1:\n" BARRIER
	"	rdtsc\n" /* not all at once */
	"	and	$0x1fff, %eax\n"
	"	inc	%eax\n"
	"2:	dec	%eax\n"
	"	jnz	2b\n"
	"	xor	%ebp, %ebp\n"
	"3:	jmp	*%r15\n"
	"litmus_done:\n"
	"	mov	%al, (%r10,%rbp)\n"
	"	inc	%rbp\n"
	"	cmp	$512, %rbp\n"
	"	jb	3b\n"
	BARRIER
	"	mov	56(%rdi), %rcx\n"
	"	test	%rcx, %rcx\n"
	"	jz	4f\n"
	"	mov	64(%rdi), %rdx\n"
	"	mov	72(%rdi), %rsi\n"
	"	xor	%ebp, %ebp\n"
	"7:	movzbl	(%rdx,%rbp), %eax\n"
	"	shl	$2, %eax\n"
	"	or	(%rcx,%rbp), %al\n"
	"	incq	(%rsi,%rax,8)\n"
	"	inc	%rbp\n"
	"	cmp	$512, %rbp\n"
	"	jb	7b\n"
	"4:	inc	%rbx\n"
	"	dec	%r14\n"
	"	jnz	1b\n"
	"	out	%al, $0x10\n"
	"	ud2\n"
	ROLE(wx, WRITE_X NONE)
	ROLE(wy, WRITE_Y NONE)
	ROLE(wxry, WRITE_X FIRST_Y ONE)
	ROLE(wyrx, WRITE_Y FIRST_X ONE)
	ROLE(x_wxry, SWAP_X FIRST_Y ONE)
	ROLE(x_wyrx, SWAP_Y FIRST_X ONE)
	ROLE(f_wxry, WRITE_X FENCE FIRST_Y ONE)
	ROLE(f_wyrx, WRITE_Y FENCE FIRST_X ONE)
	ROLE(wxwy, WRITE_X WRITE_Y NONE)
	ROLE(x_wxwy, SWAP_X SWAP_Y NONE)
	ROLE(ryrx, FIRST_Y SECOND_X TWO)
	ROLE(rxry, FIRST_X SECOND_Y TWO)
	ROLE(rxwy, FIRST_X WRITE_Y ONE)
	ROLE(rywx, FIRST_Y WRITE_X ONE)
	"guest_litmus_end:\n"
	".popsection\n");
