/* SPDX-License-Identifier: BSD-3-Clause */
/* What time brings: greetings to those who have not answered, heartbeats, and the end of peers. */
#include <unistd.h>

#include "endpoint.h"

/* Those who don't answer are called less and less often: who starts later calls us itself. */
#define CALL_NS UINT64_C(50000000)
#define CALL_MAX_NS UINT64_C(1000000000)

static tidal_time later(tidal_time t, tidal_time by)
{
	return by < TIDAL_NEVER - t ? t + by : TIDAL_NEVER - 1;
}

static void call(struct tidal_transport *t)
{
	for (uint32_t i = 0; i < t->peers; i++)
		if (t->peer[t->listed[i]].state == TIDAL_FABRIC_CALLING)
			greet(t, t->listed[i]);
	t->call_ns = t->call_ns == 0 ? CALL_NS : 2 * t->call_ns;
	if (t->call_ns > CALL_MAX_NS)
		t->call_ns = CALL_MAX_NS;
	t->next_call = later(t->now, t->call_ns);
}

/* While nobody polled nothing could be heard: that is no peer's silence. */
static void excuse(struct tidal_transport *t)
{
	tidal_time late = t->next_beat > 0 ? t->now - t->next_beat : 0;

	if (late < t->config.heartbeat_ns)
		return;
	for (uint32_t i = 0; i < t->peers; i++) {
		struct peer *p = &t->peer[t->listed[i]];

		p->heard = t->now - p->heard > late ? p->heard + late : t->now;
	}
}

bool heart_stopped(struct tidal_transport *t, tidal_nodeid node)
{
	const struct tidal_completion done = { .kind = TIDAL_DONE_PEER_DOWN, .from = node };
	struct peer *p = &t->peer[node];

	if (!ready_room(t))
		return false;
	ready_add(t, &done, NULL);
	p->dead_session = p->session;
	p->session = 0;
	p->echoed = false;
	if (p->watch >= 0)
		(void)close(p->watch);
	p->watch = -1;
	peers_set_state(t, p, TIDAL_FABRIC_DOWN);
	return true;
}

static void fell_silent(struct tidal_transport *t, tidal_nodeid node)
{
	const struct tidal_completion done = { .kind = TIDAL_DONE_PEER_SILENT, .from = node };

	if (t->config.silence_is_death) {
		(void)heart_stopped(t, node);
	} else if (ready_room(t)) {
		ready_add(t, &done, NULL);
		peers_set_state(t, &t->peer[node], TIDAL_FABRIC_SILENT);
	}
}

/* What there is no room for is said at the next beat. */
static void judge(struct tidal_transport *t, tidal_nodeid node)
{
	struct peer *p = &t->peer[node];

	if (p->session == 0)
		return; /* never met */
	if (process_ended(p->watch))
		(void)heart_stopped(t, node);
	else if (p->state != TIDAL_FABRIC_SILENT && t->now - p->heard > t->config.silence_ns)
		fell_silent(t, node);
}

static void beat(struct tidal_transport *t, tidal_nodeid node)
{
	struct peer *p = &t->peer[node];

	if (p->session != 0 && !p->sent) {
		send_own(t, node, WIRE_BEAT, NULL, 0);
		t->stats.heartbeats++;
	}
	p->sent = false;
}

/* Last in a poll(): who has been heard is known. */
void heart_poll(struct tidal_transport *t)
{
	if (t->calling > 0 && t->now >= t->next_call)
		call(t);
	if (t->config.heartbeat_ns == 0 || t->now < t->next_beat)
		return;
	excuse(t);
	for (uint32_t i = 0; i < t->peers; i++) {
		beat(t, t->listed[i]);
		judge(t, t->listed[i]);
	}
	t->next_beat = later(t->now, t->config.heartbeat_ns);
}

tidal_time heart_deadline(const struct tidal_transport *t)
{
	tidal_time due = TIDAL_NEVER;

	if (t->calling > 0)
		due = t->next_call;
	if (t->config.heartbeat_ns > 0 && t->peers > 0 && t->next_beat < due)
		due = t->next_beat;
	return due;
}
