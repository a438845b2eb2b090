/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * member_inside.h - the parts of a member: member.c has what all nodes do, master.c what node 0
 * does besides, joiner.c what the others do.
 */
#ifndef MINI_POD_MEMBER_INSIDE_H
#define MINI_POD_MEMBER_INSIDE_H

#include "hub.h"
#include "pod.h"

struct member {
	struct pod pod; /* first: its callbacks find the member by it */
	struct options *options;
	uint64_t id;		/* of the pod */
	tidal_nodeid lost;	/* a node that its own messages say is lost; TIDAL_NODE_NONE */
	struct verdict verdict; /* nodes but 0; node 0's is the hub's */
	struct line up;		/* nodes but 0: to node 0 */
	int go;			/* node 0 has said so */
	struct hub *hub;	/* node 0 only */
};

/* member.c; each returns 0 or an exit code after a complaint. */
int member_open_endpoint(struct member *member, uint64_t id, char at[HUB_AT_MAX]);
int member_open_node(struct member *member, const struct boot *boot);
int member_add_peer(struct member *member, uint32_t node, const char *at);
/* Sleep until one of these, or the endpoint if the node has come to rest, has something. */
void member_sleep(struct member *member, struct pollfd *fds, int n, int did);
/* Complain as the verdict says, if somebody should; the exit code. */
int member_conclude(const struct member *member, const struct verdict *verdict);

int master_run(struct member *member, int listener);
int joiner_run(struct member *member);

#endif
