/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench [--json] [NAME...] - measure, and compare with the goals (docs/benchmarks.md).
 * Exit status 0 whether goals are met or not; 2 when something could not be measured.
 */
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "pod.h"
#include "report.h"

static const struct {
	const char *name, *title;
	void (*run)(void);
} benches[] = {
	{ "stall", "from a stall to its actions, on one core", bench_stall },
	{ "events", "events per second of CPU time", bench_events },
	{ "start", "start of a guest of 64 TiB on a node of 16 GiB", bench_start },
	{ "pages", "what the core needs for a page with contents", bench_pages },
	{ "messages", "messages for a fault, by how many nodes have a copy", bench_messages },
	{ "forwards", "how often a request is passed on; writers at random nodes", bench_forwards },
	{ "guests", "guest programs on mini-pod", bench_guests },
	{ "real", "real guest memory by userfaultfd", bench_real },
	{ "dense", "dense writing on a whole node, and when its guest is ready", bench_dense },
	{ "fault", "page faults between processes, against the floor", bench_fault },
	{ "steps", "where the time of a read fault goes", bench_fault_steps },
	{ "rate", "read faults per second, many threads", bench_fault_rate },
	{ "kvm-state", "the state of a real vCPU, from one host to another", bench_kvm_state },
	{ "kvm-faults", "page faults of a real guest", bench_kvm_faults },
	{ "sharers", "writes to pages of which others have copies", bench_sharers },
};

#define BENCHES (sizeof(benches) / sizeof(benches[0]))

static bool is_asked_for(const char *name, int argc, char **argv)
{
	bool all = true;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], name))
			return true;
		all = all && !strcmp(argv[i], "--json");
	}
	return all;
}

static bool is_known(const char *word)
{
	for (unsigned b = 0; b < BENCHES; b++)
		if (!strcmp(benches[b].name, word))
			return true;
	return !strcmp(word, "--json");
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (!is_known(argv[i]))
			fail("there is no benchmark %s", argv[i]);
		if (!strcmp(argv[i], "--json"))
			report_json(true);
	}
	for (unsigned b = 0; b < BENCHES; b++) {
		if (!is_asked_for(benches[b].name, argc, argv))
			continue;
		report_begin(benches[b].name, benches[b].title);
		benches[b].run();
	}
	report_end();
	return 0;
}
