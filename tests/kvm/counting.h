/* SPDX-License-Identifier: BSD-3-Clause */
/* The counting guest: put into a pod, and judged. */
#ifndef TEST_KVM_COUNTING_H
#define TEST_KVM_COUNTING_H

#include "node.h"

#define COUNTING_CODE 0x10000u
#define COUNTING_COMMON 0x12000u
#define COUNTING_RESULTS 0x14000u
#define COUNTING_PAGES 0x20000u
#define COUNTING_MEMORY 1024u /* pages */

/* By the first node, when it is ready. */
void counting_load(struct vm_node *first);
/* By each node. */
void counting_boot(struct vm_node *vm, uint64_t rounds);
/* By any node, when all are done: nothing lost, nothing twice. */
void counting_check(struct vm_node *vm, uint64_t rounds);

#endif
