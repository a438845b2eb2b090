/* SPDX-License-Identifier: BSD-3-Clause */
/* Which messages count: those of a greeted peer's present endpoint, to this one, undamaged. */
#include "checksum.h"
#include "endpoint.h"

uint64_t accept_check(const struct wire_tail *tail, const uint8_t *header, const void *payload)
{
	struct wire_tail bare = *tail;
	uint8_t bytes[WIRE_TAIL];
	uint64_t check = 0;

	bare.check = 0;
	wire_put_tail(bytes, &bare);
	if (tail->payload_len > 0)
		check = fabric_checksum(check, payload, tail->payload_len);
	check = fabric_checksum(check, header, tail->header_len);
	check = fabric_checksum(check, bytes, sizeof(bytes));
	return check ? check : 1; /* 0 would say that there is none */
}

static void stranger(struct tidal_transport *t, const struct wire_tail *tail, const char *why)
{
	t->stats.strangers++;
	fabric_trouble(t, "a message that says that it is node %u's was dropped: %s", tail->from,
		       why);
}

struct peer *accept_message(struct tidal_transport *t, const struct wire_tail *tail,
			    const uint8_t *header, const void *payload)
{
	struct peer *p = peers_find(t, tail->from);

	if (!p)
		stranger(t, tail, "that is not a peer");
	else if (p->session == 0)
		stranger(t, tail, "it was not greeted");
	else if (tail->session != p->session || tail->to_session != t->session)
		stranger(t, tail, "it is of, or for, an endpoint that is closed");
	else if (tail->type == WIRE_DATA && t->config.checksums &&
		 tail->check != accept_check(tail, header, payload))
		t->stats.damaged++;
	else
		return p;
	return NULL;
}
