/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dense - a whole node under a guest that writes to memory for the first time: threads backend, its
 * own threads, free frames zeroed in the background. Floor: plain first touch, interleaved.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <tidal/inproc.h>
#include <tidal/run.h>
#include <tidal/stats.h>
#include <tidal/threads.h>
#include <unistd.h>

#include "bench.h"
#include "pod.h"
#include "report.h"

#define PAGE TIDAL_PAGE_SIZE
#define PAGES 8192u  /* that are written: 32 MiB */
#define FRAMES 16384u
#define ROUNDS 11
#define FAR 200	     /* pages far from each other */
#define VCPUS 4
#define GIB (UINT64_C(1) << 30)

struct one {
	struct tidal_inproc *net;
	struct tidal_host *host;
	struct tidal_transport *wire;
	struct tidal_node *node;
	struct tidal_vmap vmap;
	struct tidal_topology topology;
	struct tidal_topo_object objects[8];
	atomic_bool ready;
	uint8_t *ram;
};

static void must(int ret)
{
	if (ret)
		fail("a node that shares memory: %s", tidal_strerror(ret));
}

static void on_report(void *arg, const struct tidal_act_report *report)
{
	struct one *one = arg;

	if (report->what != TIDAL_REPORT_READY)
		fail("the node reports: %s", report->text ? report->text : "trouble");
	atomic_store(&one->ready, true);
}

static int open_host(struct one *one, uint64_t bytes, const char **why)
{
	struct tidal_threads_config config;

	tidal_threads_config_init(&config, sizeof(config));
	config.frames = FRAMES;
	config.ram_bytes = bytes;
	config.vcpu_slots = config.hthreads = VCPUS;
	return tidal_threads_open(&config, &one->host, why);
}

static void open_node(struct one *one, uint64_t bytes)
{
	static const struct tidal_node_callbacks callbacks = {
		.size = sizeof(callbacks), .report = on_report,
	};
	struct tidal_params params;
	struct tidal_node_config c = {
		.size = sizeof(c), .params = &params, .host_ops = tidal_threads_ops(),
		.host = one->host, .transport_ops = tidal_inproc_ops(),
		.callbacks = &callbacks, .arg = one,
	};

	for (unsigned v = 0; v < VCPUS; v++)
		must(c.host_ops->vcpu_create(one->host, (tidal_vcpuid)v));
	must(tidal_inproc_endpoint(one->net, 0, &one->wire));
	must(tidal_topology_regular(&one->topology, one->objects, 8, 1, 1, VCPUS));
	must(tidal_vmap_init(&one->vmap, sizeof(one->vmap), bytes / PAGE, VCPUS));
	tidal_params_init(&params, sizeof(params), FRAMES);
	params.vmap = &one->vmap;
	params.topology = &one->topology;
	params.vcpus = params.vcpu_slots = VCPUS;
	params.policy = tidal_policy_page();
	c.transport = one->wire;
	must(tidal_node_open(&c, &one->node));
	one->ram = tidal_threads_memory(one->host, 0, NULL);
}

static void order(struct one *one, uint32_t command, uint64_t number)
{
	const struct tidal_ev_command c = { .command = command, .gfn = number };
	int ret;

	while ((ret = tidal_node_command(one->node, &c)) == TIDAL_EAGAIN)
		continue;
	must(ret);
}

/* The guest may begin. Not possible: *why. */
static int open_one(struct one *one, uint64_t bytes, uint32_t zeroers, const char **why)
{
	struct tidal_inproc_config wire;
	struct tidal_run_config run;

	*one = (struct one){ .net = NULL };
	if (open_host(one, bytes, why))
		return 0;
	tidal_inproc_config_init(&wire, sizeof(wire));
	wire.nodes = 1;
	wire.threads = 1;
	must(tidal_inproc_open(&wire, &one->net));
	open_node(one, bytes);
	tidal_run_config_init(&run, sizeof(run));
	run.zeroers = zeroers;
	must(tidal_node_start(one->node, &run));
	while (!atomic_load(&one->ready))
		continue;
	order(one, TIDAL_CMD_SET_AHEAD, TIDAL_AHEAD_MAX);
	order(one, TIDAL_CMD_CONTINUE, 0);
	return 1;
}

static void close_one(struct one *one)
{
	must(tidal_node_stop(one->node));
	tidal_node_close(one->node);
	tidal_inproc_ops()->close(one->wire);
	tidal_threads_ops()->close(one->host);
	tidal_inproc_close(one->net);
}

static struct tidal_stats stats_of(struct one *one)
{
	struct tidal_stats stats;

	tidal_node_lock(one->node);
	tidal_core_stats(tidal_node_core(one->node), &stats, sizeof(stats));
	tidal_node_unlock(one->node);
	return stats;
}

