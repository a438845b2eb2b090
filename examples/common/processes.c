/* SPDX-License-Identifier: BSD-3-Clause */
/* processes.c - start a process per node, and see them all end. */
#include "processes.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tidal/fabric.h>

#include "clock.h"
#include "line.h"
#include "member.h"
#include "podfile.h"
#include "text.h"
#include "trace_file.h"

#define SECOND UINT64_C(1000000000)
#define SIGNALS 128
#define LOOK_NS 20000000
#define GRACE_S 6 /* after one has ended without need, and silence was noticed */

struct child {
	pid_t pid; /* 0: it has ended */
	int status;
};

struct family {
	const struct options *options;
	struct child child[MINI_POD_NODES_MAX];
	uint32_t alive;
	uint64_t patience_ends; /* 0: not in a hurry */
	int interrupted, forced;
};

static int no_program(void)
{
	return complain(MINI_POD_USAGE, "a process per node: give a program; see %s --help",
			text_program);
}

int processes_join(struct options *options)
{
	int status = podfile_read(options);

	if (status)
		return status;
	status = options_finish(options);
	if (!status)
		status = trace_check(options);
	if (status)
		return status;
	if (options->node == 0 && !options->program)
		return no_program();
	if (options->node != 0 && options->program)
		return complain(MINI_POD_USAGE, "%s: node 0 is given the program",
				options->program);
	return member_run(options, -1);
}

/* On loopback; node 0 listens before there are others. */
static int listen_at(struct options *options)
{
	const char *why = "";
	int listener;

	for (uint32_t i = 0; i < options->nodes; i++)
		strcpy(options->place[i].host, "127.0.0.1");
	listener = line_listen(&options->place[0], &why);
	if (listener < 0)
		complain(MINI_POD_USAGE, "can't listen at 127.0.0.1: %s", why);
	return listener;
}

/* 1 in the child. It ends when its parent does, whatever happens to that. */
static int make_child(struct child *child)
{
	pid_t parent = getpid();

	child->pid = fork();
	if (child->pid != 0)
		return 0;
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(MINI_POD_LOST);
	return 1;
}

static void signal_all(const struct family *family, int number)
{
	for (uint32_t i = 0; i < family->options->nodes; i++)
		if (family->child[i].pid > 0)
			(void)kill(family->child[i].pid, number);
}

static void hurry(struct family *family)
{
	if (!family->patience_ends)
		family->patience_ends =
			clock_ns() + (family->options->silence_s + GRACE_S) * SECOND;
}

static void reap(struct family *family)
{
	for (uint32_t i = 0; i < family->options->nodes; i++) {
		struct child *child = &family->child[i];

		if (child->pid <= 0 || waitpid(child->pid, &child->status, WNOHANG) != child->pid)
			continue;
		child->pid = 0;
		family->alive--;
		hurry(family); /* all are to end now */
	}
}

/* All end by themselves, soon after the first; if not, they are made to. */
static void wait_for_all(struct family *family)
{
	while (family->alive > 0) {
		if (interrupt_came() && !family->interrupted) {
			family->interrupted = 1;
			signal_all(family, interrupt_came());
			hurry(family);
		}
		if (family->patience_ends && clock_ns() > family->patience_ends) {
			signal_all(family, family->forced ? SIGKILL : SIGTERM);
			family->forced = 1;
			family->patience_ends = clock_ns() + GRACE_S * SECOND;
		}
		(void)poll(NULL, 0, LOOK_NS / 1000000);
		reap(family);
	}
}

/* Those that were killed could not take their shared memory away: whoever opens an endpoint does. */
static void sweep(const struct options *options)
{
	struct tidal_fabric_config config;
	struct tidal_transport *endpoint;

	tidal_fabric_config_init(&config, sizeof(config));
	config.provider = options->provider;
	if (!strcmp(options->provider, "shm") && !tidal_fabric_open(&config, &endpoint, NULL, 0))
		tidal_fabric_ops()->close(endpoint);
}

/* Node 0's end did not come from itself: it can't have said what happened. */
static int judge_others(const struct family *family)
{
	const struct options *options = family->options;

	for (uint32_t i = 0; i < options->nodes; i++) {
		int status = family->child[i].status;

		if (WIFSIGNALED(status))
			return complain(MINI_POD_LOST, "%s is lost: signal %d killed it",
					place_name(options, i).s, WTERMSIG(status));
		if (i > 0 && WEXITSTATUS(status) && WEXITSTATUS(status) < SIGNALS)
			return WEXITSTATUS(status); /* it has said why */
	}
	return MINI_POD_LOST;
}

static int judge(const struct family *family)
{
	const struct options *options = family->options;
	int status = family->child[0].status;

	for (uint32_t i = 0; i < options->nodes; i++)
		if (WIFSIGNALED(family->child[i].status))
			sweep(options);
	if (family->interrupted)
		return SIGNALS + interrupt_came();
	return WIFSIGNALED(status) || family->forced ? judge_others(family) : WEXITSTATUS(status);
}

/* If they came far enough to begin one. */
static int merge_trace(const struct options *options, int status)
{
	struct trace_path part[MINI_POD_NODES_MAX];
	int any = 0, merged;

	for (uint32_t i = 0; options->trace && i < options->nodes; i++) {
		part[i] = trace_part(options->trace, i);
		any |= access(part[i].s, F_OK) == 0;
	}
	merged = any ? trace_merge(options->trace, part, options->nodes) : 0;
	return status ? status : merged;
}

int processes_run(struct options *options)
{
	struct family family = { .options = options };
	int listener;

	if (!options->program)
		return no_program();
	listener = listen_at(options);
	if (listener < 0)
		return MINI_POD_USAGE;
	interrupt_catch();
	fflush(NULL);
	for (uint32_t i = 0; i < options->nodes; i++) {
		options->node = i;
		if (make_child(&family.child[i])) {
			if (i == 0)
				return member_run(options, listener);
			close(listener);
			options->program = NULL; /* that is node 0's */
			return member_run(options, -1);
		}
		if (family.child[i].pid < 0) {
			complain(MINI_POD_BUG, "can't make a process: %s", strerror(errno));
			signal_all(&family, SIGTERM);
			break;
		}
		family.alive++;
	}
	close(listener);
	options->node = MINI_POD_NO_NODE;
	wait_for_all(&family);
	return merge_trace(options, judge(&family));
}
