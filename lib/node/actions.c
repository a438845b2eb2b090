/* SPDX-License-Identifier: BSD-3-Clause */
/* What the core asks for: a handler per kind of action. */
#include "driver.h"

#define AGAIN_MAX 8 /* how often a host that is full is asked again */

void node_report_failure(struct tidal_node *n, int error, tidal_vcpuid vcpu, const char *text)
{
	struct tidal_act_report report = {
		.what = TIDAL_REPORT_HOST_FAILED, .error = error, .gfn = TIDAL_GFN_NONE,
		.vcpu = vcpu, .node = n->self, .text = text,
	};

	n->stats.host_failed++;
	if (n->callbacks.report)
		n->callbacks.report(n->arg, &report);
}

/* The host refused an action that has a token: the core hears of it like of any answer. */
static void answer(struct tidal_node *n, uint64_t token, int status, uint64_t value)
{
	struct tidal_event event = {
		.kind = TIDAL_EV_HOST_DONE,
		.u.done = { .token = token, .status = status, .value = value },
	};

	buffers_done(n, &event.u.done);
	events_add(n, &event);
}

/* A result of the host; everything but success is answered, that by the host. */
static void answer_failure(struct tidal_node *n, uint64_t token, int status)
{
	if (status == 0) {
		n->owed = true;
		return;
	}
	n->stats.host_failed++;
	answer(n, token, status < 0 ? status : TIDAL_EIO, 0);
}

/* A host without room has events to be taken first. */
#define ASK_HOST(n, ret, call)                                                                    \
	do {                                                                                      \
		ret = (call);                                                                     \
		for (int i_ = 0; ret == TIDAL_EAGAIN && i_ < AGAIN_MAX; i_++) {                   \
			(void)events_poll(n, 0);                                                  \
			ret = (call);                                                             \
		}                                                                                 \
	} while (0)

/* The bytes of a page's frame, which may be mapped at the page or not. */
static const void *page_bytes(struct tidal_node *n, const struct tidal_act_send *s)
{
	const void *bytes = n->host_ops->frame_data(n->host, s->buf, s->gfn);

	return bytes ? bytes : n->host_ops->frame_data(n->host, s->buf, TIDAL_GFN_NONE);
}

/* The bytes that go with a message; NULL: there are none where the core says. */
static const void *payload_of(struct tidal_node *n, const struct tidal_act_send *s)
{
	switch (s->payload) {
	case TIDAL_PAYLOAD_PAGE:
		return s->payload_len <= TIDAL_PAGE_SIZE ? page_bytes(n, s) : NULL;
	case TIDAL_PAYLOAD_VCPU:
		return buffers_data(n, s->buf, s->payload_len);
	default:
		return NULL;
	}
}

static int transmit(struct tidal_node *n, const struct tidal_act_send *s, const void *data,
		    uint32_t data_len)
{
	uint64_t cookie = BUFFERS_BOUNCE; /* none */
	int ret;

	if (data_len > n->wire_caps.copies_max && !n->wire_caps.copies) {
		data = buffers_bounce(n, data, data_len, &cookie);
		if (!data)
			return TIDAL_EAGAIN;
	}
	ret = n->wire_ops->send(n->wire, s->to, s->header, s->len, s->payload, data, data_len,
				cookie);
	if (ret < 0)
		buffers_bounce_free(n, cookie);
	return ret;
}

static void act_send(struct tidal_node *n, const struct tidal_action *a)
{
	const struct tidal_act_send *s = &a->u.send;
	uint32_t data_len = s->payload == TIDAL_PAYLOAD_NONE ? 0 : s->payload_len;
	const void *data = data_len > 0 ? payload_of(n, s) : NULL;
	int ret;

	if (data_len > 0 && !data) {
		n->stats.sends_failed++;
		node_report_failure(n, TIDAL_EBROKEN, TIDAL_VCPU_NONE,
				    "a message's payload is not where the core says");
		return;
	}
	ret = transmit(n, s, data, data_len);
	if (ret == 0)
		n->stats.sends++;
	else if (ret == TIDAL_EAGAIN)
		n->stats.sends_full++;
	else
		n->stats.sends_failed++;
	if (ret < 0 && n->lossless)
		n->broken = TIDAL_EIO; /* nobody will send it again */
}

