/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver against a scripted core, host and transport: every action, every way to fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "node_script.h"

#define LANDING_VCPUS 4 /* buffers for vCPUs that the driver keeps posted: all slots here */
#define KEPT 64		/* messages that it keeps for a core without room */
#define PAGE_IS_ITS_GFN (TIDAL_FRAME_NONE - 10) /* see tidal_core_page() of the script */

static void step(struct tidal_node *node)
{
	static tidal_time now = 100;

	assert_in_range(tidal_node_step(node, now++, 0), 0, 1);
}

static struct tidal_node_stats stats_of(const struct tidal_node *node)
{
	struct tidal_node_stats stats;

	tidal_node_stats(node, &stats, sizeof(stats));
	return stats;
}

/* The core wants something: whatever event comes next lets it out. */
static void act(struct tidal_node *node, struct tidal_action action)
{
	const struct tidal_event poke = { .kind = TIDAL_EV_RETIRED };

	script_forget();
	script_act(&action);
	script_event(&poke);
	step(node);
}

static const struct tidal_event *pushed(uint32_t kind, unsigned n)
{
	for (unsigned i = 0;; i++) {
		const struct script_call *c = script_call("push", i);

		if (c->event.kind == kind && n-- == 0)
			return &c->event;
	}
}

/* --- opening ----------------------------------------------------------------------------- */

static void test_open_judges_what_it_gets(void **state)
{
	struct tidal_node_config config;
	struct tidal_params params;
	struct tidal_node *node = NULL;

	(void)state;
#define OPENS_AS(error, change)                                                                   \
	do {                                                                                      \
		script_reset();                                                                   \
		config = script_config(&params);                                                  \
		change;                                                                           \
		assert_int_equal(tidal_node_open(&config, &node), error);                         \
		assert_null(node);                                                                \
		assert_int_equal(script_calls("reg"), script_calls("dereg"));                     \
	} while (0)
	OPENS_AS(TIDAL_EINVAL, config.size = 0);
	OPENS_AS(TIDAL_EINVAL, config.host = NULL);
	OPENS_AS(TIDAL_EINVAL, config.host_ops = NULL);
	OPENS_AS(TIDAL_EINVAL, config.transport = NULL);
	OPENS_AS(TIDAL_EINVAL, config.transport_ops = NULL);
	OPENS_AS(TIDAL_EINVAL, config.params = NULL);
	OPENS_AS(TIDAL_EINVAL, params.size = 8);
	OPENS_AS(TIDAL_ERANGE, params.frames = SCRIPT_FRAMES + 1);
	OPENS_AS(TIDAL_ERANGE, params.vcpu_slots = 5);
	OPENS_AS(TIDAL_ERANGE, script.host_caps.hthreads = 0);
	OPENS_AS(TIDAL_ERANGE, script.wire_caps.header_max = TIDAL_HEADER_MAX - 1);
	OPENS_AS(TIDAL_ERANGE, script.wire_caps.payload_max = 4095);
	OPENS_AS(TIDAL_ERANGE, script.wire_caps.payload_max = SCRIPT_VCPU_BYTES - 1);
	OPENS_AS(TIDAL_ERANGE, script.host_caps.vcpu_bytes = TIDAL_VCPU_BYTES_MAX + 1);
	OPENS_AS(TIDAL_EINVAL, script.host_caps.vcpu_bytes = 0);
	OPENS_AS(TIDAL_ENOSYS, params.flags = TIDAL_PARAM_RETIRE_EVENTS;
		 script.host_caps.tells_retire = 0);
	OPENS_AS(TIDAL_ENOSYS, params.flags = TIDAL_PARAM_IDEAL_LINK;
		 script.wire_caps.exactly_once = 0);
	OPENS_AS(TIDAL_EVERSION, script.init_error = TIDAL_EVERSION);
	OPENS_AS(TIDAL_EIO, script.reg_result = TIDAL_EIO);
#undef OPENS_AS
	assert_int_equal(tidal_node_open(NULL, &node), TIDAL_EINVAL);
	assert_int_equal(tidal_node_open(&config, NULL), TIDAL_EINVAL);
	tidal_node_close(NULL);
}

/* A caller with a newer header may not ask for what this library does not know. */
static void test_open_with_a_newer_header(void **state)
{
	struct {
		struct tidal_node_config config;
		uint64_t unknown;
	} newer;
	struct tidal_params params;
	struct tidal_node *node;

	(void)state;
	script_reset();
	newer.config = script_config(&params);
	newer.config.size = sizeof(newer);
	newer.unknown = 1;
	assert_int_equal(tidal_node_open(&newer.config, &node), TIDAL_EINVAL);
	newer.unknown = 0;
	assert_int_equal(tidal_node_open(&newer.config, &node), 0);
	tidal_node_close(node);
}

/* Registering memory is optional for a transport. */
static void test_open_without_registration(void **state)
{
	struct tidal_node_config config;
	struct tidal_params params;
	struct tidal_node *node;

	(void)state;
	script_reset();
	script.reg_result = TIDAL_ENOSYS;
	config = script_config(&params);
	assert_int_equal(tidal_node_open(&config, &node), 0);
	assert_true(script_calls("refuse") > 0);
	tidal_node_close(node);
}

static void test_the_cores_first_wishes_come_true(void **state)
{
	const struct tidal_action post = { .kind = TIDAL_ACT_POST, .u.frame = { 0, 3 } };
	struct tidal_node_config config;
	struct tidal_params params;
	struct tidal_node *node;

	(void)state;
	script_reset();
	config = script_config(&params);
	script_act(&post);
	assert_int_equal(tidal_node_open(&config, &node), 0);
	assert_int_equal(tidal_node_deadline(node), 0);
	step(node);
	assert_int_equal(script_call("post page", 0)->cookie, 3);
	assert_int_equal(script_calls("post vcpu"), LANDING_VCPUS);
	tidal_node_close(node);
	assert_int_equal(script_calls("dereg"), script_calls("reg"));
}

/* --- actions on memory ------------------------------------------------------------------- */

static const struct {
	uint32_t kind;
	const char *what;
} page_actions[] = {
	{ TIDAL_ACT_MAP, "map" }, { TIDAL_ACT_UNMAP, "unmap" }, { TIDAL_ACT_PROTECT, "protect" },
};

