/* SPDX-License-Identifier: BSD-3-Clause */
/* The node: opening, stepping, closing. */
#include <stdlib.h>
#include <string.h>

#include "driver.h"

#define CORE_ALIGN 64u
#define ROUNDS 16 /* exchanges between core, host and transport within a step */

/* A struct of the caller's, who may know an older or newer header: missing members are 0. */
static int read_versioned(void *to, size_t size, const void *from, size_t from_size)
{
	const unsigned char *bytes = from;

	if (from_size < sizeof(size_t))
		return TIDAL_EINVAL;
	for (size_t i = size; i < from_size; i++)
		if (bytes[i] != 0)
			return TIDAL_EINVAL;
	memset(to, 0, size);
	memcpy(to, from, from_size < size ? from_size : size);
	return 0;
}

/* What an older caller's parameters leave out has its default. */
static int read_params(struct tidal_params *p, const struct tidal_params *from)
{
	struct tidal_params given;
	int err;

	if (!from)
		return TIDAL_EINVAL;
	err = read_versioned(&given, sizeof(given), from, from->size);
	if (err)
		return err;
	if (from->size < offsetof(struct tidal_params, frames) + sizeof(from->frames))
		return TIDAL_EINVAL;
	tidal_params_init(p, sizeof(*p), given.frames);
	memcpy(p, &given, from->size < sizeof(*p) ? from->size : sizeof(*p));
	p->size = sizeof(*p);
	return 0;
}

static uint32_t threads_of(const struct tidal_topology *t)
{
	uint32_t threads = 0;

	for (uint32_t i = 0; t && i < t->count; i++)
		threads += t->objects[i].kind == TIDAL_TOPO_THREAD;
	return t ? threads : 1;
}

/* Host and transport must have what the parameters promise to the core. */
static int check_caps(const struct tidal_node *n, const struct tidal_params *p)
{
	const struct tidal_host_caps *host = &n->host_caps;
	const struct tidal_transport_caps *wire = &n->wire_caps;

	if (p->frames > host->frames || p->vcpu_slots > host->vcpu_slots ||
	    threads_of(p->topology) > host->hthreads)
		return TIDAL_ERANGE;
	if (wire->header_max < TIDAL_HEADER_MAX || wire->payload_max < TIDAL_PAGE_SIZE ||
	    wire->payload_max < host->vcpu_bytes || host->vcpu_bytes > TIDAL_VCPU_BYTES_MAX)
		return TIDAL_ERANGE;
	if (p->flags & TIDAL_PARAM_RETIRE_EVENTS && !host->tells_retire)
		return TIDAL_ENOSYS;
	if (p->flags & TIDAL_PARAM_IDEAL_LINK && !wire->exactly_once)
		return TIDAL_ENOSYS;
	return 0;
}

static int open_core(struct tidal_node *n, const struct tidal_params *p)
{
	size_t bytes = tidal_core_footprint(p);
	uintptr_t at;
	int err;

	if (bytes == 0) {
		err = tidal_params_check(p, NULL);
		return err ? err : TIDAL_EINVAL;
	}
	n->core_memory = calloc(1, bytes + CORE_ALIGN);
	if (!n->core_memory)
		return TIDAL_ENOMEM;
	at = ((uintptr_t)n->core_memory + CORE_ALIGN - 1) / CORE_ALIGN * CORE_ALIGN;
	return tidal_core_init((void *)at, bytes, p, &n->core);
}

static int open_parts(struct tidal_node *n, const struct tidal_params *p)
{
	int err;

	n->host_caps.size = sizeof(n->host_caps);
	n->wire_caps.size = sizeof(n->wire_caps);
	err = n->host_ops->query(n->host, &n->host_caps);
	if (!err)
		err = n->wire_ops->query(n->wire, &n->wire_caps);
	if (!err)
		err = check_caps(n, p);
	if (!err)
		err = open_core(n, p);
	if (!err)
		err = messages_open(n, p->landing);
	if (!err)
		err = buffers_open(n, p->vcpu_slots);
	return err;
}

