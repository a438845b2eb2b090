/* SPDX-License-Identifier: BSD-3-Clause */
/* launcher.c - notice that a launcher has started many copies. */
#include <stdlib.h>
#include <string.h>

#include "pmix.h"
#include "text.h"

void pmix_hint(void)
{
	const char *rank = getenv("PMIX_RANK"), *size = getenv("OMPI_COMM_WORLD_SIZE");

	if (!size)
		size = getenv("SLURM_NTASKS");
	if (rank && size && !strcmp(rank, "0") && strtoul(size, NULL, 10) > 1)
		complain(0, "%s copies were started, each a pod of its own: --pmix makes them one",
			 size);
}
