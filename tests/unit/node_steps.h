/* SPDX-License-Identifier: BSD-3-Clause */
/* node_steps - what all tests of the driver do: let it step, see what it told the core. After cmocka. */
#ifndef TIDAL_TESTS_NODE_STEPS_H
#define TIDAL_TESTS_NODE_STEPS_H

#include "node_script.h"

#define LANDING_VCPUS 4 /* buffers for vCPUs that the driver keeps posted: all slots here */
#define KEPT 64		/* messages that it keeps for a core without room */
#define PAGE_IS_ITS_GFN (TIDAL_FRAME_NONE - 10) /* see tidal_core_page() of the script */

static inline void step(struct tidal_node *node)
{
	static tidal_time now = 100;

	assert_in_range(tidal_node_step(node, now++, 0), 0, 1);
}

static inline struct tidal_node_stats stats_of(const struct tidal_node *node)
{
	struct tidal_node_stats stats;

	tidal_node_stats(node, &stats, sizeof(stats));
	return stats;
}

/* The core wants something: whatever event comes next lets it out. */
static inline void act(struct tidal_node *node, struct tidal_action action)
{
	const struct tidal_event poke = { .kind = TIDAL_EV_RETIRED };

	script_forget();
	script_act(&action);
	script_event(&poke);
	step(node);
}

static inline const struct tidal_event *pushed(uint32_t kind, unsigned n)
{
	for (unsigned i = 0;; i++) {
		const struct script_call *c = script_call("push", i);

		if (c->event.kind == kind && n-- == 0)
			return &c->event;
	}
}

static inline struct tidal_action send_of(uint32_t payload, uint32_t buf, uint32_t payload_len)
{
	return (struct tidal_action){ .kind = TIDAL_ACT_SEND, .u.send = {
		.to = 1, .payload = (uint16_t)payload, .len = 5, .header = "hello", .buf = buf,
		.payload_len = payload_len, .gfn = TIDAL_GFN_NONE } };
}

static inline struct tidal_action vcpu_action(uint32_t kind, tidal_vcpuid vcpu, uint64_t token,
					       uint32_t buf, uint32_t len)
{
	return (struct tidal_action){ .kind = kind, .u.vcpu = {
		.token = token, .vcpu = vcpu, .hthread = 1, .resume = TIDAL_RESUME_IO, .watch = 1,
		.value = 55, .buf = buf, .buf_len = len } };
}

#endif
