/* SPDX-License-Identifier: BSD-3-Clause */
/* A program that uses an installed libtidal: a pod of one node; see install.sh. */
#include <stdio.h>
#include <tidal/fake.h>
#include <tidal/inproc.h>
#include <tidal/tidal.h>

static void on_report(void *arg, const struct tidal_act_report *report)
{
	if (report->what == TIDAL_REPORT_READY)
		*(int *)arg = 1;
}

/* Step a node until it reports that it is ready. */
static int run(const struct tidal_node_config *config, const int *ready)
{
	struct tidal_node *node;
	int error = tidal_node_open(config, &node);

	if (error)
		return error;
	for (tidal_time now = 1; error >= 0 && !*ready && now < 1000; now++)
		error = tidal_node_step(node, now * 1000, 0);
	tidal_node_close(node);
	return error < 0 ? error : 0;
}

static int open_both(struct tidal_params *params, struct tidal_host **host,
		     struct tidal_inproc **net, struct tidal_transport **endpoint)
{
	struct tidal_fake_config fake;
	struct tidal_inproc_config inproc;
	int error;

	tidal_params_init(params, sizeof(*params), 256);
	tidal_fake_config_init(&fake, sizeof(fake));
	fake.frames = params->frames;
	fake.vcpu_slots = params->vcpu_slots;
	fake.hthreads = 1;
	fake.ram_bytes = 4 << 20;
	tidal_inproc_config_init(&inproc, sizeof(inproc));
	inproc.nodes = 1;
	error = tidal_fake_open(&fake, host);
	if (!error)
		error = tidal_inproc_open(&inproc, net);
	if (!error)
		error = tidal_inproc_endpoint(*net, 0, endpoint);
	return error;
}

int main(void)
{
	const struct tidal_node_callbacks callbacks = {
		.size = sizeof(callbacks), .report = on_report,
	};
	struct tidal_vmap vmap;
	struct tidal_params params;
	struct tidal_host *host;
	struct tidal_inproc *net;
	struct tidal_transport *endpoint;
	int ready = 0, error = open_both(&params, &host, &net, &endpoint);

	if (!error)
		error = tidal_vmap_init(&vmap, sizeof(vmap), 1024, 1);
	if (!error) {
		const struct tidal_node_config config = {
			.size = sizeof(config), .params = &params,
			.host_ops = tidal_fake_ops(), .host = host,
			.transport_ops = tidal_inproc_ops(), .transport = endpoint,
			.callbacks = &callbacks, .arg = &ready,
		};

		params.vmap = &vmap;
		error = run(&config, &ready);
		tidal_inproc_ops()->close(endpoint);
		tidal_inproc_close(net);
		tidal_fake_ops()->close(host);
	}
	printf("libtidal %s: %s, %s\n", tidal_version(), tidal_strerror(error),
	       ready ? "ready" : "not ready");
	return error || !ready;
}
