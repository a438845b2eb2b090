/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A node of a pod with real vCPUs, as a VMM has it: a thread for each vCPU of the guest, and those of
 * tidal_node_start(). The guests know a few ports.
 */
#ifndef TEST_KVM_NODE_H
#define TEST_KVM_NODE_H

#include <pthread.h>
#include <stdatomic.h>
#include <tidal/kvm.h>
#include <tidal/node.h>
#include <tidal/run.h>

#include "../conformance/kvm_guest.h"

#define VM_VCPUS 8
#define VM_PORT_DONE 0x10   /* at node 0, as are the others */
#define VM_PORT_TICKET 0x14 /* read 4 bytes: 0, 1, 2, ... */
#define VM_PORT_TEXT 0x18   /* write a byte of the text */
#define VM_PORTS 16

struct vm_config {
	unsigned self, nodes, vcpus;
	uint32_t frames;
	uint64_t pages;
	uint32_t flags; /* of the host */
	const struct tidal_policy_ops *policy;
	const struct tidal_transport_ops *wire_ops;
	struct tidal_transport *wire;
	/* in the thread of a vCPU that runs next: what the VMM thinks of it; may be NULL */
	void (*arrived)(void *arg, struct tidal_host *host, tidal_vcpuid vcpu);
	void *arg;
};

struct vm_node {
	struct vm_config config;
	struct tidal_host *host;
	struct kvm_guest guest;
	struct tidal_node *node;
	struct tidal_vmap vmap;
	struct tidal_topology topology;
	struct tidal_topo_object objects[32];
	struct vm_vcpu {
		struct vm_node *vm;
		tidal_vcpuid id;
		pthread_t thread;
	} vcpu[VM_VCPUS];
	atomic_uint ready;
	atomic_uint done;     /* vCPUs that have told so, at node 0 */
	atomic_uint failures; /* reports that should not be, and vCPUs that were shut down early */
	atomic_uint off;
	/* at node 0, in its callbacks: */
	unsigned tickets, said, garbled;
};

/* NULL: it can be opened; else why not (skip). */
const char *vm_refusal(uint32_t flags);
/* vCPUs start at nodes in turn. Ready when vm->ready is. */
void vm_open(struct vm_node *vm, const struct vm_config *config);
/* Checks the core as well, if the others are quiet. */
void vm_close(struct vm_node *vm);

/* Is this the node where the vCPU starts? Then: let it begin at *pc*. */
int vm_starts(const struct vm_node *vm, unsigned vcpu);
void vm_boot(struct vm_node *vm, unsigned vcpu, uint64_t pc, const uint64_t args[6]);
void vm_continue(struct vm_node *vm);

/* Guest memory, by the VMM; wait until it is done. */
void vm_write(struct vm_node *vm, tidal_gpa gpa, const void *bytes, size_t len);
void vm_read(struct vm_node *vm, tidal_gpa gpa, void *bytes, size_t len);

/* Order a vCPU that is here to go. 0: it has begun. */
int vm_move(struct vm_node *vm, unsigned vcpu, unsigned to);

#endif
