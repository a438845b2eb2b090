/* SPDX-License-Identifier: BSD-3-Clause */
/* machine.c - the x86-64 machine as the rest of a pod sees it. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "elf.h"
#include "platform.h"
#include "text.h"
#include "vmm.h"

#define MEMORY ((uint64_t)1 << 30)
#define MEMORY_MAX ((uint64_t)4 << 40)

static int fits(const struct options *options)
{
	if (options->nodes > VMM_NODES_MAX)
		return complain(MINI_POD_USAGE, "--nodes %u: with KVM there are at most %u",
				options->nodes, VMM_NODES_MAX);
	if (options->memory > MEMORY_MAX)
		return complain(MINI_POD_USAGE, "--memory %s: with KVM it is at most %s",
				text_bytes(options->memory).s, text_bytes(MEMORY_MAX).s);
	return 0;
}

static tidal_gpa physical(uint64_t address)
{
	/* the end of what lies below the hole is no address */
	return address == VMM_HOLE ? address : VMM_PHYSICAL(address);
}

/* RAM, but for the hole. */
static int add_ram(const struct vmm *vmm, uint64_t memory)
{
	struct tidal_region low = { .bytes = memory, .kind = TIDAL_REGION_RAM };
	struct tidal_region high = { .base = VMM_HOLE_END, .kind = TIDAL_REGION_RAM };
	int status;

	if (memory > VMM_HOLE) {
		low.bytes = VMM_HOLE;
		high.bytes = memory - VMM_HOLE;
	}
	status = tidal_kvm_ops()->region_add(vmm->host, &low);
	if (!status && high.bytes)
		status = tidal_kvm_ops()->region_add(vmm->host, &high);
	return status ? complain(MINI_POD_USAGE,
				 "guest memory of %s: KVM does not take it (%s): lower --memory",
				 text_bytes(memory).s, tidal_strerror(status)) :
			0;
}

static int open_kvm(struct vmm *vmm, const struct options *options)
{
	struct tidal_kvm_config config;
	const char *why = "";
	int status;

	tidal_kvm_config_init(&config, sizeof(config));
	config.frames = (uint32_t)(options->node_memory / TIDAL_PAGE_SIZE);
	config.vcpu_slots = options->vcpus;
	config.hthreads = options->hthreads;
	config.ram_bytes = 0;
	config.vmm_bytes = sizeof(struct apic);
	config.vcpu_save = interrupts_save;
	config.vcpu_load = interrupts_load;
	config.arg = vmm;
	status = tidal_kvm_open(&config, &vmm->host, &why);
	vmm->node->host = vmm->host;
	return status ? complain(MINI_POD_USAGE, "node %u: %s (%s)", vmm->node->id, why,
				 tidal_strerror(status)) :
			0;
}

static void init_vcpus(struct vmm *vmm, const struct tidal_vmap *map)
{
	for (uint32_t run = 0; run < map->vcpu_runs; run++)
		for (uint32_t i = 0; i < map->vcpu[run].count; i++) {
			uint32_t id = map->vcpu[run].first + i;

			vmm->vcpu[id].vmm = vmm;
			vmm->vcpu[id].id = (tidal_vcpuid)id;
			vmm->vcpu[id].seen_at = map->vcpu[run].node;
			apic_init(&vmm->vcpu[id].apic, id);
		}
}

static int open_machine(struct pod_node *node, const struct tidal_vmap *map)
{
	const struct options *options = node->pod->options;
	struct vmm *vmm = calloc(1, sizeof(*vmm));
	int status, error;

	if (!vmm)
		return complain(MINI_POD_BUG, "not enough memory");
	node->vmm = vmm;
	vmm->node = node;
	init_vcpus(vmm, map);
	status = interrupts_start(vmm);
	if (!status)
		status = open_kvm(vmm, options);
	if (!status)
		status = add_ram(vmm, options->memory);
	if (!status)
		status = devices_route(vmm);
	if (status)
		return status;
	error = firmware_open(&vmm->firmware, tidal_kvm_vm_fd(vmm->host), VMM_FIRMWARE_SLOT,
			      options->memory);
	return error ? complain(MINI_POD_BUG, "node %u: page tables: %s", node->id,
				strerror(error)) :
		       0;
}

static int boot_vcpu(struct pod_node *node, tidal_vcpuid vcpu, const struct boot *boot)
{
	struct vmm *vmm = node->vmm;
	int status = tidal_kvm_ops()->vcpu_create(node->host, vcpu);

	if (!status)
		status = tidal_kvm_vcpu(node->host, vcpu, &vmm->vcpu[vcpu].kvm);
	if (status)
		return complain(MINI_POD_BUG, "vCPU %u: %s", vcpu, tidal_strerror(status));
	status = cpu_boot(vmm, vcpu, boot);
	if (status)
		return status;
	status = vcpu_start(vmm, vcpu);
	return status ? complain(MINI_POD_BUG, "vCPU %u: %s", vcpu, tidal_strerror(status)) : 0;
}

static int faults(struct pod_node *node)
{
	struct vmm *vmm = node->vmm;

	return atomic_load(&vmm->failed);
}

static void stop(struct pod_node *node)
{
	struct vmm *vmm = node->vmm;

	if (!vmm)
		return;
	if (vmm->host)
		tidal_kvm_end(vmm->host);
	vcpu_join(vmm);
	interrupts_stop(vmm);
}

static void close_machine(struct pod_node *node)
{
	struct vmm *vmm = node->vmm;

	if (!vmm)
		return;
	if (vmm->host)
		tidal_kvm_ops()->close(vmm->host);
	firmware_close(&vmm->firmware);
	for (unsigned i = 0; i < MINI_POD_VCPUS_MAX; i++)
		free(vmm->print[i].buf);
	free(vmm);
	node->vmm = NULL;
}

const struct machine machine_kvm = {
	.name = "kvm",
	.suffix = ".x86-64.elf",
	.wants = "a static x86-64 program made for this machine",
	.memory = MEMORY,
	.real = 1,
	.host_ops = tidal_kvm_ops,
	.fits = fits,
	.image = elf_image,
	.gpa = physical,
	.devices = devices_map,
	.open = open_machine,
	.boot = boot_vcpu,
	.io = devices_io,
	.accessed = devices_accessed,
	.faults = faults,
	.stop = stop,
	.close = close_machine,
};
