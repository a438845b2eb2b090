# SPDX-License-Identifier: BSD-3-Clause
# bad-input.sh - whatever is wrong gets one line on stderr that says so, and an exit code.
. "$top_srcdir/tests/oracle/lib.sh"

# bad CODE PATTERN ARGUMENT...
bad()
{
	code=$1 pattern=$2
	shift 2
	run "$@"
	status=$?
	[ "$status" = "$code" ] || fail "mini-pod $*: exit code $status, not $code"
	[ "$(wc -l <"$work/err")" -eq 1 ] ||
		fail "mini-pod $*: not one line on stderr: $(cat "$work/err")"
	grep -q "^mini-pod: .*$pattern" "$work/err" ||
		fail "mini-pod $*: says '$(cat "$work/err")', not '$pattern'"
}

# good PATTERN ARGUMENT...: exit code 0, stdout matches, stderr is empty.
good()
{
	pattern=$1
	shift
	run "$@" || fail "mini-pod $*: exit code $?"
	grep -q -e "$pattern" "$work/out" || fail "mini-pod $*: no '$pattern' on stdout"
	[ -s "$work/err" ] && fail "mini-pod $*: says '$(cat "$work/err")'"
}

# program WORD...: an ELF file in $work/elf whose code, at 0x10000, is these 32-bit words
# (hexadecimal).
program()
{
	{
		printf '\177ELF\002\001\001\000\000\000\000\000\000\000\000\000'
		printf '\002\000\363\000\001\000\000\000'	 # executable, RISC-V
		printf '\000\000\001\000\000\000\000\000'	 # entry
		printf '\100\000\000\000\000\000\000\000'	 # program headers at 64
		printf '\000\000\000\000\000\000\000\000'	 # no sections
		printf '\000\000\000\000\100\000\070\000\001\000\000\000\000\000\000\000'
		printf '\001\000\000\000\005\000\000\000'	 # load, read and execute
		printf '\170\000\000\000\000\000\000\000'	 # from 120
		printf '\000\000\001\000\000\000\000\000'	 # virtual address
		printf '\000\000\001\000\000\000\000\000'	 # physical address
		printf '\100\000\000\000\000\000\000\000'	 # bytes in the file
		printf '\100\000\000\000\000\000\000\000'	 # bytes in memory
		printf '\001\000\000\000\000\000\000\000'	 # alignment
		for word in "$@"; do
			for at in 7-8 5-6 3-4 1-2; do
				byte=$(echo "$word" | cut -c $at)
				printf "\\$(printf %03o "0x$byte")"
			done
		done
		head -c 64 /dev/zero
	} >"$work/elf"
}

echo hello >"$work/hello"
head -c 100000 /dev/zero >"$work/zeroes"

# Options.
bad 2 "--nodes 0: .*1 to 64" --nodes 0 sort
bad 2 "--nodes 65: .*1 to 64" --nodes 65 sort
bad 2 "--nodes 4x: " --nodes 4x sort
bad 2 "--nodes -1: " --nodes -1 sort
bad 2 "--nodes : " --nodes "" sort
bad 2 "--nodes 99999999999999999999: " --nodes 99999999999999999999 sort
bad 2 "--vcpus 0: " --vcpus 0 sort
bad 2 "--vcpus 65: " --vcpus 65 sort
bad 2 "--hthreads 0: " --hthreads 0 sort
bad 2 "--policy best: there are cost, page and vcpu" --policy best sort
bad 2 "--start nowhere: " --start nowhere sort
bad 2 "--memory 1X: .*512K" --memory 1X sort
bad 2 "--memory 0: .*multiple of 4 KiB" --memory 0 sort
bad 2 "--memory 5000: .*multiple of 4 KiB" --memory 5000 sort
bad 2 "--memory 65T: .*at most 64 TiB" --memory 65T sort
bad 2 "--memory 99999999999999T: " --memory 99999999999999T sort
bad 2 "--memory -1M: " --memory -1M sort
bad 2 "--node-memory none: " --node-memory none sort
bad 2 "--node-memory 4K: \|node 0 with 4 KiB" --node-memory 4K sort "$work/hello"
bad 2 "--loss 51: .*0 to 50" --loss 51 sort
bad 2 "--loss much: " --loss much sort
bad 2 "--seed s: " --seed s sort
bad 2 "--colour: no such option" --colour sort
bad 2 "-x: no such option" -x sort
bad 2 "--nodes: give it a value" --nodes
bad 2 "two: there is one program and one input" sort one two three
bad 2 "--nodes: options come before the program" sort --nodes 2
bad 2 "--quiet: options come before the program" sort "$work/hello" --quiet
bad 2 "-x: options come before the program" sort -x
bad 2 "cannot/write: can't write it" --record "$work/cannot/write" sort "$work/hello"

# Programs and inputs.
bad 2 "no-such-guest: no such guest or file" no-such-guest
bad 2 "no/such/file: no such guest or file" no/such/file
bad 2 "$work: can't read it" "$work"
bad 2 "hello: not a guest" "$work/hello"
bad 2 "zeroes: not a guest" "$work/zeroes"
bad 2 "/bin/sh: not a guest" /bin/sh
bad 2 "missing: can't read it" sort "$work/missing"
bad 2 "$work: can't read it" sort "$work"
bad 2 "more than fits.*raise --memory" --memory 64K --node-memory 4M sort "$work/zeroes"
bad 2 "raise --memory" --memory 400K sort "$work/zeroes"
bad 2 "raise --memory" --memory 16K sort "$work/hello"
head -c 100 "$guests/sort.elf" >"$work/cut"
bad 2 "cut: not a guest" "$work/cut"

# The pod is full.
make_text 400000 1 >"$work/text"
bad 4 "the pod is full.*raise --nodes or --node-memory" --nodes 2 --node-memory 512K sort \
	"$work/text"
bad 4 "the pod is full.*than 1 node" --nodes 1 --node-memory 512K sort "$work/text"

bad 4 "--node-memory" --node-memory 64K touch

# Guests that fail.
program 00000000
bad 5 "illegal instruction.*pc 0x10000" "$work/elf"
program 00100513 02d51513 00053583 # li a0, 1; slli a0, a0, 45; ld a1, (a0)
bad 5 "vCPU [0-9]" "$work/elf"
program 00100513 02e51513 02053583 # li a0, 1; slli a0, a0, 46; ld a1, 32(a0)
bad 5 "no device register" --vcpus 1 "$work/elf"

# A guest's exit code is mini-pod's.
program 00100513 02e51513 01100593 00b53423 0000006f # li a1, 17; sd a1, 8(a0); j .
run --vcpus 1 --quiet "$work/elf"
status=$?
[ "$status" = 17 ] || fail "a guest that exits with 17: mini-pod exits with $status"
[ -s "$work/err" ] && fail "--quiet: says '$(cat "$work/err")'"

good "Usage: mini-pod" --help
good "mini-pod (libtidal) [0-9]" --version
good hello --quiet sort "$work/hello"
finish
