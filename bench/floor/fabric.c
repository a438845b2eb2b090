/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bare libfabric: tagged messages over an RDM endpoint, as few calls as there can be.
 *
 * A page and its header are one message of two pieces, which arrive where they belong. "shm" takes
 * up to 4096 bytes in one go, so there the header of a page is in the tag. Small messages are
 * injected.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_tagged.h>
#include <tidal/base.h>

#include "transports/fabric/library.h"
#include "transports/fabric/stale.h"
#include "wire.h"

#define SMALLS 64
#define SENDS 64
#define BATCH 8
#define PAGE_TAG UINT64_C(1) /* a page comes with it */

struct op {
	struct fi_context2 context; /* first: a completion names it */
	enum { OP_SMALL, OP_LARGE, OP_SEND } kind;
	struct op *next;
	uint8_t *page;
	struct header header;
};

static struct {
	struct library lib;
	struct fi_info *info;
	struct fid_fabric *fabric;
	struct fid_domain *domain;
	struct fid_av *av;
	struct fid_cq *cq;
	struct fid_ep *ep;
	fi_addr_t peer[CREW_NODES];
	unsigned nodes, node;
	bool tags; /* the header of a page is in the tag */
	int cq_fd;
	struct op small[SMALLS], large[WIRE_FRAMES], send[SENDS];
	struct op *free_large, *free_send;
} w;

static void must(int err, const char *what)
{
	if (err)
		crew_fail(false, "%s: %s", what, w.lib.strerror(-err));
}

static void choose(const struct crew_config *config)
{
	bool shm = strcmp(config->provider, "shm") == 0;
	struct fi_info *hints = w.lib.dupinfo(NULL);
	char name[64];
	int err;

	hints->caps = FI_TAGGED | FI_SEND | FI_RECV;
	hints->mode = FI_CONTEXT | FI_CONTEXT2;
	hints->ep_attr->type = FI_EP_RDM;
	hints->domain_attr->mr_mode = FI_MR_LOCAL | FI_MR_VIRT_ADDR | FI_MR_ALLOCATED |
				      FI_MR_PROV_KEY;
	hints->domain_attr->threading = FI_THREAD_DOMAIN;
	hints->domain_attr->resource_mgmt = FI_RM_ENABLED;
	hints->fabric_attr->prov_name = strdup(config->provider);
	stale_name(name, sizeof(name)); /* if we are killed the next endpoint cleans up */
	err = w.lib.getinfo(FI_VERSION(1, 17), shm ? name : "127.0.0.1", NULL, FI_SOURCE, hints,
			    &w.info);
	w.lib.freeinfo(hints);
	if (err)
		crew_fail(true, "libfabric has no provider \"%s\" here", config->provider);
	if (w.info->domain_attr->mr_mode & FI_MR_LOCAL)
		crew_fail(true, "provider \"%s\" wants memory to be registered", config->provider);
	w.tags = shm;
}

static void open_queue(const struct crew_config *config)
{
	struct fi_cq_attr attr = { .size = SMALLS + WIRE_FRAMES + SENDS,
				   .format = FI_CQ_FORMAT_TAGGED,
				   .wait_obj = config->wait == CREW_SPIN ? FI_WAIT_NONE
									 : FI_WAIT_FD };

	if (fi_cq_open(w.domain, &attr, &w.cq, NULL) != 0)
		crew_fail(true, "provider \"%s\" has nothing to sleep on", config->provider);
	if (attr.wait_obj == FI_WAIT_FD)
		must(fi_control(&w.cq->fid, FI_GETWAIT, &w.cq_fd), "the queue's descriptor");
}

static void post_small(struct op *op)
{
	must((int)fi_trecv(w.ep, &op->header, HEADER, NULL, FI_ADDR_UNSPEC, 0, ~PAGE_TAG,
			   &op->context), "posting");
}

static void open_ops(void)
{
	for (unsigned i = 0; i < SMALLS; i++) {
		w.small[i].kind = OP_SMALL;
		post_small(&w.small[i]);
	}
	for (unsigned i = 0; i < WIRE_FRAMES; i++) {
		w.large[i] = (struct op){ .kind = OP_LARGE, .next = w.free_large };
		w.free_large = &w.large[i];
	}
	for (unsigned i = 0; i < SENDS; i++) {
		w.send[i] = (struct op){ .kind = OP_SEND, .next = w.free_send };
		w.free_send = &w.send[i];
	}
}

