/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * link-wire: packets as bytes. Every field of a header is where link_wire.c says; of a good packet one
 * field at a time is changed to the last value that is right, and to the first that is not.
 * And: whose turn it is. Broken: offsets, each condition of parse(), check_...(), ring_delete().
 */
#include "link-case.h"

#include "core/le.h"
#include "core/link_state.h"

/* Where link_wire.c has them. */
enum { VERSION = 0, FLAGS = 1, CLASS = 2, LEN = 3, FROM = 4, TO = 8, LOAD = 12, FREE = 16, TIME = 20,
       SEQ = 28, ACK = 36, REQUESTS = 60, FORWARDS = 64, REPLIES = 68, BODY = 76 };

/* A packet of node 0 to node 1, to be changed. */
struct packet {
	uint8_t bytes[LINK_HEADER + LINK_BODY_MAX + 1];
	uint32_t len;
};

static struct packet packet_of(struct net *net, tidal_nodeid from)
{
	struct link_out out;
	struct packet p = { .len = 0 };

	assert_true(next(net, from, &out));
	memcpy(p.bytes, out.header, out.len);
	p.len = out.len;
	return p;
}

static int peek_at(const struct link *l, tidal_nodeid from, const struct packet *p, struct link_in *in)
{
	uint8_t *bytes = malloc(p->len ? p->len : 1);
	int err;

	memcpy(bytes, p->bytes, p->len);
	memset(in, 0xa5, sizeof(*in)); /* nothing may be left as it was */
	err = link_peek(l, from, bytes, p->len, in);
	in->body = in->body == bytes + BODY ? p->bytes + BODY : NULL;
	free(bytes);
	return err;
}

static int err_of(struct net *net, struct packet p)
{
	struct link_in in;

	return peek_at(net->node[1].l, 0, &p, &in);
}

static struct packet with_byte(struct packet p, unsigned at, unsigned value)
{
	p.bytes[at] = (uint8_t)value;
	return p;
}

static struct packet with_word(struct packet p, unsigned at, uint32_t value)
{
	le_put32(p.bytes + at, value);
	return p;
}

static struct packet with_long(struct packet p, unsigned at, uint64_t value)
{
	le_put64(p.bytes + at, value);
	return p;
}

static struct packet with_length(struct packet p, uint32_t len)
{
	p.len = len;
	return p;
}

/* A packet *p* with this one change. */
#define BYTE(at, value) with_byte(p, at, value)
#define WORD(at, value) with_word(p, at, value)
#define LONG(at, value) with_long(p, at, value)
#define LENGTH(value) with_length(p, value)

/* A message in each class has arrived at node 0, the second beyond a gap. */
static void hear_some(struct net *net)
{
	struct lane *lane = peer_at(net->node[0].l, 1)->lane;

	for (unsigned c = 0; c < LINK_CLASSES; c++) {
		lane[c].come = 3 + c;
		lane[c].beyond = 4u << c;
		peer_at(net->node[1].l, 0)->lane[c].sent = 10 + c;
		peer_at(net->node[1].l, 0)->lane[c].acked = 10 + c;
	}
}

