/* SPDX-License-Identifier: BSD-3-Clause */
/* Guest memory: opened and closed. */
#include <stdlib.h>
#include <sys/mman.h>

#include "state.h"

/* Small things: what grows with the frames costs nothing until it is used. */
static int allocate(struct memory *m)
{
	m->frame = calloc(m->frames, sizeof(*m->frame));
	m->zero = malloc(m->zeroes_max * sizeof(*m->zero));
	if (!m->frame || !m->zero || !host_map_init(&m->map))
		return TIDAL_ENOMEM;
	for (uint32_t i = 0; i < m->zeroes_max; i++)
		m->zero[i] = TIDAL_GFN_NONE;
	for (uint32_t i = 0; i < KEPT; i++)
		m->kept[i] = TIDAL_FRAME_NONE;
	m->zeroes = anonymous(PAGE, PROT_READ);
	m->pool = anonymous((uint64_t)m->frames * PAGE, PROT_READ | PROT_WRITE);
	return m->zeroes && m->pool ? 0 : TIDAL_ENOMEM;
}

/* The kernel moves pages only into memory that is watched for something. */
static int watch_pool(const struct memory *m)
{
	return m->uffd.moves ? uffd_watch(&m->uffd, m->pool, (size_t)m->frames * PAGE, false) : 0;
}

int memory_open(struct memory **memory, const struct memory_config *config, const char **why)
{
	struct memory *m;
	int r;

	*why = "out of memory";
	m = calloc(1, sizeof(*m));
	if (!m)
		return TIDAL_ENOMEM;
	m->frames = config->frames;
	m->zeroes_max = config->zeroes;
	m->uffd.fd = -1;
	r = allocate(m);
	if (!r)
		r = uffd_open(&m->uffd, config->kernel_faults, config->never_move, why);
	if (!r) {
		*why = "the kernel does not let userfaultfd watch the pool of frames";
		r = watch_pool(m);
	}
	if (r)
		memory_close(m);
	else
		*memory = m;
	return r;
}

void memory_close(struct memory *m)
{
	if (!m)
		return;
	for (uint32_t i = 0; i < m->areas; i++)
		munmap(m->area[i].at, m->area[i].pages * PAGE);
	uffd_close(&m->uffd);
	if (m->pool)
		munmap(m->pool, (size_t)m->frames * PAGE);
	if (m->zeroes)
		munmap((void *)(uintptr_t)m->zeroes, PAGE);
	host_map_fini(&m->map);
	free(m->zero);
	free(m->frame);
	free(m);
}

void memory_release(struct memory *m)
{
	uffd_close(&m->uffd);
}

bool memory_moves(const struct memory *m)
{
	return m->uffd.moves;
}

bool memory_kernel_faults(const struct memory *m)
{
	return m->uffd.kernel_faults;
}

uint32_t memory_frames(const struct memory *m)
{
	return m->frames;
}
