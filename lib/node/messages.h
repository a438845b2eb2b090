/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * messages - what comes from the transport, and the frames that wait there for pages.
 *
 * A message that the core puts off is kept, and later ones pass it: an acknowledgement may
 * be what makes the room, and the core's link needs no order.
 */
#ifndef TIDAL_NODE_MESSAGES_H
#define TIDAL_NODE_MESSAGES_H

#include <tidal/event.h>
#include <tidal/transport.h>

#define MESSAGES_KEPT 64

struct messages {
	uint32_t kept;
	struct message_kept {
		struct tidal_ev_message message;
		uint8_t header[TIDAL_HEADER_MAX];
	} keep[MESSAGES_KEPT];
	/* frames that the core gave to receive into and the transport has no room for yet */
	uint32_t frames, frames_max;
	tidal_frame *frame;
};

struct tidal_node;

int messages_open(struct tidal_node *n, uint32_t landing);
void messages_close(struct tidal_node *n);
/* Push what was kept, then what comes; returns how many were taken. */
int messages_pump(struct tidal_node *n);
/* A frame to receive into. */
void messages_post(struct tidal_node *n, tidal_frame frame);

#endif
