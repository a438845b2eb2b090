/* SPDX-License-Identifier: BSD-3-Clause */
/* script - see script.h. */
#include "script.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
#define CHOICE_NAME(NAME, name, text) #name,
	CHOICES(CHOICE_NAME)
#undef CHOICE_NAME
};

const char *choice_name(unsigned kind)
{
	return kind < CHOICE_KINDS ? names[kind] : "?";
}

void script_add(struct script *s, const struct choice *c)
{
	if (s->count == s->room) {
		s->room = s->room ? s->room * 2 : 256;
		s->choice = realloc(s->choice, s->room * sizeof(*s->choice));
		if (!s->choice)
			abort();
	}
	s->choice[s->count++] = *c;
}

void script_free(struct script *s)
{
	free(s->choice);
	*s = (struct script){ 0 };
}

void script_write(const struct script *s, FILE *f)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct choice *c = &s->choice[i];

		fprintf(f, "%s at %" PRIu64 " a %u b %u x %" PRIu64 " y %" PRIu64 "\n",
			choice_name(c->kind), c->at, c->a, c->b, c->x, c->y);
	}
}

bool script_read(struct script *s, const char *line)
{
	struct choice c = { 0 };
	char name[16];
	unsigned a, b;

	if (sscanf(line, "%15s at %" SCNu64 " a %u b %u x %" SCNu64 " y %" SCNu64, name, &c.at, &a,
		   &b, &c.x, &c.y) != 6)
		return false;
	while (c.kind < CHOICE_KINDS && strcmp(name, names[c.kind]))
		c.kind++;
	c.a = (uint16_t)a;
	c.b = (uint16_t)b;
	if (c.kind == CHOICE_KINDS || a > UINT16_MAX || b > UINT16_MAX)
		return false;
	script_add(s, &c);
	return true;
}
