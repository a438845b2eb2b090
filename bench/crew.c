/* SPDX-License-Identifier: BSD-3-Clause */
/* crew - see crew.h: the side that gives orders. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crew_board.h"
#include "pod.h"

#define PATIENCE 20000 /* ms, until a node counts as stuck */

struct crew {
	const struct engine *engine;
	struct board *board;
	pid_t pid[CREW_NODES];
	unsigned begun[CREW_NODES]; /* orders */
	unsigned finished[CREW_NODES];
};

static void end_all(struct crew *c)
{
	for (unsigned i = 0; i < c->board->config.nodes; i++) {
		if (c->pid[i] <= 0)
			continue;
		(void)kill(c->pid[i], SIGKILL);
		(void)waitpid(c->pid[i], NULL, 0);
	}
}

static void stuck(struct crew *c)
{
	static char why[256];
	bool failed = atomic_load(&c->board->failed);

	(void)snprintf(why, sizeof(why), "%s", failed ? c->board->why : "a node is stuck");
	end_all(c);
	fail("%s: %s", c->engine->name, why);
}

static bool await(struct crew *c, struct bell *bell, unsigned least)
{
	for (unsigned waited = 0; waited < PATIENCE; waited += 200) {
		if (bell_wait(bell, least, 200))
			return true;
		if (atomic_load(&c->board->failed))
			return false;
	}
	return false;
}

static bool begin(struct crew *c)
{
	struct board *b = c->board;
	bool up = true;

	for (unsigned i = 0; i < b->config.nodes; i++) {
		(void)fflush(stdout);
		c->pid[i] = fork();
		if (c->pid[i] == 0)
			crew_node(b, c->engine, i);
	}
	for (unsigned i = 0; up && i < b->config.nodes; i++)
		up = await(c, &b->node[i].opened, 1);
	bell_ring(&b->addresses);
	for (unsigned i = 0; up && i < b->config.nodes; i++)
		up = await(c, &b->node[i].started, 1);
	return up;
}

struct crew *crew_open(const struct engine *engine, const struct crew_config *config,
		       const char **why)
{
	static char reason[256];
	struct crew *c = calloc(1, sizeof(*c));

	if (!c)
		fail("no memory");
	c->engine = engine;
	c->board = mmap(NULL, sizeof(*c->board), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (c->board == MAP_FAILED)
		fail("no memory");
	c->board->config = *config;
	if (begin(c))
		return c;
	if (!c->board->absent)
		stuck(c);
	(void)snprintf(reason, sizeof(reason), "%s", c->board->why);
	*why = reason;
	crew_close(c);
	return NULL;
}

void crew_close(struct crew *c)
{
	end_all(c);
	munmap(c->board, sizeof(*c->board));
	free(c);
}

void crew_halt(struct crew *c)
{
	for (unsigned i = 0; i < c->board->config.nodes; i++) {
		(void)kill(c->pid[i], SIGSTOP);
		(void)waitpid(c->pid[i], NULL, WUNTRACED);
	}
}

void crew_go_on(struct crew *c)
{
	for (unsigned i = 0; i < c->board->config.nodes; i++)
		(void)kill(c->pid[i], SIGCONT);
}

void *crew_notes(struct crew *c, unsigned node)
{
	return c->board->node[node].notes;
}

uint64_t crew_began(const struct crew *c, unsigned node)
{
	return c->board->node[node].order.begin[0];
}

static void start_order(struct crew *c, unsigned node)
{
	struct board_node *n = &c->board->node[node];

	for (unsigned g = 0; g < n->order.guests; g++)
		bell_ring(&n->begin[g]);
	c->finished[node] += n->order.guests;
}

static void await_order(struct crew *c, unsigned node)
{
	if (!await(c, &c->board->node[node].finished, c->finished[node]))
		stuck(c);
}

static double span(const struct board_order *o)
{
	uint64_t begin = UINT64_MAX, end = 0;

	for (unsigned g = 0; g < o->guests; g++) {
		begin = o->begin[g] < begin ? o->begin[g] : begin;
		end = o->end[g] > end ? o->end[g] : end;
	}
	return (double)(end - begin);
}

double crew_touch(struct crew *c, const struct crew_order *order)
{
	struct board_order *o = &c->board->node[order->node].order;

	o->work = WORK_TOUCH;
	o->write = order->write;
	o->guests = order->guests ? order->guests : 1;
	o->count = order->count;
	memcpy(o->page, order->page, order->count * sizeof(o->page[0]));
	start_order(c, order->node);
	await_order(c, order->node);
	if (order->ns)
		memcpy(order->ns, o->ns, order->count * sizeof(o->ns[0]));
	return span(o);
}

double crew_ping_pong(struct crew *c, unsigned page, unsigned count)
{
	double longest = 0;

	atomic_store(&c->board->turn, 0);
	for (unsigned node = 0; node < 2; node++) {
		struct board_order *o = &c->board->node[node].order;

		o->work = WORK_PING_PONG;
		o->guests = 1;
		o->count = count;
		o->page[0] = (uint16_t)page;
		start_order(c, node);
	}
	for (unsigned node = 0; node < 2; node++) {
		double took;

		await_order(c, node);
		took = span(&c->board->node[node].order);
		longest = took > longest ? took : longest;
	}
	return longest / (2.0 * count);
}
