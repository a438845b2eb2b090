/* SPDX-License-Identifier: BSD-3-Clause */
/* A program that uses an installed core without the rest of libtidal; see install.sh. */
#include <tidal/error.h>

int main(void)
{
	return tidal_strerror(TIDAL_EBUSY)[0] != 'o';
}
