/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tidal/kvm.h - a host backend on /dev/kvm: x86-64 guests whose vCPUs and pages move between
 * processes. Needs Linux 5.10 and a userfaultfd; docs/integration.md shows a VMM's loop with it.
 *
 * Guest RAM is memory of this process under a userfaultfd, and a memory slot of the VM. A vCPU of the
 * guest is a KVM vCPU of the same number on every node that it has been to, and the VMM has a thread for
 * each that calls tidal_kvm_run() where it used to call ioctl(KVM_RUN). While the vCPU is
 * elsewhere, or the core does not run it, that call sleeps. It returns what is the VMM's to
 * handle, and the news that the vCPU has come or gone.
 *
 * A vCPU that waits for a page sleeps within KVM_RUN. When it is to be sent away instead it is got out
 * of there by a signal; where the kernel doesn't let go of it (its own accesses on behalf of the
 * guest: an emulated instruction, a page table) the page is fetched, and the vCPU stays.
 *
 * Registers, and what else KVM keeps of a vCPU (general and system registers, vectors, MSRs, pending
 * events, debug registers, a LAPIC in the kernel), move with it. What the VMM keeps of it
 * itself, such as a local APIC in user space, moves by the callbacks below.
 *
 * Accesses to devices: those to a device region, or to what was routed (tidal_kvm_route()), become
 * device stalls: the core has them carried out once, at the device's node, by that node's
 * io callback. All others are exits for the VMM's loop, at the node where the vCPU is just then.
 *
 * Threads: operations (host.h) and what is said to be the node's thread's want the node's lock
 * (tidal_node_lock()) when the node has threads. All others are for any thread. Callbacks are called
 * without locks of this backend.
 *
 * KVM's API is documented in the kernel's Documentation/virt/kvm/api.rst.
 */
#ifndef TIDAL_KVM_H
#define TIDAL_KVM_H

#include <tidal/host.h>

TIDAL_BEGIN_DECLS

struct kvm_run; /* <linux/kvm.h> */

enum tidal_kvm_flags {
	/* Copy pages even if the kernel can move them: slower, for tests. */
	TIDAL_KVM_COPY = 1u << 0,
};

struct tidal_kvm_config {
	size_t size;
	/*
	 * The VMM's VM, which stays its own and must outlive the host; -1: one is made. A local APIC in
	 * the kernel (KVM_CREATE_IRQCHIP) works, but faults are told less exactly with it.
	 */
	int vm_fd;
	uint32_t flags;	     /* enum tidal_kvm_flags */
	uint32_t frames;     /* real pages */
	uint32_t vcpu_slots; /* vCPUs that can be here at a time */
	uint32_t hthreads;   /* vCPUs that can run at a time */
	uint32_t zeroes;     /* pages of zeroes that are here at a time, besides frames: 64 .. 65535 */
	uint64_t ram_bytes;  /* of the guest, may be 0; adds a RAM region at 0 */
	/* Memory slots of the VM from this number on are the backend's, one per RAM or ROM region. */
	uint32_t first_slot;
	/*
	 * Gets vCPUs out of KVM_RUN. It is blocked in threads that call tidal_kvm_run() (except within
	 * KVM_RUN), and needs no handler.
	 */
	uint32_t signal;
	/* How long a vCPU that is sent away may take to get out; then its page is fetched instead. */
	uint32_t cancel_us;
	uint32_t vmm_bytes; /* room that vcpu_save needs, at most 16384 */

	/*
	 * A KVM vCPU was made: give it its CPUID (KVM_SET_CPUID2) and whatever is not the guest's to
	 * change; alike on all nodes. 0, or an error. NULL: it gets KVM_GET_SUPPORTED_CPUID with its
	 * number as APIC id.
	 */
	int (*vcpu_made)(void *arg, tidal_vcpuid vcpu, int fd);
	/*
	 * What the VMM knows of a vCPU that leaves, or comes: bytes written, or an error; 0, or
	 * an error. Neither runs the guest meanwhile. May be NULL.
	 */
	int (*vcpu_save)(void *arg, tidal_vcpuid vcpu, void *buf, size_t room);
	int (*vcpu_load)(void *arg, tidal_vcpuid vcpu, const void *buf, size_t len);
	void *arg;
};

/*
 * Defaults: a VM of its own, 4096 frames, 64 vCPU slots, 64 hyperthreads, 1024 pages of zeroes, 64 MiB of
 * RAM, slots from 0, SIGURG, 1000 us, nothing of the VMM's.
 */
