/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the KVM host refuses, and what it says then; and a guest that fails.
 *
 * Broken on purpose, it fails: let kvm_region_add() forget to look at routes, or to take the memory back
 * when KVM refuses the slot; let kvm_enter_prepare() forget `called`.
 */
#define _GNU_SOURCE
#include <linux/kvm.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "backends/kvm/machine.h"
#include "node.h"

#define PAGE TIDAL_PAGE_SIZE

static struct tidal_kvm_config defaults(void)
{
	struct tidal_kvm_config c;

	tidal_kvm_config_init(&c, sizeof(c));
	c.ram_bytes = 16 * PAGE;
	c.frames = 64;
	return c;
}

static int try(const struct tidal_kvm_config *c, const char *says)
{
	struct tidal_host *host;
	const char *why = NULL;
	int r = tidal_kvm_open(c, &host, &why);

	if (r == 0)
		tidal_kvm_ops()->close(host);
	else if (!why || !strstr(why, says))
		fail_msg("says '%s', not of '%s'", why ? why : "nothing", says);
	return r;
}

static void test_settings(void **state)
{
	struct tidal_kvm_config c = defaults();

	(void)state;
	assert_int_equal(try(&c, ""), 0);
	c.ram_bytes++;
	assert_int_equal(try(&c, "ram_bytes"), TIDAL_EINVAL);
	c = defaults();
	c.frames = 0;
	assert_int_equal(try(&c, "frames"), TIDAL_EINVAL);
	c = defaults();
	c.vmm_bytes = 1u << 20;
	assert_int_equal(try(&c, "vmm_bytes"), TIDAL_EINVAL);
	c = defaults();
	c.signal = 0;
	assert_int_equal(try(&c, "signal"), TIDAL_EINVAL);
	c = defaults();
	c.flags = 1u << 31;
	assert_int_equal(try(&c, "flags"), TIDAL_EINVAL);
	c = defaults();
	c.size = 1;
	assert_int_equal(try(&c, "size"), TIDAL_EINVAL);
	c = defaults();
	c.size = offsetof(struct tidal_kvm_config, first_slot); /* an older caller */
	assert_int_equal(try(&c, ""), 0);
}

static void test_no_device(void **state)
{
	const char *why = "";
	int fd = -1;

	(void)state;
	assert_int_equal(kvm_machine_open("/nonexistent/kvm", &fd, &why), TIDAL_ENOENT);
	assert_non_null(strstr(why, "kvm-intel"));
	assert_int_equal(kvm_machine_open("/dev/null", &fd, &why), TIDAL_ENOSYS);
	assert_non_null(strstr(why, "API"));
	(void)close(fd);
}

static struct tidal_host *open_host(const struct tidal_kvm_config *c)
{
	struct tidal_host *host;
	const char *why;

	assert_int_equal(tidal_kvm_open(c, &host, &why), 0);
	return host;
}

static void test_space(void **state)
{
	struct tidal_kvm_config c = defaults();
	struct tidal_host *host = open_host(&c);
	const struct tidal_host_ops *ops = tidal_kvm_ops();
	struct tidal_region r = { 15 * PAGE, 2 * PAGE, TIDAL_REGION_RAM };

	(void)state;
	assert_int_equal(ops->region_add(host, &r), TIDAL_EEXIST);
	r = (struct tidal_region){ 64 * PAGE + 5, PAGE, TIDAL_REGION_RAM };
	assert_int_equal(ops->region_add(host, &r), TIDAL_EINVAL);
	assert_int_equal(tidal_kvm_route(host, TIDAL_KVM_MMIO, 0xfec00000, 0x1000, 0x400000000000),
			 0);
	assert_int_equal(tidal_kvm_route(host, TIDAL_KVM_MMIO, 0xfec00800, 1, 0), TIDAL_EEXIST);
	assert_int_equal(tidal_kvm_route(host, TIDAL_KVM_MMIO, 15 * PAGE, 1, 0), TIDAL_EEXIST);
	assert_int_equal(tidal_kvm_route(host, TIDAL_KVM_PORTS, 0xffff, 2, 0), TIDAL_EINVAL);
	assert_int_equal(tidal_kvm_route(host, TIDAL_KVM_PORTS, 0x3f8, 0, 0), TIDAL_EINVAL);
	assert_int_equal(tidal_kvm_route(host, 2, 0x3f8, 8, 0), TIDAL_EINVAL);
	r = (struct tidal_region){ 0xfec00000, PAGE, TIDAL_REGION_RAM };
	assert_int_equal(ops->region_add(host, &r), TIDAL_EEXIST);
	ops->close(host);
}

