/* SPDX-License-Identifier: BSD-3-Clause */
/* A process that echoes: this same program, started anew (libfabric does not survive a fork()). */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <poll.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "pair.h"

#define BUFFERS 16
#define LIFE 100 /* seconds: then nobody wants it any more */

static uint8_t page[BUFFERS][TIDAL_PAGE_SIZE], vcpu[TIDAL_VCPU_BYTES_MAX];

/* The whole of *bytes*, or the other end is gone. */
static void get_all(int fd, void *bytes, size_t len)
{
	for (size_t got = 0; got < len;) {
		ssize_t n = read(fd, (char *)bytes + got, len - got);

		if (n <= 0)
			_exit(1);
		got += (size_t)n;
	}
}

static void put_all(int fd, const void *bytes, size_t len)
{
	if (write(fd, bytes, len) != (ssize_t)len)
		_exit(1);
}

static void post(struct tidal_transport *t, uint32_t kind, uint64_t cookie)
{
	int err = kind == TIDAL_PAYLOAD_PAGE
			  ? tidal_fabric_ops()->recv_post(t, kind, page[cookie], TIDAL_PAGE_SIZE,
							  cookie)
			  : tidal_fabric_ops()->recv_post(t, kind, vcpu, sizeof(vcpu), cookie);

	if (err)
		_exit(2);
}

/* Its buffer is posted again when it has been sent. */
static void answer(struct tidal_transport *t, const struct tidal_completion *done)
{
	const void *data = done->payload == TIDAL_PAYLOAD_PAGE	 ? page[done->cookie]
			   : done->payload == TIDAL_PAYLOAD_VCPU ? vcpu
								 : NULL;
	uint64_t cookie = done->cookie | (uint64_t)done->payload << 32;
	int err;

	do {
		err = tidal_fabric_ops()->send(t, done->from, done->header, done->len, done->payload,
					       data, done->payload_len, cookie);
	} while (err == TIDAL_EAGAIN);
}

/* Sleep as an embedder would, if the endpoint can be slept on. */
static void nap(struct tidal_transport *t)
{
	struct pollfd p = { .fd = tidal_fabric_ops()->wait_fd(t), .events = POLLIN };
	tidal_time due = tidal_fabric_ops()->deadline(t), at = now();

	if (p.fd >= 0 && due > at)
		(void)poll(&p, 1, due - at > 1000 * MS ? 1000 : (int)((due - at) / MS) + 1);
}

static void echo_run(struct tidal_transport *t)
{
	struct tidal_completion done[4];

	for (uint32_t i = 0; i < BUFFERS; i++)
		post(t, TIDAL_PAYLOAD_PAGE, i);
	post(t, TIDAL_PAYLOAD_VCPU, 0);
	(void)alarm(LIFE);
	for (;;) {
		int n = tidal_fabric_ops()->poll(t, now(), done, 4);

		for (int i = 0; i < n; i++) {
			if (done[i].kind == TIDAL_DONE_RECV)
				answer(t, &done[i]);
			else if (done[i].kind == TIDAL_DONE_SENT)
				post(t, (uint32_t)(done[i].cookie >> 32),
				     (uint32_t)done[i].cookie);
		}
		if (n == 0)
			nap(t);
	}
}

struct order {
	struct tidal_fabric_config config;
	char provider[64];
};

struct address {
	uint8_t bytes[512];
	size_t len;
};

void echo_main(int argc, char **argv)
{
	struct tidal_transport *t;
	struct address address;
	struct order order;
	char why[200];

	if (argc < 2 || strcmp(argv[1], "--echo") != 0)
		return;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	get_all(0, &order, sizeof(order));
	order.config.provider = order.provider;
	if (tidal_fabric_open(&order.config, &t, why, sizeof(why)) != 0) {
		(void)fprintf(stderr, "echo: %s\n", why);
		_exit(3);
	}
	address.len = sizeof(address.bytes);
	if (tidal_fabric_ops()->local_addr(t, address.bytes, &address.len) != 0)
		_exit(4);
	put_all(1, &address, sizeof(address));
	get_all(0, &address, sizeof(address));
	if (tidal_fabric_ops()->peer_add(t, 0, address.bytes, address.len) != 0)
		_exit(5);
	echo_run(t);
}

void echo_start(struct echo *e, const struct tidal_fabric_config *config)
{
	struct order order = { .config = *config };
	struct address address;
	int in[2], out[2];

	(void)snprintf(order.provider, sizeof(order.provider), "%s", config->provider);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	e->pid = fork();
	assert_true(e->pid >= 0);
	if (e->pid == 0) {
		(void)dup2(in[0], 0);
		(void)dup2(out[1], 1);
		(void)execl("/proc/self/exe", "echo", "--echo", (char *)NULL);
		_exit(6);
	}
	(void)close(in[0]);
	(void)close(out[1]);
	e->in = in[1];
	e->out = out[0];
	put_all(e->in, &order, sizeof(order));
	get_all(e->out, &address, sizeof(address));
	memcpy(e->addr, address.bytes, sizeof(e->addr));
	e->addr_len = address.len;
}

void echo_answer(struct echo *e, struct tidal_transport *t)
{
	struct address address = { .len = sizeof(address.bytes) };

	assert_int_equal(tidal_fabric_ops()->local_addr(t, address.bytes, &address.len), 0);
	put_all(e->in, &address, sizeof(address));
}

void echo_meet(struct echo *e, struct tidal_transport *t)
{
	assert_int_equal(tidal_fabric_ops()->peer_add(t, 1, e->addr, e->addr_len), 0);
	echo_answer(e, t);
	assert_true(wait_state(t, NULL, 1, TIDAL_FABRIC_UP, PATIENCE));
}

void echo_kill(struct echo *e)
{
	if (e->pid <= 0)
		return;
	(void)kill(e->pid, SIGKILL);
	(void)waitpid(e->pid, NULL, 0);
	(void)close(e->in);
	(void)close(e->out);
	e->pid = 0;
}
