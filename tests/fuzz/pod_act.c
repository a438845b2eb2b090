/* SPDX-License-Identifier: BSD-3-Clause */
/* pod_act - the model of the host: what a core asks it, what it may be asked. */
#include "pod.h"

uint32_t pod_pending(const struct pod_node *n, uint64_t token)
{
	for (uint32_t i = 0; i < n->pendings; i++)
		if (n->pending[i].token == token)
			return i;
	return POD_PENDING;
}

static struct pod_pending *note(struct pod_node *n, uint32_t kind, uint64_t token)
{
	struct pod_pending *k = &n->pending[n->pendings];

	MUST(token != 0 && pod_pending(n, token) == POD_PENDING);
	MUST(n->pendings < POD_PENDING);
	n->pendings++;
	*k = (struct pod_pending){ .token = token, .kind = kind, .vcpu = TIDAL_VCPU_NONE,
				   .gfn = TIDAL_GFN_NONE, .frame = TIDAL_FRAME_NONE };
	return k;
}

/* ---- pages ---- */

static struct pod_mapped *find_mapped(struct pod_node *n, tidal_gfn gfn)
{
	for (uint32_t i = 0; i < n->maps; i++)
		if (n->mapped[i].gfn == gfn)
			return &n->mapped[i];
	return NULL;
}

/* Nothing is mapped to this frame, except perhaps at that page. */
static void must_be_unmapped(const struct pod_node *n, tidal_frame frame, tidal_gfn except)
{
	for (uint32_t i = 0; i < n->maps; i++)
		MUST(n->mapped[i].frame != frame || n->mapped[i].gfn == except);
	for (uint32_t i = 0; i < n->pendings; i++)
		MUST(n->pending[i].kind != TIDAL_ACT_MAP || n->pending[i].frame != frame ||
		     n->pending[i].gfn == except);
}

static void act_map(struct pod_node *n, const struct tidal_act_pages *p)
{
	struct pod_pending *k = note(n, TIDAL_ACT_MAP, p->token);

	MUST(p->mask == 1 && (p->prot == TIDAL_PROT_R || p->prot == TIDAL_PROT_RW));
	MUST(p->gfn < n->core->guest.pages);
	if (p->frame == TIDAL_FRAME_ZERO) {
		MUST(p->prot == TIDAL_PROT_R);
	} else {
		MUST(p->frame < n->params.frames && n->use[p->frame] == POD_CORES_OWN);
		must_be_unmapped(n, p->frame, p->gfn);
	}
	k->gfn = p->gfn;
	k->frame = p->frame;
	k->prot = p->prot;
}

static void act_unmap(struct pod_node *n, uint32_t kind, const struct tidal_act_pages *p)
{
	const struct pod_mapped *m = find_mapped(n, p->gfn);
	struct pod_pending *k = note(n, kind, p->token);

	MUST(p->mask == 1 && m && m->frame == p->frame);
	k->gfn = p->gfn;
	k->frame = p->frame;
}

static void mapped(struct pod_node *n, const struct pod_pending *k)
{
	struct pod_mapped *m = find_mapped(n, k->gfn);

	MUST(m || n->maps < POD_MAPPED);
	if (!m)
		m = &n->mapped[n->maps++];
	*m = (struct pod_mapped){ k->gfn, k->frame, k->prot };
}

static void unmapped(struct pod_node *n, const struct pod_pending *k)
{
	struct pod_mapped *m = find_mapped(n, k->gfn);

	MUST(m);
	if (k->kind == TIDAL_ACT_PROTECT)
		m->prot = TIDAL_PROT_R;
	else
		*m = n->mapped[--n->maps];
}

/* ---- frames ---- */

static void take_frame(struct pod_node *n, tidal_frame frame, enum pod_use use)
{
	MUST(frame < n->params.frames && n->use[frame] == POD_CORES_OWN);
	must_be_unmapped(n, frame, TIDAL_GFN_NONE);
	n->use[frame] = (uint8_t)use;
}

static void act_zero(struct pod_node *n, const struct tidal_act_frame *f)
{
	struct pod_pending *k = note(n, TIDAL_ACT_ZERO, f->token);

	MUST(f->mask && (f->background || f->mask == 1));
	k->frame = f->frame;
	k->mask = f->mask;
	for (uint64_t mask = f->mask; mask; mask &= mask - 1)
		take_frame(n, f->frame + (tidal_frame)__builtin_ctzll(mask), POD_ZEROING);
}

static void act_post(struct pod_node *n, tidal_frame frame)
{
	take_frame(n, frame, POD_POSTED);
	MUST(n->posts < n->params.landing);
	n->posted[n->posts++] = frame;
}

static void landed(struct pod_node *n, tidal_frame frame)
{
	uint32_t i = 0;

	while (i < n->posts && n->posted[i] != frame)
		i++;
	MUST(i < n->posts);
	n->posted[i] = n->posted[--n->posts];
	n->use[frame] = POD_CORES_OWN;
}

/* ---- vCPUs ---- */

static void act_run(struct pod_node *n, const struct tidal_act_vcpu *a)
{
	MUST(a->vcpu < POD_VCPUS && n->here[a->vcpu] && !n->running[a->vcpu]);
	MUST(a->hthread < POD_THREADS && !n->busy[a->hthread]);
	MUST(a->resume <= TIDAL_RESUME_IO);
	n->busy[a->hthread] = true;
	n->running[a->vcpu] = (uint8_t)(a->hthread + 1);
}

static void off_thread(struct pod_node *n, tidal_vcpuid v)
{
	MUST(n->running[v]);
	n->busy[n->running[v] - 1] = false;
	n->running[v] = 0;
}

