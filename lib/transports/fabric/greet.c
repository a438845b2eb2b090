/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Greetings. Both ends say who they are until they have heard the other and the other has heard
 * them (echoed their session); whoever does not fit is refused, and told why by the other's
 * greeting.
 */
#include <stdio.h>
#include <unistd.h>

#include "endpoint.h"

void greet(struct tidal_transport *t, tidal_nodeid to)
{
	const struct peer *p = &t->peer[to];
	struct wire_greeting g = {
		.version = WIRE_VERSION, .from = (tidal_nodeid)t->config.node, .to = to,
		.checksums = t->config.checksums, .session = t->session, .echo = p->session,
		.pod = t->config.pod, .params = t->config.params, .host = t->process.host,
		.started = t->process.started, .pid = t->process.pid,
	};
	uint8_t bytes[WIRE_GREETING];

	wire_put_greeting(bytes, &g);
	send_own(t, to, WIRE_GREET, bytes, sizeof(bytes));
	t->stats.greetings++;
}

/* A sentence if they can't work together. */
static bool misfit(const struct tidal_transport *t, const struct wire_greeting *g, char *why,
		   size_t size)
{
	if (g->version != WIRE_VERSION)
		(void)snprintf(why, size, "node %u speaks version %u of the protocol, this is version %u",
			       g->from, g->version, WIRE_VERSION);
	else if (g->to != t->config.node)
		(void)snprintf(why, size, "node %u takes this for node %u, but it is node %u", g->from,
			       g->to, t->config.node);
	else if (g->pod != t->config.pod)
		(void)snprintf(why, size, "node %u is of another pod: %#llx, this is %#llx", g->from,
			       (unsigned long long)g->pod, (unsigned long long)t->config.pod);
	else if (g->params != t->config.params)
		(void)snprintf(why, size, "node %u has other parameters: %#llx, here they are %#llx",
			       g->from, (unsigned long long)g->params,
			       (unsigned long long)t->config.params);
	else if (g->checksums != t->config.checksums)
		(void)snprintf(why, size, "node %u has checksums %s, here they are %s", g->from,
			       g->checksums ? "on" : "off", g->checksums ? "off" : "on");
	else
		return false;
	return true;
}

/*
 * Who has been met stays a peer: whoever greets with its number is somebody else, who was given its
 * number or address by mistake, or has it now; that the one who was met has gone is for its silence to say.
 */
static void refuse(struct tidal_transport *t, struct peer *p, const struct wire_greeting *g,
		   const char *why)
{
	bool again = p->refused_session == g->session;

	if (p->session == 0 || p->session == g->session) {
		again = p->state == TIDAL_FABRIC_REFUSED;
		peers_refuse(t, p, why);
	}
	p->refused_session = g->session;
	if (!again)
		greet(t, g->from); /* by which it sees the same */
}

/* The end of a process can only be seen where it runs. */
static void watch(struct tidal_transport *t, struct peer *p, const struct wire_greeting *g)
{
	const struct process process = { .host = g->host, .started = g->started, .pid = g->pid };

	if (p->watch >= 0)
		(void)close(p->watch);
	p->watch = -1;
	if (g->host != 0 && g->host == t->process.host && g->pid != t->process.pid)
		p->watch = process_watch(&process);
}

/* Another endpoint at the same address. False: not now. */
static bool replace(struct tidal_transport *t, struct peer *p, const struct wire_greeting *g)
{
	if (process_ended(p->watch) && !heart_stopped(t, g->from))
		return false;
	p->restarts++;
	p->echoed = false;
	p->session = 0;
	return true;
}

static void meet(struct tidal_transport *t, struct peer *p, const struct wire_greeting *g)
{
	bool before = p->echoed;

	if (p->session != 0 && p->session != g->session && !replace(t, p, g))
		return;
	if (p->session == 0) {
		p->session = g->session;
		watch(t, p, g);
	}
	p->echoed = g->echo == t->session;
	p->heard = t->now;
	peers_set_state(t, p, p->echoed ? TIDAL_FABRIC_UP : TIDAL_FABRIC_CALLING);
	if (!before || !p->echoed)
		greet(t, g->from);
}

void greeted(struct tidal_transport *t, const uint8_t *bytes, size_t len)
{
	struct wire_greeting g;
	struct peer *p;
	char why[sizeof(t->trouble)];

	if (!wire_get_greeting(bytes, len, &g) || g.session == 0) {
		t->stats.malformed++;
		return;
	}
	p = peers_find(t, g.from);
	if (!p) {
		t->stats.refused++;
		fabric_trouble(t, "node %u greets, and is not a peer", g.from);
	} else if (misfit(t, &g, why, sizeof(why))) {
		t->stats.refused++;
		fabric_trouble(t, "%s", why);
		refuse(t, p, &g, why);
	} else if (g.session != p->dead_session) {
		meet(t, p, &g);
	}
}
