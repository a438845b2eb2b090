/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * factors: what a policy is told is true, at the requester, at the owner, at a full node and at a device
 * access; and what it says is done. Broken in ask.c, serve.c, dormant.c, devices.c: a factor left out,
 * the owner's load given for the requester's.
 */
#include "one-core.h"

#include "core/devices.h"
#include "core/proto.h"

#define THERE 520 /* a page of node 1 */
#define V 0	  /* on the only hyperthread */

struct told {
	struct tidal_factors request, answer;
	struct tidal_full_factors full;
	unsigned requests, answers, fulls;
	enum tidal_choice choice;
	enum tidal_full_choice full_choice;
};

static struct told *told_of(const void *weights)
{
	return (struct told *)(uintptr_t)weights;
}

static enum tidal_choice request(const struct tidal_factors *f, const void *weights)
{
	told_of(weights)->request = *f;
	told_of(weights)->requests++;
	return told_of(weights)->choice;
}

static enum tidal_choice answer(const struct tidal_factors *f, const void *weights)
{
	told_of(weights)->answer = *f;
	told_of(weights)->answers++;
	return told_of(weights)->choice;
}

static enum tidal_full_choice full(const struct tidal_full_factors *f, const void *weights)
{
	told_of(weights)->full = *f;
	told_of(weights)->fulls++;
	return told_of(weights)->full_choice;
}

static const struct tidal_policy_ops ops = { sizeof(ops), "told", request, answer, full };

static void open_told(struct one_core *o, struct told *told, struct engine *e)
{
	memset(o, 0, sizeof(*o));
	memset(told, 0, sizeof(*told));
	one_params(o, 0);
	o->map.memory_runs = 2;
	o->map.memory[0].pages = 512;
	o->map.memory[1] = (struct tidal_vmap_memory){ 512, ONE_PAGES - 512, 1 };
	o->map.device[0].node = 1;
	o->params.policy = &ops;
	o->params.policy_data = told;
	o->params.vcpu_bytes = 5000;
	one_start(o);
	one_peer(o);
	one_run(o);
	core_engine(o->core, o->now, e);
	link_peer(e->link, 1, 1);
	e->peers[1].load = 21;
	e->peers[1].free = 16; /* of 64: a quarter */
	e->peers[1].heard = true;
}

/* Its last eight stalls: five served here, two by node 1. */
static void give_history(struct engine *e)
{
	struct vcpu *v = vcpus_at(e->vcpus, V);

	for (unsigned i = 0; i < 8; i++)
		vcpu_served(v, i < 5 ? 0 : i < 7 ? 1 : 2);
	v->moves = 3;
	v->settling = 0;
}

static int stall(struct one_core *o, tidal_gfn gfn, uint16_t access)
{
	struct tidal_event ev = one_stall(V, gfn, access);

	return one_push(o, &ev);
}

static void check_request(struct one_core *o, const struct engine *e, const struct told *t)
{
	const struct wire_request *r = &o->last[MSG_REQUEST].u.request;
	const struct tidal_factors *f = &t->request;

	assert_int_equal(f->access, TIDAL_WRITE);
	assert_int_equal(f->bytes_page, TIDAL_PAGE_SIZE);
	assert_int_equal(f->bytes_vcpu, 5000);
	assert_int_equal(f->local_share, 5 * 256 / VCPU_HISTORY);
	assert_int_equal(f->remote_share, 2 * 256 / VCPU_HISTORY);
	assert_int_equal(f->load_there, 21);
	assert_int_equal(f->free_here, engine_free_share(e));
	assert_int_equal(f->free_there, 64);
	assert_int_equal(f->movable, 1);
	assert_int_equal(f->moves, 3);
	assert_int_equal(f->dormant | f->copies | f->entangled | f->pinned | f->in_use, 0);
	assert_int_equal(r->gfn, THERE);
	assert_int_equal(r->node, 0);
	assert_int_equal(r->vcpu, V);
	assert_int_equal(r->want, TIDAL_WRITE);
	assert_int_equal(r->local_share, f->local_share);
	assert_int_equal(r->remote_share, f->remote_share);
	assert_int_equal(r->load, f->load_here);
	assert_int_equal(r->free, f->free_here);
	assert_int_equal(r->warmth, f->warmth);
	assert_int_equal(r->moves, 3);
	assert_int_equal(r->hops, 0);
	assert_int_equal(r->held_epoch, 0);
}

