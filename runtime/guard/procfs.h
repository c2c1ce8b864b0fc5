/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/guard/procfs: opening single files of a verified procfs (security.md P4, P5). Private to
 * this room: guard_proc_open() is its public part. */
#ifndef STIVA_GUARD_PROCFS_H
#define STIVA_GUARD_PROCFS_H

#include "base/err.h"

/*
 * The procfs root to work from: proc_fd itself when it is an fd, else the caller's /proc, opened
 * into *ret_own_fd (owned by the caller, FD_NONE before) and verified.
 * Return: the fd or -e->code.
 */
int guard_proc_root(int proc_fd, int *ret_own_fd, struct err *e) MUST_CHECK;

/*
 * Opens `path` ("self/oom_score_adj", "sys/net/...") below the procfs root: never out of this
 * mount, through no magic link, and below "sys/" through no symlink at all. Leaf: fd (CLOEXEC) or
 * -errno
 * (-EXDEV: something is mounted there).
 */
int guard_proc_file(int proc_fd, const char *path, int flags) MUST_CHECK;

#endif
