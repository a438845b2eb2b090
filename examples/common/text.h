/* SPDX-License-Identifier: BSD-3-Clause */
/* text.h - how mini-pod speaks: complaints, sizes, times. */
#ifndef MINI_POD_TEXT_H
#define MINI_POD_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Exit codes of mini-pod's own; otherwise it ends with the guest's. */
enum mini_pod_exit {
	MINI_POD_BUG = 1,   /* the library failed, or a result was wrong */
	MINI_POD_USAGE = 2, /* what it was asked to do is impossible: the message says why */
	MINI_POD_LOST = 3,  /* another node was lost */
	MINI_POD_FULL = 4,  /* the guest uses more memory than the pod has */
	MINI_POD_FAULT = 5, /* the guest did what no program may do, or waits for ever */
};

/* Each program has its own name. */
extern const char text_program[];

/* One line on stderr, "mini-pod: ..."; returns *code*. */
int complain(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define TEXT_MAX 32
struct text {
	char s[TEXT_MAX];
};

/* "16 MiB", "1.5 GiB", "4 KiB", "0" */
struct text text_bytes(uint64_t bytes);
/* "999", "1.23 k", "45.6 M": three figures */
struct text text_count(uint64_t count);
/* "850 ns", "1.23 ms", "4.56 s" */
struct text text_time(uint64_t ns);

/* "16M", "1T", "4096", "512KiB": 0, or -1 for what is no size or exceeds 64 bits. */
int parse_bytes(const char *text, uint64_t *bytes);
int parse_number(const char *text, uint64_t *number);
/* A percentage from 0 to 100 in millionths: "2.5" is 25000. */
int parse_percent(const char *text, uint32_t *ppm);

#endif
