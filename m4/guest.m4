# SPDX-License-Identifier: BSD-3-Clause
# A compiler for the example guests: bare RV64IMA programs for the fake backend.

# TIDAL_TRY_GUEST_CC(COMMAND, FLAGS): use it if it makes a RISC-V program.
AC_DEFUN([TIDAL_TRY_GUEST_CC],
[AS_IF([test "$have_guests" = no],
	[AC_MSG_CHECKING([whether $1 makes RISC-V guests])
	cat >conftest-guest.c <<_TIDAL_EOF
void _start(void) { unsigned long t; __asm__ volatile("rdtime %0" : "=r"(t)); }
_TIDAL_EOF
	# Newer assemblers want the CSR instructions named; older ones don't know the name.
	for tidal_march in rv64ima_zicsr rv64ima; do
		tidal_flags="$2 -march=$tidal_march -mabi=lp64 -mcmodel=medany"
		AS_IF([$1 $tidal_flags -O2 -ffreestanding -nostdlib -static -o conftest-guest \
			conftest-guest.c >&AS_MESSAGE_LOG_FD 2>&1],
			[have_guests=yes; GUEST_CC="$1 $tidal_flags"; break])
	done
	AC_MSG_RESULT([$have_guests])
	rm -f conftest-guest conftest-guest.c])
])

AC_DEFUN([TIDAL_GUEST_CC],
[AC_ARG_VAR([GUEST_CC], [compiler and flags for RV64IMA guests, linker included])
AS_IF([test -n "$GUEST_CC"],
	[have_guests=yes],
	[have_guests=no
	TIDAL_TRY_GUEST_CC([clang], [--target=riscv64-unknown-elf -fuse-ld=lld])
	TIDAL_TRY_GUEST_CC([riscv64-unknown-elf-gcc], [])
	TIDAL_TRY_GUEST_CC([riscv64-linux-gnu-gcc], [-fno-pie -no-pie])])
AM_CONDITIONAL([HAVE_GUESTS], [test $have_guests = yes])
])
