/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * late: answers that come late, pages, vCPUs and device accesses that were about to go to a node that
 * died, and requests that their node has given up. Each test names what was broken to see it fail.
 */
#include "corner.h"

#include "core/boot.h"
#include "core/devices.h"
#include "core/move.h"

static struct wire refusal(tidal_gfn gfn, uint8_t reason, uint32_t id)
{
	return (struct wire){ .kind = MSG_REFUSE,
			      .u.refuse = { .gfn = gfn, .id = id, .reason = reason,
					    .owner = TIDAL_NODE_NONE } };
}

/* A page that is asked for: request 30. */
static struct transit *ask(struct corner *c, tidal_gfn gfn)
{
	struct transit *t;

	put_page(c, gfn, TIDAL_PAGE_INVALID, UNMAPPED, false);
	t = put_transit(c, gfn, SIT_ASK);
	t->vcpu = TIDAL_VCPU_NONE;
	t->id = *c->e.next_id = 30;
	t->promised = true;
	c->e.frames->promised++;
	return t;
}

/* ---- answers that nobody waits for ---- */

/* Made up, while no node has died. Broken in late.c: `ever` not looked at, or only that. */
static void late_answers(void **state)
{
	const struct wire copy = { .kind = MSG_COPY, .u.copy = { .gfn = 5, .id = 29 } };
	const struct wire again = refusal(5, REFUSE_AGAIN, 29), lost = refusal(5, REFUSE_LOST, 29);
	struct corner c;

	(void)state;
	open_corner(&c);
	ask(&c, 5);
	for (tidal_gfn gfn = 5; gfn < 7; gfn++) {
		assert_int_equal(happen(&c, HAP_COPY, gfn, &copy), TIDAL_EPROTO);
		assert_int_equal(happen(&c, HAP_REFUSE, gfn, &again), TIDAL_EPROTO);
		assert_int_equal(happen(&c, HAP_REFUSE, gfn, &lost), 0); /* it knew first */
	}
	lose(&c);
	for (tidal_gfn gfn = 5; gfn < 7; gfn++) {
		assert_int_equal(happen(&c, HAP_COPY, gfn, &copy), 0);
		assert_int_equal(happen(&c, HAP_REFUSE, gfn, &again), 0);
		assert_int_equal(happen(&c, HAP_REFUSE, gfn, &lost), 0);
	}
	assert_int_equal(situation(&c, 5), SIT_ASK);
	one_pull(&c.o);
	assert_int_equal(c.o.sent[MSG_MOVE_CANCEL], 0);
	one_close(&c.o);
}

/* A slot that comes with one goes back. Broken in on_refuse_late(): either reason. */
static void late_invitations(void **state)
{
	const uint8_t reason[] = { REFUSE_SEND_VCPU, REFUSE_PINNED };
	struct corner c;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		const struct wire m = refusal(5, reason[i], 29);

		open_corner(&c);
		lose(&c);
		assert_int_equal(happen(&c, HAP_REFUSE, 5, &m), 0);
		one_pull(&c.o);
		assert_int_equal(c.o.sent[MSG_MOVE_CANCEL], 1);
		assert_int_equal(c.o.last_to[MSG_MOVE_CANCEL], 1);
		assert_int_equal(c.o.last[MSG_MOVE_CANCEL].u.move_cancel.vcpu, TIDAL_VCPU_NONE);
		one_close(&c.o);
	}
}

/* It is taken by who promised it, and by nobody else. Broken in move_on_cancel(). */
static void slots_given_back_unnamed(void **state)
{
	const struct wire_move_cancel m = { TIDAL_VCPU_NONE };
	struct corner c;

	(void)state;
	open_corner(&c);
	assert_int_equal(move_on_cancel(&c.e, 1, &m), TIDAL_EPROTO);
	c.e.peers[1].slots = c.e.vcpus->promised = 1;
	assert_int_equal(move_on_cancel(&c.e, 1, &m), 0);
	assert_int_equal(c.e.vcpus->promised, 0);
	one_close(&c.o);
}