static size_t open_endpoint(const struct crew_config *config, unsigned node, uint8_t *address)
{
	struct fi_av_attr av = { .type = FI_AV_TABLE, .count = CREW_NODES };
	size_t len = CREW_ADDRESS;
	const char *why;

	if (!library_load(&w.lib, &why))
		crew_fail(true, "%s", why);
	w.nodes = config->nodes;
	w.node = node;
	choose(config);
	must(w.lib.fabric(w.info->fabric_attr, &w.fabric, NULL), "fabric");
	must(fi_domain(w.fabric, w.info, &w.domain, NULL), "domain");
	open_queue(config);
	must(fi_av_open(w.domain, &av, &w.av, NULL), "addresses");
	must(fi_endpoint(w.domain, w.info, &w.ep, NULL), "endpoint");
	must(fi_ep_bind(w.ep, &w.av->fid, 0), "addresses");
	must(fi_ep_bind(w.ep, &w.cq->fid, FI_SEND | FI_RECV), "queue");
	must(fi_enable(w.ep), "endpoint");
	open_ops();
	must(fi_getname(&w.ep->fid, address, &len), "address");
	return len;
}

static void connect_all(const uint8_t (*address)[CREW_ADDRESS], const size_t *len)
{
	(void)len;
	for (unsigned i = 0; i < w.nodes; i++)
		if (i != w.node && fi_av_insert(w.av, address[i], 1, &w.peer[i], 0, NULL) != 1)
			crew_fail(false, "node %u has no address", i);
}

static void post_frame(uint8_t *frame)
{
	struct op *op = w.free_large;
	struct iovec iov[2] = { { frame, TIDAL_PAGE_SIZE }, { &op->header, HEADER } };

	w.free_large = op->next;
	op->page = frame;
	must((int)fi_trecvv(w.ep, iov, NULL, 2, FI_ADDR_UNSPEC, PAGE_TAG, ~PAGE_TAG,
			    &op->context), "posting");
}

/* Everything a floor's header says fits into a tag. */
static uint64_t tag_of(const struct header *h)
{
	return PAGE_TAG | (uint64_t)h->kind << 8 | (uint64_t)h->copies << 16 |
	       (uint64_t)h->from << 24 | (uint64_t)h->page << 40;
}

static void header_of(uint64_t tag, struct header *h)
{
	h->kind = (uint8_t)(tag >> 8);
	h->copies = (uint8_t)(tag >> 16);
	h->from = (uint16_t)(tag >> 24);
	h->page = (uint16_t)(tag >> 40);
}

static ssize_t try_send(unsigned to, const struct header *h, const uint8_t *page, struct op *op)
{
	struct iovec iov[2] = { { (void *)(uintptr_t)page, TIDAL_PAGE_SIZE },
				{ &op->header, HEADER } };

	if (!page)
		return fi_tinject(w.ep, h, HEADER, w.peer[to], 0);
	if (w.tags)
		return fi_tinject(w.ep, page, TIDAL_PAGE_SIZE, w.peer[to], tag_of(h));
	op->header = *h;
	return fi_tsendv(w.ep, iov, NULL, 2, w.peer[to], PAGE_TAG, &op->context);
}

static bool send_message(unsigned to, const struct header *h, const uint8_t *page)
{
	struct op *op = w.free_send;
	ssize_t err;

	if (!op)
		crew_fail(false, "too much to send");
	while ((err = try_send(to, h, page, op)) == -FI_EAGAIN)
		(void)fi_cq_read(w.cq, NULL, 0);
	must((int)err, "sending");
	if (!page || w.tags)
		return true;
	op->page = (uint8_t *)(uintptr_t)page;
	w.free_send = op->next;
	return false;
}

static void put_free(struct op **list, struct op *op)
{
	op->next = *list;
	*list = op;
}

static void message(struct op *op, uint64_t tag)
{
	struct header header;

	if (op->kind == OP_SMALL) {
		received(&op->header, NULL);
		post_small(op);
		return;
	}
	if (w.tags)
		header_of(tag, &op->header);
	header = op->header; /* the next page that is posted may take this op */
	put_free(&w.free_large, op);
	received(&header, op->page);
}

/* First what was sent: who handles a message may wait for that, and poll again. */
static bool poll_queue(void)
{
	struct fi_cq_tagged_entry e[BATCH];
	ssize_t n = fi_cq_read(w.cq, e, BATCH);

	if (n == -FI_EAVAIL)
		crew_fail(false, "a message failed");
	for (ssize_t i = 0; i < n; i++) {
		struct op *op = e[i].op_context;

		if (op->kind != OP_SEND)
			continue;
		put_free(&w.free_send, op);
		sent(op->page);
	}
	for (ssize_t i = 0; i < n; i++) {
		struct op *op = e[i].op_context;

		if (op->kind != OP_SEND)
			message(op, e[i].tag);
	}
	return n > 0;
}

/*
 * By its edges: in "net" of 1.17 the descriptor stays readable after the first completion,
 * whatever fi_trywait() says.
 */
static void watch(int epoll)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, w.cq_fd, &event))
		crew_fail(false, "the queue's descriptor can't be watched");
}

static bool may_sleep(void)
{
	struct fid *fid = &w.cq->fid;

	return fi_trywait(w.fabric, &fid, 1) == 0 && !poll_queue();
}

const struct wire floor_fabric = {
	.open = open_endpoint, .connect = connect_all, .send = send_message, .post = post_frame,
	.poll = poll_queue, .watch = watch, .may_sleep = may_sleep,
};
