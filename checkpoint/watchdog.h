/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/watchdog: a child that outlives its maker for as long as it takes to put things right:
 * it acts when the maker dies, or after a time, and not at all once it is told to stand down
 * (migration.md 9.2). Started before a freeze it thaws; started while CRIU holds restored processes
 * it ends them. It must not know what is right: that is its job's `fire`. Called by dump.c,
 * restore.c and the migration.
 *
 *	struct ckpt_watchdog dog = CKPT_WATCHDOG_NONE;
 *	int keep[] = {cg->dir_fd};
 *	struct ckpt_watchdog_job job = {.keep = keep, .n_keep = 1, .cgroup_fd = FD_NONE,
 *		.max_ms = 2000, .fire = ckpt_watchdog_thaw, .ctx = cg};
 *
 *	r = ckpt_watchdog_start(&job, &dog, e);	... freeze, work ...
 *	if (ckpt_watchdog_stand_down(&dog))	... too late: it has thawed already
 */
#ifndef STIVA_CHECKPOINT_WATCHDOG_H
#define STIVA_CHECKPOINT_WATCHDOG_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "base/auto.h"
#include "base/err.h"

struct ckpt_watchdog {
	int fd;	   /* owned: our end; the child sees our death by it */
	int pidfd; /* owned */
};
#define CKPT_WATCHDOG_NONE                                                                         \
	{                                                                                          \
		.fd = FD_NONE, .pidfd = FD_NONE                                                    \
	}
struct ckpt_watchdog_job {
	/* The only descriptors that the child keeps (borrowed): what `fire` uses, and what must
	 * stay open while it lives: a lock (flock is shared with it), a connection whose end
	 * somebody must not see. */
	const int *keep;
	size_t n_keep;
	/* Where it sits; FD_NONE: in our cgroup. Never in one that will be frozen. */
	int cgroup_fd;
	int max_ms; /* it acts after that as well; -1: only when we die */
	/* In the child, once. It may use all memory as it was at the start. */
	void (*fire)(void *ctx);
	void *ctx;
};
/* Its standard streams are /dev/null; no signal but SIGKILL ends it. Story. */
int ckpt_watchdog_start(const struct ckpt_watchdog_job *job, struct ckpt_watchdog *ret,
			struct err *e) MUST_CHECK;
/* Afterwards it is gone, and does nothing any more. Return: true when it has acted. Also on one
 * that was never started: false. */
bool ckpt_watchdog_stand_down(struct ckpt_watchdog *w);
/* Whether it has begun to act, without waiting. w->fd is readable then, for a poll. */
bool ckpt_watchdog_has_fired(const struct ckpt_watchdog *w);
/* The same as stand_down, for cleanup. */
void ckpt_watchdog_done(struct ckpt_watchdog *w);

/* For any child that outlives its maker: closes all descriptors but these and own, and makes the
 * streams /dev/null. Copies of others would hide their end from who waits for it: criu sees our
 * death by that. Leaf. */
int ckpt_watchdog_alone(const int *keep, size_t n, int own) MUST_CHECK;

/* Two jobs; ctx is a struct cg, whose dir_fd is to be kept: thaw it; end all that is in it. */
void ckpt_watchdog_thaw(void *ctx);
void ckpt_watchdog_kill(void *ctx);

#endif
