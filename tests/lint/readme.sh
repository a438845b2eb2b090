#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The C code in README.md compiles against the public headers, given what they call.
cd "${top_srcdir:?}" || exit 99
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT

cat > "$work/readme.c" <<'END'
#include <tidal/tidal.h>
struct vmm {
	const struct tidal_host_ops *host_ops;
	struct tidal_host *host;
	const struct tidal_transport_ops *transport_ops;
	struct tidal_transport *transport;
	int ready, started, done;
};
int vmm_device(struct vmm *, tidal_vcpuid, tidal_gpa, uint64_t *, unsigned, int);
void vmm_trouble(struct vmm *, const struct tidal_act_report *);
void vmm_start(struct vmm *, struct tidal_node *);
void vmm_wait(struct vmm *, tidal_time);
tidal_time vmm_now(void);
int run_node(struct vmm *, const struct tidal_params *);
struct hv {
	struct tidal_core *core;
};
tidal_time hv_now(void);
void hv_do(struct hv *, const struct tidal_action *);
int hv_boot(struct hv *, void *, size_t, const struct tidal_params *);
int hv_tell(struct hv *, const struct tidal_event *);
int hv_stall(struct hv *, tidal_vcpuid, tidal_gpa, int);
END
sed -n '/^```c$/,/^```$/p' README.md | sed '/^```/d' > "$work/code"
[ -s "$work/code" ] || { echo "README.md has no C code"; exit 99; }
cat "$work/code" >> "$work/readme.c"
# shellcheck disable=SC2086
${CC:?} -std=c17 -Wall -Wextra -Wpedantic -Werror -Iinclude -fsyntax-only "$work/readme.c"
