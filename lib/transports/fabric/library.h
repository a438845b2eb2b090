/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * library - libfabric, loaded when it is needed.
 *
 * Not linked: on some distributions libraries of network cards come with it whose constructors
 * take 0.2 s and install signal handlers (SIGINT, SIGSEGV and others), which no program shall pay
 * for that opens no endpoint. The few functions that are not inline are here.
 */
#ifndef TIDAL_TRANSPORTS_FABRIC_LIBRARY_H
#define TIDAL_TRANSPORTS_FABRIC_LIBRARY_H

#include <stdbool.h>
#include <rdma/fabric.h>

struct library {
	int (*getinfo)(uint32_t version, const char *node, const char *service, uint64_t flags,
		       const struct fi_info *hints, struct fi_info **info);
	void (*freeinfo)(struct fi_info *info);
	struct fi_info *(*dupinfo)(const struct fi_info *info);
	int (*fabric)(struct fi_fabric_attr *attr, struct fid_fabric **fabric, void *context);
	const char *(*strerror)(int error);
	uint32_t (*version)(void);
};

/* False: *why* says why not. Once loaded it stays. */
bool library_load(struct library *library, const char **why);

#endif
