# SPDX-License-Identifier: BSD-3-Clause
# demo.sh - mini-pod without arguments tells its story, and it is true.
. "$top_srcdir/tests/oracle/lib.sh"

run || fail "mini-pod: exit code $?: $(tail -n 1 "$work/err")"
grep -q "^I am one machine with .* harts and 1024 GiB of memory" "$work/out" ||
	fail "mini-pod: the guest says nothing of 1024 GiB"
grep -q "Its counts are right" "$work/err" || fail "mini-pod: the counts were not compared"
grep -q "^guest memory written" "$work/err" || fail "mini-pod: no table"
finish
