/* SPDX-License-Identifier: BSD-3-Clause */
/* Page faults where the system has no userfaultfd, or the build no libfabric. */
#include "bench.h"
#include "report.h"

static const char why[] = "libtidal was built without userfaultfd or libfabric";

void bench_fault(void)
{
	report_skip(why);
}

void bench_fault_steps(void)
{
	report_skip(why);
}

void bench_fault_rate(void)
{
	report_skip(why);
}

void bench_sharers(void)
{
	report_skip(why);
}
