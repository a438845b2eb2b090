/* SPDX-License-Identifier: BSD-3-Clause */
/* logs - event logs whose hashes are put right, so that what they protect is reached. */
#ifndef TIDAL_TESTS_FUZZ_LOGS_H
#define TIDAL_TESTS_FUZZ_LOGS_H

#include <stddef.h>
#include <stdint.h>

/* Put the prefix and all hashes right, in place; how long the log is that comes out. */
size_t logs_repair(uint8_t *log, size_t len);

#endif
