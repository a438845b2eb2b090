/* SPDX-License-Identifier: BSD-3-Clause */
/* What the processes of a crew share: orders, results, addresses. Private to crew*.c. */
#ifndef TIDAL_BENCH_CREW_BOARD_H
#define TIDAL_BENCH_CREW_BOARD_H

#include <stdatomic.h>

#include "crew.h"

/* A count that one side raises and the other sleeps on. */
struct bell {
	_Alignas(64) atomic_uint count;
};

void bell_ring(struct bell *bell);
/* Until count is *least* or more; false: not within *ms*. */
bool bell_wait(struct bell *bell, unsigned least, unsigned ms);

enum work { WORK_TOUCH, WORK_PING_PONG };

struct board_order {
	enum work work;
	bool write;
	unsigned guests, count;
	uint16_t page[CREW_TOUCHES];
	double ns[CREW_TOUCHES];
	uint64_t begin[CREW_GUESTS], end[CREW_GUESTS];
};

struct board_node {
	_Alignas(64) uint8_t notes[CREW_NOTES];
	struct bell opened, started, finished;
	struct bell begin[CREW_GUESTS];
	struct board_order order;
};

struct board {
	struct crew_config config;
	struct bell addresses; /* all are known */
	uint8_t address[CREW_NODES][CREW_ADDRESS];
	size_t address_len[CREW_NODES];
	_Alignas(64) atomic_uint turn;	  /* of two who write a page in turn */
	uint64_t wrote[CREW_PAGES];	  /* what each page holds */
	atomic_bool failed;
	bool absent;
	char why[256];
	struct board_node node[CREW_NODES];
};

/* A node's process: never returns. */
_Noreturn void crew_node(struct board *board, const struct engine *engine, unsigned node);

#endif
