/* SPDX-License-Identifier: BSD-3-Clause */
/* The threads host where the system has no userfaultfd: it can't be opened. */
#include <string.h>
#include <tidal/threads.h>

void tidal_threads_config_init(struct tidal_threads_config *config, size_t size)
{
	memset(config, 0, size);
	config->size = size;
}

int tidal_threads_open(const struct tidal_threads_config *config, struct tidal_host **host,
		       const char **why)
{
	(void)config;
	(void)host;
	*why = "libtidal was built without userfaultfd, which Linux 5.7 and later have";
	return TIDAL_ENOSYS;
}

const struct tidal_host_ops *tidal_threads_ops(void)
{
	static const struct tidal_host_ops ops = { .size = sizeof(ops), .name = "threads" };

	return &ops;
}

void *tidal_threads_memory(const struct tidal_host *host, tidal_gpa gpa, uint64_t *bytes)
{
	(void)host;
	(void)gpa;
	(void)bytes;
	return NULL;
}

void tidal_threads_info(const struct tidal_host *host, struct tidal_threads_info *info)
{
	(void)host;
	(void)info;
}
