# SPDX-License-Identifier: BSD-3-Clause
# processes-lib.sh - what the tests of mini-pod's processes share, after tests/oracle/lib.sh.

# libfabric leaks: see tests/fabric/leaks.c.
echo leak:libfabric.so >"$work/leaks"
LSAN_OPTIONS=suppressions=$work/leaks:print_suppressions=0
export LSAN_OPTIONS
ORACLE_TIMEOUT=60
started=
trap 'kill $started 2>/dev/null; rm -rf "$work"' EXIT

echo "one two" >"$work/hello"
run --processes --nodes 1 wordcount "$work/hello"
if [ $? = 2 ] && grep -q "without jansson\|libfabric" "$work/err"; then
	echo "SKIP: $(cat "$work/err")"
	exit 77
fi

# An endless guest: j .
{
	printf '\177ELF\002\001\001\000\000\000\000\000\000\000\000\000\002\000\363\000\001\000\000\000'
	printf '\000\000\001\000\000\000\000\000\100\000\000\000\000\000\000\000'
	printf '\000\000\000\000\000\000\000\000\000\000\000\000\100\000\070\000\001\000\000\000\000\000\000\000'
	printf '\001\000\000\000\005\000\000\000\170\000\000\000\000\000\000\000'
	printf '\000\000\001\000\000\000\000\000\000\000\001\000\000\000\000\000'
	printf '\004\000\000\000\000\000\000\000\004\000\000\000\000\000\000\000\001\000\000\000\000\000\000\000'
	printf '\157\000\000\000'
} >"$work/endless"

# begin NAME ARGUMENT...: mini-pod in the background; what it says in $work/NAME.out and .err.
begin()
{
	name=$1
	shift
	timeout 60 "$mini_pod" "$@" >"$work/$name.out" 2>"$work/$name.err" &
	eval "$name=$!"
	started="$started $!"
}

# ends NAME CODE [PATTERN]: it does, with that exit code, after saying that.
ends()
{
	eval "wait \$$1"
	status=$?
	[ "$status" = "$2" ] || fail "$1: exit code $status, not $2; it says '$(cat "$work/$1.err")'"
	[ -z "$3" ] || grep -q "$3" "$work/$1.err" ||
		fail "$1: says '$(cat "$work/$1.err")', not '$3'"
}

# eventually COMMAND...: within 30 s.
eventually()
{
	tries=0
	until "$@"; do
		tries=$((tries + 1))
		[ $tries -lt 300 ] || { fail "never: $*"; return 1; }
		sleep 0.1
	done
}

# The process that `timeout`, which begin() starts, runs.
child_of()
{
	cat "/proc/$1/task/$1/children" 2>/dev/null | tr -d ' '
}

# All of these run their guest, which never sleeps: a node that joins needs less time than that.
busy_all()
{
	for process in "$@"; do
		child=$(child_of "$process")
		[ "$(awk '{ print $14 }' "/proc/${child:-$process}/stat" 2>/dev/null ||
			echo 0)" -ge 25 ] || return 1
	done
}
