/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * news: what a node that waits for a page, or holds it, makes of requests and invalidations that come
 * meanwhile (sections 7 and 9 of docs/protocol.md). Found by mutation: comparisons could be turned round.
 */
#include "one-core.h"

#include "core/proto.h"

#define THERE 520 /* a page of node 2, whose home need not be asked */
#define SINCE 5000

static void open_asking(struct one_core *o, struct engine *e, struct transit **t)
{
	struct tidal_event ev = one_stall(TIDAL_VCPU_NONE, THERE, TIDAL_WRITE);

	memset(o, 0, sizeof(*o));
	one_params(o, TIDAL_PARAM_IDEAL_LINK);
	o->map.memory_runs = 2;
	o->map.memory[0].pages = 512;
	o->map.memory[1] = (struct tidal_vmap_memory){ 512, ONE_PAGES - 512, 2 };
	one_start(o);
	one_peer(o);
	one_run(o);
	core_engine(o->core, o->now, e);
	link_peer(e->link, 1, 1);
	link_peer(e->link, 2, 1);
	assert_int_equal(one_push(o, &ev), 0);
	one_pull(o);
	*t = transits_find(e->transits, THERE);
	assert_non_null(*t);
	assert_int_equal((*t)->state, SIT_ASK);
	(*t)->since = SINCE;
}

static struct wire request_of_peer(uint64_t lead, uint8_t flags, uint64_t since)
{
	return (struct wire){
		.kind = MSG_REQUEST,
		.u.request = { .gfn = THERE, .id = 9, .incarnation = 1, .node = 1, .vcpu = TIDAL_VCPU_NONE,
			       .want = TIDAL_READ, .lead = lead, .flags = flags, .since = since },
	};
}

/*
 * Who was led here by news that this node had not when it asked waits: the page is on its way. Likewise
 * who was refused often and began before. All others go on.
 */
static void test_who_waits_with_one_that_asks(void **state)
{
	static const struct {
		uint64_t known, lead;
		uint8_t flags;
		int64_t since; /* after this node's */
		tidal_nodeid node;
		bool waits;
	} cases[] = {
		{ 0, 0, 0, 0, 1, false },
		{ 0, 1, 0, 0, 1, true },
		{ 1, 1, 0, 0, 1, false },
		{ 1, 2, 0, 0, 1, true },
		{ 8, 9, 0, 0, 1, true },
		{ 9, 9, 0, 0, 1, false },
		{ 9, 8, 0, 0, 1, false },
		{ 9, 8, 0, -1, 1, false },
		{ 9, 8, WIRE_OFTEN_REFUSED, -1, 1, true },
		{ 9, 8, WIRE_OFTEN_REFUSED, 1, 1, false },
		{ 9, 8, WIRE_OFTEN_REFUSED, 0, 1, false }, /* as long: the smaller number */
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct one_core o;
		struct transit *t;
		struct engine e;
		struct wire m = request_of_peer(cases[i].lead, cases[i].flags,
						(uint64_t)(SINCE + cases[i].since));

		open_asking(&o, &e, &t);
		t->known = cases[i].known;
		one_say(&o, &m);
		if (transit_queued(e.transits, t) != cases[i].waits)
			print_error("case %u\n", i);
		assert_int_equal(transit_queued(e.transits, t), cases[i].waits);
		assert_int_equal(t->timer != TIDAL_NEVER, cases[i].waits);
		assert_int_equal(o.sent[MSG_REQUEST] - 1 + o.sent[MSG_REFUSE], !cases[i].waits);
		one_close(&o);
	}
}

/* The newest invalidation that came while asking says which copies are dead on arrival (rule 5). */
static void test_the_newest_invalidation_counts(void **state)
{
	static const uint64_t epochs[] = { 7, 5, 9, 8 }, newest[] = { 7, 7, 9, 9 };
	struct one_core o;
	struct transit *t;
	struct engine e;

	(void)state;
	open_asking(&o, &e, &t);
	assert_false(t->stale_known);
	for (unsigned i = 0; i < 4; i++) {
		const struct wire m = { .kind = MSG_INVALIDATE,
					.u.invalidate = { THERE, epochs[i], 1 } };

		one_say(&o, &m);
		assert_true(t->stale_known);
		assert_int_equal(t->stale, newest[i]);
		assert_int_equal(o.sent[MSG_INVALIDATED], i + 1);
		assert_int_equal(o.last_to[MSG_INVALIDATED], 1);
		assert_int_equal(o.last[MSG_INVALIDATED].u.invalidated.gfn, THERE);
		assert_int_equal(o.last[MSG_INVALIDATED].u.invalidated.epoch, epochs[i]);
		assert_int_equal(owners_hinted(e.owners, THERE).epoch, newest[i]);
	}
	one_close(&o);
}

