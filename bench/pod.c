/* SPDX-License-Identifier: BSD-3-Clause */
/* pod - see pod.h. */
#include "pod.h"

#include <stdlib.h>
#include <string.h>
#include <tidal/transport.h>

#define BODY 76 /* where a message's kind is in a packet: core/link.h, LINK_HEADER */
#define DONES 256
#define STEP_NS 1000
#define PATIENCE 100000 /* rounds without progress that end the program */

struct packet {
	uint16_t from, to, payload;
	uint16_t hop; /* messages that caused each other, this one included */
	uint32_t len, payload_len;
	unsigned char bytes[TIDAL_HEADER_MAX];
};

struct node {
	struct tidal_core *core;
	void *mem;
	size_t bytes;
	tidal_frame *posts;
	uint32_t posted;
	uint32_t dones, dones_taken;
	struct tidal_event done[DONES]; /* a ring of completions to be pushed */
	uint8_t *prot;			/* of every page; only where vCPUs run */
};

struct vcpu {
	bool running, stop, watch, pending;
	tidal_nodeid node;
	uint8_t resume, access;
	tidal_gfn gfn;
	uint64_t random;
};

struct pod {
	struct pod_config c;
	struct node *node;
	struct vcpu *vcpu;
	struct packet *wire; /* a ring */
	size_t wire_size, wire_first, wire_count;
	unsigned hop; /* of what is being handled */
	unsigned completed, completed_hop;
	tidal_time now;
	struct pod_counts counts;
};

/* ---- the wire ---- */

static void grow(struct pod *pod)
{
	size_t size = pod->wire_size ? pod->wire_size * 2 : 64;
	struct packet *wire = malloc(size * sizeof(*wire));

	if (!wire)
		fail("no memory");
	for (size_t i = 0; i < pod->wire_count; i++)
		wire[i] = pod->wire[(pod->wire_first + i) & (pod->wire_size - 1)];
	free(pod->wire);
	pod->wire = wire;
	pod->wire_size = size;
	pod->wire_first = 0;
}

static struct packet *packet_add(struct pod *pod)
{
	if (pod->wire_count == pod->wire_size)
		grow(pod);
	return &pod->wire[(pod->wire_first + pod->wire_count++) & (pod->wire_size - 1)];
}

static void send(struct pod *pod, unsigned from, const struct tidal_act_send *s)
{
	struct packet *p = packet_add(pod);

	p->from = (uint16_t)from;
	p->to = s->to;
	p->payload = s->payload;
	p->payload_len = s->payload_len;
	p->hop = (uint16_t)(pod->hop + 1);
	p->len = s->len;
	memcpy(p->bytes, s->header, s->len);
	pod->counts.packets++;
	if (s->len > BODY)
		pod->counts.messages[p->bytes[BODY] % POD_MESSAGE_KINDS]++;
}

/* ---- the host ---- */

static void complete(struct node *n, uint64_t token)
{
	struct tidal_event *ev = &n->done[n->dones++ % DONES];

	if (n->dones - n->dones_taken > DONES)
		fail("too many host operations at a time");
	memset(&ev->u.done, 0, sizeof(ev->u.done));
	ev->kind = TIDAL_EV_HOST_DONE;
	ev->u.done.token = token;
}

static void map(struct node *n, const struct tidal_act_pages *p, uint8_t prot)
{
	if (n->prot)
		n->prot[p->gfn] = prot;
	complete(n, p->token);
}

static void act_run(struct pod *pod, unsigned node, const struct tidal_act_vcpu *a)
{
	struct vcpu *v = &pod->vcpu[a->vcpu];

	v->running = true;
	v->stop = false;
	v->node = (tidal_nodeid)node;
	v->watch = a->watch;
	v->resume = (uint8_t)a->resume;
}

static void act_save(struct node *n, const struct tidal_act_vcpu *a)
{
	struct tidal_ev_host_done *done;

	complete(n, a->token);
	done = &n->done[(n->dones - 1) % DONES].u.done;
	done->buf = a->vcpu;
	done->payload_len = 6400;
}

