/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint/mig_source: see the files that share it: mig_source.c (the script of a source),
 * mig_rounds.c (what is sent while the container runs), mig_fate.c (whose it is in the end). */
#ifndef STIVA_CHECKPOINT_MIG_SOURCE_H
#define STIVA_CHECKPOINT_MIG_SOURCE_H

#include "checkpoint/internal.h"
#include "checkpoint/mig_memory.h"
#include "checkpoint/mig_peer.h"
#include "checkpoint/mig_plan.h"
#include "checkpoint/mig_policy.h"
#include "checkpoint/mig_report.h"
#include "checkpoint/mig_throttle.h"

#define MIG_SILENCE_MS                                                                             \
	5000 /* while it stands still; so long a destination waits is three times it */
#define MIG_DOUBT_MS 60000
/* While it runs nothing is lost by waiting. */
#define MIG_PATIENCE_MS 60000

struct mig_source {
	const struct life_host *h;
	const struct ckpt_migrate_args *a;
	const struct life_held *held; /* from `begin` on */
	struct arena arena;
	struct ckpt_criu_info info;
	struct mig_host us;
	struct strvec words; /* the command that leads there */
	char epoch[MIG_EPOCH_SIZE];
	struct ckpt_dump_by by;
	struct mig_peer peer;
	struct mig_trees trees;
	struct mig_memory memory;
	struct mig_throttle throttle;
	struct mig_ps ps;
	struct ckpt_criu_aside aside;
	struct mig_report report;
	int image_fd;	     /* owned: a tmpfs that nobody else sees */
	bool is_reserved;    /* something stands there, which an ABORT removes */
	bool is_said;	     /* FINAL_END: from then on only the answer is heard */
	bool is_handed_over; /* COMMIT: whose it is, is not for us to say */
};

/* ---- mig_rounds.c ---- */
/* Sends until little is left, or what the user allows has been sent. Story. */
int mig_rounds(struct mig_source *s, struct err *e) MUST_CHECK;

/* ---- mig_fate.c ---- */
/* It was handed over by COMMIT: whose it is. */
enum ckpt_fate mig_fate(struct mig_source *s, struct err *e);

#endif
