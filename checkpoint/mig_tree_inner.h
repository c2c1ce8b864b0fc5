/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint/mig_tree_inner: what mig_tree.c (the walk), mig_tree_file.c (contents) and
 * mig_tree_meta.c (metadata, frames) share. Included by no other file. */
#ifndef STIVA_CHECKPOINT_MIG_TREE_INNER_H
#define STIVA_CHECKPOINT_MIG_TREE_INNER_H

#include <fcntl.h>
#include <sys/stat.h>
#include "checkpoint/mig_model.h"
#include "checkpoint/mig_tree.h"

#define MIG_TREE_CHUNK	 MIG_FS_PIECE_MAX
#define MIG_TREE_DIRENTS 65536u

/* What is compared to see whether a node has changed. */
struct mig_seen {
	uint32_t mode, uid, gid;
	uint64_t size;
	int64_t mtime, ctime;
	uint32_t mtime_ns, ctime_ns;
};

struct mig_source_node {
	struct mig_node n;
	struct mig_source_node *chain; /* in the table of inodes */
	uint64_t dev, ino;
	struct mig_seen seen;
	uint64_t sent_size;
	uint32_t round;	  /* when it was last looked at */
	uint32_t touched; /* a directory: when a name in it was last sent or removed */
	bool is_bound;	  /* in the table of inodes */
	bool is_border;	  /* another mount's root: its place is part of the tree */
	bool is_stale;	  /* to be taken again whatever it looks like */
	bool is_suspect;
};

struct mig_ids {
	uint32_t *v; /* owned */
	size_t n, cap;
};

struct mig_tree {
	int root_fd; /* owned */
	uint32_t stream;
	const char *where; /* borrowed */
	struct mig_model model;
	struct mig_source_node **inodes; /* owned */
	size_t inodes_size, n_inodes;
	uint64_t *suspects; /* owned; inode numbers */
	size_t n_suspects, cap_suspects;
	int64_t mark_ns; /* what changed since then may change unseen; 0: not marked */
	uint32_t round;
	bool is_failed; /* a round broke off: nobody knows what has arrived */

	/* of the round */
	struct mig_link *link; /* borrowed */
	bool is_final;
	struct mig_tree_count count;
	struct mig_ids todo, unswept; /* directories */
	struct buf batch;	      /* records not yet sent, for a frame of batch_type */
	enum mig_frame_type batch_type;
	struct buf late;       /* METAs of directories */
	struct buf path, meta; /* scratch */
	char *chunk;	       /* owned; MIG_TREE_CHUNK bytes */
	char *names, *value;   /* owned; of xattrs, MIG_FS_XATTR_MAX bytes each */
	char *dirents;	       /* owned; MIG_TREE_DIRENTS bytes */
};

#define MIG_TREE_STATX                                                                             \
	(STATX_TYPE | STATX_MODE | STATX_UID | STATX_GID | STATX_SIZE | STATX_MTIME |              \
	 STATX_CTIME | STATX_INO | STATX_NLINK | STATX_BLOCKS)

/* ---- mig_tree_meta.c: frames and metadata ---- */
/* Begins a record for a frame of that type: what is batched for another one goes out first. */
int mig_tree_record(struct mig_tree *t, enum mig_frame_type type, enum mig_fs_record kind,
		    size_t *ret_at, struct err *e) MUST_CHECK;
/* Ends it; sends the batch if it is large. */
int mig_tree_recorded(struct mig_tree *t, size_t at, struct err *e) MUST_CHECK;
int mig_tree_flush(struct mig_tree *t, struct err *e) MUST_CHECK;
/* The METAs of directories. */
int mig_tree_flush_late(struct mig_tree *t, struct err *e) MUST_CHECK;
/* The body of a META, in t->meta. fd FD_NONE: xattrs are not looked at. Return: 0, -errno. */
int mig_tree_meta(struct mig_tree *t, const struct mig_node *n, const struct statx *sx,
		  uint64_t size, int fd, bool is_path);
/* Sends t->meta if the node is not as it says, or if is_due. */
int mig_tree_send_meta(struct mig_tree *t, struct mig_source_node *n, bool is_due,
		       struct err *e) MUST_CHECK;
/* Something that may be while the tree lives: counted, or in the final round an error. name NULL:
 * the node itself. why: -errno, 0: it changed. */
int mig_tree_unsettled(struct mig_tree *t, const struct mig_node *n, const char *name, int why,
		       struct err *e) MUST_CHECK;
struct mig_seen mig_tree_seen(const struct statx *sx);
static inline bool mig_seen_is_equal(const struct mig_seen *a, const struct mig_seen *b)
{
	return a->mode == b->mode && a->uid == b->uid && a->gid == b->gid && a->size == b->size &&
	       a->mtime == b->mtime && a->mtime_ns == b->mtime_ns && a->ctime == b->ctime &&
	       a->ctime_ns == b->ctime_ns;
}
/* Could a later change show the same ctime? */
bool mig_tree_is_racy(const struct mig_tree *t, const struct mig_seen *s);

/* ---- mig_tree_file.c: contents ---- */
/* Sends what of the file differs from what was sent. *inout_size: as statx has it, then what was
 * read. *ret_sent: were there pieces. Return: 0, 1 when less could be read (*ret_why: -errno, or 0:
 * it became shorter); story otherwise. */
int mig_tree_contents(struct mig_tree *t, struct mig_source_node *n, int fd, uint64_t *inout_size,
		      bool *ret_sent, int *ret_why, struct err *e) MUST_CHECK;

/* ---- mig_tree_entry.c ---- */
/* An entry of a directory, as it was listed. */
struct mig_entry {
	struct mig_source_node *dir;
	int dir_fd; /* borrowed */
	const char *name;
	struct statx sx;
	bool is_border;
	/* private */
	struct mig_name *known;	   /* the model's name; NULL */
	struct mig_source_node *n; /* the model's node; NULL: the other side does not have it */
};
int mig_tree_take(struct mig_tree *t, struct mig_entry *x, struct err *e) MUST_CHECK;
/* A regular file that is open: contents, then metadata. */
int mig_tree_take_file(struct mig_tree *t, struct mig_source_node *n, int fd,
		       const struct statx *before, struct err *e) MUST_CHECK;
/* mig_tree_meta(); if it cannot be read, without xattrs, and the node is taken again. */
int mig_tree_meta_of(struct mig_tree *t, struct mig_source_node *n, const struct statx *sx,
		     uint64_t size, int fd, bool is_path, struct err *e) MUST_CHECK;
/* A name and all that is below it, the deepest first. */
int mig_tree_remove(struct mig_tree *t, struct mig_name *top, struct err *e) MUST_CHECK;
void mig_tree_now_seen(struct mig_tree *t, struct mig_source_node *n, const struct statx *sx,
		       bool is_stale);
void mig_tree_bind(struct mig_tree *t, struct mig_source_node *n, uint64_t dev, uint64_t ino);
void mig_tree_unbind(void *t, struct mig_node *node);
void mig_tree_push(struct mig_ids *v, uint32_t id);
/* Another file system's, or bound over it. dev: the directory's. */
bool mig_tree_is_border(const struct statx *sx, uint64_t dev);
static inline uint64_t mig_tree_dev(const struct statx *sx)
{
	return (uint64_t)sx->stx_dev_major << 32 | sx->stx_dev_minor;
}

#endif