static struct tidal_action pages(uint32_t kind)
{
	return (struct tidal_action){ .kind = kind, .u.pages = {
		.token = 4711, .gfn = 9, .mask = 0x11, .frame = 7, .prot = TIDAL_PROT_RW,
		.test = 1 } };
}

static void test_pages_go_to_the_host_and_back(void **state)
{
	struct tidal_node *node = script_open();

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		const struct tidal_act_pages *p;

		act(node, pages(page_actions[i].kind));
		assert_int_equal(script_calls(page_actions[i].what), 1);
		p = &script_call(page_actions[i].what, 0)->action.u.pages;
		assert_true(p->token == 4711 && p->gfn == 9 && p->mask == 0x11 && p->frame == 7);
		assert_true(p->prot == TIDAL_PROT_RW && p->test == 1);
		assert_int_equal(script_pushes(TIDAL_EV_HOST_DONE), 1);
		assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.token, 4711);
		assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.status, 0);
	}
	act(node, (struct tidal_action){ .kind = TIDAL_ACT_ZERO, .u.frame = { 12, 5 } });
	assert_int_equal(script_call("zero", 0)->action.u.frame.frame, 5);
	assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.token, 12);
	tidal_node_close(node);
}

static void test_what_the_host_refuses_is_answered(void **state)
{
	struct tidal_node *node = script_open();

	(void)state;
	script.host_result = TIDAL_EBUSY;
	for (unsigned i = 0; i < 3; i++) {
		act(node, pages(page_actions[i].kind));
		assert_int_equal(script_pushes(TIDAL_EV_HOST_DONE), 1);
		assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.token, 4711);
		assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.status, TIDAL_EBUSY);
	}
	act(node, (struct tidal_action){ .kind = TIDAL_ACT_ZERO, .u.frame = { 12, 5 } });
	assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.status, TIDAL_EBUSY);
	script.host_result = 5; /* not an error number: an error all the same */
	act(node, pages(TIDAL_ACT_MAP));
	assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.status, TIDAL_EIO);
	assert_int_equal(stats_of(node).host_failed, 5);
	assert_int_equal(script.reports, 0); /* the core knows, and reports what matters */
	tidal_node_close(node);
}

/* A host without room for more has events to give away first. */
static void test_a_full_host_is_asked_again(void **state)
{
	struct tidal_node *node = script_open();

	(void)state;
	script.host_again = 2;
	act(node, pages(TIDAL_ACT_MAP));
	assert_int_equal(script_calls("map"), 3);
	assert_int_equal(script_pushes(TIDAL_EV_HOST_DONE), 1);
	assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.status, 0);
	script.host_again = 1000;
	act(node, pages(TIDAL_ACT_MAP));
	assert_in_range(script_calls("map"), 2, 100);
	assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.status, TIDAL_EAGAIN);
	tidal_node_close(node);
}

/* A host that refuses for ever, and a core that insists, don't keep a step from ending. */
static int insist(const struct tidal_event *event)
{
	const struct tidal_action again = pages(TIDAL_ACT_MAP);

	if (event->kind == TIDAL_EV_HOST_DONE)
		script_act(&again);
	return 0;
}

static void test_a_step_ends_whatever_happens(void **state)
{
	struct tidal_node *node = script_open();

	(void)state;
	script.host_result = TIDAL_EBUSY;
	script.on_push = insist;
	act(node, pages(TIDAL_ACT_MAP));
	assert_in_range(script_calls("map"), 2, 200);
	tidal_node_close(node);
}

static void test_io(void **state)
{
	struct tidal_action io = { .kind = TIDAL_ACT_IO, .u.io = {
		.token = 8, .gpa = 0xf000, .data = 42, .vcpu = 3, .write = 0, .size = 4 } };
	struct tidal_node *node = script_open();

	(void)state;
	script.io_value = 99;
	act(node, io);
	assert_int_equal(script_call("io", 0)->action.u.io.gpa, 0xf000);
	assert_int_equal(script_call("io", 0)->action.u.io.vcpu, 3);
	assert_int_equal(script_call("io", 0)->action.u.io.size, 4);
	assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.token, 8);
	assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.value, 99);
	io.u.io.write = 1;
	act(node, io);
	assert_int_equal(script_call("io", 0)->action.u.io.data, 42);
	assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.value, 0);
	script.io_result = TIDAL_EPERM;
	act(node, io);
	assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.status, TIDAL_EPERM);
	script.io_result = 5; /* not an error number: an error all the same */
	act(node, io);
	assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.status, TIDAL_EIO);
	tidal_node_close(node);
}

static void test_without_callbacks(void **state)
{
	const struct tidal_action io = { .kind = TIDAL_ACT_IO, .u.io = { .token = 8, .size = 4 } };
	const struct tidal_action report = { .kind = TIDAL_ACT_REPORT };
	struct tidal_node_config config;
	struct tidal_params params;
	struct tidal_node *node;
	uint8_t byte;

	(void)state;
	script_reset();
	config = script_config(&params);
	config.callbacks = NULL;
	assert_int_equal(tidal_node_open(&config, &node), 0);
	assert_int_equal(tidal_node_record(node), TIDAL_EINVAL);
	script_act(&io);
	script_act(&report);
	script_act(&(struct tidal_action){ .kind = TIDAL_ACT_COMPLETE });
	assert_int_equal(tidal_node_access(node, 0, &byte, 1, 0, 0), 0);
	script.on_push = NULL;
	step(node);
	assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.status, TIDAL_ENOSYS);
	tidal_node_close(node);
}

/* --- sending ----------------------------------------------------------------------------- */

static struct tidal_action send_of(uint32_t payload, uint32_t buf, uint32_t payload_len)
{
	return (struct tidal_action){ .kind = TIDAL_ACT_SEND, .u.send = {
		.to = 1, .payload = (uint16_t)payload, .len = 5, .header = "hello", .buf = buf,
		.payload_len = payload_len, .gfn = TIDAL_GFN_NONE } };
}

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

