/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * link - what it promises, case by case, between nodes that stay up. See link-peers.c for
 * nodes that don't, and link-soak.c for everything at random.
 */
#include "link-case.h"

/* --- delivery ---------------------------------------------------------------------------- */

static void test_deliver(void **state)
{
	struct net *net = start();
	struct link_payload page = { TIDAL_PAYLOAD_PAGE, 77, TIDAL_PAGE_SIZE, 0x1234 };
	struct link_out out;
	struct got got;

	(void)state;
	link_pressure(net->node[0].l, 17, 99);
	link_queue(net->node[0].l, 1, LINK_REPLY, "hello", 5, &page, 4711);
	assert_int_equal(link_pending(net->node[0].l), 1);
	assert_int_equal(link_deadline(net->node[0].l), 0);

	assert_true(next(net, 0, &out));
	assert_int_equal(out.to, 1);
	assert_int_equal(out.len, LINK_HEADER + 5);
	assert_false(out.again);
	assert_int_equal(out.payload.kind, TIDAL_PAYLOAD_PAGE);
	assert_int_equal(out.payload.buf, 77);
	assert_int_equal(out.payload.gfn, 0x1234);
	got = give(net, 0, &out);
	assert_int_equal(got.err, 0);
	assert_int_equal(got.in.len, 5);
	assert_memory_equal(got.body, "hello", 5);
	assert_int_equal(got.in.time, net->now);
	assert_int_equal(got.in.load, 17);
	assert_int_equal(got.in.free, 99);
	assert_false(got.in.void_payload || got.in.duplicate || got.in.reset);
	assert_false(next(net, 0, &out));

	/* The acknowledgement waits a little for company. */
	assert_none_settled(net, 0);
	assert_false(next(net, 1, &out));
	assert_int_equal(link_deadline(net->node[1].l), net->now + NET_RTO / 8);
	net->now += NET_RTO / 8;
	assert_true(next(net, 1, &out));
	assert_int_equal(out.len, LINK_HEADER);
	assert_int_equal(out.payload.kind, TIDAL_PAYLOAD_NONE);
	got = give(net, 1, &out);
	assert_null(got.in.body);
	assert_settled(net, 0, 1, 4711, false);
	assert_idle(net, 0);
	assert_idle(net, 1);
	assert_int_equal(net->node[0].stats.messages_out, 1);
	assert_int_equal(net->node[0].stats.bytes_out, LINK_HEADER + 5 + TIDAL_PAGE_SIZE);
	assert_int_equal(net->node[0].stats.resent, 0);
	assert_int_equal(net->node[1].stats.messages_in, 1);
	net_close(net);
}

/* A message in the other direction carries the acknowledgement; an empty body is a message. */
static void test_piggyback(void **state)
{
	struct net *net = start();
	struct link_out out;
	struct got got;

	(void)state;
	queue(net, 0, 1, LINK_REQUEST, 1, 42);
	assert_int_equal(give_all(net, 0), 1);
	link_queue(net->node[1].l, 0, LINK_REPLY, NULL, 0, NULL, 0);
	assert_true(next(net, 1, &out));
	got = give(net, 1, &out);
	assert_non_null(got.in.body);
	assert_int_equal(got.in.len, 0);
	assert_settled(net, 0, 1, 42, false);
	net->now += NET_RTO / 8;
	assert_int_equal(give_all(net, 0), 1);
	assert_int_equal(give_all(net, 1), 0);
	assert_idle(net, 0);
	assert_idle(net, 1); /* no cookie and no payload: not reported */
	net_close(net);
}

/* Many messages one way: every eighth is acknowledged without delay. */
static void test_ack_every(void **state)
{
	struct net *net = start();

	(void)state;
	for (uint8_t i = 0; i < 8; i++) {
		assert_int_equal(give_all(net, 1), 0);
		queue(net, 0, 1, LINK_REPLY, i, 0);
		assert_int_equal(give_all(net, 0), 1);
	}
	assert_int_equal(give_all(net, 1), 1);
	assert_idle(net, 0);
	assert_idle(net, 1);
	net_close(net);
}

