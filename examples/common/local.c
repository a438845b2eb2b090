/* SPDX-License-Identifier: BSD-3-Clause */
/* local.c - a pod of which all nodes are in this process, from its program to its end. */
#include "json.h"
#include "pod.h"
#include "program.h"
#include "start.h"
#include "table.h"

int local_run(const struct options *options)
{
	struct program program;
	struct pod pod = { 0 };
	struct tally tally;
	int status = program_open(&program, options), traced;

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
