/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * passing: a vCPU that passes through a node leaves with all that it came with; and who asks, answers,
 * cancels or sends what makes no sense is found out. Broken in move.c: a field left out or taken from
 * its neighbour.
 */
#include "one-core.h"

#include "core/move.h"

#define V 2

static struct wire_vcpu visitor(void)
{
	return (struct wire_vcpu){
		.epoch = 77, .ran_at = 101, .since = 102, .history0 = 0x0001000200030004,
		.history1 = 0x0005000600070008, .history2 = 0x0009000a000b000c,
		.history3 = 0x000d000e000f0010, .value = 103, .gfn = 104, .gfn_before = 105,
		.group = 106, .vcpu = V, .ran_on = 2, .priority = 7, .history_used = VCPU_HISTORY,
		.resume = TIDAL_RESUME_IO, .moves = 9, .stalls = 3,
		.flags = WIRE_VCPU_MOVED | WIRE_VCPU_PIN_BOUND,
	};
}

/* A core whose vCPU V is at node 1. */
static void open_without(struct one_core *o, struct engine *e)
{
	struct vcpu *v;

	one_open(o, 0);
	core_engine(o->core, 1000, e);
	v = vcpus_at(e->vcpus, V);
	sched_forget(e->sched, V);
	v->state = TIDAL_VCPU_AWAY;
	v->node = 1;
	e->vcpus->here--;
	e->vcpus->promised = e->peers[1].slots = 1;
}

static struct tidal_action take(struct one_core *o, uint32_t kind)
{
	struct tidal_action a;

	do {
		assert_true(actq_take(&o->core->actq, &a));
	} while (a.kind != kind);
	return a;
}

static void arrive(struct one_core *o, struct engine *e, const struct wire_vcpu *w)
{
	const struct tidal_ev_host_done loaded = { 0 };
	struct tidal_action a;

	assert_int_equal(move_on_vcpu(e, 1, w, 55, 66), 0);
	a = take(o, TIDAL_ACT_LOAD);
	assert_int_equal(a.u.vcpu.vcpu, V);
	assert_int_equal(a.u.vcpu.buf, 55);
	assert_int_equal(a.u.vcpu.buf_len, 66);
	assert_int_equal(e->vcpus->promised, 0);
	assert_int_equal(e->vcpus->here, ONE_VCPUS);
	assert_int_equal(vcpus_at(e->vcpus, V)->state, TIDAL_VCPU_LOADING);
	assert_int_equal(vcpus_at(e->vcpus, V)->node, 0);
	assert_int_equal(move_on_loaded(e, V, &loaded), 0);
	assert_int_equal(vcpus_at(e->vcpus, V)->state, TIDAL_VCPU_READY);
	assert_int_equal(move_on_loaded(e, V, &loaded), TIDAL_EINVAL);
}

/* Sent on to node 1: what the message says. */
static struct wire leave(struct one_core *o, struct engine *e)
{
	const struct tidal_ev_host_done saved = { .buf = 5, .payload_len = 600 };
	struct wire_move_answer yes = { .epoch = 77, .vcpu = V, .yes = 1 };
	struct tidal_action a;

	move_ask(e, V, 1);
	assert_int_equal(move_on_answer(e, 1, &yes), 0);
	a = take(o, TIDAL_ACT_SAVE);
	assert_int_equal(a.u.vcpu.vcpu, V);
	assert_int_equal(move_on_saved(e, V, &saved), 0);
	assert_int_equal(vcpus_at(e->vcpus, V)->state, TIDAL_VCPU_FROZEN);
	assert_int_equal(vcpus_at(e->vcpus, V)->node, 1);
	assert_int_equal(move_on_saved(e, V, &saved), TIDAL_EINVAL);
	link_peer(e->link, 1, 1);
	one_pull(o);
	assert_int_equal(o->sent[MSG_VCPU], 1);
	assert_int_equal(o->last_to[MSG_VCPU], 1);
	return o->last[MSG_VCPU];
}

static void test_leaves_as_it_came(void **state)
{
	struct wire_vcpu in = visitor();
	struct one_core o;
	struct engine e;
	struct wire out;

	(void)state;
	open_without(&o, &e);
	arrive(&o, &e, &in);
	out = leave(&o, &e);
	in.epoch++;
	in.moves++;
	in.flags = WIRE_VCPU_MOVED; /* the pin was there */
	assert_memory_equal(&out.u.vcpu, &in, sizeof(in));
	assert_int_equal(vcpus_at(e.vcpus, V)->buf, 5);
	assert_int_equal(vcpus_at(e.vcpus, V)->buf_len, 600);
	one_close(&o);
}

