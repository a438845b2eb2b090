/* SPDX-License-Identifier: BSD-3-Clause */
/* processes_absent.c - built without the library that reads pod files. */
#include "processes.h"

#include "text.h"

static int absent(const char *option)
{
	return complain(MINI_POD_USAGE,
			"--%s: mini-pod was built without jansson (Debian: libjansson-dev)", option);
}

int processes_run(struct options *options)
{
	(void)options;
	return absent("processes");
}

int processes_join(struct options *options)
{
	(void)options;
	return absent("pod");
}
