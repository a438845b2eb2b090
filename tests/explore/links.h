/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * links - two links as a subject of exploration, with a wire between them that loses, repeats and
 * reorders, and with a node that restarts. To be built with a small LINK_WINDOW.
 *
 * Every message must be delivered once, whatever happens, or be reported as lost; and the latter
 * only if its receiver has restarted. Timers ring in any order.
 */
#ifndef TIDAL_TESTS_LINKS_H
#define TIDAL_TESTS_LINKS_H

#include "subject.h"

enum links_fault {
	LINKS_SOUND,
	LINKS_FORGETFUL, /* the receiver forgets what came out of order */
	LINKS_CARELESS,	 /* the receiver takes what was meant for its last life */
	LINKS_MUTE,	 /* the receiver never acknowledges */
};

struct links_config {
	unsigned messages[2][3]; /* each node may have so many under way, by class */
	unsigned wire;		 /* packets under way each way, at most */
	unsigned mishaps;	 /* packets lost or repeated, in all */
	unsigned restarts;	 /* of node 1 */
	bool refuses;		 /* a receiver may say "not now" */
	bool withdraws;		 /* messages have payloads, which may be withdrawn */
	enum links_fault fault;
};

extern const struct subject_ops links_ops; /* opened with a struct links_config */

#endif
