/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver against a scripted core, host and transport: packets out, messages in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "node_steps.h"

/* --- sending --------------------------------------------------------------------------------- */

static void test_send(void **state)
{
	struct tidal_node *node = script_open();
	const struct script_call *c;

	(void)state;
	act(node, send_of(TIDAL_PAYLOAD_NONE, 0, 0));
	c = script_call("send", 0);
	assert_int_equal(c->to, 1);
	assert_int_equal(c->len, 5);
	assert_memory_equal(c->header, "hello", 5);
	assert_int_equal(c->data_len, 0);
	act(node, send_of(TIDAL_PAYLOAD_PAGE, 11, 4096));
	c = script_call("send", 0);
	assert_int_equal(c->payload, TIDAL_PAYLOAD_PAGE);
	assert_ptr_equal(c->data, script_frame(11));
	assert_int_equal(c->data_len, 4096);
	assert_int_equal(stats_of(node).sends, 2);
	tidal_node_close(node);
}

static void test_send_that_the_transport_refuses(void **state)
{
	struct tidal_node *node = script_open();

	(void)state;
	script.send_result = TIDAL_EAGAIN;
	act(node, send_of(TIDAL_PAYLOAD_PAGE, 11, 4096));
	script.send_result = TIDAL_ENOENT;
	act(node, send_of(TIDAL_PAYLOAD_NONE, 0, 0));
	assert_int_equal(stats_of(node).sends, 0);
	assert_int_equal(stats_of(node).sends_full, 1);
	assert_int_equal(stats_of(node).sends_failed, 1);
	tidal_node_close(node);
}

/* Over an ideal link nobody sends it again: the node can't go on. */
static void test_send_that_must_not_be_lost(void **state)
{
	struct tidal_node_config config;
	struct tidal_params params;
	struct tidal_node *node;

	(void)state;
	script_reset();
	config = script_config(&params);
	params.flags = TIDAL_PARAM_IDEAL_LINK;
	assert_int_equal(tidal_node_open(&config, &node), 0);
	script.send_result = TIDAL_EAGAIN;
	script_act(&(struct tidal_action){ .kind = TIDAL_ACT_SEND, .u.send = {
		.len = 1, .header = "x" } });
	assert_int_equal(tidal_node_step(node, 1, 0), TIDAL_EIO);
	assert_int_equal(tidal_node_step(node, 2, 0), TIDAL_EIO);
	tidal_node_close(node);
}

static void test_send_from_where_nothing_is(void **state)
{
	struct tidal_node *node = script_open();

	(void)state;
	act(node, send_of(TIDAL_PAYLOAD_PAGE, SCRIPT_FRAMES, 4096));
	act(node, send_of(TIDAL_PAYLOAD_PAGE, 0, 4097));
	act(node, send_of(TIDAL_PAYLOAD_VCPU, 0, 100)); /* posted, not the core's */
	act(node, send_of(TIDAL_PAYLOAD_VCPU, 1000, 100));
	act(node, send_of(77, 0, 100));
	assert_int_equal(script_calls("send"), 0);
	assert_int_equal(stats_of(node).sends_failed, 5);
	tidal_node_close(node);
}

/* Payloads are read before the next action, also when the transport reads them later. */
static void test_transport_that_does_not_copy(void **state)
{
	struct tidal_node_config config;
	struct tidal_params params;
	struct tidal_node *node;
	const struct script_call *c;
	unsigned sent = 0;

	(void)state;
	script_reset();
	config = script_config(&params);
	script.wire_caps.copies = 0;
	assert_int_equal(tidal_node_open(&config, &node), 0);
	script_frame(2)[0] = 0x5a;
	while (stats_of(node).sends_full == 0 && sent < 1000) {
		act(node, send_of(TIDAL_PAYLOAD_PAGE, 2, 4096));
		sent++;
	}
	assert_in_range(sent, 9, 999); /* then all are under way */
	script.done_tail = script.done_head;
	script.completions[script.done_tail++] = (struct tidal_completion){
		.kind = TIDAL_DONE_SENT, .cookie = 5 };
	step(node);
	act(node, send_of(TIDAL_PAYLOAD_PAGE, 2, 4096));
	c = script_call("send", 0);
	assert_int_equal(c->cookie, 5);
	assert_ptr_not_equal(c->data, script_frame(2));
	script_frame(2)[0] = 0;
	assert_int_equal(*(const uint8_t *)c->data, 0x5a);
	/* a send that fails keeps nothing */
	script.completions[script.done_tail++] = (struct tidal_completion){
		.kind = TIDAL_DONE_SENT, .cookie = 6 };
	step(node);
	script.send_result = TIDAL_EAGAIN;
	act(node, send_of(TIDAL_PAYLOAD_PAGE, 2, 4096));
	script.send_result = 0;
	act(node, send_of(TIDAL_PAYLOAD_PAGE, 2, 4096));
	assert_int_equal(script_calls("send"), 1);
	tidal_node_close(node);
}

