/* SPDX-License-Identifier: BSD-3-Clause */
/* setting - see setting.h. */
#include "setting.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include <tidal/params.h>

#include "script.h"
#include "world.h"

static const struct {
	const char *name;
	size_t offset;
} members[] = {
#define SETTING_NAME(name, text) { #name, offsetof(struct setting, name) },
	SETTINGS(SETTING_NAME)
#undef SETTING_NAME
};

uint64_t setting_mix(uint64_t a, uint64_t b)
{
	uint64_t x = a * 0x9e3779b97f4a7c15u + b + 0x632be59bd9b4e019u;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

/* ---- choosing ---- */

static uint64_t pick(uint64_t *r, uint64_t least, uint64_t most)
{
	*r = setting_mix(*r, 1);
	return least + *r % (most - least + 1);
}

static bool one_in(uint64_t *r, uint64_t n)
{
	return pick(r, 1, n) == 1;
}

/* Small numbers more often than large ones. */
static uint64_t pick_small(uint64_t *r, uint64_t least, uint64_t most)
{
	return pick(r, least, pick(r, least, most));
}

static void choose_sizes(struct setting *s, uint64_t *r)
{
	uint64_t each;

	s->nodes = one_in(r, 24) ? 1 : pick(r, 2, one_in(r, 3) ? 8 : 4);
	s->vcpus = pick_small(r, 1, 24);
	s->hthreads = pick(r, 1, 3);
	s->spread_vcpus = pick(r, 0, 1);
	each = s->spread_vcpus ? (s->vcpus + s->nodes - 1) / s->nodes : s->vcpus;
	s->vcpu_slots = one_in(r, 3) ? pick(r, each, each + 2) : 64;
	s->frames = pick(r, 24, one_in(r, 4) ? 400 : 96);
	s->landing = one_in(r, 3) ? pick(r, 1, 6) : 0;
	s->spread_memory = pick(r, 0, 1);
}

/* Which memory the guest touches: little, as much as fits, sometimes more. */
static void choose_memory(struct setting *s, uint64_t *r)
{
	uint64_t room = setting_room(s), most;

	s->crossing = pick(r, 0, 1) ? pick(r, 1, 15) : 0;
	s->stride = one_in(r, 3) ? UINT64_C(1) << pick(r, 1, 9) : 1;
	most = s->stride > 1 && s->crossing ? room / 2 : room - 1;
	s->pages = pick(r, 2, most);
	if (one_in(r, 3))
		s->pages = pick(r, 2, 6);
	else if (one_in(r, 3))
		s->pages = one_in(r, 8) ? most + pick(r, 1, most) : most;
	while (s->stride > 1 && s->pages * s->stride > 65536)
		s->stride /= 2;
}

/* The tables: by default there is always room, so take them small one by one. */
static void choose_tables(struct setting *s, uint64_t *r)
{
	uint64_t least = 8 * s->nodes + 96;

	s->messages = one_in(r, 3) ? pick_small(r, least, 4 * least) : 0;
	/* the holds of vCPUs that need several pages each must fit */
	s->transits = one_in(r, 3) ? pick_small(r, 4 * s->vcpus + 4, 4 * s->vcpus + 40) : 0;
	s->ranges = one_in(r, 3) ? pick_small(r, 96, 300) : 0;
	s->homes = one_in(r, 3) ? pick_small(r, 4, 64) : 0;
	s->hints = one_in(r, 3) ? UINT64_C(4) << pick(r, 0, 4) : 0;
}

static void choose_times(struct setting *s, uint64_t *r)
{
	s->rto_ns = one_in(r, 3) ? pick(r, 20000, 1000000) : 0;
	s->hold_ns = one_in(r, 3) ? pick(r, 0, 50000) : 0;
	s->hold_max_ns = one_in(r, 3) ? pick(r, 50000, 2000000) : 0;
	s->reserve_ns = one_in(r, 3) ? pick(r, 1, 1000000) : 0;
	s->backoff_ns = one_in(r, 3) ? pick(r, 1000, 100000) : 0;
	s->slice_ns = one_in(r, 3) ? pick(r, 5000, 2000000) : 0;
	s->no_retire = one_in(r, 4);
	s->slice = one_in(r, 4) ? pick(r, 1, 20) : 0;
	s->policy = pick(r, 0, POLICIES - 1);
}

static void choose_weather(struct setting *s, uint64_t *r)
{
	s->delay_ns = pick(r, 500, 10000);
	s->work_ns = pick(r, 0, 1) ? pick(r, 1, 3000) : 0;
	s->jitter_ns = pick(r, 0, 1) ? pick(r, 1, one_in(r, 4) ? 200000 : 30000) : 0;
	s->ideal = one_in(r, 8);
	if (s->ideal)
		return;
	s->lose_ppm = pick(r, 0, 1) ? pick_small(r, 100, 150000) : 0;
	s->twice_ppm = pick(r, 0, 1) ? pick_small(r, 100, 150000) : 0;
	s->late_ppm = pick(r, 0, 1) ? pick_small(r, 100, 50000) : 0;
	s->late_ns = pick(r, 10000, 3000000);
}

static void choose_meddlers(struct setting *s, uint64_t *r, const struct setting_limits *limits)
{
	s->meddle_ns = one_in(r, 3) ? 0 : pick_small(r, 5000, 500000);
	s->meddles = pick_small(r, 5, 400);
	for (unsigned kind = CHOICE_CUT; s->meddle_ns && kind < CHOICE_RESTART; kind++)
		if (pick(r, 0, 1) && !(kind == CHOICE_CUT && s->ideal))
			s->meddle |= UINT64_C(1) << kind;
	if (!limits->restarts || s->ideal)
		return;
	s->meddle |= UINT64_C(1) << CHOICE_RESTART;
	s->meddle_ns = s->meddle_ns ? s->meddle_ns : 100000;
}

static void choose_guest(struct setting *s, uint64_t *r)
{
	s->steps = pick(r, 50, 6000) / s->vcpus + 20;
	s->pattern = pick(r, 0, PATTERNS - 1);
	s->hot = pick(r, 1, s->pages < 12 ? s->pages : 12);
	s->write = one_in(r, 6) ? pick(r, 0, 100) : pick(r, 5, 60);
	s->zero = pick(r, 0, 1) ? pick(r, 1, 30) : 0;
	s->io = one_in(r, 3) ? pick(r, 1, 5) : 0;
	s->fetch = one_in(r, 4) ? pick(r, 5, 100) : 0;
	s->idle = one_in(r, 4) ? pick(r, 1, 30) : 0;
}

/* From a draw of its own: what came before it is as it was without. */
static void choose_batches(struct setting *s, uint64_t r)
{
	s->ahead = one_in(&r, 3) ? pick(&r, 1, one_in(&r, 2) ? 512 : 16) : 0;
	s->zeroing = one_in(&r, 3) ? pick(&r, 1, one_in(&r, 2) ? 1024 : 16) : 0;
}

void setting_choose(struct setting *s, uint64_t seed, const struct setting_limits *limits)
{
	uint64_t r = setting_mix(seed, 0);

	*s = (struct setting){ .seed = seed, .sweep = 1024, .patience_us = 1000000 };
	choose_sizes(s, &r);
	choose_memory(s, &r);
	choose_tables(s, &r);
	choose_times(s, &r);
	choose_weather(s, &r);
	choose_meddlers(s, &r, limits);
	choose_guest(s, &r);
	s->fail_ppm = one_in(&r, 4) ? pick_small(&r, 100, 30000) : 0;
	s->plant = limits->plant;
	choose_batches(s, setting_mix(seed, 1));
	if (s->plant < PLANT_OF_IDEAL)
		return;
	s->ideal = 1; /* or the link would mend it */
	s->lose_ppm = s->twice_ppm = 0;
	s->meddle &= ~(UINT64_C(1) << CHOICE_CUT);
}

uint64_t setting_room(const struct setting *s)
{
	struct tidal_params p;

	tidal_params_init(&p, sizeof(p), (uint32_t)s->frames);
	return s->nodes * (s->frames - (s->landing ? s->landing : p.landing) - p.reserve -
			   SETTING_SLACK);
}

bool setting_overfull(const struct setting *s)
{
	uint64_t pages = s->pages * (s->stride > 1 && s->crossing ? 2 : 1) + 1;

	if (s->ahead) /* frames may be given to pages that the guest leaves out */
		pages = setting_guest(s);
	return pages > setting_room(s);
}

uint64_t setting_guest(const struct setting *s)
{
	uint64_t pages = (s->pages - 1) * s->stride + 2;

	/* runs of memory are whole ranges, so that every node can have one */
	return s->spread_memory && pages < s->nodes * TIDAL_RANGE_PAGES ?
		       s->nodes * TIDAL_RANGE_PAGES : pages;
}

/* ---- text ---- */

void setting_write(const struct setting *s, FILE *f)
{
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		fprintf(f, "set %s %" PRIu64 "\n", members[i].name,
			*(const uint64_t *)((const char *)s + members[i].offset));
}

bool setting_read(struct setting *s, const char *line)
{
	char name[32];
	uint64_t value;

	if (sscanf(line, "set %31s %" SCNu64, name, &value) != 2)
		return false;
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (strcmp(name, members[i].name) == 0) {
			*(uint64_t *)((char *)s + members[i].offset) = value;
			return true;
		}
	return false;
}
