/* SPDX-License-Identifier: BSD-3-Clause */
/* tidal/tidal.h - everything except the backends and transports. */
#ifndef TIDAL_TIDAL_H
#define TIDAL_TIDAL_H
#include <tidal/core.h>
#include <tidal/host.h>
#include <tidal/node.h>
#include <tidal/transport.h>
#endif
