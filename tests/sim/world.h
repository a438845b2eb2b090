/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * world - a whole pod for tests: cores, a model of the host under each, a wire with
 * bad weather, virtual time. A page's contents are one number. Every access that a
 * vCPU carries out is checked against a reference memory, and a write against all
 * other nodes' mappings: the single-writer rule itself, not what the cores believe.
 */
#ifndef TIDAL_TESTS_WORLD_H
#define TIDAL_TESTS_WORLD_H

#include <stdbool.h>
#include <tidal/core.h>

#define WORLD_NODES 16
#define WORLD_VCPUS 64

struct world;

/* What becomes of one packet. */
struct world_passage {
	bool lost, twice;
	tidal_time delay, delay_twice;
};

/* Those who decide themselves what the world would leave to its dice, and who look on. Each may
 * be NULL. */
struct world_hooks {
	void (*packet)(struct world *w, unsigned from, unsigned to, struct world_passage *p,
		       void *arg);
	tidal_time (*work)(struct world *w, unsigned node, void *arg); /* of a host operation */
	bool (*fails)(struct world *w, unsigned node, void *arg); /* a host operation; NULL: none */
	/* About to be carried out; and: has been pushed, all actions carried out. */
	void (*acted)(struct world *w, unsigned node, const struct tidal_action *a, void *arg);
	void (*pushed)(struct world *w, unsigned node, const struct tidal_event *ev, int err,
		       void *arg);
};

/* Faults of the model itself, to show that they are noticed. */
enum world_plant {
	PLANT_NONE,
	PLANT_DEAF_UNMAP,   /* a host says that it unmapped a page, now and then, and did not */
	PLANT_DEAF_PROTECT, /* likewise write-protected */
	PLANT_ZERO_LIE,	    /* it says that a page is all zeroes which is not */
	PLANT_OLD_PAGE,	    /* a payload is lost, its message is not */
	PLANT_DEAF_STOP,    /* a vCPU is saved, and runs on */
	/* for those who have a filter: a wire that is said to be exactly-once, */
	PLANT_OF_IDEAL,
	PLANT_TWICE = PLANT_OF_IDEAL, /* but repeats messages */
	PLANT_LOST_ACK,	    /* but loses acknowledgements of invalidations */
	PLANTS,
};

struct world_config {
	unsigned nodes, vcpus, hthreads;
	uint64_t pages;	    /* of the guest */
	uint32_t frames;    /* of each node */
	uint64_t seed;
	uint32_t loss_ppm, dup_ppm;
	tidal_time delay_ns, jitter_ns; /* jitter reorders */
	tidal_time host_ns; /* a host operation takes up to this */
	const struct tidal_policy_ops *policy;
	bool spread;	    /* vCPUs start on all nodes */
	bool no_retire;	    /* the host doesn't tell retired instructions */
	unsigned slice;	    /* it tells after so many, like a host that runs slices; 0: at once */
	bool ideal;	    /* the link is off: needs loss, dup 0 */
	void (*tune)(struct tidal_params *, void *arg); /* last word on parameters */
	void (*place)(struct tidal_vmap *, void *arg);	/* last word on the initial map */
	void *arg;
	const struct world_hooks *hooks; /* NULL: none */
	void *hooks_arg;
	uint8_t plant; /* enum world_plant */
	uint32_t ahead, zeroing; /* TIDAL_CMD_SET_AHEAD, _ZEROING; 0: as a core starts */
};

/* One access of a vCPU. A crossing store touches gfn and gfn + 1 at once. With `fetch` the
 * instruction itself lies in page `code`. */
struct world_op {
	tidal_gfn gfn, code;
	uint8_t access; /* enum tidal_access; TIDAL_IO: a device read; or WORLD_WAIT */
	bool crossing, fetch;
};
#define WORLD_WAIT 5 /* the vCPU is idle until world_wake(), and then asks its program again */

