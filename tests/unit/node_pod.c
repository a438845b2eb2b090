/* SPDX-License-Identifier: BSD-3-Clause */
/* See node_pod.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "node_pod.h"

#define PATIENCE 200000
#define BUDGET 200

static int on_io(void *arg, tidal_vcpuid vcpu, tidal_gpa gpa, uint64_t *data, unsigned bytes,
		 int write)
{
	struct pod *pod = ((struct pod_node *)arg)->pod;

	(void)vcpu;
	(void)bytes;
	if (gpa == TIDAL_FAKE_EXIT && write) {
		pod->exit_code += *data;
		pod->exited++;
	} else if (gpa == TIDAL_FAKE_TICKET && !write) {
		*data = pod->tickets++;
	} else {
		return TIDAL_ERANGE;
	}
	return 0;
}

static void on_report(void *arg, const struct tidal_act_report *report)
{
	struct pod_node *n = arg;

	if (report->what == TIDAL_REPORT_READY) {
		n->ready++;
		return;
	}
	n->failed++;
	print_message("report %u, error %d, vcpu %u, gfn %#llx: %s\n", report->what, report->error,
		      report->vcpu, (unsigned long long)report->gfn,
		      report->text ? report->text : "");
}

static void on_accessed(void *arg, uint64_t cookie, int status)
{
	struct pod *pod = ((struct pod_node *)arg)->pod;

	*(int *)(uintptr_t)cookie = status;
	pod->accesses++;
	pod->accesses_failed += status != 0;
}

static int on_record(void *arg, const void *bytes, size_t len)
{
	struct pod_log *log = &((struct pod_node *)arg)->log;

	if (log->len + len > log->room) {
		log->room = 2 * log->room + len;
		log->bytes = realloc(log->bytes, log->room);
		assert_non_null(log->bytes);
	}
	memcpy(log->bytes + log->len, bytes, len);
	log->len += len;
	return 0;
}

static void on_pinned(void *arg, uint32_t requester, tidal_gfn gfn, int status)
{
	struct pod_node *n = arg;

	(void)requester;
	(void)gfn;
	n->pinned++;
	n->pin_status = status;
}

/* The same for both ends of a move, and for no other. */
static uint64_t move_key(const struct tidal_trace *t, tidal_nodeid to)
{
	uint64_t key = t->what / 2;

	key = key * 0x100000001b3u + t->gfn;
	key = key * 0x100000001b3u + t->vcpu;
	key = key * 0x100000001b3u + t->epoch;
	key = key * 0x100000001b3u + t->id;
	key = key * 0x100000001b3u + t->pages;
	key = key * 0x100000001b3u + to;
	return key ^ key >> 29;
}

/* In which order trace.h says that they come. */
static void check_turns(unsigned char *runs, const struct tidal_trace *t)
{
	switch (t->what) {
	case TIDAL_TRACE_RUN:
		assert_false(*runs);
		*runs = 1;
		break;
	case TIDAL_TRACE_STALL:
	case TIDAL_TRACE_STOPPED:
		assert_true(*runs);
		*runs = 0;
		break;
	default:
		assert_false(*runs); /* served, left, came */
	}
}

static void on_trace(void *arg, const struct tidal_trace *record)
{
	struct pod_node *n = arg;

	assert_true(record->what < POD_TRACES);
	n->traced[record->what]++;
	if (record->vcpu < POD_VCPUS)
		check_turns(&n->runs[record->vcpu], record);
	if (record->what < TIDAL_TRACE_VCPU_OUT || record->what > TIDAL_TRACE_EXTENT_IN)
		return;
	if (record->what % 2 == TIDAL_TRACE_VCPU_OUT % 2)
		n->left += move_key(record, record->node);
	else
		n->came += move_key(record, (tidal_nodeid)(n - n->pod->node));
}

static void open_node(struct pod *pod, unsigned i, const struct pod_config *config)
{
	static const struct tidal_node_callbacks callbacks = {
		.size = sizeof(callbacks), .io = on_io, .report = on_report,
		.accessed = on_accessed, .record = on_record, .pinned = on_pinned,
		.trace = on_trace,
	};
	struct pod_node *n = &pod->node[i];
	struct tidal_fake_config fake;
	struct tidal_params params;
	struct tidal_node_config c = {
		.size = sizeof(c), .params = &params, .host_ops = tidal_fake_ops(),
		.transport_ops = tidal_inproc_ops(), .callbacks = &callbacks, .arg = n,
	};

	n->pod = pod;
	tidal_fake_config_init(&fake, sizeof(fake));
	fake.frames = config->frames;
	fake.hthreads = 2;
	fake.ram_bytes = config->pages << TIDAL_PAGE_SHIFT;
	assert_int_equal(tidal_fake_open(&fake, &n->host), 0);
	assert_int_equal(tidal_inproc_endpoint(pod->net, (tidal_nodeid)i, &n->wire), 0);
	tidal_params_init(&params, sizeof(params), config->frames);
	params.node = (tidal_nodeid)i;
	params.nodes = (uint16_t)config->nodes;
	params.seed = i + 1;
	params.flags = TIDAL_PARAM_RETIRE_EVENTS | (config->trace ? TIDAL_PARAM_TRACE : 0u);
	params.vmap = i == 0 ? &pod->vmap : NULL;
	params.topology = &pod->topology;
	params.policy = config->policy;
	c.host = n->host;
	c.transport = n->wire;
	assert_int_equal(tidal_node_open(&c, &n->node), 0);
	if (config->record)
		assert_int_equal(tidal_node_record(n->node), 0);
}

