/* SPDX-License-Identifier: BSD-3-Clause */
/* error - texts of the error numbers. */
#include <tidal/error.h>

const char *tidal_strerror(int error)
{
	switch (error) {
	case TIDAL_OK:
		return "success";
#define TEXT(name, number, text)                                                                   \
	case TIDAL_##name:                                                                         \
		return text;
		TIDAL_ERRORS(TEXT)
#undef TEXT
	default:
		return "unknown error";
	}
}
