/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/mig_record: what a destination knows of a migration, by its epoch: a directory in the
 * state root, locked by the process that receives, with the record and CRIU's logs. The record is
 * replaced by a rename, and the one that says "committed" is the moment from which the container is
 * this host's (migration.md 9.1). It lasts as long as the boot, as the processes do. What a source
 * knows is in the container's own record (runtime/life/hold.c). Called by mig_target.c and
 * mig_recover.c.
 */
#ifndef STIVA_CHECKPOINT_MIG_RECORD_H
#define STIVA_CHECKPOINT_MIG_RECORD_H

#include "checkpoint/mig_say.h"
#include "runtime/life/life.h"

/* criu's, of the last migration to this host, beside the records. */
#define MIG_RECORD_LOG "restore.log"

struct mig_record {
	char *epoch, *id, *made_at;
	struct opt_enum phase;
	struct opt_u64 dir_ino; /* of the container's state directory */
	struct strvec made;	/* paths that were made for it: removed if it never runs */
	struct strvec filled;	/* paths that were empty, or to be replaced: emptied then */
};
/* Makes and locks it. *ret_fd: the directory; the lock goes with it. Story. */
int mig_record_make(const struct life_host *h, const char *epoch, int *ret_fd,
		    struct err *e) MUST_CHECK;
/* Locks an existing one, waiting wait_ms for who holds it. -ENOENT without a message: there is
 * none; EBUSY. Story. */
int mig_record_open(const struct life_host *h, const char *epoch, unsigned wait_ms, int *ret_fd,
		    struct err *e) MUST_CHECK;
int mig_record_write(int dir_fd, const struct mig_record *r, struct err *e) MUST_CHECK;
/* -ENOENT without a message: nothing has been written, and so nothing made. */
int mig_record_read(int dir_fd, struct arena *a, struct mig_record **ret, struct err *e) MUST_CHECK;
/* Whether the record in it says "committed"; no memory is allocated. For a watchdog. */
bool mig_record_is_committed(int dir_fd);
/* It is committed, and was seen to run: whatever it is later is not for the migration to say. */
void mig_record_released(int dir_fd);
bool mig_record_is_released(int dir_fd);
/* It will not change any more. */
void mig_record_unlock(int dir_fd);
/* Removes it, unless another process has the lock. Errors are not told: it is only a note by then.
 */
void mig_record_remove(const struct life_host *h, const char *epoch, int dir_fd);
/* Calls one for every epoch there is, in no order. Story: of the first that fails. */
int mig_record_each(const struct life_host *h,
		    int (*one)(void *ctx, const char *epoch, struct err *e), void *ctx,
		    struct err *e) MUST_CHECK;

#endif
