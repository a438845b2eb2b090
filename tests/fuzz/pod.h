/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pod - up to three cores with a model of the host under each, and peers that are the
 * fuzzer's: nodes with a link of their own that say whatever they like.
 *
 * The hosts are honest except where an input says otherwise; the checks in pod_act.c are what a
 * host may rely on.
 */
#ifndef TIDAL_TESTS_FUZZ_POD_H
#define TIDAL_TESTS_FUZZ_POD_H

#include "core/core_state.h"
#include "fuzz.h"

#define POD_CORES 3
#define POD_NODES 66
#define POD_HOSTILE 2
#define POD_FRAMES 64
#define POD_VCPUS 4
#define POD_THREADS 4
#define POD_BUFS 16
#define POD_PENDING 512
#define POD_MAPPED 512
#define POD_WIRE 192
#define POD_PACKET (LINK_HEADER + LINK_BODY_MAX)
#define POD_VCPU_BYTES 376
#define POD_DEVICE (UINT64_C(1) << 47)
#define POD_DEVICE_BYTES 4096

/* An action that the host has not answered yet. */
struct pod_pending {
	uint64_t token;
	uint32_t kind; /* enum tidal_action_kind */
	tidal_gfn gfn;
	tidal_frame frame;
	uint64_t mask; /* of a ZERO */
	uint32_t prot, buf;
	tidal_vcpuid vcpu;
};

struct pod_mapped {
	tidal_gfn gfn;
	tidal_frame frame; /* or TIDAL_FRAME_ZERO */
	uint32_t prot;
};

enum pod_use { POD_CORES_OWN = 0, POD_POSTED = 1, POD_ZEROING = 2, POD_PAYLOAD = 3 };

struct pod_node {
	tidal_nodeid id;
	struct tidal_core *core;
	struct tidal_params params;
	struct fuzz_arena mem;
	void *before; /* a copy of the memory */
	struct pod_pending pending[POD_PENDING];
	uint32_t pendings;
	struct pod_mapped mapped[POD_MAPPED];
	uint32_t maps;
	tidal_frame posted[POD_FRAMES];
	uint32_t posts;
	uint8_t use[POD_FRAMES]; /* enum pod_use */
	bool here[POD_VCPUS], busy[POD_THREADS];
	uint8_t running[POD_VCPUS]; /* hyperthread + 1 */
	bool buf[POD_BUFS];	    /* holds a vCPU */
	uint32_t completed;
};

/* A packet between two nodes with cores. */
struct pod_packet {
	tidal_nodeid from, to;
	uint16_t payload;
	uint32_t payload_len, len;
	uint8_t bytes[POD_PACKET];
};

struct pod_hostile {
	tidal_nodeid id;
	uint32_t incarnation;
	struct link *link;
	void *mem;
};

struct pod {
	struct fuzz_in in;
	tidal_time now;
	unsigned nodes, cores, hostiles;
	struct pod_node node[POD_CORES];
	struct pod_hostile hostile[POD_HOSTILE];
	struct tidal_vmap map;
	struct tidal_topo_object objects[1 + POD_THREADS];
	struct tidal_topology topology;
	struct tidal_weights weights;
	struct pod_packet wire[POD_WIRE];
	uint32_t packets;
	struct tidal_stats stats;
	struct pod_log *log; /* NULL: not recorded */
	bool ideal;
	bool over;     /* the model can't go on: the wire is full */
	uint8_t held;  /* pushes to come after which nothing is pulled */
	tidal_gfn gfn; /* the page that was talked about last */
};

/* pod_start.c */
bool pod_open(struct pod *p); /* false: no pod can be so */
void pod_close(struct pod *p);
struct pod_node *pod_find(struct pod *p, tidal_nodeid id); /* NULL: has no core */

/* pod_push.c: push, pull all, check all. Failing must change nothing. */
int pod_push(struct pod *p, struct pod_node *n, const struct tidal_event *ev);
void pod_pull(struct pod *p, struct pod_node *n);
/* Answer pending action number i. */
void pod_answer(struct pod *p, struct pod_node *n, uint32_t i, struct tidal_ev_host_done *done);

/* pod_act.c: what the host is asked for, and what it means when something was pushed. */
void pod_act(struct pod *p, struct pod_node *n, const struct tidal_action *a);
void pod_pushed(struct pod *p, struct pod_node *n, const struct tidal_event *ev);
uint32_t pod_pending(const struct pod_node *n, uint64_t token); /* POD_PENDING: none */

/* pod_wire.c: packets between cores, and of hostile nodes to cores. */
void pod_send(struct pod *p, struct pod_node *n, const struct tidal_act_send *s);
void pod_deliver(struct pod *p, uint32_t i, bool again);
void pod_lose(struct pod *p, uint32_t i);
/* A message arrives, with a payload if there is room to receive it. */
int pod_message(struct pod *p, struct pod_node *n, tidal_nodeid from, const void *bytes,
		uint32_t len, uint16_t payload, uint32_t payload_len);

/* pod_hostile.c: something that a hostile node says. */
void pod_hostile_open(struct pod *p, struct pod_hostile *h);
void pod_hostile_hear(struct pod *p, tidal_nodeid to, struct pod_node *n,
		      const struct tidal_act_send *s);
/* A message to this node, of values that are likely to matter there. */
void pod_make_message(struct pod *p, const struct pod_node *n, struct wire *m);
void pod_attack(struct pod *p, struct pod_node *n, uint8_t how);
void pod_hostile_map(struct pod *p);

/* pod_log.c */
void pod_log_open(struct pod *p);
void pod_log_event(struct pod *p, const struct pod_node *n, const struct tidal_event *ev,
		   int result);
void pod_log_action(struct pod *p, const struct pod_node *n, const struct tidal_action *a);
void pod_log_close(struct pod *p);

/* A page number that is likely to matter. */
tidal_gfn pod_gfn(struct pod *p);

#endif
