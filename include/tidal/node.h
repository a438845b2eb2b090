/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tidal/node.h - the driver: binds one core to one host backend and one transport.
 *
 * Without threads: the embedder calls tidal_node_step() in its loop, deterministic as far as host
 * and transport are. With threads: tidal/run.h. Several nodes may live in one process. A node's
 * functions may be called by any thread (tidal/run.h says more), but not while tidal_node_open() or
 * tidal_node_close() is at work.
 */
#ifndef TIDAL_NODE_H
#define TIDAL_NODE_H

#include <tidal/core.h>
#include <tidal/host.h>
#include <tidal/transport.h>

TIDAL_BEGIN_DECLS

struct tidal_node;

/*
 * What a node tells its embedder. Called from tidal_node_step() and tidal_node_command();
 * may begin accesses, but neither step nor give commands.
 */
struct tidal_node_callbacks {
	size_t size;
	/*
	 * A device access to be carried out here. Reads: return the value in *data. 0, or an error.
	 * Without this callback every access fails with ENOSYS. A failed access reads all ones, and
	 * is reported (HOST_FAILED) on the node where the vCPU is: with this error if the device is
	 * there too, else with EIO.
	 */
	int (*io)(void *arg, tidal_vcpuid vcpu, tidal_gpa gpa, uint64_t *data, unsigned bytes,
		  int write);
	/* Something to know: see enum tidal_report. */
	void (*report)(void *arg, const struct tidal_act_report *report);
	/* An access begun by tidal_node_access() is over: 0, or an error. */
	void (*accessed)(void *arg, uint64_t cookie, int status);
	/* Bytes of the event log (see tidal_node_record()). Nonzero: recording stops. */
	int (*record)(void *arg, const void *bytes, size_t len);
	/*
	 * A TIDAL_CMD_PIN is over. status 0: the page is here, writable, pinned in core and host.
	 * Else it is pinned in neither: TIDAL_EAGAIN: too many pages are pinned; or what the
	 * host's pin() returned.
	 */
	void (*pinned)(void *arg, uint32_t requester, tidal_gfn gfn, int status);
	/*
	 * With TIDAL_PARAM_TRACE in the parameters: what happens, in this order, as it happens; the
	 * embedder's own clock says when. It should return soon. For a vCPU these come in turns: RUN,
	 * then STALL or STOPPED; a STALL of memory is followed by SERVED or VCPU_OUT, unless it is
	 * asked again (RUN); one of a device by RUN or VCPU_OUT.
	 */
	void (*trace)(void *arg, const struct tidal_trace *record);
};

struct tidal_node_config {
	size_t size;
	const struct tidal_params *params;
	const struct tidal_host_ops *host_ops;
	struct tidal_host *host; /* stays the caller's */
	const struct tidal_transport_ops *transport_ops;
	struct tidal_transport *transport; /* stays the caller's; peers already added */
	const struct tidal_node_callbacks *callbacks; /* may be NULL, and so may its members */
	void *arg;
	/*
	 * Fault-around: of pages that a vCPU reads in a row so many are fetched ahead at a time, as
	 * copies, when nothing else is to do and frames are not few. 0: none; at most 32 (EINVAL).
	 */
	uint32_t around;
};

/*
 * Open a node. Nothing runs yet: the master sends the virtual map in the first
 * steps, and every node reports TIDAL_REPORT_READY when it has it. vCPUs start
 * paused; see tidal_node_command(). The vCPUs that the map puts on this node must have been
 * created in the host before they are run. Errors: those of the core, host, transport; ENOMEM;
 * ENOSYS: params want retire events or an ideal link, and host or transport don't offer that.
 * EINVAL and ERANGE: tidal_params_check() says which parameter is wrong. When it finds none, EINVAL:
 * host, transport, their ops or params are missing, or a *size* was not set; ERANGE: the
 * parameters ask for more frames, vCPU slots or hyperthreads than the host has, the transport's
 * headers or payloads are too small, or the map gives this node more than tidal_core_init() allows.
 */
