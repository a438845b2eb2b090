#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# report.sh SOURCES BUILD - what the tests covered of lib/, from the files of gcc --coverage in
# BUILD: per file and per folder, with the goals. UNCOVERED=1: the lines with branches that no test
# took, too.
set -u
sources=${1:?} build=${2:?}

# What can't or mustn't happen is not counted: branches of assertions (a broken one ends the
# program), and branches in code that the compiler itself says is unreachable.
${GCOVR:-gcovr} -r "$sources" --object-directory "$build" \
	--filter '(.*/)?lib/(core|node|transports|backends)/' \
	--exclude-branches-by-pattern '.*\b(ASSERT|assert)\(.*' --exclude-unreachable-branches \
	--gcov-executable "${GCOV:-gcov}" --csv "$build/coverage.csv" \
	--branches --txt "$build/uncovered" "$build/lib" || exit

awk -F, '
function percent(covered, all) { return all ? sprintf("%.1f %%", 100 * covered / all) : "-" }
function row(name, lines, hit, branches, taken, goal) {
	printf "%-34s %6d %8s %9d %8s  %s\n", name, lines, percent(hit, lines), branches,
		percent(taken, branches), goal
}
BEGIN {
	goal["lib/core"] = 98; goal["lib/node"] = 85
	goal["lib/transports/inproc"] = goal["lib/transports/fabric"] = 85
	printf "%-34s %6s %8s %9s %8s\n", "", "lines", "covered", "branches", "taken"
}
FNR > 1 && $2 > 0 {
	row($1, $2, $3, $5, $6, "")
	folder = $1; sub(/\/[^\/]*$/, "", folder)
	if (!(folder in lines)) folders[++count] = folder
	lines[folder] += $2; hit[folder] += $3; branches[folder] += $5; taken[folder] += $6
}
END {
	print ""
	for (i = 1; i <= count; i++) {
		f = folders[i]
		wanted = f in goal ? "goal " goal[f] " %: " \
			(100 * taken[f] >= goal[f] * branches[f] ? "reached" : "missed") : ""
		row(f, lines[f], hit[f], branches[f], taken[f], wanted)
	}
	exit !count
}' "$build/coverage.csv" || exit

if [ -n "${UNCOVERED-}" ]; then
	printf '\nLines with branches that were not taken:\n'
	awk '/^lib\// && $2 > $3 { print $1 ": " $NF }' "$build/uncovered"
fi