static void test_every_field(void **state)
{
	struct net *net = start();
	struct packet p;
	struct link_in in;

	(void)state;
	hear_some(net);
	link_pressure(net->node[0].l, 0x11223344, 0x55667788);
	net->now = UINT64_C(0x0102030405060708);
	link_queue(net->node[0].l, 1, LINK_FORWARD, "abc", 3, NULL, 0);
	p = packet_of(net, 0);
	assert_int_equal(p.len, BODY + 3);
	assert_int_equal(p.bytes[VERSION], LINK_VERSION);
	assert_int_equal(p.bytes[FLAGS], 1);
	assert_int_equal(p.bytes[CLASS], LINK_FORWARD);
	assert_int_equal(p.bytes[LEN], 3);
	assert_int_equal(le_get32(p.bytes + FROM), 1);
	assert_int_equal(le_get32(p.bytes + TO), 1);
	assert_int_equal(le_get32(p.bytes + LOAD), 0x11223344);
	assert_int_equal(le_get32(p.bytes + FREE), 0x55667788);
	assert_int_equal(le_get64(p.bytes + TIME), net->now);
	assert_int_equal(le_get64(p.bytes + SEQ), 1);
	for (unsigned c = 0; c < LINK_CLASSES; c++)
		assert_int_equal(le_get64(p.bytes + ACK + 8 * c), 3 + c);
	assert_int_equal(le_get32(p.bytes + REQUESTS), 4);
	assert_int_equal(le_get32(p.bytes + FORWARDS), 8);
	assert_int_equal(le_get64(p.bytes + REPLIES), 16);
	assert_memory_equal(p.bytes + BODY, "abc", 3);

	assert_int_equal(peek_at(net->node[1].l, 0, &p, &in), 0);
	assert_ptr_equal(in.body, p.bytes + BODY);
	assert_int_equal(in.len, 3);
	assert_true(in.message);
	assert_false(in.duplicate || in.void_payload || in.reset || in.hello);
	assert_int_equal(in.time, net->now);
	assert_int_equal(in.load, 0x11223344);
	assert_int_equal(in.free, 0x55667788);
	assert_int_equal(in.class, LINK_FORWARD);
	assert_int_equal(in.incarnation, 1);
	assert_int_equal(in.seq, 1);
	for (unsigned c = 0; c < LINK_CLASSES; c++) {
		assert_int_equal(in.ack[c], 3 + c);
		assert_int_equal(in.ack_bits[c], 4u << c);
	}
	net_close(net);
}

/* A packet that is nothing but one: what belongs to a message is zero. */
static void test_a_packet_without_a_message(void **state)
{
	struct net *net = start();
	struct packet p;
	struct link_in in;

	(void)state;
	queue(net, 1, 0, LINK_REQUEST, 1, 0);
	assert_int_equal(give_all(net, 1), 1);
	net->now += NET_RTO / 8;
	p = packet_of(net, 0);
	assert_int_equal(p.len, BODY);
	assert_int_equal(p.bytes[FLAGS] | p.bytes[CLASS] | p.bytes[LEN], 0);
	assert_int_equal(le_get64(p.bytes + SEQ), 0);
	assert_int_equal(peek_at(net->node[1].l, 0, &p, &in), 0);
	assert_null(in.body);
	assert_false(in.message);
	assert_int_equal(err_of(net, LONG(SEQ, 1)), TIDAL_EPROTO);
	assert_int_equal(err_of(net, BYTE(CLASS, LINK_REPLY)), TIDAL_EPROTO);
	assert_int_equal(err_of(net, BYTE(FLAGS, 2)), TIDAL_EPROTO); /* a void payload of nothing */
	p = BYTE(LEN, 1);
	assert_int_equal(err_of(net, LENGTH(BODY + 1)), TIDAL_EPROTO);
	net_close(net);
}

