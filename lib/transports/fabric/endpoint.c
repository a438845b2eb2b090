/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening and closing an endpoint, and its table of operations. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_errno.h>

#include "endpoint.h"
#include "provider.h"
#include "stale.h"

#define SHM_FOLDER "/dev/shm"
#define ADDRESSES 256 /* to begin with; the most that "shm" takes */
#define POSTED_MAX (FABRIC_SMALLS + FABRIC_LANDINGS)

void fabric_trouble(struct tidal_transport *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(t->trouble, sizeof(t->trouble), format, args);
	va_end(args);
}

static void endpoint_close(struct tidal_transport *t)
{
	struct fid *const order[] = {
		t->ep ? &t->ep->fid : NULL, t->cq ? &t->cq->fid : NULL,
		t->av ? &t->av->fid : NULL,
	};

	wait_close(t);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (order[i])
			(void)fi_close(order[i]);
	region_close(t);
	if (t->domain)
		(void)fi_close(&t->domain->fid);
	if (t->fabric)
		(void)fi_close(&t->fabric->fid);
	if (t->info)
		t->library.freeinfo(t->info);
	peers_close(t);
	free(t);
}

static int open_queue(struct tidal_transport *t)
{
	struct fi_cq_attr attr = {
		.size = FABRIC_SENDS + POSTED_MAX,
		.format = FI_CQ_FORMAT_TAGGED,
		.wait_obj = FI_WAIT_NONE,
	};

	if (t->config.wait == TIDAL_FABRIC_BLOCK) {
		attr.wait_obj = FI_WAIT_FD;
		if (fi_cq_open(t->domain, &attr, &t->cq, NULL) == 0)
			return wait_open(t) ? 0 : -FI_EIO;
		attr.wait_obj = FI_WAIT_NONE;
	}
	return fi_cq_open(t->domain, &attr, &t->cq, NULL);
}

static int open_endpoint(struct tidal_transport *t)
{
	struct fi_av_attr attr = { .type = FI_AV_UNSPEC, .count = ADDRESSES };
	int err = fi_av_open(t->domain, &attr, &t->av, NULL);

	if (!err)
		err = fi_endpoint(t->domain, t->info, &t->ep, NULL);
	if (!err)
		err = fi_ep_bind(t->ep, &t->av->fid, 0);
	if (!err)
		err = fi_ep_bind(t->ep, &t->cq->fid, FI_SEND | FI_RECV);
	if (!err)
		err = fi_enable(t->ep);
	return err;
}

static int say_failed(struct tidal_transport *t, struct why *why, int err)
{
	const struct tidal_fabric_config *c = &t->config;
	const char *provider = t->info->fabric_attr->prov_name;

	if (err == -FI_EADDRINUSE)
		return why_say(why, TIDAL_EBUSY, "%s, port %u is in use", c->address ? c->address
			       : "127.0.0.1", c->port);
	return why_say(why, err == -FI_ENOMEM ? TIDAL_ENOMEM : TIDAL_EIO,
		       "provider '%s' can't be opened at %s, port %u: %s", provider,
		       c->address ? c->address : "127.0.0.1", c->port, t->library.strerror(-err));
}

/* From the provider's objects to one that can be used. */
static int open_objects(struct tidal_transport *t, struct why *why)
{
	int err = t->library.fabric(t->info->fabric_attr, &t->fabric, NULL);

	if (!err)
		err = fi_domain(t->fabric, t->info, &t->domain, NULL);
	if (!err)
		err = open_queue(t);
	if (!err)
		err = open_endpoint(t);
	return err ? say_failed(t, why, err) : 0;
}

static int open_parts(struct tidal_transport *t, struct why *why)
{
	int err;

	peers_init(t);
	send_open(t);
	if (!peers_local(t))
		return why_say(why, TIDAL_EIO, "provider '%s' has no address of its own",
			       t->info->fabric_attr->prov_name);
	err = region_add(t, t, sizeof(*t));
	if (err || !region_desc(t, t, sizeof(*t), &t->own_desc))
		return why_say(why, TIDAL_EIO, "memory can't be registered");
	err = receive_open(t);
	return err ? why_say(why, err, "the provider takes too few buffers") : 0;
}

static void identify(struct tidal_transport *t)
{
	process_self(&t->process);
	if (getrandom(&t->session, sizeof(t->session), GRND_NONBLOCK) != sizeof(t->session))
		t->session = (uint32_t)(t->process.started * 2654435761u) ^ t->process.pid;
	if (t->session == 0)
		t->session = 1;
}