/* --- receiving --------------------------------------------------------------------------- */

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
	act(node, (struct tidal_action){ .kind = TIDAL_ACT_POST, .u.frame = { 0, 21 } });
	act(node, (struct tidal_action){ .kind = TIDAL_ACT_POST, .u.frame = { 0, 22 } });
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
					 .u.frame = { 0, SCRIPT_FRAMES } });
	assert_int_equal(script.reports, 1);
	assert_int_equal(script.report.error, TIDAL_ERANGE);
	tidal_node_close(node);
}

/* --- vCPUs ------------------------------------------------------------------------------- */

static struct tidal_action vcpu_action(uint32_t kind, tidal_vcpuid vcpu, uint64_t token,
				       uint32_t buf, uint32_t len)
{
	return (struct tidal_action){ .kind = kind, .u.vcpu = {
		.token = token, .vcpu = vcpu, .hthread = 1, .resume = TIDAL_RESUME_IO, .watch = 1,
		.value = 55, .buf = buf, .buf_len = len } };
}

static void test_vcpu_leaves(void **state)
{
	struct tidal_node *node = script_open();
	const struct script_call *save;
	uint32_t buf;

	(void)state;
	act(node, vcpu_action(TIDAL_ACT_SAVE, 3, 900, 0, 0));
	save = script_call("save", 0);
	assert_int_equal(save->action.u.vcpu.vcpu, 3);
	assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.status, 0);
	assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.payload_len, 5000);
	buf = pushed(TIDAL_EV_HOST_DONE, 0)->u.done.buf;
	act(node, send_of(TIDAL_PAYLOAD_VCPU, buf, 5000));
	assert_int_equal(script_call("send", 0)->data_len, 5000);
	assert_int_equal(script_call("send", 0)->first, 0x77);
	act(node, vcpu_action(TIDAL_ACT_DROP, 3, 0, 0, 0));
	assert_int_equal(script_call("drop", 0)->action.u.vcpu.vcpu, 3);
	act(node, (struct tidal_action){ .kind = TIDAL_ACT_BUF_FREE, .u.buf = { buf } });
	act(node, send_of(TIDAL_PAYLOAD_VCPU, buf, 5000));
	assert_int_equal(script_calls("send"), 0); /* it is free */
	assert_int_equal(script.reports, 1);
	tidal_node_close(node);
}

/* The core can't free what is the transport's. */
static void test_buffers_that_are_not_the_cores(void **state)
{
	struct tidal_node *node = script_open();

	(void)state;
	act(node, (struct tidal_action){ .kind = TIDAL_ACT_BUF_FREE, .u.buf = { 0 } });
	act(node, (struct tidal_action){ .kind = TIDAL_ACT_BUF_FREE, .u.buf = { UINT32_MAX } });
	assert_int_equal(script.reports, 2);
	assert_int_equal(script.report.error, TIDAL_EBROKEN);
	for (unsigned i = 0; i < 4; i++) { /* nobody saves into it */
		act(node, vcpu_action(TIDAL_ACT_SAVE, 1, 100 + i, 0, 0));
		assert_int_not_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.buf, 0);
	}
	tidal_node_close(node);
}

/* A transport without room for buffers keeps none from the saves. */
static void test_buffers_that_can_not_be_posted(void **state)
{
	struct tidal_node_config config;
	struct tidal_params params;
	struct tidal_node *node;

	(void)state;
	script_reset();
	config = script_config(&params);
	script.post_result = TIDAL_EAGAIN;
	assert_int_equal(tidal_node_open(&config, &node), 0);
	for (unsigned i = 0; i < 20; i++)
		step(node);
	script.post_result = 0;
	script_forget();
	step(node);
	assert_int_equal(script_calls("post vcpu"), LANDING_VCPUS);
	act(node, vcpu_action(TIDAL_ACT_SAVE, 1, 100, 0, 0));
	assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.status, 0);
	tidal_node_close(node);
}

/* As many saves as there are slots always work; one more is answered, and so is one that fails. */
static void test_saves_find_buffers(void **state)
{
	struct tidal_node *node = script_open();

	(void)state;
	script.host_result = TIDAL_EBUSY;
	for (unsigned i = 0; i < 20; i++) { /* failures keep no buffer */
		act(node, vcpu_action(TIDAL_ACT_SAVE, 1, 50 + i, 0, 0));
		assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.status, TIDAL_EBUSY);
	}
	script.host_result = 0;
	for (unsigned i = 0; i < 4; i++) {
		act(node, vcpu_action(TIDAL_ACT_SAVE, 1, 100 + i, 0, 0));
		assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.status, 0);
	}
	act(node, vcpu_action(TIDAL_ACT_SAVE, 1, 200, 0, 0));
	assert_int_equal(script_calls("save"), 0);
	assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.status, TIDAL_ENOMEM);
	tidal_node_close(node);
}

/* A host that finishes a save later, among others, and one that fails later. */
static void test_saves_that_take_time(void **state)
{
	const struct tidal_event late[] = {
		{ .kind = TIDAL_EV_HOST_DONE, .u.done = { .token = 302, .payload_len = 1 } },
		{ .kind = TIDAL_EV_HOST_DONE, .u.done = { .token = 301, .status = TIDAL_EIO } },
		{ .kind = TIDAL_EV_HOST_DONE, .u.done = { .token = 303, .payload_len = 3 } },
	};
	struct tidal_node *node = script_open();
	const void *data[4];
	uint32_t two, three;

	(void)state;
	script.complete = false;
	for (unsigned i = 1; i <= 3; i++) {
		act(node, vcpu_action(TIDAL_ACT_SAVE, (tidal_vcpuid)i, 300 + i, 0, 0));
		data[i] = script_call("save", 0)->data;
	}
	assert_int_equal(script_pushes(TIDAL_EV_HOST_DONE), 0);
	script_forget();
	for (unsigned i = 0; i < 3; i++)
		script_event(&late[i]);
	step(node);
	two = pushed(TIDAL_EV_HOST_DONE, 0)->u.done.buf;
	three = pushed(TIDAL_EV_HOST_DONE, 2)->u.done.buf;
	assert_int_not_equal(two, three);
	act(node, send_of(TIDAL_PAYLOAD_VCPU, two, 1));
	assert_ptr_equal(script_call("send", 0)->data, data[2]);
	act(node, send_of(TIDAL_PAYLOAD_VCPU, three, 3));
	assert_ptr_equal(script_call("send", 0)->data, data[3]);
	tidal_node_close(node);
}

