/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/mig_tree: the source's side of moving a file tree in rounds: everything first, while
 * it is being changed, then what has changed since, the last time while nothing changes any more
 * (migration.md 11). The frames are in mig_fs.h, the other side is mig_sink.h. It knows no
 * container. Called by mig_source.c.
 *
 * What counts as changed: type, mode, owner, size, mtime, ctime. A change that came after the round
 * began, or a little before (a clock ticks), may be followed by one that shows the same ctime: such
 * an entry is taken again. Memory that is mapped shared and writable changes a file without any
 * trace: the caller names such files by mig_tree_suspect(). Large files are read in full, but only
 * blocks of 64 KiB that differ are sent. Not carried: access times, flags of chattr(1), and storage
 * set aside without contents.
 */
#ifndef STIVA_CHECKPOINT_MIG_TREE_H
#define STIVA_CHECKPOINT_MIG_TREE_H

#include "checkpoint/mig_link.h"

struct mig_tree;

/* Of a round, or an estimate. */
struct mig_tree_count {
	uint64_t entries;   /* made, linked, or with other metadata; of an estimate: all */
	uint64_t removed;   /* names */
	uint64_t files;	    /* whose contents were read */
	uint64_t bytes;	    /* of contents sent; of an estimate: of storage */
	uint64_t unsettled; /* changed while they were read: the next round takes them again */
};

/* root_fd (a directory or a regular file, even O_PATH) is borrowed; where is what the tree is
 * called in messages, borrowed. Story. */
int mig_tree_open(int root_fd, uint32_t stream, const char *where, struct mig_tree **ret,
		  struct err *e) MUST_CHECK;
void mig_tree_free(struct mig_tree *t); /* NULL: nothing */

/* What a whole copy would be, by looking only. Story. */
int mig_tree_estimate(struct mig_tree *t, struct mig_tree_count *ret, struct err *e) MUST_CHECK;

/*
 * The next round begins now, for what was said of changes above; mig_tree_round() does it if the
 * caller has not. Where files may be mapped: mark, then look at /proc/PID/maps, then suspect each
 * file that is mapped shared and writable ("-w.s"), then the round. A suspect stays one: it is read
 * in full in every later round. By inode number alone, since an overlay shows another device.
 */
void mig_tree_mark(struct mig_tree *t);
void mig_tree_suspect(struct mig_tree *t, uint64_t ino);

/*
 * One round, from the first frame to FS_END. is_final: nothing may change any more, what changes or
 * cannot be read is an error (EBUSY). Otherwise it is left to the next round, and counted. Story.
 */
int mig_tree_round(struct mig_tree *t, struct mig_link *l, bool is_final,
		   struct mig_tree_count *ret, struct err *e) MUST_CHECK;

/* ---- the same storage on both hosts? (mig_tree_probe.c) ---- */
struct mig_probe {
	char name[48], text[33];
};
/* Puts a file with a random name and random contents into the directory, durably. Story: EROFS,
 * EACCES, ENOTDIR: it cannot be proved that way. */
int mig_tree_probe_write(int root_fd, struct mig_probe *ret, struct err *e) MUST_CHECK;
/* On the destination: true when the very same file is there. The file system's own numbers are not
 * compared: a server and its client have different ones for the same storage. */
bool mig_tree_probe_look(int root_fd, const struct mig_probe *p);
/* On the source, when the answer is there, and whenever anything fails. */
void mig_tree_probe_remove(int root_fd, const struct mig_probe *p);

#endif
