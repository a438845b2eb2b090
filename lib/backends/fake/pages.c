/* SPDX-License-Identifier: BSD-3-Clause */
/* Pages: what the driver does to the guest's memory. Everything takes effect at once. */
#include <string.h>

#include "backends/common/stream.h"
#include "host.h"

/* The n-th page of a batch, in ascending order; the mask loses its lowest bit. */
static tidal_gfn next_gfn(const struct tidal_act_pages *act, uint64_t *mask)
{
	unsigned bit = (unsigned)__builtin_ctzll(*mask);

	*mask &= *mask - 1;
	return act->gfn + bit;
}

static bool all_zero(const uint8_t *page)
{
	return page[0] == 0 && memcmp(page, page + 1, TIDAL_PAGE_SIZE - 1) == 0;
}

static bool is_memory(const struct tidal_host *host, tidal_gfn gfn)
{
	const struct tidal_region *region;

	if (gfn > UINT64_MAX / TIDAL_PAGE_SIZE)
		return false;
	region = host_region_find(&host->mem.regions, gfn * TIDAL_PAGE_SIZE);
	return region &&
	       (region->kind == TIDAL_REGION_RAM || region->kind == TIDAL_REGION_ROM);
}

/* May this one page be mapped? Pins keep their frame, and a frame backs one page only. */
static int map_check(const struct tidal_host *host, tidal_gfn gfn, tidal_frame frame, unsigned prot)
{
	const struct host_page *page = host_map_find(&host->mem.map, gfn);
	const struct fake_frame *f;

	if (!is_memory(host, gfn))
		return TIDAL_ERANGE;
	if (page && page->pins && (page->frame != frame || prot < host_page_prot(page)))
		return TIDAL_EBUSY;
	if (frame == TIDAL_FRAME_ZERO)
		return prot == TIDAL_PROT_R ? 0 : TIDAL_EINVAL;
	if (frame >= host->mem.frames)
		return TIDAL_ERANGE;
	f = &host->mem.frame[frame];
	return f->mapped && f->gfn != gfn ? TIDAL_EBUSY : 0;
}

static void release(struct fake_mem *mem, tidal_frame frame)
{
	if (frame != TIDAL_FRAME_ZERO)
		mem->frame[frame].mapped = false;
}

static void map_one(struct fake_mem *mem, tidal_gfn gfn, tidal_frame frame, unsigned prot)
{
	struct host_page *page = host_map_find(&mem->map, gfn);

	if (page) {
		fake_mem_forget(mem, page);
		release(mem, page->frame);
		page->frame = frame;
		host_page_set_prot(page, prot);
	} else {
		host_map_add(&mem->map, gfn, frame, prot);
	}
	if (frame == TIDAL_FRAME_ZERO)
		return;
	mem->frame[frame].gfn = gfn & (UINT64_MAX >> 2);
	mem->frame[frame].mapped = true;
	if (prot == TIDAL_PROT_RW)
		mem->frame[frame].touched = true;
}

int fake_pages_map(struct tidal_host *host, const struct tidal_act_pages *act)
{
	bool zero = act->frame == TIDAL_FRAME_ZERO;
	uint64_t mask = act->mask;
	uint32_t n = 0;

	if (!mask || (act->prot != TIDAL_PROT_R && act->prot != TIDAL_PROT_RW))
		return TIDAL_EINVAL;
	if (!zero && act->frame >= host->mem.frames)
		return TIDAL_ERANGE;
	for (; mask; n++) {
		tidal_gfn gfn = next_gfn(act, &mask);
		int r = map_check(host, gfn, zero ? act->frame : act->frame + n, act->prot);

		if (r)
			return r;
	}
	if (!fake_host_room(host, 1))
		return TIDAL_EAGAIN;
	if (!host_map_reserve(&host->mem.map, n))
		return TIDAL_ENOMEM;
	for (mask = act->mask, n = 0; mask; n++)
		map_one(&host->mem, next_gfn(act, &mask), zero ? act->frame : act->frame + n,
			act->prot);
	fake_host_done(host, act->token);
	return 0;
}

/* Are all pages of a batch there, unpinned, and where the caller believes them? */
static int change_check(const struct tidal_host *host, const struct tidal_act_pages *act)
{
	uint64_t mask = act->mask;
	bool one = (mask & (mask - 1)) == 0;

	if (!mask || (act->test && !one))
		return TIDAL_EINVAL;
	while (mask) {
		const struct host_page *page = host_map_find(&host->mem.map, next_gfn(act, &mask));

		if (!page)
			return TIDAL_ENOENT;
		if (page->pins)
			return TIDAL_EBUSY;
		if (one && act->frame != TIDAL_FRAME_NONE && act->frame != page->frame)
			return TIDAL_EINVAL;
	}
	return fake_host_room(host, 1) ? 0 : TIDAL_EAGAIN;
}

