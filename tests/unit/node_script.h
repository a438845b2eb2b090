/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A core, a host and a transport that follow a script, for tests of the driver between them.
 * The core takes the place of the real one when the test is linked.
 */
#ifndef TEST_NODE_SCRIPT_H
#define TEST_NODE_SCRIPT_H

#include <stdbool.h>
#include <tidal/node.h>

#define SCRIPT_MAX 4096
#define SCRIPT_FRAMES 64
#define SCRIPT_VCPU_BYTES 6000

/* What was done, in order. */
struct script_call {
	const char *what; /* "push", "map", "send", ... */
	int result;
	struct tidal_event event;   /* push */
	struct tidal_action action; /* host operations: as the core gave it */
	/* push of a message, send, save, load, post */
	uint8_t header[TIDAL_HEADER_MAX];
	uint32_t len;
	const void *data;
	uint32_t data_len;
	uint8_t first; /* byte of data */
	uint64_t cookie;
	tidal_nodeid to;
	uint32_t payload;
};

/* Everything is a global of the test: there is one node, and the core's API has no other way. */
extern struct script {
	/* the core */
	struct tidal_action actions[SCRIPT_MAX]; /* to be pulled */
	unsigned action_head, action_tail;
	int (*on_push)(const struct tidal_event *); /* decides results, adds actions; NULL: 0 */
	tidal_time deadline;
	struct tidal_page_info page;
	int page_error;
	struct tidal_stats stats; /* of the core */
	int init_error;
	tidal_time now; /* of the last push */
	/* the host */
	struct tidal_host_caps host_caps;
	struct tidal_event events[SCRIPT_MAX]; /* to be polled */
	unsigned event_head, event_tail;
	int host_result;     /* of operations that can fail */
	unsigned host_again; /* so many operations say EAGAIN first */
	bool complete;	     /* operations with a token complete by themselves */
	int fd;
	/* the transport */
	struct tidal_transport_caps wire_caps;
	struct tidal_completion completions[SCRIPT_MAX];
	unsigned done_head, done_tail;
	int send_result, post_result, reg_result;
	/* the log */
	struct script_call calls[SCRIPT_MAX];
	unsigned count;
	/* callbacks */
	int io_result;
	uint64_t io_value;
	unsigned reports, accessed, pinned, recorded;
	int record_result;
	struct tidal_act_report report;
	int access_status, pin_status, nested;
	struct tidal_node *node;
} script;

extern const struct tidal_host_ops script_host_ops;
extern const struct tidal_transport_ops script_wire_ops;
extern const struct tidal_node_callbacks script_callbacks;

void script_reset(void);
/* A configuration that opens. */
struct tidal_node_config script_config(struct tidal_params *params);
/* reset, open, and one step with nothing to do; the log is empty then. */
struct tidal_node *script_open(void);

void script_act(const struct tidal_action *action);
void script_event(const struct tidal_event *event);
/* A message, of one header byte, with a payload in the buffer with that cookie. */
void script_message(uint8_t header, uint32_t payload, uint64_t cookie, uint32_t payload_len);
/* The n-th call of that name since the log was emptied, from 0; NULL. */
const struct script_call *script_call(const char *what, unsigned n);
unsigned script_calls(const char *what);
unsigned script_pushes(uint32_t kind);
void script_forget(void);
uint8_t *script_frame(tidal_frame frame);

#endif
