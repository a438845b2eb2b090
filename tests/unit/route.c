/* SPDX-License-Identifier: BSD-3-Clause */
/* route: a request goes to who is said to own the page by the newest knowledge, and never in circles. */
#include "one-core.h"

#include "core/route.h"

#define NODES 5

struct router {
	struct one_core o[NODES];
	struct engine e[NODES];
};

/* All of them know the map: memory starts on node 3. */
static void open_router(struct router *r)
{
	for (unsigned n = 0; n < NODES; n++) {
		struct one_core *o = &r->o[n];

		memset(o, 0, sizeof(*o));
		one_params(o, 0);
		o->map.memory[0].node = 3;
		o->params.nodes = NODES;
		o->params.hints = 1024; /* nothing is forgotten */
		o->params.messages = 8u * NODES + 96;
		one_start(o); /* as the master, who knows the map at once */
		o->core->params.node = (tidal_nodeid)n;
		core_engine(o->core, 0, &r->e[n]);
	}
}

static void close_router(struct router *r)
{
	for (unsigned n = 0; n < NODES; n++)
		free(r->o[n].mem);
}

static struct hop next_hop(const struct engine *e, const struct wire_request *q)
{
	return route_next(e, q, owners_hinted(e->owners, q->gfn));
}

static struct whereabouts at(tidal_nodeid node, uint64_t epoch)
{
	return (struct whereabouts){ node, epoch };
}

/* A page with this home. */
static tidal_gfn page_of_home(const struct engine *e, tidal_nodeid home)
{
	tidal_gfn gfn = 0;

	while (owners_home(e->owners, gfn) != home)
		gfn += TIDAL_RANGE_PAGES;
	return gfn;
}

/* Asked by somebody who knows nothing. */
static struct wire_request request(tidal_gfn gfn, tidal_nodeid node)
{
	return (struct wire_request){ .gfn = gfn, .node = node };
}

static void test_unknown_goes_home(void **state)
{
	struct router *r = test_calloc(1, sizeof(*r));
	struct wire_request q;
	struct hop hop;

	(void)state;
	open_router(r);
	q = request(page_of_home(r->e, 2), 1);
	hop = next_hop(&r->e[1], &q);
	assert_int_equal(hop.node, 2);
	assert_int_equal(hop.lead, 0);
	assert_false(hop.home_asked); /* it will be, there */
	close_router(r);
	test_free(r);
}

static void test_home_without_a_record_knows_the_map(void **state)
{
	struct router *r = test_calloc(1, sizeof(*r));
	struct wire_request q;
	struct hop hop;

	(void)state;
	open_router(r);
	r->e[2].guest->map.memory[0].pages = UINT64_C(1) << TIDAL_GFN_BITS;
	q = request(page_of_home(r->e, 2), 1);
	hop = next_hop(&r->e[2], &q);
	assert_int_equal(hop.node, 3);
	assert_int_equal(hop.lead, 1); /* epoch 0 */
	assert_true(hop.home_asked);
	close_router(r);
	test_free(r);
}

static void test_newest_knowledge_wins(void **state)
{
	struct router *r = test_calloc(1, sizeof(*r));
	struct wire_request q;
	tidal_gfn gfn;

	(void)state;
	open_router(r);
	gfn = page_of_home(r->e, 2);
	q = request(gfn, 1);
	owners_hint_page(r->e[1].owners, gfn, at(4, 7));
	assert_int_equal(next_hop(&r->e[1], &q).node, 4);
	assert_int_equal(next_hop(&r->e[1], &q).lead, 8);
	/* the home: its record, unless something newer passed by */
	owners_note_page(r->e[2].owners, gfn, at(3, 5));
	owners_hint_page(r->e[2].owners, gfn, at(4, 4));
	assert_int_equal(next_hop(&r->e[2], &q).node, 3);
	owners_hint_page(r->e[2].owners, gfn, at(0, 6));
	assert_int_equal(next_hop(&r->e[2], &q).node, 0);
	close_router(r);
	test_free(r);
}

/* What led here was newer than what is known here: nobody better is known, or the home. */
static void test_older_knowledge_is_not_followed(void **state)
{
	struct router *r = test_calloc(1, sizeof(*r));
	struct wire_request q;
	tidal_gfn gfn;

	(void)state;
	open_router(r);
	gfn = page_of_home(r->e, 2);
	q = request(gfn, 1);
	q.lead = 8; /* epoch 7 */
	owners_hint_page(r->e[4].owners, gfn, at(3, 7));
	assert_int_equal(next_hop(&r->e[4], &q).node, 2);
	q.flags = WIRE_VIA_HOME;
	assert_int_equal(next_hop(&r->e[4], &q).node, TIDAL_NODE_NONE);
	owners_hint_page(r->e[4].owners, gfn, at(3, 8));
	assert_int_equal(next_hop(&r->e[4], &q).node, 3);
	close_router(r);
	test_free(r);
}

static void learn(struct engine *e, tidal_gfn gfn, uint64_t *random)
{
	struct whereabouts w = at((tidal_nodeid)random_below(random, NODES),
				  random_below(random, 12));

	if (random_below(random, 2))
		owners_hint_page(e->owners, gfn, w);
	else if (owners_home(e->owners, gfn) == e->self)
		owners_note_page(e->owners, gfn, w);
}

/*
 * Whatever nodes believe, a request neither goes to itself nor back to who asks, and each hop
 * either follows newer knowledge or asks the home for the first time: it ends.
 */
static void test_requests_do_not_go_in_circles(void **state)
{
	struct router *r = test_calloc(1, sizeof(*r));
	uint64_t random = 1;

	(void)state;
	open_router(r);
	for (unsigned i = 0; i < 20000; i++) {
		tidal_gfn gfn = random_below(&random, 40) * TIDAL_RANGE_PAGES;
		tidal_nodeid node = (tidal_nodeid)random_below(&random, NODES), from = node;
		struct wire_request q = request(gfn, from);

		learn(&r->e[random_below(&random, NODES)], gfn, &random);
		for (unsigned hops = 0;; hops++) {
			struct hop hop = next_hop(&r->e[node], &q);

			if (hop.node == TIDAL_NODE_NONE)
				break;
			assert_int_not_equal(hop.node, node);
			assert_int_not_equal(hop.node, from);
			if (hop.lead == q.lead)
				assert_true(!(q.flags & WIRE_VIA_HOME));
			else
				assert_true(q.lead == 0 || epoch_newer(hop.lead - 1, q.lead - 1));
			assert_true(hops < 16); /* 12 epochs, the home, and some */
			if (hop.home_asked)
				q.flags |= WIRE_VIA_HOME;
			q.lead = hop.lead;
			node = hop.node;
		}
	}
	close_router(r);
	test_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unknown_goes_home),
		cmocka_unit_test(test_home_without_a_record_knows_the_map),
		cmocka_unit_test(test_newest_knowledge_wins),
		cmocka_unit_test(test_older_knowledge_is_not_followed),
		cmocka_unit_test(test_requests_do_not_go_in_circles),
	};

	return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
