# SPDX-License-Identifier: BSD-3-Clause
# sha256.sh - the sha256 guest against sha256sum.
guest=sha256
bytes=700000
bytes_vcpu=260000
hash()
{
	sha256sum | cut -d ' ' -f 1
}
oracle=hash
tidy=cat
. "$top_srcdir/tests/oracle/outputs.sh"
