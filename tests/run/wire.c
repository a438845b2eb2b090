/* SPDX-License-Identifier: BSD-3-Clause */
/* Part of pod: the in-process wire, or an endpoint of libfabric per node. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>
#include <tidal/fabric.h>

#include "pod.h"
#include "wire.h"

static char trouble[256];

static int open_fabric(const struct pod_config *pod, unsigned node, struct tidal_transport **t)
{
	struct tidal_fabric_config config;

	tidal_fabric_config_init(&config, sizeof(config));
	config.provider = pod->provider;
	config.one_host = 1;
	config.node = node;
	config.wait = pod->blocking ? TIDAL_FABRIC_BLOCK : TIDAL_FABRIC_SPIN;
	config.pod = (uint64_t)getpid();
	return tidal_fabric_open(&config, t, trouble, sizeof(trouble));
}

const char *pod_refusal(const struct pod_config *config)
{
	struct tidal_transport *t;

	if (!config->provider)
		return NULL;
	if (open_fabric(config, 0, &t))
		return trouble;
	tidal_fabric_ops()->close(t);
	return NULL;
}

static void open_inproc(struct pod *pod)
{
	struct tidal_inproc_config config;

	tidal_inproc_config_init(&config, sizeof(config));
	config.nodes = pod->config.nodes;
	config.threads = 1;
	assert_int_equal(tidal_inproc_open(&config, &pod->net), 0);
	for (unsigned i = 0; i < pod->config.nodes; i++)
		assert_int_equal(tidal_inproc_endpoint(pod->net, (tidal_nodeid)i,
						       &pod->node[i].wire), 0);
}

static void meet(struct pod *pod, unsigned a, unsigned b)
{
	struct pod_node *from = &pod->node[a], *to = &pod->node[b];
	uint8_t addr[256];
	size_t len = sizeof(addr);

	assert_int_equal(to->wire_ops->local_addr(to->wire, addr, &len), 0);
	assert_int_equal(from->wire_ops->peer_add(from->wire, (tidal_nodeid)b, addr, len), 0);
}

void wire_open(struct pod *pod)
{
	for (unsigned i = 0; i < pod->config.nodes; i++)
		pod->node[i].wire_ops = pod->config.provider ? tidal_fabric_ops()
							     : tidal_inproc_ops();
	if (!pod->config.provider) {
		open_inproc(pod);
		return;
	}
	for (unsigned i = 0; i < pod->config.nodes; i++)
		assert_int_equal(open_fabric(&pod->config, i, &pod->node[i].wire), 0);
	for (unsigned i = 0; i < pod->config.nodes; i++)
		for (unsigned k = 0; k < pod->config.nodes; k++)
			if (i != k)
				meet(pod, i, k);
}

void wire_close(struct pod *pod)
{
	for (unsigned i = 0; i < pod->config.nodes; i++)
		pod->node[i].wire_ops->close(pod->node[i].wire);
	tidal_inproc_close(pod->net);
}
