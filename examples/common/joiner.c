/* SPDX-License-Identifier: BSD-3-Clause */
/* joiner.c - every node but 0: finds node 0, and does what it says. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "counters.h"
#include "member_inside.h"
#include "podfile.h"
#include "text.h"

#define SECOND UINT64_C(1000000000)
#define SIGNALS 128
#define CONNECT_MS 1000
#define AGAIN_NS 50000000
#define LOOK_MS 100
#define LAUNCHER_NS (SECOND / 2)
#define VERDICT_NS (2 * SECOND) /* for node 0 to say how it ends */

/* What node 0 has said and nobody has looked at yet. */
struct orders {
	json_t *start;
	uint64_t id;
	int accepted;
};

static void read_end(struct member *member, json_t *object)
{
	const char *why = json_string_value(json_object_get(object, "why"));

	verdict_give(&member->verdict, (int)json_integer_value(json_object_get(object, "end")), "%s",
		     why ? why : "");
}

static void refused(struct member *member, const char *why)
{
	const struct options *options = member->options;
	struct place_name self = place_name(options, options->node);

	/* What is "it" to node 0 is this one. */
	verdict_give(&member->verdict, MINI_POD_USAGE, "%s refuses %s: %s",
		     place_name(options, 0).s, self.s, why);
}

static void obey(struct member *member, json_t *object, struct orders *orders)
{
	json_t *id = json_object_get(object, "id");
	const char *why = json_string_value(json_object_get(object, "refused"));

	if (why)
		refused(member, why);
	if (json_object_get(object, "end"))
		read_end(member, object);
	if (json_object_get(object, "go"))
		member->go = 1;
	if (id && orders) {
		orders->id = (uint64_t)json_integer_value(id);
		orders->accepted = 1;
	}
	if (json_object_get(object, "start") && orders && !orders->start)
		orders->start = json_incref(object);
}

/* All that node 0 has said; or that it is gone. */
static void listen_up(struct member *member, struct orders *orders)
{
	json_t *object = NULL;

	while (line_receive(&member->up, &object) == 1) {
		obey(member, object, orders);
		json_decref(object);
	}
	if (member->up.fd < 0)
		verdict_give(&member->verdict, MINI_POD_LOST, "%s is lost: it ended without a word",
			     place_name(member->options, 0).s);
}

/*
 * A launcher ends all when one has ended: what is known by then of that one, or soon, says more than
 * its signal.
 */
static void hear_launcher(struct member *member)
{
	uint64_t end = clock_ns() + LAUNCHER_NS;

	while (member->options->pmix && member->up.fd >= 0 && !member->verdict.given &&
	       clock_ns() < end) {
		struct pollfd fd = { .fd = member->up.fd, .events = POLLIN };

		(void)poll(&fd, 1, LOOK_MS);
		listen_up(member, NULL);
	}
}

static void hear_signals(struct member *member)
{
	if (interrupt_came())
		hear_launcher(member);
	if (interrupt_came())
		verdict_give(&member->verdict, SIGNALS + interrupt_came(), "%s", "");
}

static void wait_up(struct member *member, struct orders *orders)
{
	struct pollfd fd = { .fd = member->up.fd, .events = POLLIN };

	(void)poll(&fd, 1, LOOK_MS);
	listen_up(member, orders);
	hear_signals(member);
}

/* Tell node 0 that it can't go on here, and let it say how the pod ends. */
static void appeal(struct member *member, json_t *object)
{
	uint64_t end = clock_ns() + VERDICT_NS;

	(void)line_send(&member->up, object);
	while (!member->verdict.given && clock_ns() < end)
		wait_up(member, NULL);
}

/* What was said before counts: the line tells more than an endpoint. */
static void hear_losses(struct member *member)
{
	const struct options *options = member->options;

	if (member->lost == TIDAL_NODE_NONE || member->verdict.given)
		return;
	if (member->lost != 0)
		appeal(member, json_pack("{s:i}", "lost", (int)member->lost));
	verdict_give(&member->verdict, MINI_POD_LOST, "%s is lost: nothing was heard of it for %u s",
		     place_name(options, member->lost).s, options->silence_s);
}

static int pass_time(struct pod *pod, int did)
{
	struct member *member = (struct member *)pod;
	struct pollfd fds[3] = { { .fd = member->up.fd, .events = POLLIN } };

	member_sleep(member, fds, 1, did);
	listen_up(member, NULL);
	hear_signals(member);
	hear_losses(member);
	return member->verdict.given ? member->verdict.code : 0;
}

