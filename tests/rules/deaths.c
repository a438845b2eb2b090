/* SPDX-License-Identifier: BSD-3-Clause */
/* Section 12 of docs/protocol.md: nodes that die, and nodes that come back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "story.h"

#include "core/core_state.h"
#include "core/move.h"

#define DEAD 2 /* the node that dies in all of these stories */

static struct tidal_event death(unsigned node)
{
	struct tidal_event ev = { .kind = TIDAL_EV_PEER_DOWN };

	ev.u.peer.node = (tidal_nodeid)node;
	return ev;
}

/* It dies and comes back at once; told: the others are told so, else they find out. */
static void die(struct story *s, bool told)
{
	const struct tidal_event ev = death(DEAD);

	world_restart(s->w, DEAD);
	for (unsigned n = 0; told && n < s->config.nodes; n++)
		if (n != DEAD)
			assert_int_equal(world_push(s->w, n, &ev), 0);
}

/*
 * A request was with a node that died. Whether that is told or found out, and although it was not
 * the requester that had sent it there: it is made anew. Broken in look_at_transit(): ASK left alone.
 */
static void request_dies(bool told)
{
	struct story s;
	tidal_gfn gfn = 0;

	story_open(&s, &(struct world_config){ .nodes = 4, .pages = 8192 });
	for (tidal_gfn at = 1; at < 8192 && gfn == 0; at += TIDAL_RANGE_PAGES) {
		unsigned before = story_seen(&s, MSG_OWNER, 3, DEAD);

		story_do(&s, 3, TIDAL_WRITE, at);
		if (story_seen(&s, MSG_OWNER, 3, DEAD) > before)
			gfn = at; /* its home is the node that will die */
	}
	assert_int_not_equal(gfn, 0);
	story_pass(&s, 10 * MS);
	story_wire(&s, MSG_REQUEST, DEAD, ANY, WORLD_LOSE);
	story_tell(&s, 1, TIDAL_READ, gfn);
	story_pass(&s, 50 * US);
	assert_false(story_done(&s, 1));
	die(&s, told);
	story_mend(&s);
	assert_true(story_finish(&s, 1, 200 * MS));
	assert_int_equal(world_reports(s.w, TIDAL_REPORT_NODE_LOST), 3);
	assert_int_equal(world_reports(s.w, TIDAL_REPORT_PAGE_LOST), 0);
	story_close(&s);
}

static void death_of_who_had_a_request(void **state)
{
	(void)state;
	request_dies(true);
}

static void death_of_who_had_a_request_is_found_out(void **state)
{
	(void)state;
	request_dies(false);
}

/*
 * The page died with its owner: who waits for it is told, once, and waits; a copy that somebody
 * has stays good. Broken in next_search(): never complete.
 */
static void death_of_an_owner(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, &(struct world_config){ .nodes = 4 });
	story_do(&s, DEAD, TIDAL_WRITE, 7);
	story_do(&s, DEAD, TIDAL_WRITE, 8);
	story_do(&s, 3, TIDAL_READ, 8);
	story_pass(&s, 10 * MS); /* all is acknowledged */
	die(&s, true);
	story_tell(&s, 1, TIDAL_WRITE, 7);
	story_pass(&s, 200 * MS);
	assert_false(story_done(&s, 1));
	assert_int_equal(world_reports(s.w, TIDAL_REPORT_PAGE_LOST), 1);
	story_do(&s, 3, TIDAL_READ, 8);
	story_do(&s, 0, TIDAL_WRITE, 600); /* all else goes on */
	story_close(&s);
}

/*
 * Who was to send the invalidations died after its grant had come, and before they had. Broken in
 * collect(): only the dead are asked again. Found by simulation.
 */
