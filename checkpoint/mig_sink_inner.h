/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint/mig_sink_inner: what mig_sink.c (frames, rounds), mig_sink_name.c (names) and
 * mig_sink_node.c (contents, metadata) share. Included by no other file. */
#ifndef STIVA_CHECKPOINT_MIG_SINK_INNER_H
#define STIVA_CHECKPOINT_MIG_SINK_INNER_H

#include <time.h>
#include "checkpoint/mig_model.h"
#include "checkpoint/mig_sink.h"

struct mig_sink_node {
	struct mig_node n;
	bool is_in_limbo;
};

/* Pieces of one file, until its META. */
struct mig_pass {
	struct mig_sink_node *n;   /* NULL: none */
	uint64_t next;		   /* where the next piece may begin, or must if fill is not 0 */
	uint32_t fill;		   /* bytes of the block before next that are in `block` */
	char *block;		   /* owned; MIG_FS_BLOCK bytes */
	struct mig_blocks changed; /* owned */
};

struct mig_sink {
	int root_fd; /* owned; of a directory O_PATH is not enough, of a file neither */
	uint32_t stream;
	const char *where; /* borrowed */
	struct mig_model model;
	uint32_t round;
	bool is_in_round, is_final, is_complete, is_failed;
	int dir_fd; /* owned: of the directory that was used last */
	uint32_t dir_id;
	int file_fd; /* owned: of the file that was used last */
	uint32_t file_id;
	int limbo_fd; /* owned */
	char limbo[48];
	struct timespec root_mtime; /* as the last META had it */
	bool has_root_mtime;
	struct mig_pass pass;
	struct buf path; /* scratch */
	char *names;	 /* owned; scratch of MIG_FS_XATTR_MAX bytes */
};

/* Sets the error: what came does not fit. Return: -EBADMSG. */
int mig_sink_bad(const struct mig_sink *s, struct err *e, const char *what);
/* What the system said of a node, or of a name in it. */
int mig_sink_failed(struct mig_sink *s, struct err *e, int why, const char *doing,
		    const struct mig_node *n, const char *name);

/* ---- mig_sink_name.c ---- */
int mig_sink_new(struct mig_sink *s, struct mig_fs_in *in, struct err *e) MUST_CHECK;
int mig_sink_link(struct mig_sink *s, struct mig_fs_in *in, struct err *e) MUST_CHECK;
int mig_sink_del(struct mig_sink *s, struct mig_fs_in *in, struct err *e) MUST_CHECK;
/* A name without anything below it. */
int mig_sink_remove(struct mig_sink *s, struct mig_name *name, struct err *e) MUST_CHECK;
/* Opens a node; borrowed for a file (O_RDWR), which stays open until another one is. Otherwise an
 * O_PATH descriptor of the caller's. Return: fd, -errno. */
int mig_sink_open_file(struct mig_sink *s, struct mig_sink_node *n);
int mig_sink_open_node(struct mig_sink *s, const struct mig_sink_node *n);
/* Removes for good what has no name any more. */
int mig_sink_empty_limbo(struct mig_sink *s, struct err *e) MUST_CHECK;

/* ---- mig_sink_node.c ---- */
int mig_sink_piece(struct mig_sink *s, struct mig_fs_in *in, struct err *e) MUST_CHECK;
int mig_sink_meta(struct mig_sink *s, struct mig_fs_in *in, struct err *e) MUST_CHECK;

#endif
