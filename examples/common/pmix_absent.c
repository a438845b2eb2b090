/* SPDX-License-Identifier: BSD-3-Clause */
/* pmix_absent.c - built without PMIx, or without the JSON that processes speak. */
#include "pmix.h"

#include "text.h"

int pmix_join(struct options *options)
{
	(void)options;
	return complain(MINI_POD_USAGE, "--pmix: mini-pod was built without it (Debian: libpmix-dev "
			"libjansson-dev)");
}
