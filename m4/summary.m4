# SPDX-License-Identifier: BSD-3-Clause
# What configure says at its end. It must not promise what this version can't do.

AC_DEFUN([TIDAL_SUMMARY],
[AS_IF([test $have_xen = yes],
	[tidal_xen='not in this version (its headers were found, but are not used yet)'],
	[tidal_xen='not in this version'])
AS_IF([test $have_kvm = yes], [tidal_kvm=yes],
	[tidal_kvm="no: needs x86-64, and <linux/kvm.h> of Linux 5.14 (Debian: linux-libc-dev)"])
AS_IF([test $have_userfaultfd = yes], [tidal_threads=yes],
	[tidal_threads="no: needs <linux/userfaultfd.h> of Linux 5.7 (Debian: linux-libc-dev)"])
AS_IF([test $have_guests = yes], [tidal_guests=$GUEST_CC],
	[tidal_guests="none: guests are not built, their tests are skipped (Debian: clang lld)"])
AS_IF([test $have_libfabric = yes], [tidal_fabric=yes],
	[tidal_fabric="no: not built (Debian: libfabric-dev)"])
AS_IF([test $have_cmocka = yes], [tidal_unit=yes],
	[tidal_unit="no: skipped (Debian: libcmocka-dev)"])
AS_IF([test "$FUZZ_CC" = no], [tidal_fuzz="none (Debian: clang); the corpora are replayed without it"],
	[tidal_fuzz=$FUZZ_CC])
AS_IF([test "$GCOVR" = no], [tidal_coverage="none (Debian: gcovr)"], [tidal_coverage=$GCOVR])
AS_IF([test "$PYTHON3" = no], [tidal_mutation="none (Debian: python3)"], [tidal_mutation=$PYTHON3])
AC_MSG_NOTICE([

  libtidal $PACKAGE_VERSION
    compiler            $CC $CFLAGS
    sanitizers          ${enable_sanitizers:-no}
    install into        $prefix

  host backends
    fake                yes
    threads             $tidal_threads
    kvm                 $tidal_kvm
    xen                 $tidal_xen
  transports
    inproc              yes
    fabric              $tidal_fabric
  libraries
    hwloc               $have_hwloc
    xxhash              $have_xxhash
    jansson             $have_jansson
    pmix                $have_pmix
  tests
    unit tests          $tidal_unit
    guest compiler      $tidal_guests
    fuzzer compiler     $tidal_fuzz
    coverage            $tidal_coverage
    mutation            $tidal_mutation
    C++ header test     $CXX
])
])
