/* SPDX-License-Identifier: BSD-3-Clause */
/* Completions: from the provider's queue to the caller. */
#include <rdma/fi_errno.h>

#include "endpoint.h"

#define BATCH 16
#define ROUNDS 8 /* batches per poll() */

bool ready_room(const struct tidal_transport *t)
{
	return t->count < FABRIC_READY;
}

void ready_add(struct tidal_transport *t, const struct tidal_completion *done, struct op *op)
{
	struct ready *r = &t->ready[(t->first + t->count++) % FABRIC_READY];

	r->done = *done;
	r->op = op;
}

static void failed(struct tidal_transport *t)
{
	struct fi_cq_err_entry entry = { 0 };
	struct op *op;

	if (fi_cq_readerr(t->cq, &entry, 0) != 1 || !entry.op_context)
		return;
	op = entry.op_context;
	if (op->kind == OP_SEND) {
		t->stats.send_errors++;
		send_done(t, op);
	} else {
		receive_failed(t, op);
	}
}

/* Take a batch; false: there is no more, or no room for more. */
static bool drain(struct tidal_transport *t)
{
	struct fi_cq_tagged_entry batch[BATCH];
	ssize_t n;

	t->again = t->count + BATCH > FABRIC_READY;
	if (t->again)
		return false;
	n = fi_cq_read(t->cq, batch, BATCH);
	if (n == -FI_EAVAIL) {
		failed(t);
		return true;
	}
	for (ssize_t i = 0; i < n; i++) {
		struct op *op = batch[i].op_context;

		if (op->kind == OP_SEND)
			send_done(t, op);
		else
			receive_done(t, &batch[i]);
	}
	t->again = n == BATCH;
	return t->again;
}

/* Before the caller may sleep: what came meanwhile must wake it. */
static void arm(struct tidal_transport *t)
{
	for (int i = 0; i < ROUNDS && t->count == 0; i++) {
		bool armed = wait_arm(t);

		(void)drain(t);
		if (t->count > 0)
			t->vain = 0;
		else if (armed && !t->again)
			return;
	}
	t->again = true;
}

static void take_back(struct tidal_transport *t)
{
	struct op *op = t->lent, *next;

	for (t->lent = NULL; op; op = next) {
		next = op->next;
		receive_back(t, op);
	}
	op = t->refused;
	for (t->refused = NULL; op; op = next) {
		next = op->next;
		receive_again(t, op);
	}
}

static int give_out(struct tidal_transport *t, struct tidal_completion *done, int n)
{
	int got = 0;

	for (; got < n && t->count > 0; got++, t->count--) {
		const struct ready *r = &t->ready[t->first];

		t->first = (t->first + 1) % FABRIC_READY;
		done[got] = r->done;
		t->stats.received += r->done.kind == TIDAL_DONE_RECV;
		if (r->op) {
			r->op->next = t->lent;
			t->lent = r->op;
		}
	}
	return got;
}

int poll_ready(struct tidal_transport *t, tidal_time now, struct tidal_completion *done, int n)
{
	take_back(t);
	if (now > t->now)
		t->now = now;
	for (int i = 0; i < ROUNDS && drain(t); i++)
		continue;
	receive_tick(t);
	heart_poll(t);
	if (t->fd >= 0 && n > 0 && t->count == 0 && !t->again)
		arm(t);
	return give_out(t, done, n);
}
