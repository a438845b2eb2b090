/* SPDX-License-Identifier: BSD-3-Clause */
/* What KVM keeps of a vCPU, read and written. */
#include <string.h>
#include <tidal/error.h>

#include "parts.h"

#define PAGING (UINT64_C(1) << 31)	 /* CR0.PG */
#define PAE (UINT64_C(1) << 5)		 /* CR4.PAE */
#define LONG_MODE (UINT64_C(1) << 10)	 /* EFER.LMA */

struct msrs {
	uint32_t count, pad; /* struct kvm_msrs */
	struct kvm_msr_entry entry[KVM_MSRS];
};

/* Only then the page directory pointers are registers of their own. */
static bool uses_pdptrs(const struct kvm_sregs *s)
{
	return s->cr0 & PAGING && s->cr4 & PAE && !(s->efer & LONG_MODE);
}

static int read_hot(int fd, const struct kvm_run *run, struct kvm_parts *p)
{
	if (run) {
		p->regs = run->s.regs.regs;
		p->sregs = run->s.regs.sregs;
		p->events = run->s.regs.events;
		return 0;
	}
	return ioctl(fd, KVM_GET_REGS, &p->regs) || ioctl(fd, KVM_GET_SREGS, &p->sregs) ||
	       ioctl(fd, KVM_GET_VCPU_EVENTS, &p->events) ? TIDAL_EIO : 0;
}

static int read_pdptrs(const struct kvm_machine *m, int fd, struct kvm_parts *p)
{
	struct kvm_sregs2 s;

	p->has_pdptr = m->sregs2 && uses_pdptrs(&p->sregs);
	if (!p->has_pdptr)
		return 0;
	if (ioctl(fd, KVM_GET_SREGS2, &s))
		return TIDAL_EIO;
	memcpy(p->pdptr, s.pdptrs, sizeof(p->pdptr));
	return 0;
}

static int read_msrs(const struct kvm_machine *m, int fd, uint64_t *value)
{
	struct msrs s = { .count = m->msrs };

	for (uint32_t i = 0; i < m->msrs; i++)
		s.entry[i].index = m->msr[i];
	if (ioctl(fd, KVM_GET_MSRS, &s) != (int)m->msrs)
		return TIDAL_EIO;
	for (uint32_t i = 0; i < m->msrs; i++)
		value[i] = s.entry[i].data;
	return 0;
}

/* Without a local APIC in the kernel all vCPUs are always runnable, as far as KVM knows. */
static int read_cold(const struct kvm_machine *m, int fd, struct kvm_parts *p)
{
	struct kvm_cold *c = &p->cold;

	if ((m->xcrs && ioctl(fd, KVM_GET_XCRS, &c->xcrs)) ||
	    (m->debugregs && ioctl(fd, KVM_GET_DEBUGREGS, &c->debugregs)) ||
	    read_msrs(m, fd, c->msr))
		return TIDAL_EIO;
	if (!m->lapic)
		return 0;
	return ioctl(fd, KVM_GET_MP_STATE, &c->mp_state) || ioctl(fd, KVM_GET_LAPIC, &p->lapic)
		       ? TIDAL_EIO : 0;
}

int kvm_parts_read(const struct kvm_machine *m, int fd, const struct kvm_run *run,
		   struct kvm_parts *p)
{
	int r;

	memset(&p->cold, 0, sizeof(p->cold));
	r = read_hot(fd, m->sync_regs ? run : NULL, p);
	if (!r)
		r = read_pdptrs(m, fd, p);
	if (!r && ioctl(fd, m->xsave2 ? KVM_GET_XSAVE2 : KVM_GET_XSAVE, p->xsave) < 0)
		r = TIDAL_EIO;
	return r ? r : read_cold(m, fd, p);
}

/* ---- writing ---- */

static int write_hot(int fd, struct kvm_run *run, const struct kvm_parts *p)
{
	if (run && !p->has_pdptr) {
		run->s.regs.regs = p->regs;
		run->s.regs.sregs = p->sregs;
		run->s.regs.events = p->events;
		run->kvm_dirty_regs = KVM_SYNC_X86_VALID_FIELDS;
		return 0;
	}
	return ioctl(fd, KVM_SET_SREGS, &p->sregs) || ioctl(fd, KVM_SET_REGS, &p->regs) ||
	       ioctl(fd, KVM_SET_VCPU_EVENTS, &p->events) ? TIDAL_EFORMAT : 0;
}

/* Then the system registers come with them. */
static int write_pdptrs(int fd, const struct kvm_parts *p)
{
	struct kvm_sregs2 s;

	if (!p->has_pdptr)
		return 0;
	if (ioctl(fd, KVM_GET_SREGS2, &s))
		return TIDAL_EIO;
	memcpy(s.pdptrs, p->pdptr, sizeof(p->pdptr));
	s.flags |= KVM_SREGS2_FLAGS_PDPTRS_VALID;
	return ioctl(fd, KVM_SET_SREGS2, &s) ? TIDAL_EFORMAT : 0;
}

static int write_msrs(const struct kvm_machine *m, int fd, const uint64_t *value)
{
	struct msrs s = { .count = m->msrs };

	for (uint32_t i = 0; i < m->msrs; i++)
		s.entry[i] = (struct kvm_msr_entry){ .index = m->msr[i], .data = value[i] };
	return ioctl(fd, KVM_SET_MSRS, &s) == (int)m->msrs ? 0 : TIDAL_EFORMAT;
}

static bool differ(const void *a, const void *b, size_t bytes)
{
	return memcmp(a, b, bytes) != 0;
}

static int write_cold(const struct kvm_machine *m, int fd, const struct kvm_parts *p,
		      const struct kvm_cold *had)
{
	const struct kvm_cold *c = &p->cold;

	if (m->xcrs && differ(&c->xcrs, &had->xcrs, sizeof(c->xcrs)) &&
	    ioctl(fd, KVM_SET_XCRS, &c->xcrs))
		return TIDAL_EFORMAT;
	if (ioctl(fd, KVM_SET_XSAVE, p->xsave) < 0)
		return TIDAL_EFORMAT;
	if (m->lapic && ioctl(fd, KVM_SET_LAPIC, &p->lapic))
		return TIDAL_EFORMAT;
	/* a timer of the local APIC is among the MSRs, so these come behind it */
	if ((m->lapic || differ(c->msr, had->msr, m->msrs * sizeof(c->msr[0]))) &&
	    write_msrs(m, fd, c->msr))
		return TIDAL_EFORMAT;
	if (m->debugregs && differ(&c->debugregs, &had->debugregs, sizeof(c->debugregs)) &&
	    ioctl(fd, KVM_SET_DEBUGREGS, &c->debugregs))
		return TIDAL_EFORMAT;
	if (m->lapic && ioctl(fd, KVM_SET_MP_STATE, &c->mp_state))
		return TIDAL_EFORMAT;
	return 0;
}

int kvm_parts_write(const struct kvm_machine *m, int fd, struct kvm_run *run,
		    const struct kvm_parts *p, struct kvm_cold *had)
{
	int r = write_hot(fd, m->sync_regs ? run : NULL, p);

	if (!r)
		r = write_pdptrs(fd, p);
	if (!r)
		r = write_cold(m, fd, p, had);
	/* half-written: nothing is known of it any more */
	if (r)
		memset(had, 0xff, sizeof(*had));
	else
		*had = p->cold;
	return r;
}
