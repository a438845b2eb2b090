/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * demo.c - run the demo guest on a text that no node has room for, say on stderr what
 * happens, and compare the guest's counts with our own.
 */
#include "demo.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pod.h"
#include "progress.h"
#include "table.h"
#include "text.h"

#define TEXT_SHARE 3 / 2 /* of a node's memory */

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Lines of words that nobody has seen before. */
static struct file make_text(size_t len, uint64_t seed)
{
	struct file file = { malloc(len), len };
	uint64_t state = seed * 2 + 1;

	for (size_t i = 0; file.bytes && i < len; i++) {
		uint64_t r = next_random(&state) >> 20;

		file.bytes[i] = (unsigned char)(r % 61 == 0 ? '\n' :
						r % 6 == 0  ? ' ' :
							      'a' + r / 61 % 26);
	}
	return file;
}

/* The sentence that the guest has to say about the text. */
static void expect(const struct file *text, char *sentence, size_t room)
{
	unsigned long long lines = 0, words = 0;
	int before = 1;

	for (size_t i = 0; i < text->len; i++) {
		int space = isspace(text->bytes[i]) != 0;

		lines += text->bytes[i] == '\n';
		words += before && !space;
		before = space;
	}
	snprintf(sentence, room, "My input has %llu lines, %llu words and %zu bytes.\n", lines,
		 words, text->len);
}

static void introduce(const struct options *options)
{
	int one_node = options->nodes == 1;

	fprintf(stderr,
		"%u node%s in this process, each with %s of memory, hold%s up ONE machine.\n"
		"Its guest is told that it has %u hart%s (RISC-V's vCPUs) and %s of memory.\n"
		"Times are virtual: 1000 instructions take 1 us, and the wire is simulated.\n\n",
		options->nodes, one_node ? "" : "s", text_bytes(options->node_memory).s,
		one_node ? "s" : "", options->vcpus, options->vcpus == 1 ? "" : "s",
		text_bytes(options->memory).s);
}

static int play(struct pod *pod, const struct program *program)
{
	int status = pod_boot(pod);

	if (status)
		return status;
	fprintf(stderr, "%8s  Ready to boot. All memory is dormant: it reads as zero and costs\n"
			"          nothing until it is used.\n",
		text_time(pod->ready_time).s);
	status = pod_load(pod, program);
	progress_clear();
	if (status)
		return status;
	fprintf(stderr, "%8s  Loaded a program and %s of text: more than a node can hold, so\n"
			"          pages went to other nodes meanwhile. The guest begins:\n\n",
		text_time(pod->now).s, text_bytes(program->input.len).s);
	status = pod_run(pod);
	fflush(stdout);
	return status;
}

/* Did the guest end well, and with the right numbers? */
static int judge(const struct pod *pod, const struct program *program)
{
	char sentence[128];

	expect(&program->input, sentence, sizeof(sentence));
	if (pod->exit_code)
		return complain(pod->exit_code, "the guest ended with exit code %d",
				pod->exit_code);
	if (!strstr(pod->transcript, sentence))
		return complain(MINI_POD_BUG, "the guest miscounted; right is: %.*s",
				(int)strlen(sentence) - 1, sentence);
	fprintf(stderr, "\n%8s  The guest has ended. Its counts are right: this program counted,\n"
			"          too.",
		text_time(pod->now).s);
	return 0;
}

static void tell_more(const struct pod *pod)
{
	const char *self = pod->options->self;
	struct tally tally;

	fputs(" What the nodes did for it, unseen:\n", stderr);
	pod_tally(pod, &tally);
	table_print(pod->options, &tally);
	fprintf(stderr, "\nNext:\n"
			"  %s --policy vcpu --node-memory 1M pointer-chase\n"
			"  %s --nodes 8 --node-memory 4M wordcount FILE\n"
			"  %s --help\n",
		self, self, self);
}

int demo_run(const struct options *options)
{
	struct program program;
	struct pod pod = { 0 };
	struct file text = make_text(options->node_memory * TEXT_SHARE, options->seed);
	int status, traced;

	if (options->machine->real) {
		free(text.bytes);
		return complain(MINI_POD_USAGE, "--backend %s: give a program; the demo is of "
						"virtual times", options->machine->name);
	}
	if (!text.bytes)
		return complain(MINI_POD_USAGE, "no memory for the text: lower --node-memory");
	introduce(options);
	status = program_open_with(&program, options, "demo", text);
	if (!status)
		status = pod_open(&pod, options, &program);
	if (!status)
		status = play(&pod, &program);
	if (!status)
		status = judge(&pod, &program);
	if (!status && options->quiet)
		fputc('\n', stderr);
	else if (!status)
		tell_more(&pod);
	traced = pod_write_trace(&pod);
	status = traced ? traced : status;
	pod_close(&pod);
	program_close(&program);
	return status;
}
