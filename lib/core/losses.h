/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * losses - what the others do when a node dies, or comes back without what it had. Its pages
 * and vCPUs are gone, and nobody is to wait for it: what may have been asked of it is asked
 * anew, elsewhere. An answer to the earlier asking may come all the same: late.c takes it.
 */
#ifndef TIDAL_CORE_LOSSES_H
#define TIDAL_CORE_LOSSES_H

#include "engine.h"

/* This peer has died (the link knows it as down), or has been found to live anew: this
 * incarnation, or one before it. */
void losses_note(struct engine *e, tidal_nodeid n, uint32_t incarnation);
/* This peer, of which nothing was known but that it had died, lives. */
void losses_back(struct engine *e, tidal_nodeid n, uint32_t incarnation);
/* The peer lives; again: those who had never heard of its earlier life take note of its end. */
int losses_on_here(struct engine *e, tidal_nodeid from, const struct wire_here *m);
/* That this node lives anew has reached the peer, or is lost with it. */
void losses_heard(struct engine *e, tidal_nodeid n, bool lost);
/* The peer has given up its requests; the peer won't serve those that this node has given up. */
int losses_on_void(struct engine *e, tidal_nodeid from, const struct wire_void_to *m);
int losses_on_voided(struct engine *e, tidal_nodeid from, const struct wire_voided *m);
/*
 * Look through some of what may wait for the dead; tell peers that this node has lived before.
 * To be called once per push, when there is room for the messages of an event.
 */
void losses_look(struct engine *e);
/* Is there anything left to look through? Then a tick is due at once. */
bool losses_any(const struct losses *l);

#endif
