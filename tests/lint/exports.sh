#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The shared library exports exactly the functions that the public headers declare.
library=${top_builddir:?}/.libs/libtidal.so
[ -e "$library" ] || { echo "SKIP: exports: built without a shared library"; exit 77; }
cd "${top_srcdir:?}" || exit 99
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
export LC_ALL=C

${NM:?} -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' |
	sort > "$work/exported"

# A declaration goes from TIDAL_API to the semicolon; the name stands before its first "(".
awk '
/^#/ { next }
/^TIDAL_API/ { text = ""; open = 1 }
open { text = text " " $0 }
open && /;/ {
	open = 0
	sub(/^ *TIDAL_API( TIDAL_CHECKED)?/, "", text); sub(/\(.*/, "", text)
	n = split(text, word, /[ *\t]+/)
	print word[n]
}' include/tidal/*.h | sort > "$work/declared"
[ -s "$work/declared" ] || { echo "no declarations found"; exit 99; }

status=0
for name in $(comm -23 "$work/exported" "$work/declared"); do
	echo "exported, but not declared in a public header: $name"; status=1
done
for name in $(comm -13 "$work/exported" "$work/declared"); do
	echo "declared in a public header, but not exported: $name"; status=1
done
echo "$(wc -l < "$work/declared") functions declared, $(wc -l < "$work/exported") exported"
exit $status
