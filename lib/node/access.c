/* SPDX-License-Identifier: BSD-3-Clause */
/* The VMM's accesses: one stall per page, and the bytes are copied when it is over. */
#include <string.h>

#include "driver.h"

/* A requester's number: mark, 0 (around.c has the others), age, slot. */
#define SLOT_BITS 6
#define AGE_BITS 24
#define AGE_MASK ((1u << AGE_BITS) - 1)
_Static_assert(TIDAL_NODE_ACCESSES == 1 << SLOT_BITS, "slots fit their bits");
_Static_assert(TIDAL_NODE_REQUESTERS == 2u << (AGE_BITS + SLOT_BITS), "the mark is above them");

#define MEMORY_MAX (UINT64_C(1) << (TIDAL_GFN_BITS + TIDAL_PAGE_SHIFT))

int access_begin(struct tidal_node *n, tidal_gpa gpa, void *buf, size_t len, bool write,
		 uint64_t cookie)
{
	uint64_t end = n->memory_end ? n->memory_end : MEMORY_MAX;

	if (!buf || len == 0)
		return TIDAL_EINVAL;
	if (gpa >= end || len > end - gpa)
		return TIDAL_ERANGE;
	for (unsigned i = 0; i < TIDAL_NODE_ACCESSES; i++) {
		struct access *a = &n->accesses.slot[i];

		if (a->state != ACCESS_FREE)
			continue;
		*a = (struct access){
			.state = ACCESS_READY, .age = a->age, .write = write, .buf = buf,
			.len = len, .gpa = gpa, .cookie = cookie,
		};
		n->accesses.ready++;
		n->accesses.used++;
		return 0;
	}
	return TIDAL_EAGAIN;
}

/* The slot is free for the embedder's next access before it hears of this one. */
static void finish(struct tidal_node *n, struct access *a, int status)
{
	a->state = ACCESS_FREE;
	n->accesses.used--;
	n->stats.accesses++;
	if (n->callbacks.accessed)
		n->callbacks.accessed(n->arg, a->cookie, status);
}

static uint32_t requester_of(const struct tidal_node *n, const struct access *a)
{
	uint32_t slot = (uint32_t)(a - n->accesses.slot);

	return TIDAL_NODE_REQUESTERS | (a->age & AGE_MASK) << SLOT_BITS | slot;
}

/* It may complete within the push. */
static int push_stall(struct tidal_node *n, struct access *a)
{
	struct tidal_event event = {
		.kind = TIDAL_EV_STALL,
		.u.stall = {
			.vcpu = TIDAL_VCPU_NONE,
			.access = a->write ? TIDAL_WRITE : TIDAL_READ,
			.gpa = a->gpa,
		},
	};
	int ret;

	a->age++;
	event.u.stall.requester = requester_of(n, a);
	a->state = ACCESS_WAITING;
	n->accesses.ready--;
	ret = node_push(n, &event);
	if (ret == TIDAL_EAGAIN) {
		a->state = ACCESS_READY;
		n->accesses.ready++;
	} else if (ret < 0) {
		finish(n, a, ret);
	}
	return ret;
}

int access_push(struct tidal_node *n)
{
	int pushed = 0;

	for (unsigned i = 0; n->accesses.ready > 0 && i < TIDAL_NODE_ACCESSES; i++)
		if (n->accesses.slot[i].state == ACCESS_READY)
			pushed += push_stall(n, &n->accesses.slot[i]) != TIDAL_EAGAIN;
	return pushed;
}

static size_t piece_of(const struct access *a)
{
	size_t left = TIDAL_PAGE_SIZE - a->gpa % TIDAL_PAGE_SIZE;

	return a->len < left ? a->len : left;
}

/* The bytes of a frame; NULL when the page is all zeroes. */
static int find_bytes(struct tidal_node *n, const struct access *a, tidal_gfn gfn, uint8_t **bytes)
{
	struct tidal_page_info page;
	int err = tidal_core_page(n->core, gfn, &page);

	if (err)
		return err;
	*bytes = NULL;
	if (page.frame == TIDAL_FRAME_ZERO || page.state == TIDAL_PAGE_DORMANT)
		return a->write ? TIDAL_EBROKEN : 0;
	if (page.state == TIDAL_PAGE_INVALID || (a->write && page.state != TIDAL_PAGE_EXCLUSIVE))
		return TIDAL_EBROKEN;
	*bytes = n->host_ops->frame_data(n->host, page.frame, gfn);
	return *bytes ? 0 : TIDAL_EBROKEN;
}

static int copy_piece(struct tidal_node *n, const struct access *a)
{
	size_t at = a->gpa % TIDAL_PAGE_SIZE, len = piece_of(a);
	uint8_t *bytes;
	int err = find_bytes(n, a, a->gpa >> TIDAL_PAGE_SHIFT, &bytes);

	if (err)
		return err;
	if (!bytes)
		memset(a->buf, 0, len);
	else if (a->write)
		memcpy(bytes + at, a->buf, len);
	else
		memcpy(a->buf, bytes + at, len);
	return 0;
}

void access_complete(struct tidal_node *n, uint32_t requester, tidal_gfn gfn, int status)
{
	struct access *a = &n->accesses.slot[requester % TIDAL_NODE_ACCESSES];
	size_t len;

	if (a->state != ACCESS_WAITING || requester_of(n, a) != requester ||
	    a->gpa >> TIDAL_PAGE_SHIFT != gfn)
		return;
	len = piece_of(a);
	if (status == 0)
		status = copy_piece(n, a);
	if (status != 0 || len == a->len) {
		finish(n, a, status);
		return;
	}
	a->buf += len;
	a->len -= len;
	a->gpa += len;
	a->state = ACCESS_READY;
	n->accesses.ready++;
}
