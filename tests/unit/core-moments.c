/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * core-moments: as moments.c, but of vCPUs, commands, and the core as a whole. One test for each
 * statement or number that mutation found nobody to look at. See corner.h.
 */
#include "corner.h"

#include "core/digest.h"
#include "core/move.h"

/* A vCPU that waits for a page. */
static void wait_for(struct corner *c, tidal_vcpuid v, tidal_gfn gfn, uint8_t access)
{
	uint16_t thread;

	if (sched_running(c->e.sched, v, &thread))
		sched_stopped(c->e.sched, c->e.now, v);
	sched_forget(c->e.sched, v);
	vcpus_at(c->e.vcpus, v)->state = TIDAL_VCPU_STALLED;
	vcpu_stalled(vcpus_at(c->e.vcpus, v), c->e.now, gfn, access, true);
	sched_wait(c->e.sched, v, SCHED_WAIT_PAGE, gfn);
}

/* ---- move.c, core_events.c ---- */

/* It was switched off meanwhile: the slot is given back, and it does not leave. */
static void may_go_but_is_off(void **state)
{
	const struct wire_move_answer m = { .vcpu = 2, .yes = 1 };
	struct corner c;
	struct vcpu *v;

	(void)state;
	open_corner(&c);
	v = vcpus_at(c.e.vcpus, 2);
	sched_forget(c.e.sched, 2);
	v->state = TIDAL_VCPU_OFF;
	v->dest = 1;
	assert_int_equal(move_on_answer(&c.e, 1, &m), 0);
	assert_false(v->go);
	assert_int_equal(v->dest, TIDAL_NODE_NONE);
	assert_int_equal(v->state, TIDAL_VCPU_OFF);
	one_pull(&c.o);
	assert_int_equal(c.o.sent[MSG_MOVE_CANCEL], 1);
	one_close(&c.o);
}

/* Nobody is moved to the dead; to where it is already is no move. Broken in move_command(). */
static void moved_to_the_dead(void **state)
{
	struct tidal_event down = { .kind = TIDAL_EV_PEER_DOWN };
	struct tidal_event move = one_command(TIDAL_CMD_MOVE_VCPU, 0);
	struct corner c;

	(void)state;
	open_corner(&c);
	down.u.peer.node = 2;
	assert_int_equal(one_push(&c.o, &down), 0);
	move.u.command.vcpu = 2;
	move.u.command.node = 2;
	assert_int_equal(one_push(&c.o, &move), TIDAL_EPEER);
	move.u.command.node = 0;
	assert_int_equal(one_push(&c.o, &move), 0);
	one_pull(&c.o);
	assert_int_equal(c.o.sent[MSG_MOVE_ASK], 0);
	move.u.command.node = 1;
	assert_int_equal(one_push(&c.o, &move), 0);
	one_pull(&c.o);
	assert_int_equal(c.o.sent[MSG_MOVE_ASK], 1);
	one_close(&c.o);
}

/* A core begins paused; and each pause stops whoever runs then. Broken: core->paused, stop_cursor. */
static void paused_more_than_once(void **state)
{
	struct tidal_event stop = { .kind = TIDAL_EV_VCPU_STOPPED };
	struct tidal_event pause = one_command(TIDAL_CMD_PAUSE, 0);
	struct one_core o;
	uint64_t digest;

	(void)state;
	one_open(&o, 0);
	assert_int_equal(one_push(&o, &(struct tidal_event){ .kind = TIDAL_EV_TICK }), 0);
	one_settle(&o);
	digest = tidal_core_digest(o.core);
	assert_int_equal(one_push(&o, &pause), 0);
	assert_true(tidal_core_digest(o.core) == digest);
	for (unsigned i = 0; i < 3; i++) {
		one_run(&o);
		assert_true(o.running[0] && !o.asked_to_stop[0]);
		assert_int_equal(one_push(&o, &pause), 0);
		one_pull(&o);
		assert_true(o.asked_to_stop[0]);
		stop.u.stopped.vcpu = 0;
		stop.u.stopped.reason = TIDAL_STOP_SLICE;
		assert_int_equal(one_push(&o, &stop), 0);
		for (tidal_vcpuid v = 1; v < ONE_VCPUS && i == 0; v++) /* only vCPU 0 is left to run */
			sched_forget(REL(o.core, sched), v);
	}
	one_close(&o);
}