static void test_vcpu_arrives(void **state)
{
	struct tidal_node *node;
	uint8_t *memory;

	(void)state;
	node = script_open();
	memory = (uint8_t *)(uintptr_t)script_call("post vcpu", 1)->data;
	assert_int_equal(script_call("post vcpu", 1)->data_len, SCRIPT_VCPU_BYTES);
	memory[0] = 0x99; /* what the transport wrote */
	script_message(1, TIDAL_PAYLOAD_VCPU, script_call("post vcpu", 1)->cookie, 4000);
	script_forget();
	script.complete = false;
	step(node);
	/* a landed buffer is the core's: another takes its place while it is there */
	assert_int_equal(script_calls("post vcpu"), 1);
	act(node, vcpu_action(TIDAL_ACT_LOAD, 2, 800, 1, 4000));
	assert_int_equal(script_call("load", 0)->action.u.vcpu.vcpu, 2);
	assert_ptr_equal(script_call("load", 0)->data, memory);
	assert_int_equal(script_call("load", 0)->data_len, 4000);
	assert_int_equal(script_call("load", 0)->first, 0x99);
	/* until the host is done nobody else may have it */
	act(node, send_of(TIDAL_PAYLOAD_VCPU, 1, 100));
	assert_int_equal(script_calls("send"), 0);
	script_event(&(struct tidal_event){ .kind = TIDAL_EV_HOST_DONE,
					    .u.done = { .token = 800 } });
	script_forget();
	step(node);
	assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.token, 800);
	/* and then it can be saved into */
	act(node, vcpu_action(TIDAL_ACT_SAVE, 2, 801, 0, 0));
	assert_ptr_equal(script_call("save", 0)->data, memory);
	tidal_node_close(node);
}

static void test_loads_that_fail(void **state)
{
	struct tidal_node *node = script_open();
	uint64_t cookie = 1, next;

	(void)state;
	act(node, vcpu_action(TIDAL_ACT_LOAD, 2, 800, 1, 4000)); /* still the transport's */
	assert_int_equal(script_calls("load"), 0);
	assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.status, TIDAL_EINVAL);
	for (unsigned i = 0; i < 20; i++) { /* the buffer is free afterwards */
		script.host_result = 0;
		script_forget();
		script_message(1, TIDAL_PAYLOAD_VCPU, cookie, 4000);
		step(node);
		next = script_call("post vcpu", 0)->cookie;
		script.host_result = TIDAL_EFORMAT;
		act(node, vcpu_action(TIDAL_ACT_LOAD, 2, 900 + i, (uint32_t)cookie, 4000));
		assert_int_equal(script_calls("load"), 1);
		assert_int_equal(pushed(TIDAL_EV_HOST_DONE, 0)->u.done.status, TIDAL_EFORMAT);
		cookie = next;
	}
	tidal_node_close(node);
}

static void test_run_and_stop(void **state)
{
	struct tidal_node *node = script_open();
	const struct tidal_act_vcpu *v;

	(void)state;
	act(node, vcpu_action(TIDAL_ACT_RUN, 3, 0, 0, 0));
	v = &script_call("run", 0)->action.u.vcpu;
	assert_true(v->vcpu == 3 && v->hthread == 1 && v->resume == TIDAL_RESUME_IO);
	assert_true(v->watch == 1 && v->value == 55);
	assert_int_equal(tidal_node_deadline(node), 0); /* this host runs it within poll() */
	script.fd = 5;
	assert_int_equal(tidal_node_deadline(node), 5000);
	script.fd = -1;
	act(node, vcpu_action(TIDAL_ACT_STOP, 3, 0, 0, 0));
	assert_int_equal(script_call("kick", 0)->action.u.vcpu.vcpu, 3);
	script_event(&(struct tidal_event){ .kind = TIDAL_EV_VCPU_STOPPED,
					    .u.stopped = { .vcpu = 3 } });
	step(node);
	assert_int_equal(tidal_node_deadline(node), 5000);
	tidal_node_close(node);
}

/* A vCPU that can't be run counts as stopped, one step later. */
static void test_run_that_fails(void **state)
{
	struct tidal_node *node = script_open();

	(void)state;
	script.host_result = TIDAL_EBUSY;
	act(node, vcpu_action(TIDAL_ACT_RUN, 3, 0, 0, 0));
	assert_int_equal(script.reports, 1);
	assert_int_equal(script.report.what, TIDAL_REPORT_HOST_FAILED);
	assert_int_equal(script.report.vcpu, 3);
	assert_int_equal(script.report.error, TIDAL_EBUSY);
	assert_int_equal(script_pushes(TIDAL_EV_VCPU_STOPPED), 0);
	assert_int_equal(tidal_node_deadline(node), 0);
	step(node);
	assert_int_equal(pushed(TIDAL_EV_VCPU_STOPPED, 0)->u.stopped.vcpu, 3);
	assert_int_equal(pushed(TIDAL_EV_VCPU_STOPPED, 0)->u.stopped.reason, TIDAL_STOP_SLICE);
	script.host_result = TIDAL_EPERM;
	act(node, vcpu_action(TIDAL_ACT_RUN, 3, 0, 0, 0));
	step(node);
	assert_int_equal(pushed(TIDAL_EV_VCPU_STOPPED, 0)->u.stopped.reason, TIDAL_STOP_OFF);
	script.host_result = TIDAL_ENOENT;
	act(node, vcpu_action(TIDAL_ACT_DROP, 3, 0, 0, 0));
	act(node, vcpu_action(TIDAL_ACT_STOP, 3, 0, 0, 0));
	assert_int_equal(script.reports, 3);
	tidal_node_close(node);
}

/* --- events of the host ------------------------------------------------------------------ */

static int no_stalls(const struct tidal_event *event)
{
	return event->kind == TIDAL_EV_STALL && !core_has_room ? TIDAL_EAGAIN : 0;
}

