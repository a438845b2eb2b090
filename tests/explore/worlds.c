/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * worlds - see worlds.h. Names: nodes x pages x vCPUs, and what may happen besides reads and
 * writes (small.h). Features in pairs, and each pair with vCPUs that move.
 */
#include "worlds.h"

#include "small.h"

#define POD(n, p, v, ...) \
	&small_ops, &(const struct small_config){ .nodes = n, .pages = p, .vcpus = v, __VA_ARGS__ }
#define QUICK true, 0
#define LONG false, 0

const struct world worlds[] = {
	/* what make check has time for */
	{ "2x1x2", POD(2, 1, 2, 0), QUICK },
	{ "2x1x2 no-retire", POD(2, 1, 2, .features = SMALL_NO_RETIRE), QUICK },
	{ "2x1x2 fail", POD(2, 1, 2, .features = SMALL_FAIL | SMALL_EXEC), QUICK },
	{ "2x1x2 policy", POD(2, 1, 2, .features = SMALL_POLICY), QUICK },
	{ "2x1x2 policy home", POD(2, 1, 2, .features = SMALL_POLICY, .home = 1), QUICK },
	/* one page, two nodes: every pair of features */
	{ "2x1x2 zero", POD(2, 1, 2, .features = SMALL_ZERO), LONG },
	{ "2x1x2 evict", POD(2, 1, 2, .features = SMALL_EVICT), LONG },
	{ "2x1x2 zero policy", POD(2, 1, 2, .features = SMALL_ZERO | SMALL_POLICY), LONG },
	{ "2x1x2 evict policy", POD(2, 1, 2, .features = SMALL_EVICT | SMALL_POLICY), LONG },
	{ "2x1x2 zero evict", POD(2, 1, 2, .features = SMALL_ZERO | SMALL_EVICT), LONG },
	{ "2x1x2 move", POD(2, 1, 2, .features = SMALL_MOVE), LONG },
	{ "2x1x2 vmm", POD(2, 1, 2, .features = SMALL_VMM), LONG },
	{ "2x1x2 pin policy", POD(2, 1, 2, .features = SMALL_PIN | SMALL_POLICY), LONG },
	{ "2x1x2 starve", POD(2, 1, 2, .features = SMALL_STARVE), LONG },
	{ "2x1x2 fickle", POD(2, 1, 2, .features = SMALL_FICKLE | SMALL_EXEC), LONG },
	/* three nodes */
	{ "3x1x2 policy", POD(3, 1, 2, .features = SMALL_POLICY), LONG },
	{ "3x1x2 policy home", POD(3, 1, 2, .features = SMALL_POLICY, .home = 2), LONG },
	{ "3x1x2 zero policy", POD(3, 1, 2, .features = SMALL_ZERO | SMALL_POLICY), LONG },
	{ "3x1x2 evict policy", POD(3, 1, 2, .features = SMALL_EVICT | SMALL_POLICY), LONG },
	{ "3x1x3", POD(3, 1, 3, 0), LONG },
	/* two pages */
	{ "2x2x2", POD(2, 2, 2, 0), LONG },
	{ "2x2x2 policy", POD(2, 2, 2, .features = SMALL_POLICY), LONG },
	{ "2x2x2 apart", POD(2, 2, 2, .features = SMALL_APART), LONG },
	{ "2x2x2 apart policy", POD(2, 2, 2, .features = SMALL_APART | SMALL_POLICY), LONG },
	{ "2x2x2 zero policy", POD(2, 2, 2, .features = SMALL_ZERO | SMALL_POLICY), LONG },
	{ "2x2x2 evict policy", POD(2, 2, 2, .features = SMALL_EVICT | SMALL_POLICY), LONG },
	{ 0 },
};
