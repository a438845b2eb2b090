/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tidal/fake.h - a host backend without privileges: an interpreter of RV64IMA (with
 * Zicsr as far as a bare program needs it, and Zicboz with blocks of 4096 bytes) over
 * page frames in ordinary memory. Permissions are checked on every access; a stall
 * leaves the program counter at the instruction.
 *
 * The machine: RAM from address 0. Every hart starts at the entry of the ELF file in
 * machine mode, with interrupts off and
 *	a0 = its hart id	a1 = number of harts	a2 = bytes of RAM
 *	a3 = address of the input	a4 = bytes of input	a5 = first free address
 * `rdtime` reads pod time in ns; `wfi` yields (TIDAL_STOP_SLICE). Device registers lie at
 * TIDAL_FAKE_DEVICES (a device region; aligned accesses are TIDAL_IO stalls). There are
 * no interrupts. Exceptions trap to mtvec; while that is 0 they switch the hart off. Misaligned
 * loads and stores work, misaligned atomics trap. LR stalls as a write does; cbo.zero
 * stalls as TIDAL_ZERO with the address of its page.
 *
 * Deterministic: the same calls give the same events.
 */
#ifndef TIDAL_FAKE_H
#define TIDAL_FAKE_H

#include <tidal/host.h>

TIDAL_BEGIN_DECLS

/* Device registers: addresses, and what an access of 1, 2, 4 or 8 bytes does. */
#define TIDAL_FAKE_DEVICES 0x400000000000u	     /* 64 TiB */
#define TIDAL_FAKE_DEVICES_BYTES 4096u
#define TIDAL_FAKE_CONSOLE (TIDAL_FAKE_DEVICES + 0)  /* write: that many bytes, low byte first */
#define TIDAL_FAKE_EXIT (TIDAL_FAKE_DEVICES + 8)     /* write: the guest ends with this exit code */
#define TIDAL_FAKE_TICKET (TIDAL_FAKE_DEVICES + 16)  /* read: 0, 1, 2, ...: each value once */

struct tidal_fake_config {
	size_t size;
	uint32_t frames;     /* real pages */
	uint32_t vcpu_slots;
	uint32_t hthreads;
	uint64_t ram_bytes;  /* of the guest, may be 0; adds the RAM and the device region */
};

/* Fill with defaults: 4096 frames, 64 vCPUs, 4 hyperthreads, 64 MiB of RAM. */
TIDAL_API void tidal_fake_config_init(struct tidal_fake_config *config, size_t size);
/* EINVAL, ENOMEM, EIO. Frames that are never used cost no memory. Closed by ops->close. */
TIDAL_API TIDAL_CHECKED int tidal_fake_open(const struct tidal_fake_config *config,
					    struct tidal_host **host);
TIDAL_API const struct tidal_host_ops *tidal_fake_ops(void);

/* Where a hart starts. */
struct tidal_fake_boot {
	uint64_t pc;
	uint64_t a[6];
};

/* Set pc and a0-a5 of a vCPU that was created; other registers are 0. ENOENT; EBUSY: running;
 * EINVAL: pc is not a multiple of 4. */
TIDAL_API TIDAL_CHECKED int tidal_fake_vcpu_boot(struct tidal_host *host, tidal_vcpuid vcpu,
						 const struct tidal_fake_boot *boot);

/* Registers of a vCPU, for tests and debuggers. ENOENT; EBUSY: running. */
struct tidal_fake_regs {
	uint64_t x[32];
	uint64_t pc;
	uint64_t retired; /* instructions since it was created, kept across moves */
};
TIDAL_API TIDAL_CHECKED int tidal_fake_vcpu_regs(struct tidal_host *host, tidal_vcpuid vcpu,
						 struct tidal_fake_regs *regs);

/* Why the last vCPU that stopped with TIDAL_STOP_OFF did: a static text such as "illegal
 * instruction", with its pc and instruction; NULL if none did by fault. */
TIDAL_API const char *tidal_fake_fault(const struct tidal_host *host, tidal_vcpuid *vcpu,
				       uint64_t *pc, uint32_t *insn);

/*
 * A program: an ELF file (64-bit, little-endian, RISC-V, executable) in memory. The image
 * points into *file*, which must outlive it. EFORMAT with *why (static) for anything else.
 */
struct tidal_fake_segment {
	tidal_gpa gpa;
	uint64_t file_bytes; /* copied from data */
	uint64_t bytes;	     /* >= file_bytes; the rest is zero */
	const void *data;
};
#define TIDAL_FAKE_SEGMENTS 16
struct tidal_fake_image {
	uint64_t entry;
	uint64_t end; /* first address after all segments */
	uint32_t segments;
	struct tidal_fake_segment segment[TIDAL_FAKE_SEGMENTS];
};
TIDAL_API TIDAL_CHECKED int tidal_fake_elf(const void *file, size_t len,
					   struct tidal_fake_image *image, const char **why);

TIDAL_END_DECLS

#endif
