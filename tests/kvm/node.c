/* SPDX-License-Identifier: BSD-3-Clause */
/* See node.h. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "guests.h"
#include "node.h"

#define PATIENCE_US 120000000

/* ---- what a VMM does ---- */

/* Guests without devices but one, which is the pod's: any other exit is their end. */
static void *vcpu_main(void *arg)
{
	struct vm_vcpu *v = arg;
	struct vm_node *vm = v->vm;

	for (;;) {
		int news = tidal_kvm_run(vm->host, v->id);

		if (news < 0)
			atomic_fetch_add(&vm->failures, 1);
		if (news < 0 || news == TIDAL_KVM_END)
			return NULL;
		if (news == TIDAL_KVM_ARRIVED && vm->config.arrived)
			vm->config.arrived(vm->config.arg, vm->host, v->id);
		if (news != TIDAL_KVM_EXIT)
			continue;
		atomic_fetch_add(&vm->off, 1);
		if (tidal_kvm_off(vm->host, v->id))
			atomic_fetch_add(&vm->failures, 1);
	}
}

static int on_io(void *arg, tidal_vcpuid vcpu, tidal_gpa gpa, uint64_t *data, unsigned bytes,
		 int write)
{
	struct vm_node *vm = arg;
	unsigned port = (unsigned)(gpa - TIDAL_KVM_PORTS_AT);

	(void)vcpu;
	if (port == VM_PORT_DONE && write && bytes == 1) {
		atomic_fetch_add(&vm->done, 1);
	} else if (port == VM_PORT_TICKET && !write && bytes == 4) {
		*data = vm->tickets++;
	} else if (port == VM_PORT_TEXT && write && bytes == 1) {
		vm->garbled += *data != (uint8_t)DEVICE_TEXT[vm->said % DEVICE_TEXT_LEN];
		vm->said++;
	} else {
		return TIDAL_ERANGE;
	}
	return 0;
}

static void on_report(void *arg, const struct tidal_act_report *report)
{
	struct vm_node *vm = arg;

	if (report->what == TIDAL_REPORT_READY) {
		atomic_store(&vm->ready, 1);
		return;
	}
	atomic_fetch_add(&vm->failures, 1);
	print_message("node %u: report %u of node %u, vCPU %u, error %d: %s\n", vm->config.self,
		      report->what, report->node, report->vcpu, report->error,
		      report->text ? report->text : "");
}

struct access {
	atomic_int over;
	int status;
};

static void on_accessed(void *arg, uint64_t cookie, int status)
{
	struct access *a = (struct access *)(uintptr_t)cookie;

	(void)arg;
	a->status = status;
	atomic_store(&a->over, 1);
}

/* ---- opened ---- */

static int open_host(const struct vm_config *c, struct tidal_host **host, const char **why)
{
	struct tidal_kvm_config config;

	tidal_kvm_config_init(&config, sizeof(config));
	config.frames = c->frames;
	config.ram_bytes = c->pages * TIDAL_PAGE_SIZE;
	config.vcpu_slots = c->vcpus;
	config.hthreads = c->vcpus;
	config.flags = c->flags;
	return tidal_kvm_open(&config, host, why);
}

const char *vm_refusal(uint32_t flags)
{
	const struct vm_config config = { .frames = 64, .pages = 1, .vcpus = 1, .flags = flags };
	struct tidal_host *host;
	const char *why;

	if (open_host(&config, &host, &why))
		return why;
	tidal_kvm_ops()->close(host);
	return NULL;
}

static void make_map(struct vm_node *vm)
{
	const struct vm_config *c = &vm->config;

	assert_int_equal(tidal_vmap_init(&vm->vmap, sizeof(vm->vmap), c->pages, c->vcpus), 0);
	vm->vmap.vcpu_runs = 0;
	for (unsigned i = 0; i < c->vcpus; i++)
		vm->vmap.vcpu[vm->vmap.vcpu_runs++] = (struct tidal_vmap_vcpus){
			(tidal_vcpuid)i, 1, (tidal_nodeid)(i % c->nodes)
		};
	vm->vmap.devices = 1;
	vm->vmap.device[0] = (struct tidal_vmap_device){ TIDAL_KVM_PORTS_AT, 65536, 0 };
}

