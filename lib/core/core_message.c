/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * core_message - from a packet to what happens: the link looks at it, the codec reads it,
 * and a table says whose it is.
 */
#include "boot.h"
#include "core_state.h"
#include "devices.h"
#include "losses.h"
#include "move.h"
#include "proto.h"

/* ---- whose is it ---- */

typedef int (*message_fn)(struct engine *, tidal_nodeid from, const struct wire *,
			  const struct tidal_ev_message *, tidal_frame *payload);

#define HANDLER(name)                                                                         \
	static int name(struct engine *e, tidal_nodeid from, const struct wire *m,            \
			const struct tidal_ev_message *ev, tidal_frame *payload)

/* A request of which nobody is to hear any more, or of a life of which nothing is known yet. */
static bool is_over(struct engine *e, const struct wire_request *r, int *err)
{
	uint32_t incarnation = link_incarnation(e->link, r->node);
	struct peer *p = &e->peers[r->node];

	if (p->voids && r->id - p->void_to > SERIAL_WINDOW && serial_later(r->id, p->void_to))
		p->voids = false; /* long ago; numbers wrap around */

	/* what is granted must not come to a later life of it; nor to a dead one that was never met */
	if (incarnation == 0 && !link_is_down(e->link, r->node))
		link_peer(e->link, r->node, r->incarnation);
	*err = incarnation && r->incarnation > incarnation ? TIDAL_EAGAIN : 0;
	return *err || proto_is_void(e, r);
}

/* Everything about one page goes to the table in proto.c. The gfn is the first field of all. */
HANDLER(of_page)
{
	static const uint8_t happening[MSG_MAX] = {
		[MSG_REQUEST] = HAP_REQUEST, [MSG_COPY] = HAP_COPY, [MSG_OWN] = HAP_OWN,
		[MSG_EXTENT] = HAP_EXTENT, [MSG_REFUSE] = HAP_REFUSE,
		[MSG_INVALIDATE] = HAP_INVALIDATE, [MSG_INVALIDATED] = HAP_INVALIDATED,
		[MSG_FIND] = HAP_FIND, [MSG_FOUND] = HAP_FOUND, [MSG_ABSENT] = HAP_ABSENT, [MSG_OFFER] = HAP_OFFER,
		[MSG_ANSWER] = HAP_ANSWER, [MSG_GIVE] = HAP_GIVE,
	};
	struct occasion o = { .gfn = m->u.find.gfn, .m = m, .from = from, .payload = *payload };
	int err;

	(void)ev;
	if (o.gfn >= e->guest->pages)
		return TIDAL_EPROTO;
	if (m->kind == MSG_REQUEST && m->u.request.node < e->nodes &&
	    m->u.request.node != e->self && is_over(e, &m->u.request, &err))
		return err;
	err = proto_happen(e, happening[m->kind], &o);
	*payload = o.payload;
	return err;
}

HANDLER(of_home)
{
	const struct wire_owner *w = &m->u.owner;
	struct whereabouts at = { w->owner, w->epoch };
	uint64_t first = w->gfn >> TIDAL_RANGE_SHIFT;

	(void)from;
	(void)ev;
	(void)payload;
	if (w->gfn >= e->guest->pages || w->owner >= e->nodes)
		return TIDAL_EPROTO;
	if (w->order == WIRE_ORDER_PAGE)
		owners_note_page(e->owners, w->gfn, at);
	else if (w->order <= TIDAL_ORDER_MAX && !(first & ((UINT64_C(1) << w->order) - 1)))
		owners_note_extent(e->owners, first, w->order, at);
	else
		return TIDAL_EPROTO;
	return 0;
}

HANDLER(of_vcpu)
{
	(void)payload;
	switch (m->kind) {
	case MSG_MOVE_ASK:
		return move_on_ask(e, from, &m->u.move_ask);
	case MSG_MOVE_ANSWER:
		return move_on_answer(e, from, &m->u.move_answer);
	case MSG_MOVE_CANCEL:
		return move_on_cancel(e, from, &m->u.move_cancel);
	case MSG_VCPU:
		return move_on_vcpu(e, from, &m->u.vcpu, ev->buf,
				    ev->payload == TIDAL_PAYLOAD_VCPU ? ev->payload_len : 0);
	default:
		return move_on_at(e, &m->u.vcpu_at);
	}
}

HANDLER(of_device)
{
	(void)ev;
	(void)payload;
	if (m->kind == MSG_IO_ASK)
		return devices_on_ask(e, from, &m->u.io_ask);
	return devices_on_answer(e, &m->u.io_answer);
}

HANDLER(of_lives)
{
	(void)ev;
	(void)payload;
	switch (m->kind) {
	case MSG_HERE:
		return losses_on_here(e, from, &m->u.here);
	case MSG_VOID:
		return losses_on_void(e, from, &m->u.void_to);
	default:
		return losses_on_voided(e, from, &m->u.voided);
	}
}

HANDLER(of_boot)
{
	(void)ev;
	(void)payload;
	return boot_on_map(e, from, &m->u.map);
}

