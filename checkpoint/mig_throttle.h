/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/mig_throttle: slows a container down, for the last rounds of a migration, by its
 * cgroup's cpu.max, and gives it back what it had, also when we are killed (a watchdog does it).
 * Called by mig_rounds.c.
 */
#ifndef STIVA_CHECKPOINT_MIG_THROTTLE_H
#define STIVA_CHECKPOINT_MIG_THROTTLE_H

#include "cgroups/cgroups.h"
#include "checkpoint/watchdog.h"

struct mig_throttle {
	int dir_fd; /* owned: the cgroup */
	struct ckpt_watchdog dog;
	bool is_on;
	char before[64]; /* of cpu.max */
};
#define MIG_THROTTLE_NONE                                                                          \
	{                                                                                          \
		.dir_fd = FD_NONE, .dog = CKPT_WATCHDOG_NONE                                       \
	}
/* It loses so many hundredths of its CPU time from now on. Without the cpu controller nothing is
 * done. Story. */
int mig_throttle(struct mig_throttle *t, const struct cg *cg, unsigned pct,
		 struct err *e) MUST_CHECK;
/* It has all of it again. */
void mig_throttle_done(struct mig_throttle *t);

#endif
