#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Includes obey the layers (docs/architecture.md): the core by tests/lint/layers, backends and
# transports know neither the core nor each other (backends share lib/backends/common, and those on
# userfaultfd lib/backends/memory as well), examples see installed headers only.
cd "${top_srcdir:?}" || exit 99

files=$(find lib examples -name '*.[chS]' | LC_ALL=C sort)
[ -n "$files" ] || { echo "no sources found in $PWD"; exit 99; }

# shellcheck disable=SC2086
awk '
function fail(text) { printf "%s:%d: %s\n", FILENAME, FNR, text; bad++ }

function folder_of(path) { sub(/\/[^\/]*$/, "", path); return path }

# lib/core/x.c -> x; x_part.c belongs to x as well unless it is listed
function component_of(path) {
	sub(/^.*\//, "", path); sub(/\.[chS]$/, "", path)
	if (!(path in layer)) sub(/_.*/, "", path)
	return path
}

function check_core(quoted, name,    own, other) {
	if (!quoted) {
		if (name !~ /^tidal\// && name !~ /^std(def|int|bool)\.h$/)
			fail("the core is freestanding: no <" name "> (there is __builtin_memcpy etc.)")
		if (name ~ /^tidal\/(host|node|run|transport|fake|threads|inproc|fabric|tidal)\.h$/)
			fail("the core does not know <" name ">")
		return
	}
	if (name ~ /\//) { fail("not in lib/core: \"" name "\""); return }
	own = component_of(FILENAME); other = component_of(name)
	if (other == own)
		return
	if (!(other in layer))
		fail(other " has no layer in tests/lint/layers")
	else if (layer[other] >= layer[own])
		fail(own " (" title[layer[own]] ") must not include " other \
			" (" title[layer[other]] ")")
}

# What backends share, lowest first; a folder of these sees those below it.
function shared_rank(path) {
	return path ~ /backends\/common\// ? 1 : path ~ /backends\/memory\// ? 2 : 0
}

function shared_by(path, name,    own) {
	own = shared_rank(path)
	return path ~ /^lib\/backends\// && name ~ /^backends\/(common|memory)\/[a-z]*\.h$/ &&
		(!own || shared_rank(name) < own)
}

# Backends and transports: their own folder, <tidal/...> without core and driver, the system.
function check_plugin(quoted, name,    kind) {
	if (quoted) {
		if (name ~ /\// && !shared_by(FILENAME, name))
			fail("not of this folder: \"" name "\"")
		return
	}
	kind = FILENAME ~ /^lib\/backends/ ? "(transport|inproc|fabric)" : "(host|fake|threads)"
	if (name ~ /^tidal\/(core|node|run|params|stats|tidal)\.h$/ || name ~ "^tidal/" kind "\\.h$")
		fail("must not know <" name ">")
}

# The driver: public headers and its own folder. Examples likewise.
function check_public(quoted, name) {
	if (quoted && name ~ /\//) fail("not of this folder: \"" name "\"")
	if (!quoted && name ~ /^(core|node|backends|transports)\//) fail("not installed: <" name ">")
}

FNR == 1 { files++ }
FILENAME == "tests/lint/layers" {
	if ($0 ~ /^#/ || NF == 0) next
	if (!($1 in rank)) { rank[$1] = ++ranks; title[ranks] = $1 }
	for (i = 2; i <= NF; i++) {
		if ($i in layer) fail($i " is listed twice")
		layer[$i] = rank[$1]
	}
	next
}
FNR == 1 && FILENAME ~ /^lib\/core\// && !(component_of(FILENAME) in layer) {
	fail(component_of(FILENAME) " has no layer in tests/lint/layers")
	layer[component_of(FILENAME)] = 1000
	title[1000] = "none"
}
/^[ \t]*#[ \t]*include/ {
	quoted = $0 ~ /include[ \t]*"/
	name = $0
	sub(/^[^<"]*[<"]/, "", name); sub(/[>"].*$/, "", name)
	if (FILENAME ~ /^lib\/core\//) check_core(quoted, name)
	else if (FILENAME ~ /^lib\/(backends|transports)\//) check_plugin(quoted, name)
	else check_public(quoted, name)
	includes++
}
END {
	printf "%d files, %d includes, %d violations\n", files, includes, bad
	exit bad ? 1 : 0
}' tests/lint/layers $files
