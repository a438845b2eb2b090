/* SPDX-License-Identifier: BSD-3-Clause */
/* elf.h - programs for the x86-64 machine: static ELF files. */
#ifndef VMM_ELF_H
#define VMM_ELF_H

#include "machine.h"

/* Read one that is in memory; the image points into it. Nonzero: *why says why not. */
int elf_image(const void *file, size_t len, struct image *image, const char **why);

#endif