static void test_the_requester_is_told(void **state)
{
	(void)state;
	for (unsigned choice = 0; choice < 2; choice++) {
		struct tidal_stats st;
		struct one_core o;
		struct told told;
		struct engine e;

		open_told(&o, &told, &e);
		told.choice = choice ? TIDAL_CHOOSE_VCPU : TIDAL_CHOOSE_PAGE;
		give_history(&e);
		for (unsigned i = 0; i < HOT_MIN; i++)
			hot_write_stall(e.hot, THERE);
		assert_int_equal(stall(&o, THERE, TIDAL_WRITE), 0);
		assert_int_equal(told.requests, 1);
		/* three wait for the one thread that has just come free */
		assert_int_equal(told.request.load_here, 3 * 16);
		one_pull(&o);
		assert_int_equal(o.sent[MSG_REQUEST], 1);
		assert_int_equal(o.last_to[MSG_REQUEST], 1);
		check_request(&o, &e, &told);
		assert_int_equal(told.request.pingpong, HOT_MIN + 1); /* this stall, too */
		assert_int_equal(told.request.hot, 1);
		assert_int_equal(o.last[MSG_REQUEST].u.request.pingpong, HOT_MIN + 1);
		assert_int_equal(!!(o.last[MSG_REQUEST].u.request.flags & WIRE_WANTS_MOVE), choice);
		assert_true(o.last[MSG_REQUEST].u.request.flags & WIRE_MOVABLE);
		assert_false(o.last[MSG_REQUEST].u.request.flags & WIRE_STARVING);
		tidal_core_stats(o.core, &st, sizeof(st));
		assert_int_equal(st.decisions, 1);
		assert_int_equal(st.decided_vcpu, choice);
		one_close(&o);
	}
}

/* The target's frames as a share of this node's, at most all. Broken in ask.c, factors(). */
static void test_share_of_free_frames_there(void **state)
{
	static const uint32_t cases[][2] = { { 0, 0 }, { 1, 4 }, { 63, 252 }, { 64, 256 }, { 65, 256 },
					     { UINT32_MAX, 256 } };

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct one_core o;
		struct told told;
		struct engine e;

		open_told(&o, &told, &e);
		e.peers[1].free = cases[i][0];
		assert_int_equal(stall(&o, THERE, TIDAL_WRITE), 0);
		assert_int_equal(told.request.free_there, cases[i][1]);
		one_close(&o);
	}
}

/* Not asked when there is no choice: code is fetched, and who has moved gets the page. */
static void test_no_choice_is_not_asked_for(void **state)
{
	struct one_core o;
	struct told told;
	struct engine e;

	(void)state;
	for (unsigned how = 0; how < 4; how++) {
		struct vcpu *v;

		open_told(&o, &told, &e);
		v = vcpus_at(e.vcpus, V);
		v->moved = how == 1;
		v->pin_bound = how == 2;
		v->dest = how == 3 ? 2 : TIDAL_NODE_NONE;
		assert_int_equal(stall(&o, THERE, how == 0 ? TIDAL_EXEC : TIDAL_READ), 0);
		one_pull(&o);
		assert_int_equal(told.requests, 0);
		assert_int_equal(o.sent[MSG_REQUEST], 1);
		assert_false(o.last[MSG_REQUEST].u.request.flags & (WIRE_MOVABLE | WIRE_WANTS_MOVE));
		assert_int_equal(!!(o.last[MSG_REQUEST].u.request.flags & WIRE_PIN_BOUND), how == 2);
		assert_int_equal(o.last[MSG_REQUEST].u.request.want,
				 how == 0 ? TIDAL_EXEC : TIDAL_READ);
		one_close(&o);
	}
}

static struct wire request_of_peer(uint8_t want, uint8_t flags)
{
	return (struct wire){
		.kind = MSG_REQUEST,
		.u.request = { .gfn = 5, .id = 9, .incarnation = 1, .node = 1, .vcpu = 3, .local_share = 11,
			       .remote_share = 12, .load = 13, .free = 14, .warmth = 15, .want = want,
			       .flags = flags, .hops = 2, .moves = 16, .pingpong = 17 },
	};
}

