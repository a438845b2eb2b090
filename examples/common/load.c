/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * load.c - write program and input into guest memory, as the loader of a VMM does: through
 * node 0, a page at a time, many at the same time. What doesn't fit there, the pod
 * moves elsewhere meanwhile.
 */
#include "pod.h"

#include "text.h"

#define WINDOW 32 /* accesses under way */

/* *bytes* is only read; the interface of an access serves reads, too. */
static int write_page(struct pod *pod, tidal_gpa gpa, const unsigned char *bytes, size_t len)
{
	int status;

	do {
		if (pod->loading < WINDOW) {
			status = tidal_node_access(pod->nodes[0].node, gpa, (void *)(uintptr_t)bytes,
						   len, 1, gpa);
			if (status == 0)
				break;
			if (status != TIDAL_EAGAIN)
				return complain(MINI_POD_BUG, "loading at %#llx: %s",
						(unsigned long long)gpa, tidal_strerror(status));
		}
		status = pod_step(pod);
	} while (!status);
	if (!status)
		pod->loading++;
	return status;
}

static int write_bytes(struct pod *pod, uint64_t at, const unsigned char *bytes, uint64_t len)
{
	while (len) {
		size_t n = TIDAL_PAGE_SIZE - at % TIDAL_PAGE_SIZE;
		int status;

		n = n < len ? n : (size_t)len;
		status = write_page(pod, pod->options->machine->gpa(at), bytes, n);
		if (status)
			return status;
		at += n;
		bytes += n;
		len -= n;
	}
	return 0;
}

int pod_load(struct pod *pod, const struct program *program)
{
	int status = 0;

	for (uint32_t i = 0; i < program->image.segments && !status; i++) {
		status = write_bytes(pod, program->image.segment[i].at,
				     program->image.segment[i].data,
				     program->image.segment[i].bytes);
	}
	if (!status)
		status = write_bytes(pod, program->input_at, program->input.bytes,
				     program->input.len);
	while (!status && pod->loading)
		status = pod_step(pod);
	return status;
}
