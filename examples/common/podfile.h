/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * podfile.h - the description of a pod as JSON: of a file, and in what nodes say to each other.
 *
 *	{ "memory": "1T", "node-memory": "16M", "provider": "net",
 *	  "nodes": [ { "name": "a", "address": "10.0.0.1:7000" },
 *		     { "name": "b", "address": "10.0.0.2" } ] }
 */
#ifndef MINI_POD_PODFILE_H
#define MINI_POD_PODFILE_H

#include <jansson.h>

#include "options.h"

/* Read the file options->pod_file. 0, or an exit code after a complaint. */
int podfile_read(struct options *options);

/* All that nodes of a pod must agree about; NULL: no memory. */
json_t *podfile_describe(const struct options *options);
/* Of that: equal where the descriptions are. */
uint64_t podfile_hash(const struct options *options);
/* 0, or -1 and a sentence about the first thing in which *theirs* differs from *ours*. */
int podfile_compare(json_t *ours, json_t *theirs, char *why, size_t size);

/* "node 2 (c)", or "node 2" of one without a name. */
struct place_name {
	char s[MINI_POD_NAME_MAX + 16];
};
struct place_name place_name(const struct options *options, uint32_t node);

#endif
