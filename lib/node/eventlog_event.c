/* SPDX-License-Identifier: BSD-3-Clause */
/* Events as bytes, and the contents of actions for their hash: a table of each. */
#include "eventlog_event.h"

#include "eventlog.h"
#include "eventlog_setup.h"

static void put_stall(struct out *o, const struct tidal_event *e)
{
	const struct tidal_ev_stall *s = &e->u.stall;

	out_u16(o, s->vcpu);
	out_u16(o, s->access);
	out_u32(o, s->requester);
	out_u64(o, s->gpa);
	out_u64(o, s->io_data);
	out_u8(o, s->io_write);
	out_u8(o, s->io_size);
}

static void get_stall(struct in *in, struct eventlog_record *r)
{
	struct tidal_ev_stall *s = &r->event.u.stall;

	s->vcpu = in_u16(in);
	s->access = in_u16(in);
	s->requester = in_u32(in);
	s->gpa = in_u64(in);
	s->io_data = in_u64(in);
	s->io_write = in_u8(in);
	s->io_size = in_u8(in);
}

static void put_message(struct out *o, const struct tidal_event *e)
{
	const struct tidal_ev_message *m = &e->u.message;

	out_u16(o, m->from);
	out_u16(o, m->payload);
	out_u32(o, m->buf);
	out_u32(o, m->payload_len);
	out_u32(o, m->len);
	out_bytes(o, m->bytes, m->len);
}

static void get_message(struct in *in, struct eventlog_record *r)
{
	struct tidal_ev_message *m = &r->event.u.message;

	m->from = in_u16(in);
	m->payload = in_u16(in);
	m->buf = in_u32(in);
	m->payload_len = in_u32(in);
	m->len = in_u32(in);
	m->bytes = in_take(in, m->len);
}

static void put_done(struct out *o, const struct tidal_event *e)
{
	const struct tidal_ev_host_done *d = &e->u.done;

	out_u64(o, d->token);
	out_u32(o, (uint32_t)d->status);
	out_u32(o, d->zero);
	out_u64(o, d->value);
	out_u32(o, d->buf);
	out_u32(o, d->payload_len);
}

static void get_done(struct in *in, struct eventlog_record *r)
{
	struct tidal_ev_host_done *d = &r->event.u.done;

	d->token = in_u64(in);
	d->status = (int32_t)in_u32(in);
	d->zero = in_u32(in);
	d->value = in_u64(in);
	d->buf = in_u32(in);
	d->payload_len = in_u32(in);
}

static void put_stopped(struct out *o, const struct tidal_event *e)
{
	out_u16(o, e->u.stopped.vcpu);
	out_u16(o, e->u.stopped.reason);
	out_u64(o, e->u.stopped.retired);
}

static void get_stopped(struct in *in, struct eventlog_record *r)
{
	r->event.u.stopped.vcpu = in_u16(in);
	r->event.u.stopped.reason = in_u16(in);
	r->event.u.stopped.retired = in_u64(in);
}

static void put_retired(struct out *o, const struct tidal_event *e)
{
	out_u16(o, e->u.retired.vcpu);
}

static void get_retired(struct in *in, struct eventlog_record *r)
{
	r->event.u.retired.vcpu = in_u16(in);
}

static void put_wake(struct out *o, const struct tidal_event *e)
{
	out_u16(o, e->u.wake.vcpu);
}

static void get_wake(struct in *in, struct eventlog_record *r)
{
	r->event.u.wake.vcpu = in_u16(in);
}

static void put_tick(struct out *o, const struct tidal_event *e)
{
	(void)o;
	(void)e;
}

static void get_tick(struct in *in, struct eventlog_record *r)
{
	(void)in;
	(void)r;
}

static void put_peer(struct out *o, const struct tidal_event *e)
{
	out_u16(o, e->u.peer.node);
	out_u32(o, e->u.peer.incarnation);
}

static void get_peer(struct in *in, struct eventlog_record *r)
{
	r->event.u.peer.node = in_u16(in);
	r->event.u.peer.incarnation = in_u32(in);
}

/* policy_data is the embedder's own and is not recorded. */
static void put_command(struct out *o, const struct tidal_event *e)
{
	const struct tidal_ev_command *c = &e->u.command;

	out_u32(o, c->command);
	out_u16(o, c->vcpu);
	out_u16(o, c->node);
	out_u64(o, c->gfn);
	out_u32(o, c->requester);
	eventlog_put_name(o, c->command == TIDAL_CMD_SET_POLICY ? c->policy : NULL);
	eventlog_put_weights(o, c->command == TIDAL_CMD_SET_WEIGHTS ? c->weights : NULL);
}

static void get_command(struct in *in, struct eventlog_record *r)
{
	struct tidal_ev_command *c = &r->event.u.command;

	c->command = in_u32(in);
	c->vcpu = in_u16(in);
	c->node = in_u16(in);
	c->gfn = in_u64(in);
	c->requester = in_u32(in);
	eventlog_get_name(in, r->policy);
	c->weights = eventlog_get_weights(in, &r->weights);
}

