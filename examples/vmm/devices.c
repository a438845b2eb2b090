/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * devices.c - serial port, printing from memory and the end of the guest, on node 0; and each node's
 * device for interrupts (interrupts.c). By the node's thread.
 */
#include <stdlib.h>

#include "platform.h"
#include "text.h"
#include "vmm.h"

#define PORTS_BYTES 0x10000u
#define SERIAL_PORTS 8
#define SERIAL_STATUS (VMM_SERIAL + 5)
#define SERIAL_READY 0x60u /* to take what is written */
#define PRINT_PORTS 12

void devices_map(const struct options *options, struct tidal_vmap *map)
{
	map->devices = 0;
	map->device[map->devices++] = (struct tidal_vmap_device){
		.base = TIDAL_KVM_PORTS_AT,
		.bytes = PORTS_BYTES,
		.node = 0,
	};
	for (uint32_t i = 0; i < options->nodes; i++)
		map->device[map->devices++] = (struct tidal_vmap_device){
			.base = VMM_BUS_AT + i * VMM_BUS_BYTES,
			.bytes = VMM_BUS_BYTES,
			.node = (tidal_nodeid)i,
		};
}

int devices_route(const struct vmm *vmm)
{
	static const struct {
		uint16_t first, count;
	} ports[] = { { VMM_EXIT, 1 }, { VMM_SERIAL, SERIAL_PORTS }, { VMM_PRINT, PRINT_PORTS } };
	int status = 0;

	for (unsigned i = 0; i < sizeof(ports) / sizeof(ports[0]) && !status; i++)
		status = tidal_kvm_route(vmm->host, TIDAL_KVM_PORTS, ports[i].first, ports[i].count,
					 TIDAL_KVM_PORTS_AT + ports[i].first);
	return status ? complain(MINI_POD_BUG, "ports: %s", tidal_strerror(status)) : 0;
}

/* ---- printing from memory ---- */

static int print(struct vmm *vmm, tidal_vcpuid vcpu, uint32_t bytes)
{
	struct vmm_print *p = &vmm->print[vcpu];
	int status = TIDAL_ENOMEM;

	if (p->bytes || bytes > VMM_PRINT_MAX)
		return TIDAL_EINVAL;
	if (!bytes)
		return 0;
	p->buf = malloc(bytes);
	if (p->buf)
		status = tidal_node_access(vmm->node->node, p->gpa, p->buf, bytes, 0,
					   MACHINE_COOKIES | vcpu);
	if (!status) {
		p->bytes = bytes;
	} else {
		free(p->buf);
		p->buf = NULL;
	}
	return status;
}

void devices_accessed(struct pod_node *node, uint64_t cookie, int status)
{
	struct vmm *vmm = node->vmm;
	struct vmm_print *p = &vmm->print[cookie & ~MACHINE_COOKIES];

	if (status)
		pod_fail(node->pod, complain(MINI_POD_FAULT, "printing from %#llx: %s",
					     (unsigned long long)p->gpa, tidal_strerror(status)));
	else
		pod_print(node->pod, p->buf, p->bytes);
	free(p->buf);
	*p = (struct vmm_print){ 0 };
}

static int print_write(struct vmm *vmm, tidal_vcpuid vcpu, unsigned port, uint32_t data)
{
	struct vmm_print *p = &vmm->print[vcpu];

	switch (port) {
	case VMM_PRINT_LOW:
		p->gpa = (p->gpa & ~(tidal_gpa)UINT32_MAX) | data;
		return 0;
	case VMM_PRINT_HIGH:
		p->gpa = (p->gpa & UINT32_MAX) | (tidal_gpa)data << 32;
		return 0;
	case VMM_PRINT_BYTES:
		return print(vmm, vcpu, data);
	default:
		return TIDAL_EINVAL;
	}
}

/* ---- ports ---- */

static int on_write(struct vmm *vmm, tidal_vcpuid vcpu, unsigned port, uint64_t data,
		    unsigned bytes)
{
	struct pod *pod = vmm->node->pod;
	unsigned char c = (unsigned char)data;

	if (port == VMM_EXIT) {
		pod_exit(pod, c);
	} else if (port == VMM_SERIAL) {
		pod_print(pod, &c, 1);
	} else if (port >= VMM_PRINT && port < VMM_PRINT + PRINT_PORTS) {
		return bytes == 4 ? print_write(vmm, vcpu, port, (uint32_t)data) : TIDAL_EINVAL;
	}
	return 0; /* the serial port's other registers: taken, and ignored */
}

static uint64_t on_read(const struct vmm *vmm, tidal_vcpuid vcpu, unsigned port)
{
	if (port == SERIAL_STATUS)
		return SERIAL_READY;
	return port == VMM_PRINT_BYTES ? vmm->print[vcpu].bytes : 0;
}

/* As interrupts.c asks. */
static void bus(struct vmm *vmm, tidal_gpa gpa, uint64_t *data)
{
	uint64_t reg = (gpa - VMM_BUS_AT) % VMM_BUS_BYTES / 8;

	*data = (uint64_t)interrupts_asked(vmm, (tidal_vcpuid)(reg / 256), (uint8_t)reg);
}

int devices_io(struct pod_node *node, tidal_vcpuid vcpu, tidal_gpa gpa, uint64_t *data,
	       unsigned bytes, int write)
{
	struct vmm *vmm = node->vmm;
	unsigned port = (unsigned)(gpa - TIDAL_KVM_PORTS_AT);
	int status = 0;

	if (gpa >= VMM_BUS_AT && !write) {
		bus(vmm, gpa, data);
		return 0;
	}
	if (vcpu >= MINI_POD_VCPUS_MAX)
		return TIDAL_ERANGE;
	if (write)
		status = on_write(vmm, vcpu, port, *data, bytes);
	else
		*data = on_read(vmm, vcpu, port);
	if (status)
		pod_fail(node->pod, complain(MINI_POD_FAULT,
					     "vCPU %u: port %#x does not take %#llx (%u bytes): %s", vcpu,
					     port, (unsigned long long)*data, bytes,
					     tidal_strerror(status)));
	return status;
}