/* The same packet twice, and two in the wrong order. */
static void test_repeat_and_reorder(void **state)
{
	struct net *net = start();
	struct link_out first, second;
	uint8_t copy[LINK_HEADER + LINK_BODY_MAX];
	struct got got;

	(void)state;
	queue(net, 0, 1, LINK_REQUEST, 1, 1);
	queue(net, 0, 1, LINK_REQUEST, 2, 2);
	assert_true(next(net, 0, &first));
	memcpy(copy, first.header, first.len);
	first.header = copy;
	assert_true(next(net, 0, &second));
	got = give(net, 0, &second);
	assert_int_equal(got.body[0], 2);
	assert_true(next(net, 0, &second) == false);
	got = give(net, 0, &first);
	assert_int_equal(got.body[0], 1);
	for (int i = 0; i < 3; i++) {
		got = give(net, 0, &first);
		assert_int_equal(got.err, 0);
		assert_true(got.in.duplicate);
		assert_null(got.in.body);
	}
	assert_int_equal(net->node[1].stats.messages_in, 2);
	assert_int_equal(net->node[1].stats.duplicates, 3);
	net->now += NET_RTO / 8;
	assert_int_equal(give_all(net, 1), 1);
	assert_settled(net, 0, 1, 1, false);
	assert_settled(net, 0, 1, 2, false);
	net_close(net);
}

/* A message beyond a gap is acknowledged by the bitmap; only the missing one is sent again. */
static void test_selective(void **state)
{
	struct net *net = start();
	struct link_out out;

	(void)state;
	for (uint8_t i = 1; i <= 3; i++)
		queue(net, 0, 1, LINK_FORWARD, i, i);
	assert_true(next(net, 0, &out)); /* 1 is lost */
	assert_int_equal(give_all(net, 0), 2);
	net->now += NET_RTO / 8;
	assert_int_equal(give_all(net, 1), 1);
	assert_settled(net, 0, 1, 2, false);
	assert_settled(net, 0, 1, 3, false);
	assert_none_settled(net, 0);
	net->now = link_deadline(net->node[0].l);
	assert_true(next(net, 0, &out));
	assert_true(out.again);
	assert_int_equal(give(net, 0, &out).body[0], 1);
	assert_false(next(net, 0, &out));
	assert_int_equal(net->node[0].stats.resent, 1);
	net_close(net);
}

/* --- room -------------------------------------------------------------------------------- */

/* The classes' shares of the pool, whatever its size; room for n is room for n one by one. */
static void test_class_limits(void **state)
{
	(void)state;
	for (uint32_t messages = 16; messages < 40; messages++) {
		struct net *net = net_open(1, messages);
		struct link *l = net->node[0].l;
		uint32_t n = 0;

		for (int class = LINK_REQUEST; class <= LINK_REPLY; class++) {
			uint32_t quarters = class == LINK_REQUEST ? 2 : class == LINK_FORWARD ? 1 : 0;

			for (;; n++) {
				bool room = 4 * (messages - n) > quarters * messages;

				assert_int_equal(link_room(l, class, 1), room);
				if (!room)
					break;
				assert_true(link_room(l, class, messages - n -
								quarters * messages / 4));
				assert_false(link_room(l, class, messages - n + 1 -
								 quarters * messages / 4));
				queue(net, 0, 1 + n % 2, class, 0, 0);
			}
			assert_true(link_room(l, class, 0) || class != LINK_REPLY);
			check(net);
		}
		assert_int_equal(n, messages);
		net_close(net);
	}
}

/* Each class has its part of the window, and a full one does not stop the others. */
static void test_windows(void **state)
{
	struct net *net = net_open(1, 1024);
	unsigned count[LINK_CLASSES] = { 0 };
	struct link_out out;

	(void)state;
	net_introduce(net);
	for (int class = LINK_REQUEST; class <= LINK_REPLY; class++)
		for (int i = 0; i < 100; i++)
			queue(net, 0, 1, class, (uint8_t)class, 0);
	while (next(net, 0, &out))
		count[give(net, 0, &out).body[0]]++;
	assert_int_equal(count[LINK_REQUEST], 32);
	assert_int_equal(count[LINK_FORWARD], 32);
	assert_int_equal(count[LINK_REPLY], 64);
	assert_int_equal(link_deadline(net->node[0].l), net->now + NET_RTO);
	for (int i = 0; i < 20; i++) {
		net->now += NET_RTO / 8;
		give_all(net, 1);
		give_all(net, 0);
	}
	assert_idle(net, 0);
	assert_int_equal(net->node[1].stats.messages_in, 300);
	assert_int_equal(net->node[0].stats.resent, 0);
	net_close(net);
}

/*
 * A node without room for requests still gets the replies, however many, and the
 * acknowledgements that come with what it refuses.
 */