void pod_act(struct pod *pod, unsigned node, const struct tidal_action *a)
{
	struct node *n = &pod->node[node];

	pod->counts.pulls++;
	switch (a->kind) {
	case TIDAL_ACT_SEND:
		send(pod, node, &a->u.send);
		break;
	case TIDAL_ACT_MAP:
		map(n, &a->u.pages, (uint8_t)a->u.pages.prot);
		break;
	case TIDAL_ACT_UNMAP:
		map(n, &a->u.pages, 0);
		break;
	case TIDAL_ACT_PROTECT:
		map(n, &a->u.pages, TIDAL_PROT_R);
		break;
	case TIDAL_ACT_ZERO:
		complete(n, a->u.frame.token);
		break;
	case TIDAL_ACT_POST:
		n->posts[n->posted++] = a->u.frame.frame;
		break;
	case TIDAL_ACT_RUN:
		act_run(pod, node, &a->u.vcpu);
		break;
	case TIDAL_ACT_STOP:
		pod->vcpu[a->u.vcpu.vcpu].stop = true;
		break;
	case TIDAL_ACT_SAVE:
		act_save(n, &a->u.vcpu);
		break;
	case TIDAL_ACT_LOAD:
	case TIDAL_ACT_IO:
		complete(n, a->u.vcpu.token);
		break;
	case TIDAL_ACT_COMPLETE:
		pod->completed++;
		pod->completed_hop = pod->hop;
		break;
	case TIDAL_ACT_REPORT:
		if (a->u.report.what != TIDAL_REPORT_READY)
			fail("node %u reports: %s", node, a->u.report.text);
		break;
	default: /* DROP, BUF_FREE: this host has nothing to free */
		break;
	}
}

static bool push(struct pod *pod, unsigned node, const struct tidal_event *ev)
{
	int err = tidal_core_push(pod->node[node].core, pod->now, ev);

	if (err == TIDAL_EAGAIN) {
		pod->counts.again++;
		return false;
	}
	if (err)
		fail("node %u, %s: %s", node, tidal_event_name(ev->kind), tidal_strerror(err));
	pod->counts.pushes++;
	pod->counts.events[ev->kind]++;
	return true;
}

void pod_follow(struct pod *pod, unsigned node)
{
	struct node *n = &pod->node[node];
	struct tidal_action a;

	for (;;) {
		while (tidal_core_pull(n->core, &a))
			pod_act(pod, node, &a);
		if (n->dones_taken == n->dones || !push(pod, node, &n->done[n->dones_taken % DONES]))
			return; /* nothing left, or it waits for room */
		n->dones_taken++;
	}
}

bool pod_push(struct pod *pod, unsigned node, const struct tidal_event *ev)
{
	bool taken = push(pod, node, ev);

	pod_follow(pod, node);
	return taken;
}

/* ---- delivery and time ---- */

static bool deliver(struct pod *pod, struct packet *p)
{
	struct node *n = &pod->node[p->to];
	struct tidal_event ev = { .kind = TIDAL_EV_MESSAGE };
	struct tidal_ev_message *m = &ev.u.message;

	m->from = p->from;
	m->payload = p->payload;
	m->len = p->len;
	m->bytes = p->bytes;
	m->payload_len = p->payload_len;
	if (p->payload == TIDAL_PAYLOAD_PAGE) {
		if (n->posted == 0)
			fail("node %u has no frame posted", p->to);
		m->buf = n->posts[--n->posted];
	}
	pod->hop = p->hop;
	if (push(pod, p->to, &ev))
		return true;
	if (p->payload == TIDAL_PAYLOAD_PAGE)
		n->posts[n->posted++] = m->buf;
	return false;
}

void pod_deliver(struct pod *pod)
{
	unsigned stuck = 0;

	while (pod->wire_count) {
		/* a copy: what follows may make the ring grow */
		struct packet *at = &pod->wire[pod->wire_first], p;
		unsigned to = at->to;
		bool taken = deliver(pod, at);

		if (!taken)
			memcpy(&p, at, offsetof(struct packet, bytes) + at->len);
		pod->wire_first = (pod->wire_first + 1) & (pod->wire_size - 1);
		pod->wire_count--;
		if (!taken) {
			memcpy(packet_add(pod), &p, offsetof(struct packet, bytes) + p.len);
			pod->now += STEP_NS;
			if (++stuck > PATIENCE)
				fail("messages that nobody takes");
		}
		pod_follow(pod, to);
	}
	pod->hop = 0;
}

static void tick(struct pod *pod)
{
	static const struct tidal_event ev = { .kind = TIDAL_EV_TICK };

	for (unsigned n = 0; n < pod->c.nodes; n++)
		if (tidal_core_deadline(pod->node[n].core) <= pod->now)
			pod_push(pod, n, &ev);
	pod_deliver(pod);
}

static tidal_time deadline(const struct pod *pod)
{
	tidal_time when = TIDAL_NEVER;

	for (unsigned n = 0; n < pod->c.nodes; n++) {
		tidal_time d = tidal_core_deadline(pod->node[n].core);

		when = d < when ? d : when;
	}
	return when;
}

static void pass_time(struct pod *pod)
{
	tidal_time when = deadline(pod);

	pod->now = when != TIDAL_NEVER && when > pod->now ? when : pod->now + STEP_NS;
	tick(pod);
}

void pod_settle(struct pod *pod, tidal_time for_ns)
{
	tidal_time until = pod->now + for_ns;

	pod_deliver(pod);
	while (deadline(pod) <= until)
		pass_time(pod);
	pod->now = until;
}