static void death_of_who_invalidates(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, &(struct world_config){ .nodes = 4 });
	story_do(&s, DEAD, TIDAL_WRITE, 7);
	story_do(&s, 1, TIDAL_READ, 7);
	story_wire(&s, MSG_INVALIDATE, DEAD, ANY, WORLD_LOSE);
	story_tell(&s, 3, TIDAL_WRITE, 7);
	story_pass(&s, 1 * MS);
	assert_true(story_seen(&s, MSG_OWN, DEAD, 3) > 0);
	assert_false(story_done(&s, 3));
	die(&s, true);
	story_mend(&s);
	assert_true(story_finish(&s, 3, 50 * MS));
	story_do(&s, 1, TIDAL_READ, 7);
	story_close(&s);
}

static void own_half(struct tidal_vmap *map, void *arg)
{
	(void)arg;
	map->memory_runs = 2;
	map->memory[0] = (struct tidal_vmap_memory){ 0, 512, 0 };
	map->memory[1] = (struct tidal_vmap_memory){ 512, 512, DEAD };
}

/*
 * Who comes back owns nothing, even of what the map gives it: it may have been given to others, as
 * page 600 was. It takes part again, and serves what it then has. Broken in start(): `again` ignored.
 */
static void back_without_anything(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, &(struct world_config){ .nodes = 4, .place = own_half });
	story_do(&s, 1, TIDAL_WRITE, 600);
	story_do(&s, 1, TIDAL_READ, 700);
	die(&s, false);
	story_pass(&s, 20 * MS);
	story_touch(&s, 0, TIDAL_WRITE, 600); /* the news travels */
	story_pass(&s, 20 * MS);
	assert_int_equal(story_page(&s, 1, 600).state, TIDAL_PAGE_INVALID);
	assert_int_equal(story_page(&s, DEAD, 600).state, TIDAL_PAGE_INVALID);
	assert_int_equal(story_page(&s, DEAD, 800).state, TIDAL_PAGE_INVALID);
	assert_int_equal(world_reports(s.w, TIDAL_REPORT_READY), 5);
	story_touch(&s, DEAD, TIDAL_WRITE, 7);
	story_pass(&s, 20 * MS);
	assert_int_equal(world_completed(s.w, DEAD), 1);
	assert_int_equal(story_page(&s, DEAD, 7).state, TIDAL_PAGE_EXCLUSIVE);
	story_do(&s, 0, TIDAL_READ, 7);
	story_close(&s);
}

/*
 * Nobody gives a page to a node that others still think dead: they would not wait for it to drop
 * a copy. Broken in start(): joined at once. Found by simulation.
 */
static void back_when_all_have_heard(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, &(struct world_config){ .nodes = 4 });
	story_wire(&s, MSG_HERE, DEAD, 3, WORLD_LOSE);
	die(&s, true);
	story_pass(&s, 20 * MS);
	assert_int_equal(world_reports(s.w, TIDAL_REPORT_READY), 4); /* all but this life */
	story_mend(&s);
	story_pass(&s, 200 * MS);
	assert_int_equal(world_reports(s.w, TIDAL_REPORT_READY), 5);
	story_touch(&s, DEAD, TIDAL_READ, 7);
	story_pass(&s, 20 * MS);
	assert_int_equal(world_completed(s.w, DEAD), 1);
	story_close(&s);
}

/*
 * It had a copy, and comes back. Who grants the page to a third node thinks it dead, and does not tell
 * it; the third waits for it, because it knows that it lives. Broken in on_own(): nobody
 * asks it again. Found by simulation.
 */
static void back_of_who_had_a_copy(void **state)
{
	const struct tidal_event ev = death(DEAD);
	struct story s;

	(void)state;
	story_open(&s, &(struct world_config){ .nodes = 4 });
	story_do(&s, 1, TIDAL_WRITE, 7);
	story_do(&s, DEAD, TIDAL_READ, 7);
	story_pass(&s, 10 * MS);
	story_wire(&s, MSG_HERE, DEAD, 1, WORLD_LOSE);
	world_restart(s.w, DEAD);
	for (unsigned n = 0; n < 4; n++)
		if (n != DEAD)
			assert_int_equal(world_push(s.w, n, &ev), 0);
	world_cut(s.w, DEAD, 1, true);
	story_pass(&s, 20 * MS);
	story_tell(&s, 3, TIDAL_WRITE, 7);
	assert_true(story_finish(&s, 3, 20 * MS));
	world_cut(s.w, DEAD, 1, false);
	story_mend(&s);
	story_pass(&s, 200 * MS);
	story_do(&s, 1, TIDAL_READ, 7);
	story_close(&s);
}

