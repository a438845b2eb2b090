#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The core needs nothing: an optimised build of its sources, linked into one object, refers to
# memcpy, memmove, memset and memcmp at most, and has no writable data.
cd "${top_srcdir:?}" || exit 99
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
status=0

for optimise in -O2 -Os; do
	rm -f "$work"/*.o
	for source in ${core_sources:?}; do
		case $source in *.c) ;; *) continue ;; esac
		# shellcheck disable=SC2086
		${CC:?} -std=c17 $optimise -ffreestanding -fno-stack-protector -fno-pic \
			-fvisibility=hidden -Iinclude -c "$source" \
			-o "$work/$(basename "$source" .c).o" || exit 99
	done
	${LD:-ld} -r -o "$work/all" "$work"/*.o || exit 99

	wanted=$(${NM:?} -u "$work/all" | awk '{ print $NF }' |
		grep -vxE 'memcpy|memmove|memset|memcmp|_GLOBAL_OFFSET_TABLE_')
	written=$($NM "$work/all" | awk '$(NF - 1) ~ /^[BbCDdGgSs]$/ { print $NF }')
	if [ -n "$wanted" ]; then
		echo "$optimise: the core refers to:" $wanted
		(cd "$work" && for o in *.o; do
			for s in $wanted; do
				$NM -u "$o" | grep -qw "$s" && echo "  ${o%.o}.c: $s"
			done
		done)
		status=1
	fi
	if [ -n "$written" ]; then
		echo "$optimise: the core has writable data:" $written
		status=1
	fi
	echo "$optimise: $(ls "$work"/*.o | wc -l) objects," \
		"$($NM --defined-only "$work/all" | wc -l) symbols"
done
exit $status
