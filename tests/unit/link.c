/* SPDX-License-Identifier: BSD-3-Clause */
/* link - what it promises, case by case. See link-soak.c for the same at random. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "link-net.h"

/* What became of a packet. */
struct got {
	int err;
	struct link_in in;
	uint8_t body[LINK_BODY_MAX];
};

static void check(struct net *net)
{
	const char *why = "";

	for (unsigned n = 0; n < NET_NODES; n++)
		if (!link_check(net->node[n].l, &why))
			fail_msg("node %u: %s", n, why);
}

static bool next(struct net *net, tidal_nodeid from, struct link_out *out)
{
	bool some = link_next(net->node[from].l, net->now, out, &net->node[from].stats);

	check(net);
	return some;
}

/* Let the addressee look at a packet. */
static struct got peek(struct net *net, tidal_nodeid from, const struct link_out *out)
{
	struct got got = { 0 };
	uint8_t *bytes = malloc(out->len);

	memcpy(bytes, out->header, out->len);
	got.err = link_peek(net->node[out->to].l, from, bytes, out->len, &got.in);
	if (!got.err && got.in.body)
		memcpy(got.body, got.in.body, got.in.len);
	free(bytes);
	return got;
}

static struct got give(struct net *net, tidal_nodeid from, const struct link_out *out)
{
	struct net_node *node = &net->node[out->to];
	struct got got = peek(net, from, out);

	if (!got.err)
		link_accept(node->l, net->now, from, &got.in, &node->stats);
	else if (got.err == TIDAL_ESTALE)
		link_stale(node->l, net->now, from, &got.in);
	check(net);
	return got;
}

/* Give what *from* has to send now; how many packets. */
static unsigned give_all(struct net *net, tidal_nodeid from)
{
	struct link_out out;
	unsigned n = 0;

	for (; next(net, from, &out); n++)
		assert_int_equal(give(net, from, &out).err, 0);
	return n;
}

static void queue(struct net *net, tidal_nodeid from, tidal_nodeid to, enum link_class class,
		  uint8_t byte, uint64_t cookie)
{
	link_queue(net->node[from].l, to, class, &byte, 1, NULL, cookie);
}

static void queue_page(struct net *net, tidal_nodeid from, tidal_nodeid to, uint32_t frame)
{
	struct link_payload page = { TIDAL_PAYLOAD_PAGE, frame, TIDAL_PAGE_SIZE, 5 };

	link_queue(net->node[from].l, to, LINK_REPLY, "p", 1, &page, frame);
}

static void assert_settled(struct net *net, tidal_nodeid node, tidal_nodeid to, uint64_t cookie,
			   bool lost)
{
	struct link_settled s;

	assert_true(link_settled(net->node[node].l, &s));
	assert_int_equal(s.to, to);
	assert_int_equal(s.cookie, cookie);
	assert_int_equal(s.lost, lost);
	check(net);
}

static void assert_none_settled(struct net *net, tidal_nodeid node)
{
	struct link_settled s;

	assert_false(link_settled(net->node[node].l, &s));
}

static void assert_idle(struct net *net, tidal_nodeid node)
{
	assert_int_equal(link_pending(net->node[node].l), 0);
	assert_int_equal(link_deadline(net->node[node].l), TIDAL_NEVER);
	assert_none_settled(net, node);
}

static struct net *start(void)
{
	struct net *net = net_open(1, 64);

	net_introduce(net);
	check(net);
	return net;
}

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
	net_close(net);
}

/* A packet from beyond the window is put off. */
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
	assert_int_equal(peek(net, 0, &out).err, TIDAL_EAGAIN);
	memset(bytes + 28, 0xff, 8);
	assert_int_equal(peek(net, 0, &out).err, TIDAL_EAGAIN);
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

/* --- incarnations ------------------------------------------------------------------------ */

static void restart(struct net *net, tidal_nodeid n, uint32_t incarnation)
{
	struct link_config config = net_config(n, 64);

	config.incarnation = incarnation;
	net_start(&net->node[n], &config);
}