/* A vCPU that was to go there stays where it is, and goes on. Broken in look_at_vcpu(): not looked at. */
static void death_of_a_destination(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, &(struct world_config){ .nodes = 4 });
	story_wire(&s, MSG_MOVE_ANSWER, DEAD, ANY, WORLD_LOSE);
	story_command(&s, 1, (struct tidal_ev_command){ .command = TIDAL_CMD_MOVE_VCPU, .vcpu = 1,
							.node = DEAD });
	story_pass(&s, 1 * MS);
	assert_true(story_seen(&s, MSG_MOVE_ANSWER, DEAD, 1) > 0);
	die(&s, true);
	story_mend(&s);
	story_pass(&s, 50 * MS);
	story_command(&s, 1, (struct tidal_ev_command){ .command = TIDAL_CMD_MOVE_VCPU, .vcpu = 1,
							.node = 3 });
	story_pass(&s, 5 * MS);
	assert_int_equal(world_where(s.w, 1), 3);
	story_do(&s, 1, TIDAL_WRITE, 7);
	story_close(&s);
}

/*
 * A slot was promised to a vCPU that can't go yet, by a node that is dead when it can: the next life of
 * that node has promised nothing. Broken in begin(): it takes that life for the one that did. Found
 * by review: it needs more vCPUs than are looked at in one push.
 */
static void death_of_who_promised_a_slot(void **state)
{
	struct story s;
	struct engine e;
	struct vcpu *vcpu;
	uint32_t promised_by;

	(void)state;
	story_open(&s, &(struct world_config){ .nodes = 4 });
	story_do(&s, 0, TIDAL_WRITE, 7);
	story_wire(&s, MSG_REQUEST, 1, ANY, WORLD_LOSE);
	story_tell(&s, 1, TIDAL_ZERO, 7);
	story_pass(&s, 10 * US);
	story_command(&s, 1, (struct tidal_ev_command){ .command = TIDAL_CMD_MOVE_VCPU, .vcpu = 1,
							.node = DEAD });
	story_pass(&s, 1 * MS);
	core_engine(world_core(s.w, 1), world_now(s.w), &e);
	vcpu = vcpus_at(e.vcpus, 1);
	assert_true(vcpu->go);
	promised_by = vcpu->dest_incarnation;
	link_peer(e.link, DEAD, promised_by + 1);
	vcpu->access = TIDAL_READ; /* now it can be saved */
	assert_true(move_due(&e, 1));
	assert_false(engine_lives(&e, DEAD, vcpu->dest_incarnation));
	world_close(s.w);
}

/* A master that comes back has another pod: those who know this one don't hear it, and go on. */
static void death_of_the_master(void **state)
{
	const struct tidal_event ev = death(0);
	struct story s;

	(void)state;
	story_open(&s, &(struct world_config){ .nodes = 4 });
	story_do(&s, 1, TIDAL_WRITE, 7);
	for (unsigned n = 1; n < 4; n++)
		assert_int_equal(world_push(s.w, n, &ev), 0);
	story_do(&s, 3, TIDAL_WRITE, 7);
	story_do(&s, 1, TIDAL_READ, 7);
	assert_int_equal(world_reports(s.w, TIDAL_REPORT_NODE_LOST), 3);
	story_close(&s);
}

/* It is dead, and never comes back: nothing of it gets through any more. */
static void cut_off(struct story *s)
{
	for (unsigned n = 0; n < s->config.nodes; n++)
		if (n != DEAD) {
			world_cut(s->w, DEAD, n, true);
			world_cut(s->w, n, DEAD, true);
		}
}

