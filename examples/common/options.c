/* SPDX-License-Identifier: BSD-3-Clause */
/* options.c - the command line: one table, from which everything is read and checked. */
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include <tidal/error.h>

#include "machine.h"
#include "text.h"

#define GUEST_MEMORY_MAX ((uint64_t)TIDAL_PAGE_SIZE << TIDAL_GFN_BITS)
#define SECONDS_MAX 86400
#define TRACE_EVENTS_MAX 50000000
#define NODE_MEMORY_MAX ((uint64_t)64 << 30)

enum {
	OPT_NODES = 256,
	OPT_VCPUS,
	OPT_HTHREADS,
	OPT_MEMORY,
	OPT_NODE_MEMORY,
	OPT_POLICY,
	OPT_LOSS,
	OPT_REORDER,
	OPT_SEED,
	OPT_START,
	OPT_BACKEND,
	OPT_PROVIDER,
	OPT_JOIN,
	OPT_SILENCE,
	OPT_DESCRIBES, /* those above describe a pod, so that a pod file has them, too */
	OPT_PROCESSES,
	OPT_POD,
	OPT_NODE,
	OPT_PMIX,
	OPT_ADDRESS,
	OPT_QUIET,
	OPT_RECORD,
	OPT_JSON,
	OPT_TRACE,
	OPT_TRACE_EVENTS,
	OPT_MERGE_TRACE,
	OPT_HELP,
	OPT_VERSION,
};

static const struct option longopts[] = {
	{ "nodes", required_argument, NULL, OPT_NODES },
	{ "vcpus", required_argument, NULL, OPT_VCPUS },
	{ "hthreads", required_argument, NULL, OPT_HTHREADS },
	{ "memory", required_argument, NULL, OPT_MEMORY },
	{ "node-memory", required_argument, NULL, OPT_NODE_MEMORY },
	{ "policy", required_argument, NULL, OPT_POLICY },
	{ "loss", required_argument, NULL, OPT_LOSS },
	{ "reorder", no_argument, NULL, OPT_REORDER },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "start", required_argument, NULL, OPT_START },
	{ "backend", required_argument, NULL, OPT_BACKEND },
	{ "provider", required_argument, NULL, OPT_PROVIDER },
	{ "join", required_argument, NULL, OPT_JOIN },
	{ "silence", required_argument, NULL, OPT_SILENCE },
	{ "processes", no_argument, NULL, OPT_PROCESSES },
	{ "pod", required_argument, NULL, OPT_POD },
	{ "node", required_argument, NULL, OPT_NODE },
	{ "pmix", no_argument, NULL, OPT_PMIX },
	{ "address", required_argument, NULL, OPT_ADDRESS },
	{ "quiet", no_argument, NULL, OPT_QUIET },
	{ "json", required_argument, NULL, OPT_JSON },
	{ "record", required_argument, NULL, OPT_RECORD },
	{ "trace", required_argument, NULL, OPT_TRACE },
	{ "trace-events", required_argument, NULL, OPT_TRACE_EVENTS },
	{ "merge-trace", required_argument, NULL, OPT_MERGE_TRACE },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

void options_init(struct options *options)
{
	memset(options, 0, sizeof(*options));
	options->nodes = 4;
	options->machine = machines[0];
	options->node_memory = (uint64_t)16 << 20;
	options->policy = tidal_policy_cost();
	options->seed = 1;
	options->trace_events = 500000;
	options->node = MINI_POD_NO_NODE;
	strcpy(options->provider, "net");
	options->join_s = 30;
	options->silence_s = 3;
	options->where = "--";
}

static int take_count(const struct options *options, const char *name, const char *text,
		      uint32_t max, uint32_t *count)
{
	uint64_t number;

	if (parse_number(text, &number) || number < 1 || number > max)
		return complain(MINI_POD_USAGE, "%s%s %s: give a number from 1 to %u",
				options->where, name, text, max);
	*count = (uint32_t)number;
	return 0;
}

static int take_size(const struct options *options, const char *name, const char *text,
		     uint64_t max, uint64_t *bytes)
{
	if (parse_bytes(text, bytes))
		return complain(MINI_POD_USAGE, "%s%s %s: give a size such as 512K, 16M or 1T",
				options->where, name, text);
	if (*bytes % TIDAL_PAGE_SIZE || *bytes == 0 || *bytes > max)
		return complain(MINI_POD_USAGE,
				"%s%s %s: give a multiple of 4 KiB that is at most %s",
				options->where, name, text, text_bytes(max).s);
	return 0;
}

