/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzz target: one whole node, with driver, fake host and a guest, and a hostile peer on the
 * wire: its messages come as in pod_hostile.c, with pages and vCPUs of any bytes. The node never
 * fails, its core's invariants hold, and nothing is freed that it does not have.
 */
#include <tidal/fake.h>
#include <tidal/inproc.h>
#include <tidal/node.h>

#include "pod.h"

#define FRAMES 24u
#define STEPS 200
#define BUDGET 60u
#define ACCESSES 8

struct world {
	struct pod pod; /* of which only the hostile peer is used, and the bytes of the input */
	struct pod_node seen; /* the core, for those who make messages */
	struct tidal_host *host;
	struct tidal_inproc *net;
	struct tidal_transport *wire[2]; /* by node */
	struct tidal_node *node;
	struct access {
		bool used;
		uint8_t bytes[64];
	} access[ACCESSES];
};

/* ---- the embedder ---- */

static int on_io(void *arg, tidal_vcpuid vcpu, tidal_gpa gpa, uint64_t *data, unsigned bytes,
		 int write)
{
	(void)arg;
	(void)vcpu;
	(void)write;
	MUST(gpa - TIDAL_FAKE_DEVICES < TIDAL_FAKE_DEVICES_BYTES && bytes <= 8);
	*data = gpa;
	return gpa & 64 ? TIDAL_EIO : 0;
}

static void on_report(void *arg, const struct tidal_act_report *report)
{
	(void)arg;
	MUST(report->text && report->error != TIDAL_EBROKEN);
}

static void on_accessed(void *arg, uint64_t cookie, int status)
{
	struct world *w = arg;

	MUST(cookie < ACCESSES && w->access[cookie].used && status <= 0);
	w->access[cookie].used = false;
}

static void step(struct world *w)
{
	const char *why = "";
	int ret = tidal_node_step(w->node, w->pod.now, BUDGET);

	MUST(ret == 0 || ret == 1);
	if (tidal_core_check(w->seen.core, &why))
		fprintf(stderr, "%s\n", why);
	MUST(tidal_core_check(w->seen.core, &why) == 0);
}

static void steps(struct world *w, unsigned n)
{
	while (n--) {
		tidal_time due = tidal_node_deadline(w->node);

		step(w);
		w->pod.now += due != TIDAL_NEVER && due > w->pod.now && due - w->pod.now < 1000000 ?
				      due - w->pod.now : 500;
	}
}

static void access_memory(struct world *w)
{
	uint8_t b = fuzz_u8(&w->pod.in), i = b % ACCESSES;
	tidal_gpa gpa = pod_gfn(&w->pod) * TIDAL_PAGE_SIZE + b % 64 * 64;

	if (w->access[i].used)
		return;
	fuzz_bytes(&w->pod.in, w->access[i].bytes, b / 4);
	w->access[i].used = tidal_node_access(w->node, gpa, w->access[i].bytes, 64, b & 128, i) == 0;
}

static void command(struct world *w)
{
	struct tidal_ev_command c = { 0 };
	uint8_t b = fuzz_u8(&w->pod.in);

	c.command = b % 10;
	c.vcpu = b / 16 % POD_VCPUS;
	c.node = b / 64 % 2;
	c.gfn = c.command == TIDAL_CMD_MOVE_VCPU ? 0 : pod_gfn(&w->pod);
	c.requester = b;
	MUST(tidal_node_command(w->node, &c) <= 0);
}

/* ---- the peer ---- */

/* Pages and vCPUs: some bytes of the input; a vCPU's first bytes may be right. */
static uint32_t make_payload(struct world *w, uint8_t how, uint8_t *bytes)
{
	static const uint8_t first[11] = { 'T', 'I', 'D', 'A', 'L', 'r', 'v', '6', 1, 0, 0 };

	memset(bytes, 0, TIDAL_PAGE_SIZE);
	fuzz_bytes(&w->pod.in, bytes, how / 16);
	if (how & 3)
		return TIDAL_PAGE_SIZE;
	memcpy(bytes, first, sizeof(first));
	bytes[10] = how / 64;
	bytes[12] &= 15;
	return POD_VCPU_BYTES;
}

static void transmit(struct world *w, uint8_t how)
{
	struct pod_hostile *h = &w->pod.hostile[0];
	uint8_t packet[POD_PACKET], bytes[TIDAL_PAGE_SIZE];
	struct link_out out;

	for (unsigned i = 0; i < 64 && link_next(h->link, w->pod.now, &out, &w->pod.stats); i++) {
		uint32_t payload = out.len > LINK_HEADER && how & 4 ?
					   (how & 3 ? TIDAL_PAYLOAD_PAGE : TIDAL_PAYLOAD_VCPU) : 0;
		uint32_t len = payload ? make_payload(w, how, bytes) : 0;

		memcpy(packet, out.header, out.len);
		if (how & 8 && how & 128)
			packet[fuzz_u8(&w->pod.in) % out.len] ^= fuzz_u8(&w->pod.in);
		(void)tidal_inproc_ops()->send(w->wire[h->id], w->seen.id, packet, out.len, payload,
					       len ? bytes : NULL, len, 0);
	}
}

static void say(struct world *w)
{
	struct pod_hostile *h = &w->pod.hostile[0];
	uint8_t how = fuzz_u8(&w->pod.in), body[LINK_BODY_MAX];
	struct wire m = { 0 };
	uint32_t len;

	pod_make_message(&w->pod, &w->seen, &m);
	len = wire_encode(&m, body);
	if (link_room(h->link, wire_class(m.kind), 1))
		link_queue(h->link, w->seen.id, wire_class(m.kind), body, len, NULL, 0);
	transmit(w, how);
}

