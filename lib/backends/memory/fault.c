/* SPDX-License-Identifier: BSD-3-Clause */
/* Faults: who touched what, and whether that is news. */
#include "state.h"

#define STALE_MAX 64 /* faults that are over which one call deals with */

bool memory_allows(const struct memory *m, tidal_gfn gfn, uint16_t access)
{
	const struct host_page *page = host_map_find(&m->map, gfn);

	return page && (access == TIDAL_READ || host_page_prot(page) == TIDAL_PROT_RW);
}

void memory_wake(const struct memory *m, tidal_gfn gfn)
{
	const struct area *area = area_of(m, gfn);

	if (area)
		(void)uffd_wake(&m->uffd, area_at(area, gfn), PAGE);
}

/* False: the area is gone. */
static bool locate(const struct memory *m, const struct uffd_fault *u, struct memory_fault *fault)
{
	for (uint32_t i = 0; i < m->areas; i++) {
		const struct area *area = &m->area[i];
		uintptr_t at = u->at - (uintptr_t)area->at;

		if (at >= area->pages * PAGE)
			continue;
		fault->gpa = area->gfn * PAGE + at;
		fault->access = u->write ? TIDAL_WRITE : TIDAL_READ;
		fault->thread = u->thread;
		return true;
	}
	return false;
}

/*
 * The page has come since, or the thread was told twice. If its zeroes can't be given now the
 * thread wakes, and comes again.
 */
static void settle(struct memory *m, tidal_gfn gfn)
{
	struct host_page *page = host_map_find(&m->map, gfn);

	if (page->frame == TIDAL_FRAME_ZERO && !page->mark)
		(void)zero_give(m, page);
	memory_wake(m, gfn);
}

int memory_fault(struct memory *m, struct memory_fault *fault)
{
	for (unsigned i = 0; i < STALE_MAX; i++) {
		if (m->faults_at == m->faults) {
			/* fewer than there was room for: those were all */
			bool all = m->faults > 0 && m->faults < UFFD_FAULTS;

			m->faults = all ? 0 : uffd_read(&m->uffd, m->fault);
			m->faults_at = 0;
		}
		if (m->faults == 0)
			return 0;
		if (!locate(m, &m->fault[m->faults_at++], fault))
			continue;
		if (!memory_allows(m, fault->gpa / PAGE, fault->access))
			return 1;
		settle(m, fault->gpa / PAGE);
	}
	return 0;
}

int memory_fd(const struct memory *m)
{
	return m->uffd.fd;
}
