/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Waiting. The provider's descriptor is put into an epoll of ours, so that it can be watched in one
 * of two ways. The usual one is by its level: fi_trywait() makes it unreadable. In "net" and "tcp"
 * before libfabric 1.20 that does nothing, and the descriptor stays readable after the first
 * completion; there its edges are watched: every new event is one.
 */
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "endpoint.h"

#define VAIN_MAX 8

bool wait_open(struct tidal_transport *t)
{
	struct epoll_event event = { .events = EPOLLIN };

	if (fi_control(&t->cq->fid, FI_GETWAIT, &t->cq_fd) != 0)
		return false;
	t->fd = epoll_create1(EPOLL_CLOEXEC);
	return t->fd >= 0 && epoll_ctl(t->fd, EPOLL_CTL_ADD, t->cq_fd, &event) == 0;
}

void wait_close(struct tidal_transport *t)
{
	if (t->fd >= 0)
		(void)close(t->fd);
	t->fd = -1;
}

/* Readable, although fi_trywait() has just found nothing: once may be chance. */
static void watch_edges(struct tidal_transport *t)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };

	t->edges = epoll_ctl(t->fd, EPOLL_CTL_MOD, t->cq_fd, &event) == 0;
}

static bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

/* The caller looks once more after this: what came before the last edge was forgotten. */
static void forget_edges(struct tidal_transport *t)
{
	struct epoll_event event;

	(void)epoll_wait(t->fd, &event, 1, 0);
}

bool wait_arm(struct tidal_transport *t)
{
	struct fid *fid = &t->cq->fid;

	if (fi_trywait(t->fabric, &fid, 1) != 0)
		return false;
	if (t->edges) {
		forget_edges(t);
		return true;
	}
	if (!readable(t->cq_fd)) {
		t->vain = 0;
		return true;
	}
	if (++t->vain == VAIN_MAX)
		watch_edges(t);
	return false;
}
