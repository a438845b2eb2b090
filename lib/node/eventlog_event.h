/* SPDX-License-Identifier: BSD-3-Clause */
/* Part of eventlog: events as bytes, actions for their hash. */
#ifndef TIDAL_NODE_EVENTLOG_EVENT_H
#define TIDAL_NODE_EVENTLOG_EVENT_H

#include <tidal/action.h>
#include <tidal/event.h>

#include "bytes.h"

struct eventlog_record;

void eventlog_encode_event(struct out *o, const struct tidal_event *event);
void eventlog_decode_event(struct in *in, struct eventlog_record *record);
void eventlog_encode_action(struct out *o, const struct tidal_action *action);

#endif
