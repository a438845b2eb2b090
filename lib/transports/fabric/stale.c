/* SPDX-License-Identifier: BSD-3-Clause */
/* Files of dead processes. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "process.h"
#include "stale.h"

#define FILES_MAX 100000 /* looked at */

void stale_name(char *name, size_t size)
{
	(void)snprintf(name, size, "tidal-%" PRIu64 "-%u", process_namespace(),
		       (unsigned)getpid());
}

/* Of this library, this pid namespace, and a process that is gone. */
static bool is_stale(const char *name)
{
	uint64_t space;
	unsigned pid;
	int end = 0;

	return sscanf(name, "tidal-%" SCNu64 "-%u:%n", &space, &pid, &end) == 2 && end > 0 &&
	       space != 0 && space == process_namespace() && !process_exists(pid);
}

/* Nobody else's, and nothing but a file. */
static bool is_mine(int folder, const char *name)
{
	struct stat st;

	return fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	       st.st_uid == geteuid();
}

unsigned stale_remove(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	unsigned removed = 0;

	if (!dir)
		return 0;
	for (unsigned i = 0; i < FILES_MAX && (entry = readdir(dir)); i++)
		if (is_stale(entry->d_name) && is_mine(dirfd(dir), entry->d_name))
			removed += unlinkat(dirfd(dir), entry->d_name, 0) == 0;
	(void)closedir(dir);
	return removed;
}
