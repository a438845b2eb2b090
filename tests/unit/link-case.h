/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * link-case - steps of a test of the link: packets go by hand from one link to another, and
 * the invariants of all are checked at each step.
 */
#ifndef TESTS_LINK_CASE_H
#define TESTS_LINK_CASE_H

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

static inline void check(struct net *net)
{
	const char *why = "";

	for (unsigned n = 0; n < NET_NODES; n++)
		if (!link_check(net->node[n].l, &why))
			fail_msg("node %u: %s", n, why);
}

static inline bool next(struct net *net, tidal_nodeid from, struct link_out *out)
{
	bool some = link_next(net->node[from].l, net->now, out, &net->node[from].stats);

	check(net);
	return some;
}

/* Let the addressee look at a packet. */
static inline struct got peek(struct net *net, tidal_nodeid from, const struct link_out *out)
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

static inline struct got give(struct net *net, tidal_nodeid from, const struct link_out *out)
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
static inline unsigned give_all(struct net *net, tidal_nodeid from)
{
	struct link_out out;
	unsigned n = 0;

	for (; next(net, from, &out); n++)
		assert_int_equal(give(net, from, &out).err, 0);
	return n;
}

static inline void queue(struct net *net, tidal_nodeid from, tidal_nodeid to, enum link_class class,
		  uint8_t byte, uint64_t cookie)
{
	link_queue(net->node[from].l, to, class, &byte, 1, NULL, cookie);
}

static inline void queue_page(struct net *net, tidal_nodeid from, tidal_nodeid to, uint32_t frame)
{
	struct link_payload page = { TIDAL_PAYLOAD_PAGE, frame, TIDAL_PAGE_SIZE, 5 };

	link_queue(net->node[from].l, to, LINK_REPLY, "p", 1, &page, frame);
}

static inline void assert_settled(struct net *net, tidal_nodeid node, tidal_nodeid to, uint64_t cookie,
			   bool lost)
{
	struct link_settled s;

	assert_true(link_settled(net->node[node].l, &s));
	assert_int_equal(s.to, to);
	assert_int_equal(s.cookie, cookie);
	assert_int_equal(s.lost, lost);
	check(net);
}

static inline void assert_none_settled(struct net *net, tidal_nodeid node)
{
	struct link_settled s;

	assert_false(link_settled(net->node[node].l, &s));
}

static inline void assert_idle(struct net *net, tidal_nodeid node)
{
	assert_int_equal(link_pending(net->node[node].l), 0);
	assert_int_equal(link_deadline(net->node[node].l), TIDAL_NEVER);
	assert_none_settled(net, node);
}

static inline struct net *start(void)
{
	struct net *net = net_open(1, 64);

	net_introduce(net);
	check(net);
	return net;
}

#endif
