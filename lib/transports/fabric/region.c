/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory that the provider knows. */
#include <rdma/fi_errno.h>

#include "endpoint.h"

int region_add(struct tidal_transport *t, void *mem, size_t len)
{
	struct region *r = &t->region[t->regions];
	int err;

	if (!mem || len == 0 || (uintptr_t)mem + len < (uintptr_t)mem)
		return TIDAL_EINVAL;
	if (t->regions == FABRIC_REGIONS)
		return TIDAL_ENOMEM;
	err = fi_mr_reg(t->domain, mem, len, FI_SEND | FI_RECV, 0, t->next_key++, 0, &r->mr,
			NULL);
	if (err)
		return err == -FI_ENOMEM ? TIDAL_ENOMEM : TIDAL_EIO;
	r->begin = (uintptr_t)mem;
	r->end = r->begin + len;
	t->regions++;
	return 0;
}

int region_del(struct tidal_transport *t, void *mem)
{
	if (!mem)
		return TIDAL_EINVAL;
	for (uint32_t i = 0; i < t->regions; i++) {
		if (t->region[i].begin != (uintptr_t)mem)
			continue;
		(void)fi_close(&t->region[i].mr->fid);
		t->region[i] = t->region[--t->regions];
		return 0;
	}
	return TIDAL_EINVAL;
}

void region_close(struct tidal_transport *t)
{
	while (t->regions > 0)
		(void)fi_close(&t->region[--t->regions].mr->fid);
}

bool region_desc(const struct tidal_transport *t, const void *mem, size_t len, void **desc)
{
	uintptr_t begin = (uintptr_t)mem;

	*desc = NULL;
	for (uint32_t i = 0; i < t->regions; i++) {
		const struct region *r = &t->region[i];

		if (begin < r->begin || begin + len > r->end)
			continue;
		*desc = fi_mr_desc(r->mr);
		return true;
	}
	return !(t->info->domain_attr->mr_mode & FI_MR_LOCAL);
}
