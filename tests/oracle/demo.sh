# SPDX-License-Identifier: BSD-3-Clause
# demo.sh - mini-pod without arguments tells its story, and it is true.
. "$top_srcdir/tests/oracle/lib.sh"

run || fail "mini-pod: exit code $?: $(tail -n 1 "$work/err")"
grep -q "and 1 TiB of memory\.$" "$work/err" || fail "mini-pod: the story says nothing of 1 TiB"
grep -q "^I am one machine with .* harts and 1 TiB of memory" "$work/out" ||
	fail "mini-pod: the guest says nothing of 1 TiB"
grep -q "^Times are virtual" "$work/err" || fail "mini-pod: says nothing of virtual time"
grep -q "Its counts are right" "$work/err" || fail "mini-pod: the counts were not compared"
grep -q "^guest memory written" "$work/err" || fail "mini-pod: no table"

# What it proposes works, from here.
make_text 100000 1 >"$work/text"
sed -n '/^Next:/,$ s/^  //p' "$work/err" >"$work/next"
[ "$(grep -c . "$work/next")" -ge 2 ] || fail "mini-pod: proposes nothing"
while read -r command; do
	sh -c "$(echo "$command" | sed "s|FILE|$work/text|")" >"$work/out" 2>&1 ||
		fail "proposed, and fails: $command"
done <"$work/next"

# Quiet: the same story, without a table, and it comes to an end.
run --quiet || fail "mini-pod --quiet: exit code $?"
tail -n 1 "$work/err" | grep -q "too\.$" || fail "mini-pod --quiet: ends with '$(tail -n 1 "$work/err")'"
grep -q "^guest memory written" "$work/err" && fail "mini-pod --quiet: prints a table"

# On a terminal of 80 columns nothing of the line that shows progress stays.
if command -v script >/dev/null && script -qec true /dev/null </dev/null >/dev/null 2>&1; then
	script -qec "$mini_pod" /dev/null </dev/null >"$work/tty" 2>&1 ||
		fail "mini-pod on a terminal: exit code $?"
	tr -d '\r' <"$work/tty" | sed "s/.*$(printf '\033')\[K//" >"$work/left"
	grep -q "^ *[0-9.]* ms  Loaded a program" "$work/left" ||
		fail "mini-pod on a terminal: $(grep "Loaded a program" "$work/left")"
	tr '\r' '\n' <"$work/tty" | sed '/^Next/,$d' | awk 'length($0) > 80 + 3 { print; exit 1 }' ||
		fail "mini-pod on a terminal: the line above wraps"
fi
finish
