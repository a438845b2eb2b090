/* SPDX-License-Identifier: BSD-3-Clause */
/* link_check() notices: a link with something of everything going on is spoilt in every way. */
#include "link-case.h"

#include "core/link_state.h"

struct patient {
	struct net *net;
	struct net_node *node;
	struct link *l;
	void *healthy; /* its bytes */
};

/* What is checked for, after a damage; then as before. */
#define SPOIL(text, damage)                                                                        \
	do {                                                                                       \
		damage;                                                                            \
		assert_noticed(p, text);                                                           \
	} while (0)

static void assert_noticed(struct patient *p, const char *text)
{
	const char *why = "nothing";

	if (link_check(p->l, &why) || strcmp(why, text))
		fail_msg("\"%s\" was to be noticed, %s was", text, why);
	memcpy(p->node->mem, p->healthy, p->node->size);
	assert_true(link_check(p->l, &why));
}

/* Node 1 acknowledges all that it has got, with a message of its own. */
static void acknowledge(struct net *net)
{
	give_all(net, 0);
	queue(net, 1, 0, LINK_REPLY, 9, 9);
	give_all(net, 1);
}

/* Node 0: free, settled, sent and queued messages, pages among them, and peers with timers. */
static int open_patient(void **state)
{
	struct patient *p = calloc(1, sizeof(*p));
	struct net *net = p->net = start();
	struct link_out out;

	for (uint8_t i = 0; i < 12; i++)
		queue(net, 0, 1, LINK_REQUEST, i, i);
	acknowledge(net);
	while (link_settled(net->node[0].l, &(struct link_settled){ 0 }))
		;
	queue(net, 0, 1, LINK_FORWARD, 3, 3);
	acknowledge(net);
	queue(net, 0, 1, LINK_REQUEST, 4, 4);
	queue_page(net, 0, 1, 5);
	queue(net, 0, 2, LINK_REQUEST, 6, 6);
	while (next(net, 0, &out))
		net->now += 10;
	queue(net, 0, 2, LINK_REQUEST, 7, 7);
	queue(net, 0, 2, LINK_REQUEST, 8, 8);
	queue(net, 0, 1, LINK_REQUEST, 9, 9);
	queue_page(net, 0, 2, 5);
	p->node = &net->node[0];
	p->l = p->node->l;
	p->healthy = malloc(p->node->size);
	memcpy(p->healthy, p->node->mem, p->node->size);
	*state = p;
	return 0;
}

static int close_patient(void **state)
{
	struct patient *p = *state;

	net_close(p->net);
	free(p->healthy);
	free(p);
	return 0;
}

static struct msg *in_state(struct patient *p, enum msg_state state)
{
	for (uint32_t i = 1; i <= p->l->fresh; i++)
		if (msg_at(p->l, i)->state == state)
			return msg_at(p->l, i);
	fail_msg("no message is in state %d", (int)state);
	return NULL;
}

static struct msg *with_page(struct patient *p)
{
	struct msg *m = msg_at(p->l, p->l->fresh);

	while (m->payload.kind != TIDAL_PAYLOAD_PAGE || m->state == MSG_FREE)
		m--;
	return m;
}

static void test_pool(void **state)
{
	struct patient *p = *state;
	struct link *l = p->l;
	struct msg *free_one = in_state(p, MSG_FREE), *done = in_state(p, MSG_DONE);

	SPOIL("link: pool too large", l->fresh = l->messages + 1);
	SPOIL("link: message in no state", done->state = MSG_DONE + 1);
	SPOIL("link: message of no class", done->class = LINK_CLASSES);
	SPOIL("link: free message to be reported", free_one->settled = true);
	SPOIL("link: settled message kept", done->settled = false);
	for (unsigned c = 0; c < LINK_CLASSES; c++)
		SPOIL("link: class count is wrong", l->pending[c]++);
	SPOIL("link: count of used messages is wrong", l->used++);
	SPOIL("link: count of used messages is wrong", l->used--);
}

static void swap_with_another(struct link *l, uint32_t *bucket)
{
	uint32_t *first = (uint32_t *)((char *)l + l->frames);
	uint32_t *other = bucket == first ? first + 1 : first, was = *other;

	*other = *bucket;
	*bucket = was;
}

static void test_lists(void **state)
{
	struct patient *p = *state;
	struct link *l = p->l;
	struct msg *flight = in_state(p, MSG_FLIGHT), *page = with_page(p);
	uint32_t *bucket = frame_bucket(l, page->payload.buf);

	SPOIL("link: free list is wrong", l->free = l->fresh + 1);
	SPOIL("link: free list is wrong", msg_at(l, l->free)->next = l->free);
	SPOIL("link: message in free list is not free", l->free = msg_index(l, flight));
	SPOIL("link: free message is in no list", l->free = 0);
	SPOIL("link: settled list is wrong", l->settled_head = l->fresh + 1);
	SPOIL("link: settled list is wrong",
	      msg_at(l, l->settled_tail)->settled_next = l->settled_tail);
	SPOIL("link: settled list has an unsettled message",
	      l->settled_head = msg_index(l, flight));
	SPOIL("link: settled list ends wrong", l->settled_tail++);
	SPOIL("link: settled list ends wrong", l->settled_head = l->settled_tail = 0);
	SPOIL("link: hash of frames is wrong", *bucket = l->fresh + 1);
	assert_int_equal(msg_at(l, msg_at(l, *bucket)->frame_next)->frame_next, 0);
	SPOIL("link: hash of frames is wrong", /* the two, and one more */
	      msg_at(l, msg_at(l, *bucket)->frame_next)->frame_next =
		      msg_index(l, in_state(p, MSG_DONE)));
	SPOIL("link: message hashed without frame", *bucket = msg_index(l, in_state(p, MSG_DONE)));
	SPOIL("link: frame of a message is not hashed", *bucket = 0);
	SPOIL("link: bucket linked wrong", msg_at(l, *bucket)->frame_prev = 9);
	SPOIL("link: message in the wrong bucket", swap_with_another(l, bucket));
}