static const message_fn handlers[MSG_MAX] = {
	[MSG_REQUEST] = of_page, [MSG_COPY] = of_page, [MSG_OWN] = of_page,
	[MSG_EXTENT] = of_page, [MSG_REFUSE] = of_page, [MSG_INVALIDATE] = of_page,
	[MSG_INVALIDATED] = of_page, [MSG_FIND] = of_page, [MSG_FOUND] = of_page,
	[MSG_OFFER] = of_page, [MSG_ANSWER] = of_page, [MSG_GIVE] = of_page,
	[MSG_OWNER] = of_home,
	[MSG_MOVE_ASK] = of_vcpu, [MSG_MOVE_ANSWER] = of_vcpu, [MSG_MOVE_CANCEL] = of_vcpu,
	[MSG_VCPU] = of_vcpu, [MSG_VCPU_AT] = of_vcpu,
	[MSG_IO_ASK] = of_device, [MSG_IO_ANSWER] = of_device,
	[MSG_MAP] = of_boot, [MSG_HERE] = of_lives, [MSG_VOID] = of_lives,
	[MSG_VOIDED] = of_lives, [MSG_ABSENT] = of_page,
};

/* ---- the way in ---- */

/* The payload that nobody kept goes back. */
static void give_back(struct engine *e, const struct tidal_ev_message *ev, tidal_frame frame,
		      bool vcpu_kept)
{
	if (frame != TIDAL_FRAME_NONE)
		frames_put_dirty(e->frames, frame);
	if (ev->payload == TIDAL_PAYLOAD_VCPU && !vcpu_kept)
		actq_add(e->actq, TIDAL_ACT_BUF_FREE)->u.buf.buf = ev->buf;
}

/* Is there room for what this message may cause? */
static bool has_room(const struct engine *e, const struct wire *m)
{
	return engine_room(e, wire_class(m->kind) == LINK_REQUEST ? LINK_FORWARD : LINK_REPLY);
}

static int handle(struct engine *e, const struct tidal_ev_message *ev, struct wire *m,
		  bool void_payload, tidal_frame *payload)
{
	if (void_payload && m->kind == MSG_COPY) {
		/* the copy was out of date before it could be sent again: as if refused */
		const struct wire_copy c = m->u.copy;

		m->kind = MSG_REFUSE;
		m->u.refuse = (struct wire_refuse){ .gfn = c.gfn, .id = c.id, .hops = c.hops,
						    .reason = REFUSE_AGAIN,
						    .owner = TIDAL_NODE_NONE };
	}
	if (!has_room(e, m))
		return TIDAL_EAGAIN;
	if (!e->guest->known && m->kind == MSG_INVALIDATE)
		return proto_no_copy(e, &m->u.invalidate);
	if (!e->guest->known && m->kind != MSG_MAP && m->kind != MSG_VOID &&
	    m->kind != MSG_HERE)
		return TIDAL_EAGAIN;
	return handlers[m->kind](e, ev->from, m, ev, payload);
}

/* m NULL: nobody can tell what it was. */
static void report_bad(struct engine *e, tidal_nodeid from, const struct wire *m)
{
	struct tidal_act_report r = {
		.what = TIDAL_REPORT_BAD_PEER,
		.error = TIDAL_EPROTO,
		.gfn = TIDAL_GFN_NONE,
		.vcpu = TIDAL_VCPU_NONE,
		.node = from,
		.text = m ? wire_name(m->kind) : "undecodable",
	};

	if (m && (m->kind == MSG_OWN || m->kind == MSG_GIVE || m->kind == MSG_EXTENT))
		r.gfn = m->u.find.gfn; /* its owner may have been the message */
	if (m && m->kind == MSG_VCPU)
		r.vcpu = m->u.vcpu.vcpu;
	engine_report(e, &r);
}

/* Deliver the message in this packet. 0: done with; TIDAL_EAGAIN: let it be repeated. */
static int deliver(struct engine *e, const struct tidal_ev_message *ev, const struct link_in *in,
		   tidal_frame *payload)
{
	struct wire m;
	int err;

	if (!wire_decode(&m, in->body, in->len)) {
		report_bad(e, ev->from, NULL);
		return 0;
	}
	err = handle(e, ev, &m, in->void_payload, payload);
	if (err == TIDAL_EPROTO) {
		report_bad(e, ev->from, &m);
		return 0;
	}
	return err;
}

static bool is_sound(const struct engine *e, const struct tidal_ev_message *ev)
{
	switch (ev->payload) {
	case TIDAL_PAYLOAD_NONE:
	case TIDAL_PAYLOAD_VCPU:
		return true;
	case TIDAL_PAYLOAD_PAGE:
		return ev->buf < e->frames->fresh && e->frames->posted > 0 &&
		       ev->payload_len == TIDAL_PAGE_SIZE;
	default:
		return false;
	}
}

