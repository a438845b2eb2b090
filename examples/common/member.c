/* SPDX-License-Identifier: BSD-3-Clause */
/* member.c - what every process of a pod does: an endpoint, a node, and waiting. */
#include "member.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <tidal/fabric.h>

#include "clock.h"
#include "member_inside.h"
#include "podfile.h"
#include "text.h"

#define BUDGET 10000	    /* instructions of a vCPU between looks at the wire */
#define SLEEP_NS 100000000 /* at most; a signal may have come just before */
#define NAP_NS 50000	    /* where an endpoint can't be waited for */
#define SECOND UINT64_C(1000000000)
#define BEATS 12	    /* heartbeats in the time after which a node is lost */
#define BEAT_MAX_NS 250000000

static void hex_write(const unsigned char *bytes, size_t len, char *text)
{
	for (size_t i = 0; i < len; i++)
		sprintf(text + 2 * i, "%02x", bytes[i]);
}

static int hex_read(const char *text, unsigned char *bytes, size_t room, size_t *len)
{
	*len = strlen(text) / 2;
	if (strlen(text) % 2 || *len > room || strspn(text, "0123456789abcdef") != 2 * *len)
		return -1;
	for (size_t i = 0; i < *len; i++) {
		char digits[3] = { text[2 * i], text[2 * i + 1], '\0' };

		bytes[i] = (unsigned char)strtoul(digits, NULL, 16);
	}
	return 0;
}

static void peer_gone(struct pod *pod, tidal_nodeid node)
{
	struct member *member = (struct member *)pod;

	if (member->lost == TIDAL_NODE_NONE)
		member->lost = node;
}

static void configure(const struct member *member, uint64_t id, struct tidal_fabric_config *config)
{
	const struct options *options = member->options;
	const struct place *place = &options->place[options->node];
	tidal_time silence = options->silence_s * SECOND;

	tidal_fabric_config_init(config, sizeof(*config));
	config->provider = options->provider;
	config->wait = TIDAL_FABRIC_BLOCK;
	config->address = place->host;
	config->port = options->node == 0 ? 0 : place->port; /* node 0's is for meeting */
	config->node = options->node;
	config->pod = id;
	config->params = podfile_hash(options);
	config->silence_ns = silence;
	config->heartbeat_ns = silence / BEATS < BEAT_MAX_NS ? silence / BEATS : BEAT_MAX_NS;
}

int member_open_endpoint(struct member *member, uint64_t id, char at[HUB_AT_MAX])
{
	struct pod_node *node = &member->pod.nodes[0];
	struct tidal_fabric_config config;
	unsigned char address[HUB_AT_MAX / 2 - 1];
	size_t len = sizeof(address);
	char why[240] = "";
	int status;

	member->id = id;
	configure(member, id, &config);
	status = tidal_fabric_open(&config, &node->transport, why, sizeof(why));
	interrupt_catch(); /* libfabric's companions like to catch signals */
	if (status)
		return complain(MINI_POD_USAGE, "%s: %s",
				place_name(member->options, member->options->node).s, why);
	node->transport_ops = tidal_fabric_ops();
	status = node->transport_ops->local_addr(node->transport, address, &len);
	if (status)
		return complain(MINI_POD_BUG, "the endpoint's address: %s", tidal_strerror(status));
	memset(at, 0, HUB_AT_MAX);
	hex_write(address, len, at);
	return 0;
}

int member_open_node(struct member *member, const struct boot *boot)
{
	struct pod_node *node = &member->pod.nodes[0];
	struct tidal_vmap map;
	int status = build_vmap(member->options, &map);

	if (!status && node->id == 0)
		status = pod_open_record(&member->pod);
	if (!status)
		status = build_host(node, &map, boot);
	if (!status)
		status = pod_open_trace(&member->pod);
	if (!status && member->pod.trace)
		member->pod.trace->run = member->id;
	return status ? status : build_node(node, &map);
}

int member_add_peer(struct member *member, uint32_t node, const char *at)
{
	const struct pod_node *own = &member->pod.nodes[0];
	unsigned char address[HUB_AT_MAX / 2];
	size_t len;

	if (node == own->id)
		return 0;
	if (!at || hex_read(at, address, sizeof(address), &len) ||
	    own->transport_ops->peer_add(own->transport, (tidal_nodeid)node, address, len))
		return complain(MINI_POD_USAGE, "%s: its address is none of provider %s",
				place_name(member->options, node).s, member->options->provider);
	return 0;
}

static void nap(void)
{
	const struct timespec time = { .tv_nsec = NAP_NS };

	nanosleep(&time, NULL);
}

static tidal_time time_left(const struct member *member)
{
	tidal_time due = tidal_node_deadline(member->pod.nodes[0].node);
	tidal_time now = clock_ns() - member->pod.begun;

	if (due <= now)
		return 0;
	return due - now < SLEEP_NS ? due - now : SLEEP_NS;
}

void member_sleep(struct member *member, struct pollfd *fds, int n, int did)
{
	const struct pod_node *node = &member->pod.nodes[0];
	int endpoint = did ? -1 : node->transport_ops->wait_fd(node->transport);
	int host = member->options->machine->host_ops()->wait_fd(node->host);

	if (endpoint >= 0)
		fds[n++] = (struct pollfd){ .fd = endpoint, .events = POLLIN };
	else if (!did)
		nap();
	if (host >= 0)
		fds[n++] = (struct pollfd){ .fd = host, .events = POLLIN };
	clock_wait(fds, (unsigned)n, endpoint >= 0 ? time_left(member) : 0);
	member->pod.now = clock_ns() - member->pod.begun;
}

int member_conclude(const struct member *member, const struct verdict *verdict)
{
	/* Of processes that share a terminal one speaks for all. */
	int silent = verdict->said || (member->options->processes && member->options->node != 0);

	if (verdict->why[0] && !silent)
		complain(verdict->code, "%s", verdict->why);
	return verdict->code;
}

int member_run(struct options *options, int listener)
{
	struct member *member = calloc(1, sizeof(*member));
	int status, traced;

	if (!member)
		return complain(MINI_POD_BUG, "not enough memory");
	interrupt_catch();
	member->options = options;
	member->pod.begun = clock_ns();
	member->lost = TIDAL_NODE_NONE;
	member->up.fd = -1;
	member->pod.options = options;
	member->pod.opened = 1;
	member->pod.budget = BUDGET;
	member->pod.peer_gone = peer_gone;
	member->pod.nodes[0].pod = &member->pod;
	member->pod.nodes[0].id = (tidal_nodeid)options->node;
	status = options->node == 0 ? master_run(member, listener) : joiner_run(member);
	line_close(&member->up);
	traced = pod_write_trace(&member->pod);
	status = status ? status : traced;
	pod_close(&member->pod);
	free(member);
	return status;
}
