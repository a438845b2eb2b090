/* SPDX-License-Identifier: BSD-3-Clause */
/* line.c - JSON objects over TCP. */
#include "line.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 64
#define SEND_MS 1000 /* that a peer may need to take what is sent */

static struct addrinfo *resolve(const struct place *place, const char **why)
{
	const struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM,
	};
	struct addrinfo *info = NULL;
	char port[16];
	int error;

	snprintf(port, sizeof(port), "%u", place->port);
	error = getaddrinfo(place->host, port, &hints, &info);
	if (error)
		*why = gai_strerror(error);
	return error ? NULL : info;
}

static int failed(int fd, const char **why)
{
	*why = strerror(errno);
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Neither blocks nor is inherited by another program. */
static int settle(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
	       fcntl(fd, F_SETFD, FD_CLOEXEC) < 0;
}

static uint32_t port_of(int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} at = { 0 };
	socklen_t len = sizeof(at);

	if (getsockname(fd, &at.any, &len))
		return 0;
	return ntohs(at.any.sa_family == AF_INET6 ? at.v6.sin6_port : at.v4.sin_port);
}

int line_listen(struct place *place, const char **why)
{
	struct addrinfo *info = resolve(place, why);
	const int on = 1;
	int fd, bad;

	if (!info)
		return -1;
	fd = socket(info->ai_family, info->ai_socktype, info->ai_protocol);
	bad = fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	      bind(fd, info->ai_addr, info->ai_addrlen) || listen(fd, BACKLOG) || settle(fd);
	freeaddrinfo(info);
	if (bad)
		return failed(fd, why);
	place->port = port_of(fd);
	return fd;
}

static void opened(struct line *line, int fd)
{
	const int on = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	line->fd = fd;
	line->len = 0;
}

static int wait_for(int fd, short events, int ms)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, ms) == 1;
}

static int connected(int fd, const struct addrinfo *info, int ms)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (connect(fd, info->ai_addr, info->ai_addrlen) == 0)
		return 1;
	if (errno != EINPROGRESS)
		return 0;
	if (!wait_for(fd, POLLOUT, ms)) {
		errno = ETIMEDOUT;
		return 0;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == 0)
		return 1;
	errno = error;
	return 0;
}

int line_connect(struct line *line, const struct place *place, int ms, const char **why)
{
	struct addrinfo *info = resolve(place, why);
	int fd, bad;

	line->fd = -1;
	if (!info)
		return -1;
	fd = socket(info->ai_family, info->ai_socktype, info->ai_protocol);
	bad = fd < 0 || settle(fd) || !connected(fd, info, ms);
	freeaddrinfo(info);
	if (bad)
		return failed(fd, why);
	opened(line, fd);
	return 0;
}

int line_accept(struct line *line, int listener)
{
	int fd = accept(listener, NULL, NULL);

	line->fd = -1;
	if (fd < 0)
		return -1;
	if (settle(fd)) {
		close(fd);
		return -1;
	}
	opened(line, fd);
	return 0;
}

static int send_bytes(struct line *line, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = send(line->fd, bytes, len, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -1;
		if (n < 0 && errno == EAGAIN && !wait_for(line->fd, POLLOUT, SEND_MS))
			return -1;
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

int line_send(struct line *line, json_t *object)
{
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	int bad = !text || line->fd < 0 || send_bytes(line, text, strlen(text)) ||
		  send_bytes(line, "\n", 1);

	free(text);
	json_decref(object);
	if (bad)
		line_close(line);
	return bad ? -1 : 0;
}

/* The first line of what has come. */
static int take_line(struct line *line, json_t **object)
{
	char *end = memchr(line->bytes, '\n', line->len);
	size_t used;

	if (!end)
		return line->len < sizeof(line->bytes) ? 0 : -1;
	used = (size_t)(end - line->bytes) + 1;
	*object = json_loadb(line->bytes, used, 0, NULL);
	line->len -= used;
	memmove(line->bytes, line->bytes + used, line->len);
	if (json_is_object(*object))
		return 1;
	json_decref(*object);
	return -1;
}

int line_receive(struct line *line, json_t **object)
{
	int got;

	if (line->fd < 0)
		return -1;
	got = take_line(line, object);
	if (got == 0) {
		ssize_t n = recv(line->fd, line->bytes + line->len,
				 sizeof(line->bytes) - line->len, 0);

		if (n > 0) {
			line->len += (size_t)n;
			got = take_line(line, object);
		} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
			got = -1;
		}
	}
	if (got < 0)
		line_close(line);
	return got;
}

void line_close(struct line *line)
{
	if (line->fd >= 0)
		close(line->fd);
	line->fd = -1;
}
