#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# What `make install` installs is complete: programs build against it with nothing but
# pkg-config, with the shared library and with the core alone, in a staged tree and in one
# that was moved.
if [ -z "${PKG_CONFIG:?}" ]; then echo "SKIP: install: no pkg-config"; exit 77; fi
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
programs=${top_srcdir:?}/tests/lint
unset PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR

MAKEFLAGS='' ${MAKE:?} -C "${top_builddir:?}" install DESTDIR="$work/stage" >"$work/log" 2>&1 || {
	cat "$work/log"
	exit 1
}
pc=$(cd "$work/stage" && find . -name libtidal.pc)
pc=${pc#.}; pc=${pc%/*}
static=
[ -n "$(find "$work/stage" -name libtidal.so)" ] || static=--static
[ -n "$pc" ] || { echo "libtidal.pc was not installed"; exit 1; }

# build_and_run PROGRAM MODULE PKG-CONFIG-OPTIONS...
build_and_run()
{
	program=$1 module=$2; shift 2
	flags=$($PKG_CONFIG "$@" $static --cflags --libs "$module") || return 1
	echo "$module $*: $flags"
	# shellcheck disable=SC2086
	${CC:?} -std=c17 -Wall -Wextra -Werror $sanitize -o "$work/program" \
		"$programs/$program.c" $flags || return 1
	library=$(printf '%s\n' $flags | sed -n 's/^-L//p' | head -n 1)
	LD_LIBRARY_PATH=$library "$work/program"
}

# All that the static library needs is in Libs.private: a program with the whole of it links.
whole_archive()
{
	archive=$(find "$work/stage" -name libtidal.a)
	[ -n "$archive" ] || return 0
	flags=$($PKG_CONFIG --static --cflags --libs libtidal) || return 1
	# shellcheck disable=SC2086
	${CC:?} -std=c17 -Wall -Wextra -Werror $sanitize -o "$work/program" \
		"$programs/install-tidal.c" -Wl,--whole-archive "$archive" -Wl,--no-whole-archive \
		$(printf '%s\n' $flags | grep -vx -e -ltidal) || return 1
	"$work/program"
}

both()
{
	build_and_run install-tidal libtidal "$@" && build_and_run install-core tidal-core "$@"
}

PKG_CONFIG_LIBDIR=$work/stage$pc; export PKG_CONFIG_LIBDIR
(PKG_CONFIG_SYSROOT_DIR=$work/stage; export PKG_CONFIG_SYSROOT_DIR; both && whole_archive) || exit 1

# --define-prefix takes the folder above lib/pkgconfig for the prefix, and no other.
case $pc in
*/lib/pkgconfig)
	mv "$work/stage${pc%/lib/pkgconfig}" "$work/moved" || exit 99
	PKG_CONFIG_LIBDIR=$work/moved/lib/pkgconfig
	both --define-prefix || exit 1 ;;
*)
	echo "not tried: a moved tree ($pc is not PREFIX/lib/pkgconfig)" ;;
esac
