#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Every public header compiles alone as C++17.
. "${top_srcdir:?}/tests/lint/headers.sh"
