/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mini-pod - one virtual machine on several nodes, all in one process or each in its own; with the
 * fake host backend, which takes no privileges, or with KVM. Real guest programs.
 */
#include "demo.h"
#include "machine.h"
#include "start.h"

const struct machine *const machines[] = { &machine_fake, &machine_kvm, NULL };

int main(int argc, char **argv)
{
	return start_main(argc, argv, demo_run);
}