static void test_refuse(void **state)
{
	struct net *net = net_open(1, 256);
	struct link_out out;
	struct got got;

	(void)state;
	net_introduce(net);
	queue(net, 1, 0, LINK_REQUEST, 9, 900);
	assert_int_equal(give_all(net, 1), 1);
	queue(net, 0, 1, LINK_REQUEST, 1, 0);
	assert_true(next(net, 0, &out));
	got = peek(net, 0, &out);
	assert_int_equal(got.body[0], 1);
	link_refuse(net->node[1].l, net->now, 0, &got.in);
	check(net);
	assert_settled(net, 1, 0, 900, false);
	assert_int_equal(net->node[1].stats.messages_in, 0);
	assert_int_equal(link_deadline(net->node[1].l), TIDAL_NEVER);

	for (unsigned i = 0; i < 300; i++) {
		queue(net, 0, 1, LINK_REPLY, 2, 0);
		net->now += 10;
		give_all(net, 0);
		give_all(net, 1);
	}
	assert_int_equal(net->node[1].stats.messages_in, 300);
	net->now += NET_RTO / 8;
	give_all(net, 1);
	net->now += NET_RTO;
	assert_true(next(net, 0, &out));
	assert_true(out.again);
	assert_int_equal(give(net, 0, &out).body[0], 1);

	/* Of a duplicate nothing is refused: that it has come is said again. */
	net->now += NET_RTO / 8;
	assert_true(next(net, 1, &out)); /* lost */
	net->now = link_deadline(net->node[0].l);
	assert_true(next(net, 0, &out));
	got = peek(net, 0, &out);
	assert_true(got.in.duplicate);
	link_refuse(net->node[1].l, net->now, 0, &got.in);
	net->now += NET_RTO / 8;
	assert_int_equal(give_all(net, 1), 1);
	assert_idle(net, 0);
	net_close(net);
}

/* A packet from beyond the window is refused: nobody may send it. */
static void test_beyond_window(void **state)
{
	struct net *net = start();
	uint8_t bytes[LINK_HEADER + LINK_BODY_MAX];
	struct link_out out;

	(void)state;
	queue(net, 0, 1, LINK_REQUEST, 1, 0);
	assert_true(next(net, 0, &out));
	memcpy(bytes, out.header, out.len);
	out.header = bytes;
	bytes[28] = 32;
	assert_int_equal(peek(net, 0, &out).err, 0);
	bytes[28] = 33;
	assert_int_equal(peek(net, 0, &out).err, TIDAL_EPROTO);
	memset(bytes + 28, 0xff, 8);
	assert_int_equal(peek(net, 0, &out).err, TIDAL_EPROTO);
	net_close(net);
}

/* --- time -------------------------------------------------------------------------------- */

/* The pauses between transmissions double, up to 64 times, and are up to 1/8 longer. */
static void test_backoff(void **state)
{
	struct net *net = start();
	struct link_out out;
	tidal_time before = net->now;

	(void)state;
	queue(net, 0, 1, LINK_REQUEST, 1, 0);
	assert_true(next(net, 0, &out));
	for (unsigned i = 0; i < 12; i++) {
		tidal_time pause = NET_RTO << (i < 6 ? i : 6);
		tidal_time due = link_deadline(net->node[0].l);

		assert_in_range(due - before, pause, pause + (i ? pause / 8 : 0));
		net->now = due - 1;
		assert_false(next(net, 0, &out));
		net->now = due;
		assert_true(next(net, 0, &out));
		assert_true(out.again);
		assert_false(next(net, 0, &out));
		before = due;
	}
	assert_int_equal(net->node[0].stats.resent, 12);
	assert_int_equal(net->node[0].stats.messages_out, 1); /* however often it was sent */
	net_close(net);
}

/* After a loss the longer timeout stays, until a message is acknowledged at first try (Karn). */
static void test_backoff_ends(void **state)
{
	static const unsigned timeouts[] = { 1, 2, 4, 1 };
	struct net *net = start();
	struct link_out out;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		tidal_time timeout;

		queue(net, 0, 1, LINK_REQUEST, 1, 0);
		assert_true(next(net, 0, &out));
		timeout = link_deadline(net->node[0].l) - net->now;
		assert_in_range(timeout, NET_RTO * timeouts[i], NET_RTO * timeouts[i] * 9 / 8);
		if (i < 2) { /* lost, and sent again */
			net->now += timeout;
			assert_true(next(net, 0, &out));
			assert_true(out.again);
		}
		(void)give(net, 0, &out);
		net->now += NET_RTO / 8;
		assert_int_equal(give_all(net, 1), 1);
		assert_int_equal(link_deadline(net->node[0].l), TIDAL_NEVER);
	}
	net_close(net);
}

