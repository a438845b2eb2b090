/* SPDX-License-Identifier: BSD-3-Clause */
/* pod_wire - packets between nodes with cores, and how any message arrives. */
#include "pod.h"

static void check_payload(const struct pod_node *n, const struct tidal_act_send *s)
{
	switch (s->payload) {
	case TIDAL_PAYLOAD_NONE:
		break;
	case TIDAL_PAYLOAD_PAGE:
		MUST(s->buf < n->params.frames && n->use[s->buf] == POD_CORES_OWN);
		MUST(s->payload_len == TIDAL_PAGE_SIZE);
		break;
	case TIDAL_PAYLOAD_VCPU:
		MUST(s->buf < POD_BUFS && n->buf[s->buf] && s->payload_len == POD_VCPU_BYTES);
		break;
	default:
		MUST(!"an unknown payload");
	}
}

void pod_send(struct pod *p, struct pod_node *n, const struct tidal_act_send *s)
{
	struct pod_packet *k = &p->wire[p->packets];

	MUST(s->to < p->nodes && s->to != n->id);
	MUST(s->len >= LINK_HEADER && s->len <= POD_PACKET);
	check_payload(n, s);
	if (!pod_find(p, s->to)) {
		pod_hostile_hear(p, s->to, n, s);
		return;
	}
	if (p->packets == POD_WIRE) {
		p->over |= p->ideal; /* else it is lost */
		return;
	}
	p->packets++;
	*k = (struct pod_packet){ .from = n->id, .to = s->to, .payload = s->payload,
				  .payload_len = s->payload_len, .len = s->len };
	memcpy(k->bytes, s->header, s->len);
}

void pod_lose(struct pod *p, uint32_t i)
{
	memmove(&p->wire[i], &p->wire[i + 1], (--p->packets - i) * sizeof(p->wire[0]));
}

/* An ideal link loses nothing: what can't be taken waits. */
void pod_deliver(struct pod *p, uint32_t i, bool again)
{
	struct pod_packet k = p->wire[i];
	int err;

	if (!again || p->ideal)
		pod_lose(p, i);
	err = pod_message(p, pod_find(p, k.to), k.from, k.bytes, k.len, k.payload, k.payload_len);
	if (err == TIDAL_EAGAIN && p->ideal && p->packets < POD_WIRE)
		p->wire[p->packets++] = k;
}

static uint32_t take_buf(struct pod_node *n)
{
	uint32_t i = 0;

	while (i < POD_BUFS && n->buf[i])
		i++;
	return i;
}

int pod_message(struct pod *p, struct pod_node *n, tidal_nodeid from, const void *bytes,
		uint32_t len, uint16_t payload, uint32_t payload_len)
{
	struct tidal_event ev = { .kind = TIDAL_EV_MESSAGE };
	struct tidal_ev_message *m = &ev.u.message;
	int err;

	*m = (struct tidal_ev_message){ .from = from, .bytes = bytes, .len = len,
					.payload = payload, .payload_len = payload_len };
	if (payload == TIDAL_PAYLOAD_PAGE) {
		if (n->posts == 0)
			return TIDAL_EAGAIN;
		m->buf = n->posted[n->posts - 1];
	} else if (payload == TIDAL_PAYLOAD_VCPU) {
		m->buf = take_buf(n);
		if (m->buf >= POD_BUFS / 2)
			return TIDAL_EAGAIN; /* the rest is for those that leave */
		n->buf[m->buf] = true;
	}
	err = pod_push(p, n, &ev);
	if (err && payload == TIDAL_PAYLOAD_VCPU)
		n->buf[m->buf] = false;
	return err;
}