/*
 * The host can't save it: it stays, and fetches the page of its stall instead of trying again for ever.
 * Found with a host whose vCPUs can't move, under the policy that always sends them.
 */
static void test_cannot_be_saved(void **state)
{
	const struct tidal_ev_host_done refused = { .status = TIDAL_ENOSYS };
	struct wire_move_answer yes = { .epoch = 77, .vcpu = V, .yes = 1 };
	struct wire_vcpu in = visitor();
	struct one_core o;
	struct engine e;
	struct vcpu *v;

	(void)state;
	in.flags = 0;
	open_without(&o, &e);
	arrive(&o, &e, &in);
	move_ask(&e, V, 1);
	assert_int_equal(move_on_answer(&e, 1, &yes), 0);
	assert_int_equal(move_on_saved(&e, V, &refused), 0);
	v = vcpus_at(e.vcpus, V);
	assert_int_equal(v->state, TIDAL_VCPU_READY);
	assert_int_equal(v->dest, TIDAL_NODE_NONE);
	sched_forget(e.sched, V);
	v->state = TIDAL_VCPU_STALLED;
	assert_false(move_possible(&e, V));
	vcpu_retired(v);
	assert_true(move_possible(&e, V)); /* for another instruction */
	one_close(&o);
}

/* Numbers that no node sends: the history is not longer than it can be, the moves don't wrap. */
static void test_numbers_out_of_range(void **state)
{
	struct wire_vcpu in = visitor();
	struct one_core o;
	struct engine e;
	struct wire out;

	(void)state;
	open_without(&o, &e);
	in.history_used = VCPU_HISTORY + 1;
	in.resume = TIDAL_RESUME_IO + 1;
	in.moves = UINT8_MAX;
	in.flags = 0;
	arrive(&o, &e, &in);
	assert_int_equal(vcpus_at(e.vcpus, V)->history_at, 0);
	assert_false(vcpus_at(e.vcpus, V)->moved);
	assert_false(vcpus_at(e.vcpus, V)->pin_bound);
	out = leave(&o, &e);
	assert_int_equal(out.u.vcpu.history_used, VCPU_HISTORY);
	assert_int_equal(out.u.vcpu.resume, TIDAL_RESUME_RETRY);
	assert_int_equal(out.u.vcpu.moves, UINT8_MAX);
	one_close(&o);
	in.history_used = 5;
	in.moves = UINT8_MAX - 1;
	open_without(&o, &e);
	arrive(&o, &e, &in);
	assert_int_equal(vcpus_at(e.vcpus, V)->history_used, 5);
	assert_int_equal(vcpus_at(e.vcpus, V)->history_at, 5);
	assert_int_equal(leave(&o, &e).u.vcpu.moves, UINT8_MAX);
	one_close(&o);
}

/* ---- what is refused ---- */

static void test_arrivals_that_make_no_sense(void **state)
{
	struct wire_vcpu in = visitor();
	struct one_core o;
	struct engine e;
	struct vcpu *v;

	(void)state;
	open_without(&o, &e);
	v = vcpus_at(e.vcpus, V);
	in.vcpu = ONE_VCPUS;
	assert_int_equal(move_on_vcpu(&e, 1, &in, 5, 6), TIDAL_EPROTO);
	in.vcpu = V;
	assert_int_equal(move_on_vcpu(&e, 1, &in, 5, 0), TIDAL_EPROTO);
	e.vcpus->promised = e.peers[1].slots = 0;
	assert_int_equal(move_on_vcpu(&e, 1, &in, 5, 6), TIDAL_EPROTO);
	e.vcpus->promised = e.peers[1].slots = 1;
	v->epoch = in.epoch;
	assert_int_equal(move_on_vcpu(&e, 1, &in, 5, 6), TIDAL_EPROTO);
	v->epoch = 0;
	v->state = TIDAL_VCPU_FROZEN;
	assert_int_equal(move_on_vcpu(&e, 1, &in, 5, 6), TIDAL_EAGAIN);
	v->state = TIDAL_VCPU_READY;
	assert_int_equal(move_on_vcpu(&e, 1, &in, 5, 6), TIDAL_EPROTO);
	assert_int_equal(e.vcpus->promised, 1);
	assert_int_equal(e.vcpus->here, ONE_VCPUS - 1);
	one_close(&o);
}

