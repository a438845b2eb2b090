/* SPDX-License-Identifier: BSD-3-Clause */
/* stack.h - the size of a hart's stack, for C and assembler: whole pages. */
#ifndef GUEST_STACK_H
#define GUEST_STACK_H

#define GUEST_STACK_BYTES 16384

#endif