int fake_pages_unmap(struct tidal_host *host, const struct tidal_act_pages *act)
{
	struct fake_mem *mem = &host->mem;
	int r = change_check(host, act);
	uint64_t mask = act->mask;
	uint32_t zero = 0;

	if (r)
		return r;
	while (mask) {
		struct host_page *page = host_map_find(&mem->map, next_gfn(act, &mask));

		fake_mem_forget(mem, page);
		if (act->test)
			zero = all_zero(fake_mem_frame(mem, page->frame));
		release(mem, page->frame);
		host_map_remove(&mem->map, page);
	}
	fake_host_done(host, act->token)->zero = zero;
	return 0;
}

int fake_pages_protect(struct tidal_host *host, const struct tidal_act_pages *act)
{
	struct fake_mem *mem = &host->mem;
	int r = change_check(host, act);
	uint64_t mask = act->mask;
	uint32_t zero = 0;

	if (r)
		return r;
	while (mask) {
		struct host_page *page = host_map_find(&mem->map, next_gfn(act, &mask));

		fake_mem_forget(mem, page);
		host_page_set_prot(page, TIDAL_PROT_R);
		if (act->test)
			zero = all_zero(fake_mem_frame(mem, page->frame));
	}
	fake_host_done(host, act->token)->zero = zero;
	return 0;
}

/* A frame that nobody could have written yet is zero, and is left without memory behind it. */
int fake_pages_zero(struct tidal_host *host, uint64_t token, tidal_frame frame)
{
	if (frame >= host->mem.frames)
		return TIDAL_ERANGE;
	if (host->mem.frame[frame].mapped)
		return TIDAL_EBUSY;
	if (!fake_host_room(host, 1))
		return TIDAL_EAGAIN;
	if (host->mem.frame[frame].touched)
		memset(fake_mem_frame(&host->mem, frame), 0, TIDAL_PAGE_SIZE);
	fake_host_done(host, token);
	return 0;
}

static int scrub_check(const struct fake_mem *mem, tidal_frame first, uint64_t mask)
{
	if (!mask)
		return TIDAL_EINVAL;
	if (first >= mem->frames || 63 - (unsigned)__builtin_clzll(mask) >= mem->frames - first)
		return TIDAL_ERANGE;
	for (; mask; mask &= mask - 1)
		if (mem->frame[first + (unsigned)__builtin_ctzll(mask)].mapped)
			return TIDAL_EBUSY;
	return 0;
}

int fake_pages_scrub(struct tidal_host *host, tidal_frame first, uint64_t mask)
{
	int r = scrub_check(&host->mem, first, mask);

	for (; !r && mask; mask &= mask - 1) {
		tidal_frame frame = first + (unsigned)__builtin_ctzll(mask);

		if (host->mem.frame[frame].touched)
			host_stream_zeroes(fake_mem_frame(&host->mem, frame), TIDAL_PAGE_SIZE);
	}
	return r;
}

/*
 * The caller may write to the frame as long as it has the address. (While it is mapped too, as
 * a device would: what was derived from the guest's bytes is forgotten.)
 */
void *fake_pages_data(struct tidal_host *host, tidal_frame frame, tidal_gfn gfn)
{
	struct fake_mem *mem = &host->mem;

	if (frame == TIDAL_FRAME_ZERO)
		return fake_mem_frame(mem, frame);
	if (frame >= mem->frames)
		return NULL;
	if (mem->frame[frame].mapped ? mem->frame[frame].gfn != gfn : gfn != TIDAL_GFN_NONE)
		return NULL;
	mem->frame[frame].touched = true;
	if (gfn != TIDAL_GFN_NONE)
		fake_mem_forget(mem, host_map_find(&mem->map, gfn));
	return fake_mem_frame(mem, frame);
}

int fake_pages_pin(struct tidal_host *host, tidal_gfn gfn)
{
	struct host_page *page = host_map_find(&host->mem.map, gfn);

	if (!page)
		return TIDAL_ENOENT;
	if (page->pins == UINT16_MAX)
		return TIDAL_EFULL;
	page->pins++;
	return 0;
}

int fake_pages_unpin(struct tidal_host *host, tidal_gfn gfn)
{
	struct host_page *page = host_map_find(&host->mem.map, gfn);

	if (!page || !page->pins)
		return TIDAL_ENOENT;
	page->pins--;
	return 0;
}
