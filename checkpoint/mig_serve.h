/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/mig_serve: the memory of a store (mig_store.h) for `criu lazy-pages`, which asks for
 * it by criu's page-server protocol while the restored processes already run (migration.md 7.1): a
 * process of its own, that needs nobody and ends with the one that asks. It knows no link. Called
 * by mig_target.c.
 */
#ifndef STIVA_CHECKPOINT_MIG_SERVE_H
#define STIVA_CHECKPOINT_MIG_SERVE_H

#include "checkpoint/mig_store.h"

/* Starts it in the cgroup (FD_NONE: ours). *ret_fd: the end of a socket for criu, whose closing
 * ends it. The store is complete, and its files may go meanwhile. Story. */
int mig_serve_start(const struct mig_store *s, int cgroup_fd, int *ret_fd,
		    struct err *e) MUST_CHECK;
/* What the process does: answers on that socket until it is closed. Return: 0, or -errno. */
int mig_serve(const struct mig_store *s, int sock_fd);

#endif
