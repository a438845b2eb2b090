/* SPDX-License-Identifier: BSD-3-Clause */
/* Bare TCP on loopback: a socket per peer, one system call to send and one to receive. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <tidal/base.h>
#include <unistd.h>

#include "wire.h"

struct peer {
	int fd;
	size_t got; /* bytes of header and page */
	struct header header;
	uint8_t *frame;
};

static struct {
	unsigned nodes, node;
	int listener;
	struct peer peer[CREW_NODES];
	uint8_t *frame[WIRE_FRAMES]; /* that wait for a page */
	unsigned frames;
} w;

static void must(bool ok, const char *what)
{
	if (!ok)
		crew_fail(false, "%s: %s", what, strerror(errno));
}

static size_t open_socket(const struct crew_config *config, unsigned node, uint8_t *address)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);

	w.nodes = config->nodes;
	w.node = node;
	w.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(w.listener >= 0 && !bind(w.listener, (struct sockaddr *)&at, sizeof(at)) &&
		     !listen(w.listener, CREW_NODES) &&
		     !getsockname(w.listener, (struct sockaddr *)&at, &len), "a socket");
	memcpy(address, &at, sizeof(at));
	return sizeof(at);
}

static void ready(unsigned node, int fd)
{
	const int on = 1;

	must(!setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) &&
		     !fcntl(fd, F_SETFL, O_NONBLOCK), "a connection");
	w.peer[node].fd = fd;
}

/* Each calls those with lower numbers, and says who it is. */
static void connect_all(const uint8_t (*address)[CREW_ADDRESS], const size_t *len)
{
	for (unsigned i = 0; i < w.node; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		must(fd >= 0 && !connect(fd, (const struct sockaddr *)(const void *)address[i],
					 (socklen_t)len[i]) &&
			     write(fd, &w.node, sizeof(w.node)) == sizeof(w.node), "connecting");
		ready(i, fd);
	}
	for (unsigned i = w.node + 1; i < w.nodes; i++) {
		int fd = accept(w.listener, NULL, NULL);
		unsigned node = 0;

		must(fd >= 0 && read(fd, &node, sizeof(node)) == sizeof(node) && node < w.nodes,
		     "accepting");
		ready(node, fd);
	}
}

static void post_frame(uint8_t *frame)
{
	w.frame[w.frames++] = frame;
}

static bool send_message(unsigned to, const struct header *h, const uint8_t *page)
{
	struct iovec iov[2] = { { (void *)(uintptr_t)h, HEADER },
				{ (void *)(uintptr_t)page, TIDAL_PAGE_SIZE } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = page ? 2 : 1 };
	ssize_t n;

	while ((n = sendmsg(w.peer[to].fd, &m, MSG_NOSIGNAL)) < 0 && errno == EAGAIN)
		continue;
	while (n >= 0 && (size_t)n < HEADER + (page ? TIDAL_PAGE_SIZE : 0)) {
		size_t done = (size_t)n < HEADER ? 0 : (size_t)n - HEADER;
		ssize_t more;

		must((size_t)n >= HEADER, "sending");
		more = send(w.peer[to].fd, page + done, TIDAL_PAGE_SIZE - done, MSG_NOSIGNAL);
		n = more >= 0 ? n + more : errno == EAGAIN ? n : -1;
	}
	must(n > 0, "sending");
	return true;
}

static bool has_page(const struct header *h)
{
	return h->kind == TAKE_COPY || h->kind == TAKE_PAGE;
}

/* What came behind a message without a page lies in the frame: it is how the next begins. */
static void take_messages(struct peer *p)
{
	while (p->got >= HEADER) {
		size_t left = p->got - HEADER;

		if (has_page(&p->header)) {
			uint8_t *frame = p->frame;

			if (left < TIDAL_PAGE_SIZE)
				return;
			p->got = 0;
			p->frame = NULL;
			received(&p->header, frame);
			return;
		}
		received(&p->header, NULL);
		p->got = left;
		memcpy(&p->header, p->frame, left < HEADER ? left : HEADER);
		if (left > HEADER)
			memmove(p->frame, p->frame + HEADER, left - HEADER);
	}
}

static bool receive(struct peer *p)
{
	struct iovec iov[2];
	ssize_t n;

	if (!p->frame) {
		must(w.frames > 0, "no frame to receive into");
		p->frame = w.frame[--w.frames];
	}
	iov[0] = (struct iovec){ (uint8_t *)&p->header + (p->got < HEADER ? p->got : HEADER),
				 p->got < HEADER ? HEADER - p->got : 0 };
	iov[1] = (struct iovec){ p->frame + (p->got < HEADER ? 0 : p->got - HEADER),
				 TIDAL_PAGE_SIZE - (p->got < HEADER ? 0 : p->got - HEADER) };
	n = readv(p->fd, iov, 2);
	if (n < 0 && errno == EAGAIN)
		return false;
	must(n > 0, "receiving");
	p->got += (size_t)n;
	take_messages(p);
	return true;
}

static bool poll_sockets(void)
{
	bool any = false;

	for (unsigned i = 0; i < w.nodes; i++)
		any |= i != w.node && receive(&w.peer[i]);
	return any;
}

static void watch(int epoll)
{
	struct epoll_event event = { .events = EPOLLIN };

	for (unsigned i = 0; i < w.nodes; i++)
		must(i == w.node || !epoll_ctl(epoll, EPOLL_CTL_ADD, w.peer[i].fd, &event),
		     "watching");
}

static bool may_sleep(void)
{
	return true;
}

const struct wire floor_sockets = {
	.open = open_socket, .connect = connect_all, .send = send_message, .post = post_frame,
	.poll = poll_sockets, .watch = watch, .may_sleep = may_sleep,
};