/* A message that is acknowledged while it waits for its repetition is not repeated. */
static void test_ack_before_repeat(void **state)
{
	struct net *net = start();
	struct link_out out;

	(void)state;
	queue(net, 0, 1, LINK_REQUEST, 1, 0);
	queue(net, 0, 1, LINK_REQUEST, 2, 0);
	assert_int_equal(give_all(net, 0), 2);
	net->now += NET_RTO;
	assert_true(next(net, 0, &out)); /* the other is due as well */
	assert_int_equal(link_deadline(net->node[0].l), 0);
	assert_int_equal(give_all(net, 1), 1);
	assert_false(next(net, 0, &out));
	assert_idle(net, 0);
	net_close(net);
}

/* An acknowledgement does not wait for the timeout of a message. */
static void test_two_timers(void **state)
{
	struct net *net = start();
	struct link_out out;

	(void)state;
	queue(net, 1, 0, LINK_REQUEST, 1, 0);
	assert_true(next(net, 1, &out)); /* lost */
	queue(net, 0, 1, LINK_REQUEST, 2, 0);
	assert_int_equal(give_all(net, 0), 1);
	assert_int_equal(link_deadline(net->node[1].l), net->now + NET_RTO / 8);
	net->now += NET_RTO / 8;
	assert_true(next(net, 1, &out));
	assert_int_equal(out.len, LINK_HEADER);
	assert_int_equal(link_deadline(net->node[1].l), net->now + NET_RTO - NET_RTO / 8);
	net_close(net);
}

/* Round trips that take longer than the timeout raise it, once one was measured at first try. */
static void test_rtt(void **state)
{
	struct net *net = start();
	struct link_out out;

	(void)state;
	for (uint8_t i = 0; i < 20; i++) {
		tidal_time sent = net->now;
		struct link_out first;
		uint8_t copy[LINK_HEADER + LINK_BODY_MAX];

		queue(net, 0, 1, LINK_REQUEST, i, 0);
		assert_true(next(net, 0, &first));
		memcpy(copy, first.header, first.len);
		first.header = copy;
		while (link_deadline(net->node[0].l) <= sent + 3 * NET_RTO) {
			net->now = link_deadline(net->node[0].l);
			(void)next(net, 0, &out);
		}
		net->now = sent + 3 * NET_RTO;
		(void)give(net, 0, &first);
		net->now += NET_RTO / 8;
		(void)give_all(net, 1);
	}
	/* Without the estimate every message would have been sent twice. */
	assert_in_range(net->node[0].stats.resent, 1, 4);
	net_close(net);
}

/* Timers of many peers come in order, and peers that were never used cost nothing. */
static void test_many_peers(void **state)
{
	struct link_config config = { .nodes = TIDAL_NODES_MAX, .self = 3, .incarnation = 1,
				      .messages = 4096, .rto_ns = NET_RTO };
	struct net_node node = { 0 };
	struct link_out out;
	const char *why = "";
	tidal_time last = 0;
	size_t touched = 0;

	(void)state;
	net_start(&node, &config);
	for (size_t i = 0; i < node.size; i++)
		touched += ((uint8_t *)node.mem)[i] != 0;
	assert_in_range(touched, 1, 256);

	for (unsigned i = 0; i < TIDAL_NODES_MAX; i++) {
		tidal_nodeid to = (tidal_nodeid)(i * 389 % TIDAL_NODES_MAX);

		if (to == config.self)
			continue;
		link_peer(node.l, to, 1);
		link_queue(node.l, to, LINK_REPLY, "x", 1, NULL, 0);
		assert_true(link_next(node.l, 1000 + i * 7919 % 10007, &out, &node.stats));
		assert_int_equal(out.to, to);
	}
	assert_true(link_check(node.l, &why));
	for (unsigned i = 0; i + 1 < TIDAL_NODES_MAX; i++) {
		tidal_time due = link_deadline(node.l);

		assert_in_range(due, last, 1000 + 10007 + NET_RTO);
		last = due;
		assert_true(link_next(node.l, due, &out, &node.stats));
		assert_true(out.again);
	}
	assert_true(link_deadline(node.l) >= 1000 + 2 * NET_RTO);
	assert_true(link_check(node.l, &why));
	free(node.mem);
}

/* --- withdrawn payloads ------------------------------------------------------------------ */

