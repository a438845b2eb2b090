/* SPDX-License-Identifier: BSD-3-Clause */
/* run.c - time, the guest's end, and what the nodes report. */
#include "pod.h"

#include <errno.h>
#include <string.h>

#include "clock.h"
#include "progress.h"
#include "text.h"

#define QUANTUM_NS 1000 /* for QUANTUM_INSNS */
#define LOOK_NS 100000000 /* a signal may have come just before */
#define SIGNALS 128

int pod_fail(struct pod *pod, int code)
{
	if (!pod->failed)
		pod->failed = code;
	return pod->failed;
}

void pod_print(struct pod *pod, const void *bytes, size_t len)
{
	const char *text = bytes;

	for (size_t i = 0; i < len && pod->said + 1 < sizeof(pod->transcript); i++)
		pod->transcript[pod->said++] = text[i];
	progress_clear();
	fwrite(bytes, 1, len, stdout);
}

void pod_exit(struct pod *pod, int code)
{
	pod->exited = 1;
	pod->exit_code = code;
}

static int on_io(void *arg, tidal_vcpuid vcpu, tidal_gpa gpa, uint64_t *data, unsigned bytes,
		 int write)
{
	struct pod_node *node = arg;

	return node->pod->options->machine->io(node, vcpu, gpa, data, bytes, write);
}

/* What the nodes report. */

static int pod_full(const struct options *options)
{
	return complain(MINI_POD_FULL,
			"the pod is full: the guest uses more than %u node%s of %s hold%s: "
			"raise --nodes or --node-memory",
			options->nodes, options->nodes == 1 ? "" : "s",
			text_bytes(options->node_memory).s, options->nodes == 1 ? "s" : "");
}

/* Tables are as large as the memory of a node asks for: see make_params(). */
static int table_full(const struct options *options, const struct tidal_act_report *report)
{
	return complain(MINI_POD_FULL,
			"the guest uses memory in more places than nodes of %s keep track of (%s): "
			"raise --node-memory",
			text_bytes(options->node_memory).s,
			report->text ? report->text : "a table is full");
}

static int bad_stall(const struct options *options, const struct tidal_act_report *report)
{
	return complain(MINI_POD_FAULT,
			"vCPU %u touched %#llx, outside of its memory of %s and of all devices: "
			"mend the program, or raise --memory",
			report->vcpu, (unsigned long long)report->gfn << TIDAL_PAGE_SHIFT,
			text_bytes(options->memory).s);
}

/* What is reported of a death comes before the death itself. */
static int is_death(uint32_t what)
{
	return what == TIDAL_REPORT_PEER_SILENT || what == TIDAL_REPORT_PEER_DOWN ||
	       what == TIDAL_REPORT_NODE_LOST || what == TIDAL_REPORT_PAGE_LOST || what == TIDAL_REPORT_VCPU_LOST;
}

static void on_report(void *arg, const struct tidal_act_report *report)
{
	struct pod_node *node = arg;
	struct pod *pod = node->pod;

	if (pod->peer_gone && is_death(report->what)) {
		pod->peer_gone(pod, report->node);
		return;
	}
	switch (report->what) {
	case TIDAL_REPORT_READY:
		if (++pod->ready == pod->opened)
			pod->ready_time = pod->now;
		break;
	case TIDAL_REPORT_POD_FULL:
		if (!pod->failed)
			pod_fail(pod, pod_full(pod->options));
		break;
	case TIDAL_REPORT_SPACE:
		if (!pod->failed)
			pod_fail(pod, table_full(pod->options, report));
		break;
	case TIDAL_REPORT_BAD_STALL:
		if (!pod->failed)
			pod_fail(pod, bad_stall(pod->options, report));
		break;
	default:
		pod_fail(pod, complain(MINI_POD_BUG, "node %u: %s (%s)", node->id,
				   report->text ? report->text : "trouble",
				   tidal_strerror(report->error)));
	}
}

static void on_accessed(void *arg, uint64_t cookie, int status)
{
	struct pod_node *node = arg;
	struct pod *pod = node->pod;

	if (cookie >= MACHINE_COOKIES) {
		pod->options->machine->accessed(node, cookie, status);
		return;
	}
	pod->loading--;
	if (status)
		pod_fail(pod, complain(MINI_POD_BUG, "loading at %#llx: %s",
				       (unsigned long long)cookie, tidal_strerror(status)));
}

