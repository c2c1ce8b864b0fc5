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
	char burst[32];	 /* of cpu.max.burst; "": none */
	/* CPU time in a period that it has without us, in usec */
	uint64_t quota, period;
	uint64_t seen_at, seen_usage; /* of the last look; 0: none */
};
#define MIG_THROTTLE_NONE                                                                          \
	{                                                                                          \
		.dir_fd = FD_NONE, .dog = CKPT_WATCHDOG_NONE                                       \
	}
/* What it uses is measured from here on. For each round; once it is slow nothing is done. */
void mig_throttle_look(struct mig_throttle *t, const struct cg *cg);
/* From now on it has so many hundredths less of the CPU time that it has used since the last look
 * (of all that it may use, when there was none). Without the cpu controller nothing is
 * done. Story. */
int mig_throttle(struct mig_throttle *t, const struct cg *cg, unsigned pct,
		 struct err *e) MUST_CHECK;
/* It has all of it again. Once more is nothing. */
void mig_throttle_done(struct mig_throttle *t);

#endif
