#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Every source begins with its licence (an error), is not too long, and has functions that fit
# on a screen or two (warnings, in the log).
cd "${top_srcdir:?}" || exit 99

files=$(find include lib examples tests bench tools pkgconfig m4 man .ci \
	\( -name '*.[chS]' -o -name '*.sh' -o -name '*.ld' -o -name '*.inc' -o -name '*.pc.in' \
	-o -name '*.[13]' -o -name '*.py' -o -path m4/tidal.m4 -o -path m4/guest.m4 -o -path m4/summary.m4 \
	-o -path .ci/run \) ! -path '*/.deps/*' | LC_ALL=C sort)
files="$files Makefile.am configure.ac libtidal.map quickstart"
[ -n "$files" ] || exit 99

# shellcheck disable=SC2086
awk '
function check_licence() {
	if (files && !licensed) { print file ": no SPDX line at its beginning"; bad++ }
}
FNR == 1 {
	check_licence()
	file = FILENAME; licensed = 0; files++; start = 0
}
FNR <= 2 && /SPDX-License-Identifier: BSD-3-Clause/ { licensed = 1 }
FNR == 801 { print file ": warning: longer than 800 lines" }
file ~ /\.c$/ && /^\{/ { start = FNR }
file ~ /\.c$/ && /^\}/ && start {
	if (FNR - start > 80)
		printf "%s:%d: warning: a function of %d lines\n", file, start, FNR - start - 1
	start = 0
}
END {
	check_licence()
	printf "%d files, %d without a licence\n", files, bad
	exit bad ? 1 : 0
}' $files
