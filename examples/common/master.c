/* SPDX-License-Identifier: BSD-3-Clause */
/* master.c - node 0: gathers the others, loads the guest, and says when it is over. */
#include <stdlib.h>

#include <tidal/fabric.h>

#include "clock.h"
#include "json.h"
#include "member_inside.h"
#include "podfile.h"
#include "text.h"

#define SECOND UINT64_C(1000000000)
#define SIGNALS 128 /* the exit code of whoever is interrupted by signal N: 128 + N */
#define GATHER_MS 100

static void hear_signals(struct hub *hub)
{
	if (!interrupt_came())
		return;
	hub->verdict.said |= !hub->verdict.given && hub->options->processes;
	verdict_give(&hub->verdict, SIGNALS + interrupt_came(), "%s was interrupted",
		     place_name(hub->options, 0).s);
}

/* Its own endpoint tells of a loss, too, if a line doesn't. */
static void hear_losses(struct member *member)
{
	struct hub *hub = member->hub;

	if (member->lost != TIDAL_NODE_NONE)
		verdict_give(&hub->verdict, MINI_POD_LOST,
			     "%s is lost: nothing was heard of it for %u s",
			     place_name(hub->options, member->lost).s, hub->options->silence_s);
}

static int pass_time(struct pod *pod, int did)
{
	struct member *member = (struct member *)pod;
	struct pollfd fds[HUB_FDS + 2];

	member_sleep(member, fds, hub_fds(member->hub, fds), did);
	hub_serve(member->hub);
	hear_signals(member->hub);
	hear_losses(member);
	return member->hub->verdict.given ? member->hub->verdict.code : 0;
}

/* Until all have said where they are. */
static int gather(struct hub *hub)
{
	uint64_t end = clock_ns() + hub->options->join_s * SECOND;
	struct pollfd fds[HUB_FDS];
	uint32_t first = 0, absent;

	while ((absent = hub_absent(hub, &first)) > 0 && !hub->verdict.given) {
		if (clock_ns() > end)
			verdict_give(&hub->verdict, MINI_POD_LOST,
				     "%s did not come within %u s; %u of %u nodes are missing",
				     place_name(hub->options, first).s, hub->options->join_s,
				     absent, hub->options->nodes);
		(void)poll(fds, (nfds_t)hub_fds(hub, fds), GATHER_MS);
		hub_serve(hub);
		hear_signals(hub);
	}
	return hub->verdict.given ? hub->verdict.code : 0;
}

static json_t *start_message(const struct hub *hub, const struct boot *boot)
{
	json_t *start = json_array(), *at = json_array();

	json_array_append_new(start, json_integer((json_int_t)boot->pc));
	for (unsigned i = 0; i < sizeof(boot->a) / sizeof(boot->a[0]); i++)
		json_array_append_new(start, json_integer((json_int_t)boot->a[i]));
	for (uint32_t i = 0; i < hub->options->nodes; i++)
		json_array_append_new(at, json_string(hub->at[i]));
	return json_pack("{s:o, s:o}", "start", start, "at", at);
}

/* Everybody knows everybody, and the virtual map. */
static int boot(struct member *member)
{
	struct hub *hub = member->hub;
	uint64_t end = clock_ns() + member->options->join_s * SECOND;
	uint32_t first = 0;
	int status = pod_boot(&member->pod);

	while (!status && hub_unready(hub, &first) > 0) {
		if (clock_ns() > end)
			verdict_give(&hub->verdict, MINI_POD_LOST,
				     "%s is not ready: do messages of provider %s reach it? %s",
				     place_name(hub->options, first).s, hub->options->provider,
				     tidal_fabric_trouble(member->pod.nodes[0].transport));
		status = pod_step(&member->pod);
	}
	member->pod.ready_time = member->pod.now;
	return status;
}

static int start(struct member *member, const struct program *program)
{
	struct boot begin;
	struct hub *hub = member->hub;
	int status;

	build_boot(member->options, program, &begin);
	hub->phase = HUB_RUNS;
	hub_tell(hub, start_message(hub, &begin));
	status = member_open_node(member, &begin);
	for (uint32_t i = 1; i < member->options->nodes && !status; i++)
		status = member_add_peer(member, i, hub->at[i]);
	return status ? status : boot(member);
}

static int run(struct member *member, const struct program *program)
{
	struct hub *hub = member->hub;
	int status = member_open_endpoint(member, hub->id, hub->at[0]);

	if (!status)
		status = gather(hub);
	if (!status)
		status = start(member, program);
	if (!status)
		status = pod_load(&member->pod, program);
	if (!status)
		hub_tell(hub, json_pack("{s:i}", "go", 1));
	if (!status)
		status = pod_run(&member->pod);
	return status;
}

/* How it ended, for everybody; then the table. */
static int end(struct member *member, int status)
{
	struct hub *hub = member->hub;
	struct tally own;

	if (!member->pod.exited && status && !hub->verdict.given) {
		hub->verdict.said = 1;
		verdict_give(&hub->verdict, status, "%s has given up",
			     place_name(hub->options, 0).s);
	}
	if (member->pod.exited && !hub->verdict.given)
		verdict_give(&hub->verdict, member->pod.exit_code, "%s", "");
	hub_end(hub);
	if (!hub->verdict.why[0]) {
		pod_tally(&member->pod, &own);
		hub->tally.core[0] = own.core[0];
		hub->tally.driver[0] = own.driver[0];
		hub->tally.ready = own.ready;
		hub->tally.ended = own.ended;
		if (!hub->options->quiet)
			table_print(hub->options, &hub->tally);
		status = json_write(hub->options, &hub->tally, hub->verdict.code);
		if (status)
			return status;
	}
	return member_conclude(member, &hub->verdict);
}

int master_run(struct member *member, int listener)
{
	struct options *options = member->options;
	struct program program;
	int status = program_open(&program, options);

	member->hub = calloc(1, sizeof(*member->hub));
	member->pod.pass_time = pass_time;
	if (!member->hub && !status)
		status = complain(MINI_POD_BUG, "not enough memory");
	if (!status) {
		status = hub_open(member->hub, options, listener);
		if (!status)
			status = end(member, run(member, &program));
		hub_close(member->hub);
	}
	free(member->hub);
	program_close(&program);
	return status;
}