/* A stall put off holds up what follows of its vCPU, and nothing else. */
static void test_stalls_put_off(void **state)
{
	const struct tidal_event events[] = {
		{ .kind = TIDAL_EV_STALL, .u.stall = { .vcpu = 1, .gpa = 0x1000 } },
		{ .kind = TIDAL_EV_RETIRED, .u.retired = { 1 } },
		{ .kind = TIDAL_EV_RETIRED, .u.retired = { 2 } },
		{ .kind = TIDAL_EV_HOST_DONE, .u.done = { .token = 6 } },
		{ .kind = TIDAL_EV_VCPU_WAKE, .u.wake = { 1 } },
	};
	struct tidal_node *node = script_open();

	(void)state;
	core_has_room = false;
	script.on_push = no_stalls;
	script_forget();
	for (unsigned i = 0; i < 5; i++)
		script_event(&events[i]);
	step(node);
	assert_int_equal(script_pushes(TIDAL_EV_RETIRED), 1);
	assert_int_equal(pushed(TIDAL_EV_RETIRED, 0)->u.retired.vcpu, 2);
	assert_int_equal(script_pushes(TIDAL_EV_HOST_DONE), 1);
	assert_int_equal(script_pushes(TIDAL_EV_VCPU_WAKE), 0);
	assert_int_equal(tidal_node_deadline(node), 0);
	core_has_room = true;
	script_forget();
	step(node);
	assert_int_equal(script_call("push", 0)->event.kind, TIDAL_EV_STALL);
	assert_int_equal(script_call("push", 0)->event.u.stall.gpa, 0x1000);
	assert_int_equal(script_call("push", 1)->event.kind, TIDAL_EV_RETIRED);
	assert_int_equal(script_call("push", 2)->event.kind, TIDAL_EV_VCPU_WAKE);
	assert_int_equal(tidal_node_deadline(node), 5000);
	tidal_node_close(node);
}

static int refuse_stalls(const struct tidal_event *event)
{
	return event->kind == TIDAL_EV_STALL || event->kind == TIDAL_EV_VCPU_WAKE ? TIDAL_ERANGE
										   : 0;
}

static void test_stalls_refused_are_reported(void **state)
{
	struct tidal_node *node = script_open();

	(void)state;
	script.on_push = refuse_stalls;
	script_event(&(struct tidal_event){ .kind = TIDAL_EV_STALL, .u.stall = { .vcpu = 2 } });
	step(node);
	assert_int_equal(script.reports, 1);
	assert_int_equal(script.report.error, TIDAL_ERANGE);
	assert_int_equal(script.report.vcpu, 2);
	/* an interrupt for a vCPU that has just left is nobody's fault */
	script_event(&(struct tidal_event){ .kind = TIDAL_EV_VCPU_WAKE, .u.wake = { 2 } });
	step(node);
	assert_int_equal(script.reports, 1);
	tidal_node_close(node);
}

/* More events than the driver holds stay in the host. */
static void test_events_beyond_bounds_stay_in_the_host(void **state)
{
	struct tidal_node *node = script_open();
	unsigned total = 0;

	(void)state;
	core_has_room = false;
	script.on_push = no_stalls;
	for (unsigned i = 0; i < 2000; i++)
		script_event(&(struct tidal_event){ .kind = TIDAL_EV_STALL,
						    .u.stall = { .vcpu = i % 20, .gpa = i } });
	for (unsigned i = 0; i < 100; i++) {
		step(node);
		script_forget();
	}
	assert_in_range(script.event_tail - script.event_head, 1000, 1990);
	core_has_room = true;
	for (unsigned i = 0; i < 100; i++) {
		script_forget();
		step(node);
		for (unsigned k = 0; k < script.count; k++)
			if (script.calls[k].event.kind == TIDAL_EV_STALL)
				assert_int_equal(script.calls[k].event.u.stall.gpa, total++);
	}
	assert_int_equal(total, 2000);
	tidal_node_close(node);
}

static void test_messages_come_before_vcpus_run(void **state)
{
	struct tidal_node *node = script_open();

	(void)state;
	act(node, vcpu_action(TIDAL_ACT_RUN, 3, 0, 0, 0));
	script_forget();
	script_message(1, TIDAL_PAYLOAD_NONE, 0, 0);
	assert_int_equal(tidal_node_step(node, 1000, 50), 1);
	assert_string_equal(script.calls[0].what, "push");
	assert_string_equal(script.calls[1].what, "execute");
	tidal_node_close(node);
}

static void test_ticks_come_at_the_deadline(void **state)
{
	struct tidal_node *node = script_open();

	(void)state;
	script_forget();
	script.deadline = 2000;
	assert_int_equal(tidal_node_deadline(node), 2000);
	assert_int_equal(tidal_node_step(node, 1999, 0), 0);
	assert_int_equal(script_pushes(TIDAL_EV_TICK), 0);
	assert_int_equal(tidal_node_step(node, 2000, 0), 1);
	assert_int_equal(script_pushes(TIDAL_EV_TICK), 1);
	script.deadline = 6000;
	assert_int_equal(tidal_node_deadline(node), 5000); /* of the transport */
	tidal_node_close(node);
}

static void test_messages_come_before_ticks(void **state)
{
	struct tidal_node *node = script_open();

	(void)state;
	script_forget();
	script.deadline = 0;
	script_message(1, TIDAL_PAYLOAD_NONE, 0, 0);
	step(node);
	assert_int_equal(script_call("push", 0)->event.kind, TIDAL_EV_MESSAGE);
	assert_int_equal(script_call("push", 1)->event.kind, TIDAL_EV_TICK);
	tidal_node_close(node);
}

static void test_time_never_goes_back(void **state)
{
	struct tidal_node *node = script_open();

	(void)state;
	script.deadline = 0;
	assert_int_equal(tidal_node_step(node, 5000, 0), 1);
	assert_int_equal(script.now, 5000);
	assert_int_equal(tidal_node_step(node, 4000, 0), 1);
	assert_int_equal(script.now, 5000);
	tidal_node_close(node);
}

