/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/mig_sink: the receiving side of moving a file tree in rounds (mig_tree.h is the
 * source's, mig_fs.h has the frames). It believes nothing: names are single components, parents are
 * nodes that it made itself, and are opened without following links or entering other mounts; a
 * frame that does not fit is EBADMSG. Every round ends with a comparison of what was written with
 * what the source means to have sent. It knows no container. Called by mig_target.c.
 *
 * What loses its last name in a round may get another one in the same round: until the round's end
 * it lies in a directory ".stiva-sink-" and a random number, in the root.
 */
#ifndef STIVA_CHECKPOINT_MIG_SINK_H
#define STIVA_CHECKPOINT_MIG_SINK_H

#include "checkpoint/mig_link.h"

struct mig_sink;

/* root_fd (a directory, or a regular file that is written in place, even O_PATH) and where (what
 * the tree is called in messages) are borrowed. A directory must be empty. Story. */
int mig_sink_open(int root_fd, uint32_t stream, const char *where, struct mig_sink **ret,
		  struct err *e) MUST_CHECK;
void mig_sink_free(struct mig_sink *s); /* NULL: nothing. What was written stays */

/* A frame FS_ENTRY, FS_DATA, FS_DEL or FS_END of this stream. Story: EBADMSG it cannot come from a
 * tree; EILSEQ the round did not arrive as it was sent; what the file system said. After an error
 * only free and discard are left. */
int mig_sink_take(struct mig_sink *s, const struct mig_frame *f, struct err *e) MUST_CHECK;
/* The final round is here, and all is as it was sent. */
bool mig_sink_is_complete(const struct mig_sink *s);

/* Onto the disk (syncfs). It takes its time: between rounds, or once the container runs, but before
 * the source is destroyed. Story. */
int mig_sink_sync(struct mig_sink *s, struct err *e) MUST_CHECK;
/* Removes all it has written; a file becomes empty. */
void mig_sink_discard(struct mig_sink *s);

#endif
