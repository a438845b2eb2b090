/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * endpoint - the inside of an endpoint, and what its parts tell each other.
 *
 *	poll.c -> receive.c -> greet.c	     completions of the provider, to those of the caller
 *	send.c				     messages, to the provider
 *	peers.c, heart.c		     who is there, and is it still
 *
 * Everything that the provider works on is an operation with a context, allocated when the
 * endpoint is opened.
 */
#ifndef TIDAL_TRANSPORTS_FABRIC_ENDPOINT_H
#define TIDAL_TRANSPORTS_FABRIC_ENDPOINT_H

#include <stdbool.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_tagged.h>
#include <tidal/fabric.h>

#include "library.h"
#include "process.h"
#include "wire.h"

#define FABRIC_SENDS 256	 /* under way */
#define FABRIC_SENDS_PEER 64	 /* of them, to one peer: one that hangs does not stop the others */
#define FABRIC_SMALLS 128	 /* posted for messages without a payload */
#define FABRIC_PAGES 256	 /* buffers posted for pages */
#define FABRIC_VCPUS 32		 /* for vCPUs */
#define FABRIC_SPARES 2		 /* of each, for payloads when nothing else is posted */
#define FABRIC_LANDINGS (FABRIC_PAGES + FABRIC_VCPUS + 2 * FABRIC_SPARES)
#define FABRIC_APART 32		 /* payloads that wait for their header */
#define FABRIC_READY 512	 /* completions that wait for the caller */
#define FABRIC_REGIONS 64	 /* pieces of memory that are registered */
#define FABRIC_SPILL (1u << 17)	 /* bytes of a message that are too many */
#define FABRIC_ADDR_MAX 256

enum op_kind { OP_SEND = 1, OP_SMALL, OP_LANDING };

/* The provider's context comes first: it is what a completion names. */
struct op {
	struct fi_context2 context;
	enum op_kind kind;
	struct op *next;
};

struct sending {
	struct op op;
	tidal_nodeid to;
	bool payload; /* the caller waits for TIDAL_DONE_SENT */
	uint64_t cookie;
	uint8_t rest[WIRE_REST];
};

struct small {
	struct op op;
	uint8_t bytes[WIRE_REST];
};

/* A buffer for a payload, and room for what follows it. */
struct landing {
	struct op op;
	uint32_t payload; /* enum tidal_payload */
	bool spare;	  /* our own buffer */
	uint8_t *buf;
	uint32_t room, len;
	uint64_t cookie;
	/* a payload that came apart: whose, and when */
	tidal_nodeid from;
	uint32_t seq;
	tidal_time since;
	uint8_t rest[WIRE_REST];
	uint8_t header[TIDAL_HEADER_MAX]; /* put together here if it did not land in one piece */
};

/*
 * Buffers of one kind. While a spare is posted the first buffer of the caller's is kept back: what
 * lands in the spare is copied there. So a message never waits in the provider for a buffer, and
 * one that finds none is lost at once.
 */
struct pool {
	struct op *free, *spares; /* not in use */
	struct landing *kept;
	uint32_t posted; /* the provider's, without spares */
	bool spare_posted;
};

struct ready {
	struct tidal_completion done;
	struct op *op; /* holds the header; NULL: none does */
};

struct region {
	uintptr_t begin, end;
	struct fid_mr *mr;
};

struct peer {
	uint32_t state; /* enum tidal_fabric_state */
	fi_addr_t address;
	uint32_t session; /* its; 0: not known */
	bool echoed;	  /* it knows ours */
	bool sent;	  /* something, since the last heartbeat was due */
	uint32_t seq;	  /* of payloads that go apart */
	uint32_t under_way; /* sends */
	uint32_t restarts;
	uint32_t dead_session; /* of it nothing is heard */
	uint32_t refused_session; /* the latest stranger with its number */
	tidal_time heard;
	int watch; /* its process; -1: can't be watched */
	char *why; /* of REFUSED */
};

struct tidal_transport {
	struct tidal_fabric_config config;
	struct tidal_fabric_stats stats;
	struct library library;
	struct fi_info *info;
	struct fid_fabric *fabric;
	struct fid_domain *domain;
	struct fid_av *av;
	struct fid_cq *cq;
	struct fid_ep *ep;
	struct process process;
	uint32_t session;
	uint8_t addr[FABRIC_ADDR_MAX];
	size_t addr_len;
	int fd;		/* to wait for, an epoll of cq_fd; -1 */
	int cq_fd;
	bool edges;	/* cq_fd stays readable once it was: only its edges tell anything */
	uint32_t vain;	/* times in a row that it was readable, and nothing there */
	bool inject;	/* the provider itself bounds what is injected */
	bool apart;	/* pages and their headers go as two messages, each small enough to inject */
	bool again;	/* there may be more: don't wait */

