/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pod_hostile - a peer that says what it likes. Its link is a sound one, so that what it says is
 * listened to; the messages are made field by field from the table in wire.h, of values that
 * are likely to matter, or are any bytes; and some packets are spoilt on their way.
 */
#include "pod.h"

#define SPOIL 1
#define WITH_PAGE 2
#define WITH_VCPU 4

struct saying {
	uint8_t how; /* of the above */
	uint8_t body[LINK_BODY_MAX];
	uint32_t len;
};

void pod_hostile_open(struct pod *p, struct pod_hostile *h)
{
	const struct link_config config = {
		.nodes = (uint16_t)p->nodes, .self = h->id, .incarnation = ++h->incarnation,
		.messages = 128, .rto_ns = 200000, .ideal = p->ideal,
	};
	struct arena a = { NULL, 0 };

	link_init(&a, &config);
	free(h->mem);
	h->mem = calloc(1, a.used);
	MUST(h->mem);
	a = (struct arena){ h->mem, 0 };
	h->link = link_init(&a, &config);
	for (unsigned i = 0; i < p->cores; i++)
		link_peer(h->link, p->node[i].id, 1);
}

/* It listens, so that it may go on talking; and learns what it is asked for. */
void pod_hostile_hear(struct pod *p, tidal_nodeid to, struct pod_node *n,
		      const struct tidal_act_send *s)
{
	struct link_in in;
	struct wire m;

	for (unsigned i = 0; i < p->hostiles; i++) {
		struct link *l = p->hostile[i].link;

		if (p->hostile[i].id != to || link_peek(l, n->id, s->header, s->len, &in))
			continue;
		if (in.body && wire_decode(&m, in.body, in.len) && m.kind == MSG_REQUEST)
			p->gfn = m.u.request.gfn;
		link_accept(l, p->now, n->id, &in, &p->stats);
	}
}

/* ---- what it says ---- */

tidal_gfn pod_gfn(struct pod *p)
{
	uint64_t pages = tidal_vmap_pages(&p->map);
	uint8_t b = fuzz_u8(&p->in);

	if (b < 64)
		return b % 8 + b / 8 * TIDAL_RANGE_PAGES / 2;
	if (b < 128)
		return p->gfn;
	return b < 250 ? pages - 1 - b % 8 : fuzz_int(&p->in, 8);
}

static uint64_t epoch_of(const struct pod_node *n, tidal_gfn gfn)
{
	struct tidal_page_info info;
	return tidal_core_page(n->core, gfn, &info) == 0 ? info.epoch : 0;
}

/* Answers to the question that is open there have its number. */
static uint64_t id_of(const struct pod_node *n, tidal_gfn gfn)
{
	const struct transit *t = transits_find(&n->core->transits, gfn);

	return t ? t->id : n->core->next_id;
}

/* A value that is known to the core, somehow. */
static uint64_t known(const struct pod *p, const struct pod_node *n, uint8_t which)
{
	switch (which % 16) {
	case 0: return n->id;
	case 1: return p->hostile[0].id;
	case 2: return id_of(n, p->gfn);
	case 3: return epoch_of(n, p->gfn);
	case 4: return epoch_of(n, p->gfn) + 1;
	case 5: return epoch_of(n, p->gfn) - 1;
	case 6: return UINT64_MAX;
	case 7: return p->nodes;
	case 8: return p->now;
	case 9: return n->core->guest.vcpus;
	case 10: return EPOCH_MASK;
	case 11: return POD_DEVICE + which / 16;
	case 12: return LINK_TIME_MAX;
	case 13: return n->core->devices.next_id;
	case 14: return UINT64_C(1) << p->hostile[0].id;
	default: return p->gfn;
	}
}

static uint64_t field(struct pod *p, const struct pod_node *n, const char *name)
{
	uint8_t b;

	if (strcmp(name, "gfn") == 0)
		return p->gfn = pod_gfn(p);
	b = fuzz_u8(&p->in);
	if (b < 64)
		return b % 16;
	if (strcmp(name, "id") == 0)
		return id_of(n, p->gfn) - (b & 7 ? 0 : 1);
	if (b < 224)
		return known(p, n, b);
	return fuzz_int(&p->in, 1u << b % 4);
}

#define FIELD(type, name) m.name = (wire_##type)field(p, n, #name);
#define SAY(number, NAME, name, class)                                                        \
	static void say_##name(struct pod *p, const struct pod_node *n, struct wire_##name *to) \
	{                                                                                     \
		struct wire_##name m;                                                         \
                                                                                              \
		WIRE_##NAME(FIELD)                                                            \
		*to = m;                                                                      \
	}