/* Nothing is sent to a stranger but a hello, which is answered at once, and repeated if lost. */
static void test_hello(void **state)
{
	struct net *net = net_open(1, 64);
	struct link_out out;
	struct got got;

	(void)state;
	queue(net, 0, 1, LINK_REQUEST, 1, 11);
	assert_true(next(net, 0, &out)); /* lost */
	assert_int_equal(out.len, LINK_HEADER);
	assert_false(next(net, 0, &out));
	queue(net, 0, 1, LINK_REPLY, 2, 12);
	assert_false(next(net, 0, &out)); /* one is under way */
	net->now = link_deadline(net->node[0].l);
	assert_true(next(net, 0, &out));
	got = give(net, 0, &out);
	assert_int_equal(got.err, 0);
	assert_null(got.in.body);
	assert_int_equal(give_all(net, 1), 1);
	assert_int_equal(give_all(net, 0), 2);
	assert_int_equal(net->node[1].stats.messages_in, 2);
	assert_int_equal(give_all(net, 1), 0);
	net_close(net);
}

/* A peer restarts: what it has not acknowledged is lost, queued or sent. */
static void test_restart_peer(void **state)
{
	struct net *net = start();
	struct link_out old, out;
	uint8_t copy[LINK_HEADER + LINK_BODY_MAX];
	struct got got;

	(void)state;
	queue_page(net, 0, 1, 5);
	assert_true(next(net, 0, &old));
	memcpy(copy, old.header, old.len);
	old.header = copy;
	queue(net, 0, 1, LINK_REQUEST, 2, 22);
	queue(net, 0, 2, LINK_REQUEST, 3, 33); /* another peer's */

	restart(net, 1, 2);
	queue(net, 1, 0, LINK_REQUEST, 4, 0);
	assert_true(next(net, 1, &out));
	got = give(net, 1, &out);
	assert_true(got.in.reset);
	assert_settled(net, 0, 1, 22, true);
	assert_settled(net, 0, 1, 5, true);
	assert_none_settled(net, 0);
	assert_int_equal(link_pending(net->node[0].l), 1);

	/* What the wire still has of the old times is refused; new messages arrive. */
	assert_int_equal(give(net, 0, &old).err, TIDAL_ESTALE);
	queue(net, 0, 1, LINK_REQUEST, 5, 55);
	(void)give_all(net, 0);
	(void)give_all(net, 1);
	assert_int_equal(net->node[1].stats.messages_in, 1);
	assert_int_equal(net->node[0].stats.messages_in, 1);
	net->now += NET_RTO / 8;
	(void)give_all(net, 1);
	assert_settled(net, 0, 1, 55, false);
	net_close(net);
}

/* Packets of a peer's earlier incarnation come after those of the later one. */
static void test_old_peer(void **state)
{
	struct net *net = start();
	struct link_out old, out;
	uint8_t copy[LINK_HEADER + LINK_BODY_MAX];

	(void)state;
	queue(net, 1, 0, LINK_REQUEST, 1, 0);
	assert_true(next(net, 1, &old));
	memcpy(copy, old.header, old.len);
	old.header = copy;
	restart(net, 1, 2);
	queue(net, 1, 0, LINK_REQUEST, 2, 0);
	assert_true(next(net, 1, &out));
	assert_int_equal(give(net, 1, &out).err, 0);
	assert_int_equal(give(net, 1, &old).err, TIDAL_ESTALE);
	assert_int_equal(net->node[0].stats.messages_in, 0);
	net_close(net);
}

/* A restarted node that has nothing to say: its peer's packets make it tell who it is. */
static void test_restart_silent(void **state)
{
	struct net *net = start();
	struct link_out out;

	(void)state;
	queue(net, 0, 1, LINK_REQUEST, 1, 11);
	restart(net, 1, 2);
	assert_true(next(net, 0, &out));
	assert_int_equal(give(net, 0, &out).err, TIDAL_ESTALE);
	assert_false(next(net, 1, &out)); /* not at once: see link_stale() */
	net->now = link_deadline(net->node[1].l);
	assert_int_equal(give_all(net, 1), 1);
	assert_settled(net, 0, 1, 11, true);
	assert_idle(net, 0);
	queue(net, 0, 1, LINK_REQUEST, 2, 22);
	assert_int_equal(give_all(net, 0), 1);
	assert_int_equal(net->node[1].stats.messages_in, 1);
	net_close(net);
}

