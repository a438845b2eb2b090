/* SPDX-License-Identifier: BSD-3-Clause */
/* params - the parameters of a core, whatever version of the struct its embedder has. */
#ifndef TIDAL_CORE_PARAMS_H
#define TIDAL_CORE_PARAMS_H

#include <tidal/params.h>

/*
 * Copy *user* over the defaults for its number of frames; full->size is that of this library.
 * 0, or TIDAL_EINVAL: the struct is too small to hold `frames`, or sets members that this library
 * does not know. Checks nothing else: tidal_params_check() does.
 */
int params_import(struct tidal_params *full, const struct tidal_params *user);

/* Is this a policy, and may it have such data (which a built-in one would take for its
 * compiled weights)? 0, or TIDAL_EINVAL with *why. */
int params_check_policy(const struct tidal_policy_ops *ops, const void *data, const char **why);

#endif
