/* SPDX-License-Identifier: BSD-3-Clause */
/* small_host - what the hosts and the wire of a small pod do with the cores' actions. */
#include <string.h>

#include "core/le.h"
#include "small_state.h"

#define FREE_FRAMES 16 /* where a packet tells how many frames its sender could spare */

struct thing *small_begin(struct small *s, uint8_t kind, unsigned node)
{
	struct thing *t = &s->m->thing[s->m->things];

	if (s->m->things == THINGS) {
		small_violate(s, "more is under way than the model can hold");
		return t - 1;
	}
	s->m->things++;
	memset(t, 0, sizeof(*t));
	t->kind = kind;
	t->node = (uint8_t)node;
	return t;
}

/* What lies behind is zeroed, so that equal states have equal bytes: snapshots are smaller. */
void small_end(struct small *s, unsigned i)
{
	struct thing *t = s->m->thing;

	memmove(&t[i], &t[i + 1], (s->m->things - i - 1) * sizeof(*t));
	s->m->things--;
	memset(&t[s->m->things], 0, sizeof(*t));
}

uint64_t small_contents(const struct small *s, unsigned node, tidal_frame frame)
{
	return frame == TIDAL_FRAME_ZERO ? 0 : s->m->host[node].frame[frame];
}

static void act_pages(struct small *s, unsigned node, const struct tidal_action *a)
{
	struct thing *t = small_begin(s, THING_PAGES, node);

	t->action = a->kind;
	t->pages = a->u.pages;
	t->token = a->u.pages.token;
	if (s->config.fault == FAULT_EARLY && a->kind == TIDAL_ACT_UNMAP) {
		t->token = 0;
		small_begin(s, THING_DONE, node)->token = a->u.pages.token;
	}
}

/*
 * Packets all tell of one free frame: how many there are decides only to whom a page is offered
 * first, and would make many states of one.
 */
static void act_send(struct small *s, unsigned node, const struct tidal_act_send *a)
{
	struct thing *t = small_begin(s, THING_MESSAGE, a->to);

	if (a->len > sizeof(t->bytes)) {
		small_violate(s, "a message is too long for the model");
		return;
	}
	t->from = (uint8_t)node;
	t->len = (uint16_t)a->len;
	memcpy(t->bytes, a->header, a->len);
	le_put32(t->bytes + FREE_FRAMES, 1);
	t->payload = a->payload;
	t->payload_len = a->payload_len;
	if (a->payload == TIDAL_PAYLOAD_PAGE)
		t->value = s->m->host[node].frame[a->buf];
}

static void act_run(struct small *s, unsigned node, const struct tidal_act_vcpu *a)
{
	struct vcpu_model *v = &s->m->host[node].vcpu[a->vcpu];

	for (unsigned n = 0; n < s->config.nodes; n++)
		if (s->m->host[n].vcpu[a->vcpu].running)
			small_violate(s, "a vCPU is run while it runs");
	if (!v->here)
		small_violate(s, "a vCPU is run where it isn't");
	v->running = true;
	v->stop = false;
	v->watch = a->watch;
	v->skip = a->resume == TIDAL_RESUME_SKIP;
	if (v->skip)
		s->m->skipping[a->vcpu] = false;
}

static void act_save(struct small *s, unsigned node, const struct tidal_act_vcpu *a)
{
	struct thing *t = small_begin(s, THING_DONE, node);
	struct vcpu_model *v = &s->m->host[node].vcpu[a->vcpu];

	if (!v->here || v->running)
		small_violate(s, "a vCPU is saved that runs, or isn't there");
	t->token = a->token;
	t->payload_len = 1; /* its state is of no interest here */
	if (s->config.fault == FAULT_VCPU)
		v->running = true;
}

static void act_load(struct small *s, unsigned node, const struct tidal_act_vcpu *a)
{
	struct thing *t = small_begin(s, THING_DONE, node);

	if (s->m->host[node].vcpu[a->vcpu].here)
		small_violate(s, "a vCPU is loaded where it is already");
	s->m->host[node].vcpu[a->vcpu] = (struct vcpu_model){ .here = true };
	t->token = a->token;
}

static void act_zero(struct small *s, unsigned node, uint64_t token, tidal_frame frame)
{
	s->m->host[node].frame[frame] = 0;
	small_begin(s, THING_DONE, node)->token = token;
}

static void act_complete(struct host_model *h, const struct tidal_action *a)
{
	h->vmm_waits = false;
	if (a->u.complete.requester == REQUESTER_PIN)
		h->pinned = a->u.complete.status == 0;
}

static void act_report(struct small *s, const struct tidal_act_report *r)
{
	switch (r->what) {
	case TIDAL_REPORT_BAD_PEER:
		small_violate(s, "a node reports the other one as broken");
		break;
	case TIDAL_REPORT_PAGE_LOST:
	case TIDAL_REPORT_VCPU_LOST:
		small_violate(s, "something is reported as lost");
		break;
	default:
		break;
	}
}

void small_act(struct small *s, unsigned node, const struct tidal_action *a)
{
	struct host_model *h = &s->m->host[node];

	switch (a->kind) {
	case TIDAL_ACT_SEND:
		act_send(s, node, &a->u.send);
		break;
	case TIDAL_ACT_MAP:
	case TIDAL_ACT_UNMAP:
	case TIDAL_ACT_PROTECT:
		act_pages(s, node, a);
		break;
	case TIDAL_ACT_ZERO:
		act_zero(s, node, a->u.frame.token, a->u.frame.frame);
		break;
	case TIDAL_ACT_POST:
		h->posted[h->posts++] = (uint8_t)a->u.frame.frame;
		break;
	case TIDAL_ACT_RUN:
		act_run(s, node, &a->u.vcpu);
		break;
	case TIDAL_ACT_STOP:
		h->vcpu[a->u.vcpu.vcpu].stop = true;
		break;
	case TIDAL_ACT_SAVE:
		act_save(s, node, &a->u.vcpu);
		break;
	case TIDAL_ACT_LOAD:
		act_load(s, node, &a->u.vcpu);
		break;
	case TIDAL_ACT_DROP:
		h->vcpu[a->u.vcpu.vcpu] = (struct vcpu_model){ .here = false };
		break;
	case TIDAL_ACT_COMPLETE:
		act_complete(h, a);
		break;
	case TIDAL_ACT_BUF_FREE:
		break;
	case TIDAL_ACT_REPORT:
		act_report(s, &a->u.report);
		break;
	default:
		small_violate(s, "an action that this pod does not know");
	}
}
