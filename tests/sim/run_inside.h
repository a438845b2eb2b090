/* SPDX-License-Identifier: BSD-3-Clause */
/* run_inside - what the files of a run share. Others have run.h. */
#ifndef TIDAL_TESTS_RUN_INSIDE_H
#define TIDAL_TESTS_RUN_INSIDE_H

#include "run.h"
#include "world_inside.h"

#define RUN_TOUCHED 64
#define RUN_ENDINGS 160
#define RUN_VMM 48

/* Something that a meddler began ends. */
struct ending {
	tidal_time at;
	struct choice c;
};

/* An access of a VMM thread, or a pin. */
struct vmm_access {
	enum { VMM_FREE, VMM_ASKED, VMM_PINNED } state;
	bool pin, over; /* over: to be unpinned as soon as it is pinned */
	uint8_t access;
	unsigned node;
	tidal_gfn gfn;
	tidal_time since;
};

/* What the checks remember. */
struct watch {
	bool *known;	  /* by gfn: has been touched */
	tidal_gfn *pages; /* those */
	size_t count;
	tidal_gfn touched[RUN_TOUCHED]; /* by the present push */
	unsigned touched_count;
	uint64_t vcpus; /* set of those that the present push touched */
	uint64_t step[WORLD_VCPUS]; /* instructions retired, at the last sweep */
	tidal_time since[WORLD_VCPUS]; /* when that grew */
	uint64_t quiet_events; /* pushed since any vCPU retired anything */
	unsigned *seen;	       /* scratch, by frame */
};

/*
 * Nodes were restarted. What may be gone since: what they had, and what was on its way to or from
 * them. Everything else must not be, and who waits for something that is must have been told.
 */
struct deaths {
	uint64_t restarted;	      /* events by the last one, + 1; 0: none was */
	uint64_t died[WORLD_NODES];   /* the same, of a node that had the map */
	uint64_t born[WORLD_NODES];
	uint64_t told[WORLD_NODES];   /* set of nodes that it has reported as lost since they died */
	bool *page_risk;	      /* by gfn: it may be gone */
	uint8_t *page_told;	      /* by gfn: set of nodes that have reported it as gone */
	uint64_t vcpu_risk;	      /* set */
	uint64_t to_report, reported; /* sets of vCPUs that were on their way to a node */
};

struct run {
	struct setting s;
	struct run_how how;
	struct outcome *out;
	struct world *w;
	uint64_t packets[WORLD_NODES][WORLD_NODES], works[WORLD_NODES], fails[WORLD_NODES];
	unsigned slow[WORLD_NODES];
	uint64_t told[WORLD_VCPUS];  /* instructions that its program has given */
	uint64_t woken[WORLD_VCPUS]; /* number of the instruction + 1 */
	tidal_gfn guest;
	/* the script, sorted to be found */
	struct choice *of_vcpu[WORLD_VCPUS];
	size_t ops[WORLD_VCPUS];
	struct choice *packet, *timed, *wake;
	size_t packet_count, timed_count, timed_at, wake_count;
	uint64_t drawn; /* timed choices drawn */
	tidal_time drawn_at;
	struct choice next; /* the one that was drawn last */
	struct ending ending[RUN_ENDINGS];
	size_t endings;
	tidal_time next_ending;
	struct vmm_access vmm[RUN_VMM];
	struct deaths deaths;
	bool calm; /* everything is over: let it come to rest */
	unsigned planted; /* packets that a planted fault might have met */
	tidal_time disturbed; /* when the last thing ended that may keep anybody waiting */
	struct watch watch;
};

/* Who waits must have got on after so much virtual time without disturbance. */
static inline tidal_time patience(const struct run *r)
{
	return r->s.patience_us * 1000;
}

/* choose.c: the instructions of vCPUs, what becomes of packets. */
void choose_open(struct run *r);
void choose_close(struct run *r);
bool choose_op(struct run *r, tidal_vcpuid v, uint64_t step, struct world_op *op);
void choose_packet(struct run *r, unsigned from, unsigned to, struct world_passage *p);
tidal_time choose_work(struct run *r, unsigned node);
bool choose_failure(struct run *r, unsigned node);
/* The next thing that a meddler does; false: none. choose_next() stays until choose_taken(). */
bool choose_next(struct run *r, struct choice *c);
void choose_taken(struct run *r, const struct choice *c);

/* meddle.c */
void meddle(struct run *r, const struct choice *c);
void meddle_end_at(struct run *r, tidal_time at, const struct choice *c);
/* End what is due, or everything. */
void meddle_end(struct run *r, bool all);
void meddle_completed(struct run *r, unsigned node, uint32_t requester, tidal_gfn gfn, int status);

/* watch.c */
void watch_open(struct run *r);
void watch_close(struct run *r);
void watch_action(struct run *r, unsigned node, const struct tidal_action *a);
void watch_push(struct run *r, unsigned node, const struct tidal_event *ev);
void watch_sweep(struct run *r);
/* A table of ranges is too small, which was reported: somebody may wait for ever. */
bool watch_short_of_ranges(const struct run *r);
/* Is nothing under way any more anywhere? must: else that is a violation. */
bool watch_rest(struct run *r, bool must);
/* Do nodes that are short of frames offer each other pages, and nothing else is under way? */
bool watch_evicts(const struct run *r);
/* It has come to rest: nothing may be left over. */
void watch_end(struct run *r);
/* The pod is full: no node could take anything? */
bool watch_full(const struct run *r);
/* The guest has finished, and somebody else waits for a frame in a pod that has none. */
bool watch_out_of_frames(const struct run *r);

/* deaths.c */
void deaths_open(struct run *r);
void deaths_close(struct run *r);
/* A node is about to be restarted: what may be gone afterwards? */
void deaths_note(struct run *r, unsigned node);
/* Check and keep a report of a loss. */
void deaths_report(struct run *r, unsigned node, const struct tidal_act_report *p);
/* Is the vCPU gone, or does it wait for a page that it was told is? Else it must go on. */
bool deaths_excuse(const struct run *r, tidal_vcpuid v);
/* Has somebody on this node been told that this page is gone? */
bool deaths_told(const struct run *r, unsigned node, tidal_gfn gfn);
/* Does anybody wait for what is gone? Then the pod never comes to rest. */
bool deaths_anybody_waits(const struct run *r);
/* The pod is at rest: has everybody been told what he must know? */
void deaths_end(struct run *r);

/* tell.c */
void tell_event(const struct run *r, unsigned node, const struct tidal_event *ev, int err);
void tell_action(const struct run *r, unsigned node, const struct tidal_action *a);
void tell_choice(const struct run *r, const struct choice *c);

#endif