int tidal_node_open(const struct tidal_node_config *config, struct tidal_node **node)
{
	struct tidal_node_config c;
	struct tidal_params p;
	struct tidal_node *n;
	int err;

	if (!config || !node)
		return TIDAL_EINVAL;
	err = read_versioned(&c, sizeof(c), config, config->size);
	if (err)
		return err;
	if (!c.host_ops || !c.host || !c.transport_ops || !c.transport)
		return TIDAL_EINVAL;
	err = read_params(&p, c.params);
	if (err)
		return err;
	n = calloc(1, sizeof(*n));
	if (!n)
		return TIDAL_ENOMEM;
	n->host_ops = c.host_ops;
	n->host = c.host;
	n->wire_ops = c.transport_ops;
	n->wire = c.transport;
	n->arg = c.arg;
	err = threads_open(n, p.topology);
	if (err) {
		free(n);
		return err;
	}
	n->self = p.node;
	n->lossless = p.flags & TIDAL_PARAM_IDEAL_LINK;
	if (p.vmap)
		n->memory_end = tidal_vmap_pages(p.vmap) << TIDAL_PAGE_SHIFT;
	if (c.callbacks)
		err = read_versioned(&n->callbacks, sizeof(n->callbacks), c.callbacks,
				     c.callbacks->size);
	n->tracing = p.flags & TIDAL_PARAM_TRACE && n->callbacks.trace;
	if (!err)
		err = around_open(&n->around, c.around, &p);
	if (!err)
		err = open_parts(n, &p);
	if (!err && n->callbacks.record)
		err = node_record_prepare(n, &p);
	if (err) {
		tidal_node_close(n);
		return err;
	}
	*node = n;
	return 0;
}

void tidal_node_close(struct tidal_node *node)
{
	if (!node)
		return;
	threads_close(node);
	if (node->recording)
		node_record_end(node);
	buffers_close(node);
	messages_close(node);
	free(node->setup);
	free(node->core_memory);
	free(node);
}

/* Messages and what the host has finished, until nothing more comes of them; no vCPU runs. */
static bool settle(struct tidal_node *n)
{
	bool any = false, more = true;

	for (int i = 0; more && i < ROUNDS && n->broken == 0; i++) {
		more = messages_pump(n) > 0;
		more |= events_poll(n, 0) > 0;
		more |= zeroing_collect(n) > 0;
		more |= events_push(n) > 0;
		more |= access_push(n) > 0;
		any |= more;
	}
	n->unsettled = more;
	return any;
}

/* vCPUs run in steps: the host has no threads for them, and neither have we. */
static bool runs_in_steps(const struct tidal_node *n)
{
	return n->running > 0 && n->threads->runners == 0 && n->host_ops->wait_fd(n->host) < 0;
}

static bool tick(struct tidal_node *n)
{
	struct tidal_event event = { .kind = TIDAL_EV_TICK };

	return tidal_core_deadline(n->core) <= n->now && node_push(n, &event) != TIDAL_EAGAIN;
}

/* Messages that wait are handled before vCPUs run; what stalled or stopped is handled at once. */
static bool step(struct tidal_node *n, uint32_t budget)
{
	bool any;

	if (n->steps++ == 0)
		node_pull(n); /* what the core wants before anything has happened */
	any = settle(n);
	any |= tick(n);
	any |= settle(n);
	any |= runs_in_steps(n);
	any |= events_poll(n, budget) > 0;
	any |= settle(n);
	return any;
}

/* What the host has, and what comes of it, until it owes no answer. */
static bool serve_host(struct tidal_node *n, uint32_t budget)
{
	bool any = false, more = true;

	for (int i = 0; more && i < ROUNDS && n->broken == 0; i++) {
		more = events_poll(n, i == 0 ? budget : 0) > 0;
		more |= events_push(n) > 0;
		more |= access_push(n) > 0;
		any |= more;
		more = n->owed;
	}
	n->unsettled = n->owed;
	return any;
}

/*
 * Between two steps of a thread that comes again at once: the transport is looked at once, the host
 * only if it has been asked for something.
 */
static bool glance(struct tidal_node *n, uint32_t budget)
{
	bool any;

	n->steps++;
	any = messages_pump(n) > 0;
	any |= tick(n);
	any |= runs_in_steps(n);
	if (n->owed || events_waiting(&n->events) || n->accesses.ready > 0)
		any |= serve_host(n, budget);
	return any;
}