/* What a vCPU does next; false: it is finished (switched off). */
typedef bool (*world_program)(struct world *, tidal_vcpuid, uint64_t step, struct world_op *,
			      void *arg);

struct world *world_open(const struct world_config *config, world_program program, void *arg);
void world_close(struct world *w);

/* Let the next thing happen. false: nothing will ever happen again, or a violation was found. */
bool world_step(struct world *w);
/* Until all vCPUs are finished, a violation, or `until`. true: all finished. */
bool world_run(struct world *w, tidal_time until);
/* When the next thing happens; TIDAL_NEVER: nothing will. */
tidal_time world_next(const struct world *w);
/* Everything that happens in so much time. */
void world_settle(struct world *w, tidal_time for_ns);

/* NULL, or what rule was broken, with details. */
const char *world_violation(const struct world *w);
/* Check the cores' own invariants, and those between them. false: see world_violation(). */
bool world_check(struct world *w);

tidal_time world_now(const struct world *w);
struct tidal_core *world_core(struct world *w, unsigned node);
uint64_t world_events(const struct world *w);
unsigned world_finished(const struct world *w);
uint64_t world_value(const struct world *w, tidal_gfn gfn); /* reference memory */
void world_stats(const struct world *w, unsigned node, struct tidal_stats *s);
/* Sum over all nodes (maximum for forward_max). */
void world_total(const struct world *w, struct tidal_stats *s);
unsigned world_reports(const struct world *w, uint32_t what); /* enum tidal_report */
/* Where the vCPU runs or waits: a node, or TIDAL_NODE_NONE while on its way. */
tidal_nodeid world_where(const struct world *w, tidal_vcpuid v);

/* Scripted tests. */
int world_push(struct world *w, unsigned node, const struct tidal_event *ev);
int world_command(struct world *w, unsigned node, const struct tidal_ev_command *c);
/* A VMM thread's access that has been completed: how many so far on this node. */
unsigned world_completed(const struct world *w, unsigned node);
/* Cut (or mend) the wire in one direction. */
void world_cut(struct world *w, unsigned from, unsigned to, bool cut);
/* Stop (or go on) delivering messages of this kind (first body byte); 0: none. They wait. */
void world_delay_kind(struct world *w, uint8_t kind, bool hold);
/* What becomes of a message that is about to be sent. */
enum world_fate {
	WORLD_PASS,
	WORLD_LOSE,
	WORLD_HOLD,  /* until world_release() */
	WORLD_TWICE, /* goes, and a copy of it is held */
};
struct wire;
struct world_packet {
	tidal_nodeid from, to;
	const struct wire *message;
	uint16_t payload; /* enum tidal_payload */
};
typedef enum world_fate (*world_judge)(const struct world_packet *, void *arg);
/* Let *judge* see every packet that has a message; NULL: all pass. */
void world_filter(struct world *w, world_judge judge, void *arg);
/* Send on what is held, in the order in which it was sent. Returns how many packets that were. */
unsigned world_release(struct world *w);
/* Packets with a message of this kind that nodes have sent, repetitions included. */
unsigned world_sent(const struct world *w, uint8_t kind);

/* The host of this node takes its time: unmapping and the like isn't done before it goes on. */
void world_stop_host(struct world *w, unsigned node, bool stop);
/* The clock of this node is slow by so much. */
void world_lag(struct world *w, unsigned node, tidal_time lag);
/* A node other than the master is started anew: its memory and its vCPUs are lost. */
void world_restart(struct world *w, unsigned node);
/* Wake the vCPU if it waits (WORLD_WAIT). */
void world_wake(struct world *w, tidal_vcpuid v);
/* Device accesses that were carried out. */
unsigned world_device_accesses(const struct world *w);
/* How the page is mapped on a node: 0 not, 1 read-only, 3 writable. */
int world_mapping(const struct world *w, unsigned node, tidal_gfn gfn);
uint64_t world_frame_value(const struct world *w, unsigned node, tidal_frame frame);

#endif
