/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tidal/event.h - everything that a core can be told.
 *
 * The core never calls out: the driver pushes events and pulls actions (action.h).
 */
#ifndef TIDAL_EVENT_H
#define TIDAL_EVENT_H

#include <tidal/base.h>
#include <tidal/policy.h>

TIDAL_BEGIN_DECLS

enum tidal_event_kind {
	TIDAL_EV_STALL = 1,	   /* a vCPU or VMM thread touched a page that is not mapped so */
	TIDAL_EV_MESSAGE = 2,	   /* a message arrived */
	TIDAL_EV_HOST_DONE = 3,	   /* the host carried out an action that had a token */
	TIDAL_EV_VCPU_STOPPED = 4, /* a running vCPU left its hyperthread without a stall */
	TIDAL_EV_RETIRED = 5,	   /* a resumed vCPU has retired an instruction */
	TIDAL_EV_TICK = 6,	   /* time passed: push one at tidal_core_deadline() */
	TIDAL_EV_PEER_UP = 7,	   /* a peer has this incarnation (a later one: it was restarted) */
	TIDAL_EV_PEER_DOWN = 8,	   /* a peer is dead: see struct tidal_ev_peer */
	TIDAL_EV_COMMAND = 9,	   /* the embedder wants something */
	TIDAL_EV_VCPU_WAKE = 10,   /* an idle vCPU has something to do (interrupt, ...) */
};

/*
 * A stall. The program counter has not advanced. The hyperthread is free: the
 * vCPU is not running any more when this is pushed. A VMM thread stalls with
 * vcpu = TIDAL_VCPU_NONE and a requester number of its own, which comes back
 * in TIDAL_ACT_COMPLETE; it can't be moved.
 *
 * TIDAL_EAGAIN: no room for one more page under way, or for the messages. To the core the vCPU
 * still runs: don't run it, pull all actions, let other events in (or time pass), and push the
 * same stall again. It also answers a TIDAL_ACT_STOP that came meanwhile.
 */
struct tidal_ev_stall {
	tidal_vcpuid vcpu;
	uint16_t access;    /* enum tidal_access */
	uint32_t requester; /* VMM threads only */
	tidal_gpa gpa;
	/* TIDAL_IO only */
	uint64_t io_data;   /* what is written */
	uint8_t io_write, io_size; /* 1: a write; bytes 1, 2, 4, 8 */
};

/* What comes with a message besides its header. */
enum tidal_payload {
	TIDAL_PAYLOAD_NONE = 0,
	TIDAL_PAYLOAD_PAGE = 1, /* 4096 bytes; buf is a frame that was posted (TIDAL_ACT_POST) */
	TIDAL_PAYLOAD_VCPU = 2, /* a saved vCPU; buf is a number of the driver's own */
};

/*
 * A message. *bytes* is read during the push only. When the push succeeds the
 * core owns the payload: a frame until it is posted again, a vCPU buffer until
 * TIDAL_ACT_LOAD or TIDAL_ACT_BUF_FREE names it. When it fails both stay the driver's.
 */
struct tidal_ev_message {
	tidal_nodeid from;
	uint16_t payload; /* enum tidal_payload */
	uint32_t len;	  /* of bytes */
	const void *bytes;
	uint32_t buf;
	uint32_t payload_len;
};

/* Completion of an action. A host that can't do what the core asked reports status < 0. */
struct tidal_ev_host_done {
	uint64_t token;
	int32_t status;	    /* 0, or a TIDAL_E* */
	uint32_t zero;	    /* 1: the page was tested as asked, and all its bytes are 0 */
	uint64_t value;	    /* TIDAL_ACT_IO: what was read */
	uint32_t buf;	    /* TIDAL_ACT_SAVE: the driver's number for the saved vCPU */
	uint32_t payload_len; /* TIDAL_ACT_SAVE: its size in bytes */
};

enum tidal_stop_reason {
	TIDAL_STOP_SLICE = 0, /* runnable: stopped on request or at the end of its slice */
	TIDAL_STOP_IDLE = 1,  /* waits for an interrupt (WFI, HLT): TIDAL_EV_VCPU_WAKE makes it ready */
	TIDAL_STOP_OFF = 2,   /* the guest switched it off; never runs again */
};