/* Page 5 is here, written to and in use; node 2 has a copy of it in the second round. */
static void own_page(struct one_core *o, struct engine *e, bool copied)
{
	struct page page;

	assert_int_equal(stall(o, 5, TIDAL_WRITE), 0);
	one_settle(o);
	core_engine(o->core, o->now, e);
	assert_true(pages_get(e->pages, 5, &page));
	assert_int_equal(page.map, MAPPED_RW);
	if (transits_find(e->transits, 5))
		proto_settle(e, transits_find(e->transits, 5));
	if (!copied)
		return;
	page.state = TIDAL_PAGE_PRIMARY;
	page.map = MAPPED_R;
	pages_set_copies(e->pages, &page, copies_add(0, 2, e->nodes));
	pages_put(e->pages, &page);
}

static void test_the_owner_is_told(void **state)
{
	(void)state;
	for (unsigned copied = 0; copied < 2; copied++) {
		struct wire m = request_of_peer(TIDAL_WRITE, WIRE_MOVABLE);
		struct tidal_factors *f;
		struct one_core o;
		struct told told;
		struct engine e;

		open_told(&o, &told, &e);
		own_page(&o, &e, copied);
		for (unsigned i = 0; copied && i < HOT_MIN - 1; i++)
			hot_write_stall(e.hot, 5);
		e.vcpus->slots = ONE_VCPUS + 1;
		told.choice = TIDAL_CHOOSE_PAGE;
		one_say(&o, &m);
		f = &told.answer;
		assert_int_equal(told.answers, 1);
		assert_int_equal(f->access, TIDAL_WRITE);
		assert_int_equal(f->dormant, 0);
		assert_int_equal(f->bytes_page, TIDAL_PAGE_SIZE);
		assert_int_equal(f->bytes_vcpu, 5000);
		assert_int_equal(f->copies, copied);
		assert_int_equal(f->in_use, !copied);
		assert_int_equal(f->hot, copied); /* with the write that asks */
		assert_int_equal(f->local_share, 11);
		assert_int_equal(f->remote_share, 12);
		assert_int_equal(f->load_here, 13);
		assert_int_equal(f->free_here, 14);
		assert_int_equal(f->warmth, 15);
		assert_int_equal(f->moves, 16);
		assert_int_equal(f->pingpong, 17);
		assert_int_equal(f->movable, 1);
		assert_int_equal(f->pinned | f->entangled, 0);
		assert_true(f->load_there > 0);
		assert_int_equal(f->free_there, engine_free_share(&e));
		one_close(&o);
	}
}

/* The vCPU is asked for; a slot is kept, the page is held. Not without a slot, nor for code. */
static void test_the_owner_asks_for_the_vcpu(void **state)
{
	static const struct { uint8_t want, flags; uint8_t slots; bool asked, invited; } cases[] = {
		{ TIDAL_WRITE, WIRE_MOVABLE, 1, true, true },
		{ TIDAL_WRITE, WIRE_MOVABLE, 0, false, false },
		{ TIDAL_EXEC, WIRE_MOVABLE, 1, false, false },
		{ TIDAL_WRITE, 0, 1, false, false },
		{ TIDAL_WRITE, WIRE_MOVABLE | WIRE_WANTS_MOVE, 1, false, true },
	};

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		struct wire m = request_of_peer(cases[i].want, cases[i].flags);
		const struct wire_refuse *r;
		struct tidal_stats st;
		struct one_core o;
		struct told told;
		struct engine e;

		open_told(&o, &told, &e);
		own_page(&o, &e, false);
		e.vcpus->slots = ONE_VCPUS + cases[i].slots;
		told.choice = TIDAL_CHOOSE_VCPU;
		one_say(&o, &m);
		r = &o.last[MSG_REFUSE].u.refuse;
		assert_int_equal(told.answers, cases[i].asked);
		assert_int_equal(o.sent[MSG_REFUSE], cases[i].invited);
		assert_int_equal(e.vcpus->promised, cases[i].invited);
		tidal_core_stats(o.core, &st, sizeof(st));
		assert_int_equal(st.decisions, cases[i].asked);
		assert_int_equal(st.decided_vcpu, cases[i].asked);
		if (cases[i].invited) {
			const struct transit *t = transits_find(e.transits, 5);

			assert_int_equal(r->reason, REFUSE_SEND_VCPU);
			assert_int_equal(r->gfn, 5);
			assert_int_equal(r->id, 9);
			assert_int_equal(r->hops, 2);
			assert_int_equal(t->hold_vcpu, 3);
			assert_int_equal(t->timer, e.now + e.params->reserve_ns);
		}
		one_close(&o);
	}
}

