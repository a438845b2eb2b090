# SPDX-License-Identifier: BSD-3-Clause
# vmm.sh - real guests on KVM: tidal-vmm and mini-pod --backend kvm print what programs of the host do,
# with one process and with several, more memory than a node has, every policy; and what they say when
# something is wrong. With an apic_post() that does nothing, harts wait for ever.
guests=${guests:-none} # those for RISC-V are not needed here
. "$top_srcdir/tests/oracle/lib.sh"
vmm=$top_builddir/examples/vmm/tidal-vmm

skip()
{
	echo "SKIP: vmm: $*"
	exit 77
}

# libfabric leaks: see tests/fabric/leaks.c.
echo leak:libfabric.so >"$work/leaks"
LSAN_OPTIONS=suppressions=$work/leaks:print_suppressions=0
export LSAN_OPTIONS

# vmm ARGUMENT...: likewise as run.
vmm()
{
	timeout "${ORACLE_TIMEOUT:-120}" "$vmm" "$@" >"$work/out" 2>"$work/err"
}

# is CODE PATTERN WHAT: the last one ended so, and said one line of its own like that.
is()
{
	[ "$status" = "$1" ] || fail "$3: exit code $status, not $1: $(cat "$work/err")"
	grep -q "$2" "$work/err" || fail "$3: says '$(cat "$work/err")', not '$2'"
	[ "$(grep -c '^tidal-vmm: ' "$work/err")" = 1 ] || fail "$3: not one line: $(cat "$work/err")"
}

same()
{
	cmp -s "$work/out" "$work/right" || fail "$*: another result than the host's"
}

echo "one two" >"$work/hello"
vmm --quiet --nodes 1 wordcount "$work/hello"
if [ $? != 0 ]; then
	grep -q "built without KVM\|/dev/kvm\|userfaultfd" "$work/err" && skip "$(cat "$work/err")"
	fail "wordcount: $(cat "$work/err")"
	finish
fi
vmm --quiet --processes --nodes 1 wordcount "$work/hello" ||
	{ grep -q "without jansson\|libfabric" "$work/err" && skip "$(cat "$work/err")"; }

# --- what they compute ---

make_text 200000 7 y >"$work/text"
sort "$work/text" >"$work/right"
# Nodes are so small that the guest writes at least 1.5 times as many pages as one has.
for options in "384K --nodes 2 --vcpus 1 --policy page" "512K --nodes 2 --vcpus 4 --policy cost" \
	"512K --nodes 4 --vcpus 8 --policy cost" "512K --nodes 2 --vcpus 3 --policy vcpu"; do
	# shellcheck disable=SC2086
	vmm --processes --node-memory $options sort "$work/text" ||
		fail "sort $options: exit code $?: $(cat "$work/err")"
	same "sort $options"
	pages=$(pages_written)
	[ "${pages:-0}" -ge $((${options%%K*} * 3 / 8)) ] ||
		fail "sort $options: only ${pages:-no} pages were written"
done
sha256sum <"$work/text" | cut -c1-64 >"$work/right"
vmm --quiet --processes --nodes 2 --vcpus 2 sha256 "$work/text" || fail "sha256: exit code $?"
same sha256
wc -lwc <"$work/text" | awk '{ print $1, $2, $3 }' >"$work/right"
vmm --quiet --nodes 3 --memory 8G wordcount "$work/text" || fail "wordcount: exit code $?"
same wordcount
run --quiet --backend kvm --nodes 2 wordcount "$work/text" || fail "mini-pod: exit code $?"
same "mini-pod --backend kvm"

# Interrupts between nodes, timers, halted vCPUs that wake up.
vmm --quiet --processes --nodes 2 --vcpus 4 interrupts || fail "interrupts: $(cat "$work/err")"
echo "80 interrupts from the neighbours, 40 of timers." >"$work/right"
same interrupts

# --- what they say ---

# flat FILE MACHINE CODE: an ELF file with so much code, in octal, at 0x200000.
flat()
{
	{
		printf '\177ELF\002\001\001\000\000\000\000\000\000\000\000\000\002\000'"$2"'\000\001\000\000\000'
		printf '\000\000\040\000\000\000\000\000\100\000\000\000\000\000\000\000'
		printf '\000\000\000\000\000\000\000\000\000\000\000\000\100\000\070\000\001\000\000\000\000\000\000\000'
		printf '\001\000\000\000\005\000\000\000\170\000\000\000\000\000\000\000'
		printf '\000\000\040\000\000\000\000\000\000\000\000\000\000\000\000\000'
		printf '\020\000\000\000\000\000\000\000\020\000\000\000\000\000\000\000\001\000\000\000\000\000\000\000'
		printf "$3"
		printf '\220\220\220\220\220\220\220\220\220\220\220\220\220\220\220\220'
	} >"$1"
}

fails() { vmm "$@"; status=$?; }
fails --nodes 1 "$work/text"
is 2 "it is no ELF file" "no ELF"
flat "$work/riscv" '\363' ''
fails --nodes 1 "$work/riscv"
is 2 "for another processor than x86-64" "wrong machine"
fails --nodes 1 --memory 4M sort /dev/zero
is 2 "raise --memory" "too large an input"
fails --nodes 16 wordcount
is 2 "at most 15" "too many nodes"
# ud2, at one of two processes: the other one is told. movl to address 0. An unknown port.
flat "$work/ud2" '\076' '\205\377\164\374\017\013' # the first vCPU waits: test %edi, %edi; jz back
fails --quiet --processes --nodes 2 "$work/ud2"
is 5 "vCPU 1 failed: illegal instruction" "illegal instruction"
flat "$work/null" '\076' '\307\004\045\000\000\000\000\000\000\000\000'
fails --quiet --nodes 1 "$work/null"
is 5 "page fault.* at rip 0x200000: it touched 0" "null pointer"
flat "$work/port" '\076' '\346\200'
fails --quiet --nodes 1 "$work/port"
is 5 "used port 0x80, which nothing answers" "unknown port"
fails --quiet --nodes 2 --node-memory 256K --vcpus 1 sort "$work/text"
is 4 "the pod is full" "full"

finish
