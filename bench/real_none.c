/* SPDX-License-Identifier: BSD-3-Clause */
/* Real guest memory where the system has no userfaultfd. */
#include "bench.h"
#include "report.h"

void bench_real(void)
{
	report_skip("libtidal was built without userfaultfd");
}

void bench_dense(void)
{
	report_skip("libtidal was built without userfaultfd");
}
