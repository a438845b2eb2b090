/* SPDX-License-Identifier: BSD-3-Clause */
/* Real guests where the library has no KVM. */
#include "bench.h"
#include "report.h"

void bench_kvm_state(void)
{
	report_skip("libtidal was built without KVM");
}

void bench_kvm_faults(void)
{
	report_skip("libtidal was built without KVM");
}
