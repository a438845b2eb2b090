/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A strict loader of plain programs: ELF64, little-endian, RISC-V, statically linked at
 * fixed addresses. Layouts are those of the System V gABI ("ELF Header", "Program Header")
 * and of the RISC-V psABI (e_flags).
 */
#include "bytes.h"
#include <tidal/fake.h>

#define EHDR_BYTES 64u
#define PHDR_BYTES 56u
#define ET_EXEC 2
#define EM_RISCV 243
#define EF_RVC 0x1u
#define EF_FLOAT_ABI 0x6u
#define EF_RVE 0x8u
#define PT_LOAD 1u
#define PT_DYNAMIC 2u
#define PT_INTERP 3u

static const char *check_header(const uint8_t *file, size_t len)
{
	static const uint8_t ident[7] = { 0x7f, 'E', 'L', 'F', 2, 1, 1 };
	uint32_t flags;

	if (len < EHDR_BYTES)
		return "file too short for an ELF header";
	if (memcmp(file, ident, 4) != 0)
		return "not an ELF file";
	if (memcmp(file, ident, sizeof(ident)) != 0)
		return "not a 64-bit little-endian ELF file";
	if (fake_get16(file + 16) != ET_EXEC)
		return "not an executable linked at fixed addresses";
	if (fake_get16(file + 18) != EM_RISCV)
		return "not for RISC-V";
	if (fake_get32(file + 20) != 1)
		return "unknown ELF version";
	flags = fake_get32(file + 48);
	if (flags & EF_RVC)
		return "uses compressed instructions";
	if (flags & (EF_FLOAT_ABI | EF_RVE))
		return "needs another ABI than lp64";
	if (fake_get16(file + 52) != EHDR_BYTES || fake_get16(file + 54) != PHDR_BYTES)
		return "wrong size of ELF or program header";
	return NULL;
}

/* The program header table, within the file. */
static const char *find_headers(const uint8_t *file, size_t len, const uint8_t **table, uint32_t *n)
{
	uint64_t at = fake_get64(file + 32);

	*n = fake_get16(file + 56);
	if (*n == 0)
		return "no program headers";
	if (at > len || (uint64_t)*n * PHDR_BYTES > len - at)
		return "program headers outside of the file";
	*table = file + at;
	return NULL;
}

static const char *add_segment(const uint8_t *file, size_t len, const uint8_t *header,
			       struct tidal_fake_image *image)
{
	uint64_t at = fake_get64(header + 8), gpa = fake_get64(header + 16);
	uint64_t file_bytes = fake_get64(header + 32), bytes = fake_get64(header + 40);

	if (file_bytes > bytes)
		return "segment larger in the file than in memory";
	if (at > len || file_bytes > len - at)
		return "segment outside of the file";
	if (bytes == 0)
		return NULL;
	if (gpa >= TIDAL_FAKE_DEVICES || bytes > TIDAL_FAKE_DEVICES - gpa)
		return "segment outside of the address space";
	if (gpa < image->end)
		return "segments overlap or don't ascend";
	if (image->segments == TIDAL_FAKE_SEGMENTS)
		return "too many segments";
	image->segment[image->segments++] =
		(struct tidal_fake_segment){ gpa, file_bytes, bytes, file + at };
	image->end = gpa + bytes;
	return NULL;
}

static const char *check_entry(const struct tidal_fake_image *image)
{
	if (image->entry % 4)
		return "entry is not aligned to an instruction";
	for (uint32_t i = 0; i < image->segments; i++)
		if (image->entry - image->segment[i].gpa < image->segment[i].file_bytes)
			return NULL;
	return "entry outside of all segments";
}

static const char *load(const uint8_t *file, size_t len, struct tidal_fake_image *image)
{
	const uint8_t *table = NULL;
	uint32_t n = 0;
	const char *why = check_header(file, len);

	if (!why)
		why = find_headers(file, len, &table, &n);
	for (uint32_t i = 0; i < n && !why; i++, table += PHDR_BYTES) {
		uint32_t type = fake_get32(table);

		if (type == PT_INTERP || type == PT_DYNAMIC)
			why = "needs a dynamic linker";
		else if (type == PT_LOAD)
			why = add_segment(file, len, table, image);
	}
	if (why)
		return why;
	image->entry = fake_get64(file + 24);
	return check_entry(image);
}

int tidal_fake_elf(const void *file, size_t len, struct tidal_fake_image *image, const char **why)
{
	const char *text;

	memset(image, 0, sizeof(*image));
	text = load(file, len, image);
	if (why)
		*why = text;
	return text ? TIDAL_EFORMAT : 0;
}