static void test_what_is_no_packet(void **state)
{
	struct net *net = start();
	struct packet p;

	(void)state;
	queue(net, 0, 1, LINK_REPLY, 1, 0);
	p = packet_of(net, 0);
	assert_int_equal(err_of(net, p), 0);
	for (uint32_t len = 0; len < p.len; len++)
		assert_int_equal(err_of(net, LENGTH(len)), TIDAL_EPROTO);
	assert_int_equal(err_of(net, LENGTH(p.len + 1)), TIDAL_EPROTO);
	assert_int_equal(err_of(net, BYTE(VERSION, LINK_VERSION + 1)), TIDAL_EVERSION);
	assert_int_equal(err_of(net, BYTE(VERSION, LINK_VERSION - 1)), TIDAL_EVERSION);
	assert_int_equal(err_of(net, BYTE(FLAGS, 3)), 0);	       /* withdrawn */
	assert_int_equal(err_of(net, BYTE(FLAGS, 5)), TIDAL_EPROTO); /* of an ideal link */
	assert_int_equal(err_of(net, BYTE(FLAGS, 9)), TIDAL_EPROTO);
	assert_int_equal(err_of(net, BYTE(FLAGS, 129)), TIDAL_EPROTO);
	assert_int_equal(err_of(net, BYTE(CLASS, LINK_REQUEST)), 0);
	assert_int_equal(err_of(net, BYTE(CLASS, LINK_CLASSES)), TIDAL_EPROTO);
	assert_int_equal(err_of(net, BYTE(CLASS, 255)), TIDAL_EPROTO);
	assert_int_equal(err_of(net, LONG(TIME, LINK_TIME_MAX)), 0);
	assert_int_equal(err_of(net, LONG(TIME, LINK_TIME_MAX + 1)), TIDAL_EPROTO);
	assert_int_equal(err_of(net, WORD(FROM, 0)), TIDAL_EPROTO);
	p = BYTE(LEN, LINK_BODY_MAX);
	assert_int_equal(err_of(net, LENGTH(BODY + LINK_BODY_MAX)), 0);
	p = BYTE(LEN, LINK_BODY_MAX + 1);
	assert_int_equal(err_of(net, LENGTH(BODY + LINK_BODY_MAX + 1)), TIDAL_EPROTO);
	p = BYTE(LEN, 1);
	assert_int_equal(peek_at(net->node[1].l, 1, &p, &(struct link_in){ 0 }), TIDAL_ERANGE);
	assert_int_equal(peek_at(net->node[1].l, NET_NODES, &p, &(struct link_in){ 0 }), TIDAL_ERANGE);
	net_close(net);
}

/* Which lives it is between. Node 1 lives its second, and knows node 0 in its third. */
static void test_lives(void **state)
{
	struct net *net = start();
	struct link_in in;
	struct packet p;
	bool down;

	(void)state;
	queue(net, 0, 1, LINK_REPLY, 1, 0);
	p = packet_of(net, 0);
	net->node[1].l->incarnation = 2;
	link_peer(net->node[1].l, 0, 3);
	for (down = false;; down = true) {
		static const struct { uint32_t from, to; int up, down; bool reset; } cases[] = {
			{ 3, 2, 0, TIDAL_ESTALE, false },
			{ 3, 1, TIDAL_ESTALE, TIDAL_ESTALE, false },
			{ 3, 3, TIDAL_ESTALE, TIDAL_ESTALE, false },
			{ 2, 2, TIDAL_ESTALE, TIDAL_ESTALE, false },
			{ 4, 2, 0, 0, true },
			{ 4, 1, TIDAL_ESTALE, TIDAL_ESTALE, false },
		};

		for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			struct packet q = WORD(FROM, cases[i].from);

			le_put32(q.bytes + TO, cases[i].to);
			assert_int_equal(peek_at(net->node[1].l, 0, &q, &in),
					 down ? cases[i].down : cases[i].up);
			assert_int_equal(in.reset, cases[i].reset);
			assert_int_equal(in.incarnation, cases[i].from);
		}
		if (down)
			break;
		link_down(net->node[1].l, 0);
	}
	/* one that is not known yet is new, and nothing of it is lost */
	p = WORD(FROM, 7);
	le_put32(p.bytes + TO, 2);
	peer_at(net->node[1].l, 0)->incarnation = 0;
	peer_at(net->node[1].l, 0)->down = false;
	assert_int_equal(peek_at(net->node[1].l, 0, &p, &in), 0);
	assert_false(in.reset);
	net_close(net);
}

