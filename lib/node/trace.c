/* SPDX-License-Identifier: BSD-3-Clause */
/* What happens to vCPUs, for those who watch. */
#include "driver.h"

static void tell(struct tidal_node *n, struct tidal_trace record)
{
	record.node = n->self;
	record.pages = 1;
	n->callbacks.trace(n->arg, &record);
}

void node_trace_event(struct tidal_node *n, const struct tidal_event *event)
{
	const struct tidal_ev_stall *s = &event->u.stall;

	if (event->kind == TIDAL_EV_STALL && s->vcpu != TIDAL_VCPU_NONE)
		tell(n, (struct tidal_trace){ .what = TIDAL_TRACE_STALL, .vcpu = s->vcpu,
					      .gfn = s->gpa >> TIDAL_PAGE_SHIFT,
					      .access = s->access });
	else if (event->kind == TIDAL_EV_VCPU_STOPPED)
		tell(n, (struct tidal_trace){ .what = TIDAL_TRACE_STOPPED,
					      .vcpu = event->u.stopped.vcpu,
					      .gfn = TIDAL_GFN_NONE });
}

void node_trace_run(struct tidal_node *n, const struct tidal_act_vcpu *run)
{
	tell(n, (struct tidal_trace){ .what = TIDAL_TRACE_RUN, .vcpu = run->vcpu,
				      .gfn = TIDAL_GFN_NONE, .access = run->resume,
				      .hthread = run->hthread });
}