TIDAL_API TIDAL_CHECKED int tidal_node_open(const struct tidal_node_config *config,
					    struct tidal_node **node);
/*
 * Close a node (NULL: nothing). Accesses under way end without a word. The transport still has
 * buffers of this node: close it afterwards, without polling it again, and open a new endpoint for
 * a node that starts anew.
 */
TIDAL_API void tidal_node_close(struct tidal_node *node);

/*
 * Do what is to do at *now*: deliver messages, handle stalls and completions, run each
 * running vCPU for at most *budget* instructions (fake host). Returns 1 if anything was
 * done, 0 if nothing, or an error that means that the node can't go on. A vCPU that runs in a thread
 * of its own is nothing done here.
 */
TIDAL_API TIDAL_CHECKED int tidal_node_step(struct tidal_node *node, tidal_time now,
					    uint32_t budget);
/*
 * When the next step is due if nothing comes from outside; 0: at once (a vCPU is running and nobody
 * has threads for it, or something waits for room).
 */
TIDAL_API tidal_time tidal_node_deadline(const struct tidal_node *node);

/*
 * A command (event.h) for the core, at the time of the last step. Errors: those of
 * tidal_core_push(): EAGAIN: step, and give it again; EBUSY: called from a callback; EINVAL:
 * *requester* is not below TIDAL_NODE_REQUESTERS (the others are the driver's).
 */
#define TIDAL_NODE_REQUESTERS 0x80000000u
TIDAL_API TIDAL_CHECKED int tidal_node_command(struct tidal_node *node,
					       const struct tidal_ev_command *command);

/*
 * Read or write guest memory as a VMM or device does: pages are fetched and owned while
 * they are used. Begins the access; callbacks->accessed tells its end. *buf* must stay until
 * then. Any number may be under way, up to TIDAL_NODE_ACCESSES (EAGAIN). ERANGE: outside of
 * guest memory (nodes that don't know the virtual map tell so through `accessed`); EINVAL.
 */
#define TIDAL_NODE_ACCESSES 64
TIDAL_API TIDAL_CHECKED int tidal_node_access(struct tidal_node *node, tidal_gpa gpa, void *buf,
					      size_t len, int write, uint64_t cookie);

/*
 * Write all events that the core gets from now on to callbacks->record. Begins with
 * the parameters, so it must be called before the first step (EBUSY); ends with a digest at
 * tidal_node_close(). `tidal-replay FILE` feeds such a log to a fresh core and compares actions and
 * digests. EINVAL: no such callback; EFORMAT: parameters that a log can't hold; what
 * the callback returned.
 */
TIDAL_API TIDAL_CHECKED int tidal_node_record(struct tidal_node *node);

/* Counters of the driver; they start at 0 and only grow. */
#define TIDAL_NODE_STATS(X)                                                                \
	X(stalls, "stalls pushed into the core")                                           \
	X(stalls_ns, "wall time spent in these pushes: the decisions")                     \
	X(events, "events taken by the core")                                              \
	X(actions, "actions carried out")                                                  \
	X(again, "pushes that the core put off for want of room")                          \
	X(sends, "packets given to the transport")                                         \
	X(sends_full, "packets lost because the transport was full; the core sends again") \
	X(sends_failed, "packets that the transport refused for another reason")           \
	X(messages, "messages that came")                                                  \
	X(messages_dropped, "of them, refused by the core")                                \
	X(messages_full, "of them, dropped because too many waited for room")              \
	X(host_failed, "actions that the host refused")                                    \
	X(accesses, "accesses that are over")

#define TIDAL_NODE_STATS_MEMBER(name, text) uint64_t name;
struct tidal_node_stats {
	TIDAL_NODE_STATS(TIDAL_NODE_STATS_MEMBER)
};
#undef TIDAL_NODE_STATS_MEMBER

TIDAL_API void tidal_node_stats(const struct tidal_node *node, struct tidal_node_stats *stats,
				size_t size);

/* The core, for tidal_core_stats(), tidal_core_page() and the like. */
TIDAL_API const struct tidal_core *tidal_node_core(const struct tidal_node *node);

TIDAL_END_DECLS

#endif
