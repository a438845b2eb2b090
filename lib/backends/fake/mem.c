/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory accesses of the guest: the slow paths, where everything is checked. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include <stdlib.h>
#include <sys/mman.h>

#include "bytes.h"
#include "mem.h"

static size_t mem_bytes(uint32_t frames)
{
	return ((size_t)frames + 1) * TIDAL_PAGE_SIZE;
}

int fake_mem_init(struct fake_mem *mem, uint32_t frames, uint32_t harts)
{
	mem->bytes = mmap(NULL, mem_bytes(frames), PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mem->bytes == MAP_FAILED) {
		mem->bytes = NULL;
		return TIDAL_ENOMEM;
	}
	mem->frames = frames;
	mem->frame = calloc(frames, sizeof(*mem->frame));
	mem->reserved = calloc(harts, sizeof(struct fake_hart *));
	for (unsigned i = 0; i < FAKE_TLB_SLOTS; i++)
		mem->tlb[i] = (struct fake_tlb){ .read = FAKE_TLB_NONE, .write = FAKE_TLB_NONE };
	if (!mem->frame || !mem->reserved || !host_map_init(&mem->map) ||
	    !fake_codes_init(&mem->codes, frames < FAKE_CODE_PAGES ? frames + 1 : FAKE_CODE_PAGES))
		return TIDAL_ENOMEM;
	return mprotect(fake_mem_frame(mem, TIDAL_FRAME_ZERO), TIDAL_PAGE_SIZE, PROT_READ) ?
		       TIDAL_EIO :
		       0;
}

void fake_mem_fini(struct fake_mem *mem)
{
	if (mem->bytes)
		munmap(mem->bytes, mem_bytes(mem->frames));
	free(mem->frame);
	free(mem->reserved);
	host_map_fini(&mem->map);
	fake_codes_fini(&mem->codes);
}

static void tlb_drop(struct fake_mem *mem, uint64_t gpa)
{
	struct fake_tlb *tlb = fake_tlb_at(mem, gpa);

	if (tlb->read == gpa)
		tlb->read = FAKE_TLB_NONE;
	if (tlb->write == gpa)
		tlb->write = FAKE_TLB_NONE;
}

static void code_drop(struct fake_mem *mem, struct host_page *page)
{
	if (!page->mark)
		return;
	fake_codes_drop(&mem->codes, page->mark - 1u);
	page->mark = 0;
	tlb_drop(mem, host_page_gfn(page) * TIDAL_PAGE_SIZE);
}

void fake_mem_forget(struct fake_mem *mem, struct host_page *page)
{
	uint64_t gpa = host_page_gfn(page) * TIDAL_PAGE_SIZE;

	code_drop(mem, page);
	tlb_drop(mem, gpa);
	fake_unreserve_bytes(mem, NULL, gpa, TIDAL_PAGE_SIZE);
}

static enum fake_outcome fault(struct fake_hart *hart, enum tidal_access access, uint64_t addr)
{
	enum fake_cause cause = access == TIDAL_EXEC ? FAKE_CAUSE_FETCH :
				access == TIDAL_READ ? FAKE_CAUSE_LOAD :
						       FAKE_CAUSE_STORE;

	return fake_hart_except(hart, cause, addr);
}

static void tlb_fill(struct fake_mem *mem, const struct host_page *page, bool rom)
{
	uint64_t gpa = host_page_gfn(page) * TIDAL_PAGE_SIZE;
	bool fast_write = host_page_prot(page) == TIDAL_PROT_RW && !rom && !page->mark;

	*fake_tlb_at(mem, gpa) = (struct fake_tlb){
		.read = gpa,
		.write = fast_write ? gpa : FAKE_TLB_NONE,
		.bytes = fake_mem_frame(mem, page->frame),
		.code = page->mark ? &mem->codes.slots[page->mark - 1] : NULL,
	};
}

/* The page of *addr*, which is memory and may be accessed so. */
static enum fake_outcome touch(struct fake_mem *mem, struct fake_hart *hart, uint64_t addr,
			       enum tidal_access access, struct host_page **page)
{
	const struct tidal_region *region = host_region_find(&mem->regions, addr);
	bool writes = access == TIDAL_WRITE || access == TIDAL_ZERO;
	bool rom = region && region->kind == TIDAL_REGION_ROM;

	if (!region || (region->kind != TIDAL_REGION_RAM && !rom) || (rom && writes))
		return fault(hart, access, addr);
	*page = host_map_find(&mem->map, addr / TIDAL_PAGE_SIZE);
	if (!*page || (writes && host_page_prot(*page) != TIDAL_PROT_RW))
		return fake_hart_stall(hart, access, addr);
	tlb_fill(mem, *page, rom);
	return FAKE_OK;
}

/* Device registers: naturally aligned accesses, which others carry out. */
static enum fake_outcome device(const struct fake_mem *mem, struct fake_hart *hart, uint64_t addr,
				unsigned size, bool write, uint64_t data)
{
	const struct tidal_region *region = host_region_find(&mem->regions, addr);

	if (!region || region->kind != TIDAL_REGION_DEVICE)
		return FAKE_OK;
	if (addr % size)
		return fault(hart, write ? TIDAL_WRITE : TIDAL_READ, addr);
	fake_hart_stall(hart, TIDAL_IO, addr);
	hart->stall.size = (uint8_t)size;
	hart->stall.write = write;
	hart->stall.data = size < 8 ? data & (((uint64_t)1 << 8 * size) - 1) : data;
	return FAKE_STALL;
}