/* Then a page goes from its frame, and has no completion that would be waited for. */
static void test_transport_that_copies_small_payloads(void **state)
{
	struct tidal_node_config config;
	struct tidal_params params;
	struct tidal_node *node;

	(void)state;
	script_reset();
	config = script_config(&params);
	script.wire_caps.copies = 0;
	script.wire_caps.copies_max = 4095;
	assert_int_equal(tidal_node_open(&config, &node), 0);
	act(node, send_of(TIDAL_PAYLOAD_PAGE, 2, 4095));
	assert_ptr_equal(script_call("send", 0)->data, script_frame(2));
	act(node, send_of(TIDAL_PAYLOAD_PAGE, 2, 4096));
	assert_ptr_not_equal(script_call("send", 0)->data, script_frame(2));
	tidal_node_close(node);
}

/* --- receiving ------------------------------------------------------------------------------- */

static void test_message(void **state)
{
	struct tidal_node *node = script_open();
	const struct tidal_ev_message *m;

	(void)state;
	script_message(7, TIDAL_PAYLOAD_PAGE, 13, 4096);
	assert_int_equal(tidal_node_step(node, 50, 0), 1);
	m = &pushed(TIDAL_EV_MESSAGE, 0)->u.message;
	assert_int_equal(m->from, 1);
	assert_int_equal(m->payload, TIDAL_PAYLOAD_PAGE);
	assert_int_equal(m->buf, 13);
	assert_int_equal(m->payload_len, 4096);
	assert_int_equal(m->len, 1);
	assert_int_equal(script_call("push", 0)->header[0], 7);
	assert_int_equal(script_calls("post page"), 0); /* the frame is the core's */
	tidal_node_close(node);
}

static int refuse_messages(const struct tidal_event *event)
{
	return event->kind == TIDAL_EV_MESSAGE ? TIDAL_ESTALE : 0;
}

static void test_payloads_of_refused_messages_are_posted_again(void **state)
{
	struct tidal_node *node = script_open();
	uint64_t vcpu;

	(void)state;
	script_forget();
	script.on_push = refuse_messages;
	script_message(1, TIDAL_PAYLOAD_PAGE, 13, 4096);
	script_message(2, TIDAL_PAYLOAD_VCPU, 2, 100);
	script_message(3, TIDAL_PAYLOAD_NONE, 0, 0);
	step(node);
	assert_int_equal(script_calls("post page"), 1);
	assert_int_equal(script_call("post page", 0)->cookie, 13);
	assert_ptr_equal(script_call("post page", 0)->data, script_frame(13));
	assert_int_equal(script_call("post page", 0)->data_len, 4096);
	assert_int_equal(script_calls("post vcpu"), 1);
	vcpu = script_call("post vcpu", 0)->cookie;
	assert_int_equal(vcpu, 2);
	assert_int_equal(stats_of(node).messages, 3);
	assert_int_equal(stats_of(node).messages_dropped, 3);
	tidal_node_close(node);
}

static void test_strange_messages(void **state)
{
	static uint8_t big[TIDAL_HEADER_MAX + 1];
	struct tidal_node *node = script_open();

	(void)state;
	script_forget();
	script.completions[script.done_tail++] = (struct tidal_completion){
		.kind = TIDAL_DONE_RECV, .header = NULL, .len = 0 };
	script.completions[script.done_tail++] = (struct tidal_completion){
		.kind = TIDAL_DONE_RECV, .header = big, .len = sizeof(big),
		.payload = TIDAL_PAYLOAD_PAGE, .cookie = 3, .payload_len = 4096 };
	script.completions[script.done_tail++] = (struct tidal_completion){
		.kind = TIDAL_DONE_RECV, .header = big, .len = 1, .payload = TIDAL_PAYLOAD_VCPU,
		.cookie = UINT64_MAX, .payload_len = 1 };
	script_message(8, TIDAL_PAYLOAD_VCPU, 0, 10);
	script_message(9, TIDAL_PAYLOAD_VCPU, 0, 10); /* the same buffer twice */
	script.completions[script.done_tail++] = (struct tidal_completion){ .kind = 99 };
	script.completions[script.done_tail++] = (struct tidal_completion){
		.kind = TIDAL_DONE_SENT, .cookie = UINT64_MAX };
	script.completions[script.done_tail++] = (struct tidal_completion){
		.kind = TIDAL_DONE_PEER_DOWN, .from = 1 };
	step(node);
	assert_int_equal(script_pushes(TIDAL_EV_MESSAGE), 2); /* the empty one: the core judges */
	assert_int_equal(script_call("post page", 0)->cookie, 3);
	assert_int_equal(stats_of(node).messages_dropped, 3);
	assert_int_equal(pushed(TIDAL_EV_PEER_DOWN, 0)->u.peer.node, 1);
	tidal_node_close(node);
}

