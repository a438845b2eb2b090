/* SPDX-License-Identifier: BSD-3-Clause */
/* See node_script.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "node_script.h"

struct script script;

static uint8_t frames[SCRIPT_FRAMES][TIDAL_PAGE_SIZE];

static struct script_call *log_call(const char *what, int result)
{
	struct script_call *c = &script.calls[script.count++];

	assert_true(script.count < SCRIPT_MAX);
	memset(c, 0, sizeof(*c));
	c->what = what;
	c->result = result;
	return c;
}

/* --- the core ---------------------------------------------------------------------------- */

struct tidal_core {
	uint64_t nothing;
};

size_t tidal_core_footprint(const struct tidal_params *params)
{
	return params->frames == 0 ? 0 : sizeof(struct tidal_core);
}

int tidal_core_init(void *mem, size_t bytes, const struct tidal_params *params,
		    struct tidal_core **core)
{
	assert_int_equal((uintptr_t)mem % 64, 0);
	assert_true(bytes >= tidal_core_footprint(params));
	assert_int_equal(((struct tidal_core *)mem)->nothing, 0);
	*core = mem;
	return script.init_error;
}

int tidal_core_push(struct tidal_core *core, tidal_time now, const struct tidal_event *event)
{
	struct script_call *c;
	unsigned at = script.count;
	int ret;

	(void)core;
	assert_true(now >= script.now);
	script.now = now;
	log_call("push", 0);
	c = &script.calls[at];
	c->event = *event;
	if (event->kind == TIDAL_EV_MESSAGE && event->u.message.len > 0)
		memcpy(c->header, event->u.message.bytes, event->u.message.len);
	ret = script.on_push ? script.on_push(event) : 0;
	c->result = ret;
	return ret;
}

int tidal_core_pull(struct tidal_core *core, struct tidal_action *action)
{
	(void)core;
	if (script.action_head == script.action_tail)
		return 0;
	*action = script.actions[script.action_head++ % SCRIPT_MAX];
	return 1;
}

tidal_time tidal_core_deadline(const struct tidal_core *core)
{
	(void)core;
	return script.deadline;
}

tidal_time tidal_core_time(const struct tidal_core *core)
{
	(void)core;
	return 0;
}

void tidal_core_stats(const struct tidal_core *core, struct tidal_stats *stats, size_t size)
{
	(void)core;
	memcpy(stats, &script.stats, size < sizeof(*stats) ? size : sizeof(*stats));
}

int tidal_core_page(const struct tidal_core *core, tidal_gfn gfn, struct tidal_page_info *info)
{
	(void)core;
	*info = script.page;
	if (info->frame == TIDAL_FRAME_NONE - 10) /* the frame of each page is its number */
		info->frame = (tidal_frame)gfn;
	return script.page_error;
}

uint64_t tidal_core_digest(const struct tidal_core *core)
{
	(void)core;
	return 0x600d;
}

void script_act(const struct tidal_action *action)
{
	script.actions[script.action_tail++ % SCRIPT_MAX] = *action;
}

/* --- the host ---------------------------------------------------------------------------- */

static int host_query(struct tidal_host *host, struct tidal_host_caps *caps)
{
	(void)host;
	*caps = script.host_caps;
	return 0;
}

static void done(uint64_t token, uint32_t payload_len)
{
	const struct tidal_event event = {
		.kind = TIDAL_EV_HOST_DONE,
		.u.done = { .token = token, .payload_len = payload_len },
	};

	script_event(&event);
}

static struct script_call *host_call(const char *what, uint64_t token, uint32_t payload_len)
{
	int ret = script.host_result;

	if (script.host_again > 0) {
		script.host_again--;
		ret = TIDAL_EAGAIN;
	}
	if (ret == 0 && token != 0 && script.complete)
		done(token, payload_len);
	return log_call(what, ret);
}

static int host_pages(const char *what, const struct tidal_act_pages *pages)
{
	struct script_call *c = host_call(what, pages->token, 0);

	c->action.u.pages = *pages;
	return c->result;
}

