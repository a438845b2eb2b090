# SPDX-License-Identifier: BSD-3-Clause
# determinism.sh - the same seed gives the same run, whatever the weather on the wire.
. "$top_srcdir/tests/oracle/lib.sh"

make_text 150000 5 end >"$work/input.cost"
cp "$work/input.cost" "$work/input.page"
make_text 20000 5 end >"$work/input.vcpu" # vCPUs that move for every page take their time
for weather in "" "--loss 3 --reorder"; do
	for policy in cost page vcpu; do
		arguments="--nodes 4 --vcpus 5 --node-memory 512K --memory 16M --policy $policy $weather"
		for seed in 1 1 2; do
			run $arguments --seed $seed sort "$work/input.$policy" ||
				fail "mini-pod $arguments --seed $seed sort: exit code $?"
			# The decision time is in wall time.
			grep -v '^decision time' "$work/err" |
				cat "$work/out" - >"$work/run.$seed.new"
			[ -f "$work/run.$seed" ] ||
				mv "$work/run.$seed.new" "$work/run.$seed"
		done
		cmp -s "$work/run.1" "$work/run.1.new" ||
			fail "mini-pod $arguments --seed 1 sort: two runs differ"
		# Random weather must depend on the seed, or it isn't random.
		if [ -n "$weather" ] && cmp -s "$work/run.1" "$work/run.2"; then
			fail "mini-pod $arguments sort: seeds 1 and 2 give the same run"
		fi
		rm -f "$work"/run.*
	done
done
finish
