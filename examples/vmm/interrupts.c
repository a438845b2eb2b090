/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * interrupts.c - local APICs, and the way between them.
 *
 * The state of a vCPU's local APIC is where the vCPU is, and moves with it. A note for one that is here is
 * made after tidal_kvm_kick() has said so, with the lock: if it is just leaving, what is saved has
 * the note. For one that is elsewhere its node is asked: each node has a device, with a register for each
 * vCPU and vector; whoever reads it interrupts, and gets a 1 if the vCPU was there. One that
 * is on its way is nowhere for a while, so nodes are asked until one has it.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include <linux/kvm.h>
#include <sys/ioctl.h>

#include "clock.h"
#include "platform.h"
#include "text.h"
#include "vmm.h"

#define ROUND_NS 50000 /* between questions, when nobody has it */
#define LEAVING_NS 1000000 /* for a timer that has ended while its vCPU was leaving */
#define SECOND UINT64_C(1000000000)

static void lock(struct vmm *vmm)
{
	(void)pthread_mutex_lock(&vmm->lock);
}

static void unlock(struct vmm *vmm)
{
	(void)pthread_mutex_unlock(&vmm->lock);
}

/* ---- what moves ---- */

int interrupts_save(void *arg, tidal_vcpuid vcpu, void *buf, size_t room)
{
	struct vmm *vmm = arg;
	struct apic apic;

	if (room < sizeof(apic))
		return TIDAL_ERANGE;
	lock(vmm);
	apic = vmm->vcpu[vcpu].apic;
	unlock(vmm);
	apic_pack(&apic, clock_ns());
	memcpy(buf, &apic, sizeof(apic));
	return sizeof(apic);
}

int interrupts_load(void *arg, tidal_vcpuid vcpu, const void *buf, size_t len)
{
	struct vmm *vmm = arg;
	struct apic apic;

	if (vcpu >= vmm->node->pod->options->vcpus || len != sizeof(apic))
		return TIDAL_EFORMAT;
	memcpy(&apic, buf, len);
	apic_unpack(&apic, clock_ns());
	lock(vmm);
	vmm->vcpu[vcpu].apic = apic;
	unlock(vmm);
	return vcpu_start(vmm, vcpu);
}

void interrupts_here(struct vmm_vcpu *v, int here)
{
	lock(v->vmm);
	v->here = here;
	(void)pthread_cond_signal(&v->vmm->timer_changed);
	unlock(v->vmm);
}

/* ---- to a vCPU that is here ---- */

/* With the lock, after a kick that found it here. */
static void note(struct vmm_vcpu *v, uint8_t vector)
{
	apic_post(&v->apic, vector);
	if (tidal_kvm_wake(v->vmm->host, v->id))
		return; /* it is leaving since, and takes the note along to where it runs */
}

int interrupts_asked(struct vmm *vmm, tidal_vcpuid vcpu, uint8_t vector)
{
	int here;

	lock(vmm);
	here = tidal_kvm_kick(vmm->host, vcpu) == 0;
	if (here)
		note(&vmm->vcpu[vcpu], vector);
	unlock(vmm);
	return here;
}

static void inject(struct vmm_vcpu *v)
{
	struct kvm_run *run = v->kvm.run;
	int vector = apic_next(&v->apic);
	struct kvm_interrupt interrupt = { .irq = (uint32_t)vector };

	if (vector >= 0 && run->ready_for_interrupt_injection &&
	    ioctl(v->kvm.fd, KVM_INTERRUPT, &interrupt) == 0) {
		apic_deliver(&v->apic, (uint8_t)vector);
		vector = apic_next(&v->apic);
	}
	run->request_interrupt_window = vector >= 0;
}

void interrupts_inject(struct vmm_vcpu *v)
{
	lock(v->vmm);
	inject(v);
	unlock(v->vmm);
}

int interrupts_halt(struct vmm_vcpu *v)
{
	int status = 0;

	lock(v->vmm);
	v->apic.halted = apic_next(&v->apic) < 0;
	if (v->apic.halted)
		status = tidal_kvm_halt(v->vmm->host, v->id);
	else
		inject(v);
	unlock(v->vmm);
	return status;
}

/* ---- to any ---- */

static int ask(struct vmm_vcpu *v, tidal_nodeid node, tidal_vcpuid id, uint8_t vector)
{
	tidal_gpa gpa = VMM_BUS_AT + node * VMM_BUS_BYTES + (id * 256u + vector) * UINT64_C(8);
	uint64_t there = 0;
	int status = tidal_kvm_io(v->vmm->host, v->id, gpa, &there, 8, 0);

	return status ? status : there == 1;
}