/* Refused three times: the next request says so, and since when it has been asked for. After the
 * fifth all nodes are asked who the owner is, and that takes one more turn. */
static void test_what_the_often_refused_tell(void **state)
{
	struct tidal_event tick = { .kind = TIDAL_EV_TICK };
	struct tidal_stats st;
	struct one_core o;
	struct transit *t;
	struct engine e;

	(void)state;
	open_asking(&o, &e, &t);
	for (unsigned i = 1; i <= 5; i++) {
		const struct wire m = {
			.kind = MSG_REFUSE,
			.u.refuse = { .gfn = THERE, .id = t->id, .reason = REFUSE_AGAIN,
				      .owner = TIDAL_NODE_NONE },
		};
		tidal_time wait = o.params.backoff_ns << (i - 1);
		const struct wire_request *r = &o.last[MSG_REQUEST].u.request;

		one_say(&o, &m);
		assert_int_equal(t->state, SIT_BACKOFF);
		assert_int_equal(t->tries, i);
		assert_in_range(t->timer - o.core->now, wait / 2, wait * 3 / 2);
		o.now = t->timer;
		assert_int_equal(one_push(&o, &tick), 0);
		one_pull(&o);
		assert_int_equal(o.sent[MSG_FIND], i == 5 ? 2 : 0);
		if (i == 5)
			break;
		assert_int_equal(o.sent[MSG_REQUEST], i + 1);
		assert_int_equal(!!(r->flags & WIRE_OFTEN_REFUSED), i >= 3);
		assert_int_equal(r->since, i >= 3 ? SINCE : 0);
		assert_int_equal(r->id, t->id);
	}
	assert_int_equal(t->state, SIT_BACKOFF);
	assert_int_equal(t->tries, 6);
	tidal_core_stats(o.core, &st, sizeof(st));
	assert_int_equal(st.finds, 1);
	assert_int_equal(st.retries, 5);
	one_close(&o);
}

/* ---- a page that is held ---- */

/* A page is held for longer for a vCPU that starves; for so long at most, or exactly, by the host. */
static void test_how_long_a_hold_is(void **state)
{
	static const struct { bool tells; uint8_t stalls; tidal_time times; } cases[] = {
		{ true, 0, 1 }, { true, VCPU_STARVING - 2, 1 }, { true, VCPU_STARVING - 1, 64 },
		{ true, VCPU_STARVING, 64 }, { false, 0, 1 }, { false, VCPU_STARVING - 1, 64 },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tidal_event ev = one_stall(0, 5, TIDAL_WRITE);
		struct tidal_stats st;
		struct one_core o;
		tidal_time usual;
		struct vcpu *v;

		memset(&o, 0, sizeof(o));
		one_params(&o, 0);
		o.params.hold_ns = 70000;
		if (!cases[i].tells)
			o.params.flags &= ~(uint32_t)TIDAL_PARAM_RETIRE_EVENTS;
		usual = cases[i].tells ? o.params.hold_max_ns : o.params.hold_ns;
		one_start(&o);
		one_peer(&o);
		one_run(&o);
		v = vcpus_at(&o.core->vcpus, 0);
		v->stalls = cases[i].stalls;
		v->gfn = 5;
		assert_int_equal(one_push(&o, &ev), 0);
		one_settle(&o);
		assert_non_null(transits_find(&o.core->transits, 5));
		assert_int_equal(transits_find(&o.core->transits, 5)->timer,
				 o.core->now + usual * cases[i].times);
		tidal_core_stats(o.core, &st, sizeof(st));
		assert_int_equal(st.holds_extended, cases[i].times == 64);
		one_close(&o);
	}
}

/* Page 5 is held for vCPU 2, which has stalled so often, since then. */
static struct transit *open_held(struct one_core *o, struct engine *e, uint8_t stalls)
{
	struct transit *t;
	struct page page;

