/* SPDX-License-Identifier: BSD-3-Clause */
/* processes_absent.c - built without the library that reads and writes JSON. */
#include "json.h"
#include "processes.h"

#include "text.h"

static int absent(const char *option)
{
	return complain(MINI_POD_USAGE,
			"--%s: %s was built without jansson (Debian: libjansson-dev)", option,
			text_program);
}

int json_check(const struct options *options)
{
	return options->json ? absent("json") : 0;
}

int json_write(const struct options *options, const struct tally *tally, int guest_code)
{
	(void)options;
	(void)tally;
	(void)guest_code;
	return 0;
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
