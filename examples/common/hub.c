/* SPDX-License-Identifier: BSD-3-Clause */
/* hub.c - node 0 and those who call it. */
#include "hub.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "counters.h"
#include "podfile.h"
#include "text.h"

#define END_ROUNDS 20 /* of END_MS: for everybody's counters */
#define END_MS 100
#define HELLO_NS 5000000000 /* in which a caller says who it is */
#define SIGNALS 128 /* exit codes of those who were interrupted begin here */

void verdict_give(struct verdict *verdict, int code, const char *format, ...)
{
	va_list args;

	if (verdict->given)
		return;
	verdict->given = 1;
	verdict->code = code;
	va_start(args, format);
	vsnprintf(verdict->why, sizeof(verdict->why), format, args);
	va_end(args);
}

int hub_open(struct hub *hub, struct options *options, int listener)
{
	const char *why = "";

	memset(hub, 0, sizeof(*hub));
	hub->options = options;
	hub->tally.nodes = options->nodes;
	hub->tally.real = 1;
	for (unsigned i = 0; i < HUB_CALLERS; i++)
		hub->caller[i] = (struct caller){ .line = { .fd = -1 }, .node = MINI_POD_NO_NODE };
	hub->description = podfile_describe(options);
	hub->listener = listener >= 0 ? listener : line_listen(&options->place[0], &why);
	if (hub->listener < 0)
		return complain(MINI_POD_USAGE, "can't meet the other nodes at %s, port %u: %s",
				options->place[0].host, options->place[0].port, why);
	if (!hub->description || getrandom(&hub->id, sizeof(hub->id), 0) != sizeof(hub->id))
		return complain(MINI_POD_BUG, "can't describe the pod");
	return 0;
}

void hub_close(struct hub *hub)
{
	for (unsigned i = 0; i < HUB_CALLERS; i++)
		line_close(&hub->caller[i].line);
	if (hub->listener >= 0)
		close(hub->listener);
	json_decref(hub->description);
}

int hub_fds(const struct hub *hub, struct pollfd *fds)
{
	int n = 0;

	fds[n++] = (struct pollfd){ .fd = hub->listener, .events = POLLIN };
	for (unsigned i = 0; i < HUB_CALLERS; i++)
		if (hub->caller[i].line.fd >= 0)
			fds[n++] = (struct pollfd){ .fd = hub->caller[i].line.fd, .events = POLLIN };
	return n;
}

static struct caller *find(struct hub *hub, uint32_t node)
{
	for (unsigned i = 0; i < HUB_CALLERS; i++)
		if (hub->caller[i].line.fd >= 0 && hub->caller[i].node == node)
			return &hub->caller[i];
	return NULL;
}

/* Whoever is refused hears why, and so does who reads what node 0 says. */
static void refuse(struct caller *caller, const char *who, const char *why)
{
	complain(0, "refused %s: %s", who, why);
	(void)line_send(&caller->line, json_pack("{s:s}", "refused", why));
	line_close(&caller->line);
}

static void hello(struct hub *hub, struct caller *caller, json_t *object)
{
	uint32_t number = (uint32_t)json_integer_value(json_object_get(object, "node"));
	json_t *version = json_object_get(object, "mini-pod");
	struct place_name name = place_name(hub->options, number);
	char why[200];

	if (!json_is_integer(version)) {
		refuse(caller, "a stranger", "it is no mini-pod");
	} else if (json_integer_value(version) != HUB_VERSION) {
		snprintf(why, sizeof(why), "it speaks version %lld of mini-pod's protocol, this is %d",
			 (long long)json_integer_value(version), HUB_VERSION);
		refuse(caller, name.s, why);
	} else if (podfile_compare(hub->description, json_object_get(object, "pod"), why,
				   sizeof(why))) {
		refuse(caller, name.s, why);
	} else if (number < 1 || number >= hub->options->nodes) {
		refuse(caller, name.s, "there is no such node");
	} else if (find(hub, number)) {
		refuse(caller, name.s, "it is there already");
	} else {
		caller->node = number;
		(void)line_send(&caller->line, json_pack("{s:I}", "id", (json_int_t)hub->id));
	}
}

/* Whoever goes then does not come back. */
static int started_together(const struct hub *hub)
{
	return hub->options->processes || hub->options->pmix;
}

