/* SPDX-License-Identifier: BSD-3-Clause */
/* See guest.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../unit/fake_asm.h"
#include "guest.h"

#define PATIENCE 20000 /* steps */
#define SLOT 25	       /* steps that the guest runs for at a time */
#define REST 200       /* steps for what goes on in the background */
#define CODE 513u      /* the page where the pieces lie */
#define PIECE_WORDS 9
#define OFFSET (GUEST_WORD * 8)
#define KEPT 0x5eed    /* in a register that no piece touches */

/*
 * a0: address, a1: value, a2: how many pages, a3: counts those who come to the end, a4: bytes of a
 * page. What is read goes to a6.
 */
static void put_code(struct pod *pod, unsigned node)
{
	const uint32_t access[GUEST_PIECES] = {
		[GUEST_NOTHING] = RV_NOP,
		[GUEST_STORE] = RV_SD(A1, OFFSET, A0),
		[GUEST_LOAD] = RV_LD(A6, OFFSET, A0),
		[GUEST_ZERO] = RV_CBO_ZERO(A0),
	};
	uint32_t code[GUEST_PIECES][PIECE_WORDS];

	for (unsigned i = 0; i < GUEST_PIECES; i++) {
		const uint32_t piece[PIECE_WORDS] = {
			RV_ADDI(A6, X0, -1),
			access[i],
			RV_ADD(A0, A0, A4),
			RV_ADDI(A1, A1, 1),
			RV_ADDI(A2, A2, -1),
			RV_BNE(A2, X0, -16), /* to the access */
			RV_ADDI(A3, A3, 1),
			RV_WFI,
			rv_jal(X0, -4),
		};

		memcpy(code[i], piece, sizeof(piece));
	}
	assert_int_equal(pod_access(pod, node, CODE << TIDAL_PAGE_SHIFT, code, sizeof(code), 1), 0);
}

const struct tidal_core *guest_core(const struct pod *pod, unsigned node)
{
	return tidal_node_core(pod->node[node].node);
}

struct tidal_stats guest_stats(const struct pod *pod, unsigned node)
{
	struct tidal_stats stats;

	tidal_core_stats(guest_core(pod, node), &stats, sizeof(stats));
	return stats;
}

struct tidal_page_info guest_page(const struct pod *pod, unsigned node, tidal_gfn gfn)
{
	struct tidal_page_info page;

	assert_int_equal(tidal_core_page(guest_core(pod, node), gfn, &page), 0);
	assert_int_equal(page.transient, 0);
	return page;
}

unsigned guest_where(const struct pod *pod, tidal_vcpuid v)
{
	unsigned here = pod->nodes;

	for (unsigned n = 0; n < pod->nodes; n++) {
		struct tidal_vcpu_info info;

		assert_int_equal(tidal_core_vcpu(guest_core(pod, n), v, &info), 0);
		if (info.state == TIDAL_VCPU_AWAY)
			continue;
		if (info.state != TIDAL_VCPU_READY && info.state != TIDAL_VCPU_STALLED)
			return pod->nodes;
		assert_int_equal(here, pod->nodes); /* one has it */
		here = n;
	}
	return here;
}

void guest_order(struct pod *pod, struct tidal_ev_command what)
{
	for (unsigned n = 0; n < pod->nodes; n++)
		assert_int_equal(pod_command(pod, n, &what), 0);
}

void guest_pass(struct pod *pod, unsigned steps)
{
	while (steps-- > 0)
		pod_step(pod);
}

static void pause_all(struct pod *pod)
{
	unsigned vcpus = tidal_vmap_vcpus(&pod->vmap), still = 0;

	guest_order(pod, (struct tidal_ev_command){ .command = TIDAL_CMD_PAUSE });
	for (unsigned i = 0; still < vcpus && i < PATIENCE; i++) {
		pod_step(pod);
		for (still = 0; still < vcpus; still++)
			if (guest_where(pod, (tidal_vcpuid)still) == pod->nodes)
				break;
	}
	assert_int_equal(still, vcpus);
}