/* The VM is the VMM's, and so is memory that it has there already. */
static void test_vm_of_the_vmm(void **state)
{
	struct tidal_kvm_config c = defaults();
	struct tidal_host *own = open_host(&c), *host;
	int vm = dup(tidal_kvm_vm_fd(own));
	void *at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region slot = {
		.slot = 9, .guest_phys_addr = 64 * PAGE, .memory_size = PAGE,
		.userspace_addr = (uintptr_t)at,
	};
	struct tidal_region r = { 64 * PAGE, PAGE, TIDAL_REGION_RAM };

	(void)state;
	tidal_kvm_ops()->close(own);
	assert_int_equal(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot), 0);
	c.vm_fd = vm;
	c.first_slot = 20;
	host = open_host(&c); /* the same VM again: nothing was left in it */
	assert_int_equal(tidal_kvm_ops()->region_add(host, &r), TIDAL_EIO);
	slot.memory_size = 0;
	assert_int_equal(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot), 0);
	assert_int_equal(tidal_kvm_ops()->region_add(host, &r), 0); /* nothing is half there */
	tidal_kvm_ops()->close(host);
	assert_int_equal(ioctl(vm, KVM_CHECK_EXTENSION, KVM_CAP_USER_MEMORY), 1); /* open still */
	munmap(at, PAGE);
	(void)close(vm);
}

struct caller {
	struct tidal_host *host;
	atomic_int exit_reason, left;
	pthread_t thread;
};

static void *call(void *arg)
{
	struct caller *c = arg;
	struct tidal_kvm_vcpu kvm;
	int news;

	while ((news = tidal_kvm_run(c->host, 0)) > 0 && news != TIDAL_KVM_END) {
		if (news == TIDAL_KVM_LEFT)
			atomic_store(&c->left, 1);
		if (news != TIDAL_KVM_EXIT)
			continue;
		if (tidal_kvm_vcpu(c->host, 0, &kvm) == 0)
			atomic_store(&c->exit_reason, (int)kvm.run->exit_reason);
		if (tidal_kvm_off(c->host, 0))
			return NULL;
	}
	return NULL;
}

static unsigned wait_stop(struct tidal_host *host)
{
	struct tidal_event event;

	for (unsigned i = 0; i < 100000; i++, usleep(100))
		if (tidal_kvm_ops()->poll(host, 0, &event, 1) == 1 &&
		    event.kind == TIDAL_EV_VCPU_STOPPED)
			return event.u.stopped.reason;
	fail_msg("it doesn't stop");
	return 0;
}

/* A vCPU as it is made, with nothing behind its reset vector: it shuts down, in whatever way. */
static void test_guest_fails(void **state)
{
	struct tidal_kvm_config c = defaults();
	struct caller caller = { .host = open_host(&c) };
	const struct tidal_host_ops *ops = tidal_kvm_ops();
	struct tidal_act_vcpu run = { .vcpu = 0 };
	struct kvm_guest guest;

	(void)state;
	assert_int_equal(kvm_guest_open(&guest, caller.host), 0);
	assert_int_equal(tidal_kvm_kick(caller.host, 0), TIDAL_ENOENT);
	assert_int_equal(tidal_kvm_wake(caller.host, 0), TIDAL_ENOENT);
	assert_int_equal(tidal_kvm_still(caller.host, 0, 1), TIDAL_ENOENT);
	assert_int_equal(ops->vcpu_create(caller.host, 0), 0);
	assert_int_equal(tidal_kvm_halt(caller.host, 0), TIDAL_ENOENT); /* the VMM hasn't got it */
	/* a place that is mapped to nothing by the page tables: a page fault, without a handler */
	assert_int_equal(kvm_guest_boot(caller.host, 0, 0x7f0000000000), 0);
	assert_int_equal(pthread_create(&caller.thread, NULL, call, &caller), 0);
	assert_int_equal(ops->vcpu_run(caller.host, &run), 0);
	assert_int_equal(wait_stop(caller.host), TIDAL_STOP_OFF);
	assert_int_equal(atomic_load(&caller.exit_reason), KVM_EXIT_SHUTDOWN);
	assert_int_equal(ops->vcpu_run(caller.host, &run), TIDAL_EPERM);
	assert_int_equal(tidal_kvm_run(caller.host, 0), TIDAL_EBUSY); /* the other thread is there */
	assert_int_equal(ops->vcpu_drop(caller.host, 0), 0);
	for (unsigned i = 0; i < 100000 && !atomic_load(&caller.left); i++)
		usleep(100);
	assert_int_equal(atomic_load(&caller.left), 1);
	tidal_kvm_end(caller.host);
	assert_int_equal(pthread_join(caller.thread, NULL), 0);
	ops->close(caller.host);
	kvm_guest_close(&guest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_settings), cmocka_unit_test(test_no_device),
		cmocka_unit_test(test_space),	 cmocka_unit_test(test_vm_of_the_vmm),
		cmocka_unit_test(test_guest_fails),
	};
	const char *why = vm_refusal(0);

	if (why) {
		printf("SKIP: kvm refusals: %s\n", why);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