/* The message is done with before it was looked into: only its payload goes back. */
static void drop(struct engine *e, const struct tidal_ev_message *ev)
{
	tidal_frame payload = TIDAL_FRAME_NONE;

	if (ev->payload == TIDAL_PAYLOAD_PAGE) {
		payload = ev->buf;
		e->frames->posted--;
	}
	give_back(e, ev, payload, false);
}

/* An ideal link repeats nothing: what can't be handled now stays the driver's, to be pushed again. */
static bool is_for_later(const struct engine *e, const struct link_in *in, int err)
{
	return err && !in->reset && e->params->flags & TIDAL_PARAM_IDEAL_LINK;
}

int core_message(struct engine *e, const struct tidal_ev_message *ev)
{
	struct link_in in;
	struct peer before;
	tidal_frame payload = TIDAL_FRAME_NONE;
	bool vcpu_kept = false;
	uint32_t incarnation;
	int err;

	if (!is_sound(e, ev))
		return TIDAL_EINVAL;
	err = link_peek(e->link, ev->from, ev->bytes, ev->len, &in);
	if (err == TIDAL_ESTALE) {
		/* not for us, but news of its sender: dropped, with an answer perhaps */
		incarnation = link_incarnation(e->link, ev->from);
		link_stale(e->link, e->now, ev->from, &in);
		if (incarnation && incarnation != link_incarnation(e->link, ev->from))
			losses_note(e, ev->from, in.incarnation);
		drop(e, ev);
		return 0;
	}
	if (err)
		return err;
	if (in.time > e->now)
		e->now = in.time; /* rule 21: what a message causes is later than the message */
	before = e->peers[ev->from];
	e->peers[ev->from].heard = true;
	e->peers[ev->from].free = in.free;
	e->peers[ev->from].load = in.load;
	if (ev->payload == TIDAL_PAYLOAD_PAGE) {
		payload = ev->buf;
		e->frames->posted--;
	}
	err = in.reset ? TIDAL_EAGAIN : 0; /* first settle what is lost with the old incarnation */
	if (!err && in.body) {
		uint64_t in_before = e->stats->vcpus_in;

		err = deliver(e, ev, &in, &payload);
		vcpu_kept = e->stats->vcpus_in != in_before;
	}
	if (is_for_later(e, &in, err)) {
		e->peers[ev->from] = before;
		e->frames->posted += ev->payload == TIDAL_PAYLOAD_PAGE;
		return err;
	}
	if (err)
		link_refuse(e->link, e->now, ev->from, &in);
	else
		link_accept(e->link, e->now, ev->from, &in, e->stats);
	if (in.reset)
		losses_note(e, ev->from, in.incarnation);
	else if (e->peers[ev->from].mourned)
		losses_back(e, ev->from, in.incarnation);
	give_back(e, ev, payload, vcpu_kept);
	return 0;
}

/* ---- settled ---- */

/* Pages that were on their way: one, or all of an extent. */
static void report_lost(struct engine *e, const struct link_settled *s)
{
	struct tidal_act_report r = {
		.what = TIDAL_REPORT_PAGE_LOST,
		.error = TIDAL_EPEER,
		.gfn = s->cookie & ((UINT64_C(1) << TAG_GRANT) - 1),
		.vcpu = TIDAL_VCPU_NONE,
		.node = s->to,
		.pages = 1,
		.text = "its node restarted",
	};
	struct wire m;

	if (wire_decode(&m, s->body, s->len) && m.kind == MSG_EXTENT) {
		r.gfn = m.u.extent.first << TIDAL_RANGE_SHIFT;
		r.pages = min_u64((uint64_t)TIDAL_RANGE_PAGES << m.u.extent.order,
				  e->guest->pages - r.gfn);
	}
	engine_report(e, &r);
}

static void settle_page(struct engine *e, const struct link_settled *s)
{
	if (s->lost)
		report_lost(e, s);
	if (s->payload.kind == TIDAL_PAYLOAD_PAGE) {
		e->frames->departing--;
		engine_free(e, s->payload.buf, false);
		if (e->transits->room_first)
			e->capacity->retry_at = e->now;
	}
	engine_granted(e, s->to, s->cookie >> TAG_GRANT & 1);
}

void core_settled(struct engine *e)
{
	struct link_settled s;
	struct wire m;

	while (actq_room(e->actq) && link_settled(e->link, &s)) {
		unsigned cookie = (s.cookie & ~LINK_IF_LOST) >> 56;

		if (cookie == COOKIE_OWN)
			settle_page(e, &s);
		else if (cookie == COOKIE_VCPU)
			move_on_settled(e, (tidal_vcpuid)s.cookie, s.to, s.lost);
		else if (cookie == COOKIE_HERE)
			losses_heard(e, s.to, s.lost);
		else if (cookie == COOKIE_DROP && wire_decode(&m, s.body, s.len))
			proto_repeat_drop(e, s.to, &m);
		else if (cookie == COOKIE_REQUEST && wire_decode(&m, s.body, s.len))
			proto_refuse_lost(e, s.to, &m.u.request);
	}
}
