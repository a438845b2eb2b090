/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The conformance suite for transports: the same cases for every implementation of struct
 * tidal_transport_ops. A transport provides an adapter and a main() that calls
 * transport_conformance(); see transport_inproc.c.
 */
#ifndef TESTS_CONFORMANCE_TRANSPORT_H
#define TESTS_CONFORMANCE_TRANSPORT_H

#include <stdbool.h>
#include <tidal/transport.h>

#define TRANSPORT_NODES 3 /* the most that a case needs */

/* Some endpoints that know each other as peers 0 .. nodes - 1. */
struct transport_pod {
	const struct transport_adapter *adapter;
	const struct tidal_transport_ops *ops;
	unsigned nodes;
	struct tidal_transport *node[TRANSPORT_NODES];
	void *net; /* the adapter's own */
};

struct transport_adapter {
	const char *name;
	bool ordered; /* the transport keeps the order of the messages from one node to another */
	/* Open pod->nodes endpoints and set ops, node[] and net; 0 or an error. */
	int (*open)(struct transport_pod *pod);
	/* Close the network; the endpoints are closed already. */
	void (*close)(struct transport_pod *pod);
	/* Time for poll(), and a pause in which messages under way may come nearer. */
	tidal_time (*now)(struct transport_pod *pod);
	void (*pause)(struct transport_pod *pod);
};

/* Run all cases; returns the number of failures. */
int transport_conformance(const struct transport_adapter *adapter);

#endif
