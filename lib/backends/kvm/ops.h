/* SPDX-License-Identifier: BSD-3-Clause */
/* ops - what makes the parts a host. */
#ifndef KVM_OPS_H
#define KVM_OPS_H

#include "host.h"

/* open.c; NULL: nothing. */
void kvm_close(struct tidal_host *host);
/* regions.c: the VM forgets guest memory. */
void kvm_regions_close(struct tidal_host *host);

#endif
