/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/lazy: a restore whose memory comes after it: the processes run as soon as the rest is
 * there, a page that they touch comes at once (userfaultfd), all others meanwhile. A server brings
 * them (mig_fault.h), and a keeper watches it: what a dead server has not brought would read as
 * zeros, so the keeper holds the userfaultfds open, and ends the container instead. Both sit in the
 * container's cgroup, where nothing that ends us ends them, and what ends the container does.
 * Called by restore.c and the migration.
 *
 *	r = ckpt_lazy_start(&job, &lazy, e);	... start criu ...
 *	r = ckpt_lazy_ready(&lazy, e);		... restore with lazy_pages, up to its last stage
 *	r = ckpt_lazy_hold(&lazy, pid, e);	... from here on we may end ...
 *	ckpt_lazy_let_go(&lazy);
 */
#ifndef STIVA_CHECKPOINT_LAZY_H
#define STIVA_CHECKPOINT_LAZY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/auto.h"
#include "base/err.h"
#include "cgroups/cgroups.h"

#define CKPT_LAZY_SOCKET "lazy-pages.socket" /* criu's, in its working directory */

struct ckpt_lazy {
	int fd;	   /* owned: the connection to the keeper, which sees our end by it */
	int pidfd; /* owned: the keeper */
};
#define CKPT_LAZY_NONE                                                                             \
	{                                                                                          \
		.fd = FD_NONE, .pidfd = FD_NONE                                                    \
	}
struct ckpt_lazy_job {
	int work_fd;	     /* borrowed; criu's socket is made in it */
	const struct cg *cg; /* borrowed: the container's */
	int cgroup_fd;	     /* where they start: in it */
	/* The server's work, in a child that has only keep_fd besides: mig_fault_serve(). */
	int (*serve)(void *ctx, int work_fd, int keeper_fd);
	void *ctx;
	int keep_fd; /* borrowed; of serve */
};
/* For mig_fault.h, of an int (const), the directory of CRIU's images. */
struct mig_ranges;
int ckpt_lazy_image(void *image_fd, int pid, int *ret_fd, struct mig_ranges *ret);
/* Whether this kernel can do it. */
bool ckpt_lazy_is_possible(void);
/* Starts both, without waiting for the server. Story. */
int ckpt_lazy_start(const struct ckpt_lazy_job *job, struct ckpt_lazy *ret,
		    struct err *e) MUST_CHECK;
/* Waits until it can be asked. Story. */
int ckpt_lazy_ready(struct ckpt_lazy *l, struct err *e) MUST_CHECK;
/* The restored processes are held still, and pid is the first: the server rests. From now on the
 * keeper ends the cgroup when the server fails, and the server when that process is gone; before,
 * it ends the server when we die. Story. */
int ckpt_lazy_hold(struct ckpt_lazy *l, pid_t pid, struct err *e) MUST_CHECK;
/* The processes are about to run: the server goes on, and the keeper is on its own. */
void ckpt_lazy_let_go(struct ckpt_lazy *l);
/* Ends both, unless they were let go, and waits for that. */
void ckpt_lazy_done(struct ckpt_lazy *l);
/* Waits until no memory of the cgroup is to come any more. EINTR by abort_fd. Story. */
int ckpt_lazy_settle(const struct cg *cg, int timeout_ms, int abort_fd, struct err *e) MUST_CHECK;

#endif
