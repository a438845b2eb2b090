/* SPDX-License-Identifier: BSD-3-Clause */
/* pair - see pair.h. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "pair.h"

tidal_time now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (tidal_time)ts.tv_sec * 1000000000u + (tidal_time)ts.tv_nsec;
}

struct tidal_fabric_config config_for(const char *provider, unsigned node)
{
	struct tidal_fabric_config config;

	tidal_fabric_config_init(&config, sizeof(config));
	config.provider = provider;
	config.one_host = 1;
	config.node = node;
	config.pod = 42;
	config.params = 4711;
	config.heartbeat_ns = 20 * MS;
	config.silence_ns = 1000 * MS;
	return config;
}

bool is_here(const char *provider)
{
	struct tidal_fabric_config config = config_for(provider, 0);
	struct tidal_transport *t;
	char why[200];
	int err = tidal_fabric_open(&config, &t, why, sizeof(why));

	if (err == 0)
		tidal_fabric_ops()->close(t);
	else
		printf("%s: provider %s: %s\n", err == TIDAL_ENOSYS ? "SKIP" : "ERROR", provider, why);
	if (err && err != TIDAL_ENOSYS)
		exit(1);
	return err == 0;
}

struct tidal_transport *open_end(const struct tidal_fabric_config *config)
{
	struct tidal_transport *t;
	char why[200];
	int err = tidal_fabric_open(config, &t, why, sizeof(why));

	if (err)
		fail_msg("%s", why);
	return t;
}

void add_peer(struct tidal_transport *t, unsigned node, struct tidal_transport *peer)
{
	uint8_t addr[512];
	size_t len = sizeof(addr);

	assert_int_equal(tidal_fabric_ops()->local_addr(peer, addr, &len), 0);
	assert_int_equal(tidal_fabric_ops()->peer_add(t, (tidal_nodeid)node, addr, len), 0);
}

uint32_t state_of(const struct tidal_transport *t, unsigned node)
{
	struct tidal_fabric_peer peer = { .size = sizeof(peer) };

	assert_int_equal(tidal_fabric_peer(t, (tidal_nodeid)node, &peer), 0);
	return peer.state;
}

struct tidal_fabric_stats stats_of(const struct tidal_transport *t)
{
	struct tidal_fabric_stats stats;

	tidal_fabric_stats(t, &stats, sizeof(stats));
	return stats;
}

static void nudge(struct tidal_transport *other)
{
	struct tidal_completion none;

	if (other)
		(void)tidal_fabric_ops()->poll(other, now(), &none, 0);
}

bool wait_for(struct tidal_transport *t, struct tidal_transport *other, uint32_t kind,
	      struct tidal_completion *done, tidal_time within)
{
	for (tidal_time end = now() + within; now() < end;) {
		nudge(other);
		if (tidal_fabric_ops()->poll(t, now(), done, 1) == 1 && done->kind == kind)
			return true;
	}
	return false;
}

bool wait_state(struct tidal_transport *t, struct tidal_transport *other, unsigned node,
		uint32_t state, tidal_time within)
{
	for (tidal_time end = now() + within; now() < end;) {
		nudge(t);
		nudge(other);
		if (state_of(t, node) == state)
			return true;
	}
	return false;
}

void send_text(struct tidal_transport *t, struct tidal_transport *other, unsigned to,
	       const char *text)
{
	int err = TIDAL_EAGAIN;

	for (tidal_time end = now() + PATIENCE; err == TIDAL_EAGAIN && now() < end;) {
		err = tidal_fabric_ops()->send(t, (tidal_nodeid)to, text, (uint32_t)strlen(text), 0,
					       NULL, 0, 0);
		nudge(t);
		nudge(other);
	}
	assert_int_equal(err, 0);
}

void expect_text(struct tidal_transport *t, struct tidal_transport *other, const char *text)
{
	struct tidal_completion done;

	assert_true(wait_for(t, other, TIDAL_DONE_RECV, &done, PATIENCE));
	assert_int_equal(done.len, strlen(text));
	assert_memory_equal(done.header, text, strlen(text));
}