static void act_save(struct pod_node *n, const struct tidal_act_vcpu *a)
{
	struct pod_pending *k = note(n, TIDAL_ACT_SAVE, a->token);

	MUST(a->vcpu < POD_VCPUS && n->here[a->vcpu] && !n->running[a->vcpu]);
	k->vcpu = a->vcpu;
	for (k->buf = 0; n->buf[k->buf]; k->buf++)
		MUST(k->buf + 1 < POD_BUFS);
	n->buf[k->buf] = true;
}

static void act_load(struct pod_node *n, const struct tidal_act_vcpu *a)
{
	struct pod_pending *k = note(n, TIDAL_ACT_LOAD, a->token);

	MUST(a->vcpu < POD_VCPUS && !n->here[a->vcpu]);
	MUST(a->buf < POD_BUFS && n->buf[a->buf] && a->buf_len > 0);
	k->vcpu = a->vcpu;
	k->buf = a->buf;
}

static void act_drop(struct pod_node *n, const struct tidal_act_vcpu *a)
{
	MUST(a->vcpu < POD_VCPUS && n->here[a->vcpu] && !n->running[a->vcpu]);
	n->here[a->vcpu] = false;
}

static void free_buf(struct pod_node *n, uint32_t buf)
{
	MUST(buf < POD_BUFS && n->buf[buf]);
	n->buf[buf] = false;
}

/* ---- the rest ---- */

static void act_io(struct pod_node *n, const struct tidal_act_io *io)
{
	MUST(io->size == 1 || io->size == 2 || io->size == 4 || io->size == 8);
	(void)note(n, TIDAL_ACT_IO, io->token);
}

/* The vCPUs that start here are there when the map is known. */
static void act_report(struct pod_node *n, const struct tidal_act_report *r)
{
	const struct tidal_vmap *map = &n->core->guest.map;

	MUST(r->text && r->what >= TIDAL_REPORT_READY && r->what <= TIDAL_REPORT_NODE_LOST);
	for (uint32_t i = 0; r->what == TIDAL_REPORT_READY && i < map->vcpu_runs; i++)
		for (unsigned v = 0; v < map->vcpu[i].count; v++)
			n->here[map->vcpu[i].first + v] = map->vcpu[i].node == n->id;
}

void pod_act(struct pod *p, struct pod_node *n, const struct tidal_action *a)
{
	switch (a->kind) {
	case TIDAL_ACT_SEND: pod_send(p, n, &a->u.send); break;
	case TIDAL_ACT_MAP: act_map(n, &a->u.pages); break;
	case TIDAL_ACT_UNMAP:
	case TIDAL_ACT_PROTECT: act_unmap(n, a->kind, &a->u.pages); break;
	case TIDAL_ACT_ZERO: act_zero(n, &a->u.frame); break;
	case TIDAL_ACT_POST: act_post(n, a->u.frame.frame); break;
	case TIDAL_ACT_RUN: act_run(n, &a->u.vcpu); break;
	case TIDAL_ACT_STOP: MUST(a->u.vcpu.vcpu < POD_VCPUS && n->here[a->u.vcpu.vcpu]); break;
	case TIDAL_ACT_SAVE: act_save(n, &a->u.vcpu); break;
	case TIDAL_ACT_LOAD: act_load(n, &a->u.vcpu); break;
	case TIDAL_ACT_DROP: act_drop(n, &a->u.vcpu); break;
	case TIDAL_ACT_BUF_FREE: free_buf(n, a->u.buf.buf); break;
	case TIDAL_ACT_COMPLETE: n->completed++; break;
	case TIDAL_ACT_IO: act_io(n, &a->u.io); break;
	case TIDAL_ACT_REPORT: act_report(n, &a->u.report); break;
	default: MUST(!"an unknown action");
	}
}

/* An answer takes effect before it is told. */
static void answered(struct pod_node *n, const struct tidal_ev_host_done *done)
{
	uint32_t i = pod_pending(n, done->token);
	struct pod_pending k;

	if (i == POD_PENDING)
		return;
	k = n->pending[i];
	n->pending[i] = n->pending[--n->pendings];
	for (uint64_t mask = k.kind == TIDAL_ACT_ZERO ? k.mask : 0; mask; mask &= mask - 1)
		n->use[k.frame + (tidal_frame)__builtin_ctzll(mask)] = POD_CORES_OWN;
	if (k.kind == TIDAL_ACT_LOAD || (k.kind == TIDAL_ACT_SAVE && done->status < 0))
		free_buf(n, k.buf);
	if (done->status < 0)
		return;
	if (k.kind == TIDAL_ACT_MAP)
		mapped(n, &k);
	else if (k.kind == TIDAL_ACT_UNMAP || k.kind == TIDAL_ACT_PROTECT)
		unmapped(n, &k);
	else if (k.kind == TIDAL_ACT_LOAD)
		n->here[k.vcpu] = true;
}

void pod_pushed(struct pod *p, struct pod_node *n, const struct tidal_event *ev)
{
	(void)p;
	switch (ev->kind) {
	case TIDAL_EV_STALL:
		if (ev->u.stall.vcpu != TIDAL_VCPU_NONE)
			off_thread(n, ev->u.stall.vcpu);
		break;
	case TIDAL_EV_VCPU_STOPPED: off_thread(n, ev->u.stopped.vcpu); break;
	case TIDAL_EV_MESSAGE:
		if (ev->u.message.payload == TIDAL_PAYLOAD_PAGE)
			landed(n, ev->u.message.buf);
		break;
	case TIDAL_EV_HOST_DONE: answered(n, &ev->u.done); break;
	default: break;
	}
}
