/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/mig_plan: what of a container lies in files: its rootfs and the sources of its bind
 * mounts, and what becomes of each in a migration (migration.md 11): the same storage on both
 * hosts, proved by a file that the source puts there for a moment, or a copy. Called by
 * mig_source.c.
 */
#ifndef STIVA_CHECKPOINT_MIG_PLAN_H
#define STIVA_CHECKPOINT_MIG_PLAN_H

#include "checkpoint/mig_say.h"
#include "checkpoint/mig_tree.h"
#include "checkpoint/checkpoint.h"

struct mig_source_tree {
	int fd;		/* owned: its root; FD_NONE: it is not opened */
	bool is_moved;	/* a copy of it goes over the line */
	bool has_probe; /* the file is still there */
	struct mig_probe probe;
	struct mig_tree *tree; /* owned; NULL while it is not known to be moved */
};
struct mig_trees {
	struct mig_plan_vec plans; /* in the arena */
	struct mig_source_tree *v; /* owned, one per plan */
};
/* Takes the probes away. */
void mig_trees_done(struct mig_trees *t);
void mig_trees_unprobe(struct mig_trees *t);
/* Once the destination has said which it has already. */
int mig_trees_choose(struct mig_trees *t, const struct u32vec *shared, struct err *e) MUST_CHECK;
/* One round over those that are moved; *ret: the sums. Story. */
int mig_trees_round(struct mig_trees *t, struct mig_link *l, const struct cg *cg, bool is_final,
		    struct mig_tree_count *ret, struct err *e) MUST_CHECK;
/* What the memory of a cgroup's processes that is not a file's is at most, in bytes. */
int mig_memory_estimate(const struct cg *cg, uint64_t *ret, struct err *e) MUST_CHECK;
/* bundle: on the destination. A volume of `a` that names no mount, or a mount that would be lost,
 * is an error. */
int mig_trees_plan(struct mig_trees *t, const struct life_held *x,
		   const struct ckpt_migrate_args *a, const char *bundle, struct arena *arena,
		   struct err *e) MUST_CHECK;

#endif
