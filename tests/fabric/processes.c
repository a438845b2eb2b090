/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The libfabric transport between processes: what goes across, who sleeps and is woken, and peers
 * that are killed, stopped and started again. On every provider that is here.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <poll.h>
#include <unistd.h>
#include <cmocka.h>

#include "pair.h"

#define ROUNDS 200
#define VCPU_BYTES 6820

static const struct tidal_transport_ops *ops;

static void fill(uint8_t *bytes, size_t len, uint32_t seed)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(seed * 31 + i * 7 + (i >> 8));
}

struct traffic {
	uint8_t page[TIDAL_PAGE_SIZE], vcpu[VCPU_BYTES];
	uint8_t page_back[TIDAL_PAGE_SIZE], vcpu_back[VCPU_BYTES];
	uint32_t overslept; /* nobody woke us */
};

/* Sleep until something may be there; a sleep that runs to its end in vain was not woken. */
static void nap(struct tidal_transport *t, struct traffic *tr)
{
	struct pollfd p = { .fd = ops->wait_fd(t), .events = POLLIN };

	if (p.fd < 0 || ops->deadline(t) <= now())
		return;
	if (poll(&p, 1, 2000) == 0)
		tr->overslept++;
}

static void get_back(struct tidal_transport *t, struct traffic *tr, struct tidal_completion *done)
{
	tidal_time end = now() + PATIENCE;

	do {
		int n = ops->poll(t, now(), done, 1);

		if (n == 1 && done->kind == TIDAL_DONE_RECV)
			return;
		if (n == 0)
			nap(t, tr);
	} while (now() < end);
	fail_msg("no answer");
}

static void exchange(struct tidal_transport *t, struct traffic *tr, uint32_t round)
{
	uint32_t kind = round % 4 == 0 ? TIDAL_PAYLOAD_VCPU : TIDAL_PAYLOAD_PAGE;
	uint8_t *data = kind == TIDAL_PAYLOAD_PAGE ? tr->page : tr->vcpu;
	uint8_t *back = kind == TIDAL_PAYLOAD_PAGE ? tr->page_back : tr->vcpu_back;
	uint32_t len = kind == TIDAL_PAYLOAD_PAGE ? TIDAL_PAGE_SIZE : VCPU_BYTES;
	struct tidal_completion done;
	uint8_t header[200];
	int err;

	fill(data, len, round);
	fill(header, sizeof(header), ~round);
	assert_int_equal(ops->recv_post(t, kind, back, len, round), 0);
	do {
		err = ops->send(t, 1, header, 1 + round % sizeof(header), kind, data, len, round);
		if (err == TIDAL_EAGAIN)
			(void)ops->poll(t, now(), &done, 0);
	} while (err == TIDAL_EAGAIN);
	assert_int_equal(err, 0);
	get_back(t, tr, &done);
	assert_int_equal(done.cookie, round);
	assert_int_equal(done.payload, kind);
	assert_int_equal(done.payload_len, len);
	assert_int_equal(done.len, 1 + round % sizeof(header));
	assert_memory_equal(done.header, header, done.len);
	assert_memory_equal(back, data, len);
}

/* When nothing comes any more one can sleep: else whoever waits spins. */
static bool comes_to_rest(struct tidal_transport *t)
{
	struct pollfd p = { .fd = ops->wait_fd(t), .events = POLLIN };
	struct tidal_completion done;

	for (int i = 0; i < 200; i++)
		if (ops->poll(t, now(), &done, 1) == 0 && ops->deadline(t) > now() &&
		    poll(&p, 1, 0) == 0)
			return true;
	return false;
}

static void check_traffic(const char *provider, uint32_t wait)
{
	struct tidal_fabric_config mine = config_for(provider, 0), its = config_for(provider, 1);
	static struct traffic traffic;
	struct tidal_transport *t;
	struct echo e;

	mine.wait = its.wait = wait;
	/* the time of a sleep is not to be cut short by heartbeats */
	mine.heartbeat_ns = its.heartbeat_ns = 5000 * MS;
	mine.silence_ns = its.silence_ns = 60000 * MS;
	mine.checksums = its.checksums = wait == TIDAL_FABRIC_SPIN;
	if (mine.checksums && tidal_fabric_open(&mine, &t, NULL, 0) == TIDAL_ENOSYS)
		mine.checksums = its.checksums = 0;
	else if (mine.checksums)
		ops->close(t);
	t = open_end(&mine);
	echo_start(&e, &its);
	echo_meet(&e, t);
	traffic.overslept = 0;
	for (uint32_t i = 0; i < ROUNDS; i++)
		exchange(t, &traffic, i);
	assert_int_equal(traffic.overslept, 0);
	assert_true(ops->wait_fd(t) < 0 || comes_to_rest(t));
	assert_int_equal(stats_of(t).damaged, 0);
	assert_int_equal(stats_of(t).malformed, 0);
	echo_kill(&e);
	ops->close(t);
}

