#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Every installed program has a manual page, with the options that its --help has, and no others;
# libtidal(3) names every public header.
cd "${top_builddir:?}" || exit 99
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
export LC_ALL=C
status=0

for program in ${programs:?}; do
	page=${top_srcdir:?}/man/$(basename "$program").1
	[ -e "$page" ] || { echo "$program has no manual page"; status=1; continue; }
	"./$program" --help > "$work/help" || { echo "$program --help fails"; status=1; continue; }
	# --help goes without saying.
	grep -oE '(^|[^a-zA-Z0-9_-])--?[a-z][a-z-]*' "$work/help" | sed 's/^[^-]*//' |
		grep -vx -e --help | sort -u > "$work/options"
	grep -oE 'Fl -?[a-z][a-z-]*' "$page" | sed 's/^Fl /-/' |
		grep -vx -e --help | sort -u > "$work/documented"
	diff "$work/options" "$work/documented" > "$work/diff" || {
		echo "$program: options in --help (<) and in the manual page (>) differ:"
		grep '^[<>]' "$work/diff"
		status=1
	}
	echo "$program: $(wc -l < "$work/options") options"
done
for header in ${public_headers:?}; do
	grep -qE "^\.(It )?In ${header#include/}( |\$)" "$top_srcdir/man/libtidal.3" || {
		echo "libtidal.3 says nothing of <${header#include/}>"
		status=1
	}
done
exit $status
