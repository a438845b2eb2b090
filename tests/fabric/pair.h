/* SPDX-License-Identifier: BSD-3-Clause */
/* pair - endpoints on loopback, in this process or in others that are started for it. After cmocka. */
#ifndef TESTS_FABRIC_PAIR_H
#define TESTS_FABRIC_PAIR_H

#include <stdbool.h>
#include <sys/types.h>
#include <tidal/fabric.h>

#define MS UINT64_C(1000000)
#define PATIENCE (20000 * MS) /* until something counts as lost; sanitizers and loaded hosts are slow */

tidal_time now(void);
/* The provider that the test is about. */
struct tidal_fabric_config config_for(const char *provider, unsigned node);
/* Opens, or fails the test. */
struct tidal_transport *open_end(const struct tidal_fabric_config *config);
/* False: the provider is not here; the test's name is printed as skipped. */
bool is_here(const char *provider);
void add_peer(struct tidal_transport *t, unsigned node, struct tidal_transport *peer);
uint32_t state_of(const struct tidal_transport *t, unsigned node);
struct tidal_fabric_stats stats_of(const struct tidal_transport *t);
/*
 * Poll (and *other* too, if it isn't NULL) until there is a completion of that kind, or time is up;
 * others are dropped.
 */
bool wait_for(struct tidal_transport *t, struct tidal_transport *other, uint32_t kind,
	      struct tidal_completion *done, tidal_time within);
bool wait_state(struct tidal_transport *t, struct tidal_transport *other, unsigned node,
		uint32_t state, tidal_time within);
void send_text(struct tidal_transport *t, struct tidal_transport *other, unsigned to,
	       const char *text);
void expect_text(struct tidal_transport *t, struct tidal_transport *other, const char *text);

/* Another process with an endpoint, node 1, that answers every message with the same bytes. */
struct echo {
	pid_t pid;
	int in, out; /* its standard input and output */
	uint8_t addr[512];
	size_t addr_len;
};

/* *config* of that process; main() begins with echo_main(), which returns if this is not it. */
void echo_main(int argc, char **argv);
void echo_start(struct echo *e, const struct tidal_fabric_config *config);
/* Tell it where node 0 is. */
void echo_answer(struct echo *e, struct tidal_transport *t);
/* They know each other, and have greeted each other. */
void echo_meet(struct echo *e, struct tidal_transport *t);
void echo_kill(struct echo *e);

#endif
