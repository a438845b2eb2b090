#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# What README.md and docs/*.md link to within the project exists: files, folders, and the headings
# behind a "#".
cd "${top_srcdir:?}" || exit 99
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
export LC_ALL=C

# Links of a page, without those that lead elsewhere, one a line. Code is no text.
links_of()
{
	sed '/^```/,/^```/d; s/`[^`]*`//g' "$1" | grep -oE '\]\([^) ]+\)' | sed 's/^](//; s/)$//' |
		grep -vE '^[a-z]+:'
}

# The anchors of its headings: lower case, without punctuation, with hyphens for spaces.
anchors_of()
{
	sed '/^```/,/^```/d' "$1" | sed -n 's/^##* *//p' | tr '[:upper:]' '[:lower:]' |
		sed 's/[^a-z0-9 _-]//g; s/ /-/g'
}

count=0 status=0
for page in README.md docs/*.md; do
	links_of "$page" > "$work/links"
	while read -r link; do
		count=$((count + 1))
		file=${link%%#*}
		if [ -n "$file" ]; then file=$(dirname "$page")/$file; else file=$page; fi
		if [ ! -e "$file" ]; then
			echo "$page links to $link, which is not there"; status=1
		elif [ "$link" != "${link#*#}" ] && ! anchors_of "$file" | grep -qxe "${link#*#}"; then
			echo "$page links to $link: there is no such heading"; status=1
		fi
	done < "$work/links"
done
[ "$count" -gt 0 ] || { echo "no links found"; exit 99; }
echo "$count links"
exit $status
