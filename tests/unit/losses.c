/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * losses: what a node does when a peer dies, or comes back: what it reports and forgets, whom it tells
 * and waits for, and what it looks through. Each test names what was broken to see it fail.
 */
#include "corner.h"

/* ---- taking note ---- */

/* Dead, told once more, back, and found to have restarted: two losses. Broken in losses_note():
 * reported whether mourned or not; `dead` one more or less. */
static void each_death_is_told_once(void **state)
{
	const struct peer *p;
	struct corner c;

	(void)state;
	open_corner(&c);
	p = &c.e.peers[1];
	news_of(&c, TIDAL_EV_PEER_DOWN, 1, 0);
	assert_int_equal(c.o.reports[TIDAL_REPORT_NODE_LOST], 1);
	assert_int_equal(c.o.last_report.error, TIDAL_EPEER);
	assert_int_equal(c.o.last_report.node, 1);
	assert_int_equal(c.o.last_report.gfn, TIDAL_GFN_NONE);
	assert_int_equal(c.o.last_report.vcpu, TIDAL_VCPU_NONE);
	assert_non_null(strstr(c.o.last_report.text, "pages and vCPUs"));
	assert_true(p->lost && p->mourned && p->dead == 1);
	news_of(&c, TIDAL_EV_PEER_DOWN, 1, 0);
	assert_int_equal(c.o.reports[TIDAL_REPORT_NODE_LOST], 1);
	news_of(&c, TIDAL_EV_PEER_UP, 1, 4);
	assert_int_equal(c.o.reports[TIDAL_REPORT_NODE_LOST], 1);
	assert_true(p->lost && !p->mourned && p->dead == 3);
	news_of(&c, TIDAL_EV_PEER_UP, 1, 6);
	assert_int_equal(c.o.reports[TIDAL_REPORT_NODE_LOST], 2);
	assert_true(!p->mourned && p->dead == 5);
	one_close(&c.o);
}

/* Broken in forget(): each line. */
static void nothing_it_said_counts(void **state)
{
	struct corner c;
	struct peer *p;

	(void)state;
	open_corner(&c);
	p = &c.e.peers[1];
	p->slots = 2;
	c.e.peers[2].slots = 1;
	c.e.vcpus->promised = 3;
	p->free = p->load = p->order = 7;
	p->next = 9;
	p->heard = p->voids = p->void_due = p->void_all = true;
	p->grants[0] = 3; /* still to be settled, one by one */
	link_down(c.e.link, 1);
	losses_note(&c.e, 1, 1);
	assert_int_equal(c.e.vcpus->promised, 1);
	assert_int_equal(p->slots, 0);
	assert_int_equal(p->free, 0);
	assert_int_equal(p->load, 0);
	assert_int_equal(p->order, 0);
	assert_int_equal(p->next, 0);
	assert_int_equal(p->grants[0], 3);
	assert_false(p->heard || p->voids || p->void_due || p->void_all);
	one_close(&c.o);
}

/* Who lives is asked to forget this node's requests, and is waited for. Broken in proto_give_up(). */
static void the_living_are_asked(void **state)
{
	const struct losses *l;
	struct corner c;

	(void)state;
	open_corner(&c);
	l = c.e.losses;
	assert_false(l->ever || losses_any(l));
	*c.e.next_id = 44;
	link_down(c.e.link, 1);
	losses_note(&c.e, 1, 1);
	assert_true(l->ever);
	assert_int_equal(l->void_to, 44);
	assert_int_equal(l->void_tell, 1);
	assert_int_equal(l->transit, 1);
	assert_int_equal(l->vcpu, 1);
	assert_int_equal(nodeset_count(&l->void_wait), 1);
	assert_true(nodeset_has(&l->void_wait, 2));
	assert_true(nodeset_has(&l->nodes, 1) && nodeset_count(&l->nodes) == 1);
	losses_look(&c.e);
	one_pull(&c.o);
	assert_int_equal(c.o.sent[MSG_VOID], 1);
	assert_int_equal(c.o.last_to[MSG_VOID], 2);
	assert_int_equal(c.o.last[MSG_VOID].u.void_to.id, 44);
	assert_int_equal(c.o.sent[MSG_HERE], 0);
	assert_int_equal(losses_on_void(&c.e, 2, &(struct wire_void_to){ .id = 4 }), 0);
	one_close(&c.o);
}

