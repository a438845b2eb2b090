/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files that dead processes leave in /dev/shm: which are removed, which are not; and the transport's
 * parts that know of processes.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "pair.h"

#ifndef HAVE_LIBFABRIC
int main(void)
{
	puts("SKIP: stale: built without libfabric");
	return 77;
}
#else
#include "transports/fabric/process.h"
#include "transports/fabric/stale.h"

/* A process that is no more. */
static pid_t dead_process(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return pid;
}

static void make_file(int folder, const char *name)
{
	int fd = openat(folder, name, O_CREAT | O_WRONLY, 0600);

	assert_true(fd >= 0);
	(void)close(fd);
}

/* Was it there still? It is not any more. */
static bool was_there(int folder, const char *name)
{
	return unlinkat(folder, name, 0) == 0;
}

static void test_only_what_is_ours_and_dead_is_removed(void **state)
{
	char path[] = "stale-XXXXXX", name[8][128];
	int folder;
	unsigned long space = (unsigned long)process_namespace();
	unsigned dead = (unsigned)dead_process();

	(void)state;
	if (space == 0)
		skip();
	assert_non_null(mkdtemp(path));
	folder = open(path, O_RDONLY | O_DIRECTORY);
	assert_true(folder >= 0);
	(void)snprintf(name[0], 128, "tidal-%lu-%u:0:0", space, dead);
	(void)snprintf(name[1], 128, "tidal-%lu-%u:0:12", space, dead);
	(void)snprintf(name[2], 128, "tidal-%lu-%u:0:0", space + 1, dead); /* another namespace's */
	(void)snprintf(name[3], 128, "tidal-%lu-%u:0:0", space, (unsigned)getpid());
	(void)snprintf(name[4], 128, "other-%lu-%u:0:0", space, dead);
	(void)snprintf(name[5], 128, "tidal-%lu-%u", space, dead); /* nobody's name */
	(void)snprintf(name[6], 128, "tidal-%lu-1:0:0", space);
	(void)snprintf(name[7], 128, "tidal-%lu-%u:0:7", space, dead); /* not a file: a link */
	for (int i = 0; i < 7; i++)
		make_file(folder, name[i]);
	assert_int_equal(symlinkat("elsewhere", folder, name[7]), 0);
	assert_int_equal(stale_remove(path), 2);
	assert_false(was_there(folder, name[0]));
	assert_false(was_there(folder, name[1]));
	for (int i = 2; i < 8; i++)
		if (!was_there(folder, name[i]))
			fail_msg("%s was removed", name[i]);
	(void)close(folder);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(stale_remove("no-such-folder"), 0);
}

static bool in_shm(const char *prefix)
{
	char pattern[200];

	(void)snprintf(pattern, sizeof(pattern), "ls /dev/shm | grep -q '^%s'", prefix);
	return system(pattern) == 0; /* NOLINT: no bytes of others in it */
}

/* What a killed process leaves is gone when the next endpoint opens. */
static void test_a_killed_process_leaves_nothing_for_long(void **state)
{
	struct tidal_fabric_config mine, its;
	struct tidal_transport *t;
	char prefix[100];
	siginfo_t dead;
	struct echo e;

	(void)state;
	if (!is_here("shm"))
		skip();
	mine = config_for("shm", 0);
	its = config_for("shm", 1);
	echo_start(&e, &its);
	(void)snprintf(prefix, sizeof(prefix), "tidal-%lu-%u:", (unsigned long)process_namespace(),
		       (unsigned)e.pid);
	assert_true(in_shm(prefix));
	t = open_end(&mine);
	assert_true(in_shm(prefix)); /* it lives */
	tidal_fabric_ops()->close(t);
	/*
	 * Dead, but not waited for: its pid is still taken, so that nobody else on this machine (another
	 * test, for one) removes the files before they have been seen: else this tests nothing.
	 */
	assert_int_equal(kill(e.pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)e.pid, &dead, WEXITED | WNOWAIT), 0);
	assert_true(in_shm(prefix));
	echo_kill(&e);
	t = open_end(&mine);
	assert_false(in_shm(prefix));
	tidal_fabric_ops()->close(t);
	(void)snprintf(prefix, sizeof(prefix), "tidal-%lu-%u:", (unsigned long)process_namespace(),
		       (unsigned)getpid());
	assert_false(in_shm(prefix)); /* what is closed leaves nothing */
}

static void test_the_end_of_a_process_is_seen(void **state)
{
	struct process self, other;
	int watch;
	pid_t pid;

	(void)state;
	process_self(&self);
	if (self.host == 0)
		skip();
	watch = process_watch(&self);
	assert_true(watch >= 0);
	assert_false(process_ended(watch));
	(void)close(watch);
	other = self;
	other.started++; /* the pid was given to another */
	assert_int_equal(process_watch(&other), -1);
	pid = fork();
	if (pid == 0) {
		(void)pause();
		_exit(0);
	}
	assert_true(process_exists((uint32_t)pid));
	assert_false(process_ended(-1));
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	assert_false(process_exists((uint32_t)pid));
}

/* Loading libfabric changes nothing for the rest of the process. */
static void test_signals_stay_as_they_were(void **state)
{
	struct tidal_fabric_config config = config_for("net", 0);
	const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGABRT, SIGINT, SIGTERM };
	struct sigaction before[6], after;

	(void)state;
	for (int i = 0; i < 6; i++)
		(void)sigaction(signals[i], NULL, &before[i]);
	tidal_fabric_ops()->close(open_end(&config));
	for (int i = 0; i < 6; i++) {
		(void)sigaction(signals[i], NULL, &after);
		assert_true(after.sa_handler == before[i].sa_handler);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signals_stay_as_they_were), /* before it is loaded */
		cmocka_unit_test(test_only_what_is_ours_and_dead_is_removed),
		cmocka_unit_test(test_a_killed_process_leaves_nothing_for_long),
		cmocka_unit_test(test_the_end_of_a_process_is_seen),
	};

	echo_main(argc, argv);
	return cmocka_run_group_tests_name("stale", tests, NULL, NULL);
}
#endif
