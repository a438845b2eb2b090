/* SPDX-License-Identifier: BSD-3-Clause */
/* Buffers for saved vCPUs and for payloads of transports that don't copy. */
#include <stdlib.h>
#include <string.h>

#include "driver.h"

#define LINE 64u

static uint8_t *data_of(const struct buffers *b, uint32_t i)
{
	return b->memory + i * b->stride;
}

static void put_free(struct buffers *b, uint32_t i)
{
	b->buffer[i] = (struct buffer){ .state = BUFFER_FREE, .next = b->free };
	b->free = i;
}

static uint32_t take_free(struct buffers *b, uint32_t state)
{
	uint32_t i = b->free;

	if (i == BUFFERS_NONE)
		return i;
	b->free = b->buffer[i].next;
	b->buffer[i] = (struct buffer){ .state = state };
	return i;
}

/* Memory that the transport may have to know. */
static int get_memory(struct tidal_node *n, size_t bytes, uint8_t **memory)
{
	int err = 0;

	*memory = calloc(1, bytes);
	if (!*memory)
		return TIDAL_ENOMEM;
	if (n->wire_ops->buffer_reg)
		err = n->wire_ops->buffer_reg(n->wire, *memory, bytes);
	if (err && err != TIDAL_ENOSYS) {
		free(*memory);
		*memory = NULL;
		return err;
	}
	return 0;
}

static void put_memory(struct tidal_node *n, uint8_t *memory)
{
	if (memory && n->wire_ops->buffer_dereg)
		(void)n->wire_ops->buffer_dereg(n->wire, memory);
	free(memory);
}

static int bounce_open(struct tidal_node *n)
{
	struct buffers *b = &n->buffers;

	b->bounce_stride = b->stride > TIDAL_PAGE_SIZE ? b->stride : TIDAL_PAGE_SIZE;
	b->bounce_next = calloc(BUFFERS_BOUNCE, sizeof(*b->bounce_next));
	if (!b->bounce_next)
		return TIDAL_ENOMEM;
	for (uint32_t i = 0; i < BUFFERS_BOUNCE; i++)
		b->bounce_next[i] = i + 1 < BUFFERS_BOUNCE ? i + 1 : BUFFERS_NONE;
	b->bounce_free = 0;
	return get_memory(n, BUFFERS_BOUNCE * b->bounce_stride, &b->bounce);
}

/*
 * As many as vCPUs may be here, saved or arrived, and those that are posted besides: so a
 * save always finds one.
 */
int buffers_open(struct tidal_node *n, uint32_t vcpu_slots)
{
	struct buffers *b = &n->buffers;
	int err;

	b->landing = vcpu_slots < BUFFERS_LANDING ? vcpu_slots : BUFFERS_LANDING;
	b->count = vcpu_slots + b->landing;
	b->bytes = n->host_caps.vcpu_bytes;
	b->stride = ((size_t)b->bytes + LINE - 1) / LINE * LINE;
	b->free = BUFFERS_NONE;
	if (b->count == 0 || b->stride == 0)
		return TIDAL_EINVAL;
	b->buffer = calloc(b->count, sizeof(*b->buffer));
	if (!b->buffer)
		return TIDAL_ENOMEM;
	for (uint32_t i = b->count; i-- > 0;)
		put_free(b, i);
	err = get_memory(n, b->count * b->stride, &b->memory);
	if (!err && !n->wire_caps.copies)
		err = bounce_open(n);
	return err;
}

void buffers_close(struct tidal_node *n)
{
	put_memory(n, n->buffers.memory);
	put_memory(n, n->buffers.bounce);
	free(n->buffers.buffer);
	free(n->buffers.bounce_next);
}

void buffers_post(struct tidal_node *n)
{
	struct buffers *b = &n->buffers;

	while (b->posted < b->landing) {
		uint32_t i = take_free(b, BUFFER_POSTED);

		if (i == BUFFERS_NONE)
			return;
		if (n->wire_ops->recv_post(n->wire, TIDAL_PAYLOAD_VCPU, data_of(b, i), b->bytes,
					   i) != 0) {
			put_free(b, i);
			return;
		}
		b->posted++;
	}
}

bool buffers_landed(struct tidal_node *n, uint64_t cookie)
{
	struct buffers *b = &n->buffers;

	if (cookie >= b->count || b->buffer[cookie].state != BUFFER_POSTED)
		return false;
	b->buffer[cookie].state = BUFFER_HELD;
	b->posted--;
	return true;
}

void buffers_free(struct tidal_node *n, uint32_t i)
{
	struct buffers *b = &n->buffers;

	if (i < b->count && b->buffer[i].state == BUFFER_HELD)
		put_free(b, i);
	else
		node_report_failure(n, TIDAL_EBROKEN, TIDAL_VCPU_NONE,
				    "the core frees a vCPU buffer that it does not have");
}

void *buffers_data(struct tidal_node *n, uint32_t i, uint32_t len)
{
	struct buffers *b = &n->buffers;

	if (i >= b->count || b->buffer[i].state != BUFFER_HELD || len > b->bytes)
		return NULL;
	return data_of(b, i);
}

void *buffers_save(struct tidal_node *n, uint64_t token)
{
	struct buffers *b = &n->buffers;
	uint32_t i = take_free(b, BUFFER_SAVING);

	if (i == BUFFERS_NONE)
		return NULL;
	b->buffer[i].token = token;
	b->waiting++;
	return data_of(b, i);
}

void buffers_load(struct tidal_node *n, uint32_t i, uint64_t token)
{
	n->buffers.buffer[i].state = BUFFER_LOADING;
	n->buffers.buffer[i].token = token;
	n->buffers.waiting++;
}

void buffers_done(struct tidal_node *n, struct tidal_ev_host_done *done)
{
	struct buffers *b = &n->buffers;

	for (uint32_t i = 0; b->waiting > 0 && i < b->count; i++) {
		struct buffer *buffer = &b->buffer[i];

		if (buffer->token != done->token ||
		    (buffer->state != BUFFER_SAVING && buffer->state != BUFFER_LOADING))
			continue;
		b->waiting--;
		if (buffer->state == BUFFER_SAVING && done->status == 0) {
			buffer->state = BUFFER_HELD;
			done->buf = i;
		} else {
			put_free(b, i);
		}
		return;
	}
}

void *buffers_bounce(struct tidal_node *n, const void *data, uint32_t len, uint64_t *cookie)
{
	struct buffers *b = &n->buffers;
	uint32_t i = b->bounce_free;

	if (i == BUFFERS_NONE)
		return NULL;
	b->bounce_free = b->bounce_next[i];
	*cookie = i;
	return memcpy(b->bounce + i * b->bounce_stride, data, len);
}

void buffers_bounce_free(struct tidal_node *n, uint64_t cookie)
{
	struct buffers *b = &n->buffers;

	if (!b->bounce || cookie >= BUFFERS_BOUNCE)
		return;
	b->bounce_next[cookie] = b->bounce_free;
	b->bounce_free = (uint32_t)cookie;
}