static int host_map(struct tidal_host *host, const struct tidal_act_pages *pages)
{
	(void)host;
	return host_pages("map", pages);
}

static int host_unmap(struct tidal_host *host, const struct tidal_act_pages *pages)
{
	(void)host;
	return host_pages("unmap", pages);
}

static int host_protect(struct tidal_host *host, const struct tidal_act_pages *pages)
{
	(void)host;
	return host_pages("protect", pages);
}

static int host_zero(struct tidal_host *host, uint64_t token, tidal_frame frame)
{
	struct script_call *c = host_call("zero", token, 0);

	(void)host;
	c->action.u.frame.token = token;
	c->action.u.frame.frame = frame;
	return c->result;
}

uint8_t *script_frame(tidal_frame frame)
{
	return frames[frame];
}

static void *host_frame_data(struct tidal_host *host, tidal_frame frame, tidal_gfn gfn)
{
	(void)host;
	(void)gfn;
	return frame < SCRIPT_FRAMES ? frames[frame] : NULL;
}

static int host_pin(struct tidal_host *host, tidal_gfn gfn)
{
	struct script_call *c = host_call("pin", 0, 0);

	(void)host;
	c->action.u.pages.gfn = gfn;
	return c->result;
}

static int host_unpin(struct tidal_host *host, tidal_gfn gfn)
{
	struct script_call *c = host_call("unpin", 0, 0);

	(void)host;
	c->action.u.pages.gfn = gfn;
	return c->result;
}

static int host_run(struct tidal_host *host, const struct tidal_act_vcpu *vcpu)
{
	struct script_call *c = host_call("run", 0, 0);

	(void)host;
	c->action.u.vcpu = *vcpu;
	return c->result;
}

static int host_kick(struct tidal_host *host, tidal_vcpuid vcpu)
{
	struct script_call *c = host_call("kick", 0, 0);

	(void)host;
	c->action.u.vcpu.vcpu = vcpu;
	return c->result;
}

static int host_save(struct tidal_host *host, uint64_t token, tidal_vcpuid vcpu, void *buf,
		     size_t room)
{
	struct script_call *c = host_call("save", token, 5000);

	(void)host;
	assert_int_equal(room, SCRIPT_VCPU_BYTES);
	c->action.u.vcpu.vcpu = vcpu;
	c->data = buf;
	if (c->result == 0)
		memset(buf, 0x77, room);
	return c->result;
}

static int host_load(struct tidal_host *host, uint64_t token, tidal_vcpuid vcpu, const void *buf,
		     size_t len)
{
	struct script_call *c = host_call("load", token, 0);

	(void)host;
	c->action.u.vcpu.vcpu = vcpu;
	c->data = buf;
	c->data_len = (uint32_t)len;
	c->first = *(const uint8_t *)buf;
	return c->result;
}

static int host_drop(struct tidal_host *host, tidal_vcpuid vcpu)
{
	struct script_call *c = host_call("drop", 0, 0);

	(void)host;
	c->action.u.vcpu.vcpu = vcpu;
	return c->result;
}

static void host_clock(struct tidal_host *host, tidal_time now)
{
	(void)host;
	(void)now;
}

static int host_poll(struct tidal_host *host, uint32_t budget, struct tidal_event *events, int n)
{
	int got = 0;

	(void)host;
	assert_true(n > 0);
	if (budget > 0)
		log_call("execute", 0);
	while (got < n && script.event_head != script.event_tail)
		events[got++] = script.events[script.event_head++ % SCRIPT_MAX];
	return got;
}

static int host_fd(struct tidal_host *host)
{
	(void)host;
	return script.fd;
}

const struct tidal_host_ops script_host_ops = {
	.size = sizeof(script_host_ops), .name = "script", .query = host_query, .map = host_map,
	.unmap = host_unmap, .protect = host_protect, .zero = host_zero,
	.frame_data = host_frame_data, .pin = host_pin, .unpin = host_unpin,
	.vcpu_run = host_run, .vcpu_kick = host_kick, .vcpu_save = host_save,
	.vcpu_load = host_load, .vcpu_drop = host_drop, .clock = host_clock, .poll = host_poll,
	.wait_fd = host_fd,
};