static void test_payloads_cross_processes(void **state)
{
	check_traffic(*state, TIDAL_FABRIC_SPIN);
}

static void test_who_sleeps_is_woken(void **state)
{
	check_traffic(*state, TIDAL_FABRIC_BLOCK);
}

struct scene {
	struct tidal_transport *t;
	struct echo e;
};

static void begin(struct scene *s, const char *provider, uint32_t silence_is_death)
{
	struct tidal_fabric_config mine = config_for(provider, 0), its = config_for(provider, 1);

	mine.silence_is_death = silence_is_death;
	s->t = open_end(&mine);
	echo_start(&s->e, &its);
	echo_meet(&s->e, s->t);
	send_text(s->t, NULL, 1, "alive?");
	expect_text(s->t, NULL, "alive?");
}

static void end(struct scene *s)
{
	echo_kill(&s->e);
	ops->close(s->t);
}

/* Known for certain, and long before silence would tell. */
static void test_a_killed_process_is_noticed(void **state)
{
	struct tidal_completion done;
	struct scene s;
	tidal_time killed;

	begin(&s, *state, 0);
	(void)kill(s.e.pid, SIGKILL);
	killed = now();
	assert_true(wait_for(s.t, NULL, TIDAL_DONE_PEER_DOWN, &done, PATIENCE));
	assert_int_equal(done.from, 1);
	print_message("%s: noticed after %u ms\n", (const char *)*state,
		      (unsigned)((now() - killed) / MS));
	assert_int_equal(state_of(s.t, 1), TIDAL_FABRIC_DOWN);
	/* said once; nothing hangs */
	for (int i = 0; i < 1000; i++)
		assert_int_equal(ops->send(s.t, 1, "x", 1, 0, NULL, 0, 0), TIDAL_EAGAIN);
	assert_false(wait_for(s.t, NULL, TIDAL_DONE_PEER_DOWN, &done, 200 * MS));
	end(&s);
}

/* It may be dead or only slow: said as it is. It is heard again when it goes on. */
static void test_a_stopped_process_is_silent(void **state)
{
	struct tidal_completion done;
	struct scene s;

	begin(&s, *state, 0);
	(void)kill(s.e.pid, SIGSTOP);
	assert_true(wait_for(s.t, NULL, TIDAL_DONE_PEER_SILENT, &done, PATIENCE));
	assert_int_equal(done.from, 1);
	assert_int_equal(state_of(s.t, 1), TIDAL_FABRIC_SILENT);
	assert_false(wait_for(s.t, NULL, TIDAL_DONE_PEER_SILENT, &done, 200 * MS));
	(void)kill(s.e.pid, SIGCONT);
	assert_true(wait_state(s.t, NULL, 1, TIDAL_FABRIC_UP, PATIENCE));
	send_text(s.t, NULL, 1, "back?");
	expect_text(s.t, NULL, "back?");
	end(&s);
}

static void test_silence_may_mean_death(void **state)
{
	struct tidal_completion done;
	struct scene s;

	begin(&s, *state, 1);
	(void)kill(s.e.pid, SIGSTOP);
	assert_true(wait_for(s.t, NULL, TIDAL_DONE_PEER_DOWN, &done, PATIENCE));
	assert_int_equal(done.from, 1);
	(void)kill(s.e.pid, SIGCONT);
	assert_false(wait_for(s.t, NULL, TIDAL_DONE_RECV, &done, 300 * MS));
	assert_int_equal(state_of(s.t, 1), TIDAL_FABRIC_DOWN);
	end(&s);
}