static int on_record(void *arg, const void *bytes, size_t len)
{
	struct pod *pod = ((struct pod_node *)arg)->pod;

	if (fwrite(bytes, 1, len, pod->record) == len)
		return 0;
	return pod_fail(pod, complain(MINI_POD_BUG, "%s: %s", pod->options->record, strerror(errno)));
}

static void on_trace(void *arg, const struct tidal_trace *record)
{
	const struct pod_node *node = arg;
	struct pod *pod = node->pod;

	trace_note(pod->trace, node->id, pod->trace->real ? clock_ns() : pod->now, record);
}

const struct tidal_node_callbacks pod_callbacks = {
	.size = sizeof(pod_callbacks),
	.io = on_io,
	.report = on_report,
	.accessed = on_accessed,
	.record = on_record,
	.trace = on_trace,
};

/* Time. */

static int check_faults(struct pod *pod)
{
	int status = 0;

	for (uint32_t i = 0; i < pod->opened && !status; i++)
		status = pod->options->machine->faults(&pod->nodes[i]);
	return status ? pod_fail(pod, status) : 0;
}

static tidal_time next_deadline(const struct pod *pod)
{
	tidal_time next = tidal_inproc_next(pod->net);

	for (uint32_t i = 0; i < pod->opened; i++) {
		tidal_time due = tidal_node_deadline(pod->nodes[i].node);

		next = due < next ? due : next;
	}
	return next;
}

int pod_advance(struct pod *pod, int did)
{
	tidal_time next = next_deadline(pod);

	if (next == TIDAL_NEVER && !did)
		return check_faults(pod) ? pod->failed :
					   pod_fail(pod, complain(MINI_POD_FAULT,
							      "the guest waits for ever: no vCPU has "
							      "anything to do"));
	pod->now = next > pod->now && next != TIDAL_NEVER ? next : pod->now + QUANTUM_NS;
	return 0;
}

/* vCPUs run by themselves: sleep until one has something to say, or a message comes. */
int pod_advance_real(struct pod *pod, int did)
{
	const struct tidal_host_ops *ops = pod->options->machine->host_ops();
	tidal_time next = did ? 0 : next_deadline(pod);
	struct pollfd fds[MINI_POD_NODES_MAX];
	tidal_time ns = 0;

	if (interrupt_came())
		return pod_fail(pod, SIGNALS + interrupt_came());
	for (uint32_t i = 0; i < pod->opened; i++)
		fds[i] = (struct pollfd){ .fd = ops->wait_fd(pod->nodes[i].host), .events = POLLIN };
	pod->now = clock_ns() - pod->begun;
	if (next > pod->now)
		ns = next - pod->now < LOOK_NS ? next - pod->now : LOOK_NS;
	clock_wait(fds, pod->opened, ns);
	pod->now = clock_ns() - pod->begun;
	return 0;
}

int pod_step(struct pod *pod)
{
	int did = 0;

	for (uint32_t i = 0; i < pod->opened; i++) {
		int status = tidal_node_step(pod->nodes[i].node, pod->now, pod->budget);

		if (status < 0)
			return pod_fail(pod, complain(MINI_POD_BUG, "node %u: %s",
						  pod->nodes[i].id, tidal_strerror(status)));
		did |= status;
	}
	if (pod->failed || pod->exited)
		return pod->failed;
	if (pod->options->machine->real || ++pod->steps % 256 == 0) {
		if (check_faults(pod))
			return pod->failed;
		progress_show(pod);
	}
	return pod->pass_time(pod, did);
}

int pod_boot(struct pod *pod)
{
	int status = 0;

	while (!status && pod->ready < pod->opened)
		status = pod_step(pod);
	return status;
}

int pod_continue(struct pod *pod)
{
	const struct tidal_ev_command go = { .command = TIDAL_CMD_CONTINUE };

	for (uint32_t i = 0; i < pod->opened; i++) {
		int status = tidal_node_command(pod->nodes[i].node, &go);

		if (status)
			return complain(MINI_POD_BUG, "node %u: %s", pod->nodes[i].id,
					tidal_strerror(status));
	}
	return 0;
}

int pod_run(struct pod *pod)
{
	int status = pod_continue(pod);

	while (!status && !pod->exited)
		status = pod_step(pod);
	progress_clear();
	return status;
}