/* Whoever is started first waits for the other. */
static int connect_up(struct member *member)
{
	const struct options *options = member->options;
	const struct place *place = &options->place[0];
	const struct timespec pause = { .tv_nsec = AGAIN_NS };
	uint64_t end = clock_ns() + options->join_s * SECOND;
	const char *why = "";

	while (line_connect(&member->up, place, CONNECT_MS, &why)) {
		if (clock_ns() > end)
			return complain(MINI_POD_LOST,
					"%s can't be reached at %s, port %u, since %u s: %s",
					place_name(options, 0).s, place->host, place->port,
					options->join_s, why);
		if (interrupt_came())
			return SIGNALS + interrupt_came();
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int say_hello(struct member *member, struct orders *orders)
{
	json_t *hello = json_pack("{s:i, s:i, s:o}", "mini-pod", HUB_VERSION, "node",
				  (int)member->options->node, "pod",
				  podfile_describe(member->options));

	(void)line_send(&member->up, hello);
	while (!orders->accepted && !member->verdict.given)
		wait_up(member, orders);
	return member->verdict.given ? member->verdict.code : 0;
}

static int read_boot(struct member *member, json_t *start, struct boot *boot)
{
	const size_t count = sizeof(boot->a) / sizeof(boot->a[0]);

	if (json_array_size(start) != count + 1)
		return complain(MINI_POD_BUG, "%s says nonsense", place_name(member->options, 0).s);
	boot->pc = (uint64_t)json_integer_value(json_array_get(start, 0));
	for (size_t i = 0; i < count; i++)
		boot->a[i] = (uint64_t)json_integer_value(json_array_get(start, i + 1));
	return 0;
}

/* Node 0 has heard of everybody. */
static int start(struct member *member, json_t *object)
{
	json_t *at = json_object_get(object, "at");
	struct boot boot;
	int status = read_boot(member, json_object_get(object, "start"), &boot);

	if (!status)
		status = member_open_node(member, &boot);
	for (uint32_t i = 0; i < member->options->nodes && !status; i++)
		status = member_add_peer(member, i, json_string_value(json_array_get(at, i)));
	if (!status)
		status = pod_boot(&member->pod);
	if (!status)
		(void)line_send(&member->up, json_pack("{s:i}", "ready", 1));
	return status;
}

static int join(struct member *member, struct orders *orders)
{
	char at[HUB_AT_MAX];
	int status = connect_up(member);

	if (!status)
		status = say_hello(member, orders);
	if (!status)
		status = member_open_endpoint(member, orders->id, at);
	if (!status)
		(void)line_send(&member->up, json_pack("{s:s}", "at", at));
	while (!status && !orders->start && !member->verdict.given)
		wait_up(member, orders);
	if (!status && member->verdict.given)
		status = member->verdict.code;
	return status ? status : start(member, orders->start);
}

/* Until there is a verdict, or this node can't go on. */
static int run(struct member *member)
{
	int running = 0, status = 0;

	while (!status && !member->verdict.given) {
		if (member->go && !running) {
			status = pod_continue(&member->pod);
			running = 1;
		}
		if (!status)
			status = pod_step(&member->pod);
	}
	return status;
}

static void send_tally(struct member *member)
{
	struct tally tally;
	uint64_t end = clock_ns() + VERDICT_NS;

	pod_tally(&member->pod, &tally);
	(void)line_send(&member->up, json_pack("{s:o}", "tally", counters_write(&tally, 0)));
	/* Its end is not to be taken for a loss by those who have not heard yet. */
	while (member->up.fd >= 0 && clock_ns() < end)
		wait_up(member, NULL);
}

int joiner_run(struct member *member)
{
	struct orders orders = { 0 };
	int status;

	member->pod.pass_time = pass_time;
	status = join(member, &orders);
	if (!status)
		status = run(member);
	json_decref(orders.start);
	if (status && member->up.fd >= 0 && (!member->verdict.given || interrupt_came())) {
		verdict_give(&member->verdict, status, "%s", "");
		(void)line_send(&member->up, json_pack("{s:i}", "gave-up", status));
	}
	if (!member->verdict.given)
		return status;
	if (member->up.fd >= 0 && member->pod.nodes[0].node)
		send_tally(member);
	return member_conclude(member, &member->verdict);
}
