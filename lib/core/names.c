/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of events and actions, for traces and messages. */
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
};

const char *tidal_event_name(uint32_t kind)
{
	return kind < LENGTH(events) && events[kind] ? events[kind] : "?";
}

const char *tidal_action_name(uint32_t kind)
{
	return kind < LENGTH(actions) && actions[kind] ? actions[kind] : "?";
}