static void act_map(struct tidal_node *n, const struct tidal_action *a)
{
	int ret;

	ASK_HOST(n, ret, n->host_ops->map(n->host, &a->u.pages));
	answer_failure(n, a->u.pages.token, ret);
}

static void act_unmap(struct tidal_node *n, const struct tidal_action *a)
{
	int ret;

	ASK_HOST(n, ret, n->host_ops->unmap(n->host, &a->u.pages));
	answer_failure(n, a->u.pages.token, ret);
}

static void act_protect(struct tidal_node *n, const struct tidal_action *a)
{
	int ret;

	ASK_HOST(n, ret, n->host_ops->protect(n->host, &a->u.pages));
	answer_failure(n, a->u.pages.token, ret);
}

static void act_zero(struct tidal_node *n, const struct tidal_action *a)
{
	int ret;

	if (zeroing_give(n, &a->u.frame))
		return;
	if (a->u.frame.mask & (a->u.frame.mask - 1)) {
		zeroing_several(n, &a->u.frame);
		return;
	}
	ASK_HOST(n, ret, n->host_ops->zero(n->host, a->u.frame.token, a->u.frame.frame));
	answer_failure(n, a->u.frame.token, ret);
}

static void act_post(struct tidal_node *n, const struct tidal_action *a)
{
	messages_post(n, a->u.frame.frame);
}

/*
 * RUN has no token: a vCPU that can't be run has stopped. One step later, so that a host
 * that refuses for ever does not keep the driver from everything else.
 */
static void act_run(struct tidal_node *n, const struct tidal_action *a)
{
	struct tidal_event stopped = {
		.kind = TIDAL_EV_VCPU_STOPPED,
		.u.stopped = { .vcpu = a->u.vcpu.vcpu, .reason = TIDAL_STOP_SLICE },
	};
	int ret;

	ASK_HOST(n, ret, n->host_ops->vcpu_run(n->host, &a->u.vcpu));
	if (ret == 0) {
		n->running++;
		atomic_store_explicit(&n->woke, true, memory_order_relaxed);
		if (n->tracing)
			node_trace_run(n, &a->u.vcpu);
		runners_call(n->threads, a->u.vcpu.hthread);
		return;
	}
	if (ret == TIDAL_EPERM)
		stopped.u.stopped.reason = TIDAL_STOP_OFF;
	else
		node_report_failure(n, ret, a->u.vcpu.vcpu, "the host can't run a vCPU");
	events_add_next_step(n, &stopped);
}

static void act_stop(struct tidal_node *n, const struct tidal_action *a)
{
	int ret = n->host_ops->vcpu_kick(n->host, a->u.vcpu.vcpu);

	n->owed = true;
	if (ret < 0)
		node_report_failure(n, ret, a->u.vcpu.vcpu, "the host can't stop a vCPU");
}

static void act_save(struct tidal_node *n, const struct tidal_action *a)
{
	void *data = buffers_save(n, a->u.vcpu.token);
	int ret = TIDAL_ENOMEM;

	if (data)
		ASK_HOST(n, ret, n->host_ops->vcpu_save(n->host, a->u.vcpu.token, a->u.vcpu.vcpu,
							data, n->buffers.bytes));
	answer_failure(n, a->u.vcpu.token, ret);
}

static void act_load(struct tidal_node *n, const struct tidal_action *a)
{
	const struct tidal_act_vcpu *v = &a->u.vcpu;
	void *data = buffers_data(n, v->buf, v->buf_len);
	int ret = TIDAL_EINVAL;

	if (data) {
		buffers_load(n, v->buf, v->token);
		ASK_HOST(n, ret, n->host_ops->vcpu_load(n->host, v->token, v->vcpu, data,
							v->buf_len));
	}
	answer_failure(n, v->token, ret);
}

