/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The KVM host passes the conformance suite, with pages moved and with pages copied. The guests run in
 * user mode; KVM tells the page of a stall, not the byte, and takes fetches for loads.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tidal/kvm.h>
#include <unistd.h>

#include "host.h"
#include "kvm_guest.h"

#define HOSTS 4
#define VCPUS 8

struct vmm {
	struct tidal_host *host; /* NULL: free */
	struct kvm_guest guest;
	struct vmm_vcpu {
		struct vmm *vmm;
		tidal_vcpuid id;
		int started;
		pthread_t thread;
	} vcpu[VCPUS];
};

static struct vmm vmms[HOSTS];

static struct vmm *find(struct tidal_host *host)
{
	for (unsigned i = 0; i < HOSTS; i++)
		if (vmms[i].host == host)
			return &vmms[i];
	abort();
}

/* A VMM without devices: whatever a guest wants of it is the end of that guest. */
static void *vcpu_main(void *arg)
{
	struct vmm_vcpu *v = arg;

	for (;;) {
		int news = tidal_kvm_run(v->vmm->host, v->id);

		if (news < 0 || news == TIDAL_KVM_END)
			return NULL;
		if (news == TIDAL_KVM_EXIT && tidal_kvm_off(v->vmm->host, v->id))
			return NULL;
	}
}

static int start(struct tidal_host *host, tidal_vcpuid vcpu)
{
	struct vmm *vmm = find(host);
	struct vmm_vcpu *v = &vmm->vcpu[vcpu];

	if (vcpu >= VCPUS || v->started)
		return 0;
	v->vmm = vmm;
	v->id = vcpu;
	v->started = pthread_create(&v->thread, NULL, vcpu_main, v) == 0;
	return v->started ? 0 : TIDAL_EIO;
}

static int kvm_create(struct tidal_host *host, tidal_vcpuid vcpu)
{
	int r = tidal_kvm_ops()->vcpu_create(host, vcpu);

	return r ? r : start(host, vcpu);
}

static void kvm_close(struct tidal_host *host)
{
	struct vmm *vmm = find(host);

	tidal_kvm_end(host);
	for (unsigned i = 0; i < VCPUS; i++) {
		if (vmm->vcpu[i].started)
			pthread_join(vmm->vcpu[i].thread, NULL);
		vmm->vcpu[i].started = 0;
	}
	tidal_kvm_ops()->close(host);
	kvm_guest_close(&vmm->guest);
	vmm->host = NULL;
}

static const struct tidal_host_ops *kvm_ops(void)
{
	static struct tidal_host_ops ops;

	ops = *tidal_kvm_ops();
	ops.close = kvm_close;
	ops.vcpu_create = kvm_create;
	return &ops;
}

/* ---- code ---- */

struct emitter {
	uint8_t *bytes;
	size_t at;
};

static void emit(struct emitter *e, const char *code, size_t len)
{
	memcpy(e->bytes + e->at, code, len);
	e->at += len;
}
#define EMIT(e, code) emit(e, code, sizeof(code) - 1)

static void emit_constant(struct emitter *e, const char *mov, uint64_t value)
{
	emit(e, mov, 2);
	for (unsigned i = 0; i < 8; i++)
		e->bytes[e->at++] = (uint8_t)(value >> 8 * i);
}

