/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * versioned - public structs that grow: their first member is their size as the caller
 * knows them. What an older caller leaves out has its default; what a newer one adds
 * must be zero, or it wants something that this library can't do.
 */
#ifndef TIDAL_CORE_VERSIONED_H
#define TIDAL_CORE_VERSIONED_H

#include <tidal/base.h>
#include <tidal/error.h>

#define VERSIONED_MAX 65536u /* no struct will ever be longer: a longer size is garbage */

/* Is *size* sane, and all zero what the caller has beyond *known* bytes? 0 or TIDAL_EINVAL. */
static inline int versioned_check(const void *user, size_t size, size_t known)
{
	const unsigned char *bytes = user;

	if (size < sizeof(size_t) || size > VERSIONED_MAX)
		return TIDAL_EINVAL;
	for (size_t i = known; i < size; i++)
		if (bytes[i])
			return TIDAL_EINVAL;
	return 0;
}

/* Copy what the caller has over the defaults in *full*, whose size stays *known*. */
static inline int versioned_import(void *full, size_t known, const void *user)
{
	size_t size;
	int err;

	__builtin_memcpy(&size, user, sizeof(size));
	err = versioned_check(user, size, known);
	if (err)
		return err;
	__builtin_memcpy(full, user, size < known ? size : known);
	__builtin_memcpy(full, &known, sizeof(known));
	return 0;
}

/* Give the caller as much of *full* as *size* bytes hold. */
static inline void versioned_export(void *user, size_t size, const void *full, size_t known)
{
	if (size < sizeof(size))
		return;
	__builtin_memset(user, 0, size);
	__builtin_memcpy(user, full, size < known ? size : known);
	__builtin_memcpy(user, &size, sizeof(size));
}

#endif
