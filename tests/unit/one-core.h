/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * one-core - one core for tests: node 0 of a pod, and a link of its peer, node 1, to make
 * packets with any body. A host that answers in the order of the actions, or doesn't yet.
 */
#ifndef TIDAL_TESTS_ONE_CORE_H
#define TIDAL_TESTS_ONE_CORE_H

#include "component.h"

#include <stdlib.h>

#include "core/core_state.h"

#define ONE_PAGES 600 /* two ranges, the second one in part */
#define ONE_VCPUS 4
#define ONE_DONES 512
#define ONE_DEVICE (UINT64_C(1) << 40)

struct one_core {
	struct tidal_params params;
	struct tidal_vmap map;
	void *mem;
	size_t bytes;
	struct tidal_core *core;
	tidal_time now;
	uint64_t done[ONE_DONES]; /* tokens of actions that the host has not answered */
	uint32_t dones;
	bool running[ONE_VCPUS], asked_to_stop[ONE_VCPUS];
	tidal_frame posted[64];
	uint32_t posts;
	uint32_t packets; /* sent */
	uint32_t sent[MSG_MAX]; /* messages of each kind */
	struct wire last[MSG_MAX]; /* the latest */
	tidal_nodeid last_to[MSG_MAX];
	uint32_t reports[16]; /* by enum tidal_report */
	struct tidal_act_report last_report;
	bool silent;	  /* the peer doesn't hear them */
	struct link *peer;
	void *peer_mem;
	struct tidal_stats peer_stats;
};

static inline void one_params(struct one_core *o, uint32_t flags)
{
	assert_int_equal(tidal_vmap_init(&o->map, sizeof(o->map), ONE_PAGES, ONE_VCPUS), 0);
	o->map.devices = 1;
	o->map.device[0] = (struct tidal_vmap_device){ ONE_DEVICE, 4096, 0 };
	tidal_params_init(&o->params, sizeof(o->params), 64);
	o->params.nodes = 3;
	o->params.vcpus = o->params.vcpu_slots = ONE_VCPUS;
	o->params.flags = flags | TIDAL_PARAM_RETIRE_EVENTS;
	o->params.vmap = &o->map;
	o->params.transits = 16;
	o->params.messages = 128;
	o->params.ranges = o->params.homes = o->params.hints = 16;
	o->params.seed = 5;
}

static inline void one_peer(struct one_core *o)
{
	const struct link_config config = {
		.nodes = o->params.nodes, .self = 1, .incarnation = 1, .messages = 256,
		.rto_ns = o->params.rto_ns, .ideal = o->params.flags & TIDAL_PARAM_IDEAL_LINK,
	};
	struct arena a = { NULL, 0 };

	link_init(&a, &config);
	o->peer_mem = test_calloc(1, a.used);
	a = (struct arena){ o->peer_mem, 0 };
	o->peer = link_init(&a, &config);
	link_peer(o->peer, 0, 1);
}

/* A core from o->params. */
static inline void one_start(struct one_core *o)
{
	o->bytes = tidal_core_footprint(&o->params);
	assert_true(o->bytes > 0);
	o->mem = aligned_alloc(64, (o->bytes + 63) & ~(size_t)63);
	memset(o->mem, 0, o->bytes);
	assert_int_equal(tidal_core_init(o->mem, o->bytes, &o->params, &o->core), 0);
}

static inline void one_open(struct one_core *o, uint32_t flags)
{
	memset(o, 0, sizeof(*o));
	one_params(o, flags);
	one_start(o);
	one_peer(o);
}

static inline void one_close(struct one_core *o)
{
	free(o->mem);
	test_free(o->peer_mem);
}

/* ---- the host ---- */

static inline void one_note(struct one_core *o, uint64_t token)
{
	assert_true(o->dones < ONE_DONES);
	o->done[o->dones++] = token;
}

static inline void one_note_message(struct one_core *o, const struct tidal_act_send *s)
{
	struct wire m;

	if (s->len <= LINK_HEADER ||
	    !wire_decode(&m, (const uint8_t *)s->header + LINK_HEADER, s->len - LINK_HEADER))
		return;
	o->sent[m.kind]++;
	o->last[m.kind] = m;
	o->last_to[m.kind] = s->to;
}

static inline void one_hear(struct one_core *o, const struct tidal_act_send *s)
{
	struct link_in in;

	o->packets++;
	one_note_message(o, s);
	if (s->to == 1 && !o->silent && link_peek(o->peer, 0, s->header, s->len, &in) == 0)
		link_accept(o->peer, o->now, 0, &in, &o->peer_stats);
}

