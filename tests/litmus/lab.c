/* SPDX-License-Identifier: BSD-3-Clause */
/* See lab.h. */
#include "lab.h"

#include <stdio.h>
#include <string.h>

#include "rnd.h"

#define PATIENCE 100000 /* steps */
#define MEDDLE 16	/* steps, about, between commands */

void lab_fail(struct lab *lab, const char *what, long long value)
{
	if (!lab->wrong[0])
		snprintf(lab->wrong, sizeof(lab->wrong), "%s (%lld)", what, value);
}

/* ---- policy ---- */

/* A pure function still: what it answers depends on nothing but the question. */
static bool coin(const void *factors, size_t len)
{
	const unsigned char *bytes = factors;
	uint64_t x = len;

	for (size_t i = 0; i < len; i++)
		x = x * 31 + bytes[i];
	return rnd(&x) & 1;
}

static enum tidal_choice toss(const struct tidal_factors *f, const void *weights)
{
	(void)weights;
	return coin(f, sizeof(*f)) ? TIDAL_CHOOSE_VCPU : TIDAL_CHOOSE_PAGE;
}

static enum tidal_full_choice toss_full(const struct tidal_full_factors *f, const void *weights)
{
	(void)weights;
	return coin(f, sizeof(*f)) ? TIDAL_FULL_SEND_VCPU : TIDAL_FULL_EVICT;
}

static const struct tidal_policy_ops *policy_coin(void)
{
	static const struct tidal_policy_ops ops = {
		.size = sizeof(ops), .name = "coin", .request = toss, .answer = toss,
		.full = toss_full,
	};

	return &ops;
}

const struct tidal_policy_ops *lab_policy(uint64_t *random)
{
	static const struct tidal_policy_ops *(*const all[])(void) = {
		tidal_policy_page, tidal_policy_vcpu, tidal_policy_cost, policy_coin,
	};

	return all[rnd_below(random, 4)]();
}

/* ---- opening ---- */

void lab_choose(struct lab_config *c, uint64_t seed, unsigned harts)
{
	uint64_t r = seed;
	unsigned weather = rnd_below(&r, 4);
	bool tight = rnd_one_in(&r, 3);

	*c = (struct lab_config){
		.nodes = 2 + rnd_below(&r, GATE_NODES - 1),
		.harts = harts,
		.hthreads = 1 + rnd_below(&r, 2),
		.frames = tight ? 12 + rnd_below(&r, 6) : 128,
		.pool = tight ? 2 : LAB_POOL,
		.delay_ns = 200 + rnd_below(&r, 3000),
		.jitter_ns = weather ? rnd_below(&r, weather == 3 ? 60000 : 5000) : 0,
		.loss_ppm = weather == 2 ? rnd_below(&r, 100000) : 0,
		.dup_ppm = weather == 2 ? rnd_below(&r, 100000) : 0,
		.reorder = weather > 0,
		.ideal = weather != 2 && rnd_one_in(&r, 2),
		.lazy = rnd_one_in(&r, 2),
		.meddled = rnd_one_in(&r, 2),
		.dumb = rnd_one_in(&r, 4),
		.cramped = rnd_one_in(&r, 4),
		.budget = 1u << rnd_below(&r, 5),
		.policy = lab_policy(&r),
	};
}

void lab_calm(struct lab_config *c)
{
	c->nodes = GATE_NODES;
	c->hthreads = 2;
	c->frames = 128;
	c->loss_ppm = c->dup_ppm = 0;
	c->meddled = false;
	c->policy = tidal_policy_page();
}

/* Full for a moment, or a false alarm: that nothing goes on any more would be noticed. */
static bool is_passing(const struct lab *lab, uint32_t what)
{
	return what == TIDAL_REPORT_POD_FULL ||
	       (what == TIDAL_REPORT_PIN_CONFLICT && lab->c.dumb);
}

static void on_report(void *arg, const struct tidal_act_report *report)
{
	struct lab_node *n = arg;

	if (report->what == TIDAL_REPORT_READY)
		n->ready++;
	else if (!is_passing(n->lab, report->what))
		lab_fail(n->lab, report->text ? report->text : "report", report->what);
}

static void on_accessed(void *arg, uint64_t cookie, int status)
{
	struct lab_node *n = arg;

	(void)cookie;
	n->lab->accesses++;
	if (status)
		lab_fail(n->lab, "an access failed", status);
}

static void on_pinned(void *arg, uint32_t requester, tidal_gfn gfn, int status)
{
	struct lab_node *n = arg;

	(void)requester;
	n->pinned++;
	if (status)
		lab_fail(n->lab, "a pin failed", (long long)gfn);
}

static bool open_host(struct lab *lab, unsigned i)
{
	struct tidal_fake_config fake;

	tidal_fake_config_init(&fake, sizeof(fake));
	fake.frames = lab->c.frames + GATE_LATE;
	fake.hthreads = lab->c.hthreads;
	fake.vcpu_slots = LITMUS_HARTS;
	fake.ram_bytes = LAB_GFN(LAB_RANGES, 0) << TIDAL_PAGE_SHIFT;
	lab->gate.host[i].gate = &lab->gate;
	lab->gate.host[i].node = i;
	lab->gate.host[i].spare = lab->c.frames;
	return tidal_fake_open(&fake, &lab->gate.host[i].fake) == 0 &&
	       tidal_inproc_endpoint(lab->net, (tidal_nodeid)i, &lab->node[i].wire) == 0;
}

