/* SPDX-License-Identifier: BSD-3-Clause */
/* json.c - the counters of all nodes, as JSON. */
#include "json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <tidal/error.h>

#include "counters.h"
#include "podfile.h"
#include "text.h"

int json_check(const struct options *options)
{
	FILE *file = options->json ? fopen(options->json, "w") : NULL;

	if (options->json && !file)
		return complain(MINI_POD_USAGE, "%s: can't write it: %s", options->json,
				strerror(errno));
	if (file)
		fclose(file);
	return 0;
}

int json_write(const struct options *options, const struct tally *tally, int guest_code)
{
	json_t *nodes = json_array(), *root;
	int bad;

	if (!options->json) {
		json_decref(nodes);
		return 0;
	}
	for (uint32_t i = 0; i < tally->nodes; i++)
		json_array_append_new(nodes, counters_write(tally, i));
	root = json_pack("{s:s, s:o, s:i, s:s, s:I, s:I, s:o}",
			 "libtidal", tidal_version(),
			 "pod", podfile_describe(options),
			 "exit-code", guest_code,
			 "clock", tally->real ? "real" : "virtual",
			 "ready-ns", (json_int_t)tally->ready,
			 "ended-ns", (json_int_t)tally->ended,
			 "nodes", nodes);
	bad = !root || json_dump_file(root, options->json, JSON_INDENT(1));
	json_decref(root);
	return bad ? complain(MINI_POD_BUG, "%s: can't write it", options->json) : 0;
}
