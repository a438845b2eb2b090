/* SPDX-License-Identifier: BSD-3-Clause */
/* config - what the caller wants, checked; and the sentence that says what is wrong. */
#ifndef TIDAL_TRANSPORTS_FABRIC_CONFIG_H
#define TIDAL_TRANSPORTS_FABRIC_CONFIG_H

#include <tidal/fabric.h>

struct why {
	char *text; /* may be NULL */
	size_t size;
};

/* Fills in the sentence; returns *error*. */
int why_say(struct why *why, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

int config_read(struct tidal_fabric_config *config, const struct tidal_fabric_config *from,
		struct why *why);

#endif