static void gave_up(struct hub *hub, const struct caller *caller, int code)
{
	struct place_name name = place_name(hub->options, caller->node);

	if (hub->phase == HUB_GATHERS && !started_together(hub))
		return; /* it may come back */
	hub->verdict.said |= !hub->verdict.given && hub->options->processes;
	if (code > SIGNALS)
		verdict_give(&hub->verdict, code, "%s was interrupted", name.s);
	else
		verdict_give(&hub->verdict, code ? code : MINI_POD_BUG,
			     "%s has given up: see what it said", name.s);
}

static void lost(struct hub *hub, const struct caller *caller, uint32_t node)
{
	struct place_name name = place_name(hub->options, node);
	struct place_name by = place_name(hub->options, caller->node);

	verdict_give(&hub->verdict, MINI_POD_LOST, "%s is lost: %s does not hear it any more", name.s,
		     by.s);
}

static void told(struct hub *hub, struct caller *caller, json_t *object)
{
	const char *at = json_string_value(json_object_get(object, "at"));
	json_t *code = json_object_get(object, "gave-up"), *node = json_object_get(object, "lost");
	json_t *tally = json_object_get(object, "tally");

	if (at)
		snprintf(hub->at[caller->node], HUB_AT_MAX, "%s", at);
	if (json_object_get(object, "ready"))
		hub->ready[caller->node] = 1;
	if (code)
		gave_up(hub, caller, (int)json_integer_value(code));
	if (node)
		lost(hub, caller, (uint32_t)json_integer_value(node));
	if (tally) {
		counters_read(tally, &hub->tally, caller->node);
		hub->tallied[caller->node] = 1;
	}
}

/* The line is closed. */
static void gone(struct hub *hub, struct caller *caller)
{
	uint32_t node = caller->node;

	caller->node = MINI_POD_NO_NODE;
	if (node == MINI_POD_NO_NODE)
		return;
	if (hub->phase == HUB_GATHERS && !started_together(hub))
		hub->at[node][0] = '\0'; /* it may come back */
	else if (hub->phase != HUB_ENDS)
		verdict_give(&hub->verdict, MINI_POD_LOST, "%s is lost: it ended without a word",
			     place_name(hub->options, node).s);
}

static void serve(struct hub *hub, struct caller *caller)
{
	json_t *object = NULL;
	int got = 0;

	while (caller->line.fd >= 0 && (got = line_receive(&caller->line, &object)) == 1) {
		if (caller->node == MINI_POD_NO_NODE)
			hello(hub, caller, object);
		else
			told(hub, caller, object);
		json_decref(object);
	}
	if (caller->line.fd < 0)
		gone(hub, caller);
}

void hub_serve(struct hub *hub)
{
	for (unsigned i = 0; i < HUB_CALLERS; i++) {
		struct caller *caller = &hub->caller[i];

		if (caller->line.fd < 0 && line_accept(&caller->line, hub->listener) == 0)
			caller->since = clock_ns();
		if (caller->line.fd < 0)
			continue;
		serve(hub, caller);
		if (caller->node == MINI_POD_NO_NODE && clock_ns() - caller->since > HELLO_NS)
			line_close(&caller->line);
	}
}

void hub_tell(struct hub *hub, json_t *object)
{
	for (unsigned i = 0; i < HUB_CALLERS; i++) {
		struct caller *caller = &hub->caller[i];

		if (caller->line.fd < 0 || caller->node == MINI_POD_NO_NODE)
			continue;
		if (line_send(&caller->line, json_incref(object)))
			gone(hub, caller);
	}
	json_decref(object);
}

uint32_t hub_absent(const struct hub *hub, uint32_t *first)
{
	uint32_t absent = 0;

	for (uint32_t i = hub->options->nodes; i-- > 1;)
		if (!hub->at[i][0]) {
			*first = i;
			absent++;
		}
	return absent;
}

uint32_t hub_unready(const struct hub *hub, uint32_t *first)
{
	uint32_t unready = 0;

	for (uint32_t i = hub->options->nodes; i-- > 1;)
		if (!hub->ready[i]) {
			*first = i;
			unready++;
		}
	return unready;
}

static int all_tallied(struct hub *hub)
{
	for (uint32_t i = 1; i < hub->options->nodes; i++)
		if (!hub->tallied[i] && find(hub, i))
			return 0;
	return 1;
}

void hub_end(struct hub *hub)
{
	struct pollfd fds[HUB_FDS];

	hub->phase = HUB_ENDS;
	hub_tell(hub, json_pack("{s:i, s:s}", "end", hub->verdict.code, "why", hub->verdict.why));
	for (int i = 0; i < END_ROUNDS && !all_tallied(hub); i++) {
		(void)poll(fds, (nfds_t)hub_fds(hub, fds), END_MS);
		hub_serve(hub);
	}
}
