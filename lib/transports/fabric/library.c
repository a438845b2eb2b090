/* SPDX-License-Identifier: BSD-3-Clause */
/* Loading libfabric, and undoing what its companions do to the process. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <string.h>

#include "library.h"

#define SONAME "libfabric.so.1"

static const int meddled[] = { SIGSEGV, SIGBUS, SIGILL, SIGABRT, SIGINT, SIGTERM };
#define MEDDLED (sizeof(meddled) / sizeof(meddled[0]))

/* A function's address in a pointer to it: C has no cast for that. */
static bool find(void *handle, const char *name, void *function)
{
	void *address = dlsym(handle, name);

	memcpy(function, &address, sizeof(address));
	return address != NULL;
}

static bool find_all(void *handle, struct library *l)
{
	return find(handle, "fi_getinfo", &l->getinfo) &&
	       find(handle, "fi_freeinfo", &l->freeinfo) &&
	       find(handle, "fi_dupinfo", &l->dupinfo) && find(handle, "fi_fabric", &l->fabric) &&
	       find(handle, "fi_strerror", &l->strerror) &&
	       find(handle, "fi_version", &l->version);
}

bool library_load(struct library *library, const char **why)
{
	struct sigaction before[MEDDLED];
	void *handle;

	for (size_t i = 0; i < MEDDLED; i++)
		(void)sigaction(meddled[i], NULL, &before[i]);
	handle = dlopen(SONAME, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	for (size_t i = 0; i < MEDDLED; i++)
		(void)sigaction(meddled[i], &before[i], NULL);
	if (!handle || !find_all(handle, library)) {
		*why = "libfabric.so.1 can't be loaded: is it installed?";
		return false;
	}
	if (library->version() < FI_VERSION(1, 17)) {
		*why = "libfabric is older than 1.17";
		return false;
	}
	return true;
}
