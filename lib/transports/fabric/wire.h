/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire - what stands in a message besides the payload and the header of the core: a tail.
 *
 *	payload, header, tail
 *
 * In this order, because a receiver posts a buffer and behind it room for the rest: a payload as
 * long as its buffer arrives where it belongs, and header and tail behind it, at one place.
 * Little-endian. Greetings have the same place in all versions, so that versions can be told.
 */
#ifndef TIDAL_TRANSPORTS_FABRIC_WIRE_H
#define TIDAL_TRANSPORTS_FABRIC_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tidal/transport.h>

#define WIRE_VERSION 1
#define WIRE_TAIL 32 /* bytes of a tail */
#define WIRE_REST (TIDAL_HEADER_MAX + WIRE_TAIL) /* the most that follows a payload */
#define WIRE_GREETING 64

enum wire_type {
	WIRE_DATA = 1,
	WIRE_GREET = 2, /* the header is a greeting */
	WIRE_BEAT = 3,	/* a heartbeat: nothing but a tail */
};

struct wire_tail {
	uint8_t version;
	uint8_t type;	 /* enum wire_type */
	uint8_t payload; /* enum tidal_payload */
	bool apart;	 /* the payload came before, as a message of its own */
	tidal_nodeid from;
	uint16_t header_len;
	uint32_t payload_len;
	uint32_t session, to_session; /* of the sender; of the endpoint that it means */
	uint32_t seq;	 /* of a payload that comes apart */
	uint64_t check;	 /* 0: none */
};

struct wire_greeting {
	uint16_t version;
	tidal_nodeid from, to;
	bool checksums;
	uint32_t session, echo; /* the sender's; yours as far as it knows, or 0 */
	uint64_t pod, params;
	/* which process it is; host 0: can't tell */
	uint64_t host, started;
	uint32_t pid;
};

void wire_put_tail(uint8_t *to, const struct wire_tail *tail);
/* False: these bytes are no tail. */
bool wire_get_tail(const uint8_t *from, struct wire_tail *tail);
void wire_put_greeting(uint8_t *to, const struct wire_greeting *greeting);
bool wire_get_greeting(const uint8_t *from, size_t len, struct wire_greeting *greeting);

/* Tags: the kind of payload, and for a payload that comes apart whose it is. */
#define WIRE_TAG_KINDS UINT64_C(3)
uint64_t wire_tag(uint32_t payload);
uint64_t wire_tag_apart(uint32_t payload, tidal_nodeid from, uint32_t seq);
bool wire_tag_is_apart(uint64_t tag, tidal_nodeid *from, uint32_t *seq);
/* The bits of a tag that a buffer for this kind does not look at: together all tags are taken. */
uint64_t wire_tag_ignore(uint32_t payload);

#endif
