/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * buffers - memory for saved vCPUs, and for payloads on their way out. Fixed pools.
 *
 * A vCPU buffer goes FREE -> POSTED (the transport's) -> HELD (a message is in it) -> LOADING
 * -> FREE, or FREE -> SAVING -> HELD -> FREE. HELD is the core's (or a message's that waits).
 */
#ifndef TIDAL_NODE_BUFFERS_H
#define TIDAL_NODE_BUFFERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <tidal/event.h>

#define BUFFERS_LANDING 8  /* kept posted to receive vCPUs into */
#define BUFFERS_BOUNCE 64  /* payloads under way over a transport that doesn't copy */
#define BUFFERS_NONE UINT32_MAX

enum buffer_state {
	BUFFER_FREE = 0,
	BUFFER_POSTED,
	BUFFER_HELD,
	BUFFER_SAVING,
	BUFFER_LOADING,
};

struct buffer {
	uint32_t state; /* enum buffer_state */
	uint32_t next;	/* FREE */
	uint64_t token; /* SAVING, LOADING */
};

struct buffers {
	uint32_t count, free, posted, landing;
	uint32_t bytes;	 /* of a saved vCPU, at most */
	uint32_t waiting; /* for a token */
	size_t stride;
	struct buffer *buffer;
	uint8_t *memory;
	/* only for a transport that doesn't copy */
	size_t bounce_stride;
	uint32_t bounce_free;
	uint32_t *bounce_next;
	uint8_t *bounce;
};

struct tidal_node;

int buffers_open(struct tidal_node *n, uint32_t vcpu_slots);
void buffers_close(struct tidal_node *n);

/* Keep enough buffers posted. */
void buffers_post(struct tidal_node *n);
/* A message came in a posted buffer. False: it was not posted. */
bool buffers_landed(struct tidal_node *n, uint64_t cookie);
/* Nobody needs a HELD buffer any more. */
void buffers_free(struct tidal_node *n, uint32_t i);

/* The bytes of a HELD buffer; NULL for any other. */
void *buffers_data(struct tidal_node *n, uint32_t i, uint32_t len);
/* The bytes of a free buffer, for SAVE; NULL: there is none. */
void *buffers_save(struct tidal_node *n, uint64_t token);
/* A HELD buffer is being loaded. */
void buffers_load(struct tidal_node *n, uint32_t i, uint64_t token);
/* SAVING -> HELD, LOADING -> FREE, by token; names the buffer in *done*. */
void buffers_done(struct tidal_node *n, struct tidal_ev_host_done *done);

/* A copy of a payload (a page or a saved vCPU) that stays until bounce_free(); NULL: none free. */
void *buffers_bounce(struct tidal_node *n, const void *data, uint32_t len, uint64_t *cookie);
void buffers_bounce_free(struct tidal_node *n, uint64_t cookie);

#endif