/* An answer counts if it is of the last round. Broken in losses_on_voided(): any does. */
static void answers_of_an_earlier_round(void **state)
{
	struct wire_voided m = { .id = 43 };
	const struct losses *l;
	struct corner c;

	(void)state;
	open_corner(&c);
	l = c.e.losses;
	*c.e.next_id = 44;
	link_down(c.e.link, 1);
	losses_note(&c.e, 1, 1);
	losses_look(&c.e);
	assert_int_equal(l->transit, 1); /* nothing is looked at before they have answered */
	assert_false(losses_any(l));
	assert_true(nodeset_has(&l->nodes, 1));
	assert_int_equal(losses_on_voided(&c.e, 2, &m), 0);
	assert_false(losses_any(l));
	m.id = 44;
	assert_int_equal(losses_on_voided(&c.e, 2, &m), 0);
	assert_true(losses_any(l));
	losses_look(&c.e);
	assert_false(losses_any(l));
	assert_true(nodeset_empty(&l->nodes));
	one_close(&c.o);
}

/* The master begins another pod: it stays dead for who has a map, and is welcome to who has none, or
 * half of one. Broken in losses_note(), boot_peer_lost(): `known` not looked at. */
static void another_master(void **state)
{
	const struct wire_map half = { .count = ONE_PAGES, .kind = MAP_MEMORY, .total = 3 };
	struct corner c;

	(void)state;
	open_newcomer(&c, 1);
	news_of(&c, TIDAL_EV_PEER_UP, 0, 1);
	assert_int_equal(boot_on_map(&c.e, 0, &half), 0);
	news_of(&c, TIDAL_EV_PEER_UP, 0, 2);
	assert_false(link_is_down(c.e.link, 0));
	assert_int_equal(c.e.guest->got, 0);
	assert_true(c.e.losses->ever);
	assert_true(nodeset_empty(&c.e.losses->nodes));
	assert_false(losses_any(c.e.losses));
	hear_map(&c, 0);
	news_of(&c, TIDAL_EV_PEER_UP, 2, 1);
	news_of(&c, TIDAL_EV_PEER_UP, 2, 2);
	assert_false(link_is_down(c.e.link, 2));
	assert_int_equal(c.e.guest->got, 3);
	news_of(&c, TIDAL_EV_PEER_UP, 0, 3);
	assert_true(link_is_down(c.e.link, 0));
	assert_int_equal(c.o.last_report.what, TIDAL_REPORT_NODE_LOST);
	assert_int_equal(c.o.last_report.node, 0);
	assert_non_null(strstr(c.o.last_report.text, "master"));
	assert_int_equal(c.e.guest->got, 3);
	assert_false(nodeset_has(&c.e.losses->void_wait, 0));
	one_close(&c.o);
}

/* It died before anything had come from it, and lives. Broken in losses_back(): each line. */
static void back_without_having_been_met(void **state)
{
	struct corner c;
	struct peer *p;

	(void)state;
	memset(&c, 0, sizeof(c));
	one_open(&c.o, 0);
	core_engine(c.o.core, 0, &c.e);
	p = &c.e.peers[1];
	news_of(&c, TIDAL_EV_PEER_DOWN, 1, 0);
	assert_true(p->mourned && p->dead == 0);
	p->dead = 3;
	losses_back(&c.e, 1, 8); /* no: the link knows nothing of it */
	assert_true(p->mourned && p->dead == 3);
	say(&c, (struct wire){ .kind = MSG_VOID, .u.void_to = { .id = 5 } });
	assert_false(p->mourned);
	assert_int_equal(p->dead, 0);
	assert_int_equal(c.o.reports[TIDAL_REPORT_NODE_LOST], 1);
	losses_back(&c.e, 1, 8);
	assert_int_equal(p->dead, 7);
	one_close(&c.o);
}

