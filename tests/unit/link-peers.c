/* SPDX-License-Identifier: BSD-3-Clause */
/* link-peers - who talks to whom: strangers, restarted and lost peers, ideal and bad ones. */
#include "link-case.h"

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

/* What the new incarnation's first packet carries is new, though the old one used its number. */
static void test_restart_with_message(void **state)
{
	struct net *net = start();
	struct link_out out;
	struct got got;

	(void)state;
	for (uint8_t i = 0; i < 3; i++)
		queue(net, 1, 0, LINK_REQUEST, i, 0);
	assert_int_equal(give_all(net, 1), 3);
	restart(net, 1, 2);
	link_peer(net->node[1].l, 0, 1);
	queue(net, 1, 0, LINK_REQUEST, 7, 0);
	assert_true(next(net, 1, &out));
	got = give(net, 1, &out);
	assert_true(got.in.reset && got.in.body && !got.in.duplicate);
	assert_int_equal(got.body[0], 7);
	assert_true(give(net, 1, &out).in.duplicate);
	assert_int_equal(net->node[0].stats.messages_in, 4);
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

	assert_true(out.len <= sizeof(bytes));
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
	uint8_t longer[LINK_HEADER + LINK_BODY_MAX + 1];
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
	/* A body of the length that it claims, but longer than any. */
	memset(longer, 0, sizeof(longer));
	memcpy(longer, out.header, out.len);
	longer[3] = LINK_BODY_MAX;
	assert_int_equal(link_peek(net->node[1].l, 0, longer, LINK_HEADER + LINK_BODY_MAX, &in), 0);
	longer[3] = LINK_BODY_MAX + 1;
	assert_int_equal(link_peek(net->node[1].l, 0, longer, sizeof(longer), &in), TIDAL_EPROTO);

	assert_int_equal(link_peek(net->node[1].l, 1, out.header, out.len, &in), TIDAL_ERANGE);
	assert_int_equal(link_peek(net->node[1].l, 3, out.header, out.len, &in), TIDAL_ERANGE);
	assert_int_equal(link_peek(net->node[1].l, UINT16_MAX, out.header, out.len, &in),
			 TIDAL_ERANGE);
	net_close(net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hello),
		cmocka_unit_test(test_restart_peer),
		cmocka_unit_test(test_old_peer),
		cmocka_unit_test(test_restart_with_message),
		cmocka_unit_test(test_restart_silent),
		cmocka_unit_test(test_restart_both),
		cmocka_unit_test(test_peer_news),
		cmocka_unit_test(test_down),
		cmocka_unit_test(test_ideal),
		cmocka_unit_test(test_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
