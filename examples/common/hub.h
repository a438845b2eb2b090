/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hub.h - node 0's side of what processes of a pod say to each other: who is there, how to reach
 * them, and how it ended. In the order in which it is said (line.h; N: another node):
 *
 *	N  {"mini-pod": VERSION, "node": N, "pod": DESCRIPTION}
 *	0  {"id": NUMBER}, the pod's identity: random, for this life of node 0, so that whoever still
 *	   belongs to an earlier one, or to another pod, is refused by endpoints; or {"refused": WHY}
 *	N  {"at": ADDRESS}, of its endpoint
 *	0  {"start": [PC, A0...], "at": [ADDRESS of each]}, when all are there
 *	N  {"ready": 1}
 *	0  {"go": 1}
 *	N  {"lost": NODE} or {"gave-up": CODE}, if so
 *	0  {"end": CODE, "why": TEXT}
 *	N  {"tally": COUNTERS}
 *	0  closes
 */
#ifndef MINI_POD_HUB_H
#define MINI_POD_HUB_H

#include <poll.h>

#include <tidal/transport.h>

#include "clock.h"
#include "line.h"
#include "table.h"

#define HUB_VERSION 1
#define HUB_CALLERS (MINI_POD_NODES_MAX + 16)
#define HUB_FDS (HUB_CALLERS + 1)
#define HUB_AT_MAX 600 /* an address as hexadecimal text */

/* How it ends for a process. */
struct verdict {
	int given;
	int code;      /* exit code */
	int said;      /* it was complained about already */
	char why[256]; /* "": the guest has ended */
};
void verdict_give(struct verdict *verdict, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

struct caller {
	struct line line;
	uint32_t node; /* MINI_POD_NO_NODE: it has not said */
	uint64_t since;
};

enum hub_phase { HUB_GATHERS, HUB_RUNS, HUB_ENDS };

struct hub {
	const struct options *options;
	json_t *description;
	uint64_t id;
	enum hub_phase phase;
	int listener;
	struct verdict verdict;
	char at[MINI_POD_NODES_MAX][HUB_AT_MAX]; /* "": not there */
	int ready[MINI_POD_NODES_MAX], tallied[MINI_POD_NODES_MAX];
	struct tally tally;
	struct caller caller[HUB_CALLERS];
};

/* 0, or an exit code after a complaint. The listener becomes the hub's; hub_close() in any case. */
int hub_open(struct hub *hub, struct options *options, int listener);
void hub_close(struct hub *hub);

/* What to wait for: at most HUB_FDS; and what came of it. */
int hub_fds(const struct hub *hub, struct pollfd *fds);
void hub_serve(struct hub *hub);

/* To all that are there; *object* is given away. */
void hub_tell(struct hub *hub, json_t *object);
/* How many are not there, or not ready. *first* of them. */
uint32_t hub_absent(const struct hub *hub, uint32_t *first);
uint32_t hub_unready(const struct hub *hub, uint32_t *first);
/* Tell how it ended, and wait a little for everybody's counters. */
void hub_end(struct hub *hub);

#endif