/* An embedder's policy gets the data that came with it, then no other's. Broken in set_policy(). */
static enum tidal_choice note_data(const struct tidal_factors *f, const void *data)
{
	(void)f;
	++*(unsigned *)(uintptr_t)data;
	return TIDAL_CHOOSE_PAGE;
}

static void data_of_a_policy(void **state)
{
	struct tidal_policy_ops ops = *tidal_policy_page();
	struct tidal_event ev = one_command(TIDAL_CMD_SET_POLICY, 0);
	unsigned asked[2] = { 0 };
	struct corner c;

	(void)state;
	ops.request = note_data;
	open_corner(&c);
	for (unsigned i = 0; i < 2; i++) {
		tidal_gfn gfn = 5 + i;

		ev.u.command.policy = &ops;
		ev.u.command.policy_data = &asked[i];
		assert_int_equal(one_push(&c.o, &ev), 0);
		put_page(&c, gfn, TIDAL_PAGE_INVALID, UNMAPPED, false);
		owners_hint_page(c.e.owners, gfn, (struct whereabouts){ 1, 1 });
		wait_for(&c, (tidal_vcpuid)i, gfn, TIDAL_READ);
		assert_int_equal(proto_stall(&c.e, gfn, TIDAL_READ, true), 0);
		assert_int_equal(asked[i], 1);
	}
	one_close(&c.o);
}

/* ---- core.c, core_message.c, digest.c ---- */

/* A packet of an earlier life is dropped before it is looked into; what it brought goes back. */
static void buffer_of_an_earlier_life(void **state)
{
	const struct wire m = { .kind = MSG_FIND, .u.find = { .gfn = 5 } };
	uint8_t body[LINK_BODY_MAX];
	struct tidal_action a;
	struct one_packet p;
	struct tidal_event ev;
	struct corner c;
	unsigned freed = 0;

	(void)state;
	open_corner(&c);
	assert_true(one_packet(&c.o, LINK_REQUEST, body, wire_encode(&m, body), &p));
	link_peer(c.e.link, 1, 2);
	ev = one_message(&p);
	ev.u.message.payload = TIDAL_PAYLOAD_VCPU;
	ev.u.message.payload_len = 100;
	ev.u.message.buf = 42;
	assert_int_equal(one_push(&c.o, &ev), 0);
	while (tidal_core_pull(c.o.core, &a))
		freed += a.kind == TIDAL_ACT_BUF_FREE && a.u.buf.buf == 42;
	assert_int_equal(freed, 1);
	one_close(&c.o);
}

/* Arrays begin at cache lines, whatever their sizes are. Broken in any init(): an alignment. */
static void arrays_begin_at_lines(void **state)
{
#define AT_LINE(owner, member) assert_int_equal((uintptr_t)REL(owner, member) % 64, 0)
	struct one_core o = { .now = 0 };
	struct tidal_core *c;

	(void)state;
	for (uint32_t odd = 0; odd < 8; odd++) {
		one_params(&o, 0);
		o.params.frames = 64 + odd * 13;
		o.params.transits = 16 + odd;
		o.params.messages = 128 + odd;
		o.params.ranges = o.params.homes = 16 + odd;
		one_start(&o);
		c = o.core;
		AT_LINE(c, link);
		AT_LINE(c, peers);
		AT_LINE(&c->pages.table, slots);
		AT_LINE(&c->pages.copies, slots);
		AT_LINE(&c->ranges.table, slots);
		AT_LINE(&c->ranges, masks);
		AT_LINE(&c->owners.pages, slots);
		AT_LINE(&c->owners.ranges, slots);
		AT_LINE(&c->owners, hints);
		AT_LINE(&c->owners, range_hints);
		AT_LINE(&c->frames.zeroed.cold, words[0]);
		AT_LINE(&c->frames.dirty.cold, words[0]);
		AT_LINE(&c->transits.index, slots);
		AT_LINE(&c->transits, transits);
		AT_LINE(&c->transits, queued);
		AT_LINE(&c->transits, heap);
		AT_LINE(&c->vcpus, vcpu);
		free(o.mem);
	}
}