static int take_policy(struct options *options, const char *text)
{
	const struct tidal_policy_ops *const known[] = { tidal_policy_cost(), tidal_policy_page(),
							 tidal_policy_vcpu() };
	static const char *const names[] = { "cost", "page", "vcpu" };

	for (unsigned i = 0; i < 3; i++)
		if (!strcmp(text, names[i])) {
			options->policy = known[i];
			return 0;
		}
	return complain(MINI_POD_USAGE, "%spolicy %s: there are cost, page and vcpu",
			options->where, text);
}

static int take_start(struct options *options, const char *text)
{
	options->start_at_master = !strcmp(text, "master");
	if (options->start_at_master || !strcmp(text, "spread"))
		return 0;
	return complain(MINI_POD_USAGE, "%sstart %s: there are spread and master", options->where,
			text);
}

static int take_backend(struct options *options, const char *text)
{
	char known[64] = "";

	for (unsigned i = 0; machines[i]; i++) {
		if (!strcmp(text, machines[i]->name)) {
			options->machine = machines[i];
			return 0;
		}
		snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s",
			 i ? ", " : "", machines[i]->name);
	}
	return complain(MINI_POD_USAGE, "%sbackend %s: there is %s", options->where, text, known);
}

static int take_loss(struct options *options, const char *text)
{
	if (parse_percent(text, &options->loss_ppm) || options->loss_ppm > 500000)
		return complain(MINI_POD_USAGE, "--loss %s: give a percentage from 0 to 50", text);
	return 0;
}

static int take_seed(struct options *options, const char *text)
{
	if (parse_number(text, &options->seed))
		return complain(MINI_POD_USAGE, "%sseed %s: give a number", options->where, text);
	return 0;
}

/* Which ones there are is for libfabric to say. */
static int take_provider(struct options *options, const char *text)
{
	if (!*text || strlen(text) >= sizeof(options->provider))
		return complain(MINI_POD_USAGE, "%sprovider %s: give the name of one",
				options->where, text);
	strcpy(options->provider, text);
	return 0;
}

static int take_node(struct options *options, const char *text)
{
	uint64_t number;

	if (parse_number(text, &number) || number >= MINI_POD_NODES_MAX)
		return complain(MINI_POD_USAGE, "--node %s: give a number from 0 to %u", text,
				MINI_POD_NODES_MAX - 1);
	options->node = (uint32_t)number;
	return 0;
}

/* What a pod file may say as well. */
static int take_described(struct options *options, int opt, const char *arg)
{
	switch (opt) {
	case OPT_NODES:
		options->nodes_given = 1;
		return take_count(options, "nodes", arg, MINI_POD_NODES_MAX, &options->nodes);
	case OPT_VCPUS:
		return take_count(options, "vcpus", arg, MINI_POD_VCPUS_MAX, &options->vcpus);
	case OPT_HTHREADS:
		return take_count(options, "hthreads", arg, MINI_POD_HTHREADS_MAX,
				  &options->hthreads);
	case OPT_MEMORY:
		return take_size(options, "memory", arg, GUEST_MEMORY_MAX, &options->memory);
	case OPT_NODE_MEMORY:
		return take_size(options, "node-memory", arg, NODE_MEMORY_MAX,
				 &options->node_memory);
	case OPT_POLICY:
		return take_policy(options, arg);
	case OPT_LOSS:
		return take_loss(options, arg);
	case OPT_REORDER:
		options->reorder = 1;
		return 0;
	case OPT_SEED:
		return take_seed(options, arg);
	case OPT_START:
		return take_start(options, arg);
	case OPT_BACKEND:
		return take_backend(options, arg);
	case OPT_PROVIDER:
		return take_provider(options, arg);
	case OPT_JOIN:
		return take_count(options, "join", arg, SECONDS_MAX, &options->join_s);
	default:
		return take_count(options, "silence", arg, SECONDS_MAX, &options->silence_s);
	}
}

static int take(struct options *options, int opt, const char *arg)
{
	switch (opt) {
	case OPT_PROCESSES:
		options->processes = 1;
		return 0;
	case OPT_POD:
		options->pod_file = arg;
		return 0;
	case OPT_NODE:
		return take_node(options, arg);
	case OPT_PMIX:
		options->pmix = 1;
		return 0;
	case OPT_ADDRESS:
		options->address = arg;
		return 0;
	case OPT_QUIET:
		options->quiet = 1;
		return 0;
	case OPT_JSON:
		options->json = arg;
		return 0;
	case OPT_RECORD:
		options->record = arg;
		return 0;
	case OPT_TRACE:
		options->trace = arg;
		return 0;
	case OPT_TRACE_EVENTS:
		return take_count(options, "trace-events", arg, TRACE_EVENTS_MAX,
				  &options->trace_events);
	case OPT_MERGE_TRACE:
		options->merge_trace = arg;
		return 0;
	case OPT_HELP:
		fputs(options_help, stdout);
		return 1;
	case OPT_VERSION:
		printf("%s (libtidal) %s\n", text_program, tidal_version());
		return 1;
	default:
		return take_described(options, opt, arg);
	}
}

