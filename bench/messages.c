/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * messages - what one fault costs on the wire, by how many nodes have a copy of the page: messages
 * of the protocol, packets, and hops on the critical path, that is messages of which
 * each had to wait for the one before until the page could be used.
 */
#include <stdio.h>

#include "bench.h"
#include "pod.h"
#include "report.h"

#define SHARERS 7
#define OWNER 0
#define REQUESTER (SHARERS + 1)
#define NODES (SHARERS + 2)
#define SAMPLES 64	  /* pages, each with a home of its own */
#define QUIET_NS 10000000 /* by then all is acknowledged */

struct cost {
	double messages, packets, hops, forwards;
	unsigned hops_max; /* without forwards */
};

enum fault { READ, WRITE, OWNER_WRITE, FAULTS };

/* The page's owner has written to it; sharers have read it since; the requester knows the owner, for it
 * had a copy once, or it does not. */
static tidal_gfn set_up(struct pod *pod, unsigned sample, unsigned sharers, bool known)
{
	tidal_gfn gfn = (tidal_gfn)sample * TIDAL_RANGE_PAGES + 7;

	pod_touch(pod, OWNER, gfn, TIDAL_WRITE);
	if (known) {
		pod_touch(pod, REQUESTER, gfn, TIDAL_READ);
		pod_touch(pod, OWNER, gfn, TIDAL_WRITE);
	}
	for (unsigned i = 1; i <= sharers; i++)
		pod_touch(pod, i, gfn, TIDAL_READ);
	pod_settle(pod, QUIET_NS);
	return gfn;
}

static void measure(struct pod *pod, tidal_gfn gfn, enum fault fault, struct cost *c)
{
	struct tidal_stats before, after;
	uint64_t messages = pod_messages(pod), packets = pod_counts(pod)->packets;
	unsigned hops, forwards;

	pod_stats(pod, &before);
	hops = pod_touch(pod, fault == OWNER_WRITE ? OWNER : REQUESTER, gfn,
			 fault == READ ? TIDAL_READ : TIDAL_WRITE);
	pod_settle(pod, QUIET_NS);
	pod_stats(pod, &after);
	forwards = (unsigned)(after.forwards - before.forwards);
	c->messages += (double)(pod_messages(pod) - messages) / SAMPLES;
	c->packets += (double)(pod_counts(pod)->packets - packets) / SAMPLES;
	c->hops += (double)hops / SAMPLES;
	c->forwards += (double)forwards / SAMPLES;
	if (hops - forwards > c->hops_max)
		c->hops_max = hops - forwards;
}

static struct cost average(enum fault fault, unsigned sharers, bool known, uint32_t flags)
{
	const struct pod_config config = {
		.nodes = NODES, .pages = (uint64_t)SAMPLES * TIDAL_RANGE_PAGES, .frames = 4096,
		.flags = flags,
	};
	struct pod *pod = pod_open(&config);
	struct cost c = { 0 };

	for (unsigned i = 0; i < SAMPLES; i++)
		measure(pod, set_up(pod, i, sharers, known), fault, &c);
	pod_close(pod);
	return c;
}

static void figure(const char *name, unsigned sharers, const char *what, double value)
{
	char text[96];

	snprintf(text, sizeof(text), "%s, %u %s: %s", name, sharers,
		 sharers == 1 ? "copy" : "copies", what);
	report_figure(&(struct figure){ .name = text, .unit = "", .value = value });
}

/* Returns the hops. */
static unsigned row(const char *name, enum fault fault, unsigned sharers, bool known)
{
	struct cost acked = average(fault, sharers, known, 0);
	struct cost ideal = average(fault, sharers, known, TIDAL_PARAM_IDEAL_LINK);

	figure(name, sharers, "hops", acked.hops);
	if (acked.forwards > 0)
		figure(name, sharers, "forwards", acked.forwards);
	figure(name, sharers, "messages", acked.messages);
	figure(name, sharers, "packets", acked.packets);
	figure(name, sharers, "packets, exactly-once transport", ideal.packets);
	return acked.hops_max;
}

static unsigned larger(unsigned a, unsigned b)
{
	return a > b ? a : b;
}

static void goal(const char *name, unsigned hops, unsigned at_most)
{
	report_figure(&(struct figure){ .name = name, .unit = "hops", .value = hops,
					.goal = AT_MOST, .goal_value = at_most });
}

void bench_messages(void)
{
	unsigned reads = row("read, owner unknown", READ, 0, false), writes = 0, owners = 0;
	unsigned alone = row("write, owner unknown", WRITE, 0, false);

	for (unsigned i = 0; i <= SHARERS; i++)
		reads = larger(reads, row("read", READ, i, true));
	alone = larger(alone, row("write", WRITE, 0, true));
	for (unsigned i = 1; i <= SHARERS; i++)
		writes = larger(writes, row("write", WRITE, i, true));
	for (unsigned i = 1; i <= SHARERS; i++)
		owners = larger(owners, row("write by the owner", OWNER_WRITE, i, true));
	goal("reads, besides forwards, at most", reads, 2);
	goal("writes without other copies, besides forwards", alone, 2);
	goal("writes with copies elsewhere, besides forwards", writes, 3);
	goal("writes by the owner with copies elsewhere", owners, 2);
}
