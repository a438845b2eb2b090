/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * journeys: vCPUs on their way (move.c), in rare moments or as a peer tells lies about them. This
 * node has all memory and vCPUs 0 .. 2; vCPU 3 is node 1's.
 */
#include "one-core.h"

#include "core/move.h"
#include "core/proto.h"

struct traveller {
	struct one_core o;
	struct engine e;
};

static void meet(struct traveller *t, tidal_nodeid node)
{
	struct tidal_event ev = { .kind = TIDAL_EV_PEER_UP };

	ev.u.peer.node = node;
	ev.u.peer.incarnation = 1;
	assert_int_equal(one_push(&t->o, &ev), 0);
	one_pull(&t->o);
}

/* Memory is on *owner*. */
static void open_traveller(struct traveller *t, tidal_nodeid owner)
{
	memset(t, 0, sizeof(*t));
	one_params(&t->o, 0);
	t->o.map.memory[0].node = owner;
	t->o.map.vcpu_runs = 2;
	t->o.map.vcpu[0].count = 3;
	t->o.map.vcpu[1] = (struct tidal_vmap_vcpus){ 3, 1, 1 };
	t->o.map.device[0].node = 1;
	one_start(&t->o);
	one_peer(&t->o);
	one_run(&t->o);
	meet(t, 1);
	meet(t, 2);
	core_engine(t->o.core, t->o.now, &t->e);
}

static void stall(struct traveller *t, tidal_vcpuid v, tidal_gfn gfn, uint16_t access)
{
	struct tidal_event ev = one_stall(v, gfn, access);

	assert_int_equal(one_push(&t->o, &ev), 0);
	one_pull(&t->o);
}

static int move_command(struct traveller *t, tidal_vcpuid v, tidal_nodeid node)
{
	struct tidal_event ev = one_command(TIDAL_CMD_MOVE_VCPU, 0);
	int err;

	ev.u.command.vcpu = v;
	ev.u.command.node = node;
	err = one_push(&t->o, &ev);
	one_pull(&t->o);
	return err;
}

static struct wire answer(tidal_vcpuid v, uint64_t epoch, bool yes)
{
	return (struct wire){ .kind = MSG_MOVE_ANSWER,
			      .u.move_answer = { .vcpu = v, .epoch = epoch, .yes = yes } };
}

/* Node 1 says this; it is reported, and the vCPU is as before. */
static void check_disbelieved(struct traveller *t, const struct wire *m, tidal_vcpuid v)
{
	const struct vcpu before = *vcpus_at(t->e.vcpus, v);
	uint32_t reports = t->o.reports[TIDAL_REPORT_BAD_PEER];

	one_say(&t->o, m);
	assert_int_equal(t->o.reports[TIDAL_REPORT_BAD_PEER], reports + 1);
	assert_memory_equal(vcpus_at(t->e.vcpus, v), &before, sizeof(before));
}

/* A vCPU with its message: whatever the driver received, in buffer 9. */
static void arrive(struct traveller *t, const struct wire_vcpu *w)
{
	const struct wire m = { .kind = MSG_VCPU, .u.vcpu = *w };
	uint8_t body[LINK_BODY_MAX];
	struct one_packet p;
	struct tidal_event ev;

	assert_true(one_packet(&t->o, wire_class(MSG_VCPU), body, wire_encode(&m, body), &p));
	ev = one_message(&p);
	ev.u.message.payload = TIDAL_PAYLOAD_VCPU;
	ev.u.message.payload_len = 100;
	ev.u.message.buf = 9;
	assert_int_equal(one_push(&t->o, &ev), 0);
	one_check(&t->o);
	one_pull(&t->o);
}

/* A slot for vCPU 3. */
static void promise(struct traveller *t)
{
	const struct wire m = { .kind = MSG_MOVE_ASK, .u.move_ask = { .vcpu = 3 } };
	uint32_t promised = t->e.vcpus->promised;

	one_say(&t->o, &m);
	assert_int_equal(t->o.last[MSG_MOVE_ANSWER].u.move_answer.yes, 1);
	assert_int_equal(t->e.vcpus->promised, promised + 1);
}

/* Nobody was asked: or not node 1, or for another journey. Broken in move_on_answer(): each. */
static void answers_to_nothing(void **state)
{
	struct traveller t;
	struct wire yes = answer(1, 0, true), later = answer(1, 1, true), away = answer(3, 0, true);

	(void)state;
	open_traveller(&t, 0);
	check_disbelieved(&t, &yes, 1);
	assert_int_equal(move_command(&t, 1, 2), 0);
	check_disbelieved(&t, &yes, 1); /* from node 2 it would be welcome */
	assert_int_equal(move_command(&t, 2, 1), 0);
	later.u.move_answer.vcpu = 2;
	check_disbelieved(&t, &later, 2);
	check_disbelieved(&t, &away, 3);
	vcpus_at(t.e.vcpus, 3)->dest = 1; /* even if it looked as if asked */
	check_disbelieved(&t, &away, 3);
	one_close(&t.o);
}

/* Yes, again, while it is being saved, and when it has been sent. Broken: each condition. */
static void answered_twice(void **state)
{
	struct tidal_event ev;
	struct traveller t;
	struct wire yes = answer(1, 0, true);

	(void)state;
	open_traveller(&t, 0);
	assert_int_equal(move_command(&t, 1, 1), 0);
	one_say(&t.o, &yes);
	assert_int_equal(vcpus_at(t.e.vcpus, 1)->state, TIDAL_VCPU_SAVING);
	check_disbelieved(&t, &yes, 1);
	assert_int_equal(move_command(&t, 1, 1), TIDAL_EBUSY);
	ev = one_done(t.o.done[--t.o.dones]);
	t.o.silent = true;
	assert_int_equal(one_push(&t.o, &ev), 0);
	one_pull(&t.o);
	assert_int_equal(vcpus_at(t.e.vcpus, 1)->state, TIDAL_VCPU_FROZEN);
	yes.u.move_answer.epoch = vcpus_at(t.e.vcpus, 1)->epoch;
	check_disbelieved(&t, &yes, 1);
	one_close(&t.o);
}

