/* SPDX-License-Identifier: BSD-3-Clause */
/* The engine that is measured: libtidal, with the threads backend over the fabric transport. */
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <tidal/fabric.h>
#include <tidal/node.h>
#include <tidal/run.h>
#include <tidal/threads.h>

#include "crew.h"
#include "taps.h"

#define FRAMES (2 * CREW_PAGES)
#define NEVER_NS UINT64_C(3600000000000)
#define PATIENCE_MS 20000

static struct {
	struct crew_config config;
	tidal_nodeid self;
	struct tidal_transport *wire;
	struct tidal_host *host;
	struct tidal_node *node;
	struct tidal_vmap vmap;
	struct tidal_topology topology;
	struct tidal_topo_object objects[CREW_GUESTS + 3];
	atomic_bool ready;
} n;

static void must(int err, const char *what)
{
	if (err)
		crew_fail(false, "node %u: %s: %s", n.self, what, tidal_strerror(err));
}

static void nap(void)
{
	(void)nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

static void on_report(void *arg, const struct tidal_act_report *report)
{
	(void)arg;
	if (report->what == TIDAL_REPORT_READY)
		atomic_store(&n.ready, true);
	else
		crew_fail(false, "node %u: report %u: %s", n.self, report->what,
			  report->text ? report->text : "");
}

/* Halted by turns, nodes hear nothing of each other for long. */
static size_t open_wire(uint8_t *address)
{
	struct tidal_fabric_config config;
	size_t len = CREW_ADDRESS;
	static char why[200];
	int err;

	tidal_fabric_config_init(&config, sizeof(config));
	config.provider = n.config.provider;
	config.one_host = 1;
	config.wait = n.config.wait == CREW_SPIN ? TIDAL_FABRIC_SPIN : TIDAL_FABRIC_BLOCK;
	config.node = n.self;
	config.silence_ns = NEVER_NS;
	err = tidal_fabric_open(&config, &n.wire, why, sizeof(why));
	if (err)
		crew_fail(err == TIDAL_ENOSYS, "%s", why);
	if (n.config.wait != CREW_SPIN && tidal_fabric_ops()->wait_fd(n.wire) < 0)
		crew_fail(true, "provider \"%s\" has nothing to sleep on", n.config.provider);
	must(tidal_fabric_ops()->local_addr(n.wire, address, &len), "address");
	return len;
}

static void open_host(void)
{
	struct tidal_threads_config config;
	const char *why = "";
	int err;

	tidal_threads_config_init(&config, sizeof(config));
	config.frames = FRAMES;
	config.ram_bytes = (uint64_t)CREW_PAGES * TIDAL_PAGE_SIZE;
	config.vcpu_slots = config.hthreads = CREW_GUESTS;
	err = tidal_threads_open(&config, &n.host, &why);
	if (err)
		crew_fail(err == TIDAL_ENOSYS || err == TIDAL_EPERM, "%s", why);
	for (unsigned i = 0; i < CREW_GUESTS; i++)
		must(tidal_threads_ops()->vcpu_create(n.host,
						      (tidal_vcpuid)(n.self * CREW_GUESTS + i)),
		     "vCPU");
}

static size_t tidal_open(const struct crew_config *config, unsigned node, uint8_t *address)
{
	if (!tidal_fabric_ops())
		crew_fail(true, "libtidal was built without libfabric");
	n.config = *config;
	n.self = (tidal_nodeid)node;
	open_host();
	return open_wire(address);
}

static void describe(struct tidal_params *p)
{
	must(tidal_topology_regular(&n.topology, n.objects, CREW_GUESTS + 3, 1, 1, CREW_GUESTS),
	     "topology");
	must(tidal_vmap_init(&n.vmap, sizeof(n.vmap), CREW_PAGES, n.config.nodes * CREW_GUESTS),
	     "virtual map");
	n.vmap.vcpu_runs = n.config.nodes;
	for (unsigned i = 0; i < n.config.nodes; i++)
		n.vmap.vcpu[i] = (struct tidal_vmap_vcpus){ (tidal_vcpuid)(i * CREW_GUESTS),
							    CREW_GUESTS, (tidal_nodeid)i };
	tidal_params_init(p, sizeof(*p), FRAMES);
	p->node = n.self;
	p->nodes = (uint16_t)n.config.nodes;
	p->vmap = n.self == 0 ? &n.vmap : NULL;
	p->topology = &n.topology;
	p->vcpus = n.config.nodes * CREW_GUESTS;
	p->vcpu_slots = CREW_GUESTS;
	p->policy = tidal_policy_page();
	p->rto_ns = 50000000; /* halted, or with fewer processors than nodes, nothing is lost either */
	/*
	 * The floor doesn't keep a page for those who wanted it, either: not for a while, and not for
	 * longer when a thread wants the same page again and again (64 times backoff_ns).
	 */
	p->hold_ns = 0;
	p->backoff_ns = 1;
}

static void start_node(void)
{
	const struct tidal_ev_command go = { .command = TIDAL_CMD_CONTINUE };
	struct tidal_run_config run;
	unsigned waited = 0;

	tidal_run_config_init(&run, sizeof(run));
	run.spin_ns = n.config.wait == CREW_SPIN ? NEVER_NS
		      : n.config.wait == CREW_MIXED ? n.config.spin_ns : 0;
	must(tidal_node_start(n.node, &run), "start");
	while (!atomic_load(&n.ready) && waited++ < PATIENCE_MS)
		nap();
	must(atomic_load(&n.ready) ? 0 : TIDAL_EPEER, "the others");
	must(tidal_node_command(n.node, &go), "start");
}

static uint8_t *tidal_start(const uint8_t (*address)[CREW_ADDRESS], const size_t *len)
{
	static const struct tidal_node_callbacks callbacks = { .size = sizeof(callbacks),
							       .report = on_report };
	struct tidal_params params;
	struct tidal_node_config c = {
		.size = sizeof(c), .params = &params, .host = n.host, .transport = n.wire,
		.host_ops = tidal_threads_ops(), .transport_ops = tidal_fabric_ops(),
		.callbacks = &callbacks, .around = n.config.around,
	};

	for (unsigned i = 0; i < n.config.nodes; i++)
		if (i != n.self)
			must(tidal_fabric_ops()->peer_add(n.wire, (tidal_nodeid)i, address[i],
							  len[i]), "peer");
	if (n.config.stamps)
		taps_on(&c.host_ops, &c.transport_ops);
	describe(&params);
	must(tidal_node_open(&c, &n.node), "node");
	start_node();
	return tidal_threads_memory(n.host, 0, NULL);
}

const struct engine engine_tidal = { .name = "libtidal", .open = tidal_open,
				     .start = tidal_start };
