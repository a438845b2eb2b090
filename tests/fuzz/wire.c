/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzz target: the codec of messages. What decodes encodes to the same bytes, and nothing
 * longer or shorter decodes.
 */
#include "core/link.h"
#include "core/wire.h"
#include "fuzz.h"

static void round_trip(const struct wire *m, const uint8_t *bytes, size_t len)
{
	uint8_t again[LINK_BODY_MAX];
	struct wire m2;

	MUST(wire_encode(m, again) == len);
	MUST(memcmp(again, bytes, len) == 0);
	MUST(wire_decode(&m2, again, (uint32_t)len));
	MUST(m2.kind == m->kind);
	MUST(len < 2 || !wire_decode(&m2, again, (uint32_t)len - 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	uint8_t longer[LINK_BODY_MAX + 1];
	struct wire m;

	if (len > LINK_BODY_MAX)
		len = LINK_BODY_MAX;
	if (!wire_decode(&m, bytes, (uint32_t)len))
		return 0;
	MUST(m.kind > 0 && m.kind < MSG_MAX);
	MUST(wire_class(m.kind) < LINK_CLASSES);
	MUST(strcmp(wire_name(m.kind), "?") != 0);
	round_trip(&m, bytes, len);
	memcpy(longer, bytes, len);
	longer[len] = 0;
	MUST(!wire_decode(&m, longer, (uint32_t)len + 1));
	return 0;
}