static struct tidal_host *host_of(const struct pod *pod, tidal_vcpuid v)
{
	unsigned n = guest_where(pod, v);

	assert_in_range(n, 0, pod->nodes - 1);
	return pod->node[n].host;
}

static struct tidal_fake_regs run(struct pod *pod, tidal_vcpuid v, enum guest_piece piece,
				  tidal_gfn gfn, uint64_t pages, uint64_t value)
{
	const struct tidal_fake_boot boot = {
		.pc = (CODE << TIDAL_PAGE_SHIFT) + sizeof(uint32_t[PIECE_WORDS]) * piece,
		.a = { gfn << TIDAL_PAGE_SHIFT, value, pages, 0, TIDAL_PAGE_SIZE, KEPT },
	};
	struct tidal_fake_regs regs = { 0 };

	assert_int_equal(tidal_fake_vcpu_boot(host_of(pod, v), v, &boot), 0);
	for (unsigned i = 0; regs.x[A3] == 0 && i < PATIENCE; i += SLOT) {
		guest_order(pod, (struct tidal_ev_command){ .command = TIDAL_CMD_CONTINUE });
		guest_pass(pod, SLOT);
		pause_all(pod);
		assert_int_equal(tidal_fake_vcpu_regs(host_of(pod, v), v, &regs), 0);
	}
	assert_int_equal(regs.x[A3], 1);
	assert_int_equal(regs.x[A2], 0);
	assert_int_equal(regs.x[A0], (gfn + pages) << TIDAL_PAGE_SHIFT);
	assert_int_equal(regs.x[A5], KEPT);
	guest_pass(pod, REST);
	return regs;
}

void guest_do(struct pod *pod, tidal_vcpuid v, enum guest_piece piece, tidal_gfn gfn)
{
	run(pod, v, piece, gfn, 1, 0);
}

void guest_fill(struct pod *pod, tidal_vcpuid v, tidal_gfn gfn, uint64_t pages, uint64_t value)
{
	run(pod, v, GUEST_STORE, gfn, pages, value);
}

uint64_t guest_load(struct pod *pod, tidal_vcpuid v, tidal_gfn gfn)
{
	return run(pod, v, GUEST_LOAD, gfn, 1, 0).x[A6];
}

void guest_store(struct pod *pod, tidal_vcpuid v, tidal_gfn gfn, uint64_t value)
{
	run(pod, v, GUEST_STORE, gfn, 1, value);
}

void guest_start(struct pod *pod)
{
	const struct tidal_fake_boot boot = { .pc = CODE << TIDAL_PAGE_SHIFT };
	const struct tidal_vmap *map = &pod->vmap;

	for (unsigned r = 0; r < map->vcpu_runs; r++)
		for (unsigned i = 0; i < map->vcpu[r].count; i++) {
			tidal_vcpuid v = (tidal_vcpuid)(map->vcpu[r].first + i);
			struct tidal_host *host = pod->node[map->vcpu[r].node].host;

			assert_int_equal(tidal_fake_ops()->vcpu_create(host, v), 0);
			assert_int_equal(tidal_fake_vcpu_boot(host, v, &boot), 0);
		}
	pod_boot(pod);
	put_code(pod, map->memory[0].node);
	for (unsigned v = 0; v < tidal_vmap_vcpus(map); v++)
		guest_do(pod, (tidal_vcpuid)v, GUEST_NOTHING, 0);
}

void guest_open(struct pod *pod, const struct pod_config *config)
{
	pod_open(pod, config);
	guest_start(pod);
}

void guest_finish(struct pod *pod)
{
	const char *why = "";

	for (unsigned n = 0; n < pod->nodes; n++) {
		if (tidal_core_check(guest_core(pod, n), &why))
			fail_msg("node %u: %s", n, why);
		assert_int_equal(pod->node[n].failed, 0);
	}
	pod_close(pod);
}
