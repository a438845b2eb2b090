/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The libfabric transport passes the conformance suite, in one process, on loopback. One program per
 * provider; PROVIDER is a string. Heartbeats are off: silence is to be silence.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <tidal/fabric.h>

#include "transport.h"

#define GREETING_ROUNDS 2000000

static tidal_time fabric_now(struct transport_pod *pod)
{
	struct timespec ts;

	(void)pod;
	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (tidal_time)ts.tv_sec * 1000000000u + (tidal_time)ts.tv_nsec;
}

/* All are polled, so that what is on its way gets on; nothing is taken from them. */
static void fabric_pause(struct transport_pod *pod)
{
	struct tidal_completion none[1];

	for (unsigned i = 0; i < pod->nodes; i++)
		if (pod->node[i])
			(void)pod->ops->poll(pod->node[i], fabric_now(pod), none, 0);
}

static void fabric_config(struct tidal_fabric_config *config, unsigned node)
{
	tidal_fabric_config_init(config, sizeof(*config));
	config->provider = PROVIDER;
	config->one_host = 1;
	config->node = node;
	config->pod = 77;
	config->checksums = CHECKSUMS;
	config->wait = TIDAL_FABRIC_SPIN;
	config->heartbeat_ns = 0;
}

static int add_peers(struct transport_pod *pod)
{
	uint8_t addr[512];
	size_t len;
	int err = 0;

	for (unsigned to = 0; !err && to < pod->nodes; to++) {
		len = sizeof(addr);
		err = pod->ops->local_addr(pod->node[to], addr, &len);
		for (unsigned i = 0; !err && i < pod->nodes; i++)
			if (i != to)
				err = pod->ops->peer_add(pod->node[i], (tidal_nodeid)to, addr, len);
	}
	return err;
}

static bool all_greeted(struct transport_pod *pod)
{
	struct tidal_fabric_peer peer = { .size = sizeof(peer) };

	for (unsigned i = 0; i < pod->nodes; i++)
		for (unsigned to = 0; to < pod->nodes; to++)
			if (i != to && (tidal_fabric_peer(pod->node[i], (tidal_nodeid)to, &peer) ||
					peer.state != TIDAL_FABRIC_UP))
				return false;
	return true;
}

static int fabric_open(struct transport_pod *pod)
{
	struct tidal_fabric_config config;
	char why[200];
	int err = 0;

	pod->ops = tidal_fabric_ops();
	for (unsigned i = 0; !err && i < pod->nodes; i++) {
		fabric_config(&config, i);
		err = tidal_fabric_open(&config, &pod->node[i], why, sizeof(why));
		if (err)
			(void)fprintf(stderr, "%s\n", why);
	}
	if (!err)
		err = add_peers(pod);
	for (unsigned i = 0; !err && i < GREETING_ROUNDS; i++) {
		if (all_greeted(pod))
			return 0;
		fabric_pause(pod);
	}
	return err ? err : TIDAL_EPEER;
}

static void fabric_close(struct transport_pod *pod)
{
	(void)pod;
}

/* Where the provider is not to be had there is nothing to test. */
static bool is_here(void)
{
	struct tidal_fabric_config config;
	struct tidal_transport *t;
	char why[200];
	int err;

	fabric_config(&config, 0);
	err = tidal_fabric_open(&config, &t, why, sizeof(why));
	if (err == TIDAL_ENOSYS) {
		printf("SKIP: transport-fabric with provider %s: %s\n", PROVIDER, why);
		return false;
	}
	if (err)
		printf("transport-fabric with provider %s: %s\n", PROVIDER, why);
	else
		tidal_fabric_ops()->close(t);
	return true;
}

int main(void)
{
	static const struct transport_adapter adapter = {
		.name = "fabric",
		.ordered = true,
		.open = fabric_open,
		.close = fabric_close,
		.now = fabric_now,
		.pause = fabric_pause,
	};

	return is_here() ? transport_conformance(&adapter) : 77;
}
