# SPDX-License-Identifier: BSD-3-Clause
# guests.sh - the guests that check themselves, on pods of several shapes.
. "$top_srcdir/tests/oracle/lib.sh"

# check EXPECTED-FIRST-LINE ARGUMENT...
check()
{
	expected=$1
	shift
	run "$@" || fail "mini-pod $*: exit code $?: $(tail -n 1 "$work/err")"
	first=$(head -n 1 "$work/out")
	[ "$first" = "$expected" ] || fail "mini-pod $*: printed '$first', not '$expected'"
}

for policy in cost page vcpu; do
	for shape in "--nodes 1 --vcpus 1" "--nodes 2 --vcpus 8 --reorder" \
		"--nodes 4 --vcpus 4 --loss 2" "--nodes 8 --vcpus 8 --start master" \
		"--nodes 3 --vcpus 7 --hthreads 2 --loss 1 --reorder"; do
		vcpus=$(echo "$shape" | sed 's/.*--vcpus \([0-9]*\).*/\1/')
		small="$shape --policy $policy --node-memory 1M"
		check "spin lock: $((vcpus * 256)) of $((vcpus * 256))" \
			$small --memory 16M lock-counter
		check "$vcpus harts followed 512 pointers, sum 130816" \
			$shape --policy $policy --node-memory 4M --memory 64M pointer-chase
		check "128 x 128, checked, checksum d48b8ac2bdb9b5ed" $small matmul
	done
	check "$(printf '256 pages touched, one every 4194300 KiB, in 1 TiB')" \
		--policy $policy --nodes 4 --vcpus 4 --node-memory 1M --memory 1T touch
	check "256 pages touched, one every 268435452 KiB, in 64 TiB" \
		--policy $policy --nodes 4 --vcpus 3 --node-memory 1M --memory 64T touch
done

# In the table each vCPU is on one node, even when vCPUs move as the guest ends.
check "4 harts followed 512 pointers, sum 130816" --policy vcpu --node-memory 1M pointer-chase
vcpus=$(sed -n 's/^  vCPUs  .* \([0-9][0-9]*\)$/\1/p' "$work/err")
[ "$vcpus" = 4 ] || fail "the table has '$vcpus' vCPUs in total, not 4"

# A pointer chase may be as large as the pod allows: pages that fit no single node.
check "4 harts followed 512 pointers, sum 130816" \
	--nodes 4 --node-memory 1M --memory 1T pointer-chase
finish
