# SPDX-License-Identifier: BSD-3-Clause
# processes.sh - mini-pod with a process per node: started together or one by one in any order; what
# one of them can't agree to; what the others do when one is killed, stopped or interrupted.
. "$top_srcdir/tests/oracle/lib.sh"
. "$top_srcdir/tests/examples/processes-lib.sh"

# The processes of a pod that begin() has started with --processes: `timeout` runs their parent.
parent_of()
{
	eval "child_of \$$1"
}
children_of()
{
	cat "/proc/$1/task/$1/children" 2>/dev/null
}

started_children()
{
	parent=$(parent_of "$1")
	[ -n "$parent" ] && [ "$(children_of "$parent" | wc -w)" = "$2" ]
}
busy()
{
	busy_all $(children_of "$(parent_of "$1")")
}

# --- all of them at once ---

make_text 60000 7 y >"$work/text"
for provider in net shm; do
	run --processes --provider "$provider" --nodes 3 --memory 1G --json "$work/json" wordcount "$work/text" ||
		fail "$provider: exit code $?: $(cat "$work/err")"
	wc -lwc <"$work/text" | awk '{ print $1, $2, $3 }' >"$work/right"
	tr -s ' \t' ' ' <"$work/out" | sed 's/^ //' | diff "$work/right" - >/dev/null ||
		fail "$provider: wordcount says '$(cat "$work/out")', wc '$(cat "$work/right")'"
	grep -q "node 0 *node 1 *node 2 *total" "$work/err" || fail "$provider: no table"
	awk '/^  messages / { exit !($2 > 0 && $3 > 0 && $4 > 0 && $5 == $2 + $3 + $4) }' \
		"$work/err" || fail "$provider: not everybody's counters: $(cat "$work/err")"
	# The same numbers for programs: messages of each node, as in the table.
	awk '/^  messages / { print $2, $3, $4 }' "$work/err" >"$work/right"
	sed -n 's/^ *"messages_out": \([0-9]*\).*/\1/p' "$work/json" | xargs |
		diff "$work/right" - || fail "$provider: --json and the table differ"
	grep -q '"clock": "real"' "$work/json" || fail "$provider: --json: no clock"
done

# Nodes of one process write the same, in virtual time.
run --nodes 2 --json "$work/json" --quiet wordcount "$work/hello" ||
	fail "--json in one process: exit code $?"
grep -q '"clock": "virtual"' "$work/json" || fail "--json in one process: no clock"
run --processes --json "$work/cannot/write" wordcount "$work/hello"
[ $? = 2 ] && grep -q "cannot/write: can't write it" "$work/err" ||
	fail "--json: says '$(cat "$work/err")'"

# A node is killed, another one stops to answer: everybody ends, in time, with code 3.
began() { eventually started_children "$1" 3 && eventually busy "$1"; }
nth() { shift "$1"; echo "$1"; }
for victim in 1 3; do
	begin pod --processes --nodes 3 --silence 2 "$work/endless"
	began pod
	pids=$(children_of "$(parent_of pod)")
	kill -9 "$(nth $victim $pids)"
	ends pod 3 "^mini-pod: node $((victim - 1)) is lost"
	[ "$(wc -l <"$work/pod.err")" = 1 ] || fail "killed: more than a line: $(cat "$work/pod.err")"
	for pid in $pids; do
		[ ! -e "/proc/$pid" ] || fail "process $pid is still there"
	done
done
begin pod --processes --nodes 3 --silence 1 "$work/endless"
began pod
stopped=$(nth 3 $(children_of "$(parent_of pod)"))
kill -STOP "$stopped"
(sleep 4; kill -CONT "$stopped") 2>/dev/null &
ends pod 3 "^mini-pod: node 2 is lost"

# Ctrl-C at all of them, and the parent's own end.
begin pod --processes --nodes 3 "$work/endless"
began pod
parent=$(parent_of pod)
pids=$(children_of "$parent")
kill -INT "$parent" $pids
ends pod 130
[ -s "$work/pod.err" ] && fail "interrupted: says '$(cat "$work/pod.err")'"
begin pod --processes --nodes 3 --provider shm "$work/endless"
began pod
parent=$(parent_of pod)
pids=$(children_of "$parent")
kill -9 "$parent"
all_gone() { for pid in $pids; do [ ! -e "/proc/$pid" ] || return 1; done; }
eventually all_gone || kill -9 $pids
ends pod 137
for pid in $pids; do
	for file in /dev/shm/tidal-*-"$pid":*; do
		[ ! -e "$file" ] || fail "$file is left"
	done
done

finish
