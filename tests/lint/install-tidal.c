/* SPDX-License-Identifier: BSD-3-Clause */
/* A program that uses an installed libtidal; see install.sh. */
#include <stdio.h>
#include <string.h>
#include <tidal/error.h>

int main(void)
{
	printf("libtidal %s: %s\n", tidal_version(), tidal_strerror(TIDAL_OK));
	return strcmp(tidal_strerror(TIDAL_OK), "success") != 0;
}
