/* SPDX-License-Identifier: BSD-3-Clause */
/* Tails, greetings and tags: to bytes and back. */
#include <string.h>

#include "wire.h"

#define TAIL_MAGIC 0x6474	    /* "td" */
#define GREETING_MAGIC 0x68666474u /* "tdfh" */
#define TAIL_APART 0x80
#define TAG_APART (UINT64_C(1) << 2)

static void put(uint8_t *to, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		to[i] = (uint8_t)(value >> 8 * i);
}

static uint64_t get(const uint8_t *from, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)from[i] << 8 * i;
	return value;
}

void wire_put_tail(uint8_t *to, const struct wire_tail *tail)
{
	put(to, TAIL_MAGIC, 2);
	to[2] = tail->version;
	to[3] = (uint8_t)(tail->type | tail->payload << 4 | (tail->apart ? TAIL_APART : 0));
	put(to + 4, tail->from, 2);
	put(to + 6, tail->header_len, 2);
	put(to + 8, tail->payload_len, 4);
	put(to + 12, tail->session, 4);
	put(to + 16, tail->to_session, 4);
	put(to + 20, tail->seq, 4);
	put(to + 24, tail->check, 8);
}

bool wire_get_tail(const uint8_t *from, struct wire_tail *tail)
{
	if (get(from, 2) != TAIL_MAGIC)
		return false;
	*tail = (struct wire_tail){
		.version = from[2],
		.type = from[3] & 0xf,
		.payload = from[3] >> 4 & 7,
		.apart = from[3] & TAIL_APART,
		.from = (tidal_nodeid)get(from + 4, 2),
		.header_len = (uint16_t)get(from + 6, 2),
		.payload_len = (uint32_t)get(from + 8, 4),
		.session = (uint32_t)get(from + 12, 4),
		.to_session = (uint32_t)get(from + 16, 4),
		.seq = (uint32_t)get(from + 20, 4),
		.check = get(from + 24, 8),
	};
	return true;
}

void wire_put_greeting(uint8_t *to, const struct wire_greeting *g)
{
	memset(to, 0, WIRE_GREETING);
	put(to, GREETING_MAGIC, 4);
	put(to + 4, g->version, 2);
	put(to + 6, g->checksums, 2);
	put(to + 8, g->from, 2);
	put(to + 10, g->to, 2);
	put(to + 12, g->session, 4);
	put(to + 16, g->echo, 4);
	put(to + 20, g->pid, 4);
	put(to + 24, g->pod, 8);
	put(to + 32, g->params, 8);
	put(to + 40, g->host, 8);
	put(to + 48, g->started, 8);
}

bool wire_get_greeting(const uint8_t *from, size_t len, struct wire_greeting *g)
{
	if (len < WIRE_GREETING || get(from, 4) != GREETING_MAGIC)
		return false;
	*g = (struct wire_greeting){
		.version = (uint16_t)get(from + 4, 2),
		.checksums = get(from + 6, 2) & 1,
		.from = (tidal_nodeid)get(from + 8, 2),
		.to = (tidal_nodeid)get(from + 10, 2),
		.session = (uint32_t)get(from + 12, 4),
		.echo = (uint32_t)get(from + 16, 4),
		.pid = (uint32_t)get(from + 20, 4),
		.pod = get(from + 24, 8),
		.params = get(from + 32, 8),
		.host = get(from + 40, 8),
		.started = get(from + 48, 8),
	};
	return true;
}

/* Bit 0: a page. Else bit 1: a vCPU. Else no payload. */
uint64_t wire_tag(uint32_t payload)
{
	return payload;
}

uint64_t wire_tag_ignore(uint32_t payload)
{
	return payload == TIDAL_PAYLOAD_PAGE ? ~UINT64_C(1) : ~WIRE_TAG_KINDS;
}

uint64_t wire_tag_apart(uint32_t payload, tidal_nodeid from, uint32_t seq)
{
	return payload | TAG_APART | (uint64_t)from << 3 | (uint64_t)seq << 19;
}

bool wire_tag_is_apart(uint64_t tag, tidal_nodeid *from, uint32_t *seq)
{
	*from = (tidal_nodeid)(tag >> 3);
	*seq = (uint32_t)(tag >> 19);
	return tag & TAG_APART;
}