/* Recording begins before everything else, and stops when nobody takes the bytes. */
static void test_recording(void **state)
{
	struct tidal_node_config config;
	struct tidal_params params;
	struct tidal_node *node = script_open();

	(void)state;
	assert_int_equal(tidal_node_record(node), TIDAL_EBUSY);
	tidal_node_close(node);
	assert_int_equal(script.recorded, 0);
	script_reset();
	config = script_config(&params);
	assert_int_equal(tidal_node_open(&config, &node), 0);
	script.record_result = TIDAL_EIO;
	assert_int_equal(tidal_node_record(node), TIDAL_EIO);
	script.record_result = 0;
	assert_int_equal(tidal_node_record(node), 0);
	assert_int_equal(tidal_node_record(node), TIDAL_EBUSY);
	assert_int_equal(script.recorded, 2);
	script_message(1, TIDAL_PAYLOAD_NONE, 0, 0);
	step(node);
	assert_int_equal(script.recorded, 3);
	script.record_result = 1;
	script_message(1, TIDAL_PAYLOAD_NONE, 0, 0);
	script_message(2, TIDAL_PAYLOAD_NONE, 0, 0);
	step(node);
	assert_int_equal(script.recorded, 4); /* refused: that was the last */
	tidal_node_close(node);
	assert_int_equal(script.recorded, 4);
}

static int broken_core(const struct tidal_event *event)
{
	return event->kind == TIDAL_EV_MESSAGE ? TIDAL_EBROKEN : 0;
}

static void test_a_broken_core_ends_the_node(void **state)
{
	const struct tidal_ev_command command = { .command = TIDAL_CMD_PAUSE };
	struct tidal_node *node = script_open();
	uint8_t byte;

	(void)state;
	script.on_push = broken_core;
	script_message(1, TIDAL_PAYLOAD_NONE, 0, 0);
	assert_int_equal(tidal_node_step(node, 2, 0), TIDAL_EBROKEN);
	assert_int_equal(tidal_node_step(node, 3, 0), TIDAL_EBROKEN);
	assert_int_equal(tidal_node_command(node, &command), TIDAL_EBROKEN);
	assert_int_equal(tidal_node_access(node, 0, &byte, 1, 0, 0), TIDAL_EBROKEN);
	tidal_node_close(node);
}

static void test_an_unknown_action_ends_the_node(void **state)
{
	struct tidal_node *node = script_open();

	(void)state;
	script_act(&(struct tidal_action){ .kind = 0 });
	script_event(&(struct tidal_event){ .kind = TIDAL_EV_RETIRED });
	assert_int_equal(tidal_node_step(node, 2, 0), TIDAL_EBROKEN);
	tidal_node_close(node);
}

/* --- commands, pins and accesses --------------------------------------------------------- */

static void test_commands(void **state)
{
	struct tidal_ev_command command = { .command = TIDAL_CMD_MOVE_VCPU, .vcpu = 3, .node = 1 };
	struct tidal_node *node = script_open();

	(void)state;
	script_forget();
	assert_int_equal(tidal_node_command(node, &command), 0);
	assert_int_equal(pushed(TIDAL_EV_COMMAND, 0)->u.command.vcpu, 3);
	assert_int_equal(tidal_node_command(node, NULL), TIDAL_EINVAL);
	command.requester = TIDAL_NODE_REQUESTERS;
	assert_int_equal(tidal_node_command(node, &command), TIDAL_EINVAL);
	/* not from within */
	script.node = node;
	act(node, (struct tidal_action){ .kind = TIDAL_ACT_REPORT });
	assert_int_equal(script.nested, TIDAL_EBUSY);
	tidal_node_close(node);
}

static void test_pins_reach_the_host(void **state)
{
	const struct tidal_ev_command unpin = { .command = TIDAL_CMD_UNPIN, .gfn = 6 };
	const struct tidal_action pinned = { .kind = TIDAL_ACT_COMPLETE,
					     .u.complete = { .requester = 4, .gfn = 6 } };
	struct tidal_action conflict = pinned;
	struct tidal_node *node = script_open();

	(void)state;
	act(node, pinned);
	assert_int_equal(script_call("pin", 0)->action.u.pages.gfn, 6);
	assert_int_equal(script.pinned, 1);
	assert_int_equal(script.pin_status, 0);
	assert_int_equal(tidal_node_command(node, &unpin), 0);
	assert_int_equal(script_call("unpin", 0)->action.u.pages.gfn, 6);
	conflict.u.complete.status = TIDAL_EBUSY;
	act(node, conflict);
	assert_int_equal(script_calls("pin"), 0);
	assert_int_equal(script.pin_status, TIDAL_EBUSY);
	assert_int_equal(script_pushes(TIDAL_EV_COMMAND), 0);
	tidal_node_close(node);
}

/* Then the core is told to let it go, and the host isn't: there may be other pins of the page. */
static void test_pins_that_the_host_refuses(void **state)
{
	const struct tidal_action pinned = { .kind = TIDAL_ACT_COMPLETE,
					     .u.complete = { .requester = 4, .gfn = 6 } };
	struct tidal_node *node = script_open();

	(void)state;
	script.host_result = TIDAL_ENOENT;
	act(node, pinned);
	assert_int_equal(script.pin_status, TIDAL_ENOENT);
	assert_int_equal(pushed(TIDAL_EV_COMMAND, 0)->u.command.command, TIDAL_CMD_UNPIN);
	assert_int_equal(pushed(TIDAL_EV_COMMAND, 0)->u.command.gfn, 6);
	assert_int_equal(script_calls("unpin"), 0);
	script.host_result = 0;
	script.host_again = 2; /* it has events to be taken first */
	act(node, pinned);
	assert_int_equal(script.pin_status, 0);
	assert_int_equal(script_pushes(TIDAL_EV_COMMAND), 0);
	tidal_node_close(node);
}

static bool complete_stalls;

static int answer_stalls(const struct tidal_event *event)
{
	if (event->kind == TIDAL_EV_STALL && complete_stalls)
		script_act(&(struct tidal_action){ .kind = TIDAL_ACT_COMPLETE, .u.complete = {
			.requester = event->u.stall.requester,
			.gfn = event->u.stall.gpa >> TIDAL_PAGE_SHIFT } });
	return 0;
}

/* A node whose pages are all here, page n in frame n. */
static struct tidal_node *open_with_pages(void)
{
	struct tidal_node *node = script_open();

	script.page.state = TIDAL_PAGE_EXCLUSIVE;
	script.page.frame = PAGE_IS_ITS_GFN;
	script.on_push = answer_stalls;
	complete_stalls = true;
	script_forget();
	return node;
}

