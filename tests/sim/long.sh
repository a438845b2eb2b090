#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# long.sh SIM [HOURS [FIRST]] - the long simulation: one process for each processor (or JOBS), each
# with seeds of its own, and a line for each in LOG (sim-long.log). `make sim-long HOURS=8` calls it.
set -u
sim=${1:?}
hours=${2:-1}
first=${3:-$(date +%s)000000}
log=${LOG:-sim-long.log}
jobs=${JOBS:-$(getconf _NPROCESSORS_ONLN)}
commit=$(cd "$(dirname "$0")" && git describe --always --dirty 2>/dev/null || echo unknown)
seconds=$(awk -v h="$hours" 'BEGIN { printf "%d", h * 3600 }')
running=
failed=0

for job in $(awk -v n="$jobs" 'BEGIN { for (i = 0; i < n; i++) print i }'); do
	nice -n 10 "$sim" --seconds "$seconds" --log "$log" --commit "$commit" ${OPTIONS:-} \
		1 $((first + job * 1000000000000)) &
	running="$running $!"
done
# shellcheck disable=SC2064
trap "kill $running 2>/dev/null" INT TERM
for pid in $running; do
	wait "$pid" || failed=1
done
tail -n "$jobs" "$log"
exit $failed
