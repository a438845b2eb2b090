/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sim [SEEDS [FIRST]] - seeded simulation: whole pods under random programs and bad weather.
 * Each seed also picks sizes, rates and the policy; under odd ones an administrator moves
 * vCPUs, evicts pages, changes policies and weights, and devices touch and pin memory meanwhile.
 * Prints the seed of a failure.
 */
#include <stdio.h>
#include <stdlib.h>

#include "world.h"

struct program {
	uint64_t seed, steps;
	uint64_t pages, hot;
	unsigned write, zero, io, crossing; /* per cent */
};

static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

static bool program(struct world *w, tidal_vcpuid v, uint64_t step, struct world_op *op, void *arg)
{
	const struct program *p = arg;
	uint64_t r = mix(p->seed ^ mix((uint64_t)v << 32 | step)), kind = r >> 40;

	(void)w;
	if (step >= p->steps)
		return false;
	op->gfn = r % 4 ? r / 4 % p->hot : r / 4 % p->pages;
	op->access = TIDAL_READ;
	kind %= 100;
	if (kind < p->write)
		op->access = TIDAL_WRITE;
	else if (kind < p->write + p->zero)
		op->access = TIDAL_ZERO;
	else if (kind < p->write + p->zero + p->io)
		op->access = TIDAL_IO;
	else if (kind > 95)
		op->access = TIDAL_EXEC;
	op->crossing = op->access != TIDAL_IO && op->access != TIDAL_ZERO &&
		       (r >> 50) % 100 < p->crossing && op->gfn + 1 < p->pages;
	return true;
}

static uint64_t pick(uint64_t *r, uint64_t least, uint64_t most)
{
	*r = mix(*r);
	return least + *r % (most - least + 1);
}

static void choose(uint64_t seed, struct world_config *c, struct program *p)
{
	const struct tidal_policy_ops *policies[] = { tidal_policy_cost(), tidal_policy_page(),
						      tidal_policy_vcpu() };
	uint64_t r = seed;

	*p = (struct program){ .seed = seed };
	*c = (struct world_config){ .seed = seed };
	c->nodes = (unsigned)pick(&r, 1, 6);
	c->vcpus = (unsigned)pick(&r, 1, 10);
	c->hthreads = (unsigned)pick(&r, 1, 3);
	c->frames = (uint32_t)pick(&r, 24, 96);
	p->pages = c->pages = pick(&r, 4, c->nodes * (c->frames - 20) * 8 / 10 + 4);
	p->hot = pick(&r, 1, p->pages < 12 ? p->pages : 12);
	p->write = (unsigned)pick(&r, 5, 60);
	p->zero = (unsigned)pick(&r, 0, 10);
	p->io = (unsigned)pick(&r, 0, 4);
	p->crossing = (unsigned)pick(&r, 0, 10);
	p->steps = 400;
	c->policy = policies[pick(&r, 0, 2)];
	c->loss_ppm = pick(&r, 0, 1) ? (uint32_t)pick(&r, 0, 100000) : 0;
	c->dup_ppm = pick(&r, 0, 1) ? (uint32_t)pick(&r, 0, 100000) : 0;
	c->delay_ns = pick(&r, 1000, 10000);
	c->jitter_ns = pick(&r, 0, 1) ? pick(&r, 0, 30000) : 0;
	c->host_ns = pick(&r, 0, 3000);
	c->spread = pick(&r, 0, 1);
	c->no_retire = pick(&r, 0, 3) == 0;
}

/* ---- what an administrator and a device do meanwhile ---- */

struct meddler {
	uint64_t random;
	unsigned nodes, vcpus;
	uint64_t pages;
	/* one pin at a time */
	enum { NO_PIN, PIN_ASKED, PINNED } pin;
	unsigned pin_node;
	tidal_gfn pin_gfn;
	unsigned completed; /* on that node, when the pin was asked for */
};

static void command(struct world *w, unsigned node, struct tidal_ev_command c)
{
	/* refusals are fine: the vCPU isn't there, the page is under way, ... */
	(void)!world_command(w, node, &c);
}

static void set_weights(struct world *w, struct meddler *m, unsigned node)
{
	struct tidal_weights weights;

	tidal_weights_init(&weights, sizeof(weights));
	weights.page_fixed.weight = (int32_t)pick(&m->random, 0, 100000);
	weights.vcpu_fixed.weight = (int32_t)pick(&m->random, 0, 100000);
	command(w, node, (struct tidal_ev_command){ .command = TIDAL_CMD_SET_WEIGHTS,
						    .weights = &weights });
}

static void vmm_access(struct world *w, struct meddler *m, unsigned node)
{
	struct tidal_event ev = { .kind = TIDAL_EV_STALL };

	ev.u.stall.vcpu = TIDAL_VCPU_NONE;
	ev.u.stall.access = pick(&m->random, 0, 1) ? TIDAL_WRITE : TIDAL_READ;
	ev.u.stall.gpa = pick(&m->random, 0, m->pages - 1) << TIDAL_PAGE_SHIFT;
	(void)!world_push(w, node, &ev);
}