/* Of this message, with the counts. */
static void change_class(struct link *l, struct msg *m)
{
	l->pending[m->class]--;
	m->class = LINK_REPLY;
	l->pending[m->class]++;
}

static void test_windows(void **state)
{
	struct patient *p = *state;
	struct peer *to = peer_at(p->l, 1);
	struct lane *lane = &to->lane[LINK_REQUEST];
	struct msg *m = msg_at(p->l, *lane_slot(to, LINK_REQUEST, lane->sent));

	assert_int_equal(m->state, MSG_FLIGHT);
	SPOIL("link: window too wide", lane->acked = lane->sent + 1);
	SPOIL("link: window too wide", lane->sent += lane_window(LINK_REQUEST));
	SPOIL("link: repeats what is not in flight", lane->repeat = ~lane->flight);
	SPOIL("link: receive window is wrong", lane->beyond = 1);
	SPOIL("link: receive window is wrong",
	      lane->beyond = UINT64_C(1) << lane_window(LINK_REQUEST));
	SPOIL("link: slot's message", *lane_slot(to, LINK_REQUEST, lane->sent) = 0);
	SPOIL("link: slot's message", *lane_slot(to, LINK_REQUEST, lane->sent) = p->l->fresh + 1);
	SPOIL("link: slot's message",
	      *lane_slot(to, LINK_REQUEST, lane->sent) = msg_index(p->l, in_state(p, MSG_DONE)));
	SPOIL("link: message in the wrong slot", m->seq++);
	SPOIL("link: message in the wrong slot", m->to = 2);
	SPOIL("link: message in the wrong slot", change_class(p->l, m));
	SPOIL("link: message without timeout", to->retry_at = 0);
	SPOIL("link: message without timeout", to->retry_at = m->due + 1);
	SPOIL("link: in flight outside of the window", lane->flight = ~UINT64_C(0) >> 1;
	      lane->acked = lane->sent);
	SPOIL("link: count of messages in flight is wrong", to->flight++);
	SPOIL("link: sent to an unknown peer", to->incarnation = 0);
}

static void test_queues(void **state)
{
	struct patient *p = *state;
	struct peer *to = peer_at(p->l, 2);
	struct lane *lane = &to->lane[LINK_REQUEST];
	struct msg *head = msg_at(p->l, lane->head);

	assert_int_not_equal(lane->head, lane->tail);
	SPOIL("link: queue is wrong", lane->head = p->l->fresh + 1);
	SPOIL("link: queue is wrong", msg_at(p->l, lane->tail)->next = lane->head);
	SPOIL("link: message in the wrong queue", head->to = 1);
	SPOIL("link: message in the wrong queue",
	      lane->head = msg_index(p->l, in_state(p, MSG_DONE)));
	SPOIL("link: message in the wrong queue", change_class(p->l, head));
	SPOIL("link: queue ends wrong", lane->tail = lane->head);
	SPOIL("link: queue ends wrong", lane->head = 0);
	SPOIL("link: queued for a peer that is gone", to->down = true);
	SPOIL("link: message in no list", head->next = 0; lane->tail = lane->head);
}

static void swap_timers(struct link *l)
{
	const struct timer first = *timer_at(l, 1);

	*timer_at(l, 1) = *timer_at(l, 2);
	*timer_at(l, 2) = first;
	peer_at(l, (tidal_nodeid)timer_at(l, 1)->peer)->timer = 1;
	peer_at(l, (tidal_nodeid)timer_at(l, 2)->peer)->timer = 2;
}

static void test_peers(void **state)
{
	struct patient *p = *state;
	struct link *l = p->l;
	struct peer *one = peer_at(l, 1), *two = peer_at(l, 2);

	SPOIL("link: ring without peer, or peer without", two->ringed = !two->ringed);
	SPOIL("link: peer with time and without timer, or the reverse", one->timer = 0);
	SPOIL("link: peer with time and without timer, or the reverse", peer_at(l, 0)->timer = 1);
	SPOIL("link: timer is wrong", one->timer = l->timer_count + 1);
	SPOIL("link: timer is wrong", timer_at(l, one->timer)->peer = 2);
	SPOIL("link: timer is wrong", timer_at(l, one->timer)->at++);
	assert_true(timer_at(l, 1)->at < timer_at(l, 2)->at);
	SPOIL("link: timers out of order", swap_timers(l));
	SPOIL("link: count of timers is wrong", l->timer_count++);
	SPOIL("link: ring is wrong", l->ring_head = l->nodes + 1);
	SPOIL("link: ring is wrong", peer_at(l, (tidal_nodeid)(l->ring_tail - 1))->ring_next =
	      l->ring_head);
	SPOIL("link: ring is linked wrong",
	      peer_at(l, (tidal_nodeid)(l->ring_head - 1))->ring_prev = 9);
	SPOIL("link: ring is linked wrong", l->ring_head = 1);
	SPOIL("link: ring ends wrong", l->ring_tail = 9);
	SPOIL("link: ring ends wrong", l->ring_head = 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pool, open_patient, close_patient),
		cmocka_unit_test_setup_teardown(test_lists, open_patient, close_patient),
		cmocka_unit_test_setup_teardown(test_windows, open_patient, close_patient),
		cmocka_unit_test_setup_teardown(test_queues, open_patient, close_patient),
		cmocka_unit_test_setup_teardown(test_peers, open_patient, close_patient),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