/* One round. 1: it is done; 0: nobody has it; or an error. */
static int ask_all(struct vmm_vcpu *v, tidal_vcpuid id, uint8_t vector)
{
	struct vmm *vmm = v->vmm;
	uint32_t nodes = vmm->node->pod->options->nodes;
	tidal_nodeid first = vmm->vcpu[id].seen_at;

	for (uint32_t i = 0; i < nodes; i++) {
		tidal_nodeid node = (tidal_nodeid)((first + i) % nodes);
		int status = node == vmm->node->id ? interrupts_asked(vmm, id, vector) :
						     ask(v, node, id, vector);

		if (status == 1)
			vmm->vcpu[id].seen_at = node;
		if (status)
			return status;
	}
	return 0;
}

static int send_to(struct vmm_vcpu *v, tidal_vcpuid id, uint8_t vector)
{
	const struct timespec nap = { .tv_nsec = ROUND_NS };
	int status;

	while ((status = ask_all(v, id, vector)) == 0)
		nanosleep(&nap, NULL); /* bounded by tidal_kvm_end() */
	return status < 0 ? status : 0;
}

static int send_all(struct vmm_vcpu *v, const struct apic_ipi *ipi)
{
	uint32_t vcpus = v->vmm->node->pod->options->vcpus;
	int status = 0;

	for (uint32_t id = 0; id < vcpus && !status; id++)
		if (apic_ipi_for(ipi, v->id, id))
			status = send_to(v, (tidal_vcpuid)id, ipi->vector);
	return status;
}

int interrupts_access(struct vmm_vcpu *v, struct kvm_run *run)
{
	uint32_t offset = (uint32_t)(run->mmio.phys_addr - VMM_APIC), value = 0;
	size_t len = run->mmio.len < sizeof(value) ? run->mmio.len : sizeof(value);
	struct apic_ipi ipi;
	int send = 0, waits;

	lock(v->vmm);
	if (run->mmio.is_write) {
		memcpy(&value, run->mmio.data, len);
		send = apic_write(&v->apic, offset, value, clock_ns(), &ipi);
		(void)pthread_cond_signal(&v->vmm->timer_changed);
	} else {
		value = apic_read(&v->apic, offset, clock_ns());
		memset(run->mmio.data, 0, sizeof(run->mmio.data));
		memcpy(run->mmio.data, &value, len);
	}
	waits = apic_next(&v->apic) >= 0;
	unlock(v->vmm);
	/* When this instruction is over: an EOI lets the next one come. */
	if (waits && tidal_kvm_kick(v->vmm->host, v->id))
		return TIDAL_ENOENT;
	return send ? send_all(v, &ipi) : 0;
}

/* ---- timers ---- */

/* Returns when to look again. */
static uint64_t look(struct vmm *vmm, struct vmm_vcpu *v, uint64_t now)
{
	uint8_t vector = 0;

	if (!v->here || !v->apic.due)
		return UINT64_MAX;
	if (now < v->apic.due)
		return v->apic.due;
	if (tidal_kvm_kick(vmm->host, v->id))
		return now + LEAVING_NS;
	if (apic_timer(&v->apic, now, &vector) && vector)
		note(v, vector);
	return v->apic.due ? v->apic.due : UINT64_MAX;
}

static void *timer_main(void *arg)
{
	struct vmm *vmm = arg;

	lock(vmm);
	while (!vmm->over) {
		uint64_t now = clock_ns(), next = now + 3600 * SECOND;
		struct timespec until;

		for (uint32_t i = 0; i < vmm->node->pod->options->vcpus; i++) {
			uint64_t due = look(vmm, &vmm->vcpu[i], now);

			next = due < next ? due : next;
		}
		until = (struct timespec){ .tv_sec = (time_t)(next / SECOND),
					   .tv_nsec = (long)(next % SECOND) };
		(void)pthread_cond_timedwait(&vmm->timer_changed, &vmm->lock, &until);
	}
	unlock(vmm);
	return NULL;
}

int interrupts_start(struct vmm *vmm)
{
	pthread_condattr_t clock;
	int error;

	(void)pthread_mutex_init(&vmm->lock, NULL);
	(void)pthread_condattr_init(&clock);
	(void)pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&vmm->timer_changed, &clock);
	(void)pthread_condattr_destroy(&clock);
	error = pthread_create(&vmm->timer, NULL, timer_main, vmm);
	vmm->timing = !error;
	return error ? complain(MINI_POD_BUG, "no thread for timers: %s", strerror(error)) : 0;
}

void interrupts_stop(struct vmm *vmm)
{
	lock(vmm);
	vmm->over = 1;
	(void)pthread_cond_signal(&vmm->timer_changed);
	unlock(vmm);
	if (vmm->timing)
		(void)pthread_join(vmm->timer, NULL);
	vmm->timing = 0;
	(void)pthread_cond_destroy(&vmm->timer_changed);
	(void)pthread_mutex_destroy(&vmm->lock);
}