void script_event(const struct tidal_event *event)
{
	script.events[script.event_tail++ % SCRIPT_MAX] = *event;
}

/* --- the transport ----------------------------------------------------------------------- */

static int wire_query(struct tidal_transport *wire, struct tidal_transport_caps *caps)
{
	(void)wire;
	*caps = script.wire_caps;
	return 0;
}

static int wire_reg(struct tidal_transport *wire, void *mem, size_t len)
{
	(void)wire;
	assert_true(mem && len > 0);
	return log_call(script.reg_result ? "refuse" : "reg", script.reg_result)->result;
}

static int wire_dereg(struct tidal_transport *wire, void *mem)
{
	(void)wire;
	assert_non_null(mem);
	log_call("dereg", 0);
	return 0;
}

static int wire_send(struct tidal_transport *wire, tidal_nodeid to, const void *header,
		     uint32_t len, uint32_t payload, const void *data, uint32_t data_len,
		     uint64_t cookie)
{
	struct script_call *c = log_call("send", script.send_result);

	(void)wire;
	c->to = to;
	c->len = len;
	memcpy(c->header, header, len);
	c->payload = payload;
	c->data = data;
	c->data_len = data_len;
	c->first = data_len > 0 ? *(const uint8_t *)data : 0;
	c->cookie = cookie;
	return c->result;
}

static int wire_post(struct tidal_transport *wire, uint32_t payload, void *buf, uint32_t room,
		     uint64_t cookie)
{
	struct script_call *c = log_call(payload == TIDAL_PAYLOAD_PAGE ? "post page" : "post vcpu",
					 script.post_result);

	(void)wire;
	c->payload = payload;
	c->data = buf;
	c->data_len = room;
	c->cookie = cookie;
	return c->result;
}

static int wire_poll(struct tidal_transport *wire, tidal_time now, struct tidal_completion *d,
		     int n)
{
	static uint8_t headers[64][TIDAL_HEADER_MAX + 1];
	int got = 0;

	(void)wire;
	(void)now;
	memset(headers, 0xee, sizeof(headers)); /* what an earlier poll gave is gone */
	while (got < n && got < 64 && script.done_head != script.done_tail) {
		d[got] = script.completions[script.done_head++ % SCRIPT_MAX];
		if (d[got].len > 0)
			memcpy(headers[got], d[got].header, d[got].len);
		d[got].header = headers[got];
		got++;
	}
	return got;
}

static tidal_time wire_deadline(struct tidal_transport *wire)
{
	(void)wire;
	return 5000;
}

const struct tidal_transport_ops script_wire_ops = {
	.size = sizeof(script_wire_ops), .name = "script", .query = wire_query,
	.buffer_reg = wire_reg, .buffer_dereg = wire_dereg, .send = wire_send,
	.recv_post = wire_post, .poll = wire_poll, .deadline = wire_deadline,
};

void script_message(uint8_t header, uint32_t payload, uint64_t cookie, uint32_t payload_len)
{
	static uint8_t headers[256];

	headers[header] = header;
	script.completions[script.done_tail++ % SCRIPT_MAX] = (struct tidal_completion){
		.kind = TIDAL_DONE_RECV, .from = 1, .header = &headers[header], .len = 1,
		.payload = (uint16_t)payload, .cookie = cookie, .payload_len = payload_len,
	};
}

/* --- callbacks --------------------------------------------------------------------------- */

static int on_io(void *arg, tidal_vcpuid vcpu, tidal_gpa gpa, uint64_t *data, unsigned bytes,
		 int write)
{
	struct script_call *c = log_call("io", script.io_result);

	assert_ptr_equal(arg, &script);
	c->action.u.io = (struct tidal_act_io){ .vcpu = vcpu, .gpa = gpa, .data = *data,
						.size = (uint8_t)bytes, .write = (uint8_t)write };
	*data = script.io_value;
	return script.io_result;
}

