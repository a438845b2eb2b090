/* SPDX-License-Identifier: BSD-3-Clause */
/* start.c - see start.h. */
#include "start.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "pmix.h"
#include "processes.h"
#include "text.h"
#include "trace_file.h"

static int run(struct options *options, int (*no_program)(const struct options *options))
{
	int status = json_check(options);

	if (status)
		return status;
	if (options->merge_trace)
		return trace_merge_all(options);
	if (options->pod_file)
		return processes_join(options);
	if (options->pmix)
		return pmix_join(options);
	if (!options->processes)
		pmix_hint();
	status = trace_check(options);
	if (status)
		return status;
	if (options->processes)
		return processes_run(options);
	return options->program ? local_run(options) : no_program(options);
}

int start_main(int argc, char **argv, int (*no_program)(const struct options *options))
{
	struct options options;
	int status;

	options_init(&options);
	status = options_parse(&options, argc, argv);
	if (status == 1)
		status = 0; /* it was --help or --version */
	else if (!status)
		status = run(&options, no_program);
	if (fflush(stdout) || ferror(stdout))
		return complain(MINI_POD_BUG, "can't write to stdout: %s", strerror(errno));
	return status;
}
