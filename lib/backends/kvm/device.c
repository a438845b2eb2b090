/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Device accesses: what KVM tells as one (a repeated port access, 3 bytes of a
 * misaligned one) is carried out in aligned pieces of 1, 2, 4 or 8 bytes, in order.
 */
#include "host.h"

/* The largest piece that fits what is left and where it is. */
static uint8_t next_piece(const struct kvm_device *d)
{
	uint8_t n = d->unit;

	if (d->same)
		return n;
	while (n > d->left || d->gpa % n)
		n /= 2;
	return n;
}

void kvm_device_begin(struct tidal_host *host, struct kvm_vcpu *v, const struct kvm_device *d)
{
	v->device = *d;
	v->device.bytes = next_piece(d);
	kvm_device_stalled(host, v);
}

bool kvm_device_answer(struct kvm_vcpu *v, uint64_t value)
{
	struct kvm_device *d = &v->device;

	for (unsigned i = 0; !d->write && i < d->bytes; i++)
		d->data[i] = (uint8_t)(value >> 8 * i);
	d->data += d->bytes;
	d->left -= d->bytes;
	d->gpa += d->same ? 0 : d->bytes;
	d->done = d->left == 0;
	if (!d->done)
		d->bytes = next_piece(d);
	return d->done;
}