static void open_node(struct vm_node *vm)
{
	static const struct tidal_node_callbacks callbacks = {
		.size = sizeof(callbacks), .io = on_io, .report = on_report,
		.accessed = on_accessed,
	};
	const struct vm_config *c = &vm->config;
	struct tidal_params params;
	struct tidal_node_config config = {
		.size = sizeof(config), .params = &params, .host_ops = tidal_kvm_ops(),
		.host = vm->host, .transport_ops = c->wire_ops, .transport = c->wire,
		.callbacks = &callbacks, .arg = vm,
	};

	tidal_params_init(&params, sizeof(params), c->frames);
	params.node = (tidal_nodeid)c->self;
	params.nodes = (uint16_t)c->nodes;
	params.seed = c->self + 1;
	params.vmap = c->self == 0 ? &vm->vmap : NULL;
	params.topology = &vm->topology;
	params.vcpus = c->vcpus;
	params.vcpu_slots = c->vcpus;
	params.policy = c->policy;
	params.hold_ns = 50000;
	params.rto_ns = 20000000; /* real time: a thread may not run for some milliseconds */
	assert_int_equal(tidal_node_open(&config, &vm->node), 0);
}

int vm_starts(const struct vm_node *vm, unsigned vcpu)
{
	return vcpu % vm->config.nodes == vm->config.self;
}

static void start_threads(struct vm_node *vm)
{
	struct tidal_run_config run;

	tidal_run_config_init(&run, sizeof(run));
	assert_int_equal(tidal_node_start(vm->node, &run), 0);
}

void vm_open(struct vm_node *vm, const struct vm_config *config)
{
	const char *why = "";

	memset(vm, 0, sizeof(*vm));
	vm->config = *config;
	assert_int_equal(tidal_topology_regular(&vm->topology, vm->objects, 32, 1, 1,
						config->vcpus), 0);
	make_map(vm);
	assert_int_equal(open_host(config, &vm->host, &why), 0);
	assert_int_equal(kvm_guest_open(&vm->guest, vm->host), 0);
	assert_int_equal(tidal_kvm_route(vm->host, TIDAL_KVM_PORTS, VM_PORT_DONE, VM_PORTS,
					 TIDAL_KVM_PORTS_AT + VM_PORT_DONE), 0);
	for (unsigned i = 0; i < config->vcpus; i++)
		if (vm_starts(vm, i))
			assert_int_equal(tidal_kvm_ops()->vcpu_create(vm->host, (tidal_vcpuid)i),
					 0);
	open_node(vm);
	for (unsigned i = 0; i < config->vcpus; i++) {
		vm->vcpu[i].vm = vm;
		vm->vcpu[i].id = (tidal_vcpuid)i;
		assert_int_equal(pthread_create(&vm->vcpu[i].thread, NULL, vcpu_main,
						&vm->vcpu[i]), 0);
	}
	start_threads(vm);
}

void vm_close(struct vm_node *vm)
{
	const char *why = "";

	assert_int_equal(tidal_node_stop(vm->node), 0);
	if (tidal_core_check(tidal_node_core(vm->node), &why))
		fail_msg("node %u: %s", vm->config.self, why);
	tidal_node_close(vm->node);
	tidal_kvm_end(vm->host);
	for (unsigned i = 0; i < vm->config.vcpus; i++)
		assert_int_equal(pthread_join(vm->vcpu[i].thread, NULL), 0);
	tidal_kvm_ops()->close(vm->host);
	kvm_guest_close(&vm->guest);
}

void vm_boot(struct vm_node *vm, unsigned vcpu, uint64_t pc, const uint64_t args[6])
{
	assert_int_equal(kvm_guest_boot(vm->host, (tidal_vcpuid)vcpu, pc), 0);
	assert_int_equal(kvm_guest_args(vm->host, (tidal_vcpuid)vcpu, args), 0);
}

void vm_continue(struct vm_node *vm)
{
	const struct tidal_ev_command go = { .command = TIDAL_CMD_CONTINUE };

	assert_int_equal(tidal_node_command(vm->node, &go), 0);
}

int vm_move(struct vm_node *vm, unsigned vcpu, unsigned to)
{
	const struct tidal_ev_command move = {
		.command = TIDAL_CMD_MOVE_VCPU, .vcpu = (tidal_vcpuid)vcpu, .node = (tidal_nodeid)to,
	};

	return tidal_node_command(vm->node, &move);
}

/* ---- guest memory ---- */

static void access_page(struct vm_node *vm, tidal_gpa gpa, void *bytes, size_t len, int write)
{
	struct access a = { 0 };
	unsigned us = 0;

	assert_int_equal(tidal_node_access(vm->node, gpa, bytes, len, write,
					   (uint64_t)(uintptr_t)&a), 0);
	for (; !atomic_load(&a.over) && us < PATIENCE_US; us += 100)
		usleep(100);
	assert_int_equal(atomic_load(&a.over), 1);
	assert_int_equal(a.status, 0);
}

void vm_write(struct vm_node *vm, tidal_gpa gpa, const void *bytes, size_t len)
{
	access_page(vm, gpa, (void *)(uintptr_t)bytes, len, 1);
}

void vm_read(struct vm_node *vm, tidal_gpa gpa, void *bytes, size_t len)
{
	access_page(vm, gpa, bytes, len, 0);
}
