# SPDX-License-Identifier: BSD-3-Clause
# outputs.sh - run a guest on pods of many shapes and compare what it prints with what a host
# program prints. Read by sha256.sh, wordcount.sh and sort.sh, which set:
#	guest	its name
#	bytes	how long the input is
#	bytes_vcpu	the same for the policy vcpu, which takes far longer
#	oracle	a command that filters the input; its output is compared with the guest's
#	tidy	a command that filters the guest's output before
# ORACLE_FULL=1 in the environment runs every shape instead of a sample.
#
# Nodes have so little memory that the guest writes 1.5 times as much as one of them holds
# (and at most 0.8 of what all hold), except on a pod of one.

. "$top_srcdir/tests/oracle/lib.sh"

# nodes vcpus policy loss reorder
sample='
1 1 cost 0 -
1 3 page 1 -
2 1 cost 0 -
2 2 page 0 --reorder
2 5 vcpu 1 -
3 3 vcpu 0 -
3 8 cost 1 --reorder
4 4 cost 0 -
4 2 page 1 --reorder
4 7 vcpu 0 --reorder
5 6 page 0 -
6 1 vcpu 1 --reorder
7 4 cost 2 -
8 8 cost 0 --reorder
8 8 page 0 -
8 3 vcpu 0 -
'

every_shape()
{
	for nodes in 1 2 3 4 5 6 7 8; do
		for vcpus in 1 2 3 4 5 6 7 8; do
			for policy in cost page vcpu; do
				for loss in 0 2; do
					echo "$nodes $vcpus $policy $loss -"
					echo "$nodes $vcpus $policy $loss --reorder"
				done
			done
		done
	done
}

# measure VCPUS INPUT: how many pages the guest writes, on one large node.
measure()
{
	if [ ! -f "$2.$1" ]; then
		run --nodes 1 --node-memory 256M --vcpus "$1" "$guest" "$2" ||
			fail "$guest: exit code $? on one large node: $(cat "$work/err")"
		pages_written >"$2.$1"
	fi
	cat "$2.$1"
}

# check_shape NODES VCPUS POLICY LOSS REORDER
check_shape()
{
	input=$work/input
	[ "$3" = vcpu ] && input=$work/small
	pages=$(measure "$2" "$input")
	if [ -z "$pages" ]; then
		fail "$guest: the table does not say what the guest wrote"
		return
	fi
	# between 1.5 and 1.6 times a node: it may write a page or two less, or more, than on one node
	node=$(((pages * 20 + 15) / 31))
	[ "$1" = 1 ] && node=$((pages * 5 / 4 + 2))
	shape="--nodes $1 --vcpus $2 --policy $3 --loss $4 --seed $1$2"
	[ "$5" = - ] || shape="$shape $5"
	shape="$shape --node-memory $((node * 4))K"
	# Words of $shape are arguments.
	run $shape "$guest" "$input"
	status=$?
	if [ "$status" != 0 ]; then
		fail "mini-pod $shape $guest: exit code $status: $(tail -n 1 "$work/err")"
		return
	fi
	$tidy <"$work/out" >"$work/tidy"
	cmp -s "$work/tidy" "$input.expected" ||
		fail "mini-pod $shape $guest: its output differs from that of $oracle"
	written=$(pages_written)
	if [ "$1" != 1 ] && [ $((written * 2)) -lt $((node * 3)) ]; then
		fail "mini-pod $shape $guest: wrote $written pages, less than 1.5 times $node"
	fi
	if [ $((written * 10)) -gt $((node * $1 * 8)) ]; then
		fail "mini-pod $shape $guest: wrote $written pages, more than 0.8 of $1 times $node"
	fi
	shapes=$((shapes + 1))
}

make_text "$bytes" 20 >"$work/input"
make_text "$bytes_vcpu" 21 >"$work/small"
$oracle <"$work/input" >"$work/input.expected"
$oracle <"$work/small" >"$work/small.expected"
shapes=0
if [ -n "$ORACLE_FULL" ]; then
	every_shape >"$work/shapes"
else
	echo "$sample" | sed '/^$/d' >"$work/shapes"
fi
# No pipe: the loop counts failures.
while read -r nodes vcpus policy loss reorder; do
	check_shape "$nodes" "$vcpus" "$policy" "$loss" "$reorder"
done <"$work/shapes"
echo "$guest: $shapes pods printed what $oracle prints"

# Inputs that are easily got wrong.
edge()
{
	$oracle <"$work/input" >"$work/input.expected"
	run --nodes 3 --vcpus 5 --seed 7 "$guest" "$work/input" ||
		fail "$guest, $1: exit code $?: $(tail -n 1 "$work/err")"
	$tidy <"$work/out" >"$work/tidy"
	cmp -s "$work/tidy" "$work/input.expected" || fail "$guest, $1: differs from $oracle"
}

: >"$work/input"
edge "empty input"
printf 'x' >"$work/input"
edge "one byte"
printf '\n\n\nb\n a\na\n\n' >"$work/input"
edge "empty lines"
make_text 4096 3 end >"$work/input"
edge "one page that ends with a newline"
make_text 4097 4 >"$work/input"
edge "a page and a byte"
finish
