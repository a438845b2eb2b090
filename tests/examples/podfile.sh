# SPDX-License-Identifier: BSD-3-Clause
# podfile.sh - a pod of processes that a file describes: started in any order; files that describe
# none; nodes that don't fit, and strangers, who are refused while the others go on.
. "$top_srcdir/tests/oracle/lib.sh"
. "$top_srcdir/tests/examples/processes-lib.sh"

# A port where nobody listens now.
port=$((20000 + $$ % 20000))
while grep -qi ":$(printf %04x $port) " /proc/net/tcp; do
	port=$((port + 1))
done

# pod FILE [SETTING...]: describe three nodes.
pod()
{
	file=$1
	shift
	{
		echo '{'
		for setting in "$@"; do
			echo "  $setting,"
		done
		echo '  "nodes": [ { "name": "ann", "address": "127.0.0.1:'$port'" },'
		echo '    { "name": "bob", "address": "127.0.0.1" }, { "address": "127.0.0.1" } ] }'
	} >"$work/$file"
}

# --- files that describe no pod ---

# bad FILE PATTERN [NODE]: one line, exit code 2.
bad()
{
	run --pod "$work/$1" --node "${3:-1}"
	status=$?
	[ "$status" = 2 ] || fail "$1: exit code $status, not 2"
	[ "$(wc -l <"$work/err")" = 1 ] || fail "$1: not one line: $(cat "$work/err")"
	grep -q "^mini-pod: .*$2" "$work/err" || fail "$1: says '$(cat "$work/err")', not '$2'"
}
bad missing "missing: No such file\|missing: unable to open"
: >"$work/empty"
bad empty "empty: line 1, column 0: "
echo '{ "nodes": [ }' >"$work/broken"
bad broken "broken: line 1, column [0-9]*: "
echo '[]' >"$work/list"
bad list "list: nodes: give a list of 1 to 64"
echo '{ "nodes": [ { "name": "x" } ] }' >"$work/nowhere"
bad nowhere "node 0: .*address"
echo '{ "nodes": [ { "address": "127.0.0.1" } ] }' >"$work/portless"
bad portless "node 0: .*give it a port"
echo '{ "nodes": [ { "address": "127.0.0.1:70000" } ] }' >"$work/port"
bad port "127.0.0.1:70000.*give one such as"
echo '{ "nodes": [ { "address": "127.0.0.1:7", "colour": 1 } ] }' >"$work/member"
bad member "node 0: .*colour"
pod setting '"colour": 1'
bad setting "colour: no such setting"
pod twice '"vcpus": 1' '"vcpus": 2'
bad twice "line 3.*duplicate"
pod number '"vcpus": 1.5'
bad number "vcpus: give a text or a whole number"
pod memory '"memory": "1X"'
bad memory "memory: memory 1X: give a size"
pod policy '"policy": "best"'
bad policy "there are cost, page and vcpu"
pod good
bad good "has nodes 0 to 2" 3
pod provider '"provider": "bogus"'
run --pod "$work/provider" --node 0 wordcount "$work/hello"
[ $? = 2 ] && grep -q "ann.*provider 'bogus' is not here" "$work/err" ||
	fail "no such provider: says '$(cat "$work/err")'"
pod hurry '"join": 1'
run --pod "$work/hurry" --node 2
[ $? = 3 ] && grep -q "node 0 (ann) can't be reached" "$work/err" ||
	fail "alone: says '$(cat "$work/err")'"
run --pod "$work/hurry" --node 0 wordcount "$work/hello"
[ $? = 3 ] && grep -q "node 1 (bob) did not come within 1 s; 2 of 3" "$work/err" ||
	fail "node 0 alone: says '$(cat "$work/err")'"

# --- a pod, the last node first; whoever doesn't fit is refused meanwhile ---

pod other '"vcpus": 2'
begin two --pod "$work/good" --node 2
begin zero --pod "$work/good" --node 0 wordcount "$work/hello"
listens() { grep -qi ":$(printf %04x $port) 00000000:0000 0A" /proc/net/tcp; }
eventually listens
begin stranger --pod "$work/other" --node 1
ends stranger 2 "node 0 (ann) refuses node 1 (bob): its vcpus is 2, here it is 3"
begin again --pod "$work/good" --node 0 wordcount "$work/hello"
ends again 2 "can't meet the other nodes at 127.0.0.1, port $port: Address already in use"
begin one --pod "$work/good" --node 1
ends zero 0 "node 0 *node 1 *node 2 *total"
ends one 0
ends two 0
grep -q "refused node 1 (bob): its vcpus is 2" "$work/zero.err" ||
	fail "node 0 doesn't say whom it refused: $(cat "$work/zero.err")"
[ "$(cat "$work/zero.out")" = "$(wc -lwc <"$work/hello" | awk '{ print $1, $2, $3 }')" ] ||
	fail "wordcount says '$(cat "$work/zero.out")'"
[ -s "$work/one.out$work" ] || [ ! -s "$work/one.err" ] || fail "node 1 says '$(cat "$work/one.err")'"

# --- one is killed, one is interrupted: each of the others says so ---

for way in KILL INT; do
	for node in 0 1 2; do
		begin n$node --pod "$work/good" --node $node $([ $node = 0 ] && echo "$work/endless")
	done
	eventually busy_all "$n0" "$n1" "$n2"
	kill -$way $(child_of "$n1")
	if [ $way = KILL ]; then
		ends n0 3 "node 1 (bob) is lost"
		ends n2 3 "node 1 (bob) is lost"
		ends n1 137
	else
		ends n0 130 "node 1 (bob) was interrupted"
		ends n2 130 "node 1 (bob) was interrupted"
		ends n1 130
	fi
done

finish
