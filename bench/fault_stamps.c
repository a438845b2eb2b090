/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where the time of a read fault goes: stamps between node and host and between node and transport
 * (taps.h), on both nodes, of one fault at a time. A step is from the stamp before to its own.
 */
#include <stdio.h>
#include <string.h>

#include "crew.h"
#include "fault.h"
#include "report.h"
#include "taps.h"

#define FAULTS 200

static const struct {
	unsigned node;
	enum tap tap;
	const char *name;
} steps[] = {
	{ 0, TAP_STALL, "fault to event, read" },
	{ 0, TAP_SEND, "pushed, decided, request made" },
	{ 0, TAP_SENT, "request sent" },
	{ 1, TAP_MESSAGE, "request under way, seen" },
	{ 1, TAP_CHANGE, "pushed, decided" },
	{ 1, TAP_CHANGED, "page protected" },
	{ 1, TAP_DONE, "its end taken" },
	{ 1, TAP_BYTES, "pushed, answer made" },
	{ 1, TAP_SEND, "page copied" },
	{ 1, TAP_SENT, "page sent" },
	{ 0, TAP_MESSAGE, "page under way, seen" },
	{ 0, TAP_MAP, "pushed" },
	{ 0, TAP_MAPPED, "page installed" },
	{ 0, TAP_DONE, "its end taken" },
	{ 0, TAP_RUN, "pushed, vCPU runs" },
	{ 0, TAP_RAN, "thread woken" },
};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

/* The first such stamp of a node that is not earlier; 0: none. */
static uint64_t stamp(const struct taps *taps, enum tap what, uint64_t since)
{
	for (uint32_t i = 0; i < taps->count; i++)
		if (taps->tap[i].what == what && taps->tap[i].at >= since)
			return taps->tap[i].at;
	return 0;
}

/* False: something came between, as a message that was sent again. */
static bool one_fault(struct crew *crew, uint16_t page, double ns[STEPS + 1])
{
	struct crew_order order = { .node = 1, .write = true, .count = 1, .page = &page };
	const struct taps *taps[2];
	uint64_t at, end;

	for (unsigned node = 0; node < 2; node++)
		taps[node] = crew_notes(crew, node);
	(void)crew_touch(crew, &order);
	for (unsigned node = 0; node < 2; node++)
		((struct taps *)crew_notes(crew, node))->count = 0;
	order.node = 0;
	order.write = false;
	end = (uint64_t)crew_touch(crew, &order);
	at = crew_began(crew, 0);
	end += at;
	for (unsigned i = 0; i < STEPS; i++) {
		uint64_t next = stamp(taps[steps[i].node], steps[i].tap, at);

		if (next == 0)
			return false;
		ns[i] = (double)(next - at);
		at = next;
	}
	ns[STEPS] = (double)end - (double)at;
	return ns[STEPS] >= 0;
}

void fault_stamps(const char *provider)
{
	const struct crew_config config = { .provider = provider, .wait = CREW_SPIN, .nodes = 2,
					    .stamps = true };
	static double ns[STEPS + 1][FAULTS];
	unsigned good = 0;
	const char *why;
	struct crew *crew = crew_open(&engine_tidal, &config, &why);

	if (!crew) {
		report_skip(why);
		return;
	}
	for (uint16_t page = 0; page < FAULTS; page++) {
		double one[STEPS + 1];

		if (!one_fault(crew, (uint16_t)(page * 3), one))
			continue;
		for (unsigned i = 0; i <= STEPS; i++)
			ns[i][good] = one[i];
		good++;
	}
	crew_close(crew);
	for (unsigned i = 0; i <= STEPS && good > 0; i++) {
		char name[96];

		(void)snprintf(name, sizeof(name), "%s, spin, step %2u: %s", provider, i + 1,
			       i < STEPS ? steps[i].name : "thread runs");
		report_figure(&(struct figure){ .name = name, .unit = "us",
						.value = median(ns[i], good) / 1000 });
	}
}