int tidal_fabric_open(const struct tidal_fabric_config *config, struct tidal_transport **endpoint,
		      char *why_text, size_t why_size)
{
	struct why why = { why_text, why_size };
	struct tidal_transport *t;
	const char *reason;
	int err;

	why_say(&why, 0, "%s", "");
	if (!endpoint)
		return why_say(&why, TIDAL_EINVAL, "no place for the endpoint");
	t = calloc(1, sizeof(*t));
	if (!t)
		return why_say(&why, TIDAL_ENOMEM, "not enough memory");
	t->fd = -1;
	err = config_read(&t->config, config, &why);
	if (!err && !library_load(&t->library, &reason))
		err = why_say(&why, TIDAL_ENOSYS, "%s", reason);
	if (!err)
		err = provider_choose(&t->library, &t->config, &t->info, &why);
	if (!err && strcmp(t->info->fabric_attr->prov_name, PROVIDER_SHM) == 0) {
		(void)stale_remove(SHM_FOLDER);
		t->inject = t->apart = true;
	}
	if (!err)
		err = open_objects(t, &why);
	if (!err)
		err = open_parts(t, &why);
	if (err) {
		endpoint_close(t);
		return err;
	}
	identify(t);
	*endpoint = t;
	return 0;
}

static int query(struct tidal_transport *t, struct tidal_transport_caps *caps)
{
	struct tidal_transport_caps all = {
		.header_max = TIDAL_HEADER_MAX,
		.payload_max = TIDAL_VCPU_BYTES_MAX,
		/* what goes apart is injected */
		.copies_max = t->apart ? (uint32_t)t->info->tx_attr->inject_size : 0,
	};

	if (caps->size < sizeof(caps->size))
		return TIDAL_EINVAL;
	all.size = caps->size;
	memset(caps, 0, all.size);
	memcpy(caps, &all, all.size < sizeof(all) ? all.size : sizeof(all));
	return 0;
}

static int local_addr(struct tidal_transport *t, void *addr, size_t *len)
{
	size_t room = *len;

	*len = t->addr_len;
	if (room < t->addr_len)
		return TIDAL_ERANGE;
	memcpy(addr, t->addr, t->addr_len);
	return 0;
}

static tidal_time deadline(struct tidal_transport *t)
{
	return t->count > 0 || t->again ? t->now : heart_deadline(t);
}

static int wait_fd(struct tidal_transport *t)
{
	return t->fd;
}

static const struct tidal_transport_ops ops = {
	.size = sizeof(ops),
	.name = "fabric",
	.query = query,
	.close = endpoint_close,
	.local_addr = local_addr,
	.peer_add = peers_add,
	.peer_del = peers_del,
	.buffer_reg = region_add,
	.buffer_dereg = region_del,
	.send = send_message,
	.recv_post = receive_post,
	.poll = poll_ready,
	.deadline = deadline,
	.wait_fd = wait_fd,
};

const struct tidal_transport_ops *tidal_fabric_ops(void)
{
	return &ops;
}

const char *tidal_fabric_provider(const struct tidal_transport *endpoint)
{
	return endpoint->info->fabric_attr->prov_name;
}

int tidal_fabric_peer(const struct tidal_transport *t, tidal_nodeid node,
		      struct tidal_fabric_peer *peer)
{
	struct tidal_fabric_peer all = { .size = peer->size };

	if (peer->size < sizeof(peer->size))
		return TIDAL_EINVAL;
	if (node >= TIDAL_NODES_MAX)
		return TIDAL_ERANGE;
	all.state = t->peer[node].state;
	all.restarts = t->peer[node].restarts;
	all.heard = t->peer[node].heard;
	if (all.state == TIDAL_FABRIC_REFUSED && t->peer[node].why)
		(void)snprintf(all.why, sizeof(all.why), "%s", t->peer[node].why);
	memset(peer, 0, all.size);
	memcpy(peer, &all, all.size < sizeof(all) ? all.size : sizeof(all));
	return 0;
}

const char *tidal_fabric_trouble(const struct tidal_transport *endpoint)
{
	return endpoint->trouble;
}

void tidal_fabric_stats(const struct tidal_transport *endpoint, struct tidal_fabric_stats *stats,
			size_t size)
{
	memset(stats, 0, size);
	memcpy(stats, &endpoint->stats,
	       size < sizeof(endpoint->stats) ? size : sizeof(endpoint->stats));
}
