/* SPDX-License-Identifier: BSD-3-Clause */
/* The guest's address space: memory slots of the VM, devices, and ports. */
#include "ops.h"

static bool is_memory(const struct tidal_region *region)
{
	return region->kind == TIDAL_REGION_RAM || region->kind == TIDAL_REGION_ROM;
}

/* bytes 0: take the slot away. */
static int set_slot(const struct tidal_host *host, uint32_t i, const struct tidal_region *region,
		    uint64_t bytes)
{
	uint64_t ignored;
	struct kvm_userspace_memory_region slot = {
		.slot = host->config.first_slot + i,
		.flags = region->kind == TIDAL_REGION_ROM ? KVM_MEM_READONLY : 0,
		.guest_phys_addr = region->base,
		.memory_size = bytes,
		.userspace_addr = (uintptr_t)memory_at(host->memory, region->base, &ignored),
	};

	return ioctl(host->vm_fd, KVM_SET_USER_MEMORY_REGION, &slot) ? TIDAL_EIO : 0;
}

static int add_slot(struct tidal_host *host, const struct tidal_region *region)
{
	for (uint32_t i = 0; i < HOST_REGIONS; i++) {
		int r;

		if (host->memslot[i].used)
			continue;
		r = set_slot(host, i, region, region->bytes);
		host->memslot[i].used = r == 0;
		host->memslot[i].base = region->base;
		return r;
	}
	return TIDAL_EFULL;
}

static bool overlaps(uint64_t a, uint64_t a_count, uint64_t b, uint64_t b_count)
{
	return a - b < b_count || b - a < a_count;
}

static bool routed(const struct tidal_host *host, uint32_t space, uint64_t first, uint64_t count)
{
	for (uint32_t i = 0; i < host->routes; i++)
		if (host->route[i].space == space &&
		    overlaps(first, count, host->route[i].first, host->route[i].count))
			return true;
	return false;
}

int kvm_region_add(struct tidal_host *host, const struct tidal_region *region)
{
	int r;

	if (routed(host, TIDAL_KVM_MMIO, region->base, region->bytes))
		return TIDAL_EEXIST;
	r = memory_region_add(host->memory, region);
	if (!r && is_memory(region))
		r = add_slot(host, region);
	else if (r)
		return r;
	kvm_lock(host);
	if (!r)
		r = host_region_add(&host->regions, region);
	kvm_unlock(host);
	if (r && memory_region_del(host->memory, region->base))
		return TIDAL_EBROKEN;
	return r;
}

static void del_slot(struct tidal_host *host, const struct tidal_region *region)
{
	for (uint32_t i = 0; i < HOST_REGIONS; i++)
		if (host->memslot[i].used && host->memslot[i].base == region->base) {
			(void)set_slot(host, i, region, 0); /* KVM can't refuse that */
			host->memslot[i].used = false;
		}
}

/* The VM forgets the memory before it goes. */
int kvm_region_del(struct tidal_host *host, tidal_gpa base)
{
	const struct tidal_region *region = host_region_find(&host->regions, base);
	bool memory;
	int r;

	if (!region || region->base != base)
		return TIDAL_ENOENT;
	memory = is_memory(region);
	if (memory)
		del_slot(host, region);
	r = memory_region_del(host->memory, base);
	if (r)
		return memory && add_slot(host, region) ? TIDAL_EBROKEN : r;
	kvm_lock(host);
	host_region_remove(&host->regions, region);
	kvm_unlock(host);
	return 0;
}

static int check_route(const struct tidal_host *host, uint32_t space, uint64_t first,
		       uint64_t count)
{
	uint64_t end = space == TIDAL_KVM_PORTS ? 0xffff : UINT64_MAX;

	if (space > TIDAL_KVM_MMIO || count == 0 || first > end || count - 1 > end - first)
		return TIDAL_EINVAL;
	if (routed(host, space, first, count))
		return TIDAL_EEXIST;
	for (uint32_t i = 0; space == TIDAL_KVM_MMIO && i < host->regions.count; i++)
		if (overlaps(first, count, host->regions.at[i].base, host->regions.at[i].bytes))
			return TIDAL_EEXIST;
	return host->routes == KVM_ROUTES ? TIDAL_EFULL : 0;
}

int tidal_kvm_route(struct tidal_host *host, uint32_t space, uint64_t first, uint64_t count,
		    tidal_gpa device)
{
	int r;

	kvm_lock(host);
	r = device > UINT64_MAX - count ? TIDAL_EINVAL : check_route(host, space, first, count);
	if (!r)
		host->route[host->routes++] = (struct kvm_route){ space, first, count, device };
	kvm_unlock(host);
	return r;
}

bool kvm_route_find(const struct tidal_host *host, uint32_t space, uint64_t at,
		    tidal_gpa *device)
{
	const struct tidal_region *region;

	for (uint32_t i = 0; i < host->routes; i++) {
		const struct kvm_route *route = &host->route[i];

		if (route->space == space && at - route->first < route->count) {
			*device = route->device + (at - route->first);
			return true;
		}
	}
	region = space == TIDAL_KVM_MMIO ? host_region_find(&host->regions, at) : NULL;
	*device = at;
	return region && region->kind == TIDAL_REGION_DEVICE;
}

void *tidal_kvm_memory(const struct tidal_host *host, tidal_gpa gpa, uint64_t *bytes)
{
	uint64_t ignored;

	return memory_at(host->memory, gpa, bytes ? bytes : &ignored);
}

void kvm_regions_close(struct tidal_host *host)
{
	for (uint32_t i = 0; i < host->regions.count; i++)
		if (is_memory(&host->regions.at[i]))
			del_slot(host, &host->regions.at[i]);
}
