/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mini-pod - one virtual machine on several nodes, all in one process or each in its own, with the
 * fake host backend: no privileges, real guest programs.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "demo.h"
#include "json.h"
#include "options.h"
#include "pmix.h"
#include "pod.h"
#include "processes.h"
#include "program.h"
#include "table.h"
#include "text.h"
#include "trace_file.h"

static int run_program(const struct options *options)
{
	struct program program;
	struct pod pod = { 0 };
	struct tally tally;
	int traced;
	int status = program_open(&program, options->program, options->input, options->memory);

	if (!status)
		status = pod_open(&pod, options, &program);
	if (!status)
		status = pod_boot(&pod);
	if (!status)
		status = pod_load(&pod, &program);
	if (!status)
		status = pod_run(&pod);
	if (pod.exited) {
		pod_tally(&pod, &tally);
		if (!options->quiet)
			table_print(options, &tally);
		status = json_write(options, &tally, pod.exit_code);
		status = status ? status : pod.exit_code;
	}
	traced = pod_write_trace(&pod);
	status = traced ? traced : status;
	pod_close(&pod);
	program_close(&program);
	return status;
}

static int run(struct options *options)
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
	return options->program ? run_program(options) : demo_run(options);
}

int main(int argc, char **argv)
{
	struct options options;
	int status;

	options_init(&options);
	status = options_parse(&options, argc, argv);
	if (status == 1)
		status = 0; /* it was --help or --version */
	else if (!status)
		status = run(&options);
	if (fflush(stdout) || ferror(stdout))
		return complain(MINI_POD_BUG, "can't write to stdout: %s", strerror(errno));
	return status;
}
