/* SPDX-License-Identifier: BSD-3-Clause */
/* machine_absent.c - the x86-64 machine where libtidal has no KVM backend. */
#include <tidal/kvm.h>

#include "machine.h"
#include "text.h"

static int fits(const struct options *options)
{
	(void)options;
	return complain(MINI_POD_USAGE,
			"--backend kvm: libtidal was built without KVM: that takes x86-64 Linux "
			"(Debian: linux-libc-dev)");
}

/* Nothing else is asked of what does not fit. */
const struct machine machine_kvm = {
	.name = "kvm",
	.suffix = ".x86-64.elf",
	.wants = "a static x86-64 program made for this machine",
	.memory = (uint64_t)1 << 30,
	.real = 1,
	.host_ops = tidal_kvm_ops,
	.fits = fits,
};
