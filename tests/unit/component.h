/* SPDX-License-Identifier: BSD-3-Clause */
/* component - what the tests of the core's components share: an arena each, random numbers. */
#ifndef TIDAL_TESTS_COMPONENT_H
#define TIDAL_TESTS_COMPONENT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/arena.h"
#include "core/bits.h"

/* Measure a component, then make it in exactly as much memory: *p is for test_free(). */
#define COMPONENT_OPEN(type, p, init, ...)                                                    \
	do {                                                                                  \
		type measured_;                                                               \
		struct arena arena_ = { NULL, sizeof(type) };                                 \
		size_t used_;                                                                 \
		init(&measured_, &arena_, __VA_ARGS__);                                       \
		used_ = arena_.used;                                                          \
		*(p) = test_calloc(1, used_);                                                 \
		assert_non_null(*(p));                                                        \
		arena_ = (struct arena){ (unsigned char *)*(p), sizeof(type) };               \
		init(*(p), &arena_, __VA_ARGS__);                                             \
		assert_int_equal(arena_.used, used_);                                         \
	} while (0)

/* 0 .. n - 1. */
static inline uint64_t random_below(uint64_t *random, uint64_t n)
{
	*random += 0x9e3779b97f4a7c15u;
	return mix64(*random) % n;
}

#endif
