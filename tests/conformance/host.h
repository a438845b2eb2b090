/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The conformance suite for host backends: the same cases for every implementation of struct
 * tidal_host_ops. A backend provides an adapter and a main() that calls host_conformance(); see
 * host_fake.c. The suite knows no instruction set: the adapter writes the guest's code.
 */
#ifndef TESTS_CONFORMANCE_HOST_H
#define TESTS_CONFORMANCE_HOST_H

#include <tidal/host.h>

/* What a guest program does. All but COUNT and CLOCK then spin for ever. */
enum host_guest {
	HOST_GUEST_SPIN,
	HOST_GUEST_LOAD,  /* load 8 bytes from addr, then store them at HOST_RESULT */
	HOST_GUEST_STORE, /* store value, 8 bytes, at addr */
	HOST_GUEST_ZERO,  /* zero the page of addr by one instruction that stalls as TIDAL_ZERO */
	HOST_GUEST_EXEC,  /* jump to addr */
	HOST_GUEST_IN,	  /* load 4 bytes from the device at addr; 8 bytes at HOST_RESULT */
	HOST_GUEST_OUT,	  /* store value, 4 bytes, to the device at addr */
	HOST_GUEST_COUNT, /* add 1 to the 8 bytes at addr, for ever */
	HOST_GUEST_CLOCK, /* store the guest's time at addr, for ever */
};

struct host_program {
	enum host_guest what;
	tidal_gpa addr;
	uint64_t value;
};

/* The guest's address space, all below 4 GiB. Code is at HOST_CODE + 4096 * vCPU. */
#define HOST_RAM_BYTES 0x1000000u
#define HOST_CODE 0x10000u
#define HOST_RESULT 0x18000u
#define HOST_DATA 0x20000u
#define HOST_ROM 0xd0000000u
#define HOST_HOLE 0xd8000000u
#define HOST_DEVICE 0xe0000000u

struct host_adapter {
	const char *name;
	const struct tidal_host_ops *(*ops)(void);
	/*
	 * A host without regions, with at least 64 frames, 2 vCPU slots and 2 hyperthreads. 0, an
	 * error, or 1 with *why: not possible on this machine, so the suite is skipped.
	 */
	int (*open)(struct tidal_host **host, const char **why);
	/* The program's code, to lie at *at*: bytes written, up to 4096; 0: no such instruction. */
	size_t (*code)(uint8_t *bytes, tidal_gpa at, const struct host_program *program);
	/* Let a vCPU that isn't running begin at *pc*. */
	int (*boot)(struct tidal_host *host, tidal_vcpuid vcpu, tidal_gpa pc);
	/* A number that HOST_GUEST_CLOCK stored, as pod time. */
	tidal_time (*time)(uint64_t stored);
	/* Its vCPUs can't be saved (ENOSYS): the cases that move one are skipped. */
	int stays;
	/* It tells the page of a stall, not the byte, and takes fetches for loads. */
	int coarse;
	/* A short wait for a host with threads of its own; may be NULL. */
	void (*pause)(void);
};

/* Run all cases; an exit status. */
int host_conformance(const struct host_adapter *adapter);

#endif
