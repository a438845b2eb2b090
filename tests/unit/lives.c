/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lives: nodes that have lived before. What the others hear of that, and when such a node takes part.
 * Each test names what was broken to see it fail.
 */
#include "corner.h"

/* ---- news of others ---- */

/*
 * News of a death name the life that ended. When the next one is known already they are late, and kill
 * nobody; a life that nobody here has heard of may end as well. Broken in on_peer(): the number ignored.
 */
static void late_news_of_a_death(void **state)
{
	const struct peer *p;
	struct corner c;

	(void)state;
	open_corner(&c);
	p = &c.e.peers[1];
	news_of(&c, TIDAL_EV_PEER_UP, 1, 5);
	assert_int_equal(c.o.reports[TIDAL_REPORT_NODE_LOST], 1);
	news_of(&c, TIDAL_EV_PEER_DOWN, 1, 4);
	assert_int_equal(c.o.reports[TIDAL_REPORT_NODE_LOST], 1);
	assert_false(p->mourned || link_is_down(c.e.link, 1));
	news_of(&c, TIDAL_EV_PEER_DOWN, 1, 5);
	assert_int_equal(c.o.reports[TIDAL_REPORT_NODE_LOST], 2);
	assert_true(p->mourned && link_is_down(c.e.link, 1) && p->dead == 5);
	news_of(&c, TIDAL_EV_PEER_DOWN, 2, 8);
	assert_int_equal(c.o.reports[TIDAL_REPORT_NODE_LOST], 3);
	assert_int_equal(c.e.peers[2].dead, 8);
	news_of(&c, TIDAL_EV_PEER_UP, 2, 8);
	assert_true(link_is_down(c.e.link, 2));
	news_of(&c, TIDAL_EV_PEER_UP, 2, 9);
	assert_false(link_is_down(c.e.link, 2));
	one_close(&c.o);
}

/*
 * It says that it has lived before, to one who never heard of that: what was passed on to it then is
 * asked again. Told twice, or by who just starts, it is no news. Broken in losses_on_here().
 */
static void an_earlier_life_nobody_heard_of(void **state)
{
	struct wire m = { .kind = MSG_HERE, .u.here = { .incarnation = 5 } };
	struct corner c;

	(void)state;
	open_corner(&c);
	say(&c, m);
	assert_int_equal(c.o.reports[TIDAL_REPORT_NODE_LOST], 0);
	assert_false(c.e.losses->ever);
	m.u.here.again = 1;
	say(&c, m);
	assert_int_equal(c.o.reports[TIDAL_REPORT_NODE_LOST], 1);
	assert_int_equal(c.o.last_report.node, 1);
	assert_int_equal(c.e.peers[1].dead, 4);
	assert_int_equal(c.o.sent[MSG_VOID], 3); /* to both, and the answer */
	assert_true(nodeset_has(&c.e.losses->void_wait, 1));
	assert_int_equal(losses_on_here(&c.e, 1, &m.u.here), 0);
	one_pull(&c.o);
	assert_int_equal(c.o.reports[TIDAL_REPORT_NODE_LOST], 1);
	c.e.peers[1].dead = 3;
	assert_int_equal(losses_on_here(&c.e, 1, &m.u.here), 0);
	one_pull(&c.o);
	assert_int_equal(c.o.reports[TIDAL_REPORT_NODE_LOST], 2);
	one_close(&c.o);
}

/*
 * A node says that it is not the first of its name, but that earlier ones knew no map: they had nothing, so
 * nothing is lost and nothing asked anew. It is answered, for it waits. Broken in losses_on_here():
 * LATER taken for AGAIN, or for NEW.
 */
static void earlier_lives_that_had_nothing(void **state)
{
	const struct wire m = {
		.kind = MSG_HERE, .u.here = { .incarnation = 5, .again = HERE_LATER } };
	struct corner c;

	(void)state;
	open_corner(&c);
	say(&c, m);
	assert_int_equal(c.o.reports[TIDAL_REPORT_NODE_LOST], 0);
	assert_false(c.e.losses->ever);
	assert_int_equal(c.o.sent[MSG_VOID], 1);
	one_close(&c.o);
}

