# SPDX-License-Identifier: BSD-3-Clause
# pmix.sh - pods that mpirun starts: without a file of addresses, as many nodes as there are processes;
# the right result, traces, what can't be asked for, and a process that dies.
# (Seen to fail: with every process as node 0; with a launcher's signal taken before node 0's word.)
. "$top_srcdir/tests/oracle/lib.sh"
. "$top_srcdir/tests/examples/processes-lib.sh"

run --pmix --nodes 2 wordcount "$work/hello"
if grep -q "built without it" "$work/err"; then
	echo "SKIP: $(cat "$work/err")"
	exit 77
fi
grep -q "no launcher has started this: use mpirun or srun" "$work/err" ||
	fail "without a launcher: says '$(cat "$work/err")'"
command -v mpirun >/dev/null || { echo "SKIP: no mpirun (Debian: openmpi-bin)"; exit 77; }
echo leak: >>"$work/leaks" # libpmix, and what it loads: everything is theirs in a process that ends

# Open MPI's own: may root, more processes than processors, nothing but this host.
OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_plm_rsh_agent=false OMPI_MCA_oob_tcp_if_include=lo
export OMPI_ALLOW_RUN_AS_ROOT OMPI_ALLOW_RUN_AS_ROOT_CONFIRM
export OMPI_MCA_rmaps_base_oversubscribe OMPI_MCA_plm_rsh_agent OMPI_MCA_oob_tcp_if_include
# mpi N ARGUMENT...: output in $work/out and $work/err; returns mpirun's exit code.
mpi()
{
	n=$1
	shift
	timeout 120 mpirun -n "$n" "$mini_pod" "$@" >"$work/out" 2>"$work/err" </dev/null
}
mpi 1 --version || {
	echo "SKIP: mpirun does not run here: $(grep -v '^[-* ]*$' "$work/err" | head -n 1)"
	exit 77
}

# --- the right result ---

make_text 60000 7 y >"$work/text"
sha256sum <"$work/text" | cut -d' ' -f1 >"$work/right"
mpi 3 --pmix --memory 1G --trace "$work/trace" --json "$work/json" sha256 "$work/text" ||
	fail "exit code $?: $(cat "$work/err")"
[ "$(grep -cf "$work/right" "$work/out")" = 1 ] || fail "sha256 says '$(cat "$work/out")'"
grep -q "node 0 *node 1 *node 2 *total" "$work/err" || fail "no table: $(cat "$work/err")"
awk '/^  messages / { exit !($2 > 0 && $3 > 0 && $4 > 0) }' "$work/err" ||
	fail "not all took part: $(cat "$work/err")"
run --merge-trace "$work/trace" || fail "merge: exit code $?: $(cat "$work/err")"
"$top_builddir/tests/examples/trace_check" "$work/trace" "$work/json" >"$work/checked" ||
	fail "trace: $(cat "$work/checked")"
mpi 2 --pmix --provider "tcp;ofi_rxm" --address lo --memory 1G wordcount "$work/text" ||
	fail "--address lo: exit code $?: $(cat "$work/err")"

# --- what can't be asked for ---

# refused CODE PATTERN ARGUMENT...: by both, with that exit code.
refused()
{
	code=$1 pattern=$2
	shift 2
	mpi 2 "$@"
	status=$?
	[ "$status" = "$code" ] || fail "$*: exit code $status, not $code"
	grep -q "^mini-pod: .*$pattern" "$work/err" || fail "$*: says '$(cat "$work/err")', not '$pattern'"
}
refused 2 "nodes 3: but 2 were started" --pmix --nodes 3 wordcount "$work/hello"
refused 2 "give a program" --pmix
refused 2 "no-such-one: give an address of this host, or the name of an interface" \
	--pmix --address no-such-one wordcount "$work/hello"
refused 2 "pod, --processes and --pmix: give one" --pmix --processes wordcount "$work/hello"
refused 2 "with --pmix the launcher says that" --pmix --node 1 wordcount "$work/hello"
mpi 2 wordcount "$work/hello" || fail "two pods: exit code $?"
[ "$(grep -c "2 copies were started, each a pod of its own: --pmix makes them one" "$work/err")" = 1 ] ||
	fail "two pods: says '$(cat "$work/err")'"

# --- a process dies: the others say so, and nothing hangs ---

mpi_pids() # of the pod's processes
{
	for stat in /proc/[0-9]*/environ; do
		pid=${stat#/proc/} pid=${pid%/environ}
		tr '\0' '\n' 2>/dev/null <"$stat" | grep -q "^PMIX_RANK=$1$" &&
			tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q "$work/endless" &&
			echo "$pid"
	done
}
all_busy()
{
	rank0=$(mpi_pids 0) rank1=$(mpi_pids 1) rank2=$(mpi_pids 2)
	[ -n "$rank0" ] && [ -n "$rank1" ] && [ -n "$rank2" ] &&
		busy_all "$rank0" "$rank1" "$rank2"
}
gone() # ended, whether or not anybody has taken note
{
	for pid in "$@"; do
		case $(awk '{ print $3 }' "/proc/$pid/stat" 2>/dev/null) in
		''|Z) ;;
		*) return 1 ;;
		esac
	done
}
for victim in 2 0; do
	timeout 120 mpirun -n 3 --tag-output "$mini_pod" --pmix "$work/endless" \
		>"$work/pod.out" 2>"$work/pod.err" </dev/null &
	pod=$!
	started="$started $pod"
	eventually all_busy
	eval "kill -9 \$rank$victim"
	wait $pod
	[ $? != 0 ] || fail "node $victim killed: exit code 0"
	for rank in 0 1 2; do
		[ $rank = $victim ] && continue
		grep -q "^.1,$rank.<stderr>: *mini-pod: node $victim is lost" "$work/pod.err" ||
			fail "node $victim killed: node $rank says '$(cat "$work/pod.err")'"
	done
	eventually gone $rank0 $rank1 $rank2 || kill -9 $rank0 $rank1 $rank2
done

finish