struct tidal_ev_vcpu_stopped {
	tidal_vcpuid vcpu;
	uint16_t reason; /* enum tidal_stop_reason */
	uint64_t retired; /* instructions retired since it was run, 0 if the host can't tell */
};

/*
 * News of a peer. Neither is needed where packets come and go: a link learns incarnations from them.
 *
 * DOWN says for certain that the node is dead: none of its vCPUs runs, or ever will. What was
 * on its way to it is lost and reported, its copies of pages count as gone, and nothing that it
 * sends is heard until it has a higher incarnation. A node that is only cut off, or slow, must
 * not be declared dead: it would go on reading and writing pages that now have another owner.
 * Stop it for good before. Tell only nodes that were there when it died, not those started since:
 * these meet its next life, or nobody.
 */
struct tidal_ev_peer {
	tidal_nodeid node;
	/*
	 * UP: 0: not known, then UP says nothing. DOWN: it and those before it are dead, so that news which
	 * come late don't kill the next life; 0: the one that the core knows when it is told.
	 */
	uint32_t incarnation;
};

/*
 * What is not always done, and without a word:
 * MOVE_VCPU returns 0 when it has begun. The vCPU stays if the other node has no slot for it, if
 * it is switched off before it has left, or if it is there already. Errors: ERANGE: no such
 * vCPU or node; ENOENT: the vCPU isn't here; EBUSY: it is on its way, or off.
 * EVICT returns 0 when it has begun, or when there is nothing to gain: a page of which this node is
 * owner stays if no peer takes it (or all have refused lately); a dormant one, which has no
 * frame, stays while the page table has room. Errors: ERANGE; ENOENT: the page isn't here;
 * EBUSY: pinned, or something is under way with it; EAGAIN.
 */
enum tidal_command {
	TIDAL_CMD_MOVE_VCPU = 1,  /* vcpu -> node, at its next stop */
	TIDAL_CMD_SET_POLICY = 2, /* policy (NULL: cost), policy_data */
	TIDAL_CMD_SET_WEIGHTS = 3, /* weights; copied */
	TIDAL_CMD_PIN = 4,	  /* gfn: the page must be and stay here, writable. requester completes */
	TIDAL_CMD_UNPIN = 5,	  /* gfn */
	TIDAL_CMD_PAUSE = 6,	  /* run no vCPU here; those that run get TIDAL_ACT_STOP */
	TIDAL_CMD_CONTINUE = 7,	  /* the reverse; a core starts paused */
	TIDAL_CMD_EVICT = 8,	  /* gfn: push this page off the node (tests, drains) */
	/* gfn: so many frames, 1 .. TIDAL_ZEROING_MAX, may be zeroed in the background at a time.
	 * A core starts with 1. From 64 on an action names up to 64 frames. Else ERANGE. */
	TIDAL_CMD_SET_ZEROING = 9,
	/*
	 * gfn: where dormant pages are written to one after the other, up to so many more, 0 ..
	 * TIDAL_AHEAD_MAX, get frames by the same stall, 64 by one action. A core starts with 0. It pays
	 * where a stall costs more than to map a page, as with real memory: there 512. Pages that the
	 * guest leaves out nevertheless keep their frames, until only `high` are free. Else ERANGE.
	 */
	TIDAL_CMD_SET_AHEAD = 10,
};

#define TIDAL_ZEROING_MAX 1024
#define TIDAL_AHEAD_MAX 512

struct tidal_ev_command {
	uint32_t command; /* enum tidal_command */
	tidal_vcpuid vcpu;
	tidal_nodeid node;
	tidal_gfn gfn;
	uint32_t requester;
	const struct tidal_policy_ops *policy;
	const struct tidal_weights *weights;
	const void *policy_data;
};

struct tidal_event {
	uint32_t kind; /* enum tidal_event_kind */
	union {
		struct tidal_ev_stall stall;
		struct tidal_ev_message message;
		struct tidal_ev_host_done done;
		struct tidal_ev_vcpu_stopped stopped;
		struct { tidal_vcpuid vcpu; } retired;
		struct { tidal_vcpuid vcpu; } wake;
		struct tidal_ev_peer peer;
		struct tidal_ev_command command;
	} u;
};

/* "stall", "message", ...; "?" for an unknown kind. */
TIDAL_API const char *tidal_event_name(uint32_t kind);

TIDAL_END_DECLS

#endif
