/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * digest: two states that may behave differently have different digests, whatever it is that
 * differs; and what can make no difference makes none. Fields of a live core are changed one by
 * one. Broken in digest.c: a field left out, shifted the other way, taken from another page.
 */
#include "one-core.h"

#include "core/digest.h"

#define PAGE 3	  /* with an entry, copies and a transit that waits */
#define OTHER 700 /* a page that only hints and records speak of */

/* Epochs and times count relative to these, so a state may be moved along as a whole. */
struct origin {
	uint64_t page, other, range;
	uint32_t id;
	tidal_time time;
};

static uint64_t epoch_from(void *arg, tidal_gfn gfn, uint64_t epoch)
{
	const struct origin *o = arg;

	return epoch - (gfn == TIDAL_GFN_NONE ? o->range : gfn == PAGE ? o->page : o->other);
}

static uint64_t id_from(void *arg, tidal_nodeid node, tidal_gfn gfn, uint32_t id)
{
	const struct origin *o = arg;

	assert_int_equal(gfn, PAGE);
	return id - o->id + (uint64_t)node * 1000;
}

static uint64_t since_from(void *arg, tidal_time since)
{
	return since - ((const struct origin *)arg)->time;
}

static uint64_t seen_from(const struct one_core *o, struct origin *origin)
{
	const struct digest_view view = {
		.epoch = epoch_from, .id = id_from, .since = since_from, .arg = origin,
	};

	return digest_core(o->core, &view);
}

/* ---- a core of which everything is in use ---- */

static void fill_transit(struct one_core *o, struct transit *t, const struct origin *from)
{
	const struct wire_request r = { .gfn = PAGE, .node = 2, .id = from->id + 5, .since = from->time + 3,
					.held_epoch = from->page + 4, .lead = from->page + 6 };

	t->state = SIT_COLLECT;
	t->promised = t->stale_known = true;
	t->id = from->id + 1;
	t->known = from->page + 2;
	t->stale = from->page + 7;
	t->epoch = from->page + 8;
	t->drop_epoch = from->page + 9;
	t->drop_to = 1;
	t->since = from->time + 1;
	t->hold_vcpu = TIDAL_VCPU_NONE;
	assert_true(transit_queue(&o->core->transits, t, &r));
}

static void fill(struct one_core *o, const struct origin *from)
{
	const struct whereabouts page = { 2, from->other + 1 }, range = { 1, from->range + 2 };
	const struct extent x = { 4, 0, from->range + 1 };
	struct page entry = { .gfn = PAGE, .state = TIDAL_PAGE_PRIMARY, .map = MAPPED_R, .frame = 5,
			      .epoch = from->page + 1, .owner = 0 };

	one_open(o, 0);
	assert_true(owners_note_page(&o->core->owners, OTHER, page));
	assert_true(owners_note_extent(&o->core->owners, 8, 0, range));
	owners_hint_page(&o->core->owners, OTHER + 1, page);
	owners_hint_extent(&o->core->owners, 16, 0, range);
	ranges_cut(&o->core->ranges, 0, 0, &(struct extent){ 0, 0, 0 });
	ranges_cut(&o->core->ranges, 599, 0, &(struct extent){ 0, 0, 0 });
	assert_true(ranges_add(&o->core->ranges, &x));
	pages_set_copies(&o->core->pages, &entry, 2);
	pages_put(&o->core->pages, &entry);
	fill_transit(o, transits_begin(&o->core->transits, PAGE), from);
}

/* Each of those that are relative to something counts alone, too. */
static void check_alone(struct one_core *o, struct origin *from)
{
	struct transit *t = transits_find(&o->core->transits, PAGE);
	struct queued *q = (struct queued *)((char *)&o->core->transits + o->core->transits.queued);
	struct wire_request *r = &q[t->queue - 1].request;
	uint64_t *const number[] = { &t->known, &t->stale, &t->epoch, &t->drop_epoch, &t->since,
				     &r->since, &r->held_epoch, &r->lead };
	uint64_t was = seen_from(o, from);

	for (unsigned i = 0; i < 8; i++) {
		++*number[i];
		assert_true(seen_from(o, from) != was);
		--*number[i];
	}
	r->id++;
	assert_true(seen_from(o, from) != was);
	r->id--;
	t->id++;
	assert_true(seen_from(o, from) != was);
	t->id--;
	assert_true(seen_from(o, from) == was);
}