/* Without room for the messages all is left for later. Broken in has_room(), tell_all(). */
static void no_room_to_tell(void **state)
{
	struct corner c;
	struct losses *l;

	(void)state;
	open_corner(&c);
	l = c.e.losses;
	l->here_tell = l->void_tell = l->vcpu = l->transit = 1;
	fill_link(&c, LINK_FORWARD, 2u * c.e.nodes + 24);
	losses_look(&c.e);
	assert_true(l->here_tell == 1 && l->void_tell == 1 && l->vcpu == 1 && l->transit == 1);
	one_close(&c.o);
	open_corner(&c);
	l = c.e.losses;
	l->here_tell = l->void_tell = l->vcpu = l->transit = 1;
	while (actq_room(c.e.actq))
		actq_add(c.e.actq, TIDAL_ACT_REPORT);
	losses_look(&c.e);
	assert_true(l->here_tell == 1 && l->void_tell == 1 && l->vcpu == 1 && l->transit == 1);
	one_close(&c.o);
}

/* There is, for one message, if an event that it causes could have its messages, too. */
static void room_to_tell_one(void **state)
{
	struct corner c;

	(void)state;
	open_corner(&c);
	fill_link(&c, LINK_FORWARD, 2u * c.e.nodes + 24 + 1);
	c.e.losses->void_tell = 1;
	losses_look(&c.e);
	assert_int_equal(c.e.losses->void_tell, 3);
	one_close(&c.o);
}

/* ---- looking through ---- */

static bool any_of(struct losses l)
{
	return losses_any(&l);
}

/* Broken in losses_any(): each term. */
static void what_is_left(void **state)
{
	struct losses l = { .ever = true };

	(void)state;
	assert_false(any_of(l));
	assert_true(any_of((struct losses){ .transit = 1 }));
	assert_true(any_of((struct losses){ .vcpu = 1 }));
	assert_true(any_of((struct losses){ .here_tell = 1 }));
	assert_true(any_of((struct losses){ .void_tell = 1 }));
	l.transit = 1;
	nodeset_add(&l.void_wait, 2);
	assert_false(any_of(l));
}

/* Requests of before are made anew, later ones are not. Broken in proto_ask_anew(). */
static void requests_are_made_anew(void **state)
{
	const enum situation asking[] = { SIT_ASK, SIT_UPGRADE };
	struct corner c;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct wire r = request(5, TIDAL_WRITE);
		struct transit *t, *u;

		open_corner(&c);
		put_page(&c, 5, i ? TIDAL_PAGE_SECONDARY : TIDAL_PAGE_INVALID, UNMAPPED, i);
		put_page(&c, 6, TIDAL_PAGE_INVALID, UNMAPPED, false);
		*c.e.next_id = 30;
		t = put_transit(&c, 5, asking[i]);
		t->id = 30;
		t->promised = true;
		nodeset_add(&t->acks, 2);
		r.u.request.node = 2;
		assert_true(transit_queue(c.e.transits, t, &r.u.request));
		u = put_transit(&c, 6, asking[i]);
		u->id = 31;
		u->promised = true;
		c.e.frames->promised = 2;
		lose(&c);
		losses_look(&c.e);
		assert_int_equal(situation(&c, 5), SIT_BACKOFF);
		assert_true(!t->promised && nodeset_empty(&t->acks) && t->queue == 0);
		assert_true(t->timer < TIDAL_NEVER);
		assert_int_equal(situation(&c, 6), asking[i]);
		assert_int_equal(c.e.frames->promised, 1);
		one_pull(&c.o);
		assert_int_equal(c.o.sent[MSG_REFUSE], 1);
		assert_int_equal(c.o.last_to[MSG_REFUSE], 2);
		one_close(&c.o);
	}
}

