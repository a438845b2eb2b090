/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * worlds - see worlds.h. Names: nodes x pages x vCPUs, and what may happen besides reads and
 * writes (small.h). Features are switched on in pairs. A number behind them: so many commands.
 */
#include "worlds.h"

#include "small.h"

#define POD(n, p, v, ...) \
	&small_ops, &(const struct small_config){ .nodes = n, .pages = p, .vcpus = v, __VA_ARGS__ }
#define LINK .link = true, .flight = 4
#define QUICK true, 0, NULL
#define LONG false, 0, NULL
#define PLANT(found) true, 0, found
#define OLD "a node can read what is out of date"

const struct world worlds[] = {
	/* what make check has time for */
	{ "2x1x2", POD(2, 1, 2, 0), QUICK },
	{ "2x1x2 no-retire", POD(2, 1, 2, .features = SMALL_NO_RETIRE), QUICK },
	{ "2x1x2 fail", POD(2, 1, 2, .features = SMALL_FAIL | SMALL_EXEC), QUICK },
	{ "2x1x2 policy", POD(2, 1, 2, .features = SMALL_POLICY), QUICK },
	{ "3x1x2 warm", POD(3, 1, 2, .features = SMALL_WARM), QUICK },
	{ "2x1x2 policy home", POD(2, 1, 2, .features = SMALL_POLICY, .home = 1), QUICK },
	{ "2x1x2 together", POD(2, 1, 2, .features = SMALL_TOGETHER | SMALL_ZERO | SMALL_EVICT),
	  QUICK },
	/* one page, two nodes: every pair of features */
	{ "2x1x2 zero", POD(2, 1, 2, .features = SMALL_ZERO), LONG },
	{ "2x1x2 evict", POD(2, 1, 2, .features = SMALL_EVICT), LONG },
	{ "2x1x2 evict refusals", POD(2, 1, 2, .features = SMALL_EVICT | SMALL_REFUSALS), LONG },
	{ "2x1x2 zero policy", POD(2, 1, 2, .features = SMALL_ZERO | SMALL_POLICY), LONG },
	{ "2x1x2 evict policy", POD(2, 1, 2, .features = SMALL_EVICT | SMALL_POLICY), LONG },
	{ "2x1x2 zero evict", POD(2, 1, 2, .features = SMALL_ZERO | SMALL_EVICT), LONG },
	{ "2x1x2 move", POD(2, 1, 2, .features = SMALL_MOVE), LONG },
	{ "2x1x2 move 2", POD(2, 1, 2, .features = SMALL_MOVE, .commands = 2), LONG },
	{ "2x1x2 move 4", POD(2, 1, 2, .features = SMALL_MOVE, .commands = 4), LONG },
	{ "2x1x2 move policy", POD(2, 1, 2, .features = SMALL_MOVE | SMALL_POLICY), LONG },
	{ "2x1x2 vmm", POD(2, 1, 2, .features = SMALL_VMM), LONG },
	{ "2x1x2 pin policy", POD(2, 1, 2, .features = SMALL_PIN | SMALL_POLICY), LONG },
	{ "2x1x2 starve", POD(2, 1, 2, .features = SMALL_STARVE), LONG },
	{ "2x1x2 fickle", POD(2, 1, 2, .features = SMALL_FICKLE | SMALL_EXEC), LONG },
	/* three nodes */
	{ "3x1x2 policy", POD(3, 1, 2, .features = SMALL_POLICY), LONG },
	{ "3x1x2 policy named", POD(3, 1, 2, .features = SMALL_POLICY | SMALL_NAMED), LONG },
	{ "3x1x2 policy rumour", POD(3, 1, 2, .features = SMALL_POLICY | SMALL_RUMOUR), LONG },
	{ "3x1x2 policy home", POD(3, 1, 2, .features = SMALL_POLICY, .home = 2), LONG },
	{ "3x1x2 zero policy", POD(3, 1, 2, .features = SMALL_ZERO | SMALL_POLICY), LONG },
	{ "3x1x2 evict policy", POD(3, 1, 2, .features = SMALL_EVICT | SMALL_POLICY), LONG },
	{ "3x1x2 evict policy 1",
	  POD(3, 1, 2, .features = SMALL_EVICT | SMALL_POLICY, .commands = 1), LONG },
	{ "3x1x2 evict policy 2",
	  POD(3, 1, 2, .features = SMALL_EVICT | SMALL_POLICY, .commands = 2), LONG },
	{ "3x1x2 evict policy 4",
	  POD(3, 1, 2, .features = SMALL_EVICT | SMALL_POLICY, .commands = 4), LONG },
	{ "3x1x2 warm policy", POD(3, 1, 2, .features = SMALL_WARM | SMALL_POLICY), LONG },
	{ "3x1x2 warm evict refusals",
	  POD(3, 1, 2, .features = SMALL_WARM | SMALL_EVICT | SMALL_REFUSALS), LONG },
	{ "3x1x2 warm evict", POD(3, 1, 2, .features = SMALL_WARM | SMALL_EVICT), LONG },
	{ "3x1x3", POD(3, 1, 3, 0), LONG },
	/* two pages */
	{ "2x2x2", POD(2, 2, 2, 0), LONG },
	{ "2x2x2 named", POD(2, 2, 2, .features = SMALL_NAMED), LONG },
	{ "2x2x2 policy named", POD(2, 2, 2, .features = SMALL_POLICY | SMALL_NAMED), LONG },
	{ "2x2x2 policy", POD(2, 2, 2, .features = SMALL_POLICY), LONG },
	{ "2x2x2 apart", POD(2, 2, 2, .features = SMALL_APART), LONG },
	{ "2x2x2 apart policy", POD(2, 2, 2, .features = SMALL_APART | SMALL_POLICY), LONG },
	{ "2x2x2 zero policy", POD(2, 2, 2, .features = SMALL_ZERO | SMALL_POLICY), LONG },
	{ "2x2x2 evict policy", POD(2, 2, 2, .features = SMALL_EVICT | SMALL_POLICY), LONG },
	/* pods with links of their own, over a wire that loses and repeats: not to the end */
	{ "2x1x2 link", POD(2, 1, 2, LINK, .losses = 1, .repeats = 1), LONG },
	{ "2x1x2 link policy", POD(2, 1, 2, LINK, .losses = 1, .features = SMALL_POLICY), LONG },
	{ "2x1x2 link loss", POD(2, 1, 2, LINK, .losses = 1, .patient = true), LONG },
	{ "2x1x2 link repeat", POD(2, 1, 2, LINK, .repeats = 1, .patient = true), LONG },
	/* can this fail? Faults of the model under the cores */
	{ "unmap without effect", POD(2, 1, 2, .fault = FAULT_UNMAP), PLANT(OLD) },
	{ "protect without effect", POD(2, 1, 2, .fault = FAULT_PROTECT), PLANT(OLD) },
	{ "done before it is done", POD(2, 1, 2, .fault = FAULT_EARLY), PLANT(OLD) },
	{ "page without contents", POD(2, 1, 2, .fault = FAULT_CONTENTS), PLANT(OLD) },
	{ "every page is zeroes", POD(2, 1, 2, .fault = FAULT_TEST),
	  PLANT("a frame counts as zeroed and isn't") },
	{ "vCPU saved and run on", POD(2, 1, 2, .fault = FAULT_VCPU, .features = SMALL_POLICY),
	  PLANT("core and host disagree about a running vCPU") },
	{ "mapped and not said", POD(2, 1, 2, .fault = FAULT_WAKE),
	  PLANT("nothing can happen any more, and not all is quiet") },
	{ "a digest that is blind", POD(2, 1, 2, .features = SMALL_POLICY, .fault = FAULT_BLIND),
	  PLANT("two states with the same digest lead to different ones") },
	{ "a message twice", POD(2, 1, 2, .repeats = 1), PLANT("a page has two owners") },
	{ "a message lost", POD(2, 1, 2, .losses = 1), PLANT("a page has no owner") },
	{ 0 },
};
