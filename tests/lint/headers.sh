#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# headers.sh: every public header compiles alone, and twice, as C11 and C17 without a
# warning; all of them are installed. As headers-cxx.sh: as C++17.
cd "${top_srcdir:?}" || exit 99
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
warn='-Wall -Wextra -Wpedantic -Wundef -Werror'
status=0

case $0 in
*-cxx.sh)
	if [ "${CXX:-no}" = no ]; then
		echo "SKIP: headers as C++: no C++ compiler was found (Debian: g++)"
		exit 77
	fi
	compilers="$CXX" standards=c++17 suffix=cc ;;
*)
	warn="$warn -Wshadow -Wstrict-prototypes -Wmissing-prototypes"
	compilers="${CC:?}" standards='c11 c17' suffix=c ;;
esac

for header in include/tidal/*.h; do
	case " ${public_headers:?} " in
	*" $header "*) ;;
	*) echo "$header is not in include/tidal/Makefile.inc"; status=1 ;;
	esac
	name=${header#include/}
	printf '#include <%s>\n#include <%s>\nextern int tidal_test;\nint tidal_test;\n' \
		"$name" "$name" > "$work/alone.$suffix"
	for standard in $standards; do
		# shellcheck disable=SC2086
		$compilers -std=$standard $warn -Iinclude -fsyntax-only "$work/alone.$suffix" || {
			echo "$name does not compile alone as $standard"
			status=1
		}
	done
done
echo "$(ls include/tidal/*.h | wc -l) headers as $standards"
exit $status
