/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * trace_file.h - traces as files that Perfetto (ui.perfetto.dev) and chrome://tracing read: JSON,
 * an event a line. Each process writes a part, which can be read as it is; parts are put together
 * into one file, with their times aligned and arrows between their nodes.
 */
#ifndef MINI_POD_TRACE_FILE_H
#define MINI_POD_TRACE_FILE_H

#include "trace.h"

#define TRACE_PATH_MAX 4096
struct trace_path {
	char s[TRACE_PATH_MAX];
};
/* FILE.N; of a process that has all nodes: FILE.all */
struct trace_path trace_part(const char *file, uint32_t node);

/* All return 0, or an exit code after a complaint. */

/* Can it be written (or with options->node, that node's part)? Parts of an earlier run go. */
int trace_check(const struct options *options);
/* Write the part of this process. */
int trace_write(const struct trace *trace, const char *path);
/* Put the parts of these paths together; they are removed. Those that are missing are named. */
int trace_merge(const char *file, const struct trace_path *part, uint32_t parts);
/* --merge-trace FILE: all parts FILE.N that there are. */
int trace_merge_all(const struct options *options);

#endif
