# SPDX-License-Identifier: BSD-3-Clause
# sort.sh - the sort guest against sort.
guest=sort
bytes=250000
bytes_vcpu=70000
oracle=sort
tidy=cat
. "$top_srcdir/tests/oracle/outputs.sh"
