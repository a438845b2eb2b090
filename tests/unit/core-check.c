/* SPDX-License-Identifier: BSD-3-Clause */
/* tidal_core_check() notices: a core with a page in every state is spoilt in every way. */
#include "one-core.h"

#include "core/sched_impl.h"

enum { GONE = 1, COPY, LENT, OWN, BARE, NEW, ELSEWHERE, HELD_ONE, HELD_TWO, RANGE = 40 };

struct patient {
	struct one_core o;
	struct engine e;
	void *healthy; /* its bytes */
};

static bool is_sound(struct patient *p, const char **why)
{
	return tidal_core_check(p->o.core, why) == 0;
}

static void cure(struct patient *p)
{
	const char *why = "nothing";

	memcpy(p->o.mem, p->healthy, p->o.bytes);
	assert_true(is_sound(p, &why));
}

static void assert_noticed(struct patient *p, const char *text)
{
	const char *why = "nothing";

	if (is_sound(p, &why) || strcmp(why, text))
		fail_msg("\"%s\" was to be noticed, %s was", text, why);
	cure(p);
}

/* What is checked for, after a damage; then as before. */
#define SPOIL(text, damage)                                                                        \
	do {                                                                                       \
		damage;                                                                            \
		assert_noticed(p, text);                                                           \
	} while (0)

/* This is unusual, and no damage. */
#define BEAR(change)                                                                               \
	do {                                                                                       \
		const char *why_ = "nothing";                                                      \
		change;                                                                            \
		if (!is_sound(p, &why_))                                                           \
			fail_msg("%s", why_);                                                      \
		cure(p);                                                                           \
	} while (0)

/* ---- a healthy one ---- */

static void put_page(struct patient *p, tidal_gfn gfn, uint32_t state, uint32_t map, bool frame)
{
	struct page page = { .gfn = gfn, .state = state, .map = map, .frame = TIDAL_FRAME_NONE };

	if (frame)
		page.frame = frames_take_zeroed(p->e.frames);
	assert_true(!frame || page.frame != TIDAL_FRAME_NONE);
	page.owner = state == TIDAL_PAGE_SECONDARY;
	engine_store(&p->e, &page);
	if (state == TIDAL_PAGE_PRIMARY) {
		pages_set_copies(p->e.pages, &page, copies_add(0, 1, 3));
		engine_store(&p->e, &page);
	}
}

static struct transit *put_transit(struct patient *p, tidal_gfn gfn, enum situation state)
{
	struct transit *t = transits_begin(p->e.transits, gfn);

	assert_non_null(t);
	t->state = (uint8_t)state;
	return t;
}

/* vCPU 1 has two pages held. */
static void hold_two(struct patient *p)
{
	struct transit *one = put_transit(p, HELD_ONE, SIT_HELD);
	struct transit *two = put_transit(p, HELD_TWO, SIT_HELD);

	one->hold_vcpu = two->hold_vcpu = 1;
	vcpus_at(p->e.vcpus, 1)->held = transit_number(p->e.transits, one);
	one->hold_next = transit_number(p->e.transits, two);
	two->hold_prev = transit_number(p->e.transits, one);
}

static int open_patient(void **state)
{
	struct patient *p = calloc(1, sizeof(*p));

	one_open(&p->o, 0);
	one_run(&p->o);
	core_engine(p->o.core, p->o.now, &p->e);
	put_page(p, GONE, TIDAL_PAGE_INVALID, UNMAPPED, false);
	put_page(p, COPY, TIDAL_PAGE_SECONDARY, MAPPED_R, true);
	put_page(p, LENT, TIDAL_PAGE_PRIMARY, MAPPED_R, true);
	put_page(p, OWN, TIDAL_PAGE_EXCLUSIVE, MAPPED_RW, true);
	put_page(p, BARE, TIDAL_PAGE_DORMANT, MAPPED_R, false);
	put_page(p, NEW, TIDAL_PAGE_DORMANT, MAPPED_RW, true);
	put_transit(p, NEW, SIT_MAPPING)->frame = frames_take_zeroed(p->e.frames);
	put_page(p, ELSEWHERE, TIDAL_PAGE_INVALID, UNMAPPED, false);
	transit_room_join(p->e.transits, put_transit(p, ELSEWHERE, SIT_ROOM));
	hold_two(p);
	p->healthy = malloc(p->o.bytes);
	memcpy(p->healthy, p->o.mem, p->o.bytes);
	cure(p);
	*state = p;
	return 0;
}

