/* SPDX-License-Identifier: BSD-3-Clause */
/* counters.c - one list of counters, written and read by their names. */
#include "counters.h"

#include <stddef.h>

struct counter {
	const char *name;
	size_t offset;
};

#define CORE(member, text) { #member, offsetof(struct tidal_stats, member) },
#define DRIVER(member, text) { #member, offsetof(struct tidal_node_stats, member) },
static const struct counter core[] = { TIDAL_STATS(CORE) };
static const struct counter driver[] = { TIDAL_NODE_STATS(DRIVER) };

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static json_t *write_list(const struct counter *list, size_t count, const void *base)
{
	json_t *object = json_object();

	for (size_t i = 0; i < count; i++) {
		const uint64_t *value = (const uint64_t *)((const char *)base + list[i].offset);

		json_object_set_new(object, list[i].name, json_integer((json_int_t)*value));
	}
	return object;
}

static void read_list(const struct counter *list, size_t count, json_t *object, void *base)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t *value = (uint64_t *)((char *)base + list[i].offset);

		*value = (uint64_t)json_integer_value(json_object_get(object, list[i].name));
	}
}

json_t *counters_write(const struct tally *tally, uint32_t node)
{
	return json_pack("{s:o, s:o}",
			 "core", write_list(core, COUNT(core), &tally->core[node]),
			 "driver", write_list(driver, COUNT(driver), &tally->driver[node]));
}

void counters_read(json_t *object, struct tally *tally, uint32_t node)
{
	read_list(core, COUNT(core), json_object_get(object, "core"), &tally->core[node]);
	read_list(driver, COUNT(driver), json_object_get(object, "driver"), &tally->driver[node]);
}
