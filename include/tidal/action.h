/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tidal/action.h - everything that a core can ask of its driver.
 *
 * Actions are carried out in the order in which they are pulled. One with a
 * token != 0 is answered by TIDAL_EV_HOST_DONE with that token, once, when it has
 * taken effect: for memory that means that no CPU can use the old translation
 * any more.
 */
#ifndef TIDAL_ACTION_H
#define TIDAL_ACTION_H

#include <tidal/base.h>
#include <tidal/trace.h>

TIDAL_BEGIN_DECLS

enum tidal_action_kind {
	TIDAL_ACT_SEND = 1,	/* transmit header and payload; loss is allowed */
	TIDAL_ACT_MAP = 2,	/* token. Map pages; replaces what is mapped there */
	TIDAL_ACT_UNMAP = 3,	/* token. Unmap pages; their bytes stay in their frames */
	TIDAL_ACT_PROTECT = 4,	/* token. Make mapped pages read-only */
	TIDAL_ACT_ZERO = 5,	/* token. Fill frames with zeroes */
	TIDAL_ACT_POST = 6,	/* a frame to receive into; the driver's until a message is in it */
	TIDAL_ACT_RUN = 7,	/* run a vCPU on a hyperthread until it stalls or stops */
	TIDAL_ACT_STOP = 8,	/* stop a running vCPU soon: answered by a stall or VCPU_STOPPED */
	TIDAL_ACT_SAVE = 9,	/* token. Save a vCPU that isn't running into a buffer */
	TIDAL_ACT_LOAD = 10,	/* token. Make a vCPU from a buffer, which is free afterwards */
	TIDAL_ACT_DROP = 11,	/* forget a vCPU that now runs elsewhere */
	TIDAL_ACT_BUF_FREE = 12, /* a vCPU buffer is not needed any more */
	TIDAL_ACT_COMPLETE = 13, /* a VMM thread's stall, or a pin, is over: touch the page now */
	TIDAL_ACT_IO = 14,	/* token. Carry out a device access here */
	TIDAL_ACT_REPORT = 15,	/* something the embedder must know */
	TIDAL_ACT_TRACE = 16,	/* TIDAL_PARAM_TRACE: something happened; there is nothing to be done */
};

/* How a vCPU goes on after its stall. SKIP and IO finish the instruction as the vCPU is run: even
 * one that is stopped before it executes anything has that instruction behind it. */
enum tidal_resume {
	TIDAL_RESUME_RETRY = 0, /* from its program counter: restarts the instruction */
	TIDAL_RESUME_SKIP = 1,	/* the zeroing instruction counts as done: apply its register effects */
	TIDAL_RESUME_IO = 2,	/* the device access is done: `value` was read */
};

enum tidal_prot { TIDAL_PROT_R = 1, TIDAL_PROT_RW = 3 }; /* R includes execute */

/*
 * Pages gfn + i for every bit i of mask. MAP: frame + (number of bits of mask
 * below i), or TIDAL_FRAME_ZERO for all. UNMAP, PROTECT: test = 1 asks whether the page
 * is all zeroes *after* the change took effect (mask has one bit then); never of TIDAL_FRAME_ZERO.
 */
struct tidal_act_pages {
	uint64_t token;
	tidal_gfn gfn;
	uint64_t mask;
	tidal_frame frame; /* UNMAP, PROTECT: the frame that was mapped */
	uint16_t prot;	   /* MAP: enum tidal_prot */
	uint16_t test;
};

/*
 * The header lies in the core and is valid until the next push or pull. The
 * payload is read before a later action touches it: a page's bytes are those
 * of *buf* (a frame), which is mapped at *gfn* or not mapped at all: a message that is
 * sent again may find it otherwise than the first time. Bytes that can't be read now (the
 * host is just unmapping them) may be taken for a message lost on the wire.
 */
struct tidal_act_send {
	tidal_nodeid to;
	uint16_t payload; /* enum tidal_payload */
	uint32_t len;
	const void *header;
	uint32_t buf;
	uint32_t payload_len;
	tidal_gfn gfn;
};