static inline void one_act(struct one_core *o, const struct tidal_action *a)
{
	switch (a->kind) {
	case TIDAL_ACT_SEND:
		one_hear(o, &a->u.send);
		break;
	case TIDAL_ACT_MAP:
	case TIDAL_ACT_UNMAP:
	case TIDAL_ACT_PROTECT:
		one_note(o, a->u.pages.token);
		break;
	case TIDAL_ACT_ZERO:
		one_note(o, a->u.frame.token);
		break;
	case TIDAL_ACT_POST:
		o->posted[o->posts++] = a->u.frame.frame;
		break;
	case TIDAL_ACT_RUN:
		o->running[a->u.vcpu.vcpu] = true;
		o->asked_to_stop[a->u.vcpu.vcpu] = false;
		break;
	case TIDAL_ACT_STOP:
		o->asked_to_stop[a->u.vcpu.vcpu] = true;
		break;
	case TIDAL_ACT_SAVE:
	case TIDAL_ACT_LOAD:
		one_note(o, a->u.vcpu.token);
		break;
	case TIDAL_ACT_IO:
		one_note(o, a->u.io.token);
		break;
	case TIDAL_ACT_REPORT:
		o->reports[a->u.report.what % 16]++;
		o->last_report = a->u.report;
		break;
	default:
		break;
	}
}

static inline void one_pull(struct one_core *o)
{
	struct tidal_action a;

	while (tidal_core_pull(o->core, &a))
		one_act(o, &a);
}

static inline int one_push(struct one_core *o, const struct tidal_event *ev)
{
	return tidal_core_push(o->core, o->now, ev);
}

static inline struct tidal_event one_done(uint64_t token)
{
	struct tidal_event ev = { .kind = TIDAL_EV_HOST_DONE };

	ev.u.done.token = token;
	ev.u.done.payload_len = 100;
	return ev;
}

static inline struct tidal_event one_stall(tidal_vcpuid v, tidal_gfn gfn, uint16_t access)
{
	struct tidal_event ev = { .kind = TIDAL_EV_STALL };

	ev.u.stall.vcpu = v;
	ev.u.stall.access = access;
	ev.u.stall.gpa = access == TIDAL_IO ? ONE_DEVICE : gfn << TIDAL_PAGE_SHIFT;
	ev.u.stall.io_size = 4;
	return ev;
}

static inline struct tidal_event one_command(uint32_t command, tidal_gfn gfn)
{
	struct tidal_event ev = { .kind = TIDAL_EV_COMMAND };

	ev.u.command.command = command;
	ev.u.command.gfn = gfn;
	return ev;
}

/* The host has done all it was asked. */
static inline void one_settle(struct one_core *o)
{
	one_pull(o);
	while (o->dones) {
		struct tidal_event ev = one_done(o->done[--o->dones]);

		assert_int_equal(one_push(o, &ev), 0);
		one_pull(o);
	}
}

static inline void one_run(struct one_core *o)
{
	struct tidal_event ev = one_command(TIDAL_CMD_CONTINUE, 0);

	assert_int_equal(one_push(o, &ev), 0);
	one_settle(o);
}

/* ---- messages of node 1 ---- */

struct one_packet {
	uint8_t bytes[LINK_HEADER + LINK_BODY_MAX];
	uint32_t len;
};

/* The next packet of the peer's that carries *body*; false: its window is full. */
static inline bool one_packet(struct one_core *o, unsigned class, const void *body, uint32_t len,
			      struct one_packet *p)
{
	struct link_out out;

	if (!link_room(o->peer, class, 1))
		return false;
	link_queue(o->peer, 0, class, body, len, NULL, 0);
	for (unsigned i = 0; i < 8 && link_next(o->peer, o->now, &out, &o->peer_stats); i++) {
		memcpy(p->bytes, out.header, out.len);
		p->len = out.len;
		if (out.len == LINK_HEADER + len)
			return true;
	}
	return false;
}

static inline struct tidal_event one_message(const struct one_packet *p)
{
	struct tidal_event ev = { .kind = TIDAL_EV_MESSAGE };

	ev.u.message.from = 1;
	ev.u.message.bytes = p->bytes;
	ev.u.message.len = p->len;
	return ev;
}

static inline void one_check(const struct one_core *o)
{
	const char *why = NULL;
	int err = tidal_core_check(o->core, &why);

	if (err)
		print_error("%s\n", why);
	assert_int_equal(err, 0);
}

/* Node 1 says this, and it is taken. */
static inline void one_say(struct one_core *o, const struct wire *m)
{
	uint8_t body[LINK_BODY_MAX];
	struct one_packet p;
	struct tidal_event ev;

	assert_true(one_packet(o, wire_class(m->kind), body, wire_encode(m, body), &p));
	ev = one_message(&p);
	assert_int_equal(one_push(o, &ev), 0);
	one_check(o);
	one_pull(o);
}

static inline struct tidal_page_info one_page(const struct one_core *o, tidal_gfn gfn)
{
	struct tidal_page_info info;

	assert_int_equal(tidal_core_page(o->core, gfn, &info), 0);
	return info;
}

#endif
