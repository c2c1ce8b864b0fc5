/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/mig_lane: one job at a time beside us, in a thread of its own: memory is hashed and
 * sent there while the next of it is read here. A lane that was never opened does its jobs at once.
 * It knows no job. Called by mig_memory.c.
 */
#ifndef STIVA_CHECKPOINT_MIG_LANE_H
#define STIVA_CHECKPOINT_MIG_LANE_H

#include <pthread.h>
#include <stdbool.h>
#include "base/err.h"

/* Zeroed: not opened. Not to be moved once it is. */
struct mig_lane {
	bool is_open, is_busy, is_ending;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t turn;
	int (*job)(void *ctx, struct err *e);
	void *ctx;
	struct err err; /* of the last job, not told yet */
};
/* The thread takes no signals. Story. */
int mig_lane_open(struct mig_lane *l, struct err *e) MUST_CHECK;
/* Waits for the last job, and begins this one. Story: what the last one says. */
int mig_lane_give(struct mig_lane *l, int (*job)(void *ctx, struct err *e), void *ctx,
		  struct err *e) MUST_CHECK;
/* Waits for the last job. Story: what it says. */
int mig_lane_wait(struct mig_lane *l, struct err *e) MUST_CHECK;
/* The same, and the thread is gone. */
void mig_lane_done(struct mig_lane *l);

#endif