unsigned pod_touch(struct pod *pod, unsigned node, tidal_gfn gfn, enum tidal_access access)
{
	struct tidal_event ev = { .kind = TIDAL_EV_STALL };
	unsigned before = pod->completed, rounds = 0;

	ev.u.stall.vcpu = TIDAL_VCPU_NONE;
	ev.u.stall.access = (uint16_t)access;
	ev.u.stall.gpa = gfn << TIDAL_PAGE_SHIFT;
	pod->hop = 0;
	while (!pod_push(pod, node, &ev)) {
		pass_time(pod);
		if (++rounds > PATIENCE)
			fail("node %u takes no stalls", node);
	}
	pod_deliver(pod);
	while (pod->completed == before) {
		pass_time(pod);
		if (++rounds > PATIENCE)
			fail("node %u never gets page %llu", node, (unsigned long long)gfn);
	}
	return pod->completed_hop;
}

/* ---- vCPUs ---- */

static bool stalls(struct pod *pod, tidal_vcpuid id, struct vcpu *v)
{
	struct tidal_event ev = { .kind = TIDAL_EV_STALL };

	ev.u.stall.vcpu = id;
	ev.u.stall.access = v->access;
	ev.u.stall.gpa = v->gfn << TIDAL_PAGE_SHIFT;
	v->running = false;
	if (pod_push(pod, v->node, &ev))
		return true;
	v->running = true;
	return false;
}

static void retires(struct pod *pod, tidal_vcpuid id, struct vcpu *v)
{
	struct tidal_event ev = { .kind = TIDAL_EV_RETIRED, .u.retired.vcpu = id };

	v->pending = false;
	if (v->watch)
		v->watch = !pod_push(pod, v->node, &ev);
}

static void stops(struct pod *pod, tidal_vcpuid id, struct vcpu *v)
{
	struct tidal_event ev = { .kind = TIDAL_EV_VCPU_STOPPED };

	ev.u.stopped.vcpu = id;
	ev.u.stopped.reason = TIDAL_STOP_SLICE;
	v->running = v->stop = false;
	if (!pod_push(pod, v->node, &ev))
		v->running = v->stop = true;
}

/* Accesses until one stalls. */
static void runs(struct pod *pod, tidal_vcpuid id, uint64_t pages, unsigned write)
{
	struct vcpu *v = &pod->vcpu[id];
	const uint8_t *prot = pod->node[v->node].prot;

	while (v->running && !v->stop) {
		uint8_t need;

		if (!v->pending) {
			v->random = pod_mix(v->random + id);
			v->gfn = (v->random >> 8) % pages;
			v->access = (v->random & 255) < write ? TIDAL_WRITE : TIDAL_READ;
			v->pending = true;
		}
		need = v->access == TIDAL_WRITE ? TIDAL_PROT_RW : TIDAL_PROT_R;
		if (v->resume != TIDAL_RESUME_SKIP && (prot[v->gfn] & need) != need) {
			stalls(pod, id, v);
			return;
		}
		v->resume = TIDAL_RESUME_RETRY;
		pod->counts.accesses++;
		retires(pod, id, v);
	}
	if (v->running && v->stop)
		stops(pod, id, v);
}

void pod_run(struct pod *pod, uint64_t pages, unsigned write, uint64_t pushes)
{
	uint64_t until = pod->counts.pushes + pushes;
	unsigned stuck = 0;

	while (pod->counts.pushes < until) {
		uint64_t before = pod->counts.accesses;

		for (unsigned v = 0; v < pod->c.vcpus; v++)
			if (pod->vcpu[v].running)
				runs(pod, (tidal_vcpuid)v, pages, write);
		pod_deliver(pod);
		pod->now += STEP_NS;
		tick(pod);
		stuck = pod->counts.accesses == before ? stuck + 1 : 0;
		if (stuck > PATIENCE)
			fail("no vCPU gets on");
	}
}

bool pod_vcpu_runs(const struct pod *pod, tidal_vcpuid v, unsigned node)
{
	return pod->vcpu[v].running && pod->vcpu[v].node == node;
}

/* ---- making a pod ---- */

static void make_map(struct tidal_vmap *map, const struct pod_config *c)
{
	unsigned vcpus = c->vcpus ? c->vcpus : 1;

	if (tidal_vmap_init(map, sizeof(*map), c->pages, vcpus))
		fail("the map is wrong");
	if (c->spread)
		map->vcpu_runs = 0;
	for (unsigned n = 0; c->spread && n < c->nodes; n++) {
		unsigned first = vcpus * n / c->nodes, next = vcpus * (n + 1) / c->nodes;

		if (next > first)
			map->vcpu[map->vcpu_runs++] = (struct tidal_vmap_vcpus){
				(tidal_vcpuid)first, (uint16_t)(next - first), (tidal_nodeid)n };
	}
	if (c->place)
		c->place(map, c->arg);
}

