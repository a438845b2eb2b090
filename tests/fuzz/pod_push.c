/* SPDX-License-Identifier: BSD-3-Clause */
/* pod_push - tell a core something, see what it does, and check it. */
#include "pod.h"

/* More actions than this after one push are endless. */
static uint32_t most_actions(const struct pod *p, const struct pod_node *n)
{
	return ACTQ_SIZE + 2 * n->params.frames + 2 * n->params.messages + 4 * p->nodes + 64;
}

void pod_pull(struct pod *p, struct pod_node *n)
{
	uint32_t most = most_actions(p, n), i = 0;
	struct tidal_action a;

	while (tidal_core_pull(n->core, &a)) {
		MUST(i++ < most);
		pod_log_action(p, n, &a);
		pod_act(p, n, &a);
	}
}

/* Once all is pulled: before, a frame that was used is not posted again. */
static void check(struct pod_node *n)
{
	const char *why = "";

	if (tidal_core_check(n->core, &why)) {
		fprintf(stderr, "node %u: %s\n", n->id, why);
		MUST(!"an invariant is broken");
	}
	MUST(n->core->frames.posted == n->posts);
}

int pod_push(struct pod *p, struct pod_node *n, const struct tidal_event *ev)
{
	int err;

	memcpy(n->before, n->mem.at, n->mem.bytes);
	err = tidal_core_push(n->core, p->now, ev);
	MUST(err <= 0);
	pod_log_event(p, n, ev, err);
	if (err)
		MUST(memcmp(n->before, n->mem.at, n->mem.bytes) == 0);
	else
		pod_pushed(p, n, ev);
	if (p->held && !p->log) {
		p->held--;
	} else {
		pod_pull(p, n);
		check(n);
	}
	fuzz_arena_check(&n->mem);
	return err;
}

void pod_answer(struct pod *p, struct pod_node *n, uint32_t i, struct tidal_ev_host_done *done)
{
	const struct pod_pending *k = &n->pending[i];
	struct tidal_event ev = { .kind = TIDAL_EV_HOST_DONE };
	int err;

	done->token = k->token;
	if (k->kind == TIDAL_ACT_SAVE) {
		done->buf = k->buf;
		done->payload_len = POD_VCPU_BYTES;
	}
	ev.u.done = *done;
	err = pod_push(p, n, &ev);
	MUST(err == 0 || err == TIDAL_EAGAIN); /* it is an answer to a question */
}
