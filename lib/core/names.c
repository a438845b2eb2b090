/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of events, actions and what is traced, for traces and messages. */
#include <tidal/action.h>
#include <tidal/event.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const char *const events[] = {
	[TIDAL_EV_STALL] = "stall",
	[TIDAL_EV_MESSAGE] = "message",
	[TIDAL_EV_HOST_DONE] = "host-done",
	[TIDAL_EV_VCPU_STOPPED] = "vcpu-stopped",
	[TIDAL_EV_RETIRED] = "retired",
	[TIDAL_EV_TICK] = "tick",
	[TIDAL_EV_PEER_UP] = "peer-up",
	[TIDAL_EV_PEER_DOWN] = "peer-down",
	[TIDAL_EV_COMMAND] = "command",
	[TIDAL_EV_VCPU_WAKE] = "vcpu-wake",
};

static const char *const actions[] = {
	[TIDAL_ACT_SEND] = "send",
	[TIDAL_ACT_MAP] = "map",
	[TIDAL_ACT_UNMAP] = "unmap",
	[TIDAL_ACT_PROTECT] = "protect",
	[TIDAL_ACT_ZERO] = "zero",
	[TIDAL_ACT_POST] = "post",
	[TIDAL_ACT_RUN] = "run",
	[TIDAL_ACT_STOP] = "stop",
	[TIDAL_ACT_SAVE] = "save",
	[TIDAL_ACT_LOAD] = "load",
	[TIDAL_ACT_DROP] = "drop",
	[TIDAL_ACT_BUF_FREE] = "buf-free",
	[TIDAL_ACT_COMPLETE] = "complete",
	[TIDAL_ACT_IO] = "io",
	[TIDAL_ACT_REPORT] = "report",
	[TIDAL_ACT_TRACE] = "trace",
};

static const char *const traces[] = {
	[TIDAL_TRACE_SERVED] = "served",
	[TIDAL_TRACE_VCPU_OUT] = "vcpu-out",
	[TIDAL_TRACE_VCPU_IN] = "vcpu-in",
	[TIDAL_TRACE_PAGE_OUT] = "page-out",
	[TIDAL_TRACE_PAGE_IN] = "page-in",
	[TIDAL_TRACE_COPY_OUT] = "copy-out",
	[TIDAL_TRACE_COPY_IN] = "copy-in",
	[TIDAL_TRACE_EXTENT_OUT] = "extent-out",
	[TIDAL_TRACE_EXTENT_IN] = "extent-in",
	[TIDAL_TRACE_DROPPED] = "dropped",
	[TIDAL_TRACE_RUN] = "run",
	[TIDAL_TRACE_STALL] = "stall",
	[TIDAL_TRACE_STOPPED] = "stopped",
};

const char *tidal_event_name(uint32_t kind)
{
	return kind < LENGTH(events) && events[kind] ? events[kind] : "?";
}

const char *tidal_action_name(uint32_t kind)
{
	return kind < LENGTH(actions) && actions[kind] ? actions[kind] : "?";
}

const char *tidal_trace_name(uint32_t what)
{
	return what < LENGTH(traces) && traces[what] ? traces[what] : "?";
}