static tidal_time heard_at(const struct tidal_transport *t)
{
	struct tidal_fabric_peer peer = { .size = sizeof(peer) };

	assert_int_equal(tidal_fabric_peer(t, 1, &peer), 0);
	return peer.heard;
}

/* One that beats is heard again and again, however little is said. */
static void test_idle_peers_are_heard(void **state)
{
	struct tidal_completion done;
	struct scene s;
	unsigned beats = 0;

	begin(&s, *state, 0);
	for (tidal_time end = now() + PATIENCE, last = heard_at(s.t); beats < 5 && now() < end;) {
		(void)ops->poll(s.t, now(), &done, 1);
		beats += heard_at(s.t) != last;
		last = heard_at(s.t);
	}
	assert_int_equal(beats, 5);
	assert_true(stats_of(s.t).heartbeats > 0);
	assert_int_equal(stats_of(s.t).received, 1);
	end(&s);
}

/* Who did not listen can't say that others were silent. */
static void test_own_absence_is_nobodys_silence(void **state)
{
	struct tidal_completion done;
	struct scene s;
	tidal_time later;

	begin(&s, *state, 0);
	later = now() + 10000 * MS;
	for (int i = 0; i < 100; i++)
		if (ops->poll(s.t, later, &done, 1) == 1)
			assert_int_not_equal(done.kind, TIDAL_DONE_PEER_SILENT);
	assert_int_equal(state_of(s.t, 1), TIDAL_FABRIC_UP);
	end(&s);
}

static void test_a_successor_is_greeted(void **state)
{
	struct tidal_fabric_config its = config_for(*state, 1);
	struct tidal_fabric_peer peer = { .size = sizeof(peer) };
	struct tidal_completion done;
	struct scene s;

	begin(&s, *state, 0);
	echo_kill(&s.e);
	assert_true(wait_for(s.t, NULL, TIDAL_DONE_PEER_DOWN, &done, PATIENCE));
	assert_int_equal(ops->peer_del(s.t, 1), 0);
	echo_start(&s.e, &its);
	echo_meet(&s.e, s.t);
	send_text(s.t, NULL, 1, "next?");
	expect_text(s.t, NULL, "next?");
	assert_int_equal(tidal_fabric_peer(s.t, 1, &peer), 0);
	end(&s);
}

/* Killed and started again before anybody noticed, with the same address: it has died first. */
static void test_a_successor_at_the_same_address(void **state)
{
	struct tidal_fabric_config mine = config_for(*state, 0), its = config_for(*state, 1);
	struct tidal_completion done;
	struct scene s;

	mine.heartbeat_ns = 400 * MS;
	mine.silence_ns = 60000 * MS;
	its.port = 20000 + (uint32_t)getpid() % 20000;
	s.t = open_end(&mine);
	echo_start(&s.e, &its);
	echo_meet(&s.e, s.t);
	echo_kill(&s.e);
	echo_start(&s.e, &its);
	assert_int_equal(state_of(s.t, 1), TIDAL_FABRIC_UP); /* not polled meanwhile */
	echo_answer(&s.e, s.t);
	assert_true(wait_for(s.t, NULL, TIDAL_DONE_PEER_DOWN, &done, PATIENCE));
	assert_true(wait_state(s.t, NULL, 1, TIDAL_FABRIC_UP, PATIENCE));
	send_text(s.t, NULL, 1, "next?");
	expect_text(s.t, NULL, "next?");
	end(&s);
}

#define CASE(f) { #f, f, NULL, NULL, (void *)(uintptr_t)PROVIDER }

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		CASE(test_payloads_cross_processes),
		CASE(test_who_sleeps_is_woken),
		CASE(test_a_killed_process_is_noticed),
		CASE(test_a_stopped_process_is_silent),
		/* the rest is the same for all, and takes time */
		CASE(test_silence_may_mean_death),
		CASE(test_idle_peers_are_heard),
		CASE(test_own_absence_is_nobodys_silence),
		CASE(test_a_successor_is_greeted),
		CASE(test_a_successor_at_the_same_address),
	};
	const size_t count = strcmp(PROVIDER, "net") == 0 ? sizeof(tests) / sizeof(tests[0]) : 4;

	echo_main(argc, argv);
	ops = tidal_fabric_ops();
	return is_here(PROVIDER) ? _cmocka_run_group_tests(PROVIDER, tests, count, NULL, NULL) : 77;
}
