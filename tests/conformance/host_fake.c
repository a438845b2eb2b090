/* SPDX-License-Identifier: BSD-3-Clause */
/* The fake host passes the conformance suite. */
#include <tidal/fake.h>

#include "../unit/fake_asm.h"
#include "host.h"

/* Code being written. */
struct emitter {
	uint8_t *bytes;
	size_t at;
};

static void emit(struct emitter *e, uint32_t insn)
{
	for (unsigned i = 0; i < 4; i++)
		e->bytes[e->at++] = (uint8_t)(insn >> 8 * i);
}

/* Any 64-bit number: by halves, the lower one without its sign. */
static void emit_constant(struct emitter *e, unsigned rd, uint64_t value)
{
	uint32_t halves[2] = { (uint32_t)value, (uint32_t)(value >> 32) };

	for (unsigned i = 0; i < 2; i++) {
		unsigned r = i == 0 ? rd : T6;

		emit(e, RV_LUI(r, halves[i] + 0x800));
		emit(e, rv_i(0x1b, 0, r, r, (int)(halves[i] & 0xfff)));
	}
	emit(e, RV_SLLI(T6, T6, 32));
	emit(e, RV_SLLI(rd, rd, 32));
	emit(e, rv_i(0x13, 5, rd, rd, 32)); /* srli */
	emit(e, RV_ADD(rd, rd, T6));
}

/* t0 = address, t1 = value, t2 = where results go. */
static void emit_program(struct emitter *e, enum host_guest what)
{
	switch (what) {
	case HOST_GUEST_SPIN:
		break;
	case HOST_GUEST_LOAD:
		emit(e, RV_LD(T1, 0, T0));
		emit(e, RV_SD(T1, 0, T2));
		break;
	case HOST_GUEST_STORE:
		emit(e, RV_SD(T1, 0, T0));
		break;
	case HOST_GUEST_ZERO:
		emit(e, RV_CBO_ZERO(T0));
		break;
	case HOST_GUEST_EXEC:
		emit(e, RV_JALR(X0, T0, 0));
		break;
	case HOST_GUEST_IN:
		emit(e, rv_i(0x03, 6, T1, T0, 0)); /* lwu */
		emit(e, RV_SD(T1, 0, T2));
		break;
	case HOST_GUEST_OUT:
		emit(e, RV_SW(T1, 0, T0));
		break;
	case HOST_GUEST_COUNT:
		emit(e, RV_LD(T1, 0, T0));
		emit(e, RV_ADDI(T1, T1, 1));
		emit(e, RV_SD(T1, 0, T0));
		emit(e, rv_jal(X0, -12));
		break;
	case HOST_GUEST_CLOCK:
		emit(e, RV_CSRRS(T1, 0xc01, X0)); /* rdtime */
		emit(e, RV_SD(T1, 0, T0));
		emit(e, rv_jal(X0, -8));
		break;
	}
	emit(e, RV_SPIN);
}

static size_t fake_code(uint8_t *bytes, tidal_gpa at, const struct host_program *program)
{
	struct emitter e = { bytes, 0 };

	(void)at;
	emit_constant(&e, T0, program->addr);
	emit_constant(&e, T1, program->value);
	emit_constant(&e, T2, HOST_RESULT);
	emit_program(&e, program->what);
	return e.at;
}

static int fake_open(struct tidal_host **host, const char **why)
{
	struct tidal_fake_config config;

	(void)why;
	tidal_fake_config_init(&config, sizeof(config));
	config.frames = 64;
	config.vcpu_slots = 4;
	config.ram_bytes = 0;
	return tidal_fake_open(&config, host);
}

static int fake_boot(struct tidal_host *host, tidal_vcpuid vcpu, tidal_gpa pc)
{
	struct tidal_fake_boot boot = { .pc = pc };

	return tidal_fake_vcpu_boot(host, vcpu, &boot);
}

static tidal_time fake_time(uint64_t stored)
{
	return stored;
}

int main(void)
{
	static const struct host_adapter adapter = {
		.name = "host fake",
		.ops = tidal_fake_ops,
		.open = fake_open,
		.code = fake_code,
		.boot = fake_boot,
		.time = fake_time,
	};

	return host_conformance(&adapter);
}
