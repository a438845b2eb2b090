/* SPDX-License-Identifier: BSD-3-Clause */
/* shrink - see shrink.h. */
#include "shrink.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct shrinker {
	struct setting *s;
	struct script *script;
	const char *violation;
	uint64_t most_events; /* of a run: what takes longer is no improvement */
	clock_t until;
	unsigned runs;
};

static bool in_time(const struct shrinker *k)
{
	return clock() < k->until;
}

static bool fails(struct shrinker *k, const struct setting *s, const struct script *script)
{
	const struct run_how how = { .script = script, .most_events = k->most_events };
	struct outcome out;

	k->runs++;
	run_setting(s, &how, &out);
	return run_alike(out.violation, k->violation);
}

/* ---- leaving choices out ---- */

typedef bool (*choice_test)(const struct choice *, unsigned);

/* Try without those that the test picks. */
static bool without(struct shrinker *k, choice_test test, unsigned arg)
{
	struct script rest = { 0 };
	bool gain;

	for (size_t i = 0; i < k->script->count; i++)
		if (!test(&k->script->choice[i], arg))
			script_add(&rest, &k->script->choice[i]);
	gain = rest.count < k->script->count && fails(k, k->s, &rest);
	if (gain) {
		script_free(k->script);
		*k->script = rest;
	} else {
		script_free(&rest);
	}
	return gain;
}

static bool is_of_kind(const struct choice *c, unsigned kind)
{
	return c->kind == kind;
}

static bool is_of_vcpu(const struct choice *c, unsigned vcpu)
{
	return (c->kind == CHOICE_OP || c->kind == CHOICE_WAKE) && c->a == vcpu;
}

/* Try without `count` choices from `at` on. */
static bool without_piece(struct shrinker *k, size_t at, size_t count)
{
	struct script rest = { 0 };
	bool gain;

	rest.choice = malloc((k->script->count + 1) * sizeof(*rest.choice));
	rest.room = k->script->count + 1;
	rest.count = k->script->count - count;
	memcpy(rest.choice, k->script->choice, at * sizeof(*rest.choice));
	memcpy(rest.choice + at, k->script->choice + at + count,
	       (rest.count - at) * sizeof(*rest.choice));
	gain = fails(k, k->s, &rest);
	if (gain) {
		script_free(k->script);
		*k->script = rest;
	} else {
		script_free(&rest);
	}
	return gain;
}

/* Pieces of the script, from large to single choices, from its end to its beginning. */
static bool without_pieces(struct shrinker *k)
{
	bool gain = false;

	for (size_t piece = k->script->count / 2; piece > 0; piece /= 2)
		for (size_t at = k->script->count; at > 0 && in_time(k);) {
			size_t from = at > piece ? at - piece : 0;

			gain = without_piece(k, from, at - from) || gain;
			at = from < k->script->count ? from : k->script->count;
		}
	return gain;
}

/* ---- plainer settings ---- */

/* Those that may be 0, which means: as by default, or not at all. */
static uint64_t *setting_member(struct setting *s, unsigned i)
{
	uint64_t *const members[] = { &s->jitter_ns, &s->work_ns, &s->fail_ppm, &s->messages, &s->transits,
				      &s->ranges, &s->homes, &s->hints, &s->landing, &s->rto_ns,
				      &s->hold_ns, &s->hold_max_ns, &s->reserve_ns, &s->backoff_ns,
				      &s->slice_ns, &s->slice, &s->no_retire, &s->spread_memory, &s->ahead,
				      &s->zeroing };

	return i < sizeof(members) / sizeof(members[0]) ? members[i] : NULL;
}

static bool plainer(struct shrinker *k)
{
	struct setting plain = *k->s;
	bool gain = false;
	uint64_t *member;

	for (unsigned i = 0; (member = setting_member(&plain, i)) && in_time(k); i++) {
		if (!*member)
			continue;
		*member = 0;
		if (fails(k, &plain, k->script)) {
			*k->s = plain;
			gain = true;
		}
		plain = *k->s;
	}
	return gain;
}

unsigned shrink(struct setting *s, struct script *script, const char *violation, double seconds)
{
	struct shrinker k = { .s = s, .script = script, .violation = violation };
	const struct run_how how = { .script = script };
	struct outcome out;
	const struct setting asked = *s;
	bool gain = true;

	s->sweep = 16; /* or it would depend on how often everything is checked */
	s->patience_us = 300000;
	run_setting(s, &how, &out);
	if (!run_alike(out.violation, violation)) {
		*s = asked;
		run_setting(s, &how, &out);
	}
	k.most_events = 2 * out.events + 10000;
	k.until = clock() + (clock_t)(seconds * CLOCKS_PER_SEC);
	while (gain && in_time(&k)) {
		gain = false;
		for (unsigned kind = CHOICE_LOSE; kind < CHOICE_KINDS && in_time(&k); kind++)
			gain = without(&k, is_of_kind, kind) || gain;
		for (unsigned v = 0; v < s->vcpus && in_time(&k); v++)
			gain = without(&k, is_of_vcpu, v) || gain;
		gain = without_pieces(&k) || gain;
		gain = plainer(&k) || gain;
	}
	return k.runs;
}

/* ---- files ---- */

bool failure_write(const char *path, const struct setting *s, const struct script *script,
		   const char *violation)
{
	FILE *f = fopen(path, "w");

	if (!f)
		return false;
	fprintf(f, "# A failed simulation; sim --replay FILE repeats it and tells what happens.\n");
	fprintf(f, "violation %s\n", violation);
	setting_write(s, f);
	script_write(script, f);
	return fclose(f) == 0;
}

bool failure_read(const char *path, struct setting *s, struct script *script, char violation[256])
{
	FILE *f = fopen(path, "r");
	char line[512];
	bool ok = f;

	*s = (struct setting){ 0 };
	violation[0] = 0;
	while (ok && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		if (line[0] == '#' || !line[0])
			continue;
		if (sscanf(line, "violation %255[^\n]", violation) != 1 && !setting_read(s, line))
			ok = script_read(script, line);
	}
	if (f)
		fclose(f);
	return ok && s->nodes > 0;
}
