/* SPDX-License-Identifier: BSD-3-Clause */
/* Part of pod: its wire. */
#ifndef TEST_RUN_WIRE_H
#define TEST_RUN_WIRE_H

struct pod;

void wire_open(struct pod *pod);
void wire_close(struct pod *pod);

#endif
