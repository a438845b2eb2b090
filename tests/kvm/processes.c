/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A pod of two processes, over libfabric: the counting guest's vCPUs and pages go from one to the other,
 * by policy and by order. Nothing is lost and nothing is done twice.
 *
 * Broken on purpose, it fails: leave out a part in put_rows() (bytes.c), or the MSRs' values.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <tidal/fabric.h>

#include "counting.h"

#define VCPUS 4
#define ROUNDS 20000
#define PATIENCE_US 240000000u
#define ADDRESS 256

static char trouble[256];

static int open_wire(unsigned self, struct tidal_transport **wire)
{
	struct tidal_fabric_config config;

	tidal_fabric_config_init(&config, sizeof(config));
	config.provider = PROVIDER;
	config.one_host = 1;
	config.node = self;
	config.wait = TIDAL_FABRIC_BLOCK;
	config.pod = 4711;
	return tidal_fabric_open(&config, wire, trouble, sizeof(trouble));
}

static void say(int fd, const void *bytes, size_t len)
{
	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
}

static void hear(int fd, void *bytes, size_t len)
{
	for (size_t got = 0; got < len;) {
		ssize_t n = read(fd, (uint8_t *)bytes + got, len - got);

		assert_true(n > 0);
		got += (size_t)n;
	}
}

static void both(int fd)
{
	char c = 0;

	say(fd, &c, 1);
	hear(fd, &c, 1);
}

static struct tidal_transport *meet(unsigned self, int fd)
{
	struct { uint64_t len; uint8_t bytes[ADDRESS]; } mine = { .len = ADDRESS }, its;
	struct tidal_transport *wire;
	size_t len = ADDRESS;

	assert_int_equal(open_wire(self, &wire), 0);
	assert_int_equal(tidal_fabric_ops()->local_addr(wire, mine.bytes, &len), 0);
	mine.len = len;
	say(fd, &mine, sizeof(mine));
	hear(fd, &its, sizeof(its));
	assert_int_equal(tidal_fabric_ops()->peer_add(wire, (tidal_nodeid)(1 - self), its.bytes,
						      its.len), 0);
	return wire;
}

static void await(atomic_uint *what, unsigned least)
{
	for (unsigned us = 0; atomic_load(what) < least; us += 1000) {
		assert_true(us < PATIENCE_US);
		usleep(1000);
	}
}

/* Send away now and then who is here, until the other says that it is over. */
static unsigned stir(struct vm_node *vm, int fd)
{
	unsigned seed = 7 + vm->config.self, moves = 0;
	char c;

	while (vm->config.self == 0 ? atomic_load(&vm->done) < VCPUS
				    : recv(fd, &c, 1, MSG_DONTWAIT) != 1) {
		usleep(500 + (unsigned)rand_r(&seed) % 4000);
		moves += vm_move(vm, (unsigned)rand_r(&seed) % VCPUS, 1 - vm->config.self) == 0;
	}
	return moves;
}

static void run_node(unsigned self, int fd)
{
	struct tidal_transport *wire = meet(self, fd);
	const struct vm_config config = {
		.self = self, .nodes = 2, .vcpus = VCPUS, .frames = 256, .pages = COUNTING_MEMORY,
		.wire_ops = tidal_fabric_ops(), .wire = wire,
	};
	struct tidal_kvm_info info = { .size = sizeof(info) };
	struct vm_node *vm = calloc(1, sizeof(*vm));
	unsigned moves;
	char c = 1;

	assert_non_null(vm);
	vm_open(vm, &config);
	await(&vm->ready, 1);
	if (self == 0)
		counting_load(vm);
	counting_boot(vm, ROUNDS);
	both(fd);
	vm_continue(vm);
	moves = stir(vm, fd);
	if (self == 0) {
		counting_check(vm, ROUNDS);
		say(fd, &c, 1);
	}
	both(fd);
	tidal_kvm_info(vm->host, &info);
	print_message("node %u: %llu faults, %llu vCPUs out, %llu in, %llu cancelled, %llu stuck; "
		      "%u orders\n", self, (unsigned long long)info.faults,
		      (unsigned long long)info.saves, (unsigned long long)info.loads,
		      (unsigned long long)info.cancels, (unsigned long long)info.stuck, moves);
	assert_true(info.loads > 0);
	assert_int_equal(atomic_load(&vm->failures), 0);
	vm_close(vm);
	both(fd);
	tidal_fabric_ops()->close(wire);
	free(vm);
}

static void test_two_processes(void **state)
{
	int fd[2], status;
	pid_t child;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	child = fork();
	assert_true(child >= 0);
	(void)close(fd[child != 0]);
	run_node(child == 0, fd[child == 0]);
	if (child == 0)
		_exit(0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_two_processes) };
	const char *why = vm_refusal(0);
	struct tidal_transport *wire;

	(void)signal(SIGPIPE, SIG_IGN);
	if (!why && open_wire(0, &wire))
		why = trouble;
	else if (!why)
		tidal_fabric_ops()->close(wire);
	if (why) {
		printf("SKIP: kvm processes: %s\n", why);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
