/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire - the messages between cores. This table is the one place where they are written
 * down: the structs, the encoder, the decoder and the names come from it.
 *
 * On the wire a message is its number (u8) and its fields in this order, little-endian,
 * behind the link's header (link.h), which carries version, incarnations and pod time.
 */
#ifndef TIDAL_CORE_WIRE_H
#define TIDAL_CORE_WIRE_H

#include <stdbool.h>
#include <tidal/base.h>

/* Asks for a page. lead: the epoch of the knowledge that led it to where it goes. */
#define WIRE_REQUEST(F)                                                                       \
	F(u64, gfn)                                                                           \
	F(u64, held_epoch)   /* epoch of the copy that the requester has, 0: has none */      \
	F(u64, lead)                                                                          \
	F(u64, since)	     /* starving, or often refused: pod time since when */            \
	F(u32, id)	     /* of the requester; comes back with the answer */               \
	F(u32, incarnation)  /* of the requester: nobody waits for what an earlier one asked */ \
	F(u16, node)	     /* the requester: answers go there directly */                   \
	F(u16, vcpu)	     /* that stalled, NONE: a VMM thread */                           \
	F(u16, local_share)                                                                   \
	F(u16, remote_share)                                                                  \
	F(u16, load)                                                                          \
	F(u16, free)                                                                          \
	F(u16, warmth)                                                                        \
	F(u8, want)	     /* enum tidal_access: READ, WRITE, EXEC, ZERO */                 \
	F(u8, flags)	     /* enum wire_request_flags */                                    \
	F(u8, hops)	     /* forwards so far */                                            \
	F(u8, moves)                                                                          \
	F(u8, pingpong)

/* A read-only copy; payload: the page, unless WIRE_IS_ZERO. */
#define WIRE_COPY(F) F(u64, gfn) F(epoch, epoch) F(u32, id) F(u8, flags) F(u8, hops)

/* The page is yours at `epoch`, once every node in `copies` has acknowledged. */
#define WIRE_OWN(F)                                                                           \
	F(u64, gfn) F(epoch, epoch) F(u64, copies) F(u32, id) F(u8, flags) F(u8, hops)

/* All of this dormant extent is yours. */
#define WIRE_EXTENT(F)                                                                        \
	F(u64, gfn) F(u64, first) F(epoch, epoch) F(u32, id) F(u8, order) F(u8, hops)

/* Not now, or not so. owner, epoch: a hint. */
#define WIRE_REFUSE(F)                                                                        \
	F(u64, gfn) F(epoch, epoch) F(u32, id) F(u16, owner) F(u8, reason) F(u8, hops)

/* Drop your copy; the owner at `epoch` is `owner`: acknowledge to it. */
#define WIRE_INVALIDATE(F) F(u64, gfn) F(epoch, epoch) F(u16, owner)
#define WIRE_INVALIDATED(F) F(u64, gfn) F(epoch, epoch)

/* To a home: the owner of a page (order WIRE_ORDER_PAGE) or of an extent. */
#define WIRE_OWNER(F) F(u64, gfn) F(epoch, epoch) F(u16, owner) F(u8, order)

/* Who owns this page? Only the owner answers; and, if search isn't 0, whoever is sure that it is
 * neither here nor on its way from here: ABSENT. */
#define WIRE_FIND(F) F(u64, gfn) F(u8, search)
#define WIRE_ABSENT(F) F(u64, gfn) F(u8, search)
#define WIRE_FOUND(F) F(u64, gfn) F(epoch, epoch)

/* May I give you this page? Yes promises a frame. */
#define WIRE_OFFER(F) F(u64, gfn)
#define WIRE_ANSWER(F) F(u64, gfn) F(u8, yes)
#define WIRE_GIVE(F) F(u64, gfn) F(epoch, epoch) F(u64, copies) F(u8, flags)

