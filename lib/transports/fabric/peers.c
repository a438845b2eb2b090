/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of peers, and their addresses. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <rdma/fi_cm.h>

#include "endpoint.h"

/* An address of ours: this, the provider's name and a zero, the provider's address. */
static const char magic[4] = { 't', 'd', 'f', '1' };

void peers_init(struct tidal_transport *t)
{
	for (uint32_t i = 0; i < TIDAL_NODES_MAX; i++)
		t->peer[i].watch = -1;
}

static void forget(struct peer *p)
{
	if (p->watch >= 0)
		(void)close(p->watch);
	free(p->why);
	*p = (struct peer){ .watch = -1 };
}

void peers_close(struct tidal_transport *t)
{
	for (uint32_t i = 0; i < t->peers; i++)
		forget(&t->peer[t->listed[i]]);
	t->peers = 0;
}

struct peer *peers_find(struct tidal_transport *t, tidal_nodeid node)
{
	if (node >= TIDAL_NODES_MAX || t->peer[node].state == TIDAL_FABRIC_ABSENT)
		return NULL;
	return &t->peer[node];
}

void peers_set_state(struct tidal_transport *t, struct peer *p, uint32_t state)
{
	t->calling -= p->state == TIDAL_FABRIC_CALLING;
	t->calling += state == TIDAL_FABRIC_CALLING;
	p->state = state;
}

void peers_refuse(struct tidal_transport *t, struct peer *p, const char *why)
{
	peers_set_state(t, p, TIDAL_FABRIC_REFUSED);
	p->session = 0;
	p->echoed = false;
	free(p->why);
	p->why = strdup(why);
}

/* The provider's part of an address of ours; NULL: it is not one of this provider. */
static const uint8_t *inner(const struct tidal_transport *t, const uint8_t *addr, size_t len)
{
	const char *name = t->info->fabric_attr->prov_name;
	size_t before = sizeof(magic) + strlen(name) + 1;
	bool text = t->info->addr_format == FI_ADDR_STR;

	if (!addr || len <= before || len > FABRIC_ADDR_MAX ||
	    memcmp(addr, magic, sizeof(magic)) != 0 ||
	    memcmp(addr + sizeof(magic), name, strlen(name) + 1) != 0)
		return NULL;
	if (text ? memchr(addr + before, '\0', len - before) != addr + len - 1
		 : len != t->addr_len)
		return NULL;
	return addr + before;
}

bool peers_local(struct tidal_transport *t)
{
	const char *name = t->info->fabric_attr->prov_name;
	size_t before = sizeof(magic) + strlen(name) + 1, len;

	if (before >= sizeof(t->addr))
		return false;
	memcpy(t->addr, magic, sizeof(magic));
	memcpy(t->addr + sizeof(magic), name, strlen(name) + 1);
	len = sizeof(t->addr) - before;
	if (fi_getname(&t->ep->fid, t->addr + before, &len) != 0)
		return false;
	t->addr_len = before + len;
	return true;
}

int peers_add(struct tidal_transport *t, tidal_nodeid node, const void *addr, size_t len)
{
	const uint8_t *at = inner(t, addr, len);
	struct peer *p;

	if (!at || node >= TIDAL_NODES_MAX || node == t->config.node)
		return TIDAL_EINVAL;
	p = &t->peer[node];
	if (p->state != TIDAL_FABRIC_ABSENT)
		return TIDAL_EEXIST;
	if (fi_av_insert(t->av, at, 1, &p->address, 0, NULL) != 1)
		return TIDAL_EINVAL;
	t->listed[t->peers++] = node;
	peers_set_state(t, p, TIDAL_FABRIC_CALLING);
	t->next_call = t->call_ns = 0; /* it is greeted by the next poll() */
	return 0;
}

int peers_del(struct tidal_transport *t, tidal_nodeid node)
{
	struct peer *p = peers_find(t, node);
	uint32_t i = 0;

	if (!p)
		return TIDAL_ENOENT;
	while (t->listed[i] != node)
		i++;
	t->listed[i] = t->listed[--t->peers];
	(void)fi_av_remove(t->av, &p->address, 1, 0);
	peers_set_state(t, p, TIDAL_FABRIC_ABSENT);
	forget(p);
	return 0;
}
