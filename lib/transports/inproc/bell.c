/* SPDX-License-Identifier: BSD-3-Clause */
/* Something was sent: wakes the thread that sleeps on the receiver's descriptor. */
#include <sys/eventfd.h>
#include <unistd.h>

#include "inproc.h"

bool inproc_bell_open(struct tidal_transport *t)
{
	t->rung = false;
	t->fd = t->net->config.threads ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
	return t->fd >= 0 || !t->net->config.threads;
}

void inproc_bell_close(struct tidal_transport *t)
{
	if (t->fd >= 0)
		(void)close(t->fd);
}

void inproc_bell_ring(struct tidal_transport *t)
{
	const uint64_t one = 1;

	if (t->fd >= 0 && !t->rung)
		t->rung = write(t->fd, &one, sizeof(one)) > 0;
}

/* It is the poll that looks at what came; what isn't due yet is what deadline() tells. */
void inproc_bell_quiet(struct tidal_transport *t)
{
	uint64_t count;

	if (t->rung)
		t->rung = read(t->fd, &count, sizeof(count)) < 0;
}
