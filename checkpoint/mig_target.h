/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint/mig_target: see the files that share it: mig_target.c (the script of a destination),
 * mig_place.c (what stands ready before anything comes), mig_recover.c (what a dead one left). */
#ifndef STIVA_CHECKPOINT_MIG_TARGET_H
#define STIVA_CHECKPOINT_MIG_TARGET_H

#include "checkpoint/mig_record.h"
#include "checkpoint/mig_sink.h"

/* ---- mig_place.c ---- */
struct mig_place {
	const struct life_host *h;
	const struct mig_offer *offer;
	struct arena *arena;
	int rec_fd; /* borrowed: of the migration's record */
	struct mig_record rec;
	struct mig_note reserved; /* which trees are shared */
	int image_fd;		  /* owned: a tmpfs that nobody else sees */
	int stream_fd[3];	  /* owned */
	int *tree_fd;		  /* owned, one per tree; FD_NONE: it is shared */
	struct mig_sink **sink;	  /* owned, likewise; NULL: it is shared */
};
void mig_place_done(struct mig_place *p);
/* Makes what the offer asks for, each thing noted in the record before it is made. */
int mig_place_make(struct mig_place *p, struct err *e) MUST_CHECK;
/* Removes what the record says was made, and the container if it is the one of this record. Then
 * the record. Return: 0, or the first error. */
int mig_place_discard(const struct life_host *h, int rec_fd, const struct mig_record *rec,
		      struct err *e) MUST_CHECK;

/* A directory in a tmpfs that nobody else sees, into which so many bytes go at most. */
int mig_place_images(uint64_t bytes, int *ret_fd, struct err *e) MUST_CHECK;

/* ---- mig_recover.c ---- */
/* What of earlier migrations to this host was left by a stiva that was killed. */
int mig_recover_leftovers(const struct life_host *h, struct err *e) MUST_CHECK;
/* Of the record rec_fd, which is locked, and whose engine has ended: what was not committed is
 * removed, what was runs. */
int mig_recover_dead(const struct life_host *h, const char *epoch, int rec_fd,
		     struct err *e) MUST_CHECK;
/* Answers STATUS. */
int mig_recover_answer(const struct life_host *h, struct mig_link *l, const char *epoch,
		       struct err *e) MUST_CHECK;

#endif
