/* SPDX-License-Identifier: BSD-3-Clause */
/* run.c - virtual time, the guest's devices, and what the nodes report. */
#include "pod.h"

#include <errno.h>
#include <string.h>

#include "clock.h"
#include "progress.h"
#include "text.h"

#define QUANTUM_NS 1000 /* for QUANTUM_INSNS */

static int fail(struct pod *pod, int code)
{
	if (!pod->failed)
		pod->failed = code;
	return pod->failed;
}

/* The guest's devices. */

static void console(struct pod *pod, uint64_t data, unsigned bytes)
{
	unsigned char text[8];

	for (unsigned i = 0; i < bytes; i++) {
		text[i] = (unsigned char)(data >> (8 * i));
		if (pod->said + 1 < sizeof(pod->transcript))
			pod->transcript[pod->said++] = (char)text[i];
	}
	progress_clear();
	fwrite(text, 1, bytes, stdout);
}

static int on_io(void *arg, tidal_vcpuid vcpu, tidal_gpa gpa, uint64_t *data, unsigned bytes,
		 int write)
{
	struct pod *pod = ((struct pod_node *)arg)->pod;

	if (write && gpa == TIDAL_FAKE_CONSOLE) {
		console(pod, *data, bytes);
	} else if (write && gpa == TIDAL_FAKE_EXIT) {
		pod->exited = 1;
		pod->exit_code = (int)(*data & 0xff);
	} else if (!write && gpa == TIDAL_FAKE_TICKET) {
		*data = pod->ticket++;
	} else {
		fail(pod, complain(MINI_POD_FAULT,
				   "vCPU %u: there is no device register to %s at %#llx: "
				   "see <tidal/fake.h>",
				   vcpu, write ? "write" : "read", (unsigned long long)gpa));
		return TIDAL_ERANGE;
	}
	return 0;
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
			fail(pod, pod_full(pod->options));
		break;
	case TIDAL_REPORT_SPACE:
		if (!pod->failed)
			fail(pod, table_full(pod->options, report));
		break;
	case TIDAL_REPORT_BAD_STALL:
		if (!pod->failed)
			fail(pod, bad_stall(pod->options, report));
		break;
	default:
		fail(pod, complain(MINI_POD_BUG, "node %u: %s (%s)", node->id,
				   report->text ? report->text : "trouble",
				   tidal_strerror(report->error)));
	}
}

static void on_accessed(void *arg, uint64_t cookie, int status)
{
	struct pod *pod = ((struct pod_node *)arg)->pod;

	pod->loading--;
	if (status)
		fail(pod, complain(MINI_POD_BUG, "loading at %#llx: %s",
				   (unsigned long long)cookie, tidal_strerror(status)));
}

static int on_record(void *arg, const void *bytes, size_t len)
{
	struct pod *pod = ((struct pod_node *)arg)->pod;

	if (fwrite(bytes, 1, len, pod->record) == len)
		return 0;
	return fail(pod, complain(MINI_POD_BUG, "%s: %s", pod->options->record, strerror(errno)));
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

/* A vCPU that did what no program may do is switched off; without it nothing ends. */
static int check_faults(struct pod *pod)
{
	for (uint32_t i = 0; i < pod->opened; i++) {
		tidal_vcpuid vcpu;
		uint64_t pc;
		uint32_t insn;
		const char *what = tidal_fake_fault(pod->nodes[i].host, &vcpu, &pc, &insn);

		if (what)
			return fail(pod, complain(MINI_POD_FAULT,
						  "vCPU %u failed: %s, instruction %08x at pc %#llx: "
						  "mend the program",
						  vcpu, what, insn, (unsigned long long)pc));
	}
	return 0;
}

int pod_advance(struct pod *pod, int did)
{
	tidal_time next = tidal_inproc_next(pod->net);

	for (uint32_t i = 0; i < pod->opened; i++) {
		tidal_time due = tidal_node_deadline(pod->nodes[i].node);

		next = due < next ? due : next;
	}
	if (next == TIDAL_NEVER && !did)
		return check_faults(pod) ? pod->failed :
					   fail(pod, complain(MINI_POD_FAULT,
							      "the guest waits for ever: no vCPU has "
							      "anything to do"));
	pod->now = next > pod->now && next != TIDAL_NEVER ? next : pod->now + QUANTUM_NS;
	return 0;
}

int pod_step(struct pod *pod)
{
	int did = 0;

	for (uint32_t i = 0; i < pod->opened; i++) {
		int status = tidal_node_step(pod->nodes[i].node, pod->now, pod->budget);

		if (status < 0)
			return fail(pod, complain(MINI_POD_BUG, "node %u: %s",
						  pod->nodes[i].id, tidal_strerror(status)));
		did |= status;
	}
	if (pod->failed || pod->exited)
		return pod->failed;
	if (++pod->steps % 256 == 0) {
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
