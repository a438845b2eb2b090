# SPDX-License-Identifier: BSD-3-Clause
# Macros of libtidal's configure.

# TIDAL_WITH_(NAME, FOR-WHAT, DEBIAN-PACKAGE, TEST)
# The common part: --with-NAME=auto|yes|no; TEST sets have_NAME to yes or no.
m4_define([TIDAL_WITH_],
[AC_ARG_WITH([$1],
	[AS_HELP_STRING([--with-$1], [for $2 (auto, yes or no; default: auto)])],
	[], [with_$1=auto])
have_$1=no
AS_CASE([$with_$1],
	[no], [],
	[yes|auto], [$4],
	[AC_MSG_ERROR([--with-$1 takes auto, yes or no, not '$with_$1'])])
AS_IF([test "$with_$1" = yes && test "$have_$1" = no],
	[AC_MSG_ERROR([--with-$1 was asked for, but $1 was not found.
  On Debian: apt-get install $3])])
AM_CONDITIONAL(AS_TR_CPP([HAVE_$1]), [test "$have_$1" = yes])
])

# TIDAL_WITH_MODULE(NAME, PKG-CONFIG-MODULE, DEBIAN-PACKAGE, FOR-WHAT)
# Sets have_NAME, NAME_CFLAGS and NAME_LIBS (in capitals) and defines HAVE_NAME.
AC_DEFUN([TIDAL_WITH_MODULE],
[TIDAL_WITH_([$1], [$4], [$3],
	[PKG_CHECK_MODULES(AS_TR_CPP([$1]), [$2], [have_$1=yes], [have_$1=no])])
AS_IF([test $have_$1 = yes], [AC_DEFINE(AS_TR_CPP([HAVE_$1]), [1], [Define to 1 if $1 is there.])])
])

# TIDAL_WITH_HEADER(NAME, HEADER, DEBIAN-PACKAGE, FOR-WHAT)
AC_DEFUN([TIDAL_WITH_HEADER],
[TIDAL_WITH_([$1], [$4], [$3], [AC_CHECK_HEADER([$2], [have_$1=yes], [have_$1=no])])
])

# TIDAL_TRY_FLAGS(VARIABLE, FLAGS): append each flag that the compiler accepts.
AC_DEFUN([TIDAL_TRY_FLAGS],
[for tidal_flag in $2; do
	AC_MSG_CHECKING([whether $CC accepts $tidal_flag])
	tidal_saved=$CFLAGS
	CFLAGS="$CFLAGS -Werror $tidal_flag"
	AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
		[AC_MSG_RESULT([yes]); $1="$$1 $tidal_flag"], [AC_MSG_RESULT([no])])
	CFLAGS=$tidal_saved
done
])

AC_DEFUN([TIDAL_WARNINGS],
[AC_ARG_ENABLE([werror], [AS_HELP_STRING([--enable-werror], [treat warnings as errors])])
WARN_CFLAGS=
TIDAL_TRY_FLAGS([WARN_CFLAGS], [-Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes dnl
-Wmissing-prototypes])
AS_IF([test "$enable_werror" = yes], [WARN_CFLAGS="$WARN_CFLAGS -Werror"])
AC_SUBST([WARN_CFLAGS])
])

AC_DEFUN([TIDAL_SANITIZERS],
[AC_ARG_ENABLE([sanitizers],
	[AS_HELP_STRING([--enable-sanitizers@<:@=thread@:>@],
		[build with address and undefined-behaviour sanitizers, or with that for threads])])
AS_CASE([$enable_sanitizers],
	[''|no], [SANITIZE_CFLAGS=],
	[yes], [SANITIZE_CFLAGS="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"],
	[thread], [SANITIZE_CFLAGS="-fsanitize=thread -fno-omit-frame-pointer"],
	[AC_MSG_ERROR([--enable-sanitizers takes yes, no or thread, not '$enable_sanitizers'])])
AS_IF([test -n "$SANITIZE_CFLAGS"],
	[AC_MSG_CHECKING([whether $CC links with sanitizers])
	tidal_saved=$CFLAGS
	CFLAGS="$CFLAGS $SANITIZE_CFLAGS"
	AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [AC_MSG_RESULT([yes])],
		[AC_MSG_RESULT([no])
		AC_MSG_ERROR([--enable-sanitizers was asked for, but $CC can't link with them.
  On Debian: apt-get install gcc (or libclang-rt-14-dev for clang)])])
	CFLAGS=$tidal_saved])
AM_CONDITIONAL([SANITIZERS_THREAD], [test "$enable_sanitizers" = thread])
AM_CONDITIONAL([SANITIZERS], [test "$enable_sanitizers" = yes])
AC_SUBST([SANITIZE_CFLAGS])
])

# A compiler that makes fuzzers: FUZZ_CC (no: none) and FUZZ_CFLAGS.
AC_DEFUN([TIDAL_FUZZER],
[AC_ARG_VAR([FUZZ_CC], [compiler for `make fuzz', default: CC or clang if they have libFuzzer])
AC_ARG_VAR([FUZZ_CFLAGS], [its flags, default: optimised, with sanitizers])
: ${FUZZ_CFLAGS="-O2 -g -fno-omit-frame-pointer -fsanitize=address,undefined dnl
-fno-sanitize-recover=all"}
AC_MSG_CHECKING([for a compiler that makes fuzzers])
tidal_saved_cc=$CC tidal_saved=$CFLAGS tidal_found=no
CFLAGS="$FUZZ_CFLAGS -fsanitize=fuzzer"
for tidal_cc in ${FUZZ_CC:-"$CC" clang}; do
	CC=$tidal_cc
	test $tidal_found != no || AC_LINK_IFELSE([AC_LANG_SOURCE([
		int LLVMFuzzerTestOneInput(const unsigned char *b, unsigned long n);
		int LLVMFuzzerTestOneInput(const unsigned char *b, unsigned long n)
		{ return b && n > 9 ? 0 : 0; }])], [tidal_found=$tidal_cc])
done
FUZZ_IGNORE=
CC=$tidal_found
CFLAGS="$tidal_saved -fsanitize=fuzzer-no-link -fsanitize-coverage-ignorelist=$srcdir/tests/fuzz/ignore"
test $tidal_found = no ||
	AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
		[FUZZ_IGNORE='-fsanitize-coverage-ignorelist=$(srcdir)/tests/fuzz/ignore'])
CC=$tidal_saved_cc CFLAGS=$tidal_saved
FUZZ_CC=$tidal_found
AC_SUBST([FUZZ_IGNORE])
AC_MSG_RESULT([$FUZZ_CC])
])

AC_DEFUN([TIDAL_VERSION_SCRIPT],
[AC_MSG_CHECKING([whether the linker takes version scripts])
tidal_saved=$LDFLAGS
LDFLAGS="$LDFLAGS -shared -Wl,--version-script=$srcdir/libtidal.map"
AC_LINK_IFELSE([AC_LANG_SOURCE([int tidal_x; int x;])],
	[have_version_script=yes], [have_version_script=no])
LDFLAGS=$tidal_saved
AC_MSG_RESULT([$have_version_script])
AM_CONDITIONAL([HAVE_VERSION_SCRIPT], [test $have_version_script = yes])
])
