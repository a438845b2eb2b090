# SPDX-License-Identifier: BSD-3-Clause
# wordcount.sh - the wordcount guest against wc.
guest=wordcount
bytes=1500000
bytes_vcpu=400000
# The numbers alone: wc aligns them.
numbers()
{
	awk '{ print $1, $2, $3 }'
}
count()
{
	wc | numbers
}
oracle=count
tidy=numbers
. "$top_srcdir/tests/oracle/outputs.sh"
