# SPDX-License-Identifier: BSD-3-Clause
# trace.sh - mini-pod's --trace: what trace_check says of it, with nodes in one process and in their
# own; parts that are put together; what is too much, and what can't be.
# (Seen to fail: with PAGE_OUT told after the message was sent; without the check for both ends of
# arrows in trace_merge.c; with a slice of a vCPU that is left open at the end.)
. "$top_srcdir/tests/oracle/lib.sh"
. "$top_srcdir/tests/examples/processes-lib.sh"

check=$top_builddir/tests/examples/trace_check
if [ ! -x "$check" ]; then
	echo "SKIP: no jansson (libjansson-dev) to read traces with"
	exit 77
fi
trace=$work/trace counters=$work/counters

# checks WHAT [COUNTERS]: the trace is one. How many arrows it has: $arrows.
checks()
{
	what=$1
	shift
	"$check" "$trace" "$@" >"$work/checked" || fail "$what: $(cat "$work/checked")"
	arrows=$(sed -n 's/.*, \([0-9]*\) arrows/\1/p' "$work/checked")
	[ "${arrows:-0}" -gt 0 ] || fail "$what: no arrows"
}
# says PATTERN: mini-pod's one line does.
says()
{
	[ "$(grep -c "^mini-pod: " "$work/err")" = 1 ] && grep -q "^mini-pod: .*$1" "$work/err" ||
		fail "says '$(cat "$work/err")', not '$1'"
}

# --- in one process: exactly what is counted, whatever moves ---

make_text 60000 7 y >"$work/text"
for options in "--policy page" "--policy vcpu" "--loss 5 --reorder" "--hthreads 2 --vcpus 5"; do
	# shellcheck disable=SC2086
	run --nodes 3 --memory 1G --trace "$trace" --json "$counters" $options wordcount "$work/text" ||
		fail "$options: exit code $?: $(cat "$work/err")"
	checks "$options" "$counters"
done
run --policy vcpu --node-memory 1M --trace "$trace" --json "$counters" pointer-chase ||
	fail "pointer-chase: exit code $?"
checks pointer-chase "$counters"
grep -q '"cat":"vCPU"' "$trace" && grep -q '"name":"node 3 "' "$trace" || fail "no vCPU moves"
grep -q '"clock":"virtual"' "$trace" || fail "no clock"
[ -e "$trace.all" ] && fail "$trace.all is left"

# --- no more than so much; and where it can't be written ---

run --trace "$trace" --trace-events 100 --quiet wordcount "$work/text" || fail "100: exit code $?"
says "no more than the first 100 events"
"$check" "$trace" >"$work/checked" || fail "100 events: $(cat "$work/checked")"
[ "$(grep -c '"ph":"X"' "$trace")" = 100 ] || fail "not 100 events"
run --trace "$work/not/there" wordcount "$work/text"
[ $? = 2 ] || fail "not there: exit code $?"
says "not/there: can't write it: No such file"

# --- a process per node: as counted, too, and on one clock ---

for provider in net shm; do
	run --processes --provider "$provider" --nodes 3 --memory 1G --trace "$trace" \
		--json "$counters" wordcount "$work/text" ||
		fail "$provider: exit code $?: $(cat "$work/err")"
	checks "$provider" "$counters"
	grep -q '"clock":"monotonic"' "$trace" || fail "$provider: no clock"
	for node in 0 1 2; do
		[ -e "$trace.$node" ] && fail "$provider: $trace.$node is left"
	done
done
begin pod --processes --nodes 2 --trace "$trace" "$work/endless"
children() { cat "/proc/$(child_of $pod)/task/$(child_of $pod)/children" 2>/dev/null; }
two() { [ "$(children | wc -w)" = 2 ] && busy_all $(children); }
eventually two
kill -9 "$(children | cut -d' ' -f2)"
ends pod 3 "trace: node 1 has written no part of it"
"$check" "$trace" >"$work/checked" || fail "one killed: $(cat "$work/checked")"

# --- a pod file: a part each, put together by hand ---

port=$((20000 + $$ % 20000))
while grep -qi ":$(printf %04x $port) " /proc/net/tcp; do
	port=$((port + 1))
done
echo '{ "memory": "1G", "nodes": [ { "name": "a \"b\"", "address": "127.0.0.1:'$port'" },
	{ "address": "127.0.0.1" } ] }' >"$work/pod"
begin one --pod "$work/pod" --node 1 --trace "$trace"
begin zero --pod "$work/pod" --node 0 --trace "$trace" --json "$counters" wordcount "$work/text"
ends zero 0
ends one 0
cp "$trace.1" "$work/old"
run --merge-trace "$trace" || fail "merge: exit code $?: $(cat "$work/err")"
checks "pod file" "$counters"
grep -q '"name":"node 0 a b"' "$trace" || fail "no name: $(grep process_name "$trace")"
run --merge-trace "$trace"
[ $? = 2 ] || fail "merge again: exit code $?"
says "trace.0: can't read it: No such file"

begin one --pod "$work/pod" --node 1 --trace "$trace"
begin zero --pod "$work/pod" --node 0 --trace "$trace" wordcount "$work/text"
ends zero 0
ends one 0
cp "$trace.1" "$work/new"
cp "$work/old" "$trace.1"
run --merge-trace "$trace"
[ $? = 2 ] || fail "old part: exit code $?"
says "are of different runs"
head -c 3000 "$work/new" >"$trace.1"
run --merge-trace "$trace"
[ $? = 2 ] || fail "cut off: exit code $?"
says "trace.1: that is no part of a trace, or not all of it"
[ -s "$trace.0" ] || fail "a part is gone, but was not used"
echo nonsense >"$trace.1"
run --merge-trace "$trace"
[ $? = 2 ] || fail "nonsense: exit code $?"
says "trace.1: that is no part of a trace"

finish
