/* SPDX-License-Identifier: BSD-3-Clause */
/* The settings of an endpoint. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "checksum.h"
#include "config.h"

#define RETRIES_MAX 1000
#define MS UINT64_C(1000000)

int why_say(struct why *why, int error, const char *format, ...)
{
	va_list args;

	if (!why->text || why->size == 0)
		return error;
	va_start(args, format);
	(void)vsnprintf(why->text, why->size, format, args);
	va_end(args);
	return error;
}

void tidal_fabric_config_init(struct tidal_fabric_config *config, size_t size)
{
	struct tidal_fabric_config c = {
		.size = size, .retries = 2, .heartbeat_ns = 250 * MS, .silence_ns = 3000 * MS,
	};

	memset(config, 0, size);
	memcpy(config, &c, size < sizeof(c) ? size : sizeof(c));
}

static int check_switches(const struct tidal_fabric_config *c, struct why *why)
{
	if (c->one_host > 1 || c->checksums > 1 || c->silence_is_death > 1)
		return why_say(why, TIDAL_EINVAL,
			       "one_host, checksums and silence_is_death are 0 or 1");
	if (c->wait > TIDAL_FABRIC_BLOCK)
		return why_say(why, TIDAL_EINVAL, "no such way to wait: %u", c->wait);
	if (c->checksums && !fabric_have_checksums)
		return why_say(why, TIDAL_ENOSYS, "checksums: built without xxHash");
	return 0;
}

static int check_numbers(const struct tidal_fabric_config *c, struct why *why)
{
	if (c->node >= TIDAL_NODES_MAX)
		return why_say(why, TIDAL_EINVAL, "node %u: the last one is %u", c->node,
			       TIDAL_NODES_MAX - 1);
	if (c->port > UINT16_MAX)
		return why_say(why, TIDAL_EINVAL, "port %u: the last one is %u", c->port,
			       UINT16_MAX);
	if (c->retries > RETRIES_MAX)
		return why_say(why, TIDAL_EINVAL, "%u retries: at most %u", c->retries, RETRIES_MAX);
	if (c->heartbeat_ns > 0 && (c->heartbeat_ns < MS || c->silence_ns / 2 < c->heartbeat_ns))
		return why_say(why, TIDAL_EINVAL,
			       "a heartbeat is at least 1 ms, silence two heartbeats");
	return 0;
}

int config_read(struct tidal_fabric_config *c, const struct tidal_fabric_config *from,
		struct why *why)
{
	const unsigned char *bytes = (const unsigned char *)from;
	int err;

	if (!from || from->size < sizeof(from->size))
		return why_say(why, TIDAL_EINVAL, "the settings have no size");
	for (size_t i = sizeof(*c); i < from->size; i++)
		if (bytes[i] != 0)
			return why_say(why, TIDAL_EINVAL, "settings that this library does not know");
	tidal_fabric_config_init(c, sizeof(*c));
	memcpy(c, from, from->size < sizeof(*c) ? from->size : sizeof(*c));
	c->size = sizeof(*c);
	err = check_switches(c, why);
	return err ? err : check_numbers(c, why);
}