static void tell_death(struct story *s, unsigned node)
{
	const struct tidal_event ev = death(DEAD);

	assert_int_equal(world_push(s->w, node, &ev), 0);
}

/* A page that *node* has written, of a range whose home is *home*: these have met, others not. */
static tidal_gfn page_with_home(struct story *s, unsigned node, unsigned home)
{
	tidal_gfn gfn = 1;

	while (owners_home(&world_core(s->w, 0)->owners, gfn) != home)
		gfn += TIDAL_RANGE_PAGES;
	assert_true(gfn < s->config.pages);
	story_do(s, (tidal_vcpuid)node, TIDAL_WRITE, gfn);
	story_pass(s, 10 * MS);
	return gfn;
}

/*
 * Node 1 has never met the dead, and is told before the home that passes its request on to them: what it
 * then hears is of a life of which it knows nothing. Broken in on_refuse(): it waits for the news. Found
 * by review.
 */
static void death_of_a_stranger(void **state)
{
	struct story s;
	tidal_gfn gfn;

	(void)state;
	story_open(&s, &(struct world_config){ .nodes = 4, .pages = 8192 });
	gfn = page_with_home(&s, DEAD, 3);
	cut_off(&s);
	tell_death(&s, 0);
	tell_death(&s, 1);
	story_pass(&s, 10 * MS);
	story_tell(&s, 1, TIDAL_READ, gfn);
	story_pass(&s, 1 * MS);
	assert_true(story_seen(&s, MSG_REQUEST, 3, DEAD) > 0);
	tell_death(&s, 3);
	story_pass(&s, 400 * MS);
	assert_int_equal(world_reports(s.w, TIDAL_REPORT_PAGE_LOST), 1);
	story_close(&s);
}

/*
 * A request to write is given up while the host still unmaps the copy with which it was made. Broken in
 * look_at_transit(): DROPPING left alone. Found by review.
 */
static void death_during_a_drop(void **state)
{
	struct story s;

	(void)state;
	story_open(&s, &(struct world_config){ .nodes = 4 });
	story_do(&s, 0, TIDAL_WRITE, 7);
	story_do(&s, 1, TIDAL_READ, 7);
	story_pass(&s, 10 * MS);
	story_wire(&s, MSG_REQUEST, 1, ANY, WORLD_LOSE);
	story_tell(&s, 1, TIDAL_WRITE, 7);
	story_pass(&s, 10 * US);
	world_stop_host(s.w, 1, true);
	story_tell(&s, 3, TIDAL_WRITE, 7);
	story_pass(&s, 1 * MS);
	die(&s, true);
	story_pass(&s, 50 * MS);
	world_stop_host(s.w, 1, false);
	story_mend(&s);
	assert_true(story_finish(&s, 3, 200 * MS));
	assert_true(story_finish(&s, 1, 200 * MS));
	story_close(&s);
}

/*
 * A request of the dead comes, passed on, to one who was told of the death without ever having met
 * them. Broken in is_over(): it takes them for living, and gives them the page. Found by review.
 */
static void request_of_the_dead(void **state)
{
	struct story s;
	tidal_gfn gfn;

	(void)state;
	story_open(&s, &(struct world_config){ .nodes = 4, .pages = 8192 });
	gfn = page_with_home(&s, 3, 1);
	story_wire(&s, MSG_REQUEST, 1, 3, WORLD_HOLD);
	story_tell(&s, DEAD, TIDAL_WRITE, gfn);
	story_pass(&s, 100 * US);
	assert_true(story_seen(&s, MSG_REQUEST, 1, 3) > 0);
	cut_off(&s);
	tell_death(&s, 0);
	tell_death(&s, 1);
	tell_death(&s, 3);
	story_mend(&s);
	story_pass(&s, 10 * MS);
	assert_int_equal(story_page(&s, 3, gfn).state, TIDAL_PAGE_EXCLUSIVE);
	story_do(&s, 1, TIDAL_READ, gfn);
	story_close(&s);
}