/* Both know each other's past: neither waits for ever, and answers to answers stop. */
static void test_restart_both(void **state)
{
	struct net *net = start();
	unsigned packets = 0;

	(void)state;
	restart(net, 0, 2);
	restart(net, 1, 3);
	link_peer(net->node[0].l, 1, 1);
	link_peer(net->node[1].l, 0, 1);
	queue(net, 0, 1, LINK_REQUEST, 1, 11);
	queue(net, 1, 0, LINK_REQUEST, 2, 22);
	for (int round = 0; round < 50; round++) {
		for (tidal_nodeid n = 0; n < 2; n++) {
			struct link_out out;

			for (; next(net, n, &out); packets++)
				(void)give(net, n, &out);
		}
		net->now += NET_RTO / 8;
	}
	/* The messages were for incarnations that are gone. */
	assert_settled(net, 0, 1, 11, true);
	assert_settled(net, 1, 0, 22, true);
	assert_idle(net, 0);
	assert_idle(net, 1);
	assert_in_range(packets, 2, 8);
	queue(net, 0, 1, LINK_REQUEST, 3, 0);
	assert_int_equal(give_all(net, 0), 1);
	assert_int_equal(net->node[1].stats.messages_in, 1);
	net_close(net);
}

/* link_peer() resets like a packet does; an earlier incarnation is no news. */
static void test_peer_news(void **state)
{
	struct net *net = start();

	(void)state;
	queue(net, 0, 1, LINK_REQUEST, 1, 11);
	link_peer(net->node[0].l, 1, 1);
	link_peer(net->node[0].l, 1, 0);
	check(net);
	assert_none_settled(net, 0);
	link_peer(net->node[0].l, 1, 4);
	check(net);
	assert_settled(net, 0, 1, 11, true);
	assert_idle(net, 0);
	net_close(net);
}

static void test_down(void **state)
{
	struct net *net = start();
	struct link_out out;

	(void)state;
	queue(net, 1, 0, LINK_REQUEST, 9, 0);
	queue(net, 0, 1, LINK_REQUEST, 1, 11);
	assert_true(next(net, 0, &out));
	queue(net, 0, 1, LINK_REPLY, 2, 22);
	link_down(net->node[0].l, 1);
	check(net);
	assert_settled(net, 0, 1, 11, true);
	assert_settled(net, 0, 1, 22, true);
	queue(net, 0, 1, LINK_REPLY, 3, 33);
	assert_settled(net, 0, 1, 33, true);
	assert_idle(net, 0);
	assert_true(next(net, 1, &out));
	assert_int_equal(give(net, 1, &out).err, TIDAL_ESTALE);

	restart(net, 1, 2);
	queue(net, 1, 0, LINK_REQUEST, 9, 0);
	(void)give_all(net, 1);
	(void)give_all(net, 0);
	(void)give_all(net, 1);
	assert_int_equal(net->node[0].stats.messages_in, 1);
	queue(net, 0, 1, LINK_REPLY, 4, 44);
	assert_int_equal(give_all(net, 0), 1);
	assert_int_equal(net->node[1].stats.messages_in, 1);
	net_close(net);
}

/* --- ideal ------------------------------------------------------------------------------- */

static void test_ideal(void **state)
{
	struct net *net = net_open(1, 400);
	struct link_settled s;
	struct link_out out;

	(void)state;
	for (tidal_nodeid n = 0; n < NET_NODES; n++) {
		struct link_config config = net_config(n, 400);

		config.ideal = true;
		net_start(&net->node[n], &config);
	}
	for (unsigned i = 0; i < 200; i++)
		queue_page(net, 0, 1, i);
	assert_int_equal(link_withdraw(net->node[0].l, 100), 1);
	for (unsigned i = 0; i < 200; i++) {
		struct got got;

		assert_true(next(net, 0, &out));
		assert_int_equal(out.payload.kind != 0, i != 100);
		got = give(net, 0, &out);
		assert_int_equal(got.err, 0);
		assert_int_equal(got.in.void_payload, i == 100);
	}
	for (unsigned i = 0; i < 200; i++)
		assert_true(link_settled(net->node[0].l, &s));
	assert_false(next(net, 1, &out));
	assert_idle(net, 0);
	assert_idle(net, 1);
	assert_true(link_room(net->node[0].l, LINK_REPLY, 400));
	assert_int_equal(net->node[1].stats.messages_in, 200);
	net_close(net);
}