/* Who has asked nothing gets no answer: each of these would send a vCPU away that nobody expects. */
static void test_answers_that_make_no_sense(void **state)
{
	static const uint8_t states[] = { TIDAL_VCPU_SAVING, TIDAL_VCPU_FROZEN, TIDAL_VCPU_AWAY,
					  TIDAL_VCPU_LOST };
	struct wire_move_answer a = { .epoch = 0, .vcpu = V, .yes = 1 };
	struct one_core o;
	struct engine e;
	struct vcpu *v;

	(void)state;
	one_open(&o, 0);
	core_engine(o.core, 0, &e);
	v = vcpus_at(e.vcpus, V);
	assert_int_equal(move_on_answer(&e, 1, &a), TIDAL_EPROTO); /* not asked */
	move_ask(&e, V, 1);
	assert_int_equal(move_on_answer(&e, 2, &a), TIDAL_EPROTO); /* somebody else was */
	a.epoch = 1;
	assert_int_equal(move_on_answer(&e, 1, &a), TIDAL_EPROTO);
	a.epoch = 0;
	a.vcpu = ONE_VCPUS;
	assert_int_equal(move_on_answer(&e, 1, &a), TIDAL_EPROTO);
	a.vcpu = V;
	v->go = true; /* answered already */
	assert_int_equal(move_on_answer(&e, 1, &a), TIDAL_EPROTO);
	v->go = false;
	for (unsigned i = 0; i < 4; i++) {
		v->state = states[i];
		assert_int_equal(move_on_answer(&e, 1, &a), TIDAL_EPROTO);
	}
	v->state = TIDAL_VCPU_READY;
	a.yes = 0;
	assert_int_equal(move_on_answer(&e, 1, &a), 0);
	assert_int_equal(v->dest, TIDAL_NODE_NONE);
	assert_int_equal(v->state, TIDAL_VCPU_READY);
	one_close(&o);
}

static void test_asking_for_a_slot(void **state)
{
	struct wire_move_ask m = { .epoch = 7, .vcpu = V };
	const struct wire_move_cancel cancel = { V }, bad = { ONE_VCPUS };
	struct one_core o;
	struct engine e;

	(void)state;
	open_without(&o, &e);
	link_peer(e.link, 1, 1);
	e.vcpus->promised = e.peers[1].slots = 0;
	assert_int_equal(move_on_ask(&e, 1, &m), 0);
	assert_int_equal(e.vcpus->promised, 1);
	assert_int_equal(move_on_ask(&e, 1, &m), 0); /* no slot is left: no */
	assert_int_equal(e.vcpus->promised, 1);
	one_pull(&o);
	assert_int_equal(o.sent[MSG_MOVE_ANSWER], 2);
	assert_int_equal(o.last[MSG_MOVE_ANSWER].u.move_answer.vcpu, V);
	assert_int_equal(o.last[MSG_MOVE_ANSWER].u.move_answer.epoch, 7);
	assert_int_equal(o.last_to[MSG_MOVE_ANSWER], 1);
	m.vcpu = ONE_VCPUS;
	assert_int_equal(move_on_ask(&e, 1, &m), TIDAL_EPROTO);
	m.vcpu = 0; /* it is here */
	assert_int_equal(move_on_ask(&e, 1, &m), TIDAL_EPROTO);
	vcpus_at(e.vcpus, V)->state = TIDAL_VCPU_FROZEN;
	m.vcpu = V;
	assert_int_equal(move_on_ask(&e, 1, &m), TIDAL_EAGAIN);
	assert_int_equal(move_on_cancel(&e, 1, &bad), TIDAL_EPROTO);
	assert_int_equal(move_on_cancel(&e, 1, &cancel), 0);
	assert_int_equal(e.vcpus->promised, 0);
	assert_int_equal(move_on_cancel(&e, 1, &cancel), TIDAL_EPROTO);
	one_close(&o);
}

