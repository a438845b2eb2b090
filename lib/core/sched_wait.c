/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The event table: a hash table of lists. All that wait for the same thing are in the same list, in
 * the order in which they came, perhaps with others between them.
 */
#include "assert.h"
#include "sched_impl.h"

/* From *link* on, the first vCPU that waits for this. */
static tidal_vcpuid first_match(const struct sched *s, uint16_t link, enum sched_wait kind,
				uint64_t value)
{
	while (link) {
		const struct sched_vcpu *e = sched_vcpu(s, link - 1);

		if (e->kind == kind && e->value == value)
			return link - 1;
		link = e->next;
	}
	return TIDAL_VCPU_NONE;
}

void sched_wait(struct sched *s, tidal_vcpuid v, enum sched_wait kind, uint64_t value)
{
	struct sched_vcpu *e = sched_enter(s, v);

	ASSERT(kind != SCHED_WAIT_NONE);
	e->place = SCHED_WAITING;
	e->kind = (uint8_t)kind;
	e->value = value;
	e->order = ++s->order;
	sched_append(s, sched_bucket(s, kind, value), v);
}

tidal_vcpuid sched_waiting(const struct sched *s, enum sched_wait kind, uint64_t value)
{
	return first_match(s, sched_bucket(s, kind, value)->first, kind, value);
}

tidal_vcpuid sched_waiting_next(const struct sched *s, tidal_vcpuid v)
{
	const struct sched_vcpu *e = sched_vcpu(s, v);

	ASSERT(v < s->vcpus && e->place == SCHED_WAITING);
	return first_match(s, e->next, e->kind, e->value);
}

tidal_vcpuid sched_take(struct sched *s, enum sched_wait kind, uint64_t value)
{
	tidal_vcpuid v = sched_waiting(s, kind, value);

	if (v == TIDAL_VCPU_NONE)
		return v;
	sched_unlink(s, sched_bucket(s, kind, value), v);
	sched_vcpu(s, v)->place = SCHED_NOWHERE;
	sched_vcpu(s, v)->kind = SCHED_WAIT_NONE;
	sched_vcpu(s, v)->value = 0;
	return v;
}