static void say_raw(struct world *w)
{
	uint8_t packet[POD_PACKET];
	uint32_t len = (uint32_t)fuzz_bytes(&w->pod.in, packet, fuzz_u8(&w->pod.in));

	(void)tidal_inproc_ops()->send(w->wire[w->pod.hostile[0].id], w->seen.id, packet, len, 0,
				       NULL, 0, 0);
}

static void hear(struct world *w)
{
	struct pod_hostile *h = &w->pod.hostile[0];
	struct tidal_completion c[16];
	int n = tidal_inproc_ops()->poll(w->wire[h->id], w->pod.now, c, 16);

	for (int i = 0; i < n; i++) {
		const struct tidal_act_send s = { .header = c[i].header, .len = c[i].len };

		pod_hostile_hear(&w->pod, h->id, &w->seen, &s);
	}
}

/* ---- all of it ---- */

static void open_world(struct world *w, uint8_t choice)
{
	static const struct tidal_node_callbacks callbacks = {
		.size = sizeof(callbacks), .io = on_io, .report = on_report,
		.accessed = on_accessed,
	};
	struct tidal_params params;
	struct tidal_node_config c = {
		.size = sizeof(c), .params = &params, .host_ops = tidal_fake_ops(),
		.transport_ops = tidal_inproc_ops(), .callbacks = &callbacks, .arg = w,
	};
	struct tidal_inproc_config wire;
	struct tidal_fake_config fake;

	w->seen.id = choice & 1;
	tidal_inproc_config_init(&wire, sizeof(wire));
	wire.queue = 32;
	MUST(tidal_inproc_open(&wire, &w->net) == 0);
	tidal_fake_config_init(&fake, sizeof(fake));
	fake.frames = FRAMES;
	fake.vcpu_slots = POD_VCPUS;
	fake.ram_bytes = 2048 * TIDAL_PAGE_SIZE;
	MUST(tidal_fake_open(&fake, &w->host) == 0);
	for (unsigned i = 0; i < 2; i++)
		MUST(tidal_inproc_endpoint(w->net, (tidal_nodeid)i, &w->wire[i]) == 0);
	MUST(tidal_vmap_init(&w->pod.map, sizeof(w->pod.map), 2048, 2) == 0);
	w->pod.map.devices = 1;
	w->pod.map.device[0] = (struct tidal_vmap_device){
		TIDAL_FAKE_DEVICES, TIDAL_FAKE_DEVICES_BYTES, choice / 2 & 1 };
	tidal_params_init(&params, sizeof(params), FRAMES);
	params.nodes = 2;
	params.node = w->seen.id;
	params.vcpus = params.vcpu_slots = POD_VCPUS;
	params.messages = 128;
	params.ranges = params.homes = params.hints = 32;
	params.flags = TIDAL_PARAM_RETIRE_EVENTS;
	params.vmap = w->seen.id == 0 ? &w->pod.map : NULL;
	params.policy = choice & 4 ? tidal_policy_vcpu() : NULL;
	c.host = w->host;
	c.transport = w->wire[w->seen.id];
	MUST(tidal_node_open(&c, &w->node) == 0);
	w->seen.core = (struct tidal_core *)(uintptr_t)tidal_node_core(w->node);
}

static void open_peer(struct world *w)
{
	w->pod.nodes = 2;
	w->pod.hostiles = 1;
	w->pod.hostile[0].id = !w->seen.id;
	pod_hostile_open(&w->pod, &w->pod.hostile[0]);
	link_peer(w->pod.hostile[0].link, w->seen.id, 1);
}

static void close_world(struct world *w)
{
	tidal_node_close(w->node);
	for (unsigned i = 0; i < 2; i++)
		tidal_inproc_ops()->close(w->wire[i]);
	tidal_fake_ops()->close(w->host);
	tidal_inproc_close(w->net);
	free(w->pod.hostile[0].mem);
	free(w);
}

/* A guest's first page, and vCPUs that run it. */
static void boot(struct world *w)
{
	const struct tidal_ev_command go = { .command = TIDAL_CMD_CONTINUE };

	for (tidal_vcpuid v = 0; v < 2 && w->seen.id == 0; v++)
		MUST(tidal_fake_ops()->vcpu_create(w->host, v) == 0);
	steps(w, 2);
	fuzz_bytes(&w->pod.in, w->access[0].bytes, fuzz_u8(&w->pod.in) % 64);
	w->access[0].used = tidal_node_access(w->node, 0, w->access[0].bytes, 64, 1, 0) == 0;
	steps(w, 4);
	MUST(tidal_node_command(w->node, &go) <= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct world *w = calloc(1, sizeof(*w));

	MUST(w);
	w->pod.in = (struct fuzz_in){ bytes, len };
	open_world(w, fuzz_u8(&w->pod.in));
	open_peer(w);
	boot(w);
	for (unsigned i = 0; i < STEPS && w->pod.in.left; i++) {
		uint8_t op = fuzz_u8(&w->pod.in);

		switch (op % 8) {
		case 0: steps(w, 1 + op / 8 % 8); break;
		case 1: hear(w); transmit(w, 0); break;
		case 2: access_memory(w); break;
		case 3: command(w); break;
		case 4: say_raw(w); break;
		default: say(w);
		}
		step(w);
	}
	hear(w);
	steps(w, 8);
	close_world(w);
	return 0;
}