static int close_patient(void **state)
{
	struct patient *p = *state;

	one_close(&p->o);
	free(p->healthy);
	free(p);
	return 0;
}

/* ---- and spoilt ---- */

static void swap_frame(struct patient *p, tidal_gfn from, tidal_gfn to)
{
	struct page a, b;

	assert_true(pages_get(p->e.pages, from, &a) && pages_get(p->e.pages, to, &b));
	b.frame = a.frame;
	a.frame = TIDAL_FRAME_NONE;
	pages_put(p->e.pages, &a);
	pages_put(p->e.pages, &b);
}

/* Change one member of a page's entry. */
#define SET(gfn_, member, value)                                                                   \
	do {                                                                                       \
		struct page page_;                                                                 \
		assert_true(pages_get(p->e.pages, gfn_, &page_));                                  \
		page_.member = (value);                                                            \
		pages_put(p->e.pages, &page_);                                                     \
	} while (0)

static void test_pages(void **state)
{
	struct patient *p = *state;

	SPOIL("a page has a frame that doesn't exist", SET(OWN, frame, p->e.frames->fresh));
	SPOIL("a page outside of guest memory", p->e.guest->pages = GONE);
	SPOIL("an absent page has a frame", SET(GONE, frame, 0));
	SPOIL("an absent page has a frame", SET(GONE, map, MAPPED_R));
	SPOIL("a copy has copies", SET(COPY, everywhere, true));
	SPOIL("a copy is writable", SET(COPY, map, MAPPED_RW));
	SPOIL("a primary page has no frame", SET(LENT, frame, TIDAL_FRAME_NONE));
	SPOIL("a primary page is writable", SET(LENT, map, MAPPED_RW));
	SPOIL("an exclusive page has no frame", SET(OWN, frame, TIDAL_FRAME_NONE));
	SPOIL("an exclusive page has copies", SET(OWN, everywhere, true));
	SPOIL("a dormant page has a frame", swap_frame(p, OWN, BARE);
	      SET(OWN, state, TIDAL_PAGE_DORMANT); SET(OWN, map, MAPPED_R));
	SPOIL("a dormant page has a frame", transits_find(p->e.transits, NEW)->state = SIT_ZEROING);
	SPOIL("a dormant page is writable", SET(BARE, map, MAPPED_RW));
	SPOIL("a page is in no state", SET(BARE, state, TIDAL_PAGE_DORMANT + 1));
	BEAR(SET(LENT, everywhere, true));
	BEAR(swap_frame(p, OWN, GONE); SET(OWN, state, TIDAL_PAGE_INVALID);
	     SET(OWN, map, UNMAPPED); SET(GONE, state, TIDAL_PAGE_EXCLUSIVE));
}

/* The transit of this page is in a state that does not fit. */
static void expect_unfit(struct patient *p, tidal_gfn gfn, enum situation state, const char *text)
{
	struct transit *t = transits_find(p->e.transits, gfn);

	if (!t)
		t = put_transit(p, gfn, state);
	t->state = (uint8_t)state;
	t->frame = TIDAL_FRAME_NONE;
	assert_noticed(p, text);
}

static void test_transits(void **state)
{
	struct patient *p = *state;
	struct transit *t = transits_find(p->e.transits, ELSEWHERE);

	expect_unfit(p, OWN, SIT_ASK, "asked for a page that is here");
	expect_unfit(p, BARE, SIT_ASK, "asked for a page that is here");
	expect_unfit(p, GONE, SIT_ASK, "asked without a frame to receive into");
	expect_unfit(p, GONE, SIT_UPGRADE, "upgrades a page without a copy");
	expect_unfit(p, COPY, SIT_UPGRADE, "asked without a frame to receive into");
	expect_unfit(p, COPY, SIT_COLLECT, "collects for a page of somebody else");
	expect_unfit(p, OWN, SIT_COLLECT, "collects nothing");
	expect_unfit(p, OWN, SIT_FRAME, "converts a page that isn't dormant");
	expect_unfit(p, OWN, SIT_ZEROING, "converts a page that isn't dormant");
	for (enum situation s = SIT_LOWERING; s <= SIT_FOLDING; s++)
		expect_unfit(p, COPY, s, "gives away a page of somebody else");
	expect_unfit(p, OWN, SIT_DROPPING, "drops a copy that isn't one");
	expect_unfit(p, OWN, SIT_ROOM, "waits for a page that it owns");
	expect_unfit(p, OWN, SIT_BACKOFF, "waits for a page that it owns");
	expect_unfit(p, BARE, SIT_EXPECTED, "waits for a page that it owns");
	expect_unfit(p, BARE, SIT_MAX, "a transit is in no transient state");
	expect_unfit(p, BARE, SIT_DORMANT, "a transit is in no transient state");
	SPOIL("the list of those who wait for frames is miscounted", t->in_room = false);
	SPOIL("the list of those who wait for frames is miscounted", p->e.transits->room_count++);
}

