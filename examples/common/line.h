/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * line.h - what processes of a pod tell each other besides the nodes' own messages: JSON objects,
 * a line each, over TCP. No call waits for a peer longer than it says.
 */
#ifndef MINI_POD_LINE_H
#define MINI_POD_LINE_H

#include <jansson.h>

#include "options.h"

#define LINE_MAX_BYTES 65536

struct line {
	int fd; /* -1: closed */
	size_t len;
	char bytes[LINE_MAX_BYTES];
};

/*
 * Listen at a place; its port is set if it was 0. The descriptor, or -1: *why* is errno's text, or
 * another.
 */
int line_listen(struct place *place, const char **why);
/* Try to connect, for so many milliseconds. 0, or -1 with *why*. */
int line_connect(struct line *line, const struct place *place, int ms, const char **why);
/* Take a caller, if there is one. 0, or -1. */
int line_accept(struct line *line, int listener);
/* Send an object, which is given away. -1: that failed, and the line is closed. */
int line_send(struct line *line, json_t *object);
/* 1: *object is the next (to be json_decref()ed); 0: none is here yet; -1: the other has closed, or
 * sent what is no object, and the line is closed. */
int line_receive(struct line *line, json_t **object);
void line_close(struct line *line);

#endif
