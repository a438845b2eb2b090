/* SPDX-License-Identifier: BSD-3-Clause */
/* elf.c - see elf.h. Nothing of the file is believed. */
#include "elf.h"

#include <elf.h>
#include <string.h>

#include "platform.h"

struct reader {
	const unsigned char *bytes;
	size_t len;
	const char *why;
};

static int bad(struct reader *r, const char *why)
{
	r->why = why;
	return -1;
}

static int check_header(struct reader *r, const Elf64_Ehdr *e)
{
	if (r->len < sizeof(*e) || memcmp(e->e_ident, ELFMAG, SELFMAG) != 0)
		return bad(r, "it is no ELF file");
	if (e->e_ident[EI_CLASS] != ELFCLASS64 || e->e_ident[EI_DATA] != ELFDATA2LSB)
		return bad(r, "it is not 64-bit little-endian");
	if (e->e_machine != EM_X86_64)
		return bad(r, "it is for another processor than x86-64");
	if (e->e_type != ET_EXEC)
		return bad(r, "it is no executable with fixed addresses: link it with -static -no-pie");
	if (e->e_phentsize != sizeof(Elf64_Phdr) || e->e_phoff > r->len ||
	    e->e_phnum > (r->len - e->e_phoff) / sizeof(Elf64_Phdr))
		return bad(r, "its program headers are not all there");
	return 0;
}

static int take_segment(struct reader *r, const Elf64_Phdr *p, struct image *image)
{
	if (p->p_type == PT_INTERP || p->p_type == PT_DYNAMIC)
		return bad(r, "it is linked dynamically");
	if (p->p_type != PT_LOAD || p->p_memsz == 0)
		return 0;
	if (p->p_filesz > p->p_memsz || p->p_offset > r->len ||
	    p->p_filesz > r->len - p->p_offset || p->p_memsz > UINT64_MAX - p->p_vaddr)
		return bad(r, "a segment is not all there");
	if (p->p_vaddr < VMM_LOAD)
		return bad(r, "a segment lies below 0x200000, where the machine has its own");
	if (image->segments == IMAGE_SEGMENTS)
		return bad(r, "it has more than 16 segments");
	image->segment[image->segments].at = p->p_vaddr;
	image->segment[image->segments].bytes = p->p_filesz;
	image->segment[image->segments++].data = r->bytes + p->p_offset;
	if (p->p_vaddr + p->p_memsz > image->end)
		image->end = p->p_vaddr + p->p_memsz;
	return 0;
}

static int read_segments(struct reader *r, const Elf64_Ehdr *e, struct image *image)
{
	for (unsigned i = 0; i < e->e_phnum; i++) {
		Elf64_Phdr p;

		memcpy(&p, r->bytes + e->e_phoff + i * sizeof(p), sizeof(p));
		if (take_segment(r, &p, image))
			return -1;
	}
	if (!image->segments)
		return bad(r, "it has nothing to load");
	return e->e_entry >= VMM_LOAD && e->e_entry < image->end ?
		       0 :
		       bad(r, "its entry is outside of it");
}

int elf_image(const void *file, size_t len, struct image *image, const char **why)
{
	struct reader r = { .bytes = file, .len = len };
	Elf64_Ehdr e;
	int status;

	memset(image, 0, sizeof(*image));
	memset(&e, 0, sizeof(e));
	memcpy(&e, file, len < sizeof(e) ? len : sizeof(e));
	image->entry = e.e_entry;
	status = check_header(&r, &e);
	if (!status)
		status = read_segments(&r, &e, image);
	*why = r.why;
	return status;
}