/*
 * A request that was given up is still on its way to a node that has come back, and that got the page
 * meanwhile: it would be served, and its requester would not know what came. So a node takes part only when
 * it knows from all what they have given up. Broken in losses_heard(): when they have heard it. Found by review.
 */
static void back_before_an_old_request(void **state)
{
	struct story s;
	tidal_gfn gfn;

	(void)state;
	story_open(&s, &(struct world_config){ .nodes = 4, .pages = 8192 });
	gfn = page_with_home(&s, DEAD, 3);
	story_wire(&s, MSG_OWNER, 0, 3, WORLD_LOSE); /* the home goes on thinking that DEAD has it */
	story_do(&s, 0, TIDAL_WRITE, gfn);
	story_wire(&s, MSG_REQUEST, 3, DEAD, WORLD_HOLD);
	story_wire(&s, MSG_VOID, 1, DEAD, WORLD_LOSE);
	world_cut(s.w, DEAD, 1, true);
	world_restart(s.w, DEAD);
	story_pass(&s, 5 * MS);
	story_tell(&s, 1, TIDAL_WRITE, gfn);
	story_pass(&s, 100 * US);
	assert_true(story_seen(&s, MSG_REQUEST, 3, DEAD) > 0);
	story_wire(&s, MSG_OWNER, 0, 3, WORLD_PASS);
	story_pass(&s, 100 * MS);
	tell_death(&s, 1);
	assert_true(story_finish(&s, 1, 200 * MS));
	world_cut(s.w, DEAD, 1, false);
	story_pass(&s, 100 * MS);
	assert_int_equal(world_reports(s.w, TIDAL_REPORT_READY), 4); /* else it could get the page */
	story_mend(&s);
	story_pass(&s, 200 * MS);
	assert_int_equal(world_reports(s.w, TIDAL_REPORT_READY), 5);
	story_touch(&s, DEAD, TIDAL_WRITE, gfn);
	story_pass(&s, 20 * MS);
	assert_int_equal(world_completed(s.w, DEAD), 1);
	story_do(&s, 1, TIDAL_READ, gfn);
	story_close(&s);
}

/*
 * A node gives up requests again while grants to it are under way, and more are made all the time: it
 * is told when those are over that were made before. Broken in engine_void(): not before none is. Found
 * by review.
 */
static void answer_while_grants_go_on(void **state)
{
	struct story s;
	struct engine e;
	struct peer *p;
	uint8_t grant[6];

	(void)state;
	story_open(&s, &(struct world_config){ .nodes = 4 });
	core_engine(world_core(s.w, 0), world_now(s.w), &e);
	p = &e.peers[1];
	grant[0] = engine_grant(&e, 1);
	engine_void(&e, 1, 1);
	grant[1] = engine_grant(&e, 1);
	engine_void(&e, 1, 2);
	for (unsigned i = 0; i < 4; i++) {
		grant[i + 2] = engine_grant(&e, 1);
		engine_granted(&e, 1, grant[i]);
	}
	assert_false(p->void_due);
	engine_granted(&e, 1, grant[4]);
	engine_granted(&e, 1, grant[5]);
	story_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(death_of_who_had_a_request),
		cmocka_unit_test(death_of_who_had_a_request_is_found_out),
		cmocka_unit_test(death_of_an_owner),
		cmocka_unit_test(death_of_who_invalidates),
		cmocka_unit_test(death_of_a_destination),
		cmocka_unit_test(death_of_the_master),
		cmocka_unit_test(death_of_who_promised_a_slot),
		cmocka_unit_test(death_of_a_stranger),
		cmocka_unit_test(death_during_a_drop),
		cmocka_unit_test(request_of_the_dead),
		cmocka_unit_test(back_without_anything),
		cmocka_unit_test(back_of_who_had_a_copy),
		cmocka_unit_test(back_when_all_have_heard),
		cmocka_unit_test(back_before_an_old_request),
		cmocka_unit_test(answer_while_grants_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
