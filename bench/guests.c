/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * guests - guest programs on mini-pod, as the tests run them: how often their requests are
 * passed on, and how long a decision takes there. And how fast the fake host is without any pod.
 *
 * Environment: BENCH_MINI_POD, the program; BENCH_GUESTS, the folder of guest programs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tidal/fake.h>
#include <unistd.h>

#include "bench.h"
#include "pod.h"
#include "report.h"

#define INPUT_BYTES 1500000

/* ---- mini-pod ---- */

struct outcome {
	double forwards;
	unsigned longest;
	double decision_ns;
};

static void write_input(const char *path)
{
	FILE *f = fopen(path, "w");

	if (!f)
		fail("%s can't be written", path);
	for (uint64_t i = 0; i < INPUT_BYTES; i++) {
		uint64_t r = pod_mix(i);

		fputc(r % 61 == 0 ? '\n' : r % 6 == 0 ? ' ' : (int)('a' + (r >> 8) % 26), f);
	}
	if (fclose(f))
		fail("%s can't be written", path);
}

static double to_ns(double time, const char *unit)
{
	return !strcmp(unit, "ns") ? time : !strcmp(unit, "us") ? time * 1e3 : time * 1e6;
}

/* false: it never asked for a page. */
static bool read_table(FILE *f, struct outcome *o)
{
	char line[256], unit[8];
	bool found = false;
	double time;

	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "forwards per request %lf, at most %u", &o->forwards,
			   &o->longest) == 2)
			found = true;
		if (sscanf(line, "decision time here %lf %7s per stall", &time, unit) == 2)
			o->decision_ns = to_ns(time, unit);
	}
	return found;
}

static bool run(const char *guest, const char *input, unsigned nodes, struct outcome *o)
{
	const char *mini_pod = getenv("BENCH_MINI_POD"), *folder = getenv("BENCH_GUESTS");
	char command[1024];
	bool found;
	FILE *f;

	snprintf(command, sizeof(command), "'%s' --nodes %u '%s/%s.elf' '%s' 2>&1 >/dev/null",
		 mini_pod, nodes, folder, guest, input);
	f = popen(command, "r");
	if (!f)
		fail("%s can't be run", mini_pod);
	found = read_table(f, o);
	if (pclose(f))
		fail("it failed: %s", command);
	return found;
}

static void oracle_guests(const char *input)
{
	static const char *const guests[] = { "sha256", "wordcount", "sort" };
	static const unsigned nodes[] = { 2, 4, 8 };
	double sum = 0;
	unsigned longest = 0;

	for (unsigned i = 0; i < 9; i++) {
		struct outcome o = { 0 };
		char name[96];

		if (!run(guests[i / 3], input, nodes[i % 3], &o))
			fail("%s asks for no pages", guests[i / 3]);
		snprintf(name, sizeof(name), "%s, %u nodes: forwards per request", guests[i / 3],
			 nodes[i % 3]);
		report_figure(&(struct figure){ .name = name, .unit = "", .value = o.forwards });
		snprintf(name, sizeof(name), "%s, %u nodes: time per decision", guests[i / 3],
			 nodes[i % 3]);
		report_figure(&(struct figure){ .name = name, .unit = "ns", .value = o.decision_ns });
		sum += o.forwards;
		longest = o.longest > longest ? o.longest : longest;
	}
	report_figure(&(struct figure){ .name = "guests: forwards per request, mean", .unit = "",
					.value = sum / 9, .goal = AT_MOST, .goal_value = 1.3 });
	report_figure(&(struct figure){ .name = "guests: most forwards of a request", .unit = "",
					.value = longest, .goal = AT_MOST, .goal_value = 4 });
}

/* ---- the interpreter ---- */

#define ROUNDS 15
#define INSNS 4000000

#define LOOP (sizeof(loop) / sizeof(loop[0]))

/* A loop with a load, a store, arithmetic and a branch; x10 points to the second page. */
static const uint32_t loop[] = {
	0x00053283, /* ld   x5, 0(x10) */
	0x00128293, /* addi x5, x5, 1 */
	0x0062c3b3, /* xor  x7, x5, x6 */
	0x00738333, /* add  x6, x7, x7 */
	0x00553023, /* sd   x5, 0(x10) */
	0x0012de13, /* srli x28, x5, 1 */
	0x01c36333, /* or   x6, x6, x28 */
	0xfe0502e3, /* beq  x10, x0, .-28: never */
	0xfe0510e3, /* bne  x10, x0, .-32: always */
};

