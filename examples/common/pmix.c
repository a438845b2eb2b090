/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pmix.c - what a pod file says otherwise, exchanged by PMIx: each process publishes where it can be
 * reached, node 0 the port where the nodes meet; when all have, each reads what all have said.
 */
#define _DEFAULT_SOURCE /* interfaces */
#include "pmix.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <pmix.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "line.h"
#include "member.h"
#include "podfile.h"
#include "text.h"
#include "trace_file.h"

#define KEY "tidal.at"

static int failed(const char *what, pmix_status_t status)
{
	return complain(MINI_POD_USAGE, "--pmix: %s: %s", what, PMIx_Error_string(status));
}

/* A number that the launcher knows of the job. 0, or an exit code. */
static int get_number(const pmix_proc_t *self, const char *key, uint32_t *number)
{
	pmix_value_t *value = NULL;
	pmix_status_t status;
	pmix_proc_t job;

	PMIX_PROC_LOAD(&job, self->nspace, PMIX_RANK_WILDCARD);
	status = PMIx_Get(&job, key, NULL, 0, &value);
	if (status != PMIX_SUCCESS)
		return failed(key, status);
	*number = value->data.uint32;
	PMIX_VALUE_RELEASE(value);
	return 0;
}

/* Of an interface (NULL: the first that leads somewhere). 0, or -1. */
static int address_of(const char *interface, char *host, size_t size)
{
	struct ifaddrs *all, *at;
	int found = -1;

	if (getifaddrs(&all))
		return -1;
	for (at = all; at && found; at = at->ifa_next) {
		if (!at->ifa_addr || at->ifa_addr->sa_family != AF_INET ||
		    !(at->ifa_flags & IFF_RUNNING) ||
		    (interface ? strcmp(interface, at->ifa_name) != 0 :
				 (at->ifa_flags & IFF_LOOPBACK) != 0))
			continue;
		if (getnameinfo(at->ifa_addr, sizeof(struct sockaddr_in), host, (socklen_t)size,
				NULL, 0, NI_NUMERICHOST) == 0)
			found = 0;
	}
	freeifaddrs(all);
	return found;
}

/* Where the others reach this process. */
static int find_address(const struct options *options, int one_host, struct place *place)
{
	const char *given = options->address;
	struct in6_addr any;

	if (given && (inet_pton(AF_INET, given, &any) == 1 || inet_pton(AF_INET6, given, &any) == 1)) {
		if (strlen(given) >= sizeof(place->host))
			return complain(MINI_POD_USAGE, "--address %s: too long", given);
		strcpy(place->host, given);
		return 0;
	}
	if (!given && one_host) {
		strcpy(place->host, "127.0.0.1");
		return 0;
	}
	if (address_of(given, place->host, sizeof(place->host)) == 0)
		return 0;
	return given ? complain(MINI_POD_USAGE, "--address %s: give an address of this host, or the "
				"name of an interface that has one", given) :
		       complain(MINI_POD_USAGE,
				"no interface has an address: give one with --address");
}

/* "HOST PORT" */
static int publish(const struct place *place, uint32_t wait_s)
{
	char text[MINI_POD_NAME_MAX + 16];
	int wait = (int)wait_s;
	bool collect = true;
	pmix_status_t status;
	pmix_value_t value;
	pmix_info_t info[2];

	snprintf(text, sizeof(text), "%s %u", place->host, place->port);
	PMIX_VALUE_LOAD(&value, text, PMIX_STRING);
	status = PMIx_Put(PMIX_GLOBAL, KEY, &value);
	PMIX_VALUE_DESTRUCT(&value);
	if (status == PMIX_SUCCESS)
		status = PMIx_Commit();
	if (status != PMIX_SUCCESS)
		return failed("can't publish an address", status);
	PMIX_INFO_LOAD(&info[0], PMIX_COLLECT_DATA, &collect, PMIX_BOOL);
	PMIX_INFO_LOAD(&info[1], PMIX_TIMEOUT, &wait, PMIX_INT);
	status = PMIx_Fence(NULL, 0, info, 2);
	return status == PMIX_SUCCESS ? 0 : failed("the others did not come", status);
}

static int look_up(const pmix_proc_t *self, uint32_t node, struct place *place)
{
	pmix_value_t *value = NULL;
	pmix_status_t status;
	pmix_proc_t proc;
	int bad;

	PMIX_PROC_LOAD(&proc, self->nspace, node);
	status = PMIx_Get(&proc, KEY, NULL, 0, &value);
	if (status != PMIX_SUCCESS)
		return failed("no address of another node", status);
	bad = value->type != PMIX_STRING ||
	      sscanf(value->data.string, "%63s %u", place->host, &place->port) != 2;
	PMIX_VALUE_RELEASE(value);
	return bad ? complain(MINI_POD_USAGE, "--pmix: node %u is no mini-pod", node) : 0;
}

/* From the launcher: how many, which one. */
static int count(struct options *options, const pmix_proc_t *self, int *one_host)
{
	uint32_t size = 0, local = 0;
	int status = get_number(self, PMIX_JOB_SIZE, &size);

	if (!status)
		status = get_number(self, PMIX_LOCAL_SIZE, &local);
	if (status)
		return status;
	if (size > MINI_POD_NODES_MAX)
		return complain(MINI_POD_USAGE, "--pmix: %u were started; a pod has at most %u nodes",
				size, MINI_POD_NODES_MAX);
	if (options->nodes_given && options->nodes != size)
		return complain(MINI_POD_USAGE, "--nodes %u: but %u were started", options->nodes,
				size);
	options->nodes = size;
	options->node = self->rank;
	*one_host = local == size;
	return options_finish(options);
}

/* Everybody's place. *listener*: node 0's. */
static int exchange(struct options *options, const pmix_proc_t *self, int *listener)
{
	struct place place = { .port = 0 };
	const char *why = "";
	int one_host = 0, status = count(options, self, &one_host);

	if (!status)
		status = find_address(options, one_host, &place);
	if (!status && options->node == 0) {
		*listener = line_listen(&place, &why);
		if (*listener < 0)
			status = complain(MINI_POD_USAGE, "can't listen at %s: %s", place.host, why);
	}
	if (!status)
		status = publish(&place, options->join_s);
	for (uint32_t i = 0; i < options->nodes && !status; i++)
		status = look_up(self, i, &options->place[i]);
	return status;
}

int pmix_join(struct options *options)
{
	pmix_status_t ready;
	pmix_proc_t self;
	int listener = -1, status;

	if (!options->program)
		return complain(MINI_POD_USAGE, "--pmix: give a program; see %s --help",
				text_program);
	if (!getenv("PMIX_RANK"))
		return complain(MINI_POD_USAGE, "--pmix: no launcher has started this: use mpirun or "
				"srun, such as mpirun -n 4 %s --pmix ...", options->self);
	ready = PMIx_Init(&self, NULL, 0);
	if (ready != PMIX_SUCCESS)
		return failed("the launcher can't be reached", ready);
	status = exchange(options, &self, &listener);
	if (!status)
		status = trace_check(options);
	if (options->node != 0)
		options->program = NULL; /* that is node 0's */
	if (!status)
		status = member_run(options, listener);
	else if (listener >= 0)
		close(listener);
	(void)PMIx_Finalize(NULL, 0);
	return status;
}