/* Acknowledged is what was sent, and to this life only. */
static void test_acknowledgements_of_what_was_not_sent(void **state)
{
	static const unsigned bits_at[] = { REQUESTS, FORWARDS, REPLIES };
	struct net *net = start();
	struct packet p;

	(void)state;
	queue(net, 0, 1, LINK_REPLY, 1, 0);
	p = packet_of(net, 0);
	for (unsigned c = 0; c < LINK_CLASSES; c++) {
		struct lane *lane = &peer_at(net->node[1].l, 0)->lane[c];
		struct packet q;

		lane->sent = 10;
		lane->acked = 0;
		assert_int_equal(err_of(net, LONG(ACK + 8 * c, 10)), 0);
		assert_int_equal(err_of(net, LONG(ACK + 8 * c, 11)), TIDAL_EPROTO);
		q = LONG(ACK + 8 * c, 4);
		le_put32(q.bytes + bits_at[c], 1u << 5); /* 10 */
		assert_int_equal(err_of(net, q), 0);
		le_put32(q.bytes + bits_at[c], 1u << 6);
		assert_int_equal(err_of(net, q), TIDAL_EPROTO);
		le_put32(q.bytes + bits_at[c], 1u << 5 | 1u); /* 5 has come, and not all up to 5 */
		assert_int_equal(err_of(net, q), TIDAL_EPROTO);
		q = LONG(ACK + 8 * c, 10);
		le_put32(q.bytes + bits_at[c], 2); /* 12, after the last one */
		assert_int_equal(err_of(net, q), TIDAL_EPROTO);
		lane->sent = 0;
	}
	/* the whole window of replies is out: no bit is too many */
	peer_at(net->node[1].l, 0)->lane[LINK_REPLY].sent = 64;
	assert_int_equal(err_of(net, LONG(REPLIES, UINT64_C(1) << 63)), 0);
	peer_at(net->node[1].l, 0)->lane[LINK_REPLY].sent = 63;
	assert_int_equal(err_of(net, LONG(REPLIES, UINT64_C(1) << 63)), TIDAL_EPROTO);
	assert_int_equal(err_of(net, LONG(REPLIES, UINT64_C(1) << 62)), 0);
	/* a later life of the sender has not heard anything yet, nor has one that doesn't know us */
	p = LONG(ACK + 8 * LINK_REPLY, 1);
	assert_int_equal(err_of(net, p), 0);
	assert_int_equal(err_of(net, WORD(FROM, 2)), TIDAL_EPROTO);
	assert_int_equal(err_of(net, WORD(TO, 0)), TIDAL_EPROTO);
	net_close(net);
}

/* The window in which a message may be: its bounds in each class, and what has come of it. */
static void test_window(void **state)
{
	struct net *net = start();
	struct link_in in;
	struct packet p;

	(void)state;
	queue(net, 0, 1, LINK_REPLY, 1, 0);
	p = packet_of(net, 0);
	for (unsigned c = 0; c < LINK_CLASSES; c++) {
		struct lane *lane = &peer_at(net->node[1].l, 0)->lane[c];
		const struct { uint64_t seq; int err; bool again; } cases[] = {
			{ 0, TIDAL_EPROTO, false }, { 1, 0, true }, { 100, 0, true }, { 101, 0, false },
			{ 102, 0, true }, { 103, 0, false }, { 100 + lane_window(c), 0, false },
			{ 101 + lane_window(c), TIDAL_EPROTO, false },
			{ UINT64_MAX, TIDAL_EPROTO, false },
		};

		lane->come = 100;
		lane->beyond = 2;
		for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			struct packet q = BYTE(CLASS, c);

			le_put64(q.bytes + SEQ, cases[i].seq);
			assert_int_equal(peek_at(net->node[1].l, 0, &q, &in), cases[i].err);
			if (cases[i].err)
				continue;
			assert_int_equal(in.duplicate, cases[i].again);
			assert_int_equal(in.body == NULL, cases[i].again);
			if (cases[i].seq <= lane_window(c)) { /* all new of a later life */
				le_put32(q.bytes + FROM, 2);
				assert_int_equal(peek_at(net->node[1].l, 0, &q, &in), 0);
				assert_false(in.duplicate);
			}
		}
	}
	net_close(net);
}

/* What an ideal link numbers, or acknowledges, is made up. */
static void test_ideal(void **state)
{
	struct link_config config = net_config(0, 64);
	struct net *net = start();
	struct packet p;

	(void)state;
	config.ideal = true;
	net_start(&net->node[0], &config);
	config.self = 1;
	net_start(&net->node[1], &config);
	queue(net, 0, 1, LINK_REPLY, 1, 0);
	p = packet_of(net, 0);
	assert_int_equal(p.bytes[FLAGS], 5);
	assert_int_equal(le_get32(p.bytes + TO), 0); /* it knows nobody, and need not */
	assert_int_equal(err_of(net, p), 0);
	assert_int_equal(err_of(net, BYTE(FLAGS, 1)), TIDAL_EPROTO);
	assert_int_equal(err_of(net, LONG(SEQ, 1)), TIDAL_EPROTO);
	for (unsigned c = 0; c < LINK_CLASSES; c++)
		assert_int_equal(err_of(net, LONG(ACK + 8 * c, 1)), TIDAL_EPROTO);
	assert_int_equal(err_of(net, WORD(REQUESTS, 2)), TIDAL_EPROTO);
	net_close(net);
}

