/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames to be zeroed: for a page that waits, here and now; in the background, by zeroers if there are any. */
#include <string.h>

#include "driver.h"
#include "numa.h"
#include "zeroers.h"

#define PAUSE_NS 10000000 /* a host that can't is left alone for so long */
#define RECALL_NS 20000000 /* threads that get no time don't keep frames for longer */

typedef int (*scrub_fn)(struct tidal_host *, tidal_frame first, uint64_t mask);

/* NULL: it has none, or is older than that. */
static scrub_fn scrub_of(const struct tidal_node *n)
{
	return n->host_ops->size >= offsetof(struct tidal_host_ops, scrub) + sizeof(scrub_fn)
		       ? n->host_ops->scrub : NULL;
}

static void set_zeroing(struct tidal_node *n, uint32_t frames)
{
	const struct tidal_event event = {
		.kind = TIDAL_EV_COMMAND,
		.u.command = { .command = TIDAL_CMD_SET_ZEROING, .gfn = frames },
	};

	events_add(n, &event);
}

int zeroing_start(struct tidal_node *n)
{
	struct threads *t = n->threads;
	struct zeroers_config c = {
		.scrub = scrub_of(n), .host = n->host, .each = t->config.zeroers,
		.pause_ns = PAUSE_NS, .recall_ns = RECALL_NS,
	};
	int err = 0;

	if (!c.each || !c.scrub)
		return 0;
	if (!t->numa)
		err = numa_open(&t->numa, NULL); /* takes some milliseconds: once */
	c.numa = t->numa;
	if (!err)
		err = zeroers_open(&t->zeroers, &c);
	if (!err)
		set_zeroing(n, zeroers_frames(t->zeroers));
	return err;
}

void zeroing_close(struct tidal_node *n)
{
	numa_close(n->threads->numa);
}

static void answer(struct tidal_node *n, uint64_t token, int status)
{
	const struct tidal_event event = {
		.kind = TIDAL_EV_HOST_DONE, .u.done = { .token = token, .status = status },
	};

	if (status < 0 && status != TIDAL_EAGAIN)
		n->stats.host_failed++;
	events_add(n, &event);
}

static unsigned collect(struct tidal_node *n, struct zeroers *z)
{
	struct zeroers_answer answers[ZEROERS_JOBS];
	unsigned got = zeroers_collect(z, answers);

	for (unsigned i = 0; i < got; i++)
		answer(n, answers[i].token, answers[i].status > 0 ? TIDAL_EIO : answers[i].status);
	return got;
}

unsigned zeroing_collect(struct tidal_node *n)
{
	struct zeroers *z = n->threads->zeroers;

	if (!z)
		return 0;
	zeroers_recall(z, n->now);
	return collect(n, z);
}

tidal_time zeroing_deadline(const struct tidal_node *n)
{
	return n->threads->zeroers ? zeroers_deadline(n->threads->zeroers) : TIDAL_NEVER;
}

/* Nobody gives them anything more; what they are at may take them a while. */
void zeroing_stop(struct tidal_node *n)
{
	struct zeroers *z;

	tidal_node_lock(n);
	z = n->threads->zeroers;
	n->threads->zeroers = NULL;
	tidal_node_unlock(n);
	if (!z)
		return;
	zeroers_stop(z);
	tidal_node_lock(n);
	(void)collect(n, z);
	set_zeroing(n, 1);
	tidal_node_unlock(n);
	zeroers_close(z);
}

bool zeroing_give(struct tidal_node *n, const struct tidal_act_frame *f)
{
	struct zeroers *z = n->threads->zeroers;

	return f->background && z && zeroers_give(z, f->token, f->frame, f->mask);
}

/* A host without scrub() has zero(), but one answer is due, not one for each. */
static int clear_each(struct tidal_node *n, tidal_frame first, uint64_t mask)
{
	for (; mask; mask &= mask - 1) {
		tidal_frame frame = first + (tidal_frame)__builtin_ctzll(mask);
		void *data = n->host_ops->frame_data(n->host, frame, TIDAL_GFN_NONE);

		if (!data)
			return TIDAL_EINVAL;
		memset(data, 0, TIDAL_PAGE_SIZE);
	}
	return 0;
}

void zeroing_several(struct tidal_node *n, const struct tidal_act_frame *f)
{
	scrub_fn scrub = scrub_of(n);
	int ret = scrub ? scrub(n->host, f->frame, f->mask) : clear_each(n, f->frame, f->mask);

	answer(n, f->token, ret > 0 ? TIDAL_EIO : ret);
}
