/* SPDX-License-Identifier: BSD-3-Clause */
/* Run a program under Debian's qemu-user. */
#define _DEFAULT_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engines.h"

#define QEMU "qemu-riscv64"
#define NO_QEMU 77
#define SECONDS 120

static int write_program(char *path, const uint8_t *file, size_t len)
{
	int fd = mkstemp(path);
	int r = -1;

	if (fd < 0)
		return -1;
	if (write(fd, file, len) == (ssize_t)len && fchmod(fd, 0700) == 0)
		r = 0;
	close(fd);
	return r;
}

/* Its status as waitpid() gives it; its output goes to *out*. */
static int spawn(const char *path, FILE *out)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return -1;
	if (pid == 0) {
		alarm(SECONDS);
		if (dup2(fileno(out), 1) >= 0)
			execlp(QEMU, QEMU, path, (char *)NULL);
		_exit(errno == ENOENT ? NO_QEMU : 1);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return status;
}

int qemu_run(const uint8_t *file, size_t len, uint8_t *out, size_t bytes)
{
	char path[] = "/tmp/tidal-diff-XXXXXX";
	FILE *output = tmpfile();
	int status, r = -1;

	if (!output || write_program(path, file, len)) {
		perror("temporary file");
		return -1;
	}
	status = spawn(path, output);
	unlink(path);
	rewind(output);
	if (WIFEXITED(status) && WEXITSTATUS(status) == NO_QEMU)
		r = NO_QEMU;
	else if (status != 0)
		printf("%s failed: status 0x%x\n", QEMU, status);
	else if (fread(out, 1, bytes, output) != bytes)
		printf("%s wrote less than %zu bytes\n", QEMU, bytes);
	else
		r = 0;
	fclose(output);
	return r;
}