/* A peer dies, and the first message of its successor comes right behind that news. */
static void test_news_of_a_death_keeps_its_place(void **state)
{
	struct tidal_node *node = script_open();

	(void)state;
	script_forget();
	script_message(1, TIDAL_PAYLOAD_NONE, 0, 0);
	script.completions[script.done_tail++] = (struct tidal_completion){
		.kind = TIDAL_DONE_PEER_DOWN, .from = 1 };
	script_message(2, TIDAL_PAYLOAD_NONE, 0, 0);
	step(node);
	assert_int_equal(script_call("push", 0)->event.kind, TIDAL_EV_MESSAGE);
	assert_int_equal(script_call("push", 1)->event.kind, TIDAL_EV_PEER_DOWN);
	assert_int_equal(script_call("push", 2)->event.kind, TIDAL_EV_MESSAGE);
	assert_int_equal(script.reports, 1);
	assert_int_equal(script.report.what, TIDAL_REPORT_PEER_DOWN);
	assert_int_equal(script.report.node, 1);
	tidal_node_close(node);
}

/* The embedder hears of it. The core does not: nobody knows that the peer is dead. */
static void test_silence_of_a_peer_is_reported(void **state)
{
	struct tidal_node *node = script_open();

	(void)state;
	script_forget();
	script.completions[script.done_tail++] = (struct tidal_completion){
		.kind = TIDAL_DONE_PEER_SILENT, .from = 1 };
	step(node);
	assert_int_equal(script_calls("push"), 0);
	assert_int_equal(script.reports, 1);
	assert_int_equal(script.report.what, TIDAL_REPORT_PEER_SILENT);
	assert_int_equal(script.report.error, TIDAL_EPEER);
	assert_int_equal(script.report.node, 1);
	tidal_node_close(node);
}

/* Messages with an even number find no room until `room`. */
static bool core_has_room;

static int odd_messages_only(const struct tidal_event *event)
{
	if (event->kind != TIDAL_EV_MESSAGE || core_has_room)
		return 0;
	return *(const uint8_t *)event->u.message.bytes % 2 ? 0 : TIDAL_EAGAIN;
}

static void test_messages_put_off_are_passed_and_kept_in_order(void **state)
{
	struct tidal_node *node = script_open();
	unsigned taken = 0;

	(void)state;
	core_has_room = false;
	script.on_push = odd_messages_only;
	for (unsigned i = 1; i <= 40; i++)
		script_message((uint8_t)i, TIDAL_PAYLOAD_NONE, 0, 0);
	step(node);
	assert_int_equal(tidal_node_deadline(node), 0);
	assert_true(stats_of(node).again >= 20);
	assert_int_equal(stats_of(node).messages_dropped, 0);
	script_forget();
	core_has_room = true;
	/* the transport's headers are gone by now */
	script_message(200, TIDAL_PAYLOAD_NONE, 0, 0);
	step(node);
	assert_int_equal(script_pushes(TIDAL_EV_MESSAGE), 21);
	for (taken = 0; taken < 20; taken++)
		assert_int_equal(script_call("push", taken)->header[0], 2 * (taken + 1));
	assert_int_equal(script_call("push", 20)->header[0], 200);
	assert_int_equal(tidal_node_deadline(node), 5000);
	tidal_node_close(node);
}

static uint8_t last_taken;

static int up_to_last_taken(const struct tidal_event *event)
{
	uint8_t number = event->kind == TIDAL_EV_MESSAGE
				 ? *(const uint8_t *)event->u.message.bytes : 0;

	return number > last_taken ? TIDAL_EAGAIN : 0;
}

/* Room comes little by little, and in the middle. */
static void test_messages_put_off_move_up(void **state)
{
	struct tidal_node *node = script_open();

	(void)state;
	script.on_push = up_to_last_taken;
	last_taken = 0;
	for (unsigned i = 0; i < 30; i++) /* every third is small */
		script_message((uint8_t)(i % 3 == 1 ? i : 100 + i), TIDAL_PAYLOAD_NONE, 0, 0);
	step(node);
	last_taken = 99;
	step(node);
	last_taken = 255;
	script_forget();
	step(node);
	assert_int_equal(script_pushes(TIDAL_EV_MESSAGE), 20);
	for (unsigned i = 0, k = 0; i < 30; i++)
		if (i % 3 != 1)
			assert_int_equal(script_call("push", k++)->header[0], 100 + i);
	tidal_node_close(node);
}