/* The pages of an access of up to 8 bytes: one, or two when it crosses. */
struct span {
	struct host_page *page[2];
	unsigned at;	/* offset in the first */
	unsigned first; /* bytes in the first */
};

static enum fake_outcome span(struct fake_mem *mem, struct fake_hart *hart, uint64_t addr,
			      unsigned size, enum tidal_access access, struct span *s)
{
	enum fake_outcome r = touch(mem, hart, addr, access, &s->page[0]);

	s->at = addr % TIDAL_PAGE_SIZE;
	s->first = TIDAL_PAGE_SIZE - s->at < size ? TIDAL_PAGE_SIZE - s->at : size;
	if (r != FAKE_OK || s->first == size)
		return r;
	return touch(mem, hart, addr + s->first, access, &s->page[1]);
}

enum fake_outcome fake_load(struct fake_mem *mem, struct fake_hart *hart, uint64_t addr,
			    unsigned size, uint64_t *value)
{
	enum fake_outcome r = device(mem, hart, addr, size, false, 0);
	uint8_t b[8];
	struct span s;

	if (r == FAKE_OK)
		r = span(mem, hart, addr, size, TIDAL_READ, &s);
	if (r != FAKE_OK)
		return r;
	memcpy(b, fake_mem_frame(mem, s.page[0]->frame) + s.at, s.first);
	if (s.first < size)
		memcpy(b + s.first, fake_mem_frame(mem, s.page[1]->frame), size - s.first);
	*value = fake_get(b, size);
	return FAKE_OK;
}

static void write_bytes(struct fake_mem *mem, const struct fake_hart *hart,
			const struct host_page *page, unsigned at, const uint8_t *b, unsigned n)
{
	fake_unreserve_bytes(mem, hart, host_page_gfn(page) * TIDAL_PAGE_SIZE + at, n);
	if (page->mark)
		fake_code_written(&mem->codes.slots[page->mark - 1], at, n);
	memcpy(fake_mem_frame(mem, page->frame) + at, b, n);
}

enum fake_outcome fake_store(struct fake_mem *mem, struct fake_hart *hart, uint64_t addr,
			     unsigned size, uint64_t value)
{
	enum fake_outcome r = device(mem, hart, addr, size, true, value);
	uint8_t b[8];
	struct span s;

	if (r == FAKE_OK)
		r = span(mem, hart, addr, size, TIDAL_WRITE, &s);
	if (r != FAKE_OK)
		return r;
	fake_put(b, size, value);
	write_bytes(mem, hart, s.page[0], s.at, b, s.first);
	if (s.first < size)
		write_bytes(mem, hart, s.page[1], 0, b + s.first, size - s.first);
	return FAKE_OK;
}

enum fake_outcome fake_writable(struct fake_mem *mem, struct fake_hart *hart, uint64_t addr,
				unsigned size, uint8_t **bytes)
{
	const struct fake_tlb *tlb = fake_tlb_at(mem, addr);
	unsigned at = addr % TIDAL_PAGE_SIZE;
	struct host_page *page;
	enum fake_outcome r;

	if (tlb->write == (addr & FAKE_PAGE_MASK)) {
		*bytes = tlb->bytes + at;
		return FAKE_OK;
	}
	r = touch(mem, hart, addr, TIDAL_WRITE, &page);
	if (r != FAKE_OK)
		return r;
	if (page->mark)
		fake_code_written(&mem->codes.slots[page->mark - 1], at, size);
	*bytes = fake_mem_frame(mem, page->frame) + at;
	return FAKE_OK;
}

enum fake_outcome fake_zero_block(struct fake_mem *mem, struct fake_hart *hart, uint64_t addr)
{
	uint64_t gpa = addr & FAKE_PAGE_MASK;
	struct host_page *page;
	enum fake_outcome r = touch(mem, hart, gpa, TIDAL_ZERO, &page);

	if (r != FAKE_OK)
		return r;
	fake_unreserve_bytes(mem, hart, gpa, TIDAL_PAGE_SIZE);
	if (page->mark)
		fake_code_written(&mem->codes.slots[page->mark - 1], 0, TIDAL_PAGE_SIZE);
	memset(fake_mem_frame(mem, page->frame), 0, TIDAL_PAGE_SIZE);
	return FAKE_OK;
}

/* Give the page a cache of decoded instructions. Its writes become slow: they must be seen. */
static void code_begin(struct fake_mem *mem, struct host_page *page)
{
	const struct fake_code *victim = fake_codes_victim(&mem->codes);

	if (victim)
		code_drop(mem, host_map_find(&mem->map, victim->gfn));
	page->mark = (uint16_t)(1 + fake_codes_take(&mem->codes, host_page_gfn(page),
						    fake_mem_frame(mem, page->frame)));
	tlb_fill(mem, page, false);
}

enum fake_outcome fake_fetch(struct fake_mem *mem, struct fake_hart *hart, uint64_t pc,
			     struct fake_code **code)
{
	struct host_page *page;
	enum fake_outcome r = touch(mem, hart, pc, TIDAL_EXEC, &page);

	if (r != FAKE_OK)
		return r;
	if (!page->mark)
		code_begin(mem, page);
	*code = &mem->codes.slots[page->mark - 1];
	return FAKE_OK;
}

uint32_t fake_mem_insn(const struct fake_mem *mem, const struct fake_hart *hart)
{
	const struct host_page *page = host_map_find(&mem->map, hart->pc / TIDAL_PAGE_SIZE);

	if (!page)
		return 0;
	return fake_get32(fake_mem_frame(mem, page->frame) + hart->pc % TIDAL_PAGE_SIZE);
}
