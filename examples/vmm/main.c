/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tidal-vmm - a small VMM: one x86-64 virtual machine on several nodes, with KVM. What it shares with
 * mini-pod is in examples/common; the machine is here.
 */
#include "machine.h"
#include "start.h"
#include "text.h"

const struct machine *const machines[] = { &machine_kvm, NULL };

static int no_program(const struct options *options)
{
	(void)options;
	return complain(MINI_POD_USAGE, "give a program; see tidal-vmm --help");
}

int main(int argc, char **argv)
{
	return start_main(argc, argv, no_program);
}