static int emit_program(struct emitter *e, enum host_guest what)
{
	switch (what) {
	case HOST_GUEST_SPIN:
		break;
	case HOST_GUEST_LOAD:
		EMIT(e, "\x48\x8b\x06"); /* mov (%rsi),%rax */
		EMIT(e, "\x48\x89\x07"); /* mov %rax,(%rdi) */
		break;
	case HOST_GUEST_STORE:
		EMIT(e, "\x48\x89\x06"); /* mov %rax,(%rsi) */
		break;
	case HOST_GUEST_ZERO:
		return 0;
	case HOST_GUEST_EXEC:
		EMIT(e, "\xff\xe6"); /* jmp *%rsi */
		break;
	case HOST_GUEST_IN:
		EMIT(e, "\x8b\x06");	 /* mov (%rsi),%eax */
		EMIT(e, "\x48\x89\x07"); /* mov %rax,(%rdi) */
		break;
	case HOST_GUEST_OUT:
		EMIT(e, "\x89\x06"); /* mov %eax,(%rsi) */
		break;
	case HOST_GUEST_COUNT:
		EMIT(e, "\x48\x8b\x06\x48\xff\xc0\x48\x89\x06"); /* load, inc %rax, store */
		EMIT(e, "\xeb\xf5");				 /* again */
		break;
	case HOST_GUEST_CLOCK:
		EMIT(e, "\x0f\x31\x48\xc1\xe2\x20\x48\x09\xd0"); /* rdtsc, into %rax */
		EMIT(e, "\x48\x89\x06\xeb\xf2");		 /* store, again */
		break;
	}
	EMIT(e, "\xeb\xfe"); /* jmp . */
	return 1;
}

static size_t kvm_code(uint8_t *bytes, tidal_gpa at, const struct host_program *program)
{
	struct emitter e = { bytes, 0 };

	(void)at;
	emit_constant(&e, "\x48\xbe", program->addr);  /* movabs ,%rsi */
	emit_constant(&e, "\x48\xb8", program->value); /* ,%rax */
	emit_constant(&e, "\x48\xbf", HOST_RESULT);    /* ,%rdi */
	return emit_program(&e, program->what) ? e.at : 0;
}

static uint32_t tsc_khz = 1;

static tidal_time kvm_time(uint64_t stored)
{
	return stored / tsc_khz * 1000000u + stored % tsc_khz * 1000000u / tsc_khz;
}

/* ---- opening ---- */

static int open_with(uint32_t flags, struct tidal_host **host, const char **why)
{
	struct tidal_kvm_info info = { .size = sizeof(info) };
	struct tidal_kvm_config config;
	struct tidal_kvm_vcpu first;
	int r;

	tidal_kvm_config_init(&config, sizeof(config));
	config.frames = 64;
	config.vcpu_slots = 4;
	config.hthreads = 4;
	config.ram_bytes = 0;
	config.cancel_us = 1000000; /* a busy machine is not what is tested here */
	config.flags = flags;
	r = tidal_kvm_open(&config, host, why);
	if (r)
		return kvm_guest_try(r, why);
	find(NULL)->host = *host;
	r = kvm_guest_open(&find(*host)->guest, *host);
	if (!r)
		r = tidal_kvm_vcpu(*host, 0, &first); /* knows the clock */
	tidal_kvm_info(*host, &info);
	tsc_khz = info.tsc_khz;
	if (!r && (info.moves || flags & TIDAL_KVM_COPY))
		return 0;
	kvm_close(*host);
	*why = "this kernel's userfaultfd can't move pages: it takes Linux 6.8";
	return r ? TIDAL_EIO : 1;
}

static int open_moving(struct tidal_host **host, const char **why)
{
	return open_with(0, host, why);
}

static int open_copying(struct tidal_host **host, const char **why)
{
	return open_with(TIDAL_KVM_COPY, host, why);
}

static void wait_a_little(void)
{
	usleep(500);
}

int main(void)
{
	struct host_adapter adapter = {
		.name = "host kvm",
		.ops = kvm_ops,
		.open = open_moving,
		.code = kvm_code,
		.boot = kvm_guest_boot,
		.time = kvm_time,
		.coarse = 1,
		.pause = wait_a_little,
	};
	int moving, copying;

	moving = host_conformance(&adapter);
	adapter.name = "host kvm, copying";
	adapter.open = open_copying;
	copying = host_conformance(&adapter);
	if (moving == 77)
		return copying;
	return copying == 77 ? moving : moving + copying;
}
