/* SPDX-License-Identifier: BSD-3-Clause */
/* The setup of an event log: parameters, virtual map, topology and weights as bytes. */
#include "eventlog_setup.h"

#include "eventlog.h"

/* Members of struct tidal_params that are numbers, with their bytes in the log. */
#define NUMBERS(F)                                                                                \
	F(node, 2) F(nodes, 2) F(incarnation, 4) F(flags, 4) F(seed, 8) F(frames, 4)              \
	F(landing, 4) F(reserve, 4) F(low, 4) F(high, 4) F(vcpus, 4) F(vcpu_slots, 4)             \
	F(vcpu_bytes, 4) F(transits, 4) F(messages, 4) F(ranges, 4) F(homes, 4) F(hints, 4)       \
	F(rto_ns, 8) F(hold_ns, 8) F(hold_max_ns, 8) F(reserve_ns, 8) F(backoff_ns, 8)            \
	F(slice_ns, 8)

static void put_numbers(struct out *o, const struct tidal_params *p)
{
#define PUT(member, bytes) out_int(o, p->member, bytes);
	NUMBERS(PUT)
#undef PUT
}

static void get_numbers(struct in *in, struct tidal_params *p)
{
#define GET(member, bytes)                                                                        \
	_Static_assert(sizeof(p->member) == (bytes), "the log keeps all of it");                  \
	p->member = in_int(in, bytes);
	NUMBERS(GET)
#undef GET
}

void eventlog_put_name(struct out *o, const struct tidal_policy_ops *policy)
{
	size_t len = policy && policy->name ? strlen(policy->name) : 0;

	if (len >= EVENTLOG_NAME_MAX)
		o->bad = true;
	out_u8(o, len);
	out_bytes(o, len ? policy->name : "", len);
}

void eventlog_get_name(struct in *in, char *name)
{
	size_t len = in_u8(in);
	const uint8_t *p = in_take(in, len);

	if (len >= EVENTLOG_NAME_MAX)
		in->bad = true;
	memset(name, 0, EVENTLOG_NAME_MAX);
	if (p && !in->bad)
		memcpy(name, p, len);
}

void eventlog_put_weights(struct out *o, const struct tidal_weights *weights)
{
	struct tidal_weights w;

	out_u8(o, weights != NULL);
	if (!weights)
		return;
	tidal_weights_init(&w, sizeof(w)); /* what an older caller's struct leaves out */
	memcpy(&w, weights, weights->size < sizeof(w) ? weights->size : sizeof(w));
#define PUT(name, text) out_u32(o, (uint32_t)w.name.weight), out_u32(o, w.name.exponent);
	TIDAL_WEIGHTS(PUT)
#undef PUT
}

const struct tidal_weights *eventlog_get_weights(struct in *in, struct tidal_weights *w)
{
	uint8_t have = in_u8(in);

	if (have > 1)
		in->bad = true;
	if (!have)
		return NULL;
	w->size = sizeof(*w);
#define GET(name, text) w->name.weight = (int32_t)in_u32(in), w->name.exponent = in_u32(in);
	TIDAL_WEIGHTS(GET)
#undef GET
	return w;
}

static void put_topology(struct out *o, const struct tidal_topology *t)
{
	uint32_t count = t ? t->count : 0;

	out_u32(o, count);
	for (uint32_t i = 0; i < count && !o->bad; i++) {
		out_u16(o, t->objects[i].kind);
		out_u16(o, t->objects[i].parent);
		out_u32(o, t->objects[i].os_index);
	}
}

static void get_topology(struct in *in, struct eventlog_setup *s)
{
	uint32_t count = in_u32(in);

	if (count > TIDAL_TOPO_MAX)
		in->bad = true;
	for (uint32_t i = 0; i < count && !in->bad; i++) {
		s->objects[i].kind = in_u16(in);
		s->objects[i].parent = in_u16(in);
		s->objects[i].os_index = in_u32(in);
	}
	s->topology = (struct tidal_topology){ s->objects, count };
	s->params.topology = count > 0 ? &s->topology : NULL;
}

static void put_vmap(struct out *o, const struct tidal_vmap *m)
{
	out_u8(o, m != NULL);
	if (!m)
		return;
	if (m->memory_runs > TIDAL_VMAP_RUNS || m->vcpu_runs > TIDAL_VMAP_RUNS ||
	    m->devices > TIDAL_VMAP_DEVICES) {
		o->bad = true;
		return;
	}
	out_u8(o, m->memory_runs);
	out_u8(o, m->vcpu_runs);
	out_u8(o, m->devices);
	for (uint32_t i = 0; i < m->memory_runs; i++) {
		out_u64(o, m->memory[i].first);
		out_u64(o, m->memory[i].pages);
		out_u16(o, m->memory[i].node);
	}
	for (uint32_t i = 0; i < m->vcpu_runs; i++) {
		out_u16(o, m->vcpu[i].first);
		out_u16(o, m->vcpu[i].count);
		out_u16(o, m->vcpu[i].node);
	}
	for (uint32_t i = 0; i < m->devices; i++) {
		out_u64(o, m->device[i].base);
		out_u64(o, m->device[i].bytes);
		out_u16(o, m->device[i].node);
	}
}

static void get_vmap(struct in *in, struct tidal_vmap *m)
{
	m->size = sizeof(*m);
	m->memory_runs = in_u8(in);
	m->vcpu_runs = in_u8(in);
	m->devices = in_u8(in);
	if (m->memory_runs > TIDAL_VMAP_RUNS || m->vcpu_runs > TIDAL_VMAP_RUNS ||
	    m->devices > TIDAL_VMAP_DEVICES) {
		in->bad = true;
		return;
	}
	for (uint32_t i = 0; i < m->memory_runs; i++) {
		m->memory[i].first = in_u64(in);
		m->memory[i].pages = in_u64(in);
		m->memory[i].node = in_u16(in);
	}
	for (uint32_t i = 0; i < m->vcpu_runs; i++) {
		m->vcpu[i].first = in_u16(in);
		m->vcpu[i].count = in_u16(in);
		m->vcpu[i].node = in_u16(in);
	}
	for (uint32_t i = 0; i < m->devices; i++) {
		m->device[i].base = in_u64(in);
		m->device[i].bytes = in_u64(in);
		m->device[i].node = in_u16(in);
	}
}

void eventlog_encode_setup(struct out *o, const struct tidal_params *params)
{
	struct tidal_params p;

	tidal_params_init(&p, sizeof(p), params->frames);
	memcpy(&p, params, params->size < sizeof(p) ? params->size : sizeof(p));
	put_numbers(o, &p);
	eventlog_put_name(o, p.policy);
	eventlog_put_weights(o, p.weights);
	put_topology(o, p.topology);
	put_vmap(o, p.vmap);
}

void eventlog_decode_setup(struct in *in, struct eventlog_setup *s)
{
	uint8_t have;

	memset(s, 0, sizeof(*s));
	s->params.size = sizeof(s->params);
	get_numbers(in, &s->params);
	eventlog_get_name(in, s->policy);
	s->params.weights = eventlog_get_weights(in, &s->weights);
	get_topology(in, s);
	have = in_u8(in);
	if (have > 1)
		in->bad = true;
	if (have) {
		get_vmap(in, &s->vmap);
		s->params.vmap = &s->vmap;
	}
}
