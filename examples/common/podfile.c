/* SPDX-License-Identifier: BSD-3-Clause */
/* podfile.c - descriptions of pods, from a file and for comparison. */
#include "podfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "text.h"

#define WHERE_MAX 300
#define LAST_PORT 65535

struct place_name place_name(const struct options *options, uint32_t node)
{
	const char *name = node < MINI_POD_NODES_MAX ? options->place[node].name : "";
	struct place_name text;

	if (*name)
		snprintf(text.s, sizeof(text.s), "node %u (%s)", node, name);
	else
		snprintf(text.s, sizeof(text.s), "node %u", node);
	return text;
}

/* "HOST" or "HOST:PORT"; an IPv6 HOST with a port is in brackets. */
static int split_address(const char *text, struct place *place)
{
	const char *end = *text == '[' ? strchr(text, ']') : strchr(text, ':');
	const char *host = *text == '[' ? text + 1 : text;
	uint64_t port = 0;
	size_t len;

	if (*text == '[' && !end)
		return -1;
	len = end ? (size_t)(end - host) : strlen(host);
	if (end && *end == ']')
		end++;
	if (end && *end && (*end != ':' || parse_number(end + 1, &port) || port > LAST_PORT))
		return -1;
	if (len == 0 || len >= sizeof(place->host))
		return -1;
	memcpy(place->host, host, len);
	place->host[len] = '\0';
	place->port = (uint32_t)port;
	return 0;
}

static int read_place(struct options *options, uint32_t node, json_t *object)
{
	const char *file = options->pod_file, *name = "", *address = NULL;
	struct place *place = &options->place[node];
	json_error_t error;

	if (json_unpack_ex(object, &error, JSON_STRICT, "{s?s, s:s}", "name", &name, "address",
			   &address))
		return complain(MINI_POD_USAGE, "%s: node %u: %s", file, node, error.text);
	if (strlen(name) >= sizeof(place->name))
		return complain(MINI_POD_USAGE, "%s: node %u: its name is too long", file, node);
	strcpy(place->name, name);
	if (split_address(address, place))
		return complain(MINI_POD_USAGE,
				"%s: node %u: address \"%s\": give one such as 10.0.0.1:7000", file,
				node, address);
	if (node == 0 && place->port == 0)
		return complain(MINI_POD_USAGE,
				"%s: node 0: address \"%s\": give it a port, where the nodes meet",
				file, address);
	return 0;
}

static int read_places(struct options *options, json_t *nodes)
{
	size_t count = json_array_size(nodes);
	int status = 0;

	if (count < 1 || count > MINI_POD_NODES_MAX)
		return complain(MINI_POD_USAGE, "%s: nodes: give a list of 1 to %u",
				options->pod_file, MINI_POD_NODES_MAX);
	options->nodes = (uint32_t)count;
	for (uint32_t i = 0; i < count && !status; i++)
		status = read_place(options, i, json_array_get(nodes, i));
	return status;
}

/* A setting as it would be given on the command line. */
static int read_setting(struct options *options, const char *name, json_t *value)
{
	char number[32];

	if (json_is_string(value))
		return options_set(options, name, json_string_value(value));
	if (!json_is_integer(value))
		return complain(MINI_POD_USAGE, "%s%s: give a text or a whole number",
				options->where, name);
	snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(value));
	return options_set(options, name, number);
}

static int read_object(struct options *options, json_t *root)
{
	const char *name;
	json_t *value;
	int status = read_places(options, json_object_get(root, "nodes"));

	json_object_foreach(root, name, value) {
		if (status)
			break;
		if (strcmp(name, "nodes") != 0)
			status = read_setting(options, name, value);
	}
	return status;
}

int podfile_read(struct options *options)
{
	const char *file = options->pod_file;
	char where[WHERE_MAX];
	json_error_t error;
	json_t *root = json_load_file(file, JSON_REJECT_DUPLICATES, &error);
	int status;

	if (!root && error.line < 0)
		return complain(MINI_POD_USAGE, "%s: %s", file, error.text);
	if (!root)
		return complain(MINI_POD_USAGE, "%s: line %d, column %d: %s", file, error.line,
				error.column, error.text);
	snprintf(where, sizeof(where), "%s: ", file);
	options->where = where;
	status = read_object(options, root);
	options->where = "--";
	json_decref(root);
	if (!status && options->node >= options->nodes)
		status = complain(MINI_POD_USAGE, "--node %u: %s has nodes 0 to %u", options->node,
				  file, options->nodes - 1);
	return status;
}

static json_t *number_text(uint64_t number)
{
	return json_sprintf("%llu", (unsigned long long)number);
}

static json_t *describe_places(const struct options *options)
{
	json_t *nodes = json_array();

	for (uint32_t i = 0; i < options->nodes; i++) {
		const struct place *place = &options->place[i];

		json_array_append_new(nodes, json_pack("{s:s, s:s, s:i}", "name", place->name,
						       "host", place->host, "port",
						       (int)place->port));
	}
	return nodes;
}

json_t *podfile_describe(const struct options *options)
{
	return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:s, s:s, s:o, s:s, s:o, s:o}",
			 "nodes", describe_places(options),
			 "backend", options->machine->name,
			 "vcpus", number_text(options->vcpus),
			 "hthreads", number_text(options->hthreads),
			 "memory", number_text(options->memory),
			 "node-memory", number_text(options->node_memory),
			 "policy", options->policy->name,
			 "start", options->start_at_master ? "master" : "spread",
			 "seed", number_text(options->seed),
			 "provider", options->provider,
			 "join", number_text(options->join_s),
			 "silence", number_text(options->silence_s));
}

uint64_t podfile_hash(const struct options *options)
{
	json_t *description = podfile_describe(options);
	char *text = description ? json_dumps(description, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (const char *c = text; c && *c; c++)
		hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
	free(text);
	json_decref(description);
	return hash;
}

/* It may come from strangers: only what a terminal can't take for a command is shown. */
static int is_plain(const char *text)
{
	while (*text >= ' ' && *text <= '~')
		text++;
	return !*text;
}

static void differ(const char *name, json_t *ours, json_t *theirs, char *why, size_t size)
{
	const char *here = json_string_value(ours), *there = json_string_value(theirs);

	if (here && there && is_plain(there))
		snprintf(why, size, "its %s is %.40s, here it is %.40s", name, there, here);
	else if (json_array_size(ours) != json_array_size(theirs))
		snprintf(why, size, "it has %zu nodes, here there are %zu", json_array_size(theirs),
			 json_array_size(ours));
	else
		snprintf(why, size, "its %s differ from those here", name);
}

int podfile_compare(json_t *ours, json_t *theirs, char *why, size_t size)
{
	const char *name;
	json_t *value;

	json_object_foreach(ours, name, value) {
		json_t *other = json_object_get(theirs, name);

		if (json_equal(value, other))
			continue;
		differ(name, value, other, why, size);
		return -1;
	}
	return 0;
}
