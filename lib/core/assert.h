/* SPDX-License-Identifier: BSD-3-Clause */
/* An assertion for code without libc: a broken invariant traps. Never for input. */
#ifndef TIDAL_CORE_ASSERT_H
#define TIDAL_CORE_ASSERT_H

#define ASSERT(cond) ((cond) ? (void)0 : __builtin_trap())

#endif