/* Where it is frozen or being loaded, the embedder can't send it on. Broken in move_command(): each. */
static void not_to_be_sent_now(void **state)
{
	static const uint8_t states[] = { TIDAL_VCPU_FROZEN, TIDAL_VCPU_LOADING, TIDAL_VCPU_OFF };
	struct traveller t;

	(void)state;
	open_traveller(&t, 0);
	for (unsigned i = 0; i < 3; i++) {
		vcpus_at(t.e.vcpus, 1)->state = states[i];
		assert_int_equal(move_command(&t, 1, 1), TIDAL_EBUSY);
	}
	vcpus_at(t.e.vcpus, 1)->state = TIDAL_VCPU_READY;
	assert_int_equal(move_command(&t, 1, 1), 0);
	one_close(&t.o);
}

/*
 * It comes as if from the past, or is to resume in no known way: the first is not taken, the other
 * retries. Broken in move_on_vcpu(): the look at the epoch; in take(): the bound.
 */
static void arrivals_that_can_not_be(void **state)
{
	struct wire_vcpu w = { .vcpu = 3, .epoch = 4, .resume = 200, .history_used = 255 };
	struct traveller t;
	struct vcpu *v;

	(void)state;
	open_traveller(&t, 0);
	t.e.vcpus->slots++;
	promise(&t);
	v = vcpus_at(t.e.vcpus, 3);
	v->epoch = 4;
	arrive(&t, &w);
	assert_int_equal(t.o.reports[TIDAL_REPORT_BAD_PEER], 1);
	assert_int_equal(v->state, TIDAL_VCPU_AWAY);
	w.epoch = 5;
	arrive(&t, &w);
	assert_int_equal(v->state, TIDAL_VCPU_LOADING);
	assert_int_equal(v->resume, TIDAL_RESUME_RETRY);
	assert_int_equal(v->history_used, VCPU_HISTORY);
	one_settle(&t.o);
	assert_int_equal(v->state, TIDAL_VCPU_READY);
	check_disbelieved(&t, &(struct wire){ .kind = MSG_MOVE_ASK, .u.move_ask.vcpu = 3 }, 3);
	one_close(&t.o);
}

/*
 * The vCPU is bound to a pin by which it came: it may not go elsewhere, for a page or for a device.
 * Broken in move_possible(), would_rather_move(): no look at pin_bound.
 */
static void bound_to_a_pin(void **state)
{
	struct traveller t;
	const struct wire_request *r = &t.o.last[MSG_REQUEST].u.request;

	(void)state;
	for (unsigned bound = 0; bound < 2; bound++) {
		open_traveller(&t, 1);
		vcpus_at(t.e.vcpus, 0)->pin_bound = bound;
		stall(&t, 0, 5, TIDAL_WRITE);
		assert_int_equal(t.o.sent[MSG_REQUEST], 1);
		assert_int_equal(!(r->flags & WIRE_MOVABLE), bound);
		assert_int_equal(!(r->flags & WIRE_PIN_BOUND), !bound);
		one_close(&t.o);
		open_traveller(&t, 0);
		vcpus_at(t.e.vcpus, 0)->pin_bound = bound;
		stall(&t, 0, 0, TIDAL_IO);
		assert_int_equal(t.e.stats->decisions, !bound);
		one_close(&t.o);
	}
}

/*
 * The owner would have the vCPU come, which has meanwhile got its page and waits for a device whose
 * address is, by number, that page's: it does not go. Broken in move_go(): the look at access.
 */
static void invited_when_busy_with_a_device(void **state)
{
	struct traveller t;
	struct vcpu *v;

	(void)state;
	open_traveller(&t, 1);
	stall(&t, 0, 5, TIDAL_WRITE);
	v = vcpus_at(t.e.vcpus, 0);
	assert_int_equal(v->gfn, 5);
	v->access = TIDAL_IO;
	assert_false(move_go(&t.e, 0, 5, 1));
	v->access = TIDAL_WRITE;
	assert_false(move_go(&t.e, 0, 6, 1));
	assert_true(move_go(&t.e, 0, 5, 1));
	one_close(&t.o);
}

/* Accesses to devices are numbered; 0 means none. Broken in ask(): the look at 0. */
static void number_of_an_access(void **state)
{
	struct traveller t;

	(void)state;
	open_traveller(&t, 0);
	vcpus_at(t.e.vcpus, 0)->moved = true;
	t.e.devices->next_id = UINT32_MAX;
	stall(&t, 0, 0, TIDAL_IO);
	assert_int_equal(t.o.last[MSG_IO_ASK].u.io_ask.id, 1);
	assert_int_equal(vcpus_at(t.e.vcpus, 0)->io, 1);
	one_close(&t.o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_to_nothing),
		cmocka_unit_test(answered_twice),
		cmocka_unit_test(not_to_be_sent_now),
		cmocka_unit_test(arrivals_that_can_not_be),
		cmocka_unit_test(bound_to_a_pin),
		cmocka_unit_test(invited_when_busy_with_a_device),
		cmocka_unit_test(number_of_an_access),
	};

	return cmocka_run_group_tests_name("journeys", tests, NULL, NULL);
}
