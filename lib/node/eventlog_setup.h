/* SPDX-License-Identifier: BSD-3-Clause */
/* Parts of eventlog: the setup, and what events have in common with it. */
#ifndef TIDAL_NODE_EVENTLOG_SETUP_H
#define TIDAL_NODE_EVENTLOG_SETUP_H

#include <tidal/params.h>

#include "bytes.h"

struct eventlog_setup;

void eventlog_encode_setup(struct out *o, const struct tidal_params *params);
void eventlog_decode_setup(struct in *in, struct eventlog_setup *s);

/* *name* has room for EVENTLOG_NAME_MAX. */
void eventlog_put_name(struct out *o, const struct tidal_policy_ops *policy);
void eventlog_get_name(struct in *in, char *name);
/* NULL is a value too; what was read lies in *w*. */
void eventlog_put_weights(struct out *o, const struct tidal_weights *weights);
const struct tidal_weights *eventlog_get_weights(struct in *in, struct tidal_weights *w);

#endif
