/* SPDX-License-Identifier: BSD-3-Clause */
/* In place of tests of what was not built. */
#include <stdio.h>

int main(void)
{
	printf("SKIP: libtidal was built without userfaultfd\n");
	return 77;
}
