/* SPDX-License-Identifier: BSD-3-Clause */
/* links_state - what two links and their wire are made of. For links*.c only. */
#ifndef TIDAL_TESTS_LINKS_STATE_H
#define TIDAL_TESTS_LINKS_STATE_H

#include "core/link_state.h"
#include "links.h"

#define NODES 2
#define POOL 16
#define PACKETS 12
#define LETTERS 24
#define NOW UINT64_C(1000000)
#define BODY 4

enum step_kind {
	STEP_QUEUE,   /* a message; what: its class */
	STEP_SEND,    /* the next packet goes out */
	STEP_RING,    /* a timer; what: which */
	STEP_DELIVER, /* a packet; what: its number */
	STEP_REFUSE,  /* the same, and its message is not taken */
	STEP_LOSE,
	STEP_REPEAT, /* delivered, and still under way */
	STEP_WITHDRAW, /* the payload of a message; what: its letter */
	STEP_RESTART,
};

/* What somebody wants to be told. */
struct letter {
	uint32_t id; /* 0: free */
	uint8_t from, class;
	bool delivered;
	bool withdrawn; /* its payload was, and */
	bool reported;	/* that was reported: nothing else will be */
	bool orphan;	/* its sender has restarted: nobody will hear whether it came */
};

struct packet {
	uint8_t to, from;
	uint16_t len;
	uint8_t bytes[LINK_HEADER + BODY];
};

struct model {
	struct letter letter[LETTERS];
	struct packet packet[PACKETS];
	uint32_t packets, last_id;
	uint32_t mishaps, restarts; /* left */
	uint32_t life[NODES];
	uint32_t turn; /* of whose timers a fair way thinks first: not of those who rang last */
	const char *violation;
};

struct links {
	struct links_config config;
	size_t bytes, offset[NODES];
	void *memory;
	struct model *m;
	struct link *link[NODES];
};

void links_violate(struct links *s, const char *text);
/* The letter with this id (0: one that is free); NULL: none. And the id in a packet, 0: none. */
struct letter *links_letter(struct model *m, uint32_t id);
uint32_t links_id(const struct packet *p);

/* links_look.c */
bool links_is_quiet(const void *links);
const char *links_violation(void *links);
uint64_t links_digest(const void *links);
void links_print_step(const void *links, const struct step *step);
void links_print(const void *links);

#endif