/* One that is out while the host unmaps the copy: goes on when that is done; a copy that is just dropped
 * has none. Broken in asks(), proto_ask_anew(). */
static void requests_of_copies_being_dropped(void **state)
{
	struct corner c;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct transit *t;

		open_corner(&c);
		put_page(&c, 5, TIDAL_PAGE_SECONDARY, MAPPED_R, true);
		t = put_transit(&c, 5, SIT_DROPPING);
		t->after = i ? SIT_UPGRADE : SIT_INVALID;
		t->promised = i;
		c.e.frames->promised = i;
		lose(&c);
		losses_look(&c.e);
		assert_int_equal(situation(&c, 5), SIT_DROPPING);
		assert_int_equal(t->after, i ? SIT_BACKOFF : SIT_INVALID);
		assert_int_equal(t->timer, TIDAL_NEVER);
		assert_int_equal(c.e.frames->promised, 0);
		one_close(&c.o);
	}
}

/* Acknowledgements: the living are asked again; nobody left: it goes on. Broken in collect(). */
static void acknowledgements_of_the_living(void **state)
{
	struct corner c;
	struct transit *t;

	(void)state;
	open_corner(&c);
	for (tidal_gfn gfn = 5; gfn < 7; gfn++) {
		put_page(&c, gfn, TIDAL_PAGE_EXCLUSIVE, MAPPED_RW, true);
		t = put_transit(&c, gfn, SIT_COLLECT);
		t->epoch = 8;
		t->peer = t->incarnation = 1; /* of what it was before */
		nodeset_add(&t->acks, gfn == 5 ? 1 : 2);
	}
	nodeset_add(&t->acks, 1);
	link_down(c.e.link, 1);
	losses_note(&c.e, 1, 1);
	memset(&c.e.losses->void_wait, 0, sizeof(struct tidal_nodeset));
	losses_look(&c.e);
	assert_int_equal(situation(&c, 5), SIT_EXCLUSIVE);
	assert_int_equal(situation(&c, 6), SIT_COLLECT);
	one_pull(&c.o);
	assert_int_equal(c.o.sent[MSG_INVALIDATE], 1);
	assert_int_equal(c.o.last_to[MSG_INVALIDATE], 2);
	assert_int_equal(c.o.last[MSG_INVALIDATE].u.invalidate.gfn, 6);
	assert_int_equal(c.o.last[MSG_INVALIDATE].u.invalidate.epoch, 8);
	assert_int_equal(c.o.last[MSG_INVALIDATE].u.invalidate.owner, 0);
	one_close(&c.o);
}

/* Pages that are offered to, or expected of, the life that is over; not of the next one, nor of a
 * node that did not die. Broken in look_at_transit(), has_died(): each condition. */
static void offers_to_the_dead(void **state)
{
	const struct { tidal_nodeid peer; uint32_t incarnation; bool over; } who[] = {
		{ 1, 1, true }, { 1, 2, false }, { 2, 1, false }, { 2, 3, false }, { 1, 0, true },
	};
	struct corner c;

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		struct transit *t;

		open_corner(&c);
		put_page(&c, 5, TIDAL_PAGE_EXCLUSIVE, UNMAPPED, true);
		put_page(&c, 6, TIDAL_PAGE_INVALID, UNMAPPED, false);
		put_page(&c, 7, TIDAL_PAGE_EXCLUSIVE, UNMAPPED, true);
		t = put_transit(&c, 5, SIT_OFFERED);
		t->peer = who[i].peer;
		t->incarnation = who[i].incarnation;
		c.e.capacity->leaving = 1;
		t = put_transit(&c, 6, SIT_EXPECTED);
		t->peer = who[i].peer;
		t->incarnation = who[i].incarnation;
		t->promised = true;
		c.e.frames->promised = 1;
		put_transit(&c, 7, SIT_HELD);
		lose(&c);
		losses_look(&c.e);
		assert_int_equal(situation(&c, 5), who[i].over ? SIT_EXCLUSIVE : SIT_OFFERED);
		assert_int_equal(situation(&c, 6), who[i].over ? SIT_INVALID : SIT_EXPECTED);
		assert_int_equal(situation(&c, 7), SIT_HELD);
		assert_int_equal(c.e.capacity->leaving, !who[i].over);
		assert_int_equal(c.e.frames->promised, !who[i].over);
		one_close(&c.o);
	}
}