static const struct {
	void (*put)(struct out *, const struct tidal_event *);
	void (*get)(struct in *, struct eventlog_record *);
} events[] = {
	[TIDAL_EV_STALL] = { put_stall, get_stall },
	[TIDAL_EV_MESSAGE] = { put_message, get_message },
	[TIDAL_EV_HOST_DONE] = { put_done, get_done },
	[TIDAL_EV_VCPU_STOPPED] = { put_stopped, get_stopped },
	[TIDAL_EV_RETIRED] = { put_retired, get_retired },
	[TIDAL_EV_TICK] = { put_tick, get_tick },
	[TIDAL_EV_PEER_UP] = { put_peer, get_peer },
	[TIDAL_EV_PEER_DOWN] = { put_peer, get_peer },
	[TIDAL_EV_COMMAND] = { put_command, get_command },
	[TIDAL_EV_VCPU_WAKE] = { put_wake, get_wake },
};
#define EVENTS (sizeof(events) / sizeof(events[0]))

void eventlog_encode_event(struct out *o, const struct tidal_event *event)
{
	if (event->kind >= EVENTS || !events[event->kind].put) {
		o->bad = true;
		return;
	}
	out_u8(o, event->kind);
	events[event->kind].put(o, event);
}

void eventlog_decode_event(struct in *in, struct eventlog_record *record)
{
	uint32_t kind = in_u8(in);

	memset(&record->event, 0, sizeof(record->event));
	record->event.kind = kind;
	if (kind >= EVENTS || !events[kind].get)
		in->bad = true;
	else
		events[kind].get(in, record);
}

/* --- actions ----------------------------------------------------------------------------- */

static void put_send(struct out *o, const struct tidal_action *a)
{
	const struct tidal_act_send *s = &a->u.send;

	out_u16(o, s->to);
	out_u16(o, s->payload);
	if (s->payload != TIDAL_PAYLOAD_NONE) {
		out_u32(o, s->buf);
		out_u32(o, s->payload_len);
		out_u64(o, s->gfn);
	}
	out_u32(o, s->len);
	out_bytes(o, s->header, s->len);
}

static void put_pages(struct out *o, const struct tidal_action *a)
{
	const struct tidal_act_pages *p = &a->u.pages;

	out_u64(o, p->token);
	out_u64(o, p->gfn);
	out_u64(o, p->mask);
	out_u32(o, p->frame);
	out_u16(o, p->prot);
	out_u16(o, p->test);
}

/* Of one frame as it always was: logs of before there were several replay. */
static void put_frame(struct out *o, const struct tidal_action *a)
{
	const struct tidal_act_frame *f = &a->u.frame;

	out_u64(o, f->token);
	out_u32(o, f->frame);
	if ((f->mask & (f->mask - 1)) != 0)
		out_u64(o, f->mask);
}

static void put_vcpu(struct out *o, const struct tidal_action *a)
{
	const struct tidal_act_vcpu *v = &a->u.vcpu;

	out_u64(o, v->token);
	out_u16(o, v->vcpu);
	out_u16(o, v->hthread);
	out_u16(o, v->resume);
	out_u16(o, v->watch);
	out_u64(o, v->value);
	out_u32(o, v->buf);
	out_u32(o, v->buf_len);
}

static void put_buf(struct out *o, const struct tidal_action *a)
{
	out_u32(o, a->u.buf.buf);
}

static void put_complete(struct out *o, const struct tidal_action *a)
{
	out_u32(o, a->u.complete.requester);
	out_u64(o, a->u.complete.gfn);
	out_u32(o, (uint32_t)a->u.complete.status);
}

static void put_io(struct out *o, const struct tidal_action *a)
{
	const struct tidal_act_io *io = &a->u.io;

	out_u64(o, io->token);
	out_u64(o, io->gpa);
	out_u64(o, io->data);
	out_u16(o, io->vcpu);
	out_u8(o, io->write);
	out_u8(o, io->size);
}

/* Without the text: it may be reworded. */
static void put_report(struct out *o, const struct tidal_action *a)
{
	const struct tidal_act_report *r = &a->u.report;

	out_u32(o, r->what);
	out_u32(o, (uint32_t)r->error);
	out_u64(o, r->gfn);
	out_u16(o, r->vcpu);
	out_u16(o, r->node);
}

static void put_trace(struct out *o, const struct tidal_action *a)
{
	const struct tidal_trace *t = &a->u.trace;

	out_u32(o, t->what);
	out_u32(o, t->id);
	out_u64(o, t->gfn);
	out_u64(o, t->epoch);
	out_u64(o, t->pages);
	out_u16(o, t->node);
	out_u16(o, t->vcpu);
}

static void (*const actions[])(struct out *, const struct tidal_action *) = {
	[TIDAL_ACT_SEND] = put_send,
	[TIDAL_ACT_MAP] = put_pages,
	[TIDAL_ACT_UNMAP] = put_pages,
	[TIDAL_ACT_PROTECT] = put_pages,
	[TIDAL_ACT_ZERO] = put_frame,
	[TIDAL_ACT_POST] = put_frame,
	[TIDAL_ACT_RUN] = put_vcpu,
	[TIDAL_ACT_STOP] = put_vcpu,
	[TIDAL_ACT_SAVE] = put_vcpu,
	[TIDAL_ACT_LOAD] = put_vcpu,
	[TIDAL_ACT_DROP] = put_vcpu,
	[TIDAL_ACT_BUF_FREE] = put_buf,
	[TIDAL_ACT_COMPLETE] = put_complete,
	[TIDAL_ACT_IO] = put_io,
	[TIDAL_ACT_REPORT] = put_report,
	[TIDAL_ACT_TRACE] = put_trace,
};
#define ACTIONS (sizeof(actions) / sizeof(actions[0]))

void eventlog_encode_action(struct out *o, const struct tidal_action *action)
{
	out_u32(o, action->kind);
	if (action->kind < ACTIONS && actions[action->kind])
		actions[action->kind](o, action);
}