WIRE_MESSAGES(SAY)

void pod_make_message(struct pod *p, const struct pod_node *n, struct wire *m)
{
	m->kind = (uint8_t)(1 + fuzz_u8(&p->in) % (MSG_MAX - 1));
	switch (m->kind) {
#define MAKE(number, NAME, name, class)                                                       \
	case MSG_##NAME:                                                                      \
		say_##name(p, n, &m->u.name);                                                 \
		break;
		WIRE_MESSAGES(MAKE)
	}
}

/* ---- how it says it ---- */

static void arrive(struct pod *p, struct pod_hostile *h, const struct link_out *out,
		   const struct saying *s)
{
	struct pod_node *n = pod_find(p, out->to);
	uint8_t packet[POD_PACKET];
	uint16_t payload = TIDAL_PAYLOAD_NONE;

	memcpy(packet, out->header, out->len);
	if (s && out->len == LINK_HEADER + s->len) {
		if (s->how & SPOIL)
			packet[fuzz_u8(&p->in) % out->len] ^= fuzz_u8(&p->in);
		if (s->how & WITH_PAGE)
			payload = TIDAL_PAYLOAD_PAGE;
		else if (s->how & WITH_VCPU)
			payload = TIDAL_PAYLOAD_VCPU;
	}
	if (n)
		(void)pod_message(p, n, h->id, packet, out->len, payload,
				  payload == TIDAL_PAYLOAD_PAGE ? TIDAL_PAGE_SIZE : POD_VCPU_BYTES);
}

/* Everything that its link has to send. */
static void speak(struct pod *p, struct pod_hostile *h, const struct saying *s)
{
	struct link_out out;

	for (unsigned i = 0; i < 256 && link_next(h->link, p->now, &out, &p->stats); i++)
		arrive(p, h, &out, s);
}

static void say(struct pod *p, struct pod_hostile *h, struct pod_node *n, unsigned class,
		const struct saying *s)
{
	if (link_room(h->link, class, 1))
		link_queue(h->link, n->id, class, s->body, s->len, NULL, 0);
	speak(p, h, s);
}

static void say_raw(struct pod *p, struct pod_hostile *h, struct pod_node *n)
{
	uint8_t packet[POD_PACKET];
	uint32_t len = (uint32_t)fuzz_bytes(&p->in, packet, fuzz_u8(&p->in));

	(void)pod_message(p, n, h->id, packet, len, fuzz_u8(&p->in) % 4, 1 + fuzz_u8(&p->in));
}

void pod_attack(struct pod *p, struct pod_node *n, uint8_t how)
{
	struct saying s = { .how = fuzz_u8(&p->in) };
	struct pod_hostile *h = &p->hostile[s.how / 64 % POD_HOSTILE];
	struct wire m = { 0 };

	if (p->hostiles == 0)
		return;
	if (h->link == NULL)
		h = &p->hostile[0];
	switch (how) {
	case 0: /* a sound packet with a made message */
		pod_make_message(p, n, &m);
		s.len = wire_encode(&m, s.body);
		s.how &= s.how & 8 ? WITH_PAGE | WITH_VCPU : WITH_PAGE | WITH_VCPU | SPOIL;
		say(p, h, n, wire_class(m.kind), &s);
		break;
	case 1: /* a sound packet with any bytes */
		s.len = (uint32_t)fuzz_bytes(&p->in, s.body, fuzz_u8(&p->in) % (LINK_BODY_MAX + 1));
		say(p, h, n, s.how / 8 % LINK_CLASSES, &s);
		break;
	case 2:
		say_raw(p, h, n);
		break;
	default: /* its next life */
		pod_hostile_open(p, h);
	}
}

/* A hostile master tells the map as a sound one does. */
void pod_hostile_map(struct pod *p)
{
	const struct tidal_vmap *map = &p->map;
	struct wire m[3] = {
		{ .kind = MSG_MAP, .u.map = { 0, map->memory[0].pages, 0, MAP_MEMORY, 0, 3, 0 } },
		{ .kind = MSG_MAP, .u.map = { 0, map->vcpu[0].count, 1, MAP_VCPUS, 1, 3, 0 } },
		{ .kind = MSG_MAP, .u.map = { POD_DEVICE, POD_DEVICE_BYTES, map->device[0].node,
					      MAP_DEVICE, 2, 3, 0 } },
	};
	struct saying s = { 0 };

	for (unsigned i = 0; i < p->cores; i++)
		for (unsigned k = 0; k < 3; k++) {
			s.len = wire_encode(&m[k], s.body);
			say(p, &p->hostile[0], &p->node[i], LINK_REPLY, &s);
		}
}
