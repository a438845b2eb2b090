/* SPDX-License-Identifier: BSD-3-Clause */
/* small_print - a small pod for people. */
#include <stdio.h>

#include "small_state.h"

static void print_thing(const struct thing *t)
{
	struct wire m;

	if (small_decode(t, &m))
		printf("%s from node %u to node %u", wire_name(m.kind), t->from, t->node);
	else if (t->kind == THING_MESSAGE)
		printf("packet from node %u to node %u", t->from, t->node);
	else if (t->kind == THING_PAGES)
		printf("%s on node %u, page %llu", tidal_action_name(t->action), t->node,
		       (unsigned long long)t->pages.gfn);
	else
		printf("done on node %u (token %u:%llu%s%s)", t->node, (unsigned)(t->token >> 56),
		       (unsigned long long)(t->token & 0xffff), t->zero ? ", zero" : "",
		       t->failed ? ", failed" : "");
}

void small_print_step(const void *small, const struct step *step)
{
	static const char *const names[] = {
		"deliver", "takes effect:", "fails:", "lose", "twice:", "accesses", "skips",
		"stops", "timer rings on", "link timer on", "tick on", "late tick on",
		"move command on", "evict command on", "VMM thread touches on", "pin on",
		"unpin on",
	};
	static const char *const access[] = { "read", "write", "exec", "zero" };
	const struct small *s = small;

	printf("%s ", names[step->kind]);
	if (step->kind <= STEP_REPEAT)
		print_thing(&s->m->thing[step->what]);
	else
		printf("node %u page %u", step->node, step->page);
	if (step->kind == STEP_ACCESS || step->kind == STEP_SKIP || step->kind == STEP_STOP ||
	    step->kind == STEP_MOVE)
		printf(" vCPU %u", step->vcpu);
	if (step->kind == STEP_LINK)
		printf(" peer %u number %u", step->vcpu, step->what);
	if (step->kind == STEP_MOVE)
		printf(" to node %u", step->what);
	if (step->kind == STEP_ACCESS || step->kind == STEP_VMM)
		printf(" %s", access[step->what]);
	if (step->policy)
		printf(" (policy says %u)", step->policy);
}

static void print_page(const struct small *s, unsigned n, unsigned page)
{
	const struct transit *t = transits_find(&s->core[n]->transits, s->gfn[page]);
	struct tidal_page_info info;

	if (tidal_core_page(s->core[n], s->gfn[page], &info))
		return;
	printf(" page %u %s", page, situation_name(info.state));
	if (t)
		printf("/%s%s%s%s hold %d timer %d", situation_name(t->state),
		       t->queue ? " queue" : "", t->drop_due ? " drop due" : "",
		       t->stale_known ? " stale" : "",
		       t->hold_vcpu == TIDAL_VCPU_NONE ? -1 : t->hold_vcpu,
		       t->timer != TIDAL_NEVER);
	printf(", epoch %llu, mapped %u;", (unsigned long long)info.epoch,
	       s->m->host[n].map[page].prot);
}

void small_print(const void *small)
{
	static const char *const states[] = { "away", "ready", "running", "stalled", "saving",
					      "frozen", "loading", "idle", "off", "lost" };
	const struct small *s = small;

	for (unsigned n = 0; n < s->config.nodes; n++) {
		printf("    node %u:", n);
		for (unsigned p = 0; p < s->config.pages; p++)
			print_page(s, n, p);
		for (unsigned v = 0; v < s->config.vcpus; v++)
			printf(" vCPU %u %s", v,
			       states[vcpus_at(&s->core[n]->vcpus, (tidal_vcpuid)v)->state]);
		printf("\n");
	}
	for (unsigned i = 0; i < s->m->things; i++) {
		printf("    ");
		print_thing(&s->m->thing[i]);
		printf("\n");
	}
}