/* May this vCPU come? Yes promises a slot, to be used or cancelled. */
#define WIRE_MOVE_ASK(F) F(u64, epoch) F(u16, vcpu)
#define WIRE_MOVE_ANSWER(F) F(u64, epoch) F(u16, vcpu) F(u8, yes)
#define WIRE_MOVE_CANCEL(F) F(u16, vcpu) /* NONE: of nobody any more */

/* A continuation: the scheduling part; payload: the state. history: nodes of the last stalls. */
#define WIRE_VCPU(F)                                                                          \
	F(u64, epoch)                                                                         \
	F(u64, ran_at)	     /* pod time when it last ran */                                  \
	F(u64, since)                                                                         \
	F(u64, history0) F(u64, history1) F(u64, history2) F(u64, history3)                   \
	F(u64, value)	     /* of a finished device access */                                \
	F(u64, gfn) F(u64, gfn_before) /* of its last stalls */                                 \
	F(u32, group)                                                                         \
	F(u16, vcpu)                                                                          \
	F(u16, ran_on)	     /* node where it last ran */                                     \
	F(u8, priority)                                                                       \
	F(u8, history_used)                                                                   \
	F(u8, resume)	     /* enum tidal_resume */                                          \
	F(u8, moves)                                                                          \
	F(u8, stalls)	     /* since the last retired instruction */                         \
	F(u8, flags)	     /* enum wire_vcpu_flags */

/* To a vCPU's home: where it is. */
#define WIRE_VCPU_AT(F) F(u64, epoch) F(u16, vcpu) F(u16, node)

/* A device access carried out where the device is. */
#define WIRE_IO_ASK(F) F(u64, gpa) F(u64, data) F(u32, id) F(u16, vcpu) F(u8, write) F(u8, bytes)
#define WIRE_IO_ANSWER(F) F(u64, value) F(u32, id) F(u16, vcpu) F(u8, failed)

/* The initial virtual map, a piece at a time. kind: enum wire_map_kind. */
#define WIRE_MAP(F)                                                                           \
	F(u64, first) F(u64, count) F(u16, node) F(u8, kind) F(u8, index) F(u8, total)        \
	F(u8, again) /* the receiver was told before: it has lived before, and owns nothing */

/* The sender lives. To the master, when it starts: to be told the map; to all, when it has heard the
 * map and has lived before. again: enum wire_here_as. */
#define WIRE_HERE(F) F(u32, incarnation) F(u8, again)

/* The sender's requests up to this one are given up: don't serve them. And: none will be, and all
 * grants that were made before have come. */
#define WIRE_VOID(F) F(u32, id)
#define WIRE_VOIDED(F) F(u32, id)

/*	number, NAME, name, class of the link */
#define WIRE_MESSAGES(M)                                                                      \
	M(1, REQUEST, request, LINK_REQUEST)                                                  \
	M(2, COPY, copy, LINK_REPLY)                                                          \
	M(3, OWN, own, LINK_REPLY)                                                            \
	M(4, EXTENT, extent, LINK_REPLY)                                                      \
	M(5, REFUSE, refuse, LINK_REPLY)                                                      \
	M(6, INVALIDATE, invalidate, LINK_REPLY)                                              \
	M(7, INVALIDATED, invalidated, LINK_REPLY)                                            \
	M(8, OWNER, owner, LINK_REPLY)                                                        \
	M(9, FIND, find, LINK_REQUEST)                                                        \
	M(10, FOUND, found, LINK_REPLY)                                                       \
	M(11, OFFER, offer, LINK_REQUEST)                                                     \
	M(12, ANSWER, answer, LINK_REPLY)                                                     \
	M(13, GIVE, give, LINK_REPLY)                                                         \
	M(14, MOVE_ASK, move_ask, LINK_REQUEST)                                               \
	M(15, MOVE_ANSWER, move_answer, LINK_REPLY)                                           \
	M(16, MOVE_CANCEL, move_cancel, LINK_REPLY)                                           \
	M(17, VCPU, vcpu, LINK_REPLY)                                                         \
	M(18, VCPU_AT, vcpu_at, LINK_REPLY)                                                   \
	M(19, IO_ASK, io_ask, LINK_REQUEST)                                                   \
	M(20, IO_ANSWER, io_answer, LINK_REPLY)                                               \
	M(21, MAP, map, LINK_REPLY)                                                           \
	M(22, HERE, here, LINK_REPLY)                                                         \
	M(23, VOID, void_to, LINK_REPLY)                                                      \
	M(24, VOIDED, voided, LINK_REPLY)                                                     \
	M(25, ABSENT, absent, LINK_REPLY)