/*
 * ZERO: frames frame + i for every bit i of mask. *background* 0: a page waits for it, and mask has
 * one bit: do it now, by stores that leave the frame in the cache. 1: nobody waits: it may take
 * any time, and should be in nobody's way; mask has one bit unless TIDAL_CMD_SET_ZEROING allows more.
 * One HOST_DONE answers for all frames of an action. POST: frame only.
 */
struct tidal_act_frame { /* ZERO, POST */
	uint64_t token;
	tidal_frame frame;
	uint32_t background;
	uint64_t mask;
};

struct tidal_act_vcpu { /* RUN, STOP, SAVE, LOAD, DROP */
	uint64_t token;
	tidal_vcpuid vcpu;
	uint16_t hthread; /* RUN: which leaf of the topology */
	uint16_t resume;  /* RUN: enum tidal_resume */
	uint16_t watch;	  /* RUN: 1: report TIDAL_EV_RETIRED at the first retired instruction */
	uint64_t value;	  /* RUN: TIDAL_RESUME_IO */
	uint32_t buf;	  /* LOAD */
	uint32_t buf_len;
};

struct tidal_act_io {
	uint64_t token;
	tidal_gpa gpa;
	uint64_t data;
	tidal_vcpuid vcpu; /* on whose behalf; may be on another node */
	uint8_t write, size;
};

enum tidal_report {
	TIDAL_REPORT_READY = 1,	    /* the virtual map is known: the guest may start */
	TIDAL_REPORT_POD_FULL = 2,  /* gfn: no frame anywhere; the guest's stalls wait */
	TIDAL_REPORT_PAGE_LOST = 3, /* gfn, node: it was on its way to a node that died; or, with
				     * this node, vcpu: no node has it, and this vCPU waits */
	TIDAL_REPORT_VCPU_LOST = 4, /* vcpu, node: likewise; or it could not be loaded here */
	TIDAL_REPORT_BAD_PEER = 5,  /* node, error: it broke the protocol; its message was dropped, and
				     * with it the page (gfn) or vCPU that it brought, if it did; or its
				     * map of the guest does not fit this node */
	TIDAL_REPORT_BAD_STALL = 6, /* vcpu, gfn: outside of guest memory and of all devices */
	TIDAL_REPORT_HOST_FAILED = 7, /* error: the host could not carry out an action: see below */
	TIDAL_REPORT_PIN_CONFLICT = 8, /* gfn: two pins make an access impossible */
	TIDAL_REPORT_SPACE = 9,	    /* a table is full (`text` says which): raise that parameter */
	/* From the driver, of what its transport says (transport.h); error TIDAL_EPEER: */
	TIDAL_REPORT_PEER_SILENT = 10, /* node: nothing was heard of it for too long */
	TIDAL_REPORT_PEER_DOWN = 11,   /* node: it is dead. What is lost with it is reported as such */
	TIDAL_REPORT_NODE_LOST = 12, /* node: it died, or was restarted; what it had is lost */
};

/*
 * HOST_FAILED has one of these texts:
 *	- with a gfn: tidal_transient_name() of what is under way with the page ("MAPPING", "LEAVING",
 *	  ...); the core asks the host again a little later, for ever;
 *	- with a vCPU: "save": it could not be saved (but for EBUSY), and stays; "device access": that failed, and
 *	  the guest reads all ones;
 *	- from tidal_node_step(), with neither or a vCPU: the driver's own words, a sentence.
 */
struct tidal_act_report {
	uint32_t what; /* enum tidal_report */
	int32_t error;
	tidal_gfn gfn;
	tidal_vcpuid vcpu;
	tidal_nodeid node;
	uint64_t pages;	  /* PAGE_LOST: so many, from gfn on */
	const char *text; /* static */
};

struct tidal_action {
	uint32_t kind; /* enum tidal_action_kind */
	union {
		struct tidal_act_send send;
		struct tidal_act_pages pages;
		struct tidal_act_frame frame;
		struct tidal_act_vcpu vcpu;
		struct { uint32_t buf; } buf;
		struct { uint32_t requester; tidal_gfn gfn; int32_t status; } complete;
		struct tidal_act_io io;
		struct tidal_act_report report;
		struct tidal_trace trace;
	} u;
};

TIDAL_API const char *tidal_action_name(uint32_t kind);

TIDAL_END_DECLS

#endif