/* What a map says beyond its runs and devices is nobody's business. Broken: `<` of loops over them. */
static void rubbish_beyond_the_map(void **state)
{
	struct one_core clean, o = { .now = 0 };

	(void)state;
	one_open(&clean, 0);
	one_params(&o, 0);
	o.map.memory[1] = (struct tidal_vmap_memory){ ONE_PAGES, 5000, 0 };
	o.map.vcpu[1] = (struct tidal_vmap_vcpus){ ONE_VCPUS, 1000, 0 };
	o.map.device[1] = (struct tidal_vmap_device){ 0, UINT64_C(1) << 60, 1 };
	one_start(&o);
	one_peer(&o);
	assert_true(tidal_core_digest(o.core) == tidal_core_digest(clean.core));
	assert_int_equal(o.core->vcpus.here, ONE_VCPUS);
	one_run(&o);
	one_run(&clean);
	for (unsigned i = 0; i < 2; i++) { /* an access to no device */
		struct one_core *c = i ? &o : &clean;
		struct tidal_event ev = one_stall(0, 0, TIDAL_IO);

		ev.u.stall.gpa = ONE_DEVICE + 4096;
		assert_int_equal(one_push(c, &ev), 0);
		one_pull(c);
		assert_int_equal(c->reports[TIDAL_REPORT_BAD_STALL], 1);
	}
	one_close(&o);
	one_close(&clean);
}

/* What a packet tells of this node is true after the event that it follows. Broken in push: no press(). */
static void pressure_is_told_at_once(void **state)
{
	struct tidal_event stop = { .kind = TIDAL_EV_VCPU_STOPPED };
	struct corner c;
	uint32_t spare;

	(void)state;
	open_corner(&c);
	assert_int_equal(sched_load(c.e.sched), 16 * ONE_VCPUS);
	stop.u.stopped.vcpu = 0;
	stop.u.stopped.reason = TIDAL_STOP_OFF;
	assert_int_equal(one_push(&c.o, &stop), 0);
	link_queue(c.e.link, 1, LINK_REPLY, NULL, 0, NULL, 0);
	for (struct tidal_action a; tidal_core_pull(c.o.core, &a);) {
		struct link_in in;

		if (a.kind != TIDAL_ACT_SEND)
			continue;
		assert_int_equal(link_peek(c.o.peer, 0, a.u.send.header, a.u.send.len, &in), 0);
		assert_int_equal(in.load, 16 * (ONE_VCPUS - 1));
		spare = frames_free(c.e.frames) - c.e.frames->reserve;
		assert_int_equal(in.free, spare);
		one_close(&c.o);
		return;
	}
	fail_msg("no packet");
}

/* Does the digest name the page of an entry? Also of the last one of the largest guest. */
static uint64_t note_page(void *arg, tidal_gfn gfn, uint64_t epoch)
{
	if (epoch == 77)
		*(tidal_gfn *)arg = gfn;
	return epoch;
}

static uint64_t no_id(void *arg, tidal_nodeid node, tidal_gfn gfn, uint32_t id)
{
	(void)arg;
	(void)node;
	(void)gfn;
	return id;
}

static uint64_t no_since(void *arg, tidal_time since)
{
	(void)arg;
	return since;
}

static void pages_of_the_largest_guest(void **state)
{
	const tidal_gfn last = (UINT64_C(1) << TIDAL_GFN_BITS) - 1;
	tidal_gfn seen = 0;
	const struct digest_view view = { .epoch = note_page, .id = no_id, .since = no_since,
					  .arg = &seen };
	struct page page = { .gfn = last, .state = TIDAL_PAGE_PRIMARY, .frame = 1, .epoch = 77 };
	struct corner c;

	(void)state;
	open_corner(&c);
	c.e.guest->pages = last + 1;
	pages_put(c.e.pages, &page);
	digest_core(c.o.core, &view);
	assert_int_equal(seen, last);
	pages_del(c.e.pages, last);
	seen = 0;
	assert_true(owners_note_page(c.e.owners, last, (struct whereabouts){ 1, 77 }));
	digest_core(c.o.core, &view);
	assert_int_equal(seen, last);
	assert_int_equal(owners_recorded(c.e.owners, last).node, 1);
	one_close(&c.o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(may_go_but_is_off),
		cmocka_unit_test(moved_to_the_dead),
		cmocka_unit_test(paused_more_than_once),
		cmocka_unit_test(data_of_a_policy),
		cmocka_unit_test(buffer_of_an_earlier_life),
		cmocka_unit_test(arrays_begin_at_lines),
		cmocka_unit_test(rubbish_beyond_the_map),
		cmocka_unit_test(pressure_is_told_at_once),
		cmocka_unit_test(pages_of_the_largest_guest),
	};

	return cmocka_run_group_tests_name("core-moments", tests, NULL, NULL);
}
