/* SPDX-License-Identifier: Apache-2.0 */
/* base/idmap_sub: maps written by newuidmap(1) and newgidmap(1). Private to base/idmap.c. */
#ifndef STIVA_BASE_IDMAP_SUB_H
#define STIVA_BASE_IDMAP_SUB_H

#include "base/idmap.h"

int idmap_write_by_helper(pid_t pid, const struct id_map *m, bool is_gid, struct err *e) MUST_CHECK;

#endif
