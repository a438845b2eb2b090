/* SPDX-License-Identifier: BSD-3-Clause */
/* table_text - the protocol's table as Markdown, as docs/protocol.md has it. */
#ifndef TIDAL_TESTS_TABLE_TEXT_H
#define TIDAL_TESTS_TABLE_TEXT_H

#include <stdio.h>
#include <string.h>

#include "core/proto.h"

static inline void table_text(FILE *to)
{
	fprintf(to, "| |");
	for (unsigned h = 0; h < HAP_MAX; h++)
		fprintf(to, " %s |", happening_name(h));
	fprintf(to, "\n|---|");
	for (unsigned h = 0; h < HAP_MAX; h++)
		fprintf(to, "---|");
	for (unsigned s = 0; s < SIT_MAX; s++) {
		fprintf(to, "\n| **%s** |", situation_name(s));
		for (unsigned h = 0; h < HAP_MAX; h++) {
			const char *name = proto_name((enum situation)s, (enum happening)h);

			fprintf(to, " %s |", strcmp(name, "reject") ? name : "-");
		}
	}
	fprintf(to, "\n");
}

#endif