static void check(int err)
{
	if (err < 0)
		fail("the fake host: %s", tidal_strerror(err));
}

static void map_page(struct tidal_host *host, tidal_gfn gfn)
{
	const struct tidal_act_pages p = { .token = 1, .gfn = gfn, .mask = 1,
					   .frame = (tidal_frame)gfn, .prot = TIDAL_PROT_RW };
	struct tidal_event ev;

	check(tidal_fake_ops()->map(host, &p));
	while (tidal_fake_ops()->poll(host, 0, &ev, 1) > 0)
		;
}

static struct tidal_host *open_host(void)
{
	const struct tidal_host_ops *ops = tidal_fake_ops();
	const struct tidal_fake_boot boot = { .pc = 0, .a = { TIDAL_PAGE_SIZE } };
	const struct tidal_act_vcpu go = { .vcpu = 0 };
	struct tidal_fake_config config;
	struct tidal_host *host;

	tidal_fake_config_init(&config, sizeof(config));
	check(tidal_fake_open(&config, &host));
	memcpy(ops->frame_data(host, 0, TIDAL_GFN_NONE), loop, sizeof(loop));
	map_page(host, 0);
	map_page(host, 1);
	check(ops->vcpu_create(host, 0));
	check(tidal_fake_vcpu_boot(host, 0, &boot));
	check(ops->vcpu_run(host, &go));
	return host;
}

/* The same loop, compiled. */
static void native(volatile uint64_t *cell, unsigned iterations)
{
	uint64_t x6 = 0;

	for (unsigned i = 0; i < iterations; i++) {
		uint64_t x5 = *cell + 1, x7 = x5 ^ x6;

		x6 = (x7 + x7) | x5 >> 1;
		*cell = x5;
	}
	*cell += x6;
}

/* Has it done what was counted? Every second instruction of the nine adds one. */
static void check_loop(struct tidal_host *host)
{
	struct tidal_event ev;
	struct tidal_fake_regs regs;

	check(tidal_fake_ops()->vcpu_kick(host, 0));
	while (tidal_fake_ops()->poll(host, 0, &ev, 1) > 0)
		;
	check(tidal_fake_vcpu_regs(host, 0, &regs));
	if (regs.retired != (uint64_t)ROUNDS * INSNS || regs.x[5] != (regs.retired + 7) / LOOP)
		fail("the guest's loop did something else");
}

static void interpreter(void)
{
	struct tidal_host *host = open_host();
	double speed[ROUNDS], floor[ROUNDS];
	volatile uint64_t cell = 0;
	struct tidal_event ev;

	for (unsigned r = 0; r < ROUNDS; r++) {
		uint64_t start = cpu_ns();

		if (tidal_fake_ops()->poll(host, INSNS, &ev, 1))
			fail("the guest's loop ended");
		speed[r] = INSNS * 1e3 / (double)(cpu_ns() - start);
		start = cpu_ns();
		native(&cell, INSNS / LOOP);
		floor[r] = INSNS * 1e3 / (double)(cpu_ns() - start);
	}
	check_loop(host);
	report_figure(&(struct figure){
		.name = "interpreter, a loop of nine instructions", .unit = "M instr/s",
		.value = median(speed, ROUNDS), .floor = median(floor, ROUNDS),
		.floor_name = "the same loop, compiled" });
	tidal_fake_ops()->close(host);
}

void bench_guests(void)
{
	char input[] = "/tmp/bench-guests-XXXXXX";
	int fd;

	interpreter();
	if (!getenv("BENCH_MINI_POD") || !getenv("BENCH_GUESTS")) {
		report_skip("guests on mini-pod: BENCH_MINI_POD and BENCH_GUESTS are not set");
		return;
	}
	fd = mkstemp(input);
	if (fd < 0)
		fail("%s can't be made", input);
	close(fd);
	write_input(input);
	oracle_guests(input);
	unlink(input);
}