static int no_messages(const struct tidal_event *event)
{
	return event->kind == TIDAL_EV_MESSAGE && !core_has_room ? TIDAL_EAGAIN : 0;
}

/* More than can be kept: the link sends them again, but the buffers must not be lost. */
static void test_too_many_messages_put_off(void **state)
{
	struct tidal_node *node = script_open();

	(void)state;
	core_has_room = false;
	script.on_push = no_messages;
	script_forget();
	for (unsigned i = 0; i < KEPT + 10; i++)
		script_message((uint8_t)i, TIDAL_PAYLOAD_PAGE, i % SCRIPT_FRAMES, 4096);
	step(node);
	assert_int_equal(stats_of(node).messages_full, 10);
	assert_int_equal(script_calls("post page"), 10);
	core_has_room = true;
	script_forget();
	step(node);
	assert_int_equal(script_pushes(TIDAL_EV_MESSAGE), KEPT);
	tidal_node_close(node);
}

/* Over an ideal link the transport is only asked for as many as can be kept. */
static void test_ideal_link_loses_nothing(void **state)
{
	struct tidal_node_config config;
	struct tidal_params params;
	struct tidal_node *node;

	(void)state;
	script_reset();
	config = script_config(&params);
	params.flags = TIDAL_PARAM_IDEAL_LINK;
	assert_int_equal(tidal_node_open(&config, &node), 0);
	core_has_room = false;
	script.on_push = no_messages;
	for (unsigned i = 0; i < KEPT + 50; i++)
		script_message((uint8_t)i, TIDAL_PAYLOAD_NONE, 0, 0);
	step(node);
	assert_int_equal(script.done_tail - script.done_head, 50);
	core_has_room = true;
	script_forget();
	step(node);
	assert_int_equal(script_pushes(TIDAL_EV_MESSAGE), KEPT + 50);
	assert_int_equal(stats_of(node).messages_full, 0);
	tidal_node_close(node);
}

/* A frame that the transport has no room for is given to it later. */
static void test_frames_wait_for_room_in_the_transport(void **state)
{
	struct tidal_node *node = script_open();

	(void)state;
	script.post_result = TIDAL_EAGAIN;
	act(node, (struct tidal_action){ .kind = TIDAL_ACT_POST, .u.frame = { .token = 0, .frame = 21 } });
	act(node, (struct tidal_action){ .kind = TIDAL_ACT_POST, .u.frame = { .token = 0, .frame = 22 } });
	assert_true(script_calls("post page") > 0);
	script.post_result = 0;
	script_forget();
	step(node);
	assert_int_equal(script_calls("post page"), 2);
	assert_int_equal(script_call("post page", 0)->cookie +
			 script_call("post page", 1)->cookie, 43);
	script_forget();
	step(node);
	assert_int_equal(script_calls("post page"), 0);
	act(node, (struct tidal_action){ .kind = TIDAL_ACT_POST,
					 .u.frame = { .token = 0, .frame = SCRIPT_FRAMES } });
	assert_int_equal(script.reports, 1);
	assert_int_equal(script.report.error, TIDAL_ERANGE);
	tidal_node_close(node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_send),
		cmocka_unit_test(test_send_that_the_transport_refuses),
		cmocka_unit_test(test_send_that_must_not_be_lost),
		cmocka_unit_test(test_send_from_where_nothing_is),
		cmocka_unit_test(test_transport_that_does_not_copy),
		cmocka_unit_test(test_transport_that_copies_small_payloads),
		cmocka_unit_test(test_message),
		cmocka_unit_test(test_payloads_of_refused_messages_are_posted_again),
		cmocka_unit_test(test_strange_messages),
		cmocka_unit_test(test_news_of_a_death_keeps_its_place),
		cmocka_unit_test(test_silence_of_a_peer_is_reported),
		cmocka_unit_test(test_messages_put_off_are_passed_and_kept_in_order),
		cmocka_unit_test(test_messages_put_off_move_up),
		cmocka_unit_test(test_too_many_messages_put_off),
		cmocka_unit_test(test_ideal_link_loses_nothing),
		cmocka_unit_test(test_frames_wait_for_room_in_the_transport),
	};

	return cmocka_run_group_tests_name("node_wire", tests, NULL, NULL);
}