typedef uint8_t wire_u8;
typedef uint16_t wire_u16;
typedef uint32_t wire_u32;
typedef uint64_t wire_u64;
typedef uint64_t wire_epoch; /* of a page: a u64 on the wire, below 2^40 or not a message */

#define WIRE_FIELD(type, name) wire_##type name;
#define WIRE_STRUCT(number, NAME, name, class) struct wire_##name { WIRE_##NAME(WIRE_FIELD) };
WIRE_MESSAGES(WIRE_STRUCT)

#define WIRE_NUMBER(number, NAME, name, class) MSG_##NAME = number,
enum wire_kind { WIRE_MESSAGES(WIRE_NUMBER) MSG_MAX };

struct wire {
	uint8_t kind; /* enum wire_kind */
	union {
#define WIRE_MEMBER(number, NAME, name, class) struct wire_##name name;
		WIRE_MESSAGES(WIRE_MEMBER)
	} u;
};

enum wire_request_flags {
	WIRE_MOVABLE = 1,    /* the vCPU may be sent instead */
	WIRE_WANTS_MOVE = 2, /* the requester would rather send it */
	WIRE_STARVING = 4,   /* see since */
	WIRE_NO_EXTENT = 8,  /* the requester has no room for an extent */
	WIRE_VIA_HOME = 16,  /* the page's home has been asked */
	WIRE_PIN_BOUND = 32, /* the vCPU came where it is for a pinned page */
	WIRE_OFTEN_REFUSED = 64, /* since `since`: waits with whoever began to ask later */
};

enum wire_grant_flags {
	WIRE_IS_ZERO = 1,   /* dormant, or all zeroes: no payload */
	WIRE_NO_DATA = 2,   /* the requester's own copy is good */
	WIRE_HOME_KNOWS = 4, /* the sender is the page's home and has noted the new owner */
};

enum wire_reason {
	REFUSE_AGAIN = 0,     /* ask again later, perhaps elsewhere */
	REFUSE_SEND_VCPU = 1, /* a slot and the page are reserved: send the vCPU */
	REFUSE_PINNED = 2,    /* the same, because the page can't leave */
	REFUSE_CONFLICT = 3,  /* pinned here, and the vCPU is bound to a pin where it is */
	REFUSE_LOST = 4,      /* it was passed on to `owner`, which died: incarnations up to `epoch` */
};

enum wire_vcpu_flags {
	WIRE_VCPU_MOVED = 1,	 /* for this instruction: pages come to it from now on */
	WIRE_VCPU_PIN_BOUND = 2,
};

enum wire_here_as {
	HERE_NEW = 0,
	HERE_AGAIN = 1, /* an earlier life knew the map: what it had is lost */
	HERE_LATER = 2, /* earlier lives, if there were any, knew no map and had nothing */
};

enum wire_map_kind { MAP_MEMORY = 0, MAP_VCPUS = 1, MAP_DEVICE = 2 };

#define WIRE_ORDER_PAGE 255

/* Bytes written to *buf* (room for LINK_BODY_MAX). */
uint32_t wire_encode(const struct wire *m, void *buf);
/* false: not a message, too short, or too long. */
bool wire_decode(struct wire *m, const void *bytes, uint32_t len);
/* enum link_class of a kind; and its name ("request"), "?" for none. */
unsigned wire_class(unsigned kind);
const char *wire_name(unsigned kind);

#endif