/* ---- requests that died with the node that they were passed on to ---- */

/* Their node is told; one of this node's own is looked for anyway. Broken in proto_refuse_lost(). */
static void passed_on_to_the_dead(void **state)
{
	struct wire r = request(5, TIDAL_READ);
	const struct wire_refuse *m;
	struct corner c;

	(void)state;
	open_corner(&c);
	m = &c.o.last[MSG_REFUSE].u.refuse;
	r.u.request.node = 0;
	proto_refuse_lost(&c.e, 1, &r.u.request);
	one_pull(&c.o);
	assert_int_equal(c.o.sent[MSG_REFUSE], 0);
	r.u.request.node = 2;
	r.u.request.hops = 3;
	link_peer(c.e.link, 1, 7); /* it lives anew */
	proto_refuse_lost(&c.e, 1, &r.u.request);
	one_pull(&c.o);
	assert_int_equal(c.o.last_to[MSG_REFUSE], 2);
	assert_int_equal(m->gfn, 5);
	assert_int_equal(m->id, 77);
	assert_int_equal(m->reason, REFUSE_LOST);
	assert_int_equal(m->hops, 3);
	assert_int_equal(m->owner, 1);
	assert_int_equal(m->epoch, 6);
	link_down(c.e.link, 1);
	proto_refuse_lost(&c.e, 1, &r.u.request);
	one_pull(&c.o);
	assert_int_equal(c.o.sent[MSG_REFUSE], 2);
	assert_int_equal(m->epoch, 7);
	assert_int_equal(c.o.core->stats.refusals, 2);
	one_close(&c.o);
}

/* From end to end: it forwards a request, and the receiver dies. Broken in core_settled(). */
static void refused_when_its_receiver_dies(void **state)
{
	struct wire r = request(5, TIDAL_READ);
	struct tidal_event ev = { .kind = TIDAL_EV_PEER_DOWN };
	struct corner c;

	(void)state;
	open_corner(&c);
	put_page(&c, 5, TIDAL_PAGE_INVALID, UNMAPPED, false);
	owners_hint_page(c.e.owners, 5, (struct whereabouts){ 2, 9 });
	one_say(&c.o, &r);
	assert_int_equal(c.o.sent[MSG_REQUEST], 1);
	assert_int_equal(c.o.last_to[MSG_REQUEST], 2);
	ev.u.peer.node = 2;
	assert_int_equal(one_push(&c.o, &ev), 0);
	one_pull(&c.o);
	assert_int_equal(c.o.sent[MSG_REFUSE], 1);
	assert_int_equal(c.o.last_to[MSG_REFUSE], 1);
	assert_int_equal(c.o.last[MSG_REFUSE].u.refuse.reason, REFUSE_LOST);
	assert_int_equal(c.o.last[MSG_REFUSE].u.refuse.owner, 2);
	one_close(&c.o);
}

/* A request of before the death waits to be given up; one of after it, of which all know that the node
 * lives anew, is asked again. Broken in proto_was_lost(): each condition. */
static void told_that_it_was_lost(void **state)
{
	const struct { tidal_nodeid owner; uint64_t epoch; uint32_t id; bool lost; } cases[] = {
		{ 1, 1, 30, true }, { 1, 2, 30, false }, { 1, 1, 29, false }, { 3, 0, 30, false },
	};
	struct corner c;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct wire m = refusal(5, REFUSE_LOST, cases[i].id);
		struct transit *t;

		open_corner(&c);
		t = ask(&c, 5);
		*c.e.next_id = 29;
		lose(&c);
		assert_int_equal(c.e.peers[1].dead, 1);
		t->id = cases[i].id;
		m.u.refuse.owner = cases[i].owner;
		m.u.refuse.epoch = cases[i].epoch;
		assert_int_equal(happen(&c, HAP_REFUSE, 5, &m), 0);
		assert_int_equal(situation(&c, 5), cases[i].lost ? SIT_BACKOFF : SIT_ASK);
		assert_int_equal(t->promised, !cases[i].lost);
		assert_int_equal(owners_hinted(c.e.owners, 5).node, TIDAL_NODE_NONE);
		one_close(&c.o);
	}
}