/* Arrays begin at cache lines, whatever the sizes. Broken in link_init(): each alignment. */
static void test_arrays_begin_at_lines(void **state)
{
	(void)state;
	for (uint32_t odd = 0; odd < 8; odd++) {
		struct link_config config = net_config(0, 64 + odd);
		struct net_node node = { .mem = NULL };

		config.nodes = (uint16_t)(NET_NODES + odd);
		net_start(&node, &config);
		assert_int_equal((uintptr_t)node.l % 64, 0);
		assert_int_equal((uintptr_t)REL(node.l, peers) % 64, 0);
		assert_int_equal((uintptr_t)REL(node.l, timers) % 64, 0);
		assert_int_equal((uintptr_t)REL(node.l, frames) % 64, 0);
		assert_int_equal((uintptr_t)REL(node.l, msgs) % 64, 0);
		free(node.mem);
	}
}

/* ---- turns ---- */

/* Two peers with much to send take turns; and of what is for one of them, replies go first. */
static void test_turns(void **state)
{
	struct net *net = start();
	struct link_out out;

	(void)state;
	for (uint8_t i = 0; i < 5; i++) {
		queue(net, 0, 1, LINK_REQUEST, i, 0);
		queue(net, 0, 1, LINK_REPLY, 100 + i, 0);
	}
	for (uint8_t i = 0; i < 5; i++)
		queue(net, 0, 2, LINK_FORWARD, i, 0);
	for (unsigned i = 0; i < 10; i++) {
		assert_true(next(net, 0, &out));
		assert_int_equal(out.to, 1 + i % 2);
		if (out.to == 1)
			assert_int_equal(((const uint8_t *)out.header)[CLASS], LINK_REPLY);
	}
	for (unsigned i = 0; i < 5; i++) {
		assert_true(next(net, 0, &out));
		assert_int_equal(out.to, 1);
		assert_int_equal(((const uint8_t *)out.header)[CLASS], LINK_REQUEST);
	}
	assert_false(next(net, 0, &out));
	net_close(net);
}

/*
 * Any packet acknowledges: after one has gone, eight more messages make an acknowledgement urgent, and no
 * fewer. Broken in transmit(): unacked, ack_at stay.
 */
static void test_acknowledged_by_the_way(void **state)
{
	struct net *net = start();

	(void)state;
	for (uint8_t i = 0; i < LINK_ACK_EVERY - 1; i++) {
		queue(net, 0, 1, LINK_REPLY, i, 0);
		assert_int_equal(give_all(net, 0), 1);
	}
	queue(net, 1, 0, LINK_REPLY, 1, 0);
	assert_int_equal(give_all(net, 1), 1);
	assert_int_equal(peer_at(net->node[1].l, 0)->ack_at, 0);
	for (uint8_t i = 0; i < LINK_ACK_EVERY; i++) {
		assert_int_equal(give_all(net, 1), 0);
		queue(net, 0, 1, LINK_REPLY, i, 0);
		assert_int_equal(give_all(net, 0), 1);
	}
	assert_int_equal(give_all(net, 1), 1);
	net_close(net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_field),
		cmocka_unit_test(test_a_packet_without_a_message),
		cmocka_unit_test(test_what_is_no_packet),
		cmocka_unit_test(test_lives),
		cmocka_unit_test(test_acknowledgements_of_what_was_not_sent),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_ideal),
		cmocka_unit_test(test_arrays_begin_at_lines),
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_acknowledged_by_the_way),
	};

	return cmocka_run_group_tests_name("link-wire", tests, NULL, NULL);
}