/* Only what epochs, ids and times are relative to each other counts. */
static void test_moved_along_as_a_whole(void **state)
{
	struct origin here = { 10, 20, 30, 40, 50 }, there = { 1010, 520, 2030, 90, 7050 };
	struct one_core a, b;

	(void)state;
	fill(&a, &here);
	fill(&b, &there);
	assert_true(seen_from(&a, &here) == seen_from(&b, &there));
	for (unsigned i = 0; i < 5; i++) {
		struct origin wrong = there;

		wrong.page += i == 0;
		wrong.other += i == 1;
		wrong.range += i == 2;
		wrong.id += i == 3;
		wrong.time += i == 4;
		assert_true(seen_from(&a, &here) != seen_from(&b, &wrong));
	}
	check_alone(&a, &here);
	one_close(&a);
	one_close(&b);
}

/* ---- one thing at a time ---- */

#define CHANGED(field, value)                                                                 \
	do {                                                                                  \
		uint64_t before_ = tidal_core_digest(o->core);                                \
		struct tidal_core *c_ = o->core;                                              \
		void *kept_ = test_malloc(o->bytes);                                          \
		memcpy(kept_, c_, o->bytes);                                                  \
		field = value;                                                                \
		if (tidal_core_digest(c_) == before_)                                         \
			fail_msg("%s does not count", #field);                                \
		memcpy(c_, kept_, o->bytes);                                                  \
		test_free(kept_);                                                             \
		assert_true(tidal_core_digest(c_) == before_);                                \
	} while (0)

#define IGNORED(field, value)                                                                 \
	do {                                                                                  \
		uint64_t before_ = tidal_core_digest(o->core);                                \
		__typeof__(field) kept_ = field;                                              \
		field = value;                                                                \
		if (tidal_core_digest(o->core) != before_)                                    \
			fail_msg("%s counts", #field);                                        \
		field = kept_;                                                                \
	} while (0)

/* A flag that hides behind another one, or behind a number, would count only sometimes. */
static void change_transit(struct one_core *o, struct transit *t, unsigned flags)
{
	bool *const flag[] = { &t->promised, &t->drop_due, &t->skip, &t->in_room, &t->stale_known,
			       &t->decreed };

	for (unsigned i = 0; i < 6; i++)
		*flag[i] = flags >> i & 1;
	for (unsigned i = 0; i < 6; i++)
		CHANGED(*flag[i], !*flag[i]);
	CHANGED(t->timer, 5);
	CHANGED(t->hold_vcpu, t->hold_vcpu ^ 1);
	CHANGED(t->frame, 1);
	CHANGED(t->drop_to, t->drop_to ^ 2);
	CHANGED(t->drop_epoch, 1234);
	CHANGED(t->acks.w[0], t->acks.w[0] ^ 1);
	CHANGED(t->acks.w[NODESET_WORDS - 1], t->acks.w[NODESET_WORDS - 1] ^ 1);
	if (t->stale_known)
		CHANGED(t->stale, 1234);
	else
		IGNORED(t->stale, 1234);
}

static void change_request(struct one_core *o, struct wire_request *r)
{
	CHANGED(r->gfn, r->gfn ^ 1);
	CHANGED(r->node, r->node ^ 3);
	CHANGED(r->vcpu, r->vcpu ^ 1);
	CHANGED(r->vcpu, r->vcpu ^ 0x8000);
	CHANGED(r->want, r->want ^ 1);
	CHANGED(r->flags, r->flags ^ 1);
	CHANGED(r->flags, r->flags ^ 0x80);
	CHANGED(r->hops, r->hops ^ 1);
	CHANGED(r->held_epoch, r->held_epoch + 1);
	CHANGED(r->held_epoch, 0);
	CHANGED(r->lead, r->lead + 1);
}

static void test_every_field_of_a_transit(void **state)
{
	const struct origin from = { 10, 20, 30, 40, 50 };
	struct one_core core, *o = &core;
	struct transit *t;
	struct queued *q;

	(void)state;
	fill(o, &from);
	t = transits_find(&o->core->transits, PAGE);
	q = (struct queued *)((char *)&o->core->transits + o->core->transits.queued);
	change_request(o, &q[t->queue - 1].request);
	CHANGED(t->queue, 0);
	CHANGED(t->state, SIT_ZEROING);
	CHANGED(t->gfn, PAGE + 1);
	CHANGED(t->epoch, 1234);
	change_transit(o, t, 0);
	change_transit(o, t, 63);
	one_close(o);
}

/* What a transit knows counts in the states that use it, and not in others. */
static void test_fields_by_state(void **state)
{
	static const uint8_t asks[] = { SIT_ROOM, SIT_BACKOFF, SIT_DROPPING };
	static const uint8_t meets[] = { SIT_OFFERED, SIT_PUSHING, SIT_EXPECTED };
	static const uint8_t serves[] = { SIT_LOWERING, SIT_LEAVING };
	const struct origin from = { 10, 20, 30, 40, 50 };
	struct one_core core, *o = &core;
	struct transit *t;

	(void)state;
	fill(o, &from);
	t = transits_find(&o->core->transits, PAGE);
	t->promised = false;
	for (unsigned i = 0; i < 3; i++) {
		t->state = asks[i];
		t->after = t->state == SIT_DROPPING ? SIT_BACKOFF : SIT_INVALID;
		CHANGED(t->vcpu, t->vcpu ^ 1);
		CHANGED(t->tries, 6);
		t->tries = 6;
		IGNORED(t->tries, 7); /* the wait grows no longer */
		t->tries = 5;
		CHANGED(t->tries, 6);
		t->tries = 0;
		CHANGED(t->known, t->known + 1);
		IGNORED(t->id, 7);
	}
	CHANGED(t->after, SIT_INVALID);
	CHANGED(t->after, SIT_ROOM);
	t->after = SIT_INVALID;
	IGNORED(t->known, 1234); /* the page will not be asked for again */
	t->state = SIT_HELD;
	IGNORED(t->after, SIT_ROOM);
	IGNORED(t->prot, 1);
	IGNORED(t->peer, 1);
	IGNORED(t->vcpu, 1);
	IGNORED(t->known, 1);
	IGNORED(t->epoch, 1);
	t->acks.w[0] = 2;
	CHANGED(t->epoch, 1);
	t->acks.w[0] = 0;
	t->promised = true;
	CHANGED(t->known, t->known + 1);
	CHANGED(t->id, t->id + 1);
	CHANGED(t->asked, t->asked ^ 1);
	t->state = SIT_MAPPING;
	CHANGED(t->prot, t->prot ^ 1);
	CHANGED(t->prot, t->prot ^ 2);
	for (unsigned i = 0; i < 3; i++) {
		t->state = meets[i];
		CHANGED(t->peer, 1);
		CHANGED(t->peer, 2);
	}
	IGNORED(t->serving.gfn, 99);
	for (unsigned i = 0; i < 2; i++) {
		t->state = serves[i];
		t->serving.held_epoch = 5;
		change_request(o, &t->serving);
	}
	CHANGED(t->epoch, 1234);
	t->drop_to = TIDAL_NODE_NONE;
	IGNORED(t->drop_epoch, 99);
	one_close(o);
}

/* ---- the other components ---- */

static void test_pages_and_owners(void **state)
{
	const struct origin from = { 10, 20, 30, 40, 50 };
	struct one_core core, *o = &core;
	struct page p;
	uint64_t was;

	(void)state;
	fill(o, &from);
	assert_true(pages_get(&o->core->pages, PAGE, &p));
	was = tidal_core_digest(o->core);
#define PAGE_CHANGED(field, value)                                                            \
	do {                                                                                  \
		const struct page kept_ = p;                                                  \
		p.field = value;                                                              \
		pages_put(&o->core->pages, &p);                                               \
		assert_true(tidal_core_digest(o->core) != was);                               \
		p = kept_;                                                                    \
		pages_put(&o->core->pages, &p);                                               \
		assert_true(tidal_core_digest(o->core) == was);                               \
	} while (0)
	PAGE_CHANGED(state, TIDAL_PAGE_EXCLUSIVE);
	PAGE_CHANGED(map, UNMAPPED);
	PAGE_CHANGED(map, MAPPED_RW);
	PAGE_CHANGED(used, !p.used);
	PAGE_CHANGED(everywhere, !p.everywhere);
	PAGE_CHANGED(frame, TIDAL_FRAME_NONE);
	PAGE_CHANGED(epoch, p.epoch + 1);
	p.frame++; /* frames are alike */
	pages_put(&o->core->pages, &p);
	assert_true(tidal_core_digest(o->core) == was);
	pages_set_copies(&o->core->pages, &p, 4);
	assert_true(tidal_core_digest(o->core) != was);
	pages_set_copies(&o->core->pages, &p, 2);
	p.state = TIDAL_PAGE_SECONDARY;
	pages_put(&o->core->pages, &p);
	was = tidal_core_digest(o->core);
	PAGE_CHANGED(owner, 1);
	assert_true(owners_note_page(&o->core->owners, OTHER, (struct whereabouts){ 1, from.other + 2 }));
	assert_true(tidal_core_digest(o->core) != was);
	was = tidal_core_digest(o->core);
	owners_hint_page(&o->core->owners, OTHER + 2, (struct whereabouts){ 1, 3 });
	assert_true(tidal_core_digest(o->core) != was);
	was = tidal_core_digest(o->core);
	owners_hint_extent(&o->core->owners, 32, 0, (struct whereabouts){ 1, 3 });
	assert_true(tidal_core_digest(o->core) != was);
	one_close(o);
}

static void test_ranges_by_what_they_say(void **state)
{
	struct one_core core, *o = &core;
	uint64_t was;

	(void)state;
	one_open(o, 0);
	for (tidal_gfn gfn = 0; gfn < 512; gfn += 64) {
		was = tidal_core_digest(o->core);
		ranges_touch(&o->core->ranges, gfn);
		assert_true(gfn > 0 || tidal_core_digest(o->core) != was);
		was = tidal_core_digest(o->core);
		ranges_lose(&o->core->ranges, gfn);
		assert_true(tidal_core_digest(o->core) != was);
	}
	one_close(o);
}

/* Every page that has gone counts, not the last of them only. */
static void test_each_page_that_is_gone(void **state)
{
	struct one_core a, b;

	(void)state;
	one_open(&a, 0);
	one_open(&b, 0);
	ranges_touch(&a.core->ranges, 0);
	ranges_touch(&b.core->ranges, 0);
	ranges_lose(&a.core->ranges, 1);
	ranges_lose(&b.core->ranges, 2);
	ranges_lose(&a.core->ranges, 500);
	ranges_lose(&b.core->ranges, 500);
	assert_true(tidal_core_digest(a.core) != tidal_core_digest(b.core));
	ranges_lose(&a.core->ranges, 2);
	ranges_lose(&b.core->ranges, 1);
	assert_true(tidal_core_digest(a.core) == tidal_core_digest(b.core));
	one_close(&a);
	one_close(&b);
}

/* A message that waits to be sent will do something. */
static void test_messages_that_wait(void **state)
{
	const uint8_t body[] = { MSG_FIND, 0, 0, 0, 0, 0, 0, 0, 0 };
	struct one_core o;
	struct engine e;
	uint64_t was;

	(void)state;
	one_open(&o, 0);
	core_engine(o.core, 0, &e);
	link_peer(e.link, 1, 1);
	was = tidal_core_digest(o.core);
	link_queue(e.link, 1, LINK_REQUEST, body, sizeof(body), NULL, 0);
	assert_true(tidal_core_digest(o.core) != was);
	one_close(&o);
}

static void change_vcpu(struct one_core *o, struct vcpu *v)
{
	CHANGED(v->dest, v->dest ^ 1);
	CHANGED(v->resume, v->resume ^ 1);
	CHANGED(v->moved, !v->moved);
	CHANGED(v->pin_bound, !v->pin_bound);
	CHANGED(v->stop_asked, !v->stop_asked);
	CHANGED(v->go, !v->go);
	CHANGED(v->stalls, v->stalls ^ 1);
	CHANGED(v->held, !v->held);
	CHANGED(v->node, v->node ^ 1);
	CHANGED(v->state, TIDAL_VCPU_IDLE);
}

static void test_vcpus(void **state)
{
	struct one_core core, *o = &core;
	struct vcpu *v;

	(void)state;
	one_open(o, 0);
	for (tidal_vcpuid i = 0; i < ONE_VCPUS; i++) {
		v = vcpus_at(&o->core->vcpus, i);
		change_vcpu(o, v);
		v->resume = 1;
		v->moved = v->pin_bound = v->stop_asked = v->go = true;
		change_vcpu(o, v);
		v->stalls = VCPU_STARVING;
		IGNORED(v->stalls, VCPU_STARVING + 1);
		CHANGED(v->stalls, VCPU_STARVING - 1);
		IGNORED(v->gfn, 9);
		v->state = TIDAL_VCPU_STALLED;
		CHANGED(v->gfn, v->gfn + 1);
		CHANGED(v->access, v->access ^ 2);
		v->state = TIDAL_VCPU_AWAY;
		IGNORED(v->resume, 0); /* it comes with it */
		CHANGED(v->node, v->node ^ 2);
		v->state = TIDAL_VCPU_READY;
	}
	one_close(o);
}

static void test_counts(void **state)
{
	struct one_core core, *o = &core;
	struct tidal_core *c;

	(void)state;
	one_open(o, 0);
	c = o->core;
	c->vmm.pins_used = 1;
	c->vmm.waiter[0].used = c->vmm.waiter[VMM_WAITERS - 1].used = true;
	CHANGED(c->vmm.waiter[0].gfn, 1);
	CHANGED(c->vmm.waiter[VMM_WAITERS - 1].gfn, 1);
	CHANGED(c->vmm.waiter[0].access, 1);
	CHANGED(c->vmm.waiter[0].poked, true);
	CHANGED(c->vmm.waiter[0].used, false);
	CHANGED(c->vmm.pin[0].gfn, 1);
	CHANGED(c->vmm.pin[0].count, 3);
	CHANGED(c->vmm.pins_used, 2);
	CHANGED(c->guest.known, false);
	CHANGED(c->losses.transit, 1);
	CHANGED(c->losses.vcpu, 1);
	CHANGED(c->losses.here_tell, 1);
	CHANGED(c->losses.here_as, HERE_AGAIN);
	CHANGED(c->losses.here_as, HERE_LATER);
	CHANGED(c->losses.ever, true);
	CHANGED(c->losses.nodes.w[0], 1);
	CHANGED(c->frames.zeroed.count, 1);
	CHANGED(c->frames.free, c->frames.free + 1); /* dirty ones */
	CHANGED(c->frames.posted, c->frames.posted + 1);
	CHANGED(c->frames.departing, 1);
	CHANGED(c->frames.zeroing, 1);
	CHANGED(c->vcpus.promised, 1);
	CHANGED(c->paused, !c->paused);
	CHANGED(c->capacity.leaving, 1);
	CHANGED(c->capacity.refused.w[0], 2);
	CHANGED(c->capacity.refused.w[NODESET_WORDS - 1], 1);
	IGNORED(c->stats.runs, 9);
	IGNORED(c->now, 9);
	one_close(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_moved_along_as_a_whole),
		cmocka_unit_test(test_every_field_of_a_transit),
		cmocka_unit_test(test_fields_by_state),
		cmocka_unit_test(test_pages_and_owners),
		cmocka_unit_test(test_ranges_by_what_they_say),
		cmocka_unit_test(test_each_page_that_is_gone),
		cmocka_unit_test(test_messages_that_wait),
		cmocka_unit_test(test_vcpus),
		cmocka_unit_test(test_counts),
	};

	return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
