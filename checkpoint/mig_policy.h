/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/mig_policy: when the rounds of a live migration end (migration.md 10): after each
 * round it is told what the round was like, predicts how long the container would stand still if it
 * were stopped now, and says what to do. Pure: no clock, no I/O. Called by mig_source.c.
 */
#ifndef STIVA_CHECKPOINT_MIG_POLICY_H
#define STIVA_CHECKPOINT_MIG_POLICY_H

#include <stdbool.h>
#include <stdint.h>

/* What to do about a container that writes faster than the line carries. */
enum mig_stall {
	MIG_STALL_AUTO, /* slow it down, then as FORCE when the pause is at most 5 targets or 1 s */
	MIG_STALL_THROTTLE, /* slow it down, and again, to a tenth; then ABORT */
	MIG_STALL_FORCE,    /* stop it however long it takes */
	MIG_STALL_ABORT,
	MIG_STALL_N
};
struct mig_policy_args {
	uint64_t max_downtime_usec; /* the target; 0: 100 ms */
	uint64_t bandwidth;	    /* bytes per second that may be used; 0: no limit */
	uint32_t max_iterations;    /* rounds; 0: 30 */
	uint64_t max_bytes;	    /* over all rounds, and again once it is slowed down; 0: 3 times
				       the memory of round 1 */
	enum mig_stall on_stall;
};
/* One round, as it was. */
struct mig_policy_round {
	uint64_t bytes;		/* sent */
	uint64_t usec;		/* from its beginning to the peer's answer that all is there */
	uint64_t scan_usec;	/* of it, reading and hashing: about what the last pass takes */
	uint64_t pages;		/* looked at */
	uint64_t dirty_pages;	/* of them not as the peer had them, sent or not; round 1: all */
	uint64_t fs_left_bytes; /* of trees, likewise; 0: unknown or none */
	uint64_t rtt_usec;
	uint64_t fixed_usec; /* freeze, dump without memory, restore: measured or usual */
};
enum mig_policy_what {
	MIG_POLICY_CONTINUE, /* another round, after wait_usec */
	MIG_POLICY_GO,	     /* stop it now: the target will be kept */
	MIG_POLICY_THROTTLE, /* slow the container down by throttle_pct, then another round */
	MIG_POLICY_FORCE,    /* stop it now, although the target will not be kept */
	MIG_POLICY_ABORT,
	MIG_POLICY_WHAT_N
};
struct mig_policy_answer {
	enum mig_policy_what what;
	const char *reason;	/* for people; static */
	uint64_t downtime_usec; /* predicted, were it stopped now; UINT64_MAX: cannot be said yet */
	uint64_t left_bytes;	/* of memory, that the pause would have to carry */
	uint64_t bandwidth;	/* bytes per second, as it has been lately */
	uint64_t dirty_rate;	/* bytes per second */
	unsigned throttle_pct;	/* of its cpu time that it loses; of THROTTLE, else what holds */
	uint64_t wait_usec;	/* a pause of CONTINUE: little is dirty, and a round costs cpu */
};
struct mig_policy {
	struct mig_policy_args args;
	/* private */
	uint32_t n;
	uint64_t bytes, first_pages, last_usec, last_left;
	uint64_t bandwidth, dirty_rate; /* moving averages, bytes per second; 0: not known */
	unsigned stalled;		/* rounds in a row that did not get better */
	unsigned throttle_pct;
};
void mig_policy_begin(struct mig_policy *p, const struct mig_policy_args *args);
/* After each round. */
struct mig_policy_answer mig_policy_next(struct mig_policy *p, const struct mig_policy_round *r);

#endif
