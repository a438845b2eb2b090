/* SPDX-License-Identifier: BSD-3-Clause */
/* The two that run a program: qemu-riscv64, and the fake host. */
#ifndef DIFF_ENGINES_H
#define DIFF_ENGINES_H

#include <stddef.h>
#include <stdint.h>

/*
 * Run the ELF file and get the *bytes* that it writes. 0; 77: there is no qemu-riscv64; -1: it
 * failed, with the reason on stdout.
 */
int qemu_run(const uint8_t *file, size_t len, uint8_t *out, size_t bytes);

/*
 * The same on the fake host. Pages come on demand; *rough* also takes them away, runs slices of
 * random length, and moves the vCPU between two hosts all the time. 0, or -1.
 */
int fake_run(const uint8_t *file, size_t len, uint8_t *out, size_t bytes, int rough, uint64_t seed);

#endif