/* Nothing goes on: perhaps because all wait for the pinned page. */
static bool unpin(struct world *w, struct meddler *m)
{
	command(w, m->pin_node, (struct tidal_ev_command){ .command = TIDAL_CMD_UNPIN,
							   .gfn = m->pin_gfn });
	m->pin = NO_PIN;
	return !world_violation(w);
}

/* A pinned page is writable on its node until it is unpinned. */
static const char *mind_the_pin(struct world *w, struct meddler *m)
{
	switch (m->pin) {
	case NO_PIN:
		m->pin_node = 0; /* accesses of VMM threads are on the other nodes: see completed */
		m->pin_gfn = pick(&m->random, 0, m->pages - 1);
		m->completed = world_completed(w, m->pin_node);
		command(w, m->pin_node, (struct tidal_ev_command){ .command = TIDAL_CMD_PIN,
								   .gfn = m->pin_gfn });
		m->pin = PIN_ASKED;
		break;
	case PIN_ASKED:
		if (world_completed(w, m->pin_node) != m->completed)
			m->pin = PINNED;
		break;
	default:
		if (world_mapping(w, m->pin_node, m->pin_gfn) != TIDAL_PROT_RW)
			return "a pinned page has left";
		if (pick(&m->random, 0, 3))
			break;
		unpin(w, m);
	}
	return NULL;
}

static const char *meddle(struct world *w, struct meddler *m)
{
	static const struct tidal_policy_ops *(*const policies[])(void) = {
		tidal_policy_cost, tidal_policy_page, tidal_policy_vcpu };
	unsigned node = (unsigned)pick(&m->random, 0, m->nodes - 1);

	switch (pick(&m->random, 0, 5)) {
	case 0:
		command(w, node, (struct tidal_ev_command){
					 .command = TIDAL_CMD_MOVE_VCPU,
					 .vcpu = (tidal_vcpuid)pick(&m->random, 0, m->vcpus - 1),
					 .node = (tidal_nodeid)pick(&m->random, 0, m->nodes - 1) });
		return NULL;
	case 1:
		command(w, node, (struct tidal_ev_command){ .command = TIDAL_CMD_EVICT,
							    .gfn = pick(&m->random, 0,
									m->pages - 1) });
		return NULL;
	case 2:
		command(w, node, (struct tidal_ev_command){
					 .command = TIDAL_CMD_SET_POLICY,
					 .policy = policies[pick(&m->random, 0, 2)]() });
		return NULL;
	case 3:
		set_weights(w, m, node);
		return NULL;
	case 4:
		if (node != 0)
			vmm_access(w, m, node);
		return NULL;
	default:
		return mind_the_pin(w, m);
	}
}

static int simulate(uint64_t seed, uint64_t *events)
{
	struct world_config c;
	struct program p;
	struct meddler m;
	struct world *w;
	const char *wrong = NULL;
	bool ok, meddled = seed % 2;
	uint64_t n = 0;

	choose(seed, &c, &p);
	m = (struct meddler){ .random = seed, .nodes = c.nodes, .vcpus = c.vcpus,
			      .pages = c.pages };
	w = world_open(&c, program, &p);
	while (world_finished(w) < c.vcpus && world_now(w) < UINT64_C(60000000000)) {
		if (!world_step(w) && !(m.pin && unpin(w, &m)))
			break;
		if (++n % 64 == 0 && !world_check(w))
			break;
		if (meddled && n % 32 == 0)
			wrong = meddle(w, &m);
		if (wrong)
			break;
	}
	world_check(w);
	wrong = wrong ? wrong : world_violation(w);
	ok = world_finished(w) == c.vcpus && !wrong;
	*events += world_events(w);
	if (!ok)
		printf("seed %llu: %s (%u of %u vCPUs finished, %llu ms, nodes %u, pages %llu, frames %u)\n",
		       (unsigned long long)seed,
		       wrong ? wrong : "no progress",
		       world_finished(w), c.vcpus, (unsigned long long)world_now(w) / 1000000,
		       c.nodes, (unsigned long long)c.pages, c.frames);
	world_close(w);
	return !ok;
}

int main(int argc, char **argv)
{
	uint64_t seeds = argc > 1 ? strtoull(argv[1], NULL, 0) : 200;
	uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	uint64_t events = 0;
	int failed = 0;

	for (uint64_t s = first; s < first + seeds && failed < 10; s++)
		failed += simulate(s, &events);
	printf("%llu seeds, %llu events, %d failed\n", (unsigned long long)seeds,
	       (unsigned long long)events, failed);
	return failed != 0;
}