/* A few are looked at in a push, up to the last one that ever was. Broken: the budget, the end. */
static void a_few_at_a_time(void **state)
{
	struct corner c;
	struct losses *l;

	(void)state;
	open_corner(&c);
	l = c.e.losses;
	fill_transits(&c); /* 16 */
	lose(&c);
	losses_look(&c.e);
	assert_int_equal(l->transit, 9);
	assert_int_equal(l->vcpu, 0);
	assert_true(nodeset_has(&l->nodes, 1));
	losses_look(&c.e);
	assert_int_equal(l->transit, 0);
	assert_true(nodeset_empty(&l->nodes));
	l->transit = l->vcpu = 77; /* as if there had been more */
	losses_look(&c.e);
	assert_int_equal(l->transit, 0);
	assert_int_equal(l->vcpu, 0);
	one_close(&c.o);
}

/* ---- vCPUs ---- */

static struct vcpu *vcpu_bound_for(struct corner *c, tidal_vcpuid v, tidal_nodeid to)
{
	struct vcpu *vcpu = vcpus_at(c->e.vcpus, v);

	vcpu->dest = to;
	vcpu->dest_incarnation = 1;
	vcpu->go = true;
	return vcpu;
}

/* All are looked at, some in each push. Broken in look_at_vcpus(): budget, steps, end. */
static void many_vcpus(void **state)
{
	struct corner c;

	(void)state;
	memset(&c, 0, sizeof(c));
	one_params(&c.o, 0);
	assert_int_equal(tidal_vmap_init(&c.o.map, sizeof(c.o.map), ONE_PAGES, 70), 0);
	c.o.params.vcpus = c.o.params.vcpu_slots = 72;
	one_start(&c.o);
	one_peer(&c.o);
	core_engine(c.o.core, 0, &c.e);
	link_peer(c.e.link, 1, 1);
	for (tidal_vcpuid v = 0; v < 72; v++)
		vcpu_bound_for(&c, v, 1)->state = TIDAL_VCPU_READY;
	lose(&c);
	losses_look(&c.e);
	assert_int_equal(c.e.losses->vcpu, 65);
	for (tidal_vcpuid v = 0; v < 72; v++)
		assert_int_equal(vcpus_at(c.e.vcpus, v)->dest, v < 64 ? TIDAL_NODE_NONE : 1);
	losses_look(&c.e);
	assert_int_equal(c.e.losses->vcpu, 0);
	nodeset_add(&c.e.losses->nodes, 1);
	c.e.losses->vcpu = 71; /* the guest has not so many */
	losses_look(&c.e);
	assert_int_equal(c.e.losses->vcpu, 0);
	for (tidal_vcpuid v = 64; v < 72; v++)
		assert_int_equal(vcpus_at(c.e.vcpus, v)->dest, v < 70 ? TIDAL_NODE_NONE : 1);
	one_close(&c.o);
}

