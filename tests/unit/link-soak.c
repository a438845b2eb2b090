/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * link-soak - links under random traffic over a bad wire, with restarts, and under hostile
 * bytes. A ledger knows every message: it must be delivered and settled exactly once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "link-net.h"

#define MESSAGES_MAX 120000
#define FRAMES 32

/* What is known of one message. */
struct entry {
	tidal_nodeid from, to;
	uint32_t incarnation; /* of the sender */
	uint32_t frame;	      /* FRAMES: no page */
	uint8_t delivered, settled;
	bool withdrawn, lost;
};

struct world {
	struct net *net;
	uint64_t seed;
	uint32_t pool, queued, wanted;
	uint32_t closed; /* all messages before this one are over */
	unsigned nodes;	   /* that take part */
	unsigned refuse;   /* chance in 1/1000 that a node has no room for a message */
	unsigned withdraw; /* chance in 1/1000 per step that a frame is reused */
	unsigned restart;  /* chance in 1/100000 per step */
	uint32_t incarnation[NET_NODES];
	uint64_t steps, wakes, idle_wakes;
	struct entry entry[MESSAGES_MAX];
};

#define EXPECT(w, cond)                                                                        \
	do {                                                                                   \
		if (!(cond))                                                                   \
			fail_msg("seed %llu, step %llu: %s", (unsigned long long)(w)->seed,    \
				 (unsigned long long)(w)->steps, #cond);                       \
	} while (0)

static struct world *open_world(uint64_t seed, unsigned nodes, uint32_t messages)
{
	struct world *w = calloc(1, sizeof(*w));

	w->seed = seed;
	w->nodes = nodes;
	w->wanted = messages;
	w->pool = 16 + (uint32_t)(mix64(seed) % 300);
	w->net = net_open(seed, w->pool);
	for (unsigned n = 0; n < NET_NODES; n++)
		w->incarnation[n] = 1;
	return w;
}

static void close_world(struct world *w)
{
	net_close(w->net);
	free(w);
}

static void check(struct world *w)
{
	const char *why = "";

	for (unsigned n = 0; n < w->nodes; n++)
		if (!link_check(w->net->node[n].l, &why))
			fail_msg("seed %llu, step %llu, node %u: %s", (unsigned long long)w->seed,
				 (unsigned long long)w->steps, n, why);
}

/* --- what the nodes do ------------------------------------------------------------------- */

static void queue_one(struct world *w, tidal_nodeid from)
{
	struct link *l = w->net->node[from].l;
	enum link_class class = net_random(w->net, LINK_CLASSES);
	uint32_t id = w->queued, len = 4 + net_random(w->net, LINK_BODY_MAX - 3);
	struct entry *e = &w->entry[id];
	struct link_payload payload = { 0 };
	uint8_t body[LINK_BODY_MAX];

	if (!link_room(l, class, 1))
		return;
	*e = (struct entry){ .from = from,
			     .to = (tidal_nodeid)((from + 1 + net_random(w->net, w->nodes - 1)) %
						  w->nodes),
			     .incarnation = w->incarnation[from],
			     .frame = net_random(w->net, 2 * FRAMES) };
	if (e->frame < FRAMES)
		payload = (struct link_payload){ TIDAL_PAYLOAD_PAGE, e->frame, 4096, id };
	else
		e->frame = FRAMES;
	memset(body, (int)id, sizeof(body));
	memcpy(body, &id, sizeof(id));
	link_queue(l, e->to, class, body, len, &payload, id + 1);
	w->queued++;
}

/* Settled, or its sender does not live to hear of it. */
static bool over(const struct world *w, const struct entry *e)
{
	return e->settled || e->incarnation != w->incarnation[e->from];
}

static void withdraw_one(struct world *w, tidal_nodeid n)
{
	uint32_t frame = net_random(w->net, FRAMES);
	unsigned count = 0;

	while (w->closed < w->queued && over(w, &w->entry[w->closed]))
		w->closed++;
	for (uint32_t id = w->closed; id < w->queued; id++) {
		struct entry *e = &w->entry[id];

		if (e->from != n || e->frame != frame || over(w, e))
			continue;
		count += !e->withdrawn;
		e->withdrawn = true;
	}
	EXPECT(w, link_withdraw(w->net->node[n].l, frame) == count);
}

static void take_settled(struct world *w, tidal_nodeid n)
{
	struct link_settled s;

	while (link_settled(w->net->node[n].l, &s)) {
		struct entry *e = &w->entry[s.cookie - 1];

		EXPECT(w, e->from == n && e->to == s.to);
		EXPECT(w, e->incarnation == w->incarnation[n]);
		EXPECT(w, (s.payload.kind == TIDAL_PAYLOAD_PAGE) == (e->frame < FRAMES));
		EXPECT(w, s.payload.kind == TIDAL_PAYLOAD_NONE || s.payload.buf == e->frame);
		EXPECT(w, !e->settled);
		EXPECT(w, s.lost || e->withdrawn || e->delivered == 1);
		e->settled = 1;
		e->lost = s.lost;
	}
}

static void deliver(struct world *w, const struct net_packet *p, const struct link_in *in)
{
	uint32_t id;
	struct entry *e;

	EXPECT(w, in->len >= 4);
	memcpy(&id, in->body, sizeof(id));
	EXPECT(w, id < w->queued);
	e = &w->entry[id];
	for (uint32_t i = 4; i < in->len; i++)
		EXPECT(w, ((const uint8_t *)in->body)[i] == (uint8_t)id);
	EXPECT(w, e->from == p->from && e->to == p->to);
	EXPECT(w, e->delivered == 0 && !e->lost);
	EXPECT(w, !in->void_payload || e->withdrawn);
	EXPECT(w, in->void_payload || (e->frame < FRAMES) == (p->payload == TIDAL_PAYLOAD_PAGE));
	EXPECT(w, p->payload == TIDAL_PAYLOAD_NONE || p->buf == e->frame);
	e->delivered = 1;
}

static void arrive(struct world *w, unsigned i)
{
	struct net_packet *p = &w->net->packet[i];
	struct net_node *node = &w->net->node[p->to];
	struct link_in in;
	int err = link_peek(node->l, p->from, p->bytes, p->len, &in);

	if (err == TIDAL_ESTALE) {
		EXPECT(w, w->restart);
		link_stale(node->l, w->net->now, p->from, &in);
	} else if (!err && net_random(w->net, 1000) < w->refuse) {
		link_refuse(node->l, w->net->now, p->from, &in);
	} else {
		EXPECT(w, err == 0);
		if (in.body)
			deliver(w, p, &in);
		link_accept(node->l, w->net->now, p->from, &in, &node->stats);
	}
	take_settled(w, p->to);
	net_drop(w->net, i);
}

/* All that node n has to send. A deadline that has come must bring a packet or a later one. */
static void pump(struct world *w, tidal_nodeid n)
{
	struct net_node *node = &w->net->node[n];
	bool due = link_deadline(node->l) <= w->net->now;
	struct link_out out;
	unsigned packets = 0;

	for (; link_next(node->l, w->net->now, &out, &node->stats); packets++) {
		EXPECT(w, packets < 2 * LINK_WINDOW * w->nodes);
		if (out.payload.kind == TIDAL_PAYLOAD_PAGE)
			EXPECT(w, !w->entry[out.payload.gfn].withdrawn);
		net_cast(w->net, n, &out);
	}
	EXPECT(w, due || packets == 0);
	EXPECT(w, link_deadline(node->l) > w->net->now);
	w->wakes += due;
	w->idle_wakes += due && packets == 0;
	take_settled(w, n);
}

static void restart(struct world *w, tidal_nodeid n)
{
	struct link_config config = net_config(n, w->pool);

	config.incarnation = ++w->incarnation[n];
	net_start(&w->net->node[n], &config);
}

/* --- runs -------------------------------------------------------------------------------- */

static void step(struct world *w)
{
	struct net *net = w->net;
	tidal_nodeid n = (tidal_nodeid)net_random(net, w->nodes);
	tidal_time next;
	int i;

	w->steps++;
	for (unsigned k = net_random(net, 4); k > 0 && w->queued < w->wanted; k--)
		queue_one(w, n);
	if (net_random(net, 1000) < w->withdraw)
		withdraw_one(w, n);
	if (net_random(net, 100000) < w->restart && w->queued < w->wanted)
		restart(w, n);
	for (tidal_nodeid k = 0; k < w->nodes; k++)
		pump(w, k);
	next = net_next(net);
	if (next == TIDAL_NEVER) {
		net->now += 100;
		return;
	}
	/* Do not run ahead of the traffic that is still to come. */
	if (next > net->now)
		net->now = w->queued < w->wanted ? min_u64(next, net->now + 1000) : next;
	i = net_first(net);
	if (i >= 0 && net->packet[i].at <= net->now)
		arrive(w, (unsigned)i);
}

static bool finished(const struct world *w)
{
	if (w->queued < w->wanted || w->net->packets)
		return false;
	for (unsigned n = 0; n < w->nodes; n++)
		if (link_deadline(w->net->node[n].l) != TIDAL_NEVER)
			return false;
	return true;
}

/* Until everything is delivered and silent; then the ledger is balanced. */
static void run(struct world *w, unsigned check_every)
{
	while (!finished(w)) {
		step(w);
		EXPECT(w, w->steps < 60 * (uint64_t)w->wanted + 100000);
		if (w->steps % check_every == 0)
			check(w);
	}
	check(w);
	for (unsigned n = 0; n < w->nodes; n++) {
		EXPECT(w, link_pending(w->net->node[n].l) == 0);
		EXPECT(w, link_room(w->net->node[n].l, LINK_REPLY, w->pool));
	}
	for (uint32_t id = 0; id < w->wanted; id++) {
		const struct entry *e = &w->entry[id];
		bool alive = e->incarnation == w->incarnation[e->from];

		EXPECT(w, over(w, e));
		/* A withdrawn one was reported before it could be lost. */
		EXPECT(w, !alive || e->lost || e->delivered == 1 || (w->restart && e->withdrawn));
		EXPECT(w, w->restart || !e->lost);
	}
}

static void soak(uint64_t seed, unsigned nodes, uint32_t messages, unsigned check_every)
{
	struct world *w = open_world(seed, nodes, messages);

	if (seed & 1)
		net_introduce(w->net);
	w->net->loss = (unsigned)(mix64(seed + 1) % 200);
	w->net->repeat = (unsigned)(mix64(seed + 2) % 200);
	w->net->jitter = (uint32_t)(mix64(seed + 3) % 40000);
	w->refuse = (unsigned)(mix64(seed + 4) % 100);
	w->withdraw = (unsigned)(mix64(seed + 5) % 50);
	run(w, check_every);
	close_world(w);
}

static void test_soak_pair(void **state)
{
	(void)state;
	soak(1, 2, 100000, 64);
}

static void test_soak_three(void **state)
{
	(void)state;
	soak(2, 3, 100000, 64);
}

static void test_soak_seeds(void **state)
{
	(void)state;
	for (uint64_t seed = 10; seed < 60; seed++)
		soak(seed, 2 + (unsigned)(seed & 1), 1000, 8);
}

/* A wire without faults: nothing is sent twice, and few deadlines bring nothing. */
static void test_soak_clean(void **state)
{
	struct world *w = open_world(3, 3, 20000);

	(void)state;
	run(w, 16);
	for (unsigned n = 0; n < w->nodes; n++) {
		EXPECT(w, w->net->node[n].stats.resent == 0);
		EXPECT(w, w->net->node[n].stats.duplicates == 0);
	}
	EXPECT(w, w->idle_wakes * 20 < w->wakes);
	close_world(w);
}

/* Nodes restart in the middle of it. */
static void test_soak_restarts(void **state)
{
	uint32_t restarts = 0, lost = 0;

	(void)state;
	for (uint64_t seed = 100; seed < 140; seed++) {
		struct world *w = open_world(seed, 2 + (unsigned)(seed & 1), 2000);

		w->net->loss = 50;
		w->net->repeat = 100;
		w->net->jitter = 30000;
		w->withdraw = 10;
		w->restart = 300;
		run(w, 8);
		for (unsigned n = 0; n < w->nodes; n++)
			restarts += w->incarnation[n] - 1;
		for (uint32_t id = 0; id < w->wanted; id++)
			lost += w->entry[id].lost;
		close_world(w);
	}
	assert_true(restarts > 100);
	assert_true(lost > 100);
}

/* --- copies ------------------------------------------------------------------------------ */

static struct world *copy_world(const struct world *w)
{
	struct world *copy = malloc(sizeof(*copy));

	*copy = *w;
	copy->net = malloc(sizeof(*copy->net));
	*copy->net = *w->net;
	for (unsigned i = 0; i < copy->net->packets; i++) {
		struct net_packet *p = &copy->net->packet[i];

		p->bytes = malloc(p->len);
		memcpy(p->bytes, w->net->packet[i].bytes, p->len);
	}
	for (unsigned n = 0; n < NET_NODES; n++) {
		const struct net_node *from = &w->net->node[n];
		struct net_node *to = &copy->net->node[n];

		to->mem = aligned_alloc(64, to->size);
		memcpy(to->mem, from->mem, to->size);
		to->l = (struct link *)((char *)to->mem +
					((const char *)from->l - (const char *)from->mem));
	}
	return copy;
}

/* A copy of the bytes goes on exactly like the original, whose memory is gone. */
static void test_snapshot(void **state)
{
	struct world *w = open_world(5, 3, 4000), *twin;

	(void)state;
	w->net->loss = 50;
	w->net->repeat = 50;
	w->net->jitter = 20000;
	w->withdraw = 10;
	while (w->queued < 1000)
		step(w);
	twin = copy_world(w);
	for (unsigned i = 0; i < 2000; i++)
		step(w);
	for (unsigned i = 0; i < 2000; i++)
		step(twin);
	for (unsigned n = 0; n < 3; n++)
		assert_memory_equal(w->net->node[n].mem, twin->net->node[n].mem,
				    w->net->node[n].size);
	assert_int_equal(w->net->now, twin->net->now);
	close_world(w);
	run(twin, 16);
	close_world(twin);
}

/* --- hostile bytes ----------------------------------------------------------------------- */

static void drain(struct world *w, tidal_nodeid n)
{
	struct net_node *node = &w->net->node[n];
	struct link_settled s;
	struct link_out out;

	for (unsigned i = 0; i < 300 && link_next(node->l, w->net->now, &out, &node->stats); i++)
		net_cast(w->net, n, &out);
	while (link_settled(node->l, &s))
		;
}

/* Bytes at random, or a packet from the wire that was damaged. */
static uint8_t *make_hostile(struct world *w, uint32_t *len)
{
	struct net *net = w->net;
	struct net_packet *p = &net->packet[net_random(net, net->packets + !net->packets)];
	bool damage = net->packets && net_random(net, 8);
	uint8_t *bytes;

	*len = damage ? p->len : net_random(net, 400);
	if (damage && net_random(net, 8) == 0)
		*len = net_random(net, *len + 1);
	bytes = malloc(*len + !*len);
	for (uint32_t i = 0; i < *len; i++)
		bytes[i] = damage ? p->bytes[i] : (uint8_t)net_random(net, 256);
	if (!damage && *len && net_random(net, 2))
		bytes[0] = LINK_VERSION;
	for (unsigned k = damage ? 1 + net_random(net, 3) : 0; k > 0 && *len; k--) {
		uint32_t at = net_random(net, *len);

		bytes[at] = net_random(net, 2) ? (uint8_t)net_random(net, 256)
					       : (uint8_t)(bytes[at] ^ 1u << net_random(net, 8));
	}
	return bytes;
}

static int feed(struct world *w, tidal_nodeid n, tidal_nodeid from)
{
	struct net_node *node = &w->net->node[n];
	struct link_in in;
	uint32_t len;
	uint8_t *bytes = make_hostile(w, &len);
	int err = link_peek(node->l, from, bytes, len, &in);

	if (err == 0 && net_random(w->net, 4))
		link_accept(node->l, w->net->now, from, &in, &node->stats);
	else if (err == 0)
		link_refuse(node->l, w->net->now, from, &in);
	else if (err == TIDAL_ESTALE)
		link_stale(node->l, w->net->now, from, &in);
	free(bytes);
	return err;
}

static void test_hostile(void **state)
{
	unsigned seen[16] = { 0 };

	(void)state;
	for (uint64_t seed = 1000; seed < 1300; seed++) {
		struct world *w = open_world(seed, 3, 100000);

		net_introduce(w->net);
		w->net->loss = 300;
		for (unsigned i = 0; i < 150; i++) {
			tidal_nodeid n = (tidal_nodeid)net_random(w->net, 3);
			int err = feed(w, n, (tidal_nodeid)net_random(w->net, 4));

			EXPECT(w, err <= 0 && err > -16);
			seen[-err]++;
			w->steps++;
			check(w);
			queue_one(w, n);
			drain(w, n);
			w->net->now += net_random(w->net, 8000);
			while (w->net->packets > 64)
				net_drop(w->net, 0);
		}
		check(w);
		close_world(w);
	}
	/* The mutations reach every verdict. */
	assert_true(seen[0] > 1000);
	assert_true(seen[-TIDAL_EPROTO] && seen[-TIDAL_EVERSION] && seen[-TIDAL_ESTALE]);
	assert_true(seen[-TIDAL_ERANGE]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_soak_pair),    cmocka_unit_test(test_soak_three),
		cmocka_unit_test(test_soak_seeds),   cmocka_unit_test(test_soak_clean),
		cmocka_unit_test(test_soak_restarts), cmocka_unit_test(test_snapshot),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
