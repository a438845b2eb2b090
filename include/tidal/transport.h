/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tidal/transport.h - a wire: carries headers and payloads between nodes.
 *
 * A transport may lose, repeat, delay and reorder messages: the core's link layer
 * mends that. It may not damage them or make them up. All operations return at
 * once; completions come from poll(). One thread at a time per endpoint.
 */
#ifndef TIDAL_TRANSPORT_H
#define TIDAL_TRANSPORT_H

#include <tidal/base.h>
#include <tidal/error.h>
#include <tidal/event.h>

TIDAL_BEGIN_DECLS

struct tidal_transport; /* one endpoint */

#define TIDAL_HEADER_MAX 320	 /* bytes of a message header */
#define TIDAL_VCPU_BYTES_MAX 65536 /* bytes of a saved vCPU */

struct tidal_transport_caps {
	size_t size;
	uint32_t header_max;  /* longest header: at least TIDAL_HEADER_MAX */
	uint32_t payload_max; /* longest payload: at least 4096 */
	uint32_t copies;      /* 1: send() has read everything when it returns */
	uint32_t exactly_once; /* 1: loses and repeats nothing while both ends live */
	uint32_t one_sided;   /* 1: read() and write() exist */
	uint32_t copies_max;  /* without copies: send() does so up to so many bytes of payload */
};

enum tidal_completion_kind {
	TIDAL_DONE_RECV = 1, /* a message came */
	TIDAL_DONE_SENT = 2, /* only when caps.copies is 0: cookie of send() */
	TIDAL_DONE_PEER_DOWN = 3, /* from: see below */
	TIDAL_DONE_PEER_SILENT = 4, /* from: nothing was heard of it for too long: see below */
};

/*
 * PEER_DOWN: a transport that can know for certain (the peer's machine is off, its process has
 * ended) may say so; it becomes TIDAL_EV_PEER_DOWN, with all that is said there. A broken
 * connection is no such knowledge: a transport makes a new one, and says nothing. It names no
 * incarnation, which a transport doesn't know: so it comes before the first message of the peer's
 * next one, and once.
 *
 * PEER_SILENT: it may be dead, cut off or slow, which the transport can't tell. The embedder hears
 * of it (TIDAL_REPORT_PEER_SILENT), the core does not: its messages are sent again for as long as it
 * takes. Said once, and again only after the peer has been heard.
 */

struct tidal_completion {
	uint32_t kind; /* enum tidal_completion_kind */
	tidal_nodeid from;
	uint16_t payload;     /* RECV: enum tidal_payload */
	const void *header;   /* RECV: valid until the next poll() */
	uint32_t len;
	uint32_t payload_len;
	uint64_t cookie;      /* RECV with payload: of the recv_post() whose buffer holds it */
};

struct tidal_transport_ops {
	size_t size;
	const char *name;

	int (*query)(struct tidal_transport *, struct tidal_transport_caps *);
	void (*close)(struct tidal_transport *);

	/* This endpoint's address: at most *len bytes; *len is set to its length. ERANGE: too small. */
	int (*local_addr)(struct tidal_transport *, void *addr, size_t *len);
	/* EEXIST; EINVAL: not an address of this transport. */
	int (*peer_add)(struct tidal_transport *, tidal_nodeid, const void *addr, size_t len);
	int (*peer_del)(struct tidal_transport *, tidal_nodeid); /* ENOENT */

	/* Memory that payloads come from or go to, for transports that must know. */
	int (*buffer_reg)(struct tidal_transport *, void *mem, size_t len);
	int (*buffer_dereg)(struct tidal_transport *, void *mem);

	/*
	 * Send to a peer. ENOENT: no such peer; EAGAIN: full now; ERANGE: too long; EINVAL: bytes
	 * without a kind of payload, or NULL. With data_len 0 there is no payload, and no
	 * buffer is used. The header is read before send() returns; without caps.copies the payload
	 * must stay as it is until TIDAL_DONE_SENT with *cookie*.
	 */
	int (*send)(struct tidal_transport *, tidal_nodeid to, const void *header, uint32_t len,
		    uint32_t payload, const void *data, uint32_t data_len, uint64_t cookie);
	/*
	 * Give a buffer for one payload of that kind (enum tidal_payload). It is the transport's
	 * until a completion names its cookie, or until close(). A message whose payload finds no
	 * buffer, or a smaller one, is lost. EAGAIN: no room for more buffers; EINVAL.
	 */
	int (*recv_post)(struct tidal_transport *, uint32_t payload, void *buf, uint32_t room,
			 uint64_t cookie);

	/* Take up to *n* completions, those due at *now*; the number taken is returned. */
	int (*poll)(struct tidal_transport *, tidal_time now, struct tidal_completion *done, int n);
	/*
	 * When poll() will next have something, or something to do (a heartbeat), without further
	 * calls; TIDAL_NEVER: can't tell.
	 */
	tidal_time (*deadline)(struct tidal_transport *);
	/*
	 * Readable when poll() may have something; -1: none. Sleep on it only if the last call was a
	 * poll() with n > 0 that returned 0, and not beyond deadline().
	 */
	int (*wait_fd)(struct tidal_transport *);

	/* Optional (caps.one_sided), else NULL: read or write a peer's registered memory. */
	int (*read)(struct tidal_transport *, tidal_nodeid, void *buf, uint32_t len,
		    uint64_t remote, uint64_t key, uint64_t cookie);
	int (*write)(struct tidal_transport *, tidal_nodeid, const void *buf, uint32_t len,
		     uint64_t remote, uint64_t key, uint64_t cookie);
};

TIDAL_END_DECLS

#endif