/*
 * That node is dead, as is known, and had a life of which nothing was: then all that is out may have died
 * with it. Broken in proto_news_of_death(): each condition.
 */
static void lost_with_a_stranger(void **state)
{
	const struct { tidal_nodeid owner; uint64_t epoch; bool down, news; } cases[] = {
		{ 2, 6, true, true },  { 2, 6, false, false }, { 2, 1, true, false },
		{ 3, 6, true, false }, { 0, 6, true, false },  { 2, UINT64_C(1) << 32, true, false },
	};
	struct corner c;

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		struct wire m = refusal(5, REFUSE_LOST, 30);

		open_corner(&c);
		ask(&c, 5);
		c.e.peers[2].dead = 1;
		c.e.losses->void_to = 30;
		if (cases[i].down)
			link_down(c.e.link, 2);
		m.u.refuse.owner = cases[i].owner;
		m.u.refuse.epoch = cases[i].epoch;
		assert_int_equal(happen(&c, HAP_REFUSE, 5, &m), 0);
		assert_int_equal(situation(&c, 5), SIT_ASK);
		assert_int_equal(c.e.peers[2].dead, cases[i].news ? 6 : 1);
		assert_int_equal(c.e.losses->void_tell, cases[i].news);
		assert_int_equal(c.e.losses->ever, cases[i].news);
		one_close(&c.o);
	}
}

/* ---- searches ---- */

/* All who live must have said no, often enough; it is told once. Broken in next_search(): each line. */
static void searched_in_vain(void **state)
{
	struct wire m = { .kind = MSG_ABSENT, .u.absent = { .gfn = 5 } };
	struct corner c;
	struct transit *t;

	(void)state;
	open_corner(&c);
	t = ask(&c, 5);
	for (unsigned i = 0; i < 9; i++) {
		if (i == 2)
			lose(&c);
		t->promised = false;
		t->state = SIT_BACKOFF;
		t->tries = 5;
		assert_int_equal(happen(&c, HAP_TIMER, 5, NULL), 0);
		one_pull(&c.o);
		assert_int_equal(t->search, i < 2 ? 0 : i - 1);
		assert_int_equal(c.o.last[MSG_FIND].u.find.search, t->search);
		assert_int_equal(c.o.reports[TIDAL_REPORT_PAGE_LOST], i > 6);
		assert_int_equal(t->absent, 0);
		if (i < 2)
			continue; /* no node has died: nobody says no */
		m.u.absent.search = t->search;
		assert_int_equal(happen(&c, HAP_ABSENT, 5, &m), 0);
		assert_int_equal(happen(&c, HAP_ABSENT, 5, &m), 0);
		m.u.absent.search++; /* of another search: not counted */
		assert_int_equal(happen(&c, HAP_ABSENT, 5, &m), 0);
		assert_int_equal(t->absent, 2);
	}
	assert_int_equal(c.o.last_report.gfn, 5);
	assert_int_equal(c.o.last_report.error, TIDAL_EPEER);
	assert_int_equal(c.o.last_report.pages, 1);
	one_close(&c.o);
}

/* One has not answered: nobody can say. A dead one need not. Broken in living_peers(). */
static void searched_without_all_answers(void **state)
{
	struct corner c;
	struct transit *t;

	(void)state;
	for (unsigned dead = 0; dead < 2; dead++) {
		open_corner(&c);
		t = ask(&c, 5);
		lose(&c);
		t->state = SIT_BACKOFF;
		t->tries = 5;
		t->search = UINT8_MAX;
		t->searches = 4;
		t->absent = 1;
		if (dead)
			link_down(c.e.link, 2);
		assert_int_equal(happen(&c, HAP_TIMER, 5, NULL), 0);
		one_pull(&c.o);
		assert_int_equal(c.o.reports[TIDAL_REPORT_PAGE_LOST], dead);
		assert_int_equal(t->search, 1); /* never 0 */
		assert_int_equal(t->searches, dead ? 5 : 4);
		one_close(&c.o);
	}
}