/* --- malformed packets ------------------------------------------------------------------- */

static int poke(struct net *net, struct link_out out, unsigned at, uint8_t byte)
{
	uint8_t bytes[LINK_HEADER + LINK_BODY_MAX];

	memcpy(bytes, out.header, out.len);
	bytes[at] = byte;
	out.header = bytes;
	return peek(net, 0, &out).err;
}

static void test_malformed(void **state)
{
	static const struct { uint8_t at, byte; int err; const char *what; } cases[] = {
		{ 0, 2, TIDAL_EVERSION, "version" },
		{ 1, 0, TIDAL_EPROTO, "no message, but its bytes" },
		{ 1, 5, TIDAL_EPROTO, "ideal" },
		{ 1, 9, TIDAL_EPROTO, "unknown flag" },
		{ 2, 3, TIDAL_EPROTO, "class" },
		{ 3, 0, TIDAL_EPROTO, "length" },
		{ 3, 2, TIDAL_EPROTO, "length" },
		{ 3, 255, TIDAL_EPROTO, "length" },
		{ 4, 0, TIDAL_EPROTO, "incarnation 0" },
		{ 8, 0, TIDAL_EPROTO, "message to a stranger" },
		{ 8, 2, TIDAL_ESTALE, "another incarnation" },
		{ 27, 0x80, TIDAL_EPROTO, "time" },
		{ 28, 0, TIDAL_EPROTO, "message 0" },
		{ 36, 1, TIDAL_EPROTO, "acknowledges what was not sent" },
		{ 59, 1, TIDAL_EPROTO, "acknowledges what was not sent" },
		{ 60, 2, TIDAL_EPROTO, "acknowledges what was not sent" },
		{ 68, 1, TIDAL_EPROTO, "acknowledges against itself" },
		{ 75, 0x80, TIDAL_EPROTO, "acknowledges what was not sent" },
	};
	struct net *net = start();
	struct link_out out;
	struct link_in in;

	(void)state;
	queue(net, 0, 1, LINK_REQUEST, 1, 0);
	assert_true(next(net, 0, &out));
	assert_int_equal(peek(net, 0, &out).err, 0);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (poke(net, out, cases[i].at, cases[i].byte) != cases[i].err)
			fail_msg("%s: not refused so", cases[i].what);
	for (uint32_t len = 0; len < out.len; len++) {
		struct link_out cut = out;

		cut.len = len;
		assert_int_equal(peek(net, 0, &cut).err, TIDAL_EPROTO);
	}
	assert_int_equal(link_peek(net->node[1].l, 1, out.header, out.len, &in), TIDAL_ERANGE);
	assert_int_equal(link_peek(net->node[1].l, 3, out.header, out.len, &in), TIDAL_ERANGE);
	assert_int_equal(link_peek(net->node[1].l, UINT16_MAX, out.header, out.len, &in),
			 TIDAL_ERANGE);
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
		cmocka_unit_test(test_rtt),
		cmocka_unit_test(test_many_peers),
		cmocka_unit_test(test_withdraw_unsent),
		cmocka_unit_test(test_withdraw_unacknowledged),
		cmocka_unit_test(test_withdraw_acknowledged),
		cmocka_unit_test(test_withdraw_vcpu),
		cmocka_unit_test(test_hello),
		cmocka_unit_test(test_restart_peer),
		cmocka_unit_test(test_old_peer),
		cmocka_unit_test(test_restart_silent),
		cmocka_unit_test(test_restart_both),
		cmocka_unit_test(test_peer_news),
		cmocka_unit_test(test_down),
		cmocka_unit_test(test_ideal),
		cmocka_unit_test(test_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
