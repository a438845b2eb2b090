/* SPDX-License-Identifier: BSD-3-Clause */
/* print-table - prints the table for docs/protocol.md; tests/unit/proto compares. */
#include "table_text.h"

int main(void)
{
	table_text(stdout);
	return 0;
}