/* No frame: the vCPU could go to the node with the most. */
static void test_a_full_node_is_told(void **state)
{
	(void)state;
	for (unsigned send = 0; send < 2; send++) {
		const struct tidal_full_factors *f;
		struct one_core o;
		struct told told;
		struct engine e;

		open_told(&o, &told, &e);
		told.full_choice = send ? TIDAL_FULL_SEND_VCPU : TIDAL_FULL_WAIT;
		give_history(&e);
		e.frames->reserve = e.frames->total;
		e.capacity->leaving = 5;
		e.peers[2] = (struct peer){ .free = 15, .load = 3, .heard = true };
		assert_int_equal(stall(&o, 5, TIDAL_WRITE), 0);
		f = &told.full;
		assert_int_equal(told.fulls, 1);
		assert_int_equal(f->waiting, 1);
		assert_int_equal(f->coming, 5 + e.frames->zeroing + e.frames->departing);
		assert_int_equal(f->best_free, 16);
		assert_int_equal(f->load_there, 21);
		assert_int_equal(f->load_here, 3 * 16);
		assert_int_equal(f->movable, 1);
		assert_int_equal(f->bytes_vcpu, 5000);
		assert_int_equal(f->local_share, 5 * 256 / VCPU_HISTORY);
		one_pull(&o);
		assert_int_equal(o.sent[MSG_MOVE_ASK], send);
		if (send)
			assert_int_equal(o.last_to[MSG_MOVE_ASK], 1);
		one_close(&o);
	}
}

static void test_a_device_access_is_told(void **state)
{
	(void)state;
	for (unsigned choice = 0; choice < 2; choice++) {
		const struct tidal_factors *f;
		struct tidal_stats st;
		struct one_core o;
		struct told told;
		struct engine e;

		open_told(&o, &told, &e);
		told.choice = choice ? TIDAL_CHOOSE_VCPU : TIDAL_CHOOSE_PAGE;
		give_history(&e);
		assert_int_equal(stall(&o, 0, TIDAL_IO), 0);
		f = &told.request;
		assert_int_equal(told.requests, 1);
		assert_int_equal(f->access, TIDAL_IO);
		assert_int_equal(f->bytes_page, 8);
		assert_int_equal(f->bytes_vcpu, 5000);
		assert_int_equal(f->local_share, 5 * 256 / VCPU_HISTORY);
		assert_int_equal(f->remote_share, 2 * 256 / VCPU_HISTORY);
		assert_int_equal(f->load_here, 3 * 16);
		assert_int_equal(f->load_there, 21);
		assert_int_equal(f->free_here, engine_free_share(&e));
		assert_int_equal(f->movable, 1);
		assert_int_equal(f->moves, 3);
		one_pull(&o);
		assert_int_equal(o.sent[MSG_MOVE_ASK], choice);
		assert_int_equal(o.sent[MSG_IO_ASK], !choice);
		assert_int_equal(o.last_to[choice ? MSG_MOVE_ASK : MSG_IO_ASK], 1);
		tidal_core_stats(o.core, &st, sizeof(st));
		assert_int_equal(st.stalls_io, 1);
		assert_int_equal(st.decisions, 1);
		assert_int_equal(st.decided_vcpu, choice);
		one_close(&o);
	}
}

/* ---- devices ---- */

