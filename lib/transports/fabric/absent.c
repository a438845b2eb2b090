/* SPDX-License-Identifier: BSD-3-Clause */
/* Built without libfabric: no endpoint can be opened, so nothing else is ever called with one. */
#include <stdio.h>
#include <string.h>
#include <tidal/fabric.h>

int tidal_fabric_open(const struct tidal_fabric_config *config, struct tidal_transport **endpoint,
		      char *why, size_t why_size)
{
	(void)config;
	(void)endpoint;
	if (why && why_size > 0)
		(void)snprintf(why, why_size, "this library was built without libfabric");
	return TIDAL_ENOSYS;
}

const struct tidal_transport_ops *tidal_fabric_ops(void)
{
	return NULL;
}

const char *tidal_fabric_provider(const struct tidal_transport *endpoint)
{
	(void)endpoint;
	return "";
}

int tidal_fabric_peer(const struct tidal_transport *endpoint, tidal_nodeid node,
		      struct tidal_fabric_peer *peer)
{
	(void)endpoint;
	(void)node;
	(void)peer;
	return TIDAL_ENOSYS;
}

const char *tidal_fabric_trouble(const struct tidal_transport *endpoint)
{
	(void)endpoint;
	return "";
}

void tidal_fabric_stats(const struct tidal_transport *endpoint, struct tidal_fabric_stats *stats,
			size_t size)
{
	(void)endpoint;
	memset(stats, 0, size);
}
