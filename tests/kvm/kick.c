/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A vCPU that sleeps on a page within KVM_RUN is kicked, and the page comes: its thread tells the VMM
 * before the guest goes on for long. Without the signal that run() in lib/backends/kvm/vcpu.c
 * sends, the guest here spins in KVM_RUN for ever.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <tidal/kvm.h>

#include "../conformance/kvm_guest.h"

#define CODE_AT 0x10000u
#define DATA_AT 0x20000u
#define LOOKS 60000 /* of 500 us */

static atomic_int kicked;

static void *vcpu_main(void *arg)
{
	int news;

	do {
		news = tidal_kvm_run(arg, 0);
		atomic_fetch_add(&kicked, news == TIDAL_KVM_KICKED);
	} while (news >= 0 && news != TIDAL_KVM_END);
	return NULL;
}

static void wait_for(struct tidal_host *host, uint32_t kind)
{
	struct tidal_event event;

	for (unsigned i = 0; i < LOOKS; i++) {
		if (tidal_kvm_ops()->poll(host, 0, &event, 1) == 1 && event.kind == kind)
			return;
		usleep(500);
	}
	fail_msg("%s never came", tidal_event_name(kind));
}

static void map_page(struct tidal_host *host, tidal_gpa gpa, tidal_frame frame, const void *code,
		     size_t len)
{
	const struct tidal_act_pages act = { .token = 1, .gfn = gpa / TIDAL_PAGE_SIZE, .mask = 1,
					     .frame = frame, .prot = TIDAL_PROT_RW };

	memcpy(tidal_kvm_ops()->frame_data(host, frame, TIDAL_GFN_NONE), code, len);
	assert_int_equal(tidal_kvm_ops()->map(host, &act), 0);
	wait_for(host, TIDAL_EV_HOST_DONE);
}

static void run(struct tidal_host *host)
{
	const struct tidal_act_vcpu act = { .vcpu = 0, .resume = TIDAL_RESUME_RETRY };

	assert_int_equal(tidal_kvm_ops()->vcpu_run(host, &act), 0);
}

static void kicked_while_asleep(void **state)
{
	/* mov $DATA_AT, %eax; mov (%rax), %eax; jmp . */
	static const uint8_t code[] = { 0xb8, 0, 0, 2, 0, 0x8b, 0, 0xeb, 0xfe };
	struct kvm_guest guest = { 0 };
	struct tidal_kvm_config config;
	struct tidal_host *host;
	pthread_t thread;
	const char *why = "";

	(void)state;
	tidal_kvm_config_init(&config, sizeof(config));
	config.frames = 64;
	assert_int_equal(tidal_kvm_open(&config, &host, &why), 0);
	assert_int_equal(kvm_guest_open(&guest, host), 0);
	map_page(host, CODE_AT, 0, code, sizeof(code));
	assert_int_equal(tidal_kvm_ops()->vcpu_create(host, 0), 0);
	assert_int_equal(kvm_guest_boot(host, 0, CODE_AT), 0);
	assert_int_equal(pthread_create(&thread, NULL, vcpu_main, host), 0);
	run(host);
	wait_for(host, TIDAL_EV_STALL);
	assert_int_equal(tidal_kvm_kick(host, 0), 0);
	map_page(host, DATA_AT, 1, code, 0);
	run(host);
	for (unsigned i = 0; i < LOOKS && !atomic_load(&kicked); i++)
		usleep(500);
	assert_int_equal(atomic_load(&kicked), 1);
	tidal_kvm_end(host);
	pthread_join(thread, NULL);
	tidal_kvm_ops()->close(host);
	kvm_guest_close(&guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(kicked_while_asleep) };
	struct tidal_kvm_config config;
	struct tidal_host *host;
	const char *why = "";
	int r;

	tidal_kvm_config_init(&config, sizeof(config));
	r = kvm_guest_try(tidal_kvm_open(&config, &host, &why), &why);
	if (r == 1) {
		printf("SKIP: kick: %s\n", why);
		return 77;
	}
	if (!r)
		tidal_kvm_ops()->close(host);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