/* ---- requests that their node has given up ---- */

static void voided(struct corner *c, uint32_t messages, uint32_t id)
{
	one_pull(&c->o);
	assert_int_equal(c->o.sent[MSG_VOIDED], messages);
	if (messages)
		assert_int_equal(c->o.last[MSG_VOIDED].u.voided.id, id);
}

/* It is told when what was granted before has come. Broken in engine_void(), void_answer(). */
static void given_up_with_grants_on_their_way(void **state)
{
	struct corner c;
	uint8_t a, b;

	(void)state;
	open_corner(&c);
	engine_void(&c.e, 1, 5);
	voided(&c, 1, 5);
	a = engine_grant(&c.e, 1);
	engine_void(&c.e, 1, 7);
	voided(&c, 1, 5);
	b = engine_grant(&c.e, 1); /* made after that: is not waited for */
	assert_int_not_equal(a, b);
	engine_granted(&c.e, 1, a);
	voided(&c, 2, 7);
	engine_granted(&c.e, 1, b);
	voided(&c, 2, 7);
	engine_void(&c.e, 2, 9);
	voided(&c, 3, 9);
	assert_int_equal(c.o.last_to[MSG_VOIDED], 2);
	one_close(&c.o);
}

/* It gives up more meanwhile: then for both. Broken in engine_void(): void_all. */
static void given_up_twice(void **state)
{
	struct corner c;
	uint8_t a, b;

	(void)state;
	for (unsigned first = 0; first < 2; first++) {
		open_corner(&c);
		a = engine_grant(&c.e, 1);
		engine_void(&c.e, 1, 5);
		b = engine_grant(&c.e, 1);
		engine_void(&c.e, 1, 8);
		assert_int_equal(engine_grant(&c.e, 1), b); /* must not be taken for an older one */
		engine_granted(&c.e, 1, b);
		engine_granted(&c.e, 1, first ? b : a);
		voided(&c, 0, 0);
		engine_granted(&c.e, 1, first ? a : b);
		voided(&c, 1, 8);
		assert_false(c.e.peers[1].void_due || c.e.peers[1].void_all);
		engine_void(&c.e, 1, 9);
		voided(&c, 2, 9);
		one_close(&c.o);
	}
}

/* The grants outlive the peer, its news does not: the next life counts from anywhere, and waits for all
 * of them. Broken in engine_void(): `voids`, the older count. */
static void given_up_by_its_next_life(void **state)
{
	struct corner c;
	uint8_t a, b;

	(void)state;
	open_corner(&c);
	a = engine_grant(&c.e, 1);
	engine_void(&c.e, 1, 500);
	b = engine_grant(&c.e, 1);
	lose(&c);
	engine_void(&c.e, 1, 3);
	assert_int_equal(c.e.peers[1].void_to, 3);
	engine_granted(&c.e, 1, b);
	voided(&c, 0, 0);
	engine_granted(&c.e, 1, a);
	voided(&c, 1, 3);
	one_close(&c.o);
}

/* Broken in engine_lives(): each condition. */
static void which_life_it_is(void **state)
{
	struct corner c;

	(void)state;
	open_corner(&c);
	assert_true(engine_lives(&c.e, 1, 1));
	assert_true(engine_lives(&c.e, 1, 0));
	assert_false(engine_lives(&c.e, 1, 2));
	lose(&c);
	assert_false(engine_lives(&c.e, 1, 0));
	assert_false(engine_lives(&c.e, 1, 1));
	assert_true(engine_lives(&c.e, 1, 2));
	link_down(c.e.link, 1);
	assert_false(engine_lives(&c.e, 1, 2));
	one_close(&c.o);
	memset(&c, 0, sizeof(c));
	one_open(&c.o, 0);
	core_engine(c.o.core, 0, &c.e);
	assert_true(engine_lives(&c.e, 1, 5)); /* it was passed on, and nothing came from it yet */
	one_close(&c.o);
}