/* A vCPU's home hears where it is: the newest word wins, and none of one that is here. */
static void test_word_of_a_vcpu(void **state)
{
	struct wire_vcpu_at m = { .epoch = 5, .vcpu = V, .node = 2 };
	struct one_core o;
	struct engine e;
	struct vcpu *v;

	(void)state;
	open_without(&o, &e);
	v = vcpus_at(e.vcpus, V);
	assert_int_equal(move_on_at(&e, &m), 0);
	assert_int_equal(v->node, 2);
	assert_int_equal(v->epoch, 5);
	m.node = 1;
	assert_int_equal(move_on_at(&e, &m), 0);
	assert_int_equal(v->node, 2);
	m.node = 3;
	assert_int_equal(move_on_at(&e, &m), TIDAL_EPROTO);
	m.node = 2;
	m.vcpu = ONE_VCPUS;
	assert_int_equal(move_on_at(&e, &m), TIDAL_EPROTO);
	m.vcpu = 0;
	assert_int_equal(move_on_at(&e, &m), 0);
	assert_int_equal(vcpus_at(e.vcpus, 0)->node, 0);
	one_close(&o);
}

/* ---- what the host can't do ---- */

static void check_report(struct one_core *o, uint32_t what, int error)
{
	struct tidal_act_report r = take(o, TIDAL_ACT_REPORT).u.report;

	while (r.what == TIDAL_REPORT_READY)
		r = take(o, TIDAL_ACT_REPORT).u.report;
	assert_int_equal(r.what, what);
	assert_int_equal(r.error, error);
	assert_int_equal(r.gfn, TIDAL_GFN_NONE);
	assert_int_equal(r.vcpu, V);
	assert_int_equal(r.node, 0);
}

/* Not saved: it stays, and the slot that waits for it is given back. */
static void test_saving_fails(void **state)
{
	const struct tidal_ev_host_done failed = { .status = -5 };
	struct wire_move_answer yes = { .vcpu = V, .yes = 1 };
	struct one_core o;
	struct engine e;
	struct vcpu *v;

	(void)state;
	one_open(&o, 0);
	core_engine(o.core, 0, &e);
	link_peer(e.link, 1, 1);
	v = vcpus_at(e.vcpus, V);
	move_ask(&e, V, 1);
	assert_int_equal(move_on_answer(&e, 1, &yes), 0);
	assert_int_equal(v->state, TIDAL_VCPU_SAVING);
	v->pin_bound = true;
	assert_int_equal(move_on_saved(&e, V, &failed), 0);
	check_report(&o, TIDAL_REPORT_HOST_FAILED, -5);
	assert_int_equal(v->state, TIDAL_VCPU_READY);
	assert_int_equal(v->dest, TIDAL_NODE_NONE);
	assert_false(v->pin_bound);
	assert_int_equal(v->epoch, 0);
	one_check(&o);
	one_pull(&o);
	assert_int_equal(o.sent[MSG_MOVE_CANCEL], 1);
	assert_int_equal(o.last_to[MSG_MOVE_CANCEL], 1);
	assert_int_equal(o.last[MSG_MOVE_CANCEL].u.move_cancel.vcpu, V);
	one_close(&o);
}

/* Not loaded: it is lost, and its slot is free again. */
static void test_loading_fails(void **state)
{
	const struct tidal_ev_host_done failed = { .status = -6 };
	const struct wire_vcpu in = visitor();
	struct one_core o;
	struct engine e;

	(void)state;
	open_without(&o, &e);
	assert_int_equal(move_on_vcpu(&e, 1, &in, 5, 6), 0);
	assert_int_equal(move_on_loaded(&e, V, &failed), 0);
	check_report(&o, TIDAL_REPORT_VCPU_LOST, -6);
	assert_int_equal(vcpus_at(e.vcpus, V)->state, TIDAL_VCPU_LOST);
	assert_int_equal(e.vcpus->here, ONE_VCPUS - 1);
	one_check(&o);
	one_close(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_leaves_as_it_came),
		cmocka_unit_test(test_cannot_be_saved),
		cmocka_unit_test(test_numbers_out_of_range),
		cmocka_unit_test(test_arrivals_that_make_no_sense),
		cmocka_unit_test(test_answers_that_make_no_sense),
		cmocka_unit_test(test_asking_for_a_slot),
		cmocka_unit_test(test_word_of_a_vcpu),
		cmocka_unit_test(test_saving_fails),
		cmocka_unit_test(test_loading_fails),
	};

	return cmocka_run_group_tests_name("passing", tests, NULL, NULL);
}