static bool open_node(struct lab *lab, unsigned i)
{
	static const struct tidal_node_callbacks callbacks = {
		.size = sizeof(callbacks), .report = on_report, .accessed = on_accessed,
		.pinned = on_pinned,
	};
	struct lab_node *n = &lab->node[i];
	struct tidal_params params;
	struct tidal_node_config c = {
		.size = sizeof(c), .params = &params, .host_ops = gate_ops(),
		.transport_ops = tidal_inproc_ops(), .callbacks = &callbacks, .arg = n,
	};

	n->lab = lab;
	if (!open_host(lab, i))
		return false;
	tidal_params_init(&params, sizeof(params), lab->c.frames);
	params.node = (tidal_nodeid)i;
	params.nodes = (uint16_t)lab->c.nodes;
	params.seed = rnd(&lab->random);
	params.flags = (lab->c.dumb ? 0 : TIDAL_PARAM_RETIRE_EVENTS) |
		       (lab->c.ideal ? TIDAL_PARAM_IDEAL_LINK : 0);
	params.vcpus = params.vcpu_slots = LITMUS_HARTS;
	params.messages = 256;
	params.ranges = 64;
	params.homes = lab->c.cramped ? 32 : 256;
	params.hints = lab->c.cramped ? 4 : 256;
	params.transits = lab->c.cramped ? 6 : 64;
	params.slice_ns = 20000;
	params.vmap = i == 0 ? &lab->vmap : NULL;
	params.topology = &lab->topology;
	params.policy = lab->c.policy;
	c.host = gate_host(&lab->gate, i);
	c.transport = n->wire;
	return tidal_node_open(&c, &n->node) == 0;
}

static bool open_net(struct lab *lab)
{
	struct tidal_inproc_config wire;

	tidal_inproc_config_init(&wire, sizeof(wire));
	wire.nodes = lab->c.nodes;
	wire.delay_ns = lab->c.delay_ns;
	wire.jitter_ns = lab->c.jitter_ns;
	wire.loss_ppm = lab->c.loss_ppm;
	wire.dup_ppm = lab->c.dup_ppm;
	wire.reorder = lab->c.reorder;
	wire.seed = rnd(&lab->random);
	wire.queue = 1024;
	return tidal_inproc_open(&wire, &lab->net) == 0;
}

/* Memory begins in all places, and so do harts. */
static bool make_map(struct lab *lab)
{
	struct tidal_vmap *map = &lab->vmap;

	if (tidal_vmap_init(map, sizeof(*map), LAB_GFN(LAB_RANGES, 0), lab->c.harts))
		return false;
	map->memory_runs = LAB_RANGES;
	for (unsigned i = 0; i < LAB_RANGES; i++)
		map->memory[i] = (struct tidal_vmap_memory){
			.first = LAB_GFN(i, 0), .pages = TIDAL_RANGE_PAGES,
			.node = (tidal_nodeid)(i % lab->c.nodes) };
	map->vcpu_runs = lab->c.harts;
	for (unsigned i = 0; i < lab->c.harts; i++)
		map->vcpu[i] = (struct tidal_vmap_vcpus){
			.first = (tidal_vcpuid)i, .count = 1,
			.node = (tidal_nodeid)(i % lab->c.nodes) };
	return tidal_topology_regular(&lab->topology, lab->objects, 16, 1, 1, lab->c.hthreads) == 0;
}

static bool command(struct lab *lab, unsigned node, const struct tidal_ev_command *what)
{
	int err = TIDAL_EAGAIN;

	for (unsigned i = 0; err == TIDAL_EAGAIN && i < PATIENCE; i++) {
		err = tidal_node_command(lab->node[node].node, what);
		if (err == TIDAL_EAGAIN && !lab_step(lab))
			return false;
	}
	if (err)
		lab_fail(lab, "a command failed", err);
	return err == 0;
}

