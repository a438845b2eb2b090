/* SPDX-License-Identifier: BSD-3-Clause */
/* Processes of this host: /proc and pidfds. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "process.h"

#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)
#define STARTED_FIELD 20 /* spaces behind the command's name, in /proc/PID/stat */

static size_t read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	if (fd >= 0) {
		n = read(fd, text, size - 1);
		(void)close(fd);
	}
	text[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

/* 0: no such process. */
static uint64_t started_at(uint32_t pid)
{
	char path[64], text[1024], *at;

	(void)snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	if (read_file(path, text, sizeof(text)) == 0)
		return 0;
	at = strrchr(text, ')'); /* the name may hold anything */
	for (int i = 0; at && i < STARTED_FIELD; i++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at + 1, NULL, 10) : 0;
}

uint64_t process_namespace(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) == 0 ? (uint64_t)st.st_ino : 0;
}

void process_self(struct process *self)
{
	char boot[64];
	size_t len = read_file("/proc/sys/kernel/random/boot_id", boot, sizeof(boot));
	uint64_t hash = FNV_BASIS, space = process_namespace();

	*self = (struct process){ .pid = (uint32_t)getpid() };
	self->started = started_at(self->pid);
	if (len == 0 || space == 0 || self->started == 0)
		return;
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (uint8_t)boot[i]) * FNV_PRIME;
	for (unsigned i = 0; i < 8; i++)
		hash = (hash ^ (uint8_t)(space >> 8 * i)) * FNV_PRIME;
	self->host = hash ? hash : 1;
}

bool process_exists(uint32_t pid)
{
	return pid == 0 || pid > INT32_MAX || kill((pid_t)pid, 0) == 0 || errno != ESRCH;
}

int process_watch(const struct process *process)
{
	int fd;

	if (process->pid == 0 || process->pid > INT32_MAX)
		return -1;
	fd = (int)syscall(SYS_pidfd_open, (pid_t)process->pid, 0);
	if (fd < 0)
		return -1;
	/* now that the pid can't be given to another: is it the right one? */
	if (started_at(process->pid) == process->started)
		return fd;
	(void)close(fd);
	return -1;
}

bool process_ended(int watch)
{
	struct pollfd p = { .fd = watch, .events = POLLIN };

	return watch >= 0 && poll(&p, 1, 0) == 1 && p.revents & POLLIN;
}