static void on_report(void *arg, const struct tidal_act_report *report)
{
	const struct tidal_ev_command command = { .command = TIDAL_CMD_CONTINUE };

	assert_ptr_equal(arg, &script);
	script.reports++;
	script.report = *report;
	if (script.node)
		script.nested = tidal_node_command(script.node, &command);
}

static void on_accessed(void *arg, uint64_t cookie, int status)
{
	assert_ptr_equal(arg, &script);
	log_call("accessed", status)->cookie = cookie;
	script.accessed++;
	script.access_status = status;
}

static void on_pinned(void *arg, uint32_t requester, tidal_gfn gfn, int status)
{
	assert_ptr_equal(arg, &script);
	(void)requester;
	(void)gfn;
	script.pinned++;
	script.pin_status = status;
}

static int on_record(void *arg, const void *bytes, size_t len)
{
	assert_ptr_equal(arg, &script);
	assert_true(bytes && len > 0);
	script.recorded++;
	return script.record_result;
}

const struct tidal_node_callbacks script_callbacks = {
	.size = sizeof(script_callbacks), .io = on_io, .report = on_report,
	.accessed = on_accessed, .pinned = on_pinned, .record = on_record,
};

/* --- the log ----------------------------------------------------------------------------- */

void script_forget(void)
{
	script.count = 0;
}

unsigned script_calls(const char *what)
{
	unsigned n = 0;

	for (unsigned i = 0; i < script.count; i++)
		n += strcmp(script.calls[i].what, what) == 0;
	return n;
}

const struct script_call *script_call(const char *what, unsigned n)
{
	for (unsigned i = 0; i < script.count; i++)
		if (strcmp(script.calls[i].what, what) == 0 && n-- == 0)
			return &script.calls[i];
	fail_msg("no such call: %s", what);
	return NULL;
}

unsigned script_pushes(uint32_t kind)
{
	unsigned n = 0;

	for (unsigned i = 0; i < script.count; i++)
		n += strcmp(script.calls[i].what, "push") == 0 &&
		     script.calls[i].event.kind == kind;
	return n;
}

void script_reset(void)
{
	memset(&script, 0, sizeof(script));
	memset(frames, 0, sizeof(frames));
	script.deadline = TIDAL_NEVER;
	script.fd = -1;
	script.complete = true;
	script.host_caps = (struct tidal_host_caps){
		.size = sizeof(script.host_caps), .frames = SCRIPT_FRAMES, .vcpu_slots = 4,
		.hthreads = 2, .vcpu_bytes = SCRIPT_VCPU_BYTES, .tells_retire = 1,
	};
	script.wire_caps = (struct tidal_transport_caps){
		.size = sizeof(script.wire_caps), .header_max = TIDAL_HEADER_MAX,
		.payload_max = TIDAL_VCPU_BYTES_MAX, .copies = 1, .exactly_once = 1,
	};
}

struct tidal_node_config script_config(struct tidal_params *params)
{
	static char host, wire; /* handles: somewhere to point to */

	tidal_params_init(params, sizeof(*params), SCRIPT_FRAMES);
	params->nodes = 2;
	params->vcpu_slots = 4;
	return (struct tidal_node_config){
		.size = sizeof(struct tidal_node_config), .params = params,
		.host_ops = &script_host_ops, .host = (struct tidal_host *)&host,
		.transport_ops = &script_wire_ops, .transport = (struct tidal_transport *)&wire,
		.callbacks = &script_callbacks, .arg = &script,
	};
}

struct tidal_node *script_open(void)
{
	struct tidal_params params;
	struct tidal_node_config config;
	struct tidal_node *node = NULL;

	script_reset();
	config = script_config(&params);
	assert_int_equal(tidal_node_open(&config, &node), 0);
	assert_int_equal(tidal_node_step(node, 1, 0), 0);
	return node;
}
