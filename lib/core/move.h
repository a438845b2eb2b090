/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * move - vCPUs on their way: at any time exactly one node may run each of them.
 *
 *	MOVE_ASK ->  <- MOVE_ANSWER (or REFUSE "send the vCPU": the slot is promised with it)
 *	stop, save, VCPU -> (the source keeps the copy, frozen, until the link says it has come)
 *	load, ready; VCPU_AT -> home
 */
#ifndef TIDAL_CORE_MOVE_H
#define TIDAL_CORE_MOVE_H

#include "engine.h"

/* May this vCPU be sent away for its present stall, in a pod of several nodes? */
bool move_possible(const struct engine *e, tidal_vcpuid v);
/* A slot at *to* is promised for this vCPU: send it if it still waits for this page. */
bool move_go(struct engine *e, tidal_vcpuid v, tidal_gfn gfn, tidal_nodeid to);
/* Ask *to* for a slot; the vCPU goes when the answer is yes and it is not running. */
void move_ask(struct engine *e, tidal_vcpuid v, tidal_nodeid to);
/* It has stopped, or its stall is over: if a slot is promised, it goes now. true: it goes. */
bool move_due(struct engine *e, tidal_vcpuid v);
/* It was switched off: a slot that is promised for it is given back. */
void move_off(struct engine *e, tidal_vcpuid v);

/* The node that it was to go to has died: it stays, as far as it is not on its way yet. */
void move_peer_lost(struct engine *e, tidal_vcpuid v);

/* Messages and completions. As for proto_cell. */
int move_on_ask(struct engine *e, tidal_nodeid from, const struct wire_move_ask *m);
int move_on_answer(struct engine *e, tidal_nodeid from, const struct wire_move_answer *m);
int move_on_cancel(struct engine *e, tidal_nodeid from, const struct wire_move_cancel *m);
int move_on_vcpu(struct engine *e, tidal_nodeid from, const struct wire_vcpu *m, uint32_t buf,
		 uint32_t len);
int move_on_at(struct engine *e, const struct wire_vcpu_at *m);
int move_on_saved(struct engine *e, tidal_vcpuid v, const struct tidal_ev_host_done *done);
int move_on_loaded(struct engine *e, tidal_vcpuid v, const struct tidal_ev_host_done *done);
/* The message with this vCPU has come, or is lost with the node that it went to. */
void move_on_settled(struct engine *e, tidal_vcpuid v, tidal_nodeid to, bool lost);

/* The weights that the policy's functions get. */
const void *decider_weights(const struct decider *d);

#endif
