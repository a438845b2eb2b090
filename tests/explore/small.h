/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * small - a small pod as a subject of exploration: two or three cores, as many vCPUs, one or two
 * pages, hosts that take their time; and a wire without order that is exactly-once, or (link) one
 * that may lose and repeat a little, with the cores' own link above it.
 *
 * The values in a page are numbers; what a vCPU reads must be what was written last. Mapping
 * and unmapping take effect some time after the core asks for them, and the core hears of it
 * some time after that: both are steps. Timers ring in any order, one alone or all at once.
 */
#ifndef TIDAL_TESTS_SMALL_H
#define TIDAL_TESTS_SMALL_H

#include <tidal/core.h>

#include "subject.h"

#define SMALL_NODES 3 /* at most */
#define SMALL_VCPUS 3
#define SMALL_PAGES 2

/* What may happen besides reads, writes, messages, completions and timers. */
enum small_features {
	SMALL_ZERO = 1,	   /* vCPUs zero pages: dormant again */
	SMALL_EXEC = 2,	   /* and fetch code from them */
	SMALL_POLICY = 4,  /* every decision goes either way: pages move, and vCPUs */
	SMALL_MOVE = 8,	   /* commands to move a vCPU */
	SMALL_EVICT = 16,  /* commands to evict a page */
	SMALL_VMM = 32,	   /* VMM threads touch pages */
	SMALL_PIN = 64,	   /* and pin them */
	SMALL_FAIL = 128,  /* the host fails to map or unmap */
	SMALL_SLOW_ZERO = 256, /* zeroing in the background takes time */
	SMALL_FICKLE = 512, /* after a stall a vCPU may do something else first: an interrupt */
	SMALL_STARVE = 1024, /* vCPUs may starve, and nodes search for the owner */
	SMALL_NO_RETIRE = 2048, /* the host can't tell retired instructions */
	SMALL_TOGETHER = 4096, /* all vCPUs start on node 0 */
	SMALL_WARM = 16384, /* pages are not dormant at first: node 0 has written to them */
	SMALL_NAMED = 32768, /* vCPUs and pages are told apart even where they are alike */
	SMALL_REFUSALS = 131072, /* who has refused a page is remembered; else it is offered to any */
	SMALL_RUMOUR = 65536, /* news for a vCPU's home of where it is now take their time */
	SMALL_APART = 8192, /* the second page is in another range, with another home */
};

/* Faults of the model, planted to see that they are found. Others: losses without a link. */
enum small_fault {
	FAULT_NONE,
	FAULT_UNMAP,	/* the host does not unmap, and says that it did */
	FAULT_PROTECT,	/* nor take away the right to write */
	FAULT_EARLY,	/* it says "done" before it unmaps */
	FAULT_CONTENTS, /* a page arrives with what was in the frame before */
	FAULT_TEST,	/* every page is said to be all zeroes */
	FAULT_VCPU,	/* a vCPU goes on after it has been saved */
	FAULT_WAKE,	/* the host forgets to say that it has mapped a page */
	FAULT_BLIND,	/* not of the host: the digest does not look into messages */
};

struct small_config {
	unsigned nodes, pages, vcpus;
	unsigned features;
	unsigned flight; /* with so many things under way nothing new is begun; 0: no such limit */
	unsigned commands; /* to move and to evict, in all; 0: any number */
	unsigned home;	 /* of the first page; it starts at node 0 */
	bool link;	 /* of the cores' own; else the wire is exactly-once */
	bool patient;	 /* and nothing is sent again while the wire between the two has anything */
	unsigned losses, repeats; /* the wire loses or repeats a message so often */
	enum small_fault fault;
};

extern const struct subject_ops small_ops; /* opened with a struct small_config */

#endif