/* ---- who comes back itself ---- */

/* All hear of it, and it takes part when they have. Broken in losses_heard(), tell_all(). */
static void takes_part_when_all_have_heard(void **state)
{
	const struct losses *l;
	struct corner c;

	(void)state;
	open_newcomer(&c, 9);
	l = c.e.losses;
	link_peer(c.e.link, 0, 1);
	link_peer(c.e.link, 2, 1);
	one_pull(&c.o);
	c.o.sent[MSG_HERE] = 0;
	hear_map(&c, 1);
	assert_true(l->ever && l->here_tell == 1 && losses_any(l));
	assert_int_equal(vcpus_at(c.e.vcpus, 2)->state, TIDAL_VCPU_LOST);
	losses_look(&c.e);
	assert_int_equal(l->here_tell, 0);
	assert_false(losses_any(l));
	one_pull(&c.o);
	assert_int_equal(c.o.sent[MSG_HERE], 2);
	assert_int_equal(c.o.last[MSG_HERE].u.here.again, 1);
	assert_int_equal(c.o.last[MSG_HERE].u.here.incarnation, 9);
	link_peer(c.e.link, 2, 2); /* lost with its life; the next one is told */
	one_pull(&c.o);
	assert_int_equal(c.o.sent[MSG_HERE], 3);
	assert_int_equal(c.o.last_to[MSG_HERE], 2);
	assert_true(nodeset_has(&l->here_wait, 2));
	losses_heard(&c.e, 0, false); /* it has to answer, too */
	assert_true(nodeset_has(&l->here_wait, 0));
	assert_int_equal(losses_on_void(&c.e, 0, &(struct wire_void_to){ .id = 0 }), 0);
	assert_false(c.e.guest->joined);
	one_pull(&c.o);
	assert_int_equal(c.o.reports[TIDAL_REPORT_READY], 0);
	link_down(c.e.link, 2); /* nobody is left to be told */
	one_pull(&c.o);
	assert_true(c.e.guest->joined);
	assert_int_equal(c.o.reports[TIDAL_REPORT_READY], 1);
	one_close(&c.o);
}

/*
 * The master has told no earlier life of this node anything, but others may have been told that one died:
 * they are to hear that this one lives before it gets a page. The map is its own, nothing of it is lost.
 * Broken in start(): joined at once. Found by review.
 */
static void a_later_life_of_whom_the_master_knows_nothing(void **state)
{
	const struct wire_void_to nothing = { .id = 0 };
	struct corner c;

	(void)state;
	open_newcomer(&c, 2);
	link_peer(c.e.link, 0, 1);
	link_peer(c.e.link, 2, 1);
	one_pull(&c.o);
	c.o.sent[MSG_HERE] = 0;
	hear_map(&c, 0);
	assert_int_equal(vcpus_at(c.e.vcpus, 2)->state, TIDAL_VCPU_READY);
	losses_look(&c.e);
	one_pull(&c.o);
	assert_int_equal(c.o.sent[MSG_HERE], 2);
	assert_int_equal(c.o.last[MSG_HERE].u.here.again, HERE_LATER);
	assert_int_equal(losses_on_void(&c.e, 0, &nothing), 0);
	assert_false(c.e.guest->joined);
	assert_int_equal(losses_on_void(&c.e, 2, &nothing), 0);
	assert_true(c.e.guest->joined);
	one_pull(&c.o);
	assert_int_equal(c.o.reports[TIDAL_REPORT_READY], 1);
	one_close(&c.o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(late_news_of_a_death),
		cmocka_unit_test(an_earlier_life_nobody_heard_of),
		cmocka_unit_test(earlier_lives_that_had_nothing),
		cmocka_unit_test(takes_part_when_all_have_heard),
		cmocka_unit_test(a_later_life_of_whom_the_master_knows_nothing),
	};

	return cmocka_run_group_tests_name("lives", tests, NULL, NULL);
}
