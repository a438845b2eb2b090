/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tidal/stats.h - counters of one core. All start at 0 and only grow, except those called gauges.
 * New ones are added at the end: tidal_core_stats() fills as much as its caller knows.
 * vcpus_here has a vCPU that was sent until its arrival is acknowledged: meanwhile two nodes count
 * it. Where each one is: tidal_core_vcpu().
 */
#ifndef TIDAL_STATS_H
#define TIDAL_STATS_H

#include <tidal/base.h>

TIDAL_BEGIN_DECLS

#define TIDAL_STATS(X)                                                            \
	X(stalls_read, "stalls for reading or executing")                         \
	X(stalls_write, "stalls for writing")                                     \
	X(stalls_zero, "stalls of instructions that zero a page")                 \
	X(stalls_io, "accesses to devices")                                       \
	X(stalls_vmm, "stalls of VMM threads")                                    \
	X(out_local, "stalls served without a message")                           \
	X(out_page, "stalls served by moving or copying a page here")             \
	X(out_vcpu, "stalls served by sending the vCPU away")                     \
	X(pages_in, "pages whose ownership came here")                            \
	X(pages_out, "pages whose ownership left")                                \
	X(copies_in, "read-only copies received")                                 \
	X(copies_out, "read-only copies given")                                   \
	X(dormant_in, "dormant pages that came as a flag")                        \
	X(extents_in, "dormant extents received")                                 \
	X(extents_out, "dormant extents granted")                                 \
	X(invals_out, "invalidations sent")                                       \
	X(invals_in, "invalidations received")                                    \
	X(vcpus_in, "vCPUs that arrived")                                         \
	X(vcpus_out, "vCPUs that left")                                           \
	X(conversions, "dormant pages given a frame")                             \
	X(zero_maps, "reads of dormant pages served by the page of zeroes")       \
	X(skips, "zeroing instructions skipped")                                  \
	X(redormant, "pages found to be all zeroes, made dormant again")          \
	X(evictions, "pages with contents pushed to another node")                \
	X(drops, "read-only copies dropped to free a frame")                      \
	X(zeroed_idle, "frames zeroed in the background")                         \
	X(zeroed_late, "frames zeroed while a stall waited")                      \
	X(requests, "requests for a page sent")                                   \
	X(forwards, "requests passed on")                                         \
	X(refusals, "requests refused, all reasons")                              \
	X(refused_vcpu, "requests refused with: send the vCPU")                   \
	X(retries, "requests asked again")                                        \
	X(finds, "searches by asking all nodes")                                  \
	X(forward_max, "longest chain of forwards of a request answered here")    \
	X(messages_out, "messages sent, first time")                              \
	X(messages_in, "messages delivered")                                      \
	X(resent, "messages sent again")                                          \
	X(duplicates, "messages that had come before")                            \
	X(bytes_out, "bytes sent, headers and payloads")                          \
	X(decisions, "page or vCPU: decided by policy")                           \
	X(decided_vcpu, "page or vCPU: the vCPU")                                 \
	X(full_waits, "stalls that had to wait for a frame")                      \
	X(holds_extended, "holds extended for a starving vCPU")                   \
	X(runs, "times a vCPU was put on a hyperthread")                          \
	X(preemptions, "times a vCPU was stopped for another")                    \
	X(frames_zeroed, "gauge: frames free and clean")                          \
	X(frames_dirty, "gauge: frames free, to be zeroed")                       \
	X(frames_used, "gauge: frames that hold a page")                          \
	X(pages_known, "gauge: entries of the page table")                        \
	X(vcpus_here, "gauge: vCPUs on this node")                                \
	X(homes_full, "owners not recorded for want of params.homes")             \
	X(ahead, "dormant pages given a frame before they were touched")

#define TIDAL_STATS_MEMBER(name, text) uint64_t name;
struct tidal_stats {
	TIDAL_STATS(TIDAL_STATS_MEMBER)
};
#undef TIDAL_STATS_MEMBER

TIDAL_END_DECLS

#endif
