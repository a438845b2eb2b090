/* SPDX-License-Identifier: BSD-3-Clause */
/* table.h - what happened on each node, for people. */
#ifndef MINI_POD_TABLE_H
#define MINI_POD_TABLE_H

struct pod;

/*
 * On stderr. All of it is in pod time, so that the same seed prints the same table, except
 * the decision time in its last line.
 */
void table_print(const struct pod *pod);

#endif
