/* SPDX-License-Identifier: BSD-3-Clause */
/* version - that of the library, from the header it was built with. */
#include <tidal/error.h>

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

const char *tidal_version(void)
{
	return TEXT(TIDAL_VERSION_MAJOR) "." TEXT(TIDAL_VERSION_MINOR) "." TEXT(
		TIDAL_VERSION_PATCH);
}