/* As many accesses of others as there is room for, each with its own answer. */
static void test_accesses_of_others(void **state)
{
	struct wire_io_ask ask = { .gpa = ONE_DEVICE + 8, .data = 7, .vcpu = 1, .write = 1, .bytes = 4 };
	uint64_t token[REMOTE_IOS];
	struct one_core o;
	struct engine e;

	(void)state;
	one_open(&o, TIDAL_PARAM_IDEAL_LINK);
	one_run(&o);
	core_engine(o.core, o.now, &e);
	link_peer(e.link, 1, 1);
	for (uint32_t i = 0; i < REMOTE_IOS; i++) {
		struct tidal_action a = { 0 };

		ask.id = 100 + i;
		assert_int_equal(devices_on_ask(&e, 1, &ask), 0);
		assert_true(actq_take(&o.core->actq, &a));
		assert_int_equal(a.kind, TIDAL_ACT_IO);
		assert_int_equal(a.u.io.gpa, ask.gpa);
		assert_int_equal(a.u.io.data, 7);
		assert_int_equal(a.u.io.vcpu, 1);
		assert_int_equal(a.u.io.write, 1);
		assert_int_equal(a.u.io.size, 4);
		token[i] = a.u.io.token;
		assert_int_equal(token[i] >> 56, TOKEN_REMOTE_IO);
	}
	assert_int_equal(devices_on_ask(&e, 1, &ask), TIDAL_EAGAIN);
	for (uint32_t i = 0; i < REMOTE_IOS; i++) {
		const struct tidal_ev_host_done done = { .status = i % 2 ? -5 : 0, .value = 1000 + i };
		uint32_t slot = (uint32_t)token[i];

		assert_int_equal(devices_on_remote_done(&e, slot, &done), 0);
		assert_int_equal(devices_on_remote_done(&e, slot, &done), TIDAL_EINVAL);
		one_pull(&o);
		assert_int_equal(o.sent[MSG_IO_ANSWER], i + 1);
		assert_int_equal(o.last_to[MSG_IO_ANSWER], 1);
		assert_int_equal(o.last[MSG_IO_ANSWER].u.io_answer.id, 100 + i);
		assert_int_equal(o.last[MSG_IO_ANSWER].u.io_answer.vcpu, 1);
		assert_int_equal(o.last[MSG_IO_ANSWER].u.io_answer.value, 1000 + i);
		assert_int_equal(o.last[MSG_IO_ANSWER].u.io_answer.failed, i % 2);
	}
	assert_int_equal(devices_on_remote_done(&e, REMOTE_IOS, &(struct tidal_ev_host_done){ 0 }),
			 TIDAL_EINVAL);
	one_close(&o);
}

/* Neither memory nor a device: the vCPU is off, and somebody is told where it went wrong. */
static void test_an_address_of_nothing(void **state)
{
	static const tidal_gpa gpas[] = { ONE_DEVICE - 1, ONE_DEVICE + 4096,
					  (tidal_gpa)ONE_PAGES << TIDAL_PAGE_SHIFT };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct tidal_event ev = one_stall(V, 0, i < 2 ? TIDAL_IO : TIDAL_READ);
		struct one_core o;

		one_open(&o, 0);
		one_run(&o);
		ev.u.stall.gpa = gpas[i];
		assert_int_equal(one_push(&o, &ev), 0);
		one_check(&o);
		one_pull(&o);
		assert_int_equal(o.reports[TIDAL_REPORT_BAD_STALL], 1);
		assert_int_equal(o.last_report.error, TIDAL_ERANGE);
		assert_int_equal(o.last_report.gfn, gpas[i] >> TIDAL_PAGE_SHIFT);
		assert_int_equal(o.last_report.vcpu, V);
		assert_int_equal(o.last_report.node, 0);
		assert_int_equal(vcpus_at(&o.core->vcpus, V)->state, TIDAL_VCPU_OFF);
		one_close(&o);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_requester_is_told),
		cmocka_unit_test(test_share_of_free_frames_there),
		cmocka_unit_test(test_no_choice_is_not_asked_for),
		cmocka_unit_test(test_the_owner_is_told),
		cmocka_unit_test(test_the_owner_asks_for_the_vcpu),
		cmocka_unit_test(test_a_full_node_is_told),
		cmocka_unit_test(test_a_device_access_is_told),
		cmocka_unit_test(test_accesses_of_others),
		cmocka_unit_test(test_an_address_of_nothing),
	};

	return cmocka_run_group_tests_name("factors", tests, NULL, NULL);
}
