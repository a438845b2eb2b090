/* SPDX-License-Identifier: BSD-3-Clause */
/* A program that uses an installed core without the rest of libtidal; see install.sh. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tidal/core.h>

static int fail(const char *what, int error)
{
	printf("%s: %s\n", what, tidal_strerror(error));
	return 1;
}

int main(void)
{
	const struct tidal_event tick = { .kind = TIDAL_EV_TICK };
	struct tidal_vmap vmap;
	struct tidal_params params;
	struct tidal_core *core;
	size_t bytes;
	void *mem;
	int error = tidal_vmap_init(&vmap, sizeof(vmap), 1024, 1);

	if (error)
		return fail("vmap", error);
	tidal_params_init(&params, sizeof(params), 256);
	params.vmap = &vmap;
	bytes = tidal_core_footprint(&params);
	mem = bytes ? aligned_alloc(64, (bytes + 63) / 64 * 64) : NULL;
	if (!mem)
		return fail("footprint", TIDAL_ENOMEM);
	memset(mem, 0, bytes);
	error = tidal_core_init(mem, bytes, &params, &core);
	if (!error)
		error = tidal_core_push(core, 1000, &tick);
	if (error)
		return fail("core", error);
	printf("a core of %zu bytes at %llu ns\n", bytes,
	       (unsigned long long)tidal_core_time(core));
	error = tidal_core_time(core) != 1000;
	free(mem);
	return error;
}
