/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * plants - can an exploration fail? Faults are planted in the models under the cores; each must
 * be found, and as what it is. The same worlds without faults are explored by explore.
 */
#include <stdio.h>
#include <string.h>

#include "small.h"
#include "space.h"

struct plant {
	const char *name;
	const struct subject_ops *ops;
	const void *config;
	const char *found; /* as what */
};

#define OLD "a node can read what is out of date"
#define POD(...) &small_ops, &(const struct small_config){ .nodes = 2, .pages = 1, .vcpus = 2, __VA_ARGS__ }

static const struct plant plants[] = {
	{ "unmap without effect", POD(.fault = FAULT_UNMAP), OLD },
	{ "write-protect without effect", POD(.fault = FAULT_PROTECT), OLD },
	{ "done before it is done", POD(.fault = FAULT_EARLY), OLD },
	{ "page without contents", POD(.fault = FAULT_CONTENTS), OLD },
	{ "every page is zeroes", POD(.fault = FAULT_TEST), "a frame counts as zeroed and isn't" },
	{ "vCPU saved and run on", POD(.fault = FAULT_VCPU, .features = SMALL_POLICY),
	  "core and host disagree about a running vCPU" },
	{ "mapped and not said", POD(.fault = FAULT_WAKE),
	  "nothing can happen any more, and not all is quiet" },
	{ "a message twice", POD(.repeats = 1), "a page has two owners" },
	{ "a message lost", POD(.losses = 1), "a page has no owner" },
};

static const char *explore(const struct plant *p)
{
	const struct bounds bounds = { .seconds = 60, .bytes = (size_t)500 << 20 };
	uint32_t example;
	const char *found;
	struct space x;

	if (!space_open(&x, p->ops, p->config))
		return "it does not start";
	space_explore(&x, &bounds);
	found = x.found;
	if (!found && space_closed(&x) && space_stuck(&x, &example))
		found = "from some states nothing leads to a quiet one";
	printf("%-30s %7u states, %3u steps: %s\n", p->name, x.states,
	       space_way_length(&x, x.at) + x.by_step, found ? found : "nothing");
	space_close(&x);
	return found;
}

int main(void)
{
	int failed = 0;

	for (size_t i = 0; i < sizeof(plants) / sizeof(plants[0]); i++) {
		const char *found = explore(&plants[i]);

		if (!found || strcmp(found, plants[i].found)) {
			printf("expected: %s\n", plants[i].found);
			failed = 1;
		}
	}
	return failed;
}