static void test_access_of_several_pages(void **state)
{
	static uint8_t out[10000], in[10000];
	struct tidal_node *node = open_with_pages();

	(void)state;
	for (unsigned i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 11 + i / 256);
	assert_int_equal(tidal_node_access(node, 3 * 4096 + 100, out, sizeof(out), 1, 77), 0);
	assert_int_equal(tidal_node_deadline(node), 0);
	step(node);
	assert_int_equal(script_pushes(TIDAL_EV_STALL), 3);
	for (unsigned i = 0; i < 3; i++) {
		const struct tidal_ev_stall *s = &pushed(TIDAL_EV_STALL, i)->u.stall;

		assert_int_equal(s->vcpu, TIDAL_VCPU_NONE);
		assert_int_equal(s->access, TIDAL_WRITE);
		assert_int_equal(s->gpa, i == 0 ? 3 * 4096 + 100 : (3 + i) * 4096);
	}
	assert_int_equal(script_call("accessed", 0)->cookie, 77);
	assert_int_equal(script.access_status, 0);
	assert_int_equal(script_frame(3)[99], 0);
	assert_memory_equal(script_frame(3) + 100, out, 3996);
	assert_memory_equal(script_frame(4), out + 3996, 4096);
	assert_memory_equal(script_frame(5), out + 8092, 1908);
	assert_int_equal(script_frame(5)[1908], 0);
	script_forget();
	assert_int_equal(tidal_node_access(node, 3 * 4096 + 100, in, sizeof(in), 0, 78), 0);
	step(node);
	assert_int_equal(pushed(TIDAL_EV_STALL, 0)->u.stall.access, TIDAL_READ);
	assert_memory_equal(in, out, sizeof(in));
	assert_int_equal(stats_of(node).accesses, 2);
	tidal_node_close(node);
}

static void test_access_of_pages_of_zeroes(void **state)
{
	uint8_t buf[64];
	struct tidal_node *node = open_with_pages();

	(void)state;
	script.page.frame = TIDAL_FRAME_ZERO;
	script.page.state = TIDAL_PAGE_SECONDARY;
	memset(buf, 1, sizeof(buf));
	assert_int_equal(tidal_node_access(node, 4090, buf, sizeof(buf), 0, 0), 0);
	step(node);
	assert_int_equal(script.access_status, 0);
	assert_true(buf[0] == 0 && buf[63] == 0);
	/* what the core says must fit: no write without a page of one's own */
	assert_int_equal(tidal_node_access(node, 0, buf, 1, 1, 0), 0);
	step(node);
	assert_int_equal(script.access_status, TIDAL_EBROKEN);
	script.page.frame = 4;
	assert_int_equal(tidal_node_access(node, 0, buf, 1, 1, 0), 0);
	step(node);
	assert_int_equal(script.access_status, TIDAL_EBROKEN);
	script.page.state = TIDAL_PAGE_INVALID;
	assert_int_equal(tidal_node_access(node, 0, buf, 1, 0, 0), 0);
	step(node);
	assert_int_equal(script.access_status, TIDAL_EBROKEN);
	script.page.state = TIDAL_PAGE_EXCLUSIVE;
	script.page.frame = SCRIPT_FRAMES;
	assert_int_equal(tidal_node_access(node, 0, buf, 1, 0, 0), 0);
	step(node);
	assert_int_equal(script.access_status, TIDAL_EBROKEN);
	script.page_error = TIDAL_ERANGE;
	assert_int_equal(tidal_node_access(node, 0, buf, 1, 0, 0), 0);
	step(node);
	assert_int_equal(script.access_status, TIDAL_ERANGE);
	tidal_node_close(node);
}

static int stall_result;

static int stalls_as_told(const struct tidal_event *event)
{
	return event->kind == TIDAL_EV_STALL && stall_result ? stall_result
							      : answer_stalls(event);
}

static void test_access_put_off_and_refused(void **state)
{
	uint8_t byte = 9;
	struct tidal_node *node = open_with_pages();

	(void)state;
	script.on_push = stalls_as_told;
	stall_result = TIDAL_EAGAIN;
	assert_int_equal(tidal_node_access(node, 4096, &byte, 1, 1, 5), 0);
	step(node);
	assert_int_equal(script.accessed, 0);
	assert_int_equal(tidal_node_deadline(node), 0);
	stall_result = 0;
	step(node);
	assert_int_equal(script.accessed, 1);
	assert_int_equal(script_frame(1)[0], 9);
	stall_result = TIDAL_ERANGE;
	assert_int_equal(tidal_node_access(node, 4096, &byte, 1, 1, 6), 0);
	step(node);
	assert_int_equal(script.accessed, 2);
	assert_int_equal(script.access_status, TIDAL_ERANGE);
	tidal_node_close(node);
}

/* Completions that nobody waits for, or waits for no longer, touch nothing. */
static void test_stale_completions(void **state)
{
	struct tidal_action stale = { .kind = TIDAL_ACT_COMPLETE };
	uint8_t byte = 9;
	struct tidal_node *node = open_with_pages();
	uint32_t old;

	(void)state;
	assert_int_equal(tidal_node_access(node, 4096, &byte, 1, 1, 5), 0);
	step(node);
	old = pushed(TIDAL_EV_STALL, 0)->u.stall.requester;
	assert_true(old >= TIDAL_NODE_REQUESTERS);
	stale.u.complete.requester = old;
	stale.u.complete.gfn = 1;
	act(node, stale);
	assert_int_equal(script.accessed, 1);
	complete_stalls = false;
	script_forget();
	assert_int_equal(tidal_node_access(node, 4096, &byte, 1, 1, 6), 0);
	step(node);
	assert_int_equal(script_pushes(TIDAL_EV_STALL), 1);
	act(node, stale);
	assert_int_equal(script.accessed, 1);
	stale.u.complete.requester = UINT32_MAX;
	act(node, stale);
	assert_int_equal(script.accessed, 1);
	tidal_node_close(node);
}

