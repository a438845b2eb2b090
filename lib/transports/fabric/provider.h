/* SPDX-License-Identifier: BSD-3-Clause */
/* provider - which of libfabric's providers, and what it can do. */
#ifndef TIDAL_TRANSPORTS_FABRIC_PROVIDER_H
#define TIDAL_TRANSPORTS_FABRIC_PROVIDER_H

#include "config.h"
#include "library.h"

#define PROVIDER_SHM "shm"

/* The first that fits the settings. To be freed by library->freeinfo(). */
int provider_choose(const struct library *library, const struct tidal_fabric_config *config,
		    struct fi_info **info, struct why *why);

#endif
