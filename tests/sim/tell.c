/* SPDX-License-Identifier: BSD-3-Clause */
/* tell - what happens in a run, in words: the trace of a replay. */
#include "run_inside.h"

#include "core/transits.h"

typedef unsigned long long ull;

static void tell_wire(FILE *f, const unsigned char *bytes, uint32_t len)
{
	struct wire m;

	if (len <= HEADER_BODY || !wire_decode(&m, bytes + HEADER_BODY, len - HEADER_BODY)) {
		fprintf(f, "acknowledgement");
		return;
	}
	fprintf(f, "%s", wire_name(m.kind));
	switch (m.kind) {
	case MSG_REQUEST:
		fprintf(f, " page %llu for node %u, access %u, flags %u, hops %u",
			(ull)m.u.request.gfn, m.u.request.node, m.u.request.want, m.u.request.flags,
			m.u.request.hops);
		break;
	case MSG_COPY:
		fprintf(f, " page %llu epoch %llu flags %u", (ull)m.u.copy.gfn,
			(ull)m.u.copy.epoch, m.u.copy.flags);
		break;
	case MSG_OWN:
		fprintf(f, " page %llu epoch %llu copies %llx flags %u", (ull)m.u.own.gfn,
			(ull)m.u.own.epoch, (ull)m.u.own.copies, m.u.own.flags);
		break;
	case MSG_EXTENT:
		fprintf(f, " page %llu: range %llu order %u", (ull)m.u.extent.gfn,
			(ull)m.u.extent.first, m.u.extent.order);
		break;
	case MSG_REFUSE:
		fprintf(f, " page %llu reason %u, owner %u", (ull)m.u.refuse.gfn, m.u.refuse.reason,
			m.u.refuse.owner);
		break;
	case MSG_INVALIDATE:
		fprintf(f, " page %llu epoch %llu, owner %u", (ull)m.u.invalidate.gfn,
			(ull)m.u.invalidate.epoch, m.u.invalidate.owner);
		break;
	case MSG_MOVE_ASK:
	case MSG_MOVE_ANSWER:
		fprintf(f, " vCPU %u", m.u.move_ask.vcpu);
		break;
	case MSG_VCPU:
		fprintf(f, " %u epoch %llu", m.u.vcpu.vcpu, (ull)m.u.vcpu.epoch);
		break;
	default:
		if (m.kind <= MSG_GIVE)
			fprintf(f, " page %llu", (ull)m.u.find.gfn);
	}
}

static void tell_done(const struct run *r, unsigned node, uint64_t token)
{
	static const char *const what[] = { "?", "page", "frame", "save of vCPU", "load of vCPU",
					    "io of vCPU", "io for another node" };
	uint64_t value = token & ((UINT64_C(1) << 56) - 1);
	const struct transit *t;

	fprintf(r->how.trace, " %s %llu", token >> 56 < 7 ? what[token >> 56] : what[0], (ull)value);
	if (token >> 56 != TOKEN_PAGE)
		return;
	t = transits_find(&r->w->host[node].core->transits, value);
	fprintf(r->how.trace, ", now %s", t ? situation_name(t->state) : "stable");
}

void tell_event(const struct run *r, unsigned node, const struct tidal_event *ev, int err)
{
	FILE *f = r->how.trace;

	fprintf(f, "%9llu n%u  %s", (ull)r->w->now, node, tidal_event_name(ev->kind));
	switch (ev->kind) {
	case TIDAL_EV_MESSAGE:
		fprintf(f, " from %u: ", ev->u.message.from);
		tell_wire(f, ev->u.message.bytes, ev->u.message.len);
		break;
	case TIDAL_EV_STALL:
		fprintf(f, " of vCPU %d, access %u, page %llu", (int16_t)ev->u.stall.vcpu,
			ev->u.stall.access, (ull)(ev->u.stall.gpa >> TIDAL_PAGE_SHIFT));
		break;
	case TIDAL_EV_HOST_DONE:
		tell_done(r, node, ev->u.done.token);
		break;
	case TIDAL_EV_VCPU_STOPPED:
		fprintf(f, " %u, reason %u", ev->u.stopped.vcpu, ev->u.stopped.reason);
		break;
	case TIDAL_EV_RETIRED:
	case TIDAL_EV_VCPU_WAKE:
		fprintf(f, " vCPU %u", ev->u.retired.vcpu);
		break;
	case TIDAL_EV_COMMAND:
		fprintf(f, " %u, page %llu, vCPU %u, node %u", ev->u.command.command,
			(ull)ev->u.command.gfn, ev->u.command.vcpu, ev->u.command.node);
		break;
	default:
		break;
	}
	fprintf(f, err ? " -> %s\n" : "\n", tidal_strerror(err));
}

void tell_action(const struct run *r, unsigned node, const struct tidal_action *a)
{
	FILE *f = r->how.trace;

	if (a->kind == TIDAL_ACT_POST || a->kind == TIDAL_ACT_ZERO)
		return;
	fprintf(f, "%9llu n%u      %s", (ull)r->w->now, node, tidal_action_name(a->kind));
	switch (a->kind) {
	case TIDAL_ACT_SEND:
		fprintf(f, " to %u: ", a->u.send.to);
		tell_wire(f, a->u.send.header, a->u.send.len);
		fprintf(f, a->u.send.payload ? ", with payload" : "");
		break;
	case TIDAL_ACT_MAP:
	case TIDAL_ACT_UNMAP:
	case TIDAL_ACT_PROTECT:
		fprintf(f, " page %llu frame %d prot %u", (ull)a->u.pages.gfn,
			(int)a->u.pages.frame, a->u.pages.prot);
		break;
	case TIDAL_ACT_RUN:
	case TIDAL_ACT_STOP:
	case TIDAL_ACT_SAVE:
	case TIDAL_ACT_LOAD:
	case TIDAL_ACT_DROP:
		fprintf(f, " vCPU %u", a->u.vcpu.vcpu);
		break;
	case TIDAL_ACT_COMPLETE:
		fprintf(f, " page %llu", (ull)a->u.complete.gfn);
		break;
	case TIDAL_ACT_REPORT:
		fprintf(f, " %u: %s", a->u.report.what, a->u.report.text);
		break;
	default:
		break;
	}
	fprintf(f, "\n");
}

void tell_choice(const struct run *r, const struct choice *c)
{
	fprintf(r->how.trace, "%9llu     * %s a %u b %u x %llu y %llu\n", (ull)r->w->now,
		choice_name(c->kind), c->a, c->b, (ull)c->x, (ull)c->y);
}
