/* SPDX-License-Identifier: BSD-3-Clause */
/* link_look - see link_look.h. */
#include "link_look.h"

#include <string.h>

#include "core/link_state.h"

void link_scrub(struct link *l)
{
	memset(l->packet, 0, sizeof(l->packet));
	if (l->used)
		return;
	for (uint32_t i = 1; i <= l->fresh; i++)
		memset(msg_at(l, i), 0, sizeof(struct msg));
	l->fresh = l->free = 0;
}

void link_entries(const struct link *l, uint32_t n, size_t *at, size_t *bytes)
{
	*at = (size_t)((const char *)msg_at(l, n + 1) - (const char *)l);
	*bytes = (l->messages - n) * sizeof(struct msg);
}