static void act_drop(struct tidal_node *n, const struct tidal_action *a)
{
	int ret = n->host_ops->vcpu_drop(n->host, a->u.vcpu.vcpu);

	if (ret < 0)
		node_report_failure(n, ret, a->u.vcpu.vcpu, "the host can't drop a vCPU");
}

static void act_buf_free(struct tidal_node *n, const struct tidal_action *a)
{
	buffers_free(n, a->u.buf.buf);
}

/* The host can't: then it isn't pinned in the core either. */
static int pin(struct tidal_node *n, tidal_gfn gfn)
{
	struct tidal_event unpin = {
		.kind = TIDAL_EV_COMMAND,
		.u.command = { .command = TIDAL_CMD_UNPIN, .gfn = gfn },
	};
	int ret;

	ASK_HOST(n, ret, n->host_ops->pin(n->host, gfn));
	if (ret)
		events_add(n, &unpin);
	return ret;
}

static void act_complete(struct tidal_node *n, const struct tidal_action *a)
{
	uint32_t requester = a->u.complete.requester;
	int status = a->u.complete.status;

	if (around_is(requester)) {
		around_complete(n);
		return;
	}
	if (requester >= TIDAL_NODE_REQUESTERS) {
		access_complete(n, requester, a->u.complete.gfn, status);
		return;
	}
	if (status == 0)
		status = pin(n, a->u.complete.gfn);
	if (n->callbacks.pinned)
		n->callbacks.pinned(n->arg, requester, a->u.complete.gfn, status);
}

static void act_io(struct tidal_node *n, const struct tidal_action *a)
{
	const struct tidal_act_io *io = &a->u.io;
	uint64_t value = io->data;
	int ret = TIDAL_ENOSYS;

	if (n->callbacks.io)
		ret = n->callbacks.io(n->arg, io->vcpu, io->gpa, &value, io->size, io->write);
	answer(n, io->token, ret > 0 ? TIDAL_EIO : ret, ret == 0 && !io->write ? value : 0);
}

static void act_report(struct tidal_node *n, const struct tidal_action *a)
{
	if (n->callbacks.report)
		n->callbacks.report(n->arg, &a->u.report);
}

static void act_trace(struct tidal_node *n, const struct tidal_action *a)
{
	if (n->tracing)
		n->callbacks.trace(n->arg, &a->u.trace);
}

static void (*const handlers[])(struct tidal_node *, const struct tidal_action *) = {
	[TIDAL_ACT_SEND] = act_send,
	[TIDAL_ACT_MAP] = act_map,
	[TIDAL_ACT_UNMAP] = act_unmap,
	[TIDAL_ACT_PROTECT] = act_protect,
	[TIDAL_ACT_ZERO] = act_zero,
	[TIDAL_ACT_POST] = act_post,
	[TIDAL_ACT_RUN] = act_run,
	[TIDAL_ACT_STOP] = act_stop,
	[TIDAL_ACT_SAVE] = act_save,
	[TIDAL_ACT_LOAD] = act_load,
	[TIDAL_ACT_DROP] = act_drop,
	[TIDAL_ACT_BUF_FREE] = act_buf_free,
	[TIDAL_ACT_COMPLETE] = act_complete,
	[TIDAL_ACT_IO] = act_io,
	[TIDAL_ACT_REPORT] = act_report,
	[TIDAL_ACT_TRACE] = act_trace,
};
#define HANDLERS (sizeof(handlers) / sizeof(handlers[0]))

void node_act(struct tidal_node *n, const struct tidal_action *action)
{
	if (action->kind < HANDLERS && handlers[action->kind])
		handlers[action->kind](n, action);
	else
		n->broken = TIDAL_EBROKEN;
}
