/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * core_full: a core whose pool of messages is full, because a peer doesn't acknowledge: time
 * goes on, what was sent is sent again, and nobody is told to come at once for nothing.
 */
#include "one-core.h"

static const struct tidal_event tick = { .kind = TIDAL_EV_TICK };

static void say(struct one_core *o, const struct wire *m)
{
	uint8_t body[LINK_BODY_MAX];
	struct one_packet p;
	struct tidal_event ev;

	assert_true(one_packet(o, wire_class(m->kind), body, wire_encode(m, body), &p));
	ev = one_message(&p);
	assert_int_equal(one_push(o, &ev), 0);
	one_pull(o);
}

/* Until there is no room for this class, and *more*: the peer is known, but acknowledges nothing. */
static void open_full(struct one_core *o, enum link_class class, unsigned more)
{
	const struct wire offer = { .kind = MSG_OFFER, .u.offer = { .gfn = 1 } };
	struct link *l;

	memset(o, 0, sizeof(*o));
	one_params(o, 0);
	o->params.messages = 8u * o->params.nodes + 96;
	one_start(o);
	one_peer(o);
	one_run(o);
	o->silent = true;
	say(o, &offer);
	l = REL(o->core, link);
	while (link_room(l, class, 2u * o->params.nodes + 24))
		link_queue(l, 1, LINK_REPLY, "x", 1, NULL, 0);
	while (more--)
		link_queue(l, 1, LINK_REPLY, "x", 1, NULL, 0);
	one_pull(o);
}

/* No room for anything. (Found by reading, after the busy loop below.) */
static void test_sent_again_when_full(void **state)
{
	struct one_core o;
	uint32_t packets;

	(void)state;
	open_full(&o, LINK_REPLY, 0);
	packets = o.packets;
	o.now += 10000000;
	assert_int_equal(one_push(&o, &tick), 0);
	one_pull(&o);
	assert_true(o.packets > packets);
	assert_true(tidal_core_deadline(o.core) > o.now);
	one_close(&o);
}

/* A peer dies meanwhile: whoever waits for it is looked for as soon as there is room, and not
 * earlier, however often a tick comes. (Found by tests/fuzz/core.) */
static void test_no_busy_loop_when_full(void **state)
{
	struct tidal_event ev = { .kind = TIDAL_EV_PEER_DOWN };
	struct one_core o;

	(void)state;
	open_full(&o, LINK_FORWARD, 8); /* the map for node 2 goes with it */
	ev.u.peer.node = 2;
	assert_int_equal(one_push(&o, &ev), 0);
	one_pull(&o);
	o.now += 1000;
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(one_push(&o, &tick), 0);
		one_pull(&o);
	}
	assert_int_equal(o.core->losses.transit, 1); /* to be looked for yet */
	assert_true(tidal_core_deadline(o.core) > o.now);
	one_close(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sent_again_when_full),
		cmocka_unit_test(test_no_busy_loop_when_full),
	};

	return cmocka_run_group_tests_name("core_full", tests, NULL, NULL);
}