	one_open(o, TIDAL_PARAM_IDEAL_LINK);
	one_run(o);
	core_engine(o->core, o->now, e);
	link_peer(e->link, 1, 1);
	engine_page(e, 5, &page);
	page.state = TIDAL_PAGE_EXCLUSIVE;
	page.frame = frames_take_zeroed(e->frames);
	engine_store(e, &page);
	t = transits_begin(e->transits, 5);
	t->state = SIT_HELD;
	proto_hold(e, t, 2, 100000);
	vcpus_at(e->vcpus, 2)->stalls = stalls;
	vcpus_at(e->vcpus, 2)->since = SINCE;
	return t;
}

/* Among those who starve the oldest wins; others wait until the hold is over. */
static void test_whom_a_hold_gives_way_to(void **state)
{
	static const struct {
		uint8_t stalls, flags;
		int64_t since;
		tidal_vcpuid vcpu;
		bool gives_way;
	} cases[] = {
		{ 0, 0, 0, 3, false },
		{ 0, 0, -1, 3, false },
		{ 0, 0, 0, 2, true }, /* kept for this very one */
		{ VCPU_STARVING - 1, WIRE_STARVING, 9, 3, true },
		{ VCPU_STARVING, WIRE_STARVING, 9, 3, false },
		{ VCPU_STARVING, WIRE_STARVING, 1, 3, false },
		{ VCPU_STARVING, WIRE_STARVING, 0, 3, false },
		{ VCPU_STARVING, WIRE_STARVING, 0, 1, true },
		{ VCPU_STARVING, WIRE_STARVING, -1, 3, true },
		{ VCPU_STARVING, 0, -1, 1, false },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wire m = request_of_peer(0, cases[i].flags, (uint64_t)(SINCE + cases[i].since));
		struct one_core o;
		struct engine e;
		struct transit *t = open_held(&o, &e, cases[i].stalls);

		m.u.request.gfn = 5;
		m.u.request.vcpu = cases[i].vcpu;
		one_say(&o, &m);
		if (o.sent[MSG_COPY] != cases[i].gives_way)
			print_error("case %u\n", i);
		assert_int_equal(o.sent[MSG_COPY], cases[i].gives_way);
		assert_int_equal(transits_find(e.transits, 5) == t, !cases[i].gives_way);
		assert_int_equal(cases[i].gives_way || transit_queued(e.transits, t) == 1, 1);
		one_close(&o);
	}
}

/* A vCPU that was invited does not come: slot and page are free again. */
static void test_cancelled_invitation(void **state)
{
	const struct wire m = { .kind = MSG_MOVE_CANCEL, .u.move_cancel = { 2 } };
	struct one_core o;
	struct engine e;

	(void)state;
	open_held(&o, &e, 0);
	e.vcpus->promised = e.peers[1].slots = 1;
	e.vcpus->slots++;
	one_say(&o, &m);
	assert_int_equal(e.vcpus->promised, 0);
	assert_null(transits_find(e.transits, 5));
	assert_int_equal(vcpus_at(e.vcpus, 2)->held, 0);
	one_close(&o);
}

/* Only stalls of vCPUs make a page hot; those of VMM threads are counted as theirs. */
static void test_vmm_threads_are_not_hot(void **state)
{
	struct tidal_event ev = one_stall(0, THERE, TIDAL_WRITE);
	struct tidal_stats st;
	struct one_core o;
	struct transit *t;
	struct engine e;

	(void)state;
	open_asking(&o, &e, &t);
	assert_int_equal(hot_count(e.hot, THERE), 0);
	tidal_core_stats(o.core, &st, sizeof(st));
	assert_int_equal(st.stalls_vmm, 1);
	assert_int_equal(st.stalls_write, 0);
	assert_int_equal(one_push(&o, &ev), 0);
	assert_int_equal(hot_count(e.hot, THERE), 1);
	tidal_core_stats(o.core, &st, sizeof(st));
	assert_int_equal(st.stalls_vmm, 1);
	assert_int_equal(st.stalls_write, 1);
	one_close(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_waits_with_one_that_asks),
		cmocka_unit_test(test_the_newest_invalidation_counts),
		cmocka_unit_test(test_what_the_often_refused_tell),
		cmocka_unit_test(test_how_long_a_hold_is),
		cmocka_unit_test(test_whom_a_hold_gives_way_to),
		cmocka_unit_test(test_cancelled_invitation),
		cmocka_unit_test(test_vmm_threads_are_not_hot),
	};

	return cmocka_run_group_tests_name("news", tests, NULL, NULL);
}
