/* SPDX-License-Identifier: BSD-3-Clause */
/* links_look - the state of two links: what must be true of it, its digest, and for people. */
#include <stdio.h>

#include "core/bits.h"
#include "core/le.h"
#include "link_look.h"
#include "links_state.h"

/* ---- what must be true; digest ---- */

bool links_is_quiet(const void *links)
{
	const struct links *s = links;

	if (s->m->packets)
		return false;
	for (unsigned i = 0; i < LETTERS; i++)
		if (s->m->letter[i].id)
			return false;
	return link_deadline(s->link[0]) == TIDAL_NEVER && link_deadline(s->link[1]) == TIDAL_NEVER;
}

const char *links_violation(void *links)
{
	struct links *s = links;
	const char *why;

	for (unsigned n = 0; n < NODES; n++)
		if (!link_check(s->link[n], &why))
			links_violate(s, why);
	return s->m->violation;
}

/* Not the same both ways round, nor for neighbours: small numbers are folded into small ones. */
static uint64_t fold(uint64_t h, uint64_t x)
{
	return mix64(h * UINT64_C(0xd6e8feb86659fd93) ^ x);
}

/* Of a letter only how far it has come counts. */
static uint64_t of_letter(void *links, tidal_nodeid to, const void *body, uint32_t len,
			  const struct link_payload *payload)
{
	const struct links *s = links;
	const struct letter *x = links_letter(s->m, le_get32(body));

	(void)to;
	(void)len;
	(void)payload;
	if (!x)
		return 1;
	return 2u | x->delivered << 2 | x->withdrawn << 3 | x->reported << 4 | x->orphan << 5;
}

static uint64_t digest_packet(const struct links *s, const struct packet *t)
{
	const struct link *l = s->link[t->to];
	bool news;
	uint64_t h = fold(t->to, link_packet_digest(l, t->from, t->bytes, t->len, &news));

	if (!news)
		return h;
	return fold(h, of_letter((void *)(uintptr_t)s, t->to, t->bytes + LINK_HEADER, BODY, NULL));
}

uint64_t links_digest(const void *links)
{
	const struct links *s = links;
	const struct link_bodies bodies = { of_letter, (void *)(uintptr_t)s };
	uint64_t sum = 0, h = s->m->mishaps | s->m->restarts << 16;

	for (uint32_t i = 0; i < s->m->packets; i++)
		sum += digest_packet(s, &s->m->packet[i]);
	h = fold(h, sum);
	h = fold(h, link_digest(s->link[0], s->link[1], &bodies));
	return fold(h, link_digest(s->link[1], s->link[0], &bodies));
}

/* ---- for people ---- */

void links_print_step(const void *links, const struct step *step)
{
	static const char *const names[] = { "queue a message, class", "send", "timer rings:",
					     "deliver packet", "refuse packet", "lose packet",
					     "deliver and keep packet",
					     "withdraw the payload of letter", "restart" };
	(void)links;
	printf("node %u: %s %u", step->node, names[step->kind], step->what);
}

void links_print(const void *links)
{
	const struct links *s = links;

	for (unsigned n = 0; n < NODES; n++) {
		const struct peer *p = peer_at(s->link[n], (tidal_nodeid)!n);

		printf("    node %u life %u, knows %u:", n, s->m->life[n], p->incarnation);
		for (unsigned c = 0; c < LINK_CLASSES; c++)
			printf(" %llu/%llu %llu+%llx", (unsigned long long)p->lane[c].acked,
			       (unsigned long long)p->lane[c].sent,
			       (unsigned long long)p->lane[c].come,
			       (unsigned long long)p->lane[c].beyond);
		printf("%s%s\n", p->retry_at ? " retry" : "", p->ack_at ? " ack" : "");
	}
	for (uint32_t i = 0; i < s->m->packets; i++) {
		const struct packet *t = &s->m->packet[i];

		printf("    packet %u from %u (life %u) to %u (life %u): letter %u\n", i, t->from,
		       le_get32(t->bytes + 4), t->to, le_get32(t->bytes + 8), links_id(t));
	}
}