int options_set(struct options *options, const char *name, const char *text)
{
	for (const struct option *o = longopts; o->name; o++)
		if (!strcmp(o->name, name) && o->val < OPT_DESCRIBES && o->val != OPT_NODES &&
		    o->val != OPT_LOSS && o->val != OPT_REORDER)
			return take_described(options, o->val, text);
	return complain(MINI_POD_USAGE, "%s%s: no such setting; see %s(1)", options->where,
			name, text_program);
}

int options_finish(struct options *options)
{
	if (!options->memory)
		options->memory = options->machine->memory;
	/* in real time all can run at once */
	if (!options->hthreads)
		options->hthreads = options->machine->real && options->vcpus > options->nodes ?
					    (options->vcpus + options->nodes - 1) / options->nodes :
					    1;
	if (!options->vcpus)
		options->vcpus = options->nodes * options->hthreads;
	if (options->vcpus > MINI_POD_VCPUS_MAX)
		options->vcpus = MINI_POD_VCPUS_MAX;
	return options->machine->fits(options);
}

/* Options that don't go with each other. */
static int check_together(const struct options *options)
{
	if (!!options->pod_file + options->processes + options->pmix > 1)
		return complain(MINI_POD_USAGE, "--pod, --processes and --pmix: give one of them");
	if (options->pmix && options->node != MINI_POD_NO_NODE)
		return complain(MINI_POD_USAGE, "--node %u: with --pmix the launcher says that",
				options->node);
	if (options->address && !options->pmix)
		return complain(MINI_POD_USAGE, "--address %s: that is for --pmix",
				options->address);
	if (options->pod_file && options->node == MINI_POD_NO_NODE)
		return complain(MINI_POD_USAGE, "--pod %s: say with --node which node this is",
				options->pod_file);
	if (!options->pod_file && options->node != MINI_POD_NO_NODE)
		return complain(MINI_POD_USAGE, "--node %u: of which pod? See --pod",
				options->node);
	if (options->pod_file && options->described)
		return complain(MINI_POD_USAGE, "--%s: with --pod the pod file says that",
				options->described);
	if (options->json && !options->program)
		return complain(MINI_POD_USAGE, "--json %s: give a program; the demo has no table for it",
				options->json);
	if ((options->processes || options->pmix) && (options->loss_ppm || options->reorder))
		return complain(MINI_POD_USAGE,
				"--loss, --reorder: with --%s the wire is a real one",
				options->pmix ? "pmix" : "processes");
	return 0;
}

/* PROGRAM [INPUT-FILE], which is what is left. */
static int take_program(struct options *options, int argc, char *const *argv)
{
	for (int i = 1; i < argc; i++)
		if (argv[i][0] == '-' && argv[i][1])
			return complain(MINI_POD_USAGE,
					"%s: options come before the program: %s %s ... %s",
					argv[i], text_program, argv[i], argv[0]);
	if (argc > 2)
		return complain(MINI_POD_USAGE,
				"%s: there is one program and one input; see %s --help",
				argv[2], text_program);
	options->program = argc > 0 ? argv[0] : NULL;
	options->input = argc > 1 ? argv[1] : NULL;
	return 0;
}

static const char *name_of(int opt)
{
	const struct option *o = longopts;

	while (o->name && o->val != opt)
		o++;
	return o->name;
}

int options_parse(struct options *options, int argc, char **argv)
{
	int opt, status;

	options->self = argc > 0 ? argv[0] : text_program;
	opterr = 0; /* one line, and in our words */
	while ((opt = getopt_long(argc, argv, "+:", longopts, NULL)) != -1) {
		if (opt == ':')
			return complain(MINI_POD_USAGE, "%s: give it a value; see %s --help",
					argv[optind - 1], text_program);
		if (opt == '?')
			return complain(MINI_POD_USAGE, "%s: no such option; see %s --help",
					argv[optind - 1], text_program);
		status = take(options, opt, optarg);
		if (status)
			return status;
		if (opt < OPT_DESCRIBES && !options->described)
			options->described = name_of(opt);
	}
	status = take_program(options, argc - optind, argv + optind);
	if (!status)
		status = check_together(options);
	if (!status && !options->pod_file && !options->pmix) /* which are to be read first */
		status = options_finish(options);
	return status;
}
