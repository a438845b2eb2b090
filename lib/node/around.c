/* SPDX-License-Identifier: BSD-3-Clause */
/* around - see around.h. */
#include "driver.h"

#define MARK (TIDAL_NODE_REQUESTERS | TIDAL_NODE_REQUESTERS / 2) /* accesses leave the second bit 0 */

int around_open(struct around *a, uint32_t most, const struct tidal_params *params)
{
	a->most = most;
	a->spare = params->high + most;
	return most > AROUND_MOST ? TIDAL_EINVAL : 0;
}

/* The row that a page continues, or that it begins. */
static struct around_row *row_of(struct around *a, tidal_gfn gfn)
{
	struct around_row *row;

	for (unsigned i = 0; i < AROUND_ROWS; i++) {
		row = &a->row[i];
		if (row->length > 0 && gfn > row->last && gfn <= row->next)
			return row;
	}
	row = &a->row[a->oldest++ % AROUND_ROWS];
	*row = (struct around_row){ .next = gfn };
	return row;
}

static bool frames_are_few(const struct tidal_node *n)
{
	struct tidal_stats stats;

	tidal_core_stats(n->core, &stats, sizeof(stats));
	return stats.frames_zeroed + stats.frames_dirty < n->around.spare;
}

void around_stalled(struct tidal_node *n, const struct tidal_ev_stall *stall)
{
	struct around *a = &n->around;
	tidal_gfn gfn = stall->gpa >> TIDAL_PAGE_SHIFT, to;
	struct around_row *row;

	if (a->most == 0 || stall->access != TIDAL_READ || stall->vcpu == TIDAL_VCPU_NONE)
		return;
	row = row_of(a, gfn);
	row->last = gfn;
	if (row->next <= gfn)
		row->next = gfn + 1;
	if (++row->length < 2 || frames_are_few(n))
		return;
	to = UINT64_C(1) << (row->length < 5 ? row->length : 5);
	to = gfn + 1 + (to < a->most ? to : a->most);
	if (to <= row->next)
		return;
	a->from = row->next;
	a->to = row->next = to;
}

/* Not those that are here, or on their way. */
static bool is_missing(const struct tidal_node *n, tidal_gfn gfn)
{
	struct tidal_page_info page;

	return tidal_core_page(n->core, gfn, &page) == 0 && page.state == TIDAL_PAGE_INVALID &&
	       page.transient == 0;
}

bool around_waits(const struct tidal_node *n)
{
	const struct around *a = &n->around;

	return a->from < a->to && a->under_way < a->most && n->accesses.used == 0;
}

bool around_push(struct tidal_node *n)
{
	struct around *a = &n->around;
	struct tidal_event stall = {
		.kind = TIDAL_EV_STALL,
		.u.stall = { .vcpu = TIDAL_VCPU_NONE, .access = TIDAL_READ, .requester = MARK },
	};

	while (a->from < a->to && !is_missing(n, a->from))
		a->from++;
	if (!around_waits(n))
		return false;
	stall.u.stall.gpa = a->from++ << TIDAL_PAGE_SHIFT;
	a->under_way++;
	if (node_push(n, &stall) == 0)
		return true;
	a->under_way--;
	a->to = a->from; /* no room, or no such page: nothing is lost */
	return false;
}

bool around_is(uint32_t requester)
{
	return requester == MARK;
}

void around_complete(struct tidal_node *n)
{
	if (n->around.under_way > 0)
		n->around.under_way--;
}
