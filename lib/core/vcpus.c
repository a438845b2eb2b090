/* SPDX-License-Identifier: BSD-3-Clause */
/* vcpus - see vcpus.h. */
#include "vcpus.h"

void vcpus_init(struct vcpus *vs, struct arena *a, uint32_t count, uint32_t slots)
{
	struct vcpu *v = arena_take(a, (size_t)count * sizeof(*v), 64);

	if (!a->base)
		return;
	vs->vcpu = rel_to(vs, v);
	vs->count = count;
	vs->slots = slots;
}

void vcpu_served(struct vcpu *v, tidal_nodeid node)
{
	v->history[v->history_at] = node;
	v->history_at = (v->history_at + 1) % VCPU_HISTORY;
	if (v->history_used < VCPU_HISTORY)
		v->history_used++;
}

void vcpu_ran(struct vcpu *v, tidal_time now, tidal_nodeid here)
{
	tidal_time ran = now - v->ran_at;
	tidal_time quiet = ran / VCPU_QUIET_NS, settled;

	for (unsigned i = 0; i < quiet && i < VCPU_HISTORY; i++)
		vcpu_served(v, here);
	v->settling += ran;
	settled = v->settling / VCPU_SETTLE_NS;
	v->settling %= VCPU_SETTLE_NS;
	v->moves = settled < v->moves ? (uint8_t)(v->moves - settled) : 0;
}

uint32_t vcpu_share(const struct vcpu *v, tidal_nodeid node)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < VCPU_HISTORY; i++)
		n += v->history[i] == node;
	for (unsigned i = v->history_used; i < VCPU_HISTORY; i++)
		n -= v->history[i] == node; /* seldom any: the loop above is one of known length */
	/* of a full history, so that one stall alone says little */
	return n * 256 / VCPU_HISTORY;
}

/*
 * A host that can't tell: a third page in a row means that the instruction went through. But an instruction
 * may need three pages and more (its own, those that an operand crosses), and one that travels from
 * one to the other would for ever: so a vCPU that has moved very often is believed more slowly, and
 * pages come to it meanwhile.
 */
static bool seems_to_get_on(const struct vcpu *v, tidal_gfn gfn)
{
	if (!v->stalls || gfn == v->gfn || gfn == v->gfn_before)
		return false;
	return v->moves < VCPU_RESTLESS || v->stalls >= VCPU_PATIENT;
}

void vcpu_stalled(struct vcpu *v, tidal_time now, tidal_gfn gfn, uint8_t access, bool tells_retire)
{
	if (!tells_retire && seems_to_get_on(v, gfn))
		vcpu_retired(v);
	if (v->stalls == 0)
		v->since = now;
	if (v->stalls < UINT8_MAX)
		v->stalls++;
	if (gfn != v->gfn)
		v->gfn_before = v->gfn;
	v->gfn = gfn;
	v->access = access;
}

void vcpu_retired(struct vcpu *v)
{
	v->stalls = 0;
	v->moved = false;
	v->pin_bound = false;
}