static void await_zeroed(struct one *one)
{
	while (stats_of(one).frames_zeroed < FRAMES - FRAMES / 8)
		usleep(500);
}

/* ---- dense ---- */

static double write_each(uint8_t *at, unsigned pages, uint64_t stride)
{
	uint64_t start = clock_ns();

	for (uint64_t i = 0; i < pages; i++)
		*(volatile uint8_t *)(at + i * stride) = 1;
	return (double)(clock_ns() - start) / pages;
}

static double first_touch(void)
{
	size_t bytes = (size_t)PAGES * PAGE;
	uint8_t *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	double ns;

	if (at == MAP_FAILED || madvise(at, bytes, MADV_NOHUGEPAGE))
		fail("no memory");
	ns = write_each(at, PAGES, PAGE);
	munmap(at, bytes);
	return ns;
}

struct dense {
	double touch[ROUNDS], later[ROUNDS], at_once[ROUNDS], none[ROUNDS], alone[ROUNDS];
	double ratio[ROUNDS], ratio_at_once[ROUNDS];
};

/* The guest writes to 32 MiB: when frames have been zeroed, or as soon as the node is open. */
static double node_touch(uint32_t zeroers, int wait, double *alone)
{
	struct one one;
	const char *why;
	double ns;

	if (!open_one(&one, 64 * GIB, zeroers, &why))
		fail("%s", why);
	if (wait)
		await_zeroed(&one);
	if (alone)
		*alone = write_each(one.ram + 32 * GIB, FAR, 16 << 20);
	ns = write_each(one.ram, PAGES, PAGE);
	close_one(&one);
	return ns;
}

static void dense(void)
{
	static struct dense d;

	for (unsigned r = 0; r < ROUNDS; r++) {
		d.touch[r] = first_touch();
		d.later[r] = node_touch(1, 1, &d.alone[r]);
		d.at_once[r] = node_touch(1, 0, NULL);
		d.none[r] = node_touch(0, 0, NULL);
		d.ratio[r] = d.later[r] / d.touch[r];
		d.ratio_at_once[r] = d.at_once[r] / d.touch[r];
	}
	report_figure(&(struct figure){ .name = "a node's guest writes densely, a page", .unit = "ns",
					.value = median(d.later, ROUNDS),
					.floor_name = "plain first touch",
					.floor = median(d.touch, ROUNDS) });
	report_figure(&(struct figure){ .name = "a node's dense writing / plain first touch",
					.unit = "", .value = median(d.ratio, ROUNDS),
					.goal = AT_MOST, .goal_value = 0.25 });
	report_figure(&(struct figure){ .name = "the same while frames are being zeroed, a page",
					.unit = "ns", .value = median(d.at_once, ROUNDS),
					.floor_name = "plain first touch",
					.floor = median(d.touch, ROUNDS) });
	report_figure(&(struct figure){ .name = "the same without zeroers, a page", .unit = "ns",
					.value = median(d.none, ROUNDS),
					.floor_name = "plain first touch",
					.floor = median(d.touch, ROUNDS) });
	report_figure(&(struct figure){ .name = "a node's guest writes to far pages, a page",
					.unit = "ns", .value = median(d.alone, ROUNDS) });
}

/* ---- ready at once ---- */

static double ready(uint64_t bytes)
{
	uint64_t start = clock_ns();
	struct one one;
	const char *why;

	if (!open_one(&one, bytes, 1, &why))
		fail("%s", why);
	*(volatile uint8_t *)(one.ram + bytes / 2) = 1;
	start = clock_ns() - start;
	close_one(&one);
	return (double)start / 1e6;
}

static void sizes(void)
{
	static const struct {
		uint64_t gib;
		const char *name;
	} size[] = {
		{ 64, "64 GiB of guest: from open to the first write" },
		{ 1024, "1 TiB of guest: from open to the first write" },
		{ 16384, "16 TiB of guest: from open to the first write" },
	};
	double ms[3][ROUNDS];

	for (unsigned r = 0; r < ROUNDS; r++)
		for (unsigned i = 0; i < 3; i++)
			ms[i][r] = ready(size[i].gib * GIB);
	for (unsigned i = 0; i < 3; i++)
		report_figure(&(struct figure){ .name = size[i].name, .unit = "ms",
						.value = median(ms[i], ROUNDS), .goal = AT_MOST,
						.goal_value = 50 });
}

void bench_dense(void)
{
	const char *why = "";
	struct one one = { .net = NULL };

	if (open_host(&one, PAGE, &why)) {
		report_skip(why);
		return;
	}
	tidal_threads_ops()->close(one.host);
	dense();
	sizes();
}