/* ---- pages that don't go ---- */

/* The requester dies, or comes back, while the page is unmapped for it: it stays, the next is served,
 * and its home hears. Broken in on_leave_done(): it departs; stay(): each line. */
static void requester_dies_while_it_is_unmapped(void **state)
{
	struct wire r, next;
	struct corner c;
	struct page page;
	tidal_gfn gfn = 5;

	(void)state;
	for (unsigned down = 0; down < 2; down++) {
		open_corner(&c);
		while (owners_home(c.e.owners, gfn) != 2)
			gfn += gfn < 512 ? 512 : 1;
		put_page(&c, gfn, TIDAL_PAGE_EXCLUSIVE, MAPPED_RW, true);
		assert_true(pages_get(c.e.pages, gfn, &page));
		page.epoch = 4;
		engine_store(&c.e, &page);
		r = request(gfn, TIDAL_WRITE);
		assert_int_equal(happen(&c, HAP_REQUEST, gfn, &r), 0);
		assert_int_equal(situation(&c, gfn), SIT_LEAVING);
		next = request(gfn, TIDAL_READ);
		next.u.request.node = 2;
		assert_int_equal(happen(&c, HAP_REQUEST, gfn, &next), 0);
		lose(&c);
		if (down)
			link_down(c.e.link, 1);
		assert_int_equal(happen(&c, HAP_DONE, gfn, NULL), 0);
		assert_true(pages_get(c.e.pages, gfn, &page));
		assert_int_equal(page.epoch, 6); /* 5 was told to who had copies */
		assert_int_equal(page.state, TIDAL_PAGE_PRIMARY);
		assert_int_equal(page.map, UNMAPPED);
		assert_int_equal(owners_hinted(c.e.owners, gfn).node, 0);
		assert_int_equal(c.e.peers[1].grants[0] + c.e.peers[1].grants[1], 0);
		one_pull(&c.o);
		assert_int_equal(c.o.sent[MSG_OWN], 0);
		assert_int_equal(c.o.sent[MSG_OWNER], 1);
		assert_int_equal(c.o.last_to[MSG_OWNER], 2);
		assert_int_equal(c.o.last[MSG_OWNER].u.owner.epoch, 6);
		assert_int_equal(c.o.sent[MSG_COPY], 1);
		assert_int_equal(c.o.last_to[MSG_COPY], 2);
		assert_int_equal(c.o.last[MSG_COPY].u.copy.epoch, 6);
		one_check(&c.o);
		one_close(&c.o);
	}
}

/* Who said yes to an offer came back without knowing of it. Broken in on_push_done(): only the dead. */
static void taker_comes_back(void **state)
{
	const struct wire yes = { .kind = MSG_ANSWER, .u.answer = { .gfn = 5, .yes = 1 } };
	struct corner c;

	(void)state;
	for (unsigned back = 0; back < 2; back++) {
		open_corner(&c);
		put_page(&c, 5, TIDAL_PAGE_EXCLUSIVE, MAPPED_RW, true);
		assert_int_equal(happen(&c, HAP_EVICT, 5, NULL), 0);
		transits_find(c.e.transits, 5)->peer = 1;
		assert_int_equal(happen(&c, HAP_ANSWER, 5, &yes), 0);
		if (back)
			lose(&c);
		assert_int_equal(happen(&c, HAP_DONE, 5, NULL), 0);
		one_pull(&c.o);
		assert_int_equal(c.o.sent[MSG_GIVE], !back);
		assert_int_equal(situation(&c, 5), back ? SIT_EXCLUSIVE : SIT_INVALID);
		one_close(&c.o);
	}
}

/* ---- vCPUs and devices ---- */

