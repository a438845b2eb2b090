/* SPDX-License-Identifier: BSD-3-Clause */
/* A library without KVM says so, and its tests are skipped. */
#include <stdio.h>
#include <tidal/kvm.h>

int main(void)
{
	struct tidal_kvm_config config;
	struct tidal_host *host;
	const char *why = "";

	tidal_kvm_config_init(&config, sizeof(config));
	if (tidal_kvm_open(&config, &host, &why) != TIDAL_ENOSYS) {
		printf("FAIL: kvm: it can be opened\n");
		return 1;
	}
	printf("SKIP: kvm: %s\n", why);
	return 77;
}
