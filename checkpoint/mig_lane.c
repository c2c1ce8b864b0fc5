/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint/mig_lane: see mig_lane.h. */
#include "checkpoint/mig_lane.h"

#include <signal.h>
#include "base/ban.h"

static void *work(void *arg)
{
	struct mig_lane *l = arg;

	pthread_mutex_lock(&l->lock);
	while (!l->is_ending) {
		if (!l->is_busy) {
			pthread_cond_wait(&l->turn, &l->lock);
			continue;
		}
		pthread_mutex_unlock(&l->lock);
		(void)!l->job(l->ctx, &l->err);
		pthread_mutex_lock(&l->lock);
		l->is_busy = false;
		pthread_cond_broadcast(&l->turn);
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

int mig_lane_open(struct mig_lane *l, struct err *e)
{
	sigset_t all, before;
	int r;

	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->turn, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&l->thread, NULL, work, l);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	l->is_open = r == 0;
	return r ? err_sys(e, r, "start a thread") : 0;
}

/* Its error is told once. */
static int tell(struct mig_lane *l, struct err *e)
{
	if (!l->err.code)
		return 0;
	*e = l->err;
	err_clear(&l->err);
	return -e->code;
}

static void wait_idle(struct mig_lane *l)
{
	pthread_mutex_lock(&l->lock);
	while (l->is_busy)
		pthread_cond_wait(&l->turn, &l->lock);
	pthread_mutex_unlock(&l->lock);
}

int mig_lane_wait(struct mig_lane *l, struct err *e)
{
	if (!l->is_open)
		return 0;
	wait_idle(l);
	return tell(l, e);
}

int mig_lane_give(struct mig_lane *l, int (*job)(void *ctx, struct err *e), void *ctx,
		  struct err *e)
{
	int r = mig_lane_wait(l, e);

	if (r < 0 || !l->is_open)
		return r < 0 ? r : job(ctx, e);
	pthread_mutex_lock(&l->lock);
	l->job = job;
	l->ctx = ctx;
	l->is_busy = true;
	pthread_cond_broadcast(&l->turn);
	pthread_mutex_unlock(&l->lock);
	return 0;
}

void mig_lane_done(struct mig_lane *l)
{
	if (!l->is_open)
		return;
	wait_idle(l);
	pthread_mutex_lock(&l->lock);
	l->is_ending = true;
	pthread_cond_broadcast(&l->turn);
	pthread_mutex_unlock(&l->lock);
	pthread_join(l->thread, NULL);
	pthread_cond_destroy(&l->turn);
	pthread_mutex_destroy(&l->lock);
	l->is_open = false;
}
