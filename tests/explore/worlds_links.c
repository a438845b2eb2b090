/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * worlds_links - see worlds.h; links alone. Names: messages under way each way, and what the wire
 * and the nodes may do. Requests have a window of 2, replies one of 4.
 */
#include "links.h"
#include "worlds.h"

#define LINKS(...) &links_ops, &(const struct links_config){ .wire = 2, __VA_ARGS__ }
#define ONE .messages = { { 0, 0, 1 } }
#define THREE .messages = { { 0, 0, 3 } }
#define BOTH .messages = { { 0, 0, 1 }, { 0, 0, 1 } }
#define CLASSES .messages = { { 3, 0, 1 } }
#define QUICK true, 0, NULL
#define LONG false, 0, NULL
#define PLANT(found) true, 0, found

const struct world worlds[] = {
	{ "1", LINKS(ONE, .mishaps = 2, .restarts = 1), QUICK },
	{ "3", LINKS(THREE), QUICK },
	{ "1+1", LINKS(BOTH), QUICK },
	{ "3 mishaps", LINKS(THREE, .mishaps = 2), LONG },
	{ "3 mishaps restart", LINKS(THREE, .mishaps = 2, .restarts = 1), LONG },
	{ "3 mishaps refuses", LINKS(THREE, .mishaps = 2, .refuses = true), LONG },
	{ "2 classes mishaps", LINKS(CLASSES, .mishaps = 2), LONG },
	{ "3 withdraws mishaps", LINKS(THREE, .withdraws = true, .mishaps = 2), LONG },
	{ "1+1 mishaps", LINKS(BOTH, .mishaps = 2), LONG },
	{ "1+1 mishaps restart", LINKS(BOTH, .mishaps = 2, .restarts = 1), LONG },
	/* can this fail? Faults of receivers */
	{ "forgets", LINKS(THREE, .mishaps = 1, .fault = LINKS_FORGETFUL),
	  PLANT("a message is delivered twice") },
	{ "careless", LINKS(ONE, .restarts = 1, .mishaps = 1, .fault = LINKS_CARELESS),
	  PLANT("a message is delivered twice") },
	{ "mute", LINKS(ONE, .fault = LINKS_MUTE), PLANT("nothing leads to a quiet state") },
	{ 0 },
};