/* Saved, and whoever was to have it died meanwhile: it stays. Broken in move_on_saved(): it goes. */
static void saved_for_the_dead(void **state)
{
	const struct tidal_ev_host_done saved = { .buf = 5, .payload_len = 600 };
	const struct wire_move_answer yes = { .vcpu = 0, .yes = 1 };
	struct tidal_action a;
	struct corner c;
	struct vcpu *v;

	(void)state;
	for (unsigned down = 0; down < 2; down++) {
		open_corner(&c);
		v = vcpus_at(c.e.vcpus, 0);
		sched_stopped(c.e.sched, 0, 0);
		v->state = TIDAL_VCPU_IDLE;
		move_ask(&c.e, 0, 1);
		assert_int_equal(v->dest_incarnation, 1);
		assert_int_equal(move_on_answer(&c.e, 1, &yes), 0);
		assert_int_equal(v->state, TIDAL_VCPU_SAVING);
		one_pull(&c.o);
		lose(&c);
		if (down)
			link_down(c.e.link, 1);
		while (actq_take(&c.o.core->actq, &a))
			;
		assert_int_equal(move_on_saved(&c.e, 0, &saved), 0);
		assert_true(actq_take(&c.o.core->actq, &a));
		assert_int_equal(a.kind, TIDAL_ACT_BUF_FREE);
		assert_int_equal(a.u.buf.buf, 5);
		assert_int_equal(v->state, TIDAL_VCPU_READY);
		assert_int_equal(v->dest, TIDAL_NODE_NONE);
		assert_true(v->moved);
		assert_int_equal(v->epoch, 0);
		one_pull(&c.o);
		assert_int_equal(c.o.sent[MSG_VCPU], 0);
		one_close(&c.o);
	}
}

/* The life that asked for it is the one that it goes to. Broken in move_go(): dest_incarnation. */
static void sent_to_who_asked_for_it(void **state)
{
	struct corner c;
	struct vcpu *v;

	(void)state;
	open_corner(&c);
	v = vcpus_at(c.e.vcpus, 0);
	sched_stopped(c.e.sched, 0, 0);
	v->state = TIDAL_VCPU_STALLED;
	v->gfn = 5;
	sched_wait(c.e.sched, 0, SCHED_WAIT_PAGE, 5);
	link_peer(c.e.link, 1, 3);
	assert_false(move_go(&c.e, TIDAL_VCPU_NONE, 5, 1));
	assert_false(move_go(&c.e, 0, 6, 1));
	assert_true(move_go(&c.e, 0, 5, 1));
	assert_int_equal(v->state, TIDAL_VCPU_SAVING);
	assert_int_equal(v->dest_incarnation, 3);
	one_close(&c.o);
}

/* A device of a node that is down: all ones at once. Broken in devices_stall(), would_rather_move(). */
static void access_to_a_device_of_a_node_that_is_down(void **state)
{
	struct tidal_event ev = one_stall(0, 0, TIDAL_IO);
	struct corner c;
	struct vcpu *v;

	(void)state;
	for (unsigned down = 0; down < 2; down++) {
		open_corner(&c);
		c.e.guest->map.device[0].node = 1;
		v = vcpus_at(c.e.vcpus, 0);
		v->moved = !down;
		if (down)
			link_down(c.e.link, 1);
		assert_int_equal(one_push(&c.o, &ev), 0);
		assert_int_equal(v->state, down ? TIDAL_VCPU_READY : TIDAL_VCPU_STALLED);
		assert_int_equal(v->io_node, down ? 0 : 1);
		assert_int_equal(v->io_incarnation, down ? 0 : 1);
		assert_int_equal(v->value, down ? UINT64_MAX : 0);
		one_pull(&c.o);
		assert_int_equal(c.o.reports[TIDAL_REPORT_HOST_FAILED], down);
		assert_int_equal(c.o.sent[MSG_IO_ASK], !down);
		assert_int_equal(c.o.sent[MSG_MOVE_ASK], 0);
		assert_int_equal(c.e.stats->decisions, 0);
		one_close(&c.o);
	}
}

