# SPDX-License-Identifier: BSD-3-Clause
# lib.sh - what the oracle tests share: mini-pod, a folder of their own, input, one run.
# A host program (the oracle) says what a guest must print.

mini_pod=$top_builddir/examples/mini-pod/mini-pod

if [ -z "$guests" ]; then
	echo "SKIP: no compiler for the guest programs"
	exit 77
fi
if [ ! -x "$mini_pod" ]; then
	echo "$mini_pod is missing: run make first"
	exit 99
fi
LC_ALL=C
export LC_ALL

work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
trap 'exit 99' HUP INT TERM
failures=0

fail()
{
	echo "FAIL: $*"
	failures=$((failures + 1))
}

finish()
{
	[ "$failures" = 0 ]
	exit
}

# make_text BYTES SEED [END]: lines of words on stdout, some of them empty or equal; without
# END the last one has no newline.
make_text()
{
	awk -v bytes="$1" -v seed="$2" -v end="$3" '
	function random(n) {
		seed = (seed * 69069 + 12345) % 4294967296
		return int(seed / 65536) % n
	}
	function word(    text, i) {
		for (i = random(9) + 1; i > 0; i--)
			text = text substr("etaoinshrdlucmfwypvbgkjqxz.,-!EARTH0123456789", \
					   random(45) + 1, 1)
		return text
	}
	BEGIN {
		for (i = 0; i < 200; i++)
			words[i] = word()
		while (length(line) < bytes) {
			for (i = random(12); i > 0; i--)
				line = line (random(3) ? words[random(200)] : word()) \
				       (random(20) ? " " : "\t")
			line = line "\n"
			if (length(line) > 4096) {
				if (length(line) >= bytes)
					break
				printf "%s", line
				bytes -= length(line)
				line = ""
			}
		}
		printf "%s%s", substr(line, 1, bytes - 1), end ? "\n" : "x"
	}'
}

# Pages that the guest wrote, from the table of the run before.
pages_written()
{
	sed -n 's/^guest memory written .* \([0-9][0-9]*\) pages.*/\1/p' "$work/err"
}

# run ARGUMENT...: mini-pod, output in $work/out and $work/err; returns its exit code.
run()
{
	timeout "${ORACLE_TIMEOUT:-120}" "$mini_pod" "$@" >"$work/out" 2>"$work/err"
}
