/* SPDX-License-Identifier: BSD-3-Clause */
/* Choosing a provider: one that was asked for, or the first of a list. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_errno.h>

#include "provider.h"
#include "stale.h"

#define LOOPBACK "127.0.0.1"
#define VERSION FI_VERSION(1, 17)
#define IOV_NEEDED 3

/* Fast ones first; only where all nodes are on one host the first of them. */
static const char *const order[] = { PROVIDER_SHM, "efa", "verbs;ofi_rxm", "net", "tcp",
				     "tcp;ofi_rxm" };
#define ORDER (sizeof(order) / sizeof(order[0]))

/* Messages with tags, kept in order, over a connectionless endpoint that we drive ourselves. */
static struct fi_info *hints_for(const struct library *library, const char *provider)
{
	struct fi_info *h = library->dupinfo(NULL);

	if (!h)
		return NULL;
	h->caps = FI_TAGGED | FI_SEND | FI_RECV;
	h->mode = FI_CONTEXT | FI_CONTEXT2;
	h->ep_attr->type = FI_EP_RDM;
	h->domain_attr->mr_mode = FI_MR_LOCAL | FI_MR_VIRT_ADDR | FI_MR_ALLOCATED | FI_MR_PROV_KEY;
	h->domain_attr->threading = FI_THREAD_DOMAIN;
	h->domain_attr->resource_mgmt = FI_RM_ENABLED;
	h->domain_attr->data_progress = FI_PROGRESS_MANUAL;
	h->domain_attr->control_progress = FI_PROGRESS_MANUAL;
	h->tx_attr->msg_order = FI_ORDER_SAS;
	h->rx_attr->msg_order = FI_ORDER_SAS;
	h->fabric_attr->prov_name = strdup(provider); /* freed with the hints */
	if (!h->fabric_attr->prov_name) {
		library->freeinfo(h);
		return NULL;
	}
	return h;
}

/* libfabric also offers other providers layered over the one that was asked for. */
static bool fits(const struct fi_info *info, const char *provider)
{
	return strcmp(info->fabric_attr->prov_name, provider) == 0 &&
	       info->tx_attr->iov_limit >= IOV_NEEDED && info->rx_attr->iov_limit >= IOV_NEEDED &&
	       info->ep_attr->msg_prefix_size == 0;
}

static int ask(const struct library *library, const char *provider, const char *address,
	       const char *port, struct fi_info **chosen)
{
	struct fi_info *hints = hints_for(library, provider), *all = NULL;
	int err;

	*chosen = NULL;
	if (!hints)
		return -FI_ENOMEM;
	err = library->getinfo(VERSION, address, port, FI_SOURCE, hints, &all);
	library->freeinfo(hints);
	if (err)
		return err;
	for (struct fi_info *i = all; i && !*chosen; i = i->next)
		if (fits(i, provider))
			*chosen = library->dupinfo(i);
	library->freeinfo(all);
	return *chosen ? 0 : -FI_ENODATA;
}

/* The address of an interface, if *name* is one; else the name itself. */
static const char *address_of(const char *name, char *text, size_t size)
{
	struct ifaddrs *all, *one;
	const char *found = name;

	if (!name)
		return LOOPBACK;
	if (getifaddrs(&all) != 0)
		return name;
	for (one = all; one && found == name; one = one->ifa_next) {
		if (strcmp(one->ifa_name, name) != 0 || !one->ifa_addr ||
		    one->ifa_addr->sa_family != AF_INET)
			continue;
		if (getnameinfo(one->ifa_addr, sizeof(struct sockaddr_in), text, (socklen_t)size,
				NULL, 0, NI_NUMERICHOST) == 0)
			found = text;
	}
	freeifaddrs(all);
	return found;
}

static int ask_for(const struct library *library, const struct tidal_fabric_config *c,
		   const char *provider, struct fi_info **info)
{
	char name[NI_MAXHOST], port[16];

	if (strcmp(provider, PROVIDER_SHM) == 0) {
		stale_name(name, sizeof(name));
		return ask(library, provider, name, NULL, info);
	}
	(void)snprintf(port, sizeof(port), "%u", c->port);
	return ask(library, provider, address_of(c->address, name, sizeof(name)), port, info);
}

/* Which of those that are known to do are there, with the same settings. */
static void list(const struct library *library, const struct tidal_fabric_config *c, char *text,
		 size_t size)
{
	struct fi_info *info;
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < ORDER && len < size; i++) {
		if (ask_for(library, c, order[i], &info) != 0)
			continue;
		library->freeinfo(info);
		len += (size_t)snprintf(text + len, size - len, "%s%s", len ? ", " : "; there are ",
					order[i]);
	}
}

/* From libfabric 1.18 on "tcp" is what was "net" before. */
static int choose_named(const struct library *library, const struct tidal_fabric_config *c,
			struct fi_info **info, struct why *why)
{
	char others[100];
	int err;

	if (strncmp(c->provider, "sockets", strlen("sockets")) == 0)
		return why_say(why, TIDAL_EINVAL,
			       "provider 'sockets' takes milliseconds for a message: use 'net'");
	err = ask_for(library, c, c->provider, info);
	if (err && strcmp(c->provider, "net") == 0)
		err = ask_for(library, c, "tcp", info);
	if (err == 0)
		return 0;
	list(library, c, others, sizeof(others));
	return why_say(why, TIDAL_ENOSYS, "provider '%s' is not here, or not at %s: %s%s", c->provider,
		       c->address ? c->address : LOOPBACK, library->strerror(-err), others);
}

int provider_choose(const struct library *library, const struct tidal_fabric_config *config,
		    struct fi_info **info, struct why *why)
{
	if (config->provider)
		return choose_named(library, config, info, why);
	for (size_t i = config->one_host ? 0 : 1; i < ORDER; i++)
		if (ask_for(library, config, order[i], info) == 0)
			return 0;
	return why_say(why, TIDAL_ENOSYS, "libfabric has no provider for %s",
		       config->address ? config->address : LOOPBACK);
}
