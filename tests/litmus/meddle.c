/* SPDX-License-Identifier: BSD-3-Clause */
/* An administrator who moves vCPUs, evicts pages and changes policies while a test runs. */
#include "lab.h"

#include "rnd.h"

/* What is not possible just now is no failure. */
static void try_command(struct lab *lab, unsigned node, const struct tidal_ev_command *what)
{
	int err = tidal_node_command(lab->node[node].node, what);

	if (err && err != TIDAL_EAGAIN && err != TIDAL_EBUSY && err != TIDAL_ENOENT)
		lab_fail(lab, "a command is refused", err);
}

void lab_meddle(struct lab *lab)
{
	unsigned node = rnd_below(&lab->random, lab->c.nodes);
	unsigned hart = rnd_below(&lab->random, lab->c.harts);
	struct tidal_ev_command what = {
		.vcpu = (tidal_vcpuid)hart,
		.node = (tidal_nodeid)rnd_below(&lab->random, lab->c.nodes),
		.gfn = lab->gate.at[rnd_below(&lab->random, LITMUS_VARS)],
	};

	switch (rnd_below(&lab->random, 8)) {
	case 0:
		what.command = TIDAL_CMD_SET_POLICY;
		what.policy = lab_policy(&lab->random);
		break;
	case 1:
	case 2:
	case 3:
		what.command = TIDAL_CMD_MOVE_VCPU;
		node = lab->gate.hart[hart].node; /* where it was last */
		break;
	default:
		what.command = TIDAL_CMD_EVICT;
		break;
	}
	try_command(lab, node, &what);
}