static bool drive(struct tidal_node *n, uint32_t budget, enum node_look look)
{
	bool any = look == NODE_SETTLE || n->steps == 0 ? step(n, budget)
							: glance(n, budget);

	return any || around_push(n);
}

static int step_checked(struct tidal_node *node, tidal_time now, uint32_t budget,
			enum node_look look)
{
	bool any;

	if (node->busy)
		return TIDAL_EBUSY;
	if (node->broken)
		return node->broken;
	node->busy = true;
	free(node->setup);
	node->setup = NULL;
	if (now > node->now)
		node->now = now;
	if (node->host_ops->clock)
		node->host_ops->clock(node->host, tidal_core_time(node->core) > node->now
							  ? tidal_core_time(node->core)
							  : node->now);
	any = drive(node, budget, look);
	node->busy = false;
	return node->broken ? node->broken : any;
}

int node_drive(struct tidal_node *node, tidal_time now, uint32_t budget, enum node_look look)
{
	int ret;

	tidal_node_lock(node);
	ret = step_checked(node, now, budget, look);
	tidal_node_unlock(node);
	return ret;
}

int tidal_node_step(struct tidal_node *node, tidal_time now, uint32_t budget)
{
	return node_drive(node, now, budget, NODE_SETTLE);
}

static tidal_time earlier(tidal_time a, tidal_time b)
{
	return a < b ? a : b;
}

static tidal_time deadline(const struct tidal_node *node)
{
	if (node->steps == 0 || node->unsettled || node->owed || runs_in_steps(node) ||
	    events_waiting(&node->events) || node->messages.kept > 0 || node->accesses.ready > 0 ||
	    around_waits(node))
		return 0;
	return earlier(zeroing_deadline(node),
		       earlier(tidal_core_deadline(node->core), node->wire_ops->deadline(node->wire)));
}

tidal_time tidal_node_deadline(const struct tidal_node *node)
{
	tidal_time due;

	tidal_node_lock(node);
	due = deadline(node);
	tidal_node_unlock(node);
	return due;
}

static int give_command(struct tidal_node *node, const struct tidal_ev_command *command)
{
	struct tidal_event event = { .kind = TIDAL_EV_COMMAND };
	int ret;

	if (node->busy)
		return TIDAL_EBUSY;
	if (node->broken)
		return node->broken;
	event.u.command = *command;
	node->busy = true;
	ret = node_enter(node, &event);
	if (ret == 0) {
		/* before the host is asked to let the page go */
		if (command->command == TIDAL_CMD_UNPIN)
			(void)node->host_ops->unpin(node->host, command->gfn);
		node_pull(node);
	}
	node->unsettled = true;
	node->busy = false;
	return ret;
}

int tidal_node_command(struct tidal_node *node, const struct tidal_ev_command *command)
{
	int ret;

	if (!command || command->requester >= TIDAL_NODE_REQUESTERS)
		return TIDAL_EINVAL;
	tidal_node_lock(node);
	ret = give_command(node, command);
	tidal_node_unlock(node);
	return ret;
}

int tidal_node_access(struct tidal_node *node, tidal_gpa gpa, void *buf, size_t len, int write,
		      uint64_t cookie)
{
	int ret;

	tidal_node_lock(node);
	ret = node->broken ? node->broken
			   : access_begin(node, gpa, buf, len, write != 0, cookie);
	tidal_node_unlock(node);
	return ret;
}

int tidal_node_record(struct tidal_node *node)
{
	int ret = TIDAL_EBUSY;

	if (!node->callbacks.record)
		return TIDAL_EINVAL;
	tidal_node_lock(node);
	if (node->steps == 0 && node->stats.events == 0 && !node->recording)
		ret = node_record_begin(node);
	tidal_node_unlock(node);
	return ret;
}

void tidal_node_stats(const struct tidal_node *node, struct tidal_node_stats *stats, size_t size)
{
	memset(stats, 0, size);
	tidal_node_lock(node);
	memcpy(stats, &node->stats, size < sizeof(node->stats) ? size : sizeof(node->stats));
	tidal_node_unlock(node);
}

const struct tidal_core *tidal_node_core(const struct tidal_node *node)
{
	return node->core;
}
