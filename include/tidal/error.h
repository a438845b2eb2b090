/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tidal/error.h - one list of errors for the whole library.
 *
 * Functions return 0 (or a count) on success and a negative TIDAL_E* on failure.
 * The numbers are frozen: new errors are added at the end of their range.
 * From -64 on an error is fatal: the object can only be closed.
 */
#ifndef TIDAL_ERROR_H
#define TIDAL_ERROR_H

#include <tidal/base.h>

TIDAL_BEGIN_DECLS

#define TIDAL_ERRORS(X)                                                                           \
	X(EINVAL, -1, "invalid argument")                                                         \
	X(EAGAIN, -2, "no room now: pull the actions, then push the same event again")            \
	X(ENOMEM, -3, "not enough memory given")                                                  \
	X(EPROTO, -4, "malformed message")                                                        \
	X(EVERSION, -5, "message of another protocol version")                                    \
	X(ESTALE, -6, "message of an earlier or unknown incarnation")                             \
	X(ENOENT, -7, "no such object")                                                           \
	X(EBUSY, -8, "object is in use")                                                          \
	X(ERANGE, -9, "address or number out of range")                                           \
	X(EEXIST, -10, "object exists already or overlaps another")                               \
	X(ENOSYS, -11, "not supported by this backend or transport")                              \
	X(EFORMAT, -12, "file or image has the wrong format")                                     \
	X(EIO, -13, "the operating system reported an error")                                     \
	X(EPERM, -14, "not permitted")                                                            \
	X(EFULL, -15, "the pod is full: give nodes more memory or add a node")                    \
	X(EPEER, -16, "the peer is gone")                                                         \
	X(EBROKEN, -64, "an invariant does not hold: this is a bug, please report it")

#define TIDAL_ERROR_ENUM(name, number, text) TIDAL_##name = number,
enum tidal_error { TIDAL_OK = 0, TIDAL_ERRORS(TIDAL_ERROR_ENUM) };
#undef TIDAL_ERROR_ENUM

/* The text of an error number (0 included); never NULL; static storage. Any thread. */
TIDAL_API const char *tidal_strerror(int error);

/* "0.1.0": the version of the library that is linked. Any thread. */
TIDAL_API const char *tidal_version(void);

TIDAL_END_DECLS

#endif
