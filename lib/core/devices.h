/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * devices - accesses to device registers: not pages. Each is carried out once, at the
 * device's node; until it is complete its vCPU can't be saved (protocol rule 20).
 */
#ifndef TIDAL_CORE_DEVICES_H
#define TIDAL_CORE_DEVICES_H

#include "engine.h"

/* A vCPU touched an address outside of memory; it is in no queue. 0, or TIDAL_ERANGE: no device. */
int devices_stall(struct engine *e, const struct tidal_ev_stall *s);
int devices_on_ask(struct engine *e, tidal_nodeid from, const struct wire_io_ask *m);
int devices_on_answer(struct engine *e, const struct wire_io_answer *m);
/* The host has carried out an access of a vCPU here, or of another node's. */
int devices_on_done(struct engine *e, tidal_vcpuid v, const struct tidal_ev_host_done *done);
int devices_on_remote_done(struct engine *e, uint32_t slot, const struct tidal_ev_host_done *done);
/* The device's node has died: whether the access was carried out, nobody knows. */
void devices_peer_lost(struct engine *e, tidal_vcpuid v);

#endif