/* Dormant here: for an entry, because its page was mapped; and because its range came along. */
static void test_what_came_along(void **state)
{
	struct patient *p = *state;

	BEAR(put_transit(p, RANGE, SIT_BACKOFF));
	BEAR(put_transit(p, RANGE, SIT_ASK)->promised = true; p->e.frames->promised++);
	SPOIL("waits for a page that it owns", put_transit(p, RANGE, SIT_EXPECTED);
	      put_page(p, RANGE, TIDAL_PAGE_DORMANT, UNMAPPED, false);
	      ranges_lose(p->e.ranges, RANGE));
	BEAR(put_transit(p, COPY, SIT_UPGRADE)->promised = true; p->e.frames->promised++);
	BEAR(put_transit(p, OWN, SIT_COLLECT)->acks.w[0] = 2);
}

static void test_frames(void **state)
{
	struct patient *p = *state;
	struct frames *f = p->e.frames;

	SPOIL("a frame is lost, or in two places", frames_take_zeroed(f));
	SPOIL("a frame is lost, or in two places", f->departing++);
	SPOIL("a frame is lost, or in two places", f->zeroing++);
	SPOIL("a frame is lost, or in two places", f->posted++);
	SPOIL("a frame is lost, or in two places",
	      transits_find(p->e.transits, NEW)->frame = TIDAL_FRAME_NONE);
	SPOIL("promised frames are miscounted", f->promised++);
	SPOIL("promised frames are miscounted",
	      transits_find(p->e.transits, NEW)->promised = true);
	SPOIL("more frames promised than posted",
	      transits_find(p->e.transits, NEW)->promised = true;
	      f->promised++; f->departing += f->posted; f->posted = 0);
}

static void test_vcpus(void **state)
{
	struct patient *p = *state;
	struct transit *one = transits_find(p->e.transits, HELD_ONE);
	struct transit *two = transits_find(p->e.transits, HELD_TWO);
	struct vcpu *zero = vcpus_at(p->e.vcpus, 0);

	assert_int_equal(zero->state, TIDAL_VCPU_RUNNING);
	SPOIL("scheduler and vCPU disagree about running", zero->state = TIDAL_VCPU_READY);
	SPOIL("scheduler and vCPU disagree about running",
	      vcpus_at(p->e.vcpus, 1)->state = TIDAL_VCPU_RUNNING);
	SPOIL("held for another vCPU", two->hold_vcpu = 0);
	SPOIL("held for another vCPU", zero->held = vcpus_at(p->e.vcpus, 1)->held);
	SPOIL("list of held pages runs in a circle",
	      two->hold_next = transit_number(p->e.transits, one));
	SPOIL("vCPUs are miscounted", p->e.vcpus->here++);
	SPOIL("vCPUs are miscounted", vcpus_at(p->e.vcpus, 3)->state = TIDAL_VCPU_AWAY);
	SPOIL("vCPUs are miscounted", vcpus_at(p->e.vcpus, 3)->state = TIDAL_VCPU_LOST);
	SPOIL("more vCPUs promised than slots", p->e.vcpus->promised = p->e.peers[1].slots = 1);
	SPOIL("promised slots are miscounted", p->e.vcpus->promised = 1);
	BEAR(p->e.vcpus->promised = p->e.peers[1].slots = 1; p->e.vcpus->slots++);
}

/* Those of other components are asked. */
static void test_components(void **state)
{
	struct patient *p = *state;

	/* Its third word: how many messages its pool has. link_state.h doesn't go with engine.h. */
	SPOIL("link: pool too large", ((uint32_t *)(void *)p->e.link)[2] = 0);
	SPOIL("sched: the list of running vCPUs is damaged", p->e.sched->running.last = 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pages, open_patient, close_patient),
		cmocka_unit_test_setup_teardown(test_transits, open_patient, close_patient),
		cmocka_unit_test_setup_teardown(test_what_came_along, open_patient, close_patient),
		cmocka_unit_test_setup_teardown(test_frames, open_patient, close_patient),
		cmocka_unit_test_setup_teardown(test_vcpus, open_patient, close_patient),
		cmocka_unit_test_setup_teardown(test_components, open_patient, close_patient),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