static void test_errors_of_accesses(void **state)
{
	uint8_t byte;
	struct tidal_node *node = open_with_pages();

	(void)state;
	assert_int_equal(tidal_node_access(node, 0, NULL, 1, 0, 0), TIDAL_EINVAL);
	assert_int_equal(tidal_node_access(node, 0, &byte, 0, 0, 0), TIDAL_EINVAL);
	assert_int_equal(tidal_node_access(node, UINT64_MAX, &byte, 1, 0, 0), TIDAL_ERANGE);
	assert_int_equal(tidal_node_access(node, 4096, &byte, SIZE_MAX, 0, 0), TIDAL_ERANGE);
	complete_stalls = false;
	for (unsigned i = 0; i < TIDAL_NODE_ACCESSES; i++)
		assert_int_equal(tidal_node_access(node, i * 4096, &byte, 1, 0, i), 0);
	assert_int_equal(tidal_node_access(node, 0, &byte, 1, 0, 0), TIDAL_EAGAIN);
	step(node);
	assert_int_equal(script_pushes(TIDAL_EV_STALL), TIDAL_NODE_ACCESSES);
	/* any order */
	for (unsigned i = TIDAL_NODE_ACCESSES; i-- > 0;)
		script_act(&(struct tidal_action){ .kind = TIDAL_ACT_COMPLETE, .u.complete = {
			.requester = pushed(TIDAL_EV_STALL, i)->u.stall.requester, .gfn = i,
			.status = i % 2 ? TIDAL_EFULL : 0 } });
	script_event(&(struct tidal_event){ .kind = TIDAL_EV_RETIRED });
	step(node);
	assert_int_equal(script.accessed, TIDAL_NODE_ACCESSES);
	assert_int_equal(script_call("accessed", 0)->cookie, TIDAL_NODE_ACCESSES - 1);
	assert_int_equal(script_call("accessed", 0)->result, TIDAL_EFULL);
	assert_int_equal(script_call("accessed", 1)->result, 0);
	tidal_node_close(node);
}

/* A node that knows the map tells at once; nothing is touched. */
static void test_accesses_beyond_known_memory(void **state)
{
	struct tidal_node_config config;
	struct tidal_params params;
	struct tidal_vmap vmap;
	struct tidal_node *node;
	uint8_t bytes[16];

	(void)state;
	script_reset();
	config = script_config(&params);
	assert_int_equal(tidal_vmap_init(&vmap, sizeof(vmap), 512, 1), 0);
	params.vmap = &vmap;
	assert_int_equal(tidal_node_open(&config, &node), 0);
	assert_int_equal(tidal_node_access(node, 512 * 4096, bytes, 1, 0, 0), TIDAL_ERANGE);
	assert_int_equal(tidal_node_access(node, 512 * 4096 - 8, bytes, 9, 0, 0), TIDAL_ERANGE);
	assert_int_equal(tidal_node_access(node, 512 * 4096 - 8, bytes, 8, 0, 0), 0);
	tidal_node_close(node);
}

static void test_decision_time_is_measured(void **state)
{
	struct tidal_node *node = script_open();

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		script_event(&(struct tidal_event){ .kind = TIDAL_EV_STALL,
						    .u.stall = { .vcpu = 1 } });
	step(node);
	assert_int_equal(stats_of(node).stalls, 10);
	assert_in_range(stats_of(node).stalls_ns, 1, 1000000000);
	tidal_node_close(node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open_judges_what_it_gets),
		cmocka_unit_test(test_open_with_a_newer_header),
		cmocka_unit_test(test_open_without_registration),
		cmocka_unit_test(test_the_cores_first_wishes_come_true),
		cmocka_unit_test(test_pages_go_to_the_host_and_back),
		cmocka_unit_test(test_what_the_host_refuses_is_answered),
		cmocka_unit_test(test_a_full_host_is_asked_again),
		cmocka_unit_test(test_a_step_ends_whatever_happens),
		cmocka_unit_test(test_io),
		cmocka_unit_test(test_without_callbacks),
		cmocka_unit_test(test_send),
		cmocka_unit_test(test_send_that_the_transport_refuses),
		cmocka_unit_test(test_send_that_must_not_be_lost),
		cmocka_unit_test(test_send_from_where_nothing_is),
		cmocka_unit_test(test_transport_that_does_not_copy),
		cmocka_unit_test(test_message),
		cmocka_unit_test(test_payloads_of_refused_messages_are_posted_again),
		cmocka_unit_test(test_strange_messages),
		cmocka_unit_test(test_news_of_a_death_keeps_its_place),
		cmocka_unit_test(test_messages_put_off_are_passed_and_kept_in_order),
		cmocka_unit_test(test_messages_put_off_move_up),
		cmocka_unit_test(test_too_many_messages_put_off),
		cmocka_unit_test(test_ideal_link_loses_nothing),
		cmocka_unit_test(test_frames_wait_for_room_in_the_transport),
		cmocka_unit_test(test_vcpu_leaves),
		cmocka_unit_test(test_buffers_that_are_not_the_cores),
		cmocka_unit_test(test_buffers_that_can_not_be_posted),
		cmocka_unit_test(test_saves_find_buffers),
		cmocka_unit_test(test_saves_that_take_time),
		cmocka_unit_test(test_vcpu_arrives),
		cmocka_unit_test(test_loads_that_fail),
		cmocka_unit_test(test_run_and_stop),
		cmocka_unit_test(test_run_that_fails),
		cmocka_unit_test(test_stalls_put_off),
		cmocka_unit_test(test_stalls_refused_are_reported),
		cmocka_unit_test(test_events_beyond_bounds_stay_in_the_host),
		cmocka_unit_test(test_messages_come_before_vcpus_run),
		cmocka_unit_test(test_ticks_come_at_the_deadline),
		cmocka_unit_test(test_messages_come_before_ticks),
		cmocka_unit_test(test_time_never_goes_back),
		cmocka_unit_test(test_recording),
		cmocka_unit_test(test_a_broken_core_ends_the_node),
		cmocka_unit_test(test_an_unknown_action_ends_the_node),
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_pins_reach_the_host),
		cmocka_unit_test(test_pins_that_the_host_refuses),
		cmocka_unit_test(test_access_of_several_pages),
		cmocka_unit_test(test_access_of_pages_of_zeroes),
		cmocka_unit_test(test_access_put_off_and_refused),
		cmocka_unit_test(test_stale_completions),
		cmocka_unit_test(test_errors_of_accesses),
		cmocka_unit_test(test_accesses_beyond_known_memory),
		cmocka_unit_test(test_decision_time_is_measured),
	};

	return cmocka_run_group_tests_name("node_driver", tests, NULL, NULL);
}