	tidal_time now, next_call, next_beat; /* due: greetings, heartbeats; 0: at once */
	tidal_time call_ns; /* between greetings */
	struct peer peer[TIDAL_NODES_MAX];
	tidal_nodeid listed[TIDAL_NODES_MAX]; /* those that are peers */
	uint32_t peers, calling;

	struct ready ready[FABRIC_READY]; /* a ring */
	uint32_t first, count;
	struct op *lent; /* headers that the caller was given at the last poll */
	struct op *refused; /* the provider had no room for them: to be posted again */

	struct op *sends; /* free */
	struct pool pool[2];
	struct landing *waiting[FABRIC_APART]; /* for their header */
	uint32_t waiting_count;
	struct region region[FABRIC_REGIONS];
	uint32_t regions;
	uint64_t next_key;
	void *own_desc;
	char trouble[160];

	/* what the provider reads and writes */
	struct sending sending[FABRIC_SENDS];
	struct small small[FABRIC_SMALLS];
	struct landing landing[FABRIC_LANDINGS];
	uint8_t spare[2 * FABRIC_SPARES][TIDAL_VCPU_BYTES_MAX];
	uint8_t spill[FABRIC_SPILL];
};

static inline struct pool *pool_of(struct tidal_transport *t, uint32_t payload)
{
	return &t->pool[payload - 1];
}

static inline bool is_payload(uint32_t kind)
{
	return kind == TIDAL_PAYLOAD_PAGE || kind == TIDAL_PAYLOAD_VCPU;
}

/* endpoint.c: remember a sentence for tidal_fabric_trouble(). */
void fabric_trouble(struct tidal_transport *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* peers.c */
void peers_init(struct tidal_transport *t);
void peers_close(struct tidal_transport *t);
int peers_add(struct tidal_transport *t, tidal_nodeid node, const void *addr, size_t len);
int peers_del(struct tidal_transport *t, tidal_nodeid node);
struct peer *peers_find(struct tidal_transport *t, tidal_nodeid node);
void peers_set_state(struct tidal_transport *t, struct peer *p, uint32_t state);
void peers_refuse(struct tidal_transport *t, struct peer *p, const char *why);
/* Fill in the endpoint's own address. False: it has none that fits. */
bool peers_local(struct tidal_transport *t);

/* greet.c */
void greet(struct tidal_transport *t, tidal_nodeid to);
void greeted(struct tidal_transport *t, const uint8_t *bytes, size_t len);

/* heart.c: what is due by time; when it is due next. */
void heart_poll(struct tidal_transport *t);
tidal_time heart_deadline(const struct tidal_transport *t);
/* A peer has died for certain: say so. False: no room for that now. */
bool heart_stopped(struct tidal_transport *t, tidal_nodeid node);

/* region.c */
int region_add(struct tidal_transport *t, void *mem, size_t len);
int region_del(struct tidal_transport *t, void *mem);
void region_close(struct tidal_transport *t);
/* What the provider wants with a piece of memory. False: it must be registered, and is not. */
bool region_desc(const struct tidal_transport *t, const void *mem, size_t len, void **desc);

/* receive.c */
int receive_open(struct tidal_transport *t);
int receive_post(struct tidal_transport *t, uint32_t payload, void *buf, uint32_t room,
		 uint64_t cookie);
void receive_done(struct tidal_transport *t, const struct fi_cq_tagged_entry *entry);
void receive_failed(struct tidal_transport *t, struct op *op);
/* What waits for too long is dropped. */
void receive_tick(struct tidal_transport *t);
/* The provider had no room to receive with it. */
void receive_again(struct tidal_transport *t, struct op *op);
/* A header that was lent to the caller is ours again. */
void receive_back(struct tidal_transport *t, struct op *op);

/* accept.c: is it from whom it says, and undamaged? Counts those that are not. */
struct peer *accept_message(struct tidal_transport *t, const struct wire_tail *tail,
			    const uint8_t *header, const void *payload);
uint64_t accept_check(const struct wire_tail *tail, const uint8_t *header, const void *payload);

/* send.c */
void send_open(struct tidal_transport *t);
int send_message(struct tidal_transport *t, tidal_nodeid to, const void *header, uint32_t len,
		 uint32_t payload, const void *data, uint32_t data_len, uint64_t cookie);
/* Greetings and heartbeats; lost if there is no room. */
void send_own(struct tidal_transport *t, tidal_nodeid to, uint32_t type, const uint8_t *bytes,
	      uint32_t len);
void send_done(struct tidal_transport *t, struct op *op);

/* wait.c: what can be waited for. False: nothing can. */
bool wait_open(struct tidal_transport *t);
void wait_close(struct tidal_transport *t);
/* Nothing is there, as far as is known. True: what comes from now on makes the fd readable. */
bool wait_arm(struct tidal_transport *t);

/* poll.c */
bool ready_room(const struct tidal_transport *t);
void ready_add(struct tidal_transport *t, const struct tidal_completion *done, struct op *op);
int poll_ready(struct tidal_transport *t, tidal_time now, struct tidal_completion *done, int n);

#endif