void pod_open(struct pod *pod, const struct pod_config *config)
{
	struct tidal_inproc_config wire;

	memset(pod, 0, sizeof(*pod));
	pod->nodes = config->nodes;
	tidal_inproc_config_init(&wire, sizeof(wire));
	wire.nodes = config->nodes;
	wire.delay_ns = 5000;
	wire.jitter_ns = 2000;
	wire.loss_ppm = config->loss_ppm;
	wire.dup_ppm = config->dup_ppm;
	wire.reorder = config->reorder;
	assert_int_equal(tidal_inproc_open(&wire, &pod->net), 0);
	assert_int_equal(tidal_topology_regular(&pod->topology, pod->objects, 16, 1, 1, 2), 0);
	assert_int_equal(tidal_vmap_init(&pod->vmap, sizeof(pod->vmap), config->pages,
					 config->vcpus), 0);
	pod->vmap.devices = 1;
	pod->vmap.device[0] = (struct tidal_vmap_device){
		.base = TIDAL_FAKE_DEVICES, .bytes = TIDAL_FAKE_DEVICES_BYTES, .node = 0,
	};
	if (config->place)
		config->place(&pod->vmap);
	for (unsigned i = 0; i < config->nodes; i++)
		open_node(pod, i, config);
}

void pod_stop(struct pod *pod)
{
	for (unsigned i = 0; i < pod->nodes; i++) {
		tidal_node_close(pod->node[i].node);
		pod->node[i].node = NULL;
	}
}

void pod_close(struct pod *pod)
{
	pod_stop(pod);
	for (unsigned i = 0; i < pod->nodes; i++) {
		tidal_inproc_ops()->close(pod->node[i].wire);
		tidal_fake_ops()->close(pod->node[i].host);
		free(pod->node[i].log.bytes);
	}
	tidal_inproc_close(pod->net);
}

static tidal_time earliest(const struct pod *pod)
{
	tidal_time due = TIDAL_NEVER;

	for (unsigned i = 0; i < pod->nodes; i++) {
		tidal_time t = tidal_node_deadline(pod->node[i].node);

		due = t < due ? t : due;
	}
	return due;
}

void pod_step(struct pod *pod)
{
	tidal_time due;

	for (unsigned i = 0; i < pod->nodes; i++)
		assert_in_range(tidal_node_step(pod->node[i].node, pod->now, BUDGET), 0, 1);
	due = earliest(pod);
	if (due != TIDAL_NEVER && due > pod->now)
		pod->now = due;
	else
		pod->now += 200;
}

void pod_boot(struct pod *pod)
{
	unsigned ready = 0;

	for (unsigned i = 0; ready < pod->nodes && i < PATIENCE; i++) {
		pod_step(pod);
		ready = 0;
		for (unsigned k = 0; k < pod->nodes; k++)
			ready += pod->node[k].ready;
	}
	assert_int_equal(ready, pod->nodes);
}

int pod_command(struct pod *pod, unsigned node, const struct tidal_ev_command *command)
{
	int err = TIDAL_EAGAIN;

	for (unsigned i = 0; err == TIDAL_EAGAIN && i < PATIENCE; i++) {
		err = tidal_node_command(pod->node[node].node, command);
		if (err == TIDAL_EAGAIN)
			pod_step(pod);
	}
	return err;
}

void pod_continue(struct pod *pod)
{
	const struct tidal_ev_command go = { .command = TIDAL_CMD_CONTINUE };

	for (unsigned i = 0; i < pod->nodes; i++)
		assert_int_equal(pod_command(pod, i, &go), 0);
}

int pod_access(struct pod *pod, unsigned node, tidal_gpa gpa, void *buf, size_t len, int write)
{
	int status = 1, err;

	err = tidal_node_access(pod->node[node].node, gpa, buf, len, write,
				(uint64_t)(uintptr_t)&status);
	if (err)
		return err;
	for (unsigned i = 0; status == 1 && i < PATIENCE; i++)
		pod_step(pod);
	assert_int_not_equal(status, 1);
	return status;
}