TIDAL_API void tidal_kvm_config_init(struct tidal_kvm_config *config, size_t size);

/*
 * Open. *why: a static text with the remedy. EPERM: no permission for /dev/kvm or userfaultfd;
 * ENOENT: there is no /dev/kvm; ENOSYS: this KVM or kernel lacks something that *why names, or the library
 * was built without; EINVAL; ENOMEM; EIO. Memory that is never used costs nothing.
 */
TIDAL_API TIDAL_CHECKED int tidal_kvm_open(const struct tidal_kvm_config *config,
					   struct tidal_host **host, const char **why);
/*
 * close() wants all threads out of tidal_kvm_run(): see tidal_kvm_end(). region_add() may also
 * return EIO: KVM does not take the memory slot.
 */
TIDAL_API const struct tidal_host_ops *tidal_kvm_ops(void);

/* ---- vCPUs ---- */

struct tidal_kvm_vcpu {
	int fd;		     /* of the KVM vCPU */
	struct kvm_run *run; /* its shared page(s) */
};

/*
 * The KVM vCPU of that number, made if there is none yet (vcpu_made is called); valid until close.
 * The VMM may use it by ioctl: before it is run first, and from any return of tidal_kvm_run() with
 * TIDAL_KVM_EXIT, ARRIVED, or KICKED to the next call. ERANGE; EIO: KVM makes none; what
 * vcpu_made returned.
 */
TIDAL_API TIDAL_CHECKED int tidal_kvm_vcpu(struct tidal_host *host, tidal_vcpuid vcpu,
					   struct tidal_kvm_vcpu *kvm);
/* Take the VMM's own KVM vCPU for that number; it stays the VMM's. EEXIST; ERANGE; EIO: it is none. */
TIDAL_API TIDAL_CHECKED int tidal_kvm_vcpu_use(struct tidal_host *host, tidal_vcpuid vcpu, int fd);
TIDAL_API int tidal_kvm_vm_fd(const struct tidal_host *host);

enum tidal_kvm_news {
	/*
	 * An exit that is the VMM's: kvm_run->exit_reason and its struct. As always with KVM, the
	 * guest's instruction is finished by the next call.
	 */
	TIDAL_KVM_EXIT = 1,
	/* It is here now, for the first time or again, and is about to run. */
	TIDAL_KVM_ARRIVED = 2,
	/* It has left; the next call sleeps until it comes back. */
	TIDAL_KVM_LEFT = 3,
	/* tidal_kvm_kick(); it is about to run. */
	TIDAL_KVM_KICKED = 4,
	/* Another signal than the backend's is for this thread. */
	TIDAL_KVM_SIGNAL = 5,
	/*
	 * The backend has switched it off: it touched a hole, or wrote to ROM (kvm_run->mmio). The
	 * next call sleeps.
	 */
	TIDAL_KVM_OFF = 6,
	/* tidal_kvm_end(): don't call again. */
	TIDAL_KVM_END = 7,
};

/*
 * Run a vCPU of this node whenever the core says so, until there is something for the VMM: enum
 * tidal_kvm_news. One thread at a time per vCPU, preferably always the same. EBUSY: another
 * thread is in this call for this vCPU; EIO: KVM_RUN failed (errno), it is still the VMM's; those
 * of tidal_kvm_vcpu().
 */
TIDAL_API TIDAL_CHECKED int tidal_kvm_run(struct tidal_host *host, tidal_vcpuid vcpu);

/*
 * For the thread of a vCPU that tidal_kvm_run() has returned to the VMM (EXIT, ARRIVED, KICKED):
 * Let the pod carry out a device access in its name, as a device stall at *device*; *data is what is
 * written, or was read. Blocks. bytes: 1, 2, 4, 8. 0; EINVAL; ENOENT: it is not the VMM's now;
 * EAGAIN: the host ends (tidal_kvm_end()).
 */
TIDAL_API TIDAL_CHECKED int tidal_kvm_io(struct tidal_host *host, tidal_vcpuid vcpu,
					 tidal_gpa device, uint64_t *data, unsigned bytes,
					 int write);
/*
 * It waits for an interrupt (KVM_EXIT_HLT): its hyperthread is free, until tidal_kvm_wake(). If
 * it is moved meanwhile it runs at its new node: there TIDAL_KVM_ARRIVED lets the VMM call this again.
 * ENOENT: it is not the VMM's now.
 */
