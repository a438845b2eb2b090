/* SPDX-License-Identifier: BSD-3-Clause */
/* table.h - what happened on each node, for people. */
#ifndef MINI_POD_TABLE_H
#define MINI_POD_TABLE_H

struct pod;

/* On stderr. Everything in it is in pod time: the same seed prints the same table. */
void table_print(const struct pod *pod);

#endif
