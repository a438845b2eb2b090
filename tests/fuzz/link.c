/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzz target: one end of the link against packets of a peer: raw bytes, packets of a sound
 * link, and such packets with bytes changed. Looking changes nothing, the invariants hold after
 * every call, and what was delivered once is a duplicate afterwards.
 */
#include "core/link.h"
#include "fuzz.h"

#define NODES 3
#define MESSAGES 96
#define PACKET_MAX (LINK_HEADER + LINK_BODY_MAX)
#define PACKETS_MAX (4 * MESSAGES) /* that one call after another may give at a time */

struct pair {
	struct fuzz_arena mem[2];
	struct link *end[2]; /* 0: the one that is attacked, node 0; 1: its peer, node 1 */
	struct fuzz_in in;
	tidal_time now;
	bool ideal;
	struct tidal_stats stats;
};

static void open_end(struct pair *p, unsigned i)
{
	const struct link_config config = {
		.nodes = NODES, .self = (uint16_t)i, .incarnation = 5, .messages = MESSAGES,
		.rto_ns = 1000, .ideal = p->ideal, .seed = i,
	};
	struct arena a = { NULL, 0 };

	link_init(&a, &config);
	fuzz_arena_open(&p->mem[i], a.used);
	a = (struct arena){ p->mem[i].at, 0 };
	p->end[i] = link_init(&a, &config);
}

static void check(struct pair *p)
{
	const char *why = "";

	for (unsigned i = 0; i < 2; i++) {
		if (!link_check(p->end[i], &why))
			fprintf(stderr, "end %u: %s\n", i, why);
		MUST(link_check(p->end[i], &why));
		fuzz_arena_check(&p->mem[i]);
	}
}

static void settle(struct link *l)
{
	struct link_settled s;

	for (unsigned i = 0; link_settled(l, &s); i++) {
		MUST(i <= MESSAGES);
		MUST(s.to < NODES && s.len <= LINK_BODY_MAX);
	}
}

/* A packet arrives at one end. */
static void arrive(struct pair *p, unsigned to, tidal_nodeid from, const uint8_t *packet,
		   uint32_t len)
{
	struct link *l = p->end[to];
	struct link_in in, again;
	int err = link_peek(l, from, packet, len, &in);

	MUST(err <= 0);
	if (err == TIDAL_ESTALE)
		link_stale(l, p->now, from, &in);
	if (err)
		return;
	MUST(!in.body || ((const uint8_t *)in.body == packet + LINK_HEADER &&
			  in.len == len - LINK_HEADER));
	if (in.message && fuzz_u8(&p->in) % 8 == 1) {
		link_refuse(l, p->now, from, &in);
		return;
	}
	link_accept(l, p->now, from, &in, &p->stats);
	if (in.message && !p->ideal && !in.reset && link_peek(l, from, packet, len, &again) == 0)
		MUST(again.duplicate && !again.body);
}

/* What an end has to send; *change* packets arrive with a byte changed. */
static void transmit(struct pair *p, unsigned from, unsigned change)
{
	uint8_t packet[PACKET_MAX];
	struct link_out out;

	for (unsigned i = 0; link_next(p->end[from], p->now, &out, &p->stats); i++) {
		MUST(i < PACKETS_MAX);
		MUST(out.len >= LINK_HEADER && out.len <= PACKET_MAX && out.to < NODES);
		memcpy(packet, out.header, out.len);
		if (out.to > 1 || (change == 0 && !p->ideal && fuzz_u8(&p->in) % 4 == 1))
			continue; /* nobody there, or lost */
		if (change)
			packet[fuzz_u8(&p->in) % out.len] ^= (uint8_t)(1 + fuzz_u8(&p->in) % 255);
		arrive(p, !from, (tidal_nodeid)from, packet, out.len);
	}
}

static void queue(struct pair *p, unsigned from)
{
	uint8_t choice = fuzz_u8(&p->in), body[LINK_BODY_MAX];
	enum link_class class = choice % LINK_CLASSES;
	uint32_t len = fuzz_u8(&p->in) % (LINK_BODY_MAX + 1);
	const struct link_payload payload = { choice / 16 % 3, choice / 4 % 4, 100, 7 };

	memset(body, choice, sizeof(body));
	if (link_room(p->end[from], class, 1))
		link_queue(p->end[from], (tidal_nodeid)(choice & 128 ? 2 : !from), class, body, len,
			   payload.kind ? &payload : NULL, choice / 64);
}

static void raw(struct pair *p)
{
	uint8_t packet[PACKET_MAX];
	uint32_t len = (uint32_t)fuzz_bytes(&p->in, packet, 76u + fuzz_u8(&p->in) % 193u);

	arrive(p, 0, (tidal_nodeid)(fuzz_u8(&p->in) % 4), packet, len);
}

/* The peer's next life begins. */
static void restart(struct pair *p)
{
	link_peer(p->end[0], 1, 6 + fuzz_u8(&p->in) % 4);
}

static void step(struct pair *p)
{
	uint8_t op = fuzz_u8(&p->in);

	p->now += op & 0x80 ? fuzz_int(&p->in, 3) : 1;
	switch (op % 12) {
	case 0: raw(p); break;
	case 1: queue(p, 0); break;
	case 2: queue(p, 1); break;
	case 3: transmit(p, 0, 0); break;
	case 4: transmit(p, 1, 0); break;
	case 5: transmit(p, 1, 1); break;
	case 6: settle(p->end[0]); break;
	case 7: (void)link_withdraw(p->end[0], fuzz_u8(&p->in) % 4); break;
	case 8: link_down(p->end[0], (tidal_nodeid)(1 + op / 16 % 2)); break;
	case 9: restart(p); break;
	case 10: link_pressure(p->end[0], op, fuzz_u8(&p->in)); break;
	default:
		if (link_deadline(p->end[0]) != TIDAL_NEVER && link_deadline(p->end[0]) > p->now)
			p->now = link_deadline(p->end[0]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct pair p = { .in = { bytes, len } };

	p.ideal = fuzz_u8(&p.in) & 1;
	open_end(&p, 0);
	open_end(&p, 1);
	for (unsigned i = 0; i < 200 && p.in.left; i++) {
		step(&p);
		check(&p);
	}
	fuzz_arena_close(&p.mem[0]);
	fuzz_arena_close(&p.mem[1]);
	return 0;
}
