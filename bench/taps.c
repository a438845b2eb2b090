/* SPDX-License-Identifier: BSD-3-Clause */
/* taps - see taps.h: operations that note the time and call the real ones. */
#include "taps.h"

#include "crew.h"
#include "report.h"

_Static_assert(sizeof(struct taps) <= CREW_NOTES, "room for notes");

static struct tidal_host_ops host_taps;
static struct tidal_transport_ops wire_taps;
static const struct tidal_host_ops *host;
static const struct tidal_transport_ops *wire;
static struct taps *taps;

static void note(enum tap what)
{
	uint32_t i = taps->count;

	if (i >= TAPS)
		return;
	taps->tap[i].at = clock_ns();
	taps->tap[i].what = what;
	taps->count = i + 1;
}

static int host_poll(struct tidal_host *h, uint32_t budget, struct tidal_event *events, int n)
{
	int got = host->poll(h, budget, events, n);

	for (int i = 0; i < got; i++)
		if (events[i].kind == TIDAL_EV_STALL)
			note(TAP_STALL);
		else if (events[i].kind == TIDAL_EV_HOST_DONE)
			note(TAP_DONE);
	return got;
}

#define NOTED(before, after, call)                                                                \
	int ret;                                                                                  \
                                                                                                  \
	note(before);                                                                             \
	ret = (call);                                                                             \
	note(after);                                                                              \
	return ret;

static int host_map(struct tidal_host *h, const struct tidal_act_pages *act)
{
	NOTED(TAP_MAP, TAP_MAPPED, host->map(h, act))
}

static int host_unmap(struct tidal_host *h, const struct tidal_act_pages *act)
{
	NOTED(TAP_CHANGE, TAP_CHANGED, host->unmap(h, act))
}

static int host_protect(struct tidal_host *h, const struct tidal_act_pages *act)
{
	NOTED(TAP_CHANGE, TAP_CHANGED, host->protect(h, act))
}

static int host_run(struct tidal_host *h, const struct tidal_act_vcpu *act)
{
	NOTED(TAP_RUN, TAP_RAN, host->vcpu_run(h, act))
}

static void *host_data(struct tidal_host *h, tidal_frame frame, tidal_gfn gfn)
{
	void *data = host->frame_data(h, frame, gfn);

	note(TAP_BYTES);
	return data;
}

static int wire_send(struct tidal_transport *t, tidal_nodeid to, const void *header, uint32_t len,
		     uint32_t payload, const void *data, uint32_t data_len, uint64_t cookie)
{
	NOTED(TAP_SEND, TAP_SENT,
	      wire->send(t, to, header, len, payload, data, data_len, cookie))
}

static int wire_poll(struct tidal_transport *t, tidal_time now, struct tidal_completion *done,
		     int n)
{
	int got = wire->poll(t, now, done, n);

	for (int i = 0; i < got; i++)
		if (done[i].kind == TIDAL_DONE_RECV)
			note(TAP_MESSAGE);
	return got;
}

void taps_on(const struct tidal_host_ops **host_ops, const struct tidal_transport_ops **wire_ops)
{
	host = *host_ops;
	wire = *wire_ops;
	taps = crew_own_notes();
	host_taps = *host;
	host_taps.poll = host_poll;
	host_taps.map = host_map;
	host_taps.unmap = host_unmap;
	host_taps.protect = host_protect;
	host_taps.vcpu_run = host_run;
	host_taps.frame_data = host_data;
	wire_taps = *wire;
	wire_taps.send = wire_send;
	wire_taps.poll = wire_poll;
	*host_ops = &host_taps;
	*wire_ops = &wire_taps;
}
