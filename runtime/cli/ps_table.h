/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/cli/ps_table: a table of processes like that of ps(1), made from /proc, so that no ps has
 * to be installed. It knows nothing of containers. Called by cmd_ps.c. */
#ifndef STIVA_CLI_PS_TABLE_H
#define STIVA_CLI_PS_TABLE_H

#include <stddef.h>
#include <sys/types.h>
#include "base/err.h"
#include "base/mem.h"

/*
 * args: words as for ps(1), NULL-terminated: -e, -f, -ef and the like change nothing; -o LIST names
 * the columns. Processes that end meanwhile are left out. Story.
 */
int cmd_ps_table(const pid_t *pids, size_t n, char *const *args, struct arena *arena,
		 struct buf *out, struct err *e) MUST_CHECK;

#endif
