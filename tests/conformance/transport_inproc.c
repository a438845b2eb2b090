/* SPDX-License-Identifier: BSD-3-Clause */
/* The in-process transport passes the conformance suite, in virtual time. */
#include <stdlib.h>
#include <tidal/inproc.h>

#include "transport.h"

struct world {
	struct tidal_inproc *net;
	tidal_time now;
};

static int inproc_open(struct transport_pod *pod)
{
	struct tidal_inproc_config config;
	struct world *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return TIDAL_ENOMEM;
	tidal_inproc_config_init(&config, sizeof(config));
	config.nodes = pod->nodes;
	config.jitter_ns = 500;
	config.byte_ps = 80; /* about 100 Gbit/s */
	pod->net = w;
	pod->ops = tidal_inproc_ops();
	err = tidal_inproc_open(&config, &w->net);
	for (unsigned i = 0; !err && i < pod->nodes; i++)
		err = tidal_inproc_endpoint(w->net, (tidal_nodeid)i, &pod->node[i]);
	return err;
}

static void inproc_close(struct transport_pod *pod)
{
	struct world *w = pod->net;

	tidal_inproc_close(w->net);
	free(w);
}

static tidal_time inproc_now(struct transport_pod *pod)
{
	const struct world *w = pod->net;

	return w->now;
}

static void inproc_pause(struct transport_pod *pod)
{
	struct world *w = pod->net;

	w->now += 100;
}

int main(void)
{
	static const struct transport_adapter adapter = {
		.name = "inproc",
		.ordered = true,
		.open = inproc_open,
		.close = inproc_close,
		.now = inproc_now,
		.pause = inproc_pause,
	};

	return transport_conformance(&adapter);
}