/* Broken in look_at_vcpu(), move_peer_lost(), give_up(): each condition. */
static void vcpus_bound_for_the_dead(void **state)
{
	struct vcpu *v[ONE_VCPUS];
	struct corner c;

	(void)state;
	open_corner(&c);
	v[0] = vcpu_bound_for(&c, 0, 1);
	v[1] = vcpu_bound_for(&c, 1, 2);
	v[2] = vcpu_bound_for(&c, 2, 1);
	v[3] = vcpu_bound_for(&c, 3, 1);
	v[2]->state = TIDAL_VCPU_SAVING;
	v[3]->state = TIDAL_VCPU_FROZEN;
	lose(&c);
	losses_look(&c.e);
	assert_true(v[0]->dest == TIDAL_NODE_NONE && !v[0]->go && !v[0]->moved);
	assert_true(v[1]->dest == 2 && v[1]->go);
	assert_int_equal(v[2]->dest, 1); /* finds out when it is saved */
	assert_int_equal(v[3]->dest, 1); /* when what was sent is settled */
	v[0] = vcpu_bound_for(&c, 0, 1);
	v[0]->state = TIDAL_VCPU_AWAY;
	lose(&c);
	losses_look(&c.e);
	assert_int_equal(v[0]->dest, 1); /* nothing of it is here */
	one_close(&c.o);
}

/* It waited to be moved to a device: it runs again, and may not move. Broken in give_up(). */
static void vcpu_that_waited_to_be_moved(void **state)
{
	struct vcpu *v;
	struct corner c;

	(void)state;
	open_corner(&c);
	sched_stopped(c.e.sched, 0, 0);
	v = vcpu_bound_for(&c, 0, 1);
	v->go = false;
	v->state = TIDAL_VCPU_STALLED;
	v->access = TIDAL_IO;
	sched_wait(c.e.sched, 0, SCHED_WAIT_MOVE, 0);
	lose(&c);
	losses_look(&c.e);
	assert_int_equal(v->state, TIDAL_VCPU_READY);
	assert_int_equal(v->resume, TIDAL_RESUME_RETRY);
	assert_true(v->moved);
	one_close(&c.o);
}

/* A register of a node that died reads all ones. Broken in devices_peer_lost(), look_at_vcpu(). */
static void access_to_a_device_of_the_dead(void **state)
{
	struct vcpu *v;
	struct corner c;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		bool over = i == 0;

		open_corner(&c);
		sched_stopped(c.e.sched, 0, 0);
		v = vcpus_at(c.e.vcpus, 0);
		v->state = TIDAL_VCPU_STALLED;
		v->access = TIDAL_IO;
		v->io = 6;
		v->io_node = i == 1 ? 2 : 1;
		v->io_incarnation = i == 2 ? 2 : 1;
		sched_wait(c.e.sched, 0, SCHED_WAIT_IO, 0);
		lose(&c);
		losses_look(&c.e);
		assert_int_equal(v->state, over ? TIDAL_VCPU_READY : TIDAL_VCPU_STALLED);
		assert_int_equal(v->io, over ? 0 : 6);
		one_pull(&c.o);
		assert_int_equal(c.o.reports[TIDAL_REPORT_HOST_FAILED], over);
		if (over) {
			assert_int_equal(v->value, UINT64_MAX);
			assert_int_equal(v->resume, TIDAL_RESUME_IO);
			assert_int_equal(c.o.last_report.error, TIDAL_EPEER);
			assert_int_equal(c.o.last_report.vcpu, 0);
		}
		one_close(&c.o);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_death_is_told_once),
		cmocka_unit_test(nothing_it_said_counts),
		cmocka_unit_test(the_living_are_asked),
		cmocka_unit_test(answers_of_an_earlier_round),
		cmocka_unit_test(another_master),
		cmocka_unit_test(back_without_having_been_met),
		cmocka_unit_test(no_room_to_tell),
		cmocka_unit_test(room_to_tell_one),
		cmocka_unit_test(what_is_left),
		cmocka_unit_test(requests_are_made_anew),
		cmocka_unit_test(requests_of_copies_being_dropped),
		cmocka_unit_test(acknowledgements_of_the_living),
		cmocka_unit_test(offers_to_the_dead),
		cmocka_unit_test(a_few_at_a_time),
		cmocka_unit_test(many_vcpus),
		cmocka_unit_test(vcpus_bound_for_the_dead),
		cmocka_unit_test(vcpu_that_waited_to_be_moved),
		cmocka_unit_test(access_to_a_device_of_the_dead),
	};

	return cmocka_run_group_tests_name("losses", tests, NULL, NULL);
}