static bool boot(struct lab *lab)
{
	const struct tidal_ev_command go = { .command = TIDAL_CMD_CONTINUE };
	const struct tidal_fake_boot start = {
		lab->code + lab->body.gate, { 0, 0, 0, 0, 0, TIDAL_FAKE_DEVICES } };
	unsigned ready = 0, pinned = 0;

	for (unsigned i = 0; i < lab->c.harts; i++) {
		struct tidal_host *fake = lab->gate.host[i % lab->c.nodes].fake;

		if (tidal_fake_ops()->vcpu_create(fake, (tidal_vcpuid)i) ||
		    tidal_fake_vcpu_boot(fake, (tidal_vcpuid)i, &start))
			return false;
	}
	for (unsigned i = 0; ready < lab->c.nodes && i < PATIENCE && lab_step(lab); i++) {
		ready = 0;
		for (unsigned k = 0; k < lab->c.nodes; k++)
			ready += lab->node[k].ready;
	}
	for (unsigned i = 0; i < lab->c.nodes; i++) {
		const struct tidal_ev_command fix = { .command = TIDAL_CMD_PIN,
						      .gfn = LAB_GFN(i, LAB_PIN) };

		if (!command(lab, i, &fix))
			return false;
	}
	for (unsigned i = 0; pinned < lab->c.nodes && i < PATIENCE && lab_step(lab); i++) {
		pinned = 0;
		for (unsigned k = 0; k < lab->c.nodes; k++)
			pinned += lab->node[k].pinned;
	}
	if (ready < lab->c.nodes || pinned < lab->c.nodes ||
	    !lab_access(lab, rnd_below(&lab->random, lab->c.nodes), lab->code, lab->body.word,
			4 * lab->body.words, true))
		return false;
	for (unsigned i = 0; i < lab->c.nodes; i++)
		if (!command(lab, i, &go))
			return false;
	lab->booted = true;
	return lab_gather(lab);
}

void lab_open(struct lab *lab, const struct lab_config *config, uint64_t seed,
	      const struct shape *shape, tidal_gfn code)
{
	bool ok;

	memset(lab, 0, sizeof(*lab));
	lab->c = *config;
	lab->random = seed;
	lab->code = code << TIDAL_PAGE_SHIFT;
	ok = body_make(&lab->body, shape) == 0 && make_map(lab) && open_net(lab);
	for (unsigned i = 0; ok && i < lab->c.nodes; i++)
		ok = open_node(lab, i);
	if (!ok || !boot(lab))
		lab_fail(lab, "the pod can't be opened", 0);
}

void lab_close(struct lab *lab)
{
	for (unsigned i = 0; i < lab->c.nodes; i++)
		tidal_node_close(lab->node[i].node);
	for (unsigned i = 0; i < lab->c.nodes; i++) {
		if (lab->node[i].wire)
			tidal_inproc_ops()->close(lab->node[i].wire);
		if (lab->gate.host[i].fake)
			tidal_fake_ops()->close(lab->gate.host[i].fake);
	}
	if (lab->net)
		tidal_inproc_close(lab->net);
}

/* ---- going on ---- */

static bool step_node(struct lab *lab, unsigned i)
{
	uint32_t budget = 1 + rnd_below(&lab->random, lab->c.budget);
	int done = tidal_node_step(lab->node[i].node, lab->now, budget);

	if (done < 0)
		lab_fail(lab, "a node is broken", done);
	return done >= 0;
}

/* Who has something to do does it, in any order; then time goes on. */
bool lab_step(struct lab *lab)
{
	unsigned n = lab->c.nodes, first = rnd_below(&lab->random, n);
	unsigned stride = n > 2 && rnd_one_in(&lab->random, 2) ? n - 1 : 1;
	tidal_time next = TIDAL_NEVER;

	lab->steps++;
	for (unsigned k = 0; k < n; k++) {
		unsigned i = (first + k * stride) % n;

		if (!lab->gate.host[i].poked &&
		    tidal_node_deadline(lab->node[i].node) > lab->now)
			continue;
		if (lab->c.lazy && rnd_one_in(&lab->random, 4))
			continue;
		if (!step_node(lab, i))
			return false;
	}
	for (unsigned i = 0; i < n; i++) {
		tidal_time due = tidal_node_deadline(lab->node[i].node);

		if (lab->gate.host[i].poked)
			due = 0;
		next = due < next ? due : next;
	}
	lab->quiet = next == TIDAL_NEVER;
	if (next > lab->now && !lab->quiet)
		lab->now = next;
	else
		lab->now += 1 + rnd_below(&lab->random, 250);
	if (lab->c.meddled && lab->booted && rnd_one_in(&lab->random, MEDDLE))
		lab_meddle(lab);
	if (lab->gate.confused)
		lab_fail(lab, "the host is confused", 0);
	return !lab->wrong[0];
}

bool lab_gather(struct lab *lab)
{
	for (unsigned i = 0; lab->gate.waiting < lab->c.harts; i++) {
		if (i == PATIENCE)
			lab_fail(lab, "harts don't come to the gate", lab->gate.waiting);
		if (!lab_step(lab))
			return false;
	}
	return true;
}

bool lab_access(struct lab *lab, unsigned node, tidal_gpa gpa, void *bytes, size_t len, bool write)
{
	unsigned before = lab->accesses;
	int err = tidal_node_access(lab->node[node].node, gpa, bytes, len, write, 0);

	if (err)
		lab_fail(lab, "an access is refused", err);
	for (unsigned i = 0; lab->accesses == before && i < PATIENCE && lab_step(lab); i++)
		;
	return lab->accesses != before && !lab->wrong[0];
}

bool lab_check(struct lab *lab)
{
	const char *why = "";

	for (unsigned i = 0; i < lab->c.nodes; i++)
		if (tidal_core_check(tidal_node_core(lab->node[i].node), &why))
			lab_fail(lab, why, i);
	return !lab->wrong[0];
}