TIDAL_API TIDAL_CHECKED int tidal_kvm_halt(struct tidal_host *host, tidal_vcpuid vcpu);
/* It never runs again (shut down, triple fault). ENOENT: it is not the VMM's now. */
TIDAL_API TIDAL_CHECKED int tidal_kvm_off(struct tidal_host *host, tidal_vcpuid vcpu);

/*
 * Something waits for a vCPU. wake: one that has been halted becomes ready. kick: tidal_kvm_run()
 * returns TIDAL_KVM_KICKED before it runs any further, now or when the core runs it next. To stop
 * one for the core there is vcpu_kick(). ENOENT: it is not here, or may be leaving: what
 * the VMM then noted for it is lost to it unless vcpu_save is still to come. With a lock of the VMM's
 * around { note; kick; undo the note if ENOENT } and around what vcpu_save does, nothing gets lost,
 * or is there twice.
 */
TIDAL_API TIDAL_CHECKED int tidal_kvm_wake(struct tidal_host *host, tidal_vcpuid vcpu);
TIDAL_API TIDAL_CHECKED int tidal_kvm_kick(struct tidal_host *host, tidal_vcpuid vcpu);

/*
 * For debuggers: wait until a vCPU that does not run (it is stopped, or waits for a page) is out of
 * KVM_RUN, so that ioctls on it don't block, up to *us* microseconds. The registers may then be read
 * and written until it is run. ENOENT; EBUSY: it runs, or waits for a device; EAGAIN: it
 * did not get out.
 */
TIDAL_API TIDAL_CHECKED int tidal_kvm_still(struct tidal_host *host, tidal_vcpuid vcpu,
					    uint32_t us);

/*
 * The guest is over: every tidal_kvm_run() returns TIDAL_KVM_END from now on. Guest memory is not
 * watched any more, so the node must not run (tidal_node_stop()) nor be stepped again.
 */
TIDAL_API void tidal_kvm_end(struct tidal_host *host);

/* ---- devices and memory ---- */

enum tidal_kvm_space { TIDAL_KVM_PORTS = 0, TIDAL_KVM_MMIO = 1 };

/*
 * Where ports may appear to the pod, so that none of its memory is there: port p at + p. Devices of
 * the virtual map (vmap.h) are given by such addresses.
 */
#define TIDAL_KVM_PORTS_AT 0x400000000000u

/*
 * Accesses to [first, first + count) of the guest's ports, or addresses outside of RAM, are device
 * stalls at *device* + (address - first). A wide or a repeated one becomes several stalls,
 * in order. The node's thread. EINVAL: empty, or wraps; EEXIST: overlaps another route or a region;
 * EFULL: there are 64. TIDAL_REGION_DEVICE regions are routed to where they are.
 */
TIDAL_API TIDAL_CHECKED int tidal_kvm_route(struct tidal_host *host, uint32_t space,
					    uint64_t first, uint64_t count, tidal_gpa device);

/*
 * Where the RAM or ROM at *gpa* lies in this process, and (bytes may be NULL) how many bytes follow in a
 * row; NULL: neither. A thread other than the node's that touches it is as if a vCPU did:
 * it sleeps until the page is here, but only while some vCPU runs here. Better use
 * tidal_node_access(), and TIDAL_CMD_PIN for DMA, vhost and VFIO. The node's thread.
 */
TIDAL_API void *tidal_kvm_memory(const struct tidal_host *host, tidal_gpa gpa, uint64_t *bytes);

struct tidal_kvm_info {
	size_t size;	    /* set by the caller */
	uint32_t moves;	    /* 1: pages that may be written are moved, 0: copied */
	uint32_t sync_regs; /* 1: registers are read and written with KVM_RUN */
	/*
	 * 1: guests' time stamp counters can be set, so that they follow pod time; 0: this KVM ignores
	 * that, and nodes must be on one machine.
	 */
	uint32_t tsc;
	uint32_t tsc_khz;   /* of the guest's counter */
	uint64_t faults;    /* that vCPUs took */
	uint64_t strangers; /* of them, by other threads */
	uint64_t saves, loads;
	uint64_t cancels;   /* vCPUs that were got out of a fault to be saved */
	uint64_t stuck;	    /* of them, those that did not come out in time */
};

TIDAL_API void tidal_kvm_info(struct tidal_host *host, struct tidal_kvm_info *info);

TIDAL_END_DECLS

#endif