static void make_params(struct tidal_params *p, const struct pod_config *c, unsigned node)
{
	tidal_params_init(p, sizeof(*p), c->frames);
	p->node = (tidal_nodeid)node;
	p->nodes = (uint16_t)c->nodes;
	p->vcpus = c->vcpus ? c->vcpus : 1;
	p->seed = node + 1;
	p->flags = c->flags;
	p->policy = c->policy;
	if (p->messages < 8 * c->nodes + 96)
		p->messages = 8 * c->nodes + 96;
	if (c->tune)
		c->tune(p, c->arg);
}

static void make_node(struct pod *pod, unsigned i, const struct tidal_vmap *map)
{
	static struct tidal_topo_object objects[TIDAL_TOPO_MAX];
	struct node *n = &pod->node[i];
	struct tidal_topology topo;
	struct tidal_params p;
	const char *why = "?";
	int err;

	make_params(&p, &pod->c, i);
	if (tidal_topology_regular(&topo, objects, TIDAL_TOPO_MAX, 1, 1,
				   pod->c.hthreads ? pod->c.hthreads : 1))
		fail("the topology is wrong");
	p.topology = &topo;
	p.vmap = i == 0 ? map : NULL;
	n->bytes = tidal_core_footprint(&p);
	if (n->bytes == 0) {
		err = tidal_params_check(&p, &why);
		fail("%s: %s", tidal_strerror(err), why);
	}
	n->mem = pod_memory(n->bytes);
	n->posts = malloc(p.landing * sizeof(*n->posts));
	if (pod->c.vcpus)
		n->prot = calloc(pod->c.pages, 1);
	if (!n->posts || (pod->c.vcpus && !n->prot))
		fail("no memory");
	if (tidal_core_init(n->mem, n->bytes, &p, &n->core))
		fail("a core does not start");
}

/* All know all others, so that nobody has to say hello first. */
static void introduce(struct pod *pod)
{
	struct tidal_event up = { .kind = TIDAL_EV_PEER_UP, .u.peer.incarnation = 1 };

	for (unsigned n = 0; n < pod->c.nodes; n++)
		for (unsigned i = 0; i < pod->c.nodes; i++) {
			up.u.peer.node = (tidal_nodeid)i;
			if (i != n)
				pod_push(pod, n, &up);
		}
}

struct pod *pod_open(const struct pod_config *config)
{
	struct pod *pod = calloc(1, sizeof(*pod));
	struct tidal_event go = { .kind = TIDAL_EV_COMMAND };
	struct tidal_vmap map;

	if (!pod)
		fail("no memory");
	pod->c = *config;
	pod->now = 1;
	pod->node = calloc(config->nodes, sizeof(*pod->node));
	pod->vcpu = calloc(config->vcpus + 1, sizeof(*pod->vcpu));
	if (!pod->node || !pod->vcpu)
		fail("no memory");
	make_map(&map, config);
	go.u.command.command = TIDAL_CMD_CONTINUE;
	for (unsigned n = 0; n < config->nodes; n++)
		make_node(pod, n, &map);
	introduce(pod);
	for (unsigned n = 0; n < config->nodes; n++)
		pod_push(pod, n, &go);
	pod_settle(pod, 10000000);
	return pod;
}

void pod_close(struct pod *pod)
{
	for (unsigned n = 0; n < pod->c.nodes; n++) {
		pod_memory_free(pod->node[n].mem, pod->node[n].bytes);
		free(pod->node[n].posts);
		free(pod->node[n].prot);
	}
	free(pod->node);
	free(pod->vcpu);
	free(pod->wire);
	free(pod);
}

/* ---- looking ---- */

struct tidal_core *pod_core(struct pod *pod, unsigned node)
{
	return pod->node[node].core;
}

const struct pod_counts *pod_counts(const struct pod *pod)
{
	return &pod->counts;
}

uint64_t pod_messages(const struct pod *pod)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < POD_MESSAGE_KINDS; i++)
		n += pod->counts.messages[i];
	return n;
}

tidal_time pod_now(const struct pod *pod)
{
	return pod->now;
}

void pod_stats(const struct pod *pod, struct tidal_stats *total)
{
	memset(total, 0, sizeof(*total));
	for (unsigned n = 0; n < pod->c.nodes; n++) {
		uint64_t longest = total->forward_max;
		struct tidal_stats s;

		tidal_core_stats(pod->node[n].core, &s, sizeof(s));
#define ADD(name, text) total->name += s.name;
		TIDAL_STATS(ADD)
#undef ADD
		total->forward_max = s.forward_max > longest ? s.forward_max : longest;
	}
}
