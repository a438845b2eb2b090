/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * setting - what a seed picks before a run begins: sizes, rates, features, policy. Any of them
 * may be absent (0) in a run: a bug that needs two nodes and full tables is not to be hidden by
 * eight nodes and bad weather (swarm testing).
 */
#ifndef TIDAL_TESTS_SETTING_H
#define TIDAL_TESTS_SETTING_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define SETTINGS(X)                                                                           \
	X(seed, "of every draw that isn't in the script")                                     \
	X(nodes, "1 .. 8")                                                                    \
	X(vcpus, "1 .. 24")                                                                   \
	X(hthreads, "of each node")                                                           \
	X(vcpu_slots, "of each node")                                                         \
	X(pages, "that the guest touches")                                                    \
	X(stride, "distance between them")                                                    \
	X(spread_memory, "1: all nodes own memory at start")                                  \
	X(spread_vcpus, "1: vCPUs start on all nodes")                                        \
	X(frames, "of each node")                                                             \
	X(landing, "of those; and so on, see params.h; 0: as it is by default")               \
	X(low, "")                                                                            \
	X(high, "")                                                                           \
	X(messages, "")                                                                       \
	X(transits, "")                                                                       \
	X(ranges, "")                                                                         \
	X(homes, "")                                                                          \
	X(hints, "")                                                                          \
	X(rto_ns, "")                                                                         \
	X(hold_ns, "")                                                                        \
	X(hold_max_ns, "")                                                                    \
	X(reserve_ns, "")                                                                     \
	X(backoff_ns, "")                                                                     \
	X(slice_ns, "")                                                                       \
	X(no_retire, "1: the hosts can't tell retired instructions")                          \
	X(slice, "they tell after so many")                                                   \
	X(ideal, "1: the link is off, the wire is exactly-once")                              \
	X(policy, "enum setting_policy")                                                      \
	X(delay_ns, "of a packet")                                                            \
	X(jitter_ns, "of a packet, at most")                                                  \
	X(work_ns, "of a host operation, at most")                                            \
	X(fail_ppm, "host operations that fail")                                              \
	X(lose_ppm, "packets that are lost")                                                  \
	X(twice_ppm, "that come twice")                                                       \
	X(late_ppm, "that come late")                                                         \
	X(late_ns, "by so much, at most")                                                     \
	X(meddle_ns, "mean time between the steps of meddlers; 0: none")                      \
	X(meddles, "at most so many")                                                         \
	X(meddle, "set of enum choice_kind that they take")                                   \
	X(steps, "instructions of each vCPU")                                                 \
	X(pattern, "enum setting_pattern: which pages")                                       \
	X(hot, "pages that are touched more often")                                           \
	X(write, "per cent of the instructions; and so on")                                   \
	X(zero, "")                                                                           \
	X(io, "")                                                                             \
	X(crossing, "")                                                                       \
	X(fetch, "")                                                                          \
	X(idle, "per mille: waits for an interrupt first")                                    \
	X(sweep, "pushes between two checks of everything")                                   \
	X(patience_us, "virtual time after which who waits must have got on")                 \
	X(plant, "enum world_plant")                                                          \
	X(ahead, "dormant pages that get frames ahead of the guest, at most")                 \
	X(zeroing, "frames zeroed in the background at a time; 0: one")

enum setting_policy { POLICY_COST, POLICY_PAGE, POLICY_VCPU, POLICIES };

enum setting_pattern {
	PATTERN_HOT,	/* a quarter anywhere, else the hot pages */
	PATTERN_ANY,
	PATTERN_SWEEP,	/* all pages in turn */
	PATTERN_OWN,	/* mostly pages of its own, which change from time to time */
	PATTERN_PAIRS,	/* two vCPUs each fight for the same two pages */
	PATTERNS,
};

struct setting {
#define SETTING_MEMBER(name, text) uint64_t name;
	SETTINGS(SETTING_MEMBER)
#undef SETTING_MEMBER
};

/* What is not for the seed to choose. */
struct setting_limits {
	bool restarts;	/* nodes may be restarted */
	uint64_t plant; /* enum world_plant */
};

void setting_choose(struct setting *s, uint64_t seed, const struct setting_limits *limits);
/* Pages that find room in the pod at a time, and SETTING_SLACK more on each node. */
#define SETTING_SLACK 4
uint64_t setting_room(const struct setting *s);
/* Does the guest touch more than that? */
bool setting_overfull(const struct setting *s);
/* Guest memory in pages. */
uint64_t setting_guest(const struct setting *s);

void setting_write(const struct setting *s, FILE *f);
/* One line that setting_write() wrote; false: it isn't one. */
bool setting_read(struct setting *s, const char *line);

/* Two words to one, well mixed: every draw is made so, and depends on nothing else. */
uint64_t setting_mix(uint64_t a, uint64_t b);

#endif