/* The answer is for nobody. Broken in devices_on_remote_done(): sent all the same; slot kept. */
static void answer_for_who_has_died(void **state)
{
	const struct wire_io_ask m = { .gpa = ONE_DEVICE, .vcpu = 1, .bytes = 4, .id = 3 };
	const struct tidal_ev_host_done done = { .value = 8 };
	struct corner c;

	(void)state;
	for (unsigned died = 0; died < 3; died++) {
		open_corner(&c);
		assert_int_equal(devices_on_ask(&c.e, 1, &m), 0);
		if (died)
			lose(&c);
		if (died == 2)
			link_down(c.e.link, 1);
		assert_int_equal(devices_on_remote_done(&c.e, 0, &done), 0);
		assert_int_equal(devices_on_remote_done(&c.e, 0, &done), TIDAL_EINVAL);
		one_pull(&c.o);
		assert_int_equal(c.o.sent[MSG_IO_ANSWER], !died);
		one_close(&c.o);
	}
}

/* ---- the map ---- */

/* Whom the master tells: not the dead; who restarts half-way from the start; that it has lived before.
 * Broken in next_to_tell(), boot_peer_lost(): each line. */
static void told_the_map_again(void **state)
{
	const struct guest *g;
	struct corner c;

	(void)state;
	open_corner(&c);
	g = c.e.guest;
	assert_true(nodeset_empty(&g->tell) && g->total == 3);
	assert_int_equal(c.o.sent[MSG_MAP], 6);
	assert_int_equal(c.o.last[MSG_MAP].u.map.again, 0);
	link_down(c.e.link, 1);
	boot_peer_lost(&c.e, 1);
	boot_tell(&c.e);
	assert_true(nodeset_has(&g->tell, 1));
	one_pull(&c.o);
	assert_int_equal(c.o.sent[MSG_MAP], 6);
	link_peer(c.e.link, 1, 2);
	c.e.guest->telling = 1;
	c.e.guest->telling_piece = 2;
	boot_peer_lost(&c.e, 2);
	assert_int_equal(g->telling_piece, 2);
	boot_peer_lost(&c.e, 1);
	assert_int_equal(g->telling_piece, 0);
	nodeset_del(&c.e.guest->tell, 2);
	boot_tell(&c.e);
	one_pull(&c.o);
	assert_int_equal(c.o.sent[MSG_MAP], 9);
	assert_int_equal(c.o.last_to[MSG_MAP], 1);
	assert_int_equal(c.o.last[MSG_MAP].u.map.again, 1);
	assert_true(nodeset_empty(&g->tell));
	one_close(&c.o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(late_answers),
		cmocka_unit_test(late_invitations),
		cmocka_unit_test(slots_given_back_unnamed),
		cmocka_unit_test(passed_on_to_the_dead),
		cmocka_unit_test(refused_when_its_receiver_dies),
		cmocka_unit_test(told_that_it_was_lost),
		cmocka_unit_test(lost_with_a_stranger),
		cmocka_unit_test(searched_in_vain),
		cmocka_unit_test(searched_without_all_answers),
		cmocka_unit_test(given_up_with_grants_on_their_way),
		cmocka_unit_test(given_up_twice),
		cmocka_unit_test(given_up_by_its_next_life),
		cmocka_unit_test(which_life_it_is),
		cmocka_unit_test(requester_dies_while_it_is_unmapped),
		cmocka_unit_test(taker_comes_back),
		cmocka_unit_test(saved_for_the_dead),
		cmocka_unit_test(sent_to_who_asked_for_it),
		cmocka_unit_test(access_to_a_device_of_a_node_that_is_down),
		cmocka_unit_test(answer_for_who_has_died),
		cmocka_unit_test(told_the_map_again),
	};

	return cmocka_run_group_tests_name("late", tests, NULL, NULL);
}