static void test_withdraw_unsent(void **state)
{
	struct net *net = start();
	struct link_out out;
	struct got got;

	(void)state;
	queue_page(net, 0, 1, 5);
	assert_int_equal(link_withdraw(net->node[0].l, 6), 0);
	assert_int_equal(link_withdraw(net->node[0].l, 5), 1);
	assert_int_equal(link_withdraw(net->node[0].l, 5), 0);
	check(net);
	assert_settled(net, 0, 1, 5, false);
	assert_int_equal(link_pending(net->node[0].l), 1);
	assert_true(next(net, 0, &out));
	assert_int_equal(out.payload.kind, TIDAL_PAYLOAD_NONE);
	got = give(net, 0, &out);
	assert_true(got.in.void_payload);
	net->now += NET_RTO / 8;
	assert_int_equal(give_all(net, 1), 1);
	assert_idle(net, 0); /* and it is reported once only */
	assert_true(link_room(net->node[0].l, LINK_REPLY, 64));
	net_close(net);
}

static void test_withdraw_unacknowledged(void **state)
{
	struct net *net = start();
	struct link_out first, again;
	uint8_t copy[LINK_HEADER + LINK_BODY_MAX];
	struct got got;

	(void)state;
	queue_page(net, 0, 1, 5);
	queue_page(net, 0, 2, 5); /* the same frame, to two */
	queue_page(net, 0, 2, 21); /* another one */
	assert_true(next(net, 0, &first));
	assert_int_equal(first.payload.buf, 5);
	memcpy(copy, first.header, first.len);
	first.header = copy;
	assert_int_equal(link_withdraw(net->node[0].l, 5), 2);
	check(net);
	while (next(net, 0, &again))
		assert_int_not_equal(again.payload.buf, 5);
	net->now += NET_RTO;
	assert_true(next(net, 0, &again));
	assert_true(again.again);
	assert_int_equal(again.payload.kind, TIDAL_PAYLOAD_NONE);
	got = give(net, 0, &again);
	assert_true(got.in.void_payload && got.in.body);
	assert_true(give(net, 0, &first).in.duplicate); /* the late first one has lost */
	/* Still unacknowledged: the entry is freed when both are over, in this order too. */
	net->now += NET_RTO / 8;
	assert_int_equal(give_all(net, 1), 1);
	for (int i = 0; i < 2; i++) {
		struct link_settled s;

		assert_true(link_settled(net->node[0].l, &s));
		assert_int_equal(s.payload.buf, 5);
		assert_false(s.lost);
		check(net);
	}
	assert_none_settled(net, 0);
	assert_int_equal(link_pending(net->node[0].l), 2);
	net_close(net);
}

static void test_withdraw_acknowledged(void **state)
{
	struct net *net = start();

	(void)state;
	queue_page(net, 0, 1, 5);
	assert_int_equal(give_all(net, 0), 1);
	net->now += NET_RTO / 8;
	assert_int_equal(give_all(net, 1), 1);
	assert_int_equal(link_withdraw(net->node[0].l, 5), 0);
	assert_settled(net, 0, 1, 5, false);
	assert_idle(net, 0);
	net_close(net);
}

/* The number of a saved vCPU is not a frame. */
static void test_withdraw_vcpu(void **state)
{
	struct net *net = start();
	struct link_payload vcpu = { TIDAL_PAYLOAD_VCPU, 5, 6400, TIDAL_GFN_NONE };

	(void)state;
	link_queue(net->node[0].l, 1, LINK_REPLY, "v", 1, &vcpu, 0);
	assert_int_equal(link_withdraw(net->node[0].l, 5), 0);
	assert_int_equal(give_all(net, 0), 1);
	net_close(net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deliver),
		cmocka_unit_test(test_piggyback),
		cmocka_unit_test(test_ack_every),
		cmocka_unit_test(test_repeat_and_reorder),
		cmocka_unit_test(test_selective),
		cmocka_unit_test(test_class_limits),
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_refuse),
		cmocka_unit_test(test_beyond_window),
		cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_backoff_ends),
		cmocka_unit_test(test_ack_before_repeat),
		cmocka_unit_test(test_two_timers),
		cmocka_unit_test(test_rtt),
		cmocka_unit_test(test_many_peers),
		cmocka_unit_test(test_withdraw_unsent),
		cmocka_unit_test(test_withdraw_unacknowledged),
		cmocka_unit_test(test_withdraw_acknowledged),
		cmocka_unit_test(test_withdraw_vcpu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
