/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/mig_model: what one side of a migration believes a file tree to be: nodes, their
 * names, and sums over both that are kept up to date with every change, so that the two sides'
 * beliefs are compared in no time, and the path where they differ is found. In memory only; it
 * opens nothing. Called by mig_tree*.c and mig_sink*.c.
 *
 * A node with META counts as 128 bits of the SHA-256 of META's body, type, device, link text and
 * the hash of its blocks; a name as that of parent, node and text. They are added up (modulo 2^64)
 * in 64 buckets by the node's number; a third sum, of number times hash, gives away the number when
 * only one of a bucket differs.
 */
#ifndef STIVA_CHECKPOINT_MIG_MODEL_H
#define STIVA_CHECKPOINT_MIG_MODEL_H

#include <sys/types.h>
#include "checkpoint/mig_fs.h"

#define MIG_MODEL_BUCKETS 64

struct mig_node;
struct mig_name {
	struct mig_name *chain;		       /* in the table of names */
	struct mig_name *before, *after;       /* in the directory */
	struct mig_name *other_before, *other; /* of the same node */
	struct mig_node *parent, *node;
	uint32_t round; /* the source's: when it was last seen */
	uint32_t hash;
	uint16_t n;
	char text[]; /* with a NUL */
};

struct mig_node {
	uint32_t id, depth, n_names;
	mode_t type; /* S_IFMT */
	uint32_t major, minor;
	bool has_item;
	char *target;		   /* owned; of a symlink */
	struct mig_name *names;	   /* its own */
	struct mig_name *children; /* owned */
	struct mig_hash item;
	struct mig_blocks blocks;
};

struct mig_model {
	size_t node_size;	 /* of what embeds a mig_node as its first member */
	struct mig_node **by_id; /* owned; [0] and those that are gone: NULL */
	uint32_t last_id, ids_cap;
	struct mig_name **table; /* owned */
	size_t table_size;
	uint64_t n_nodes, n_names;
	uint32_t *
		nameless; /* owned; numbers of nodes that lost their last name, maybe for a while */
	size_t n_nameless, cap_nameless;
	struct {
		uint64_t lo, hi, weighted;
	} sum[MIG_MODEL_BUCKETS];
};

/* Makes the root. */
void mig_model_init(struct mig_model *m, size_t node_size, mode_t root_type);
void mig_model_done(struct mig_model *m);

static inline struct mig_node *mig_model_root(struct mig_model *m)
{
	return m->by_id[MIG_FS_ROOT];
}
/* NULL: no such node. */
struct mig_node *mig_model_node(struct mig_model *m, uint64_t id);
/* The next number. NULL: there are too many. */
struct mig_node *mig_model_new(struct mig_model *m, mode_t type);
struct mig_name *mig_model_find(struct mig_model *m, const struct mig_node *parent,
				const char *text, size_t n);
/* NULL: too many, or too deep. */
struct mig_name *mig_model_link(struct mig_model *m, struct mig_node *parent, struct mig_node *node,
				const char *text, size_t n);
/* The name is freed, the node is not. */
void mig_model_unlink(struct mig_model *m, struct mig_name *name);
/* Frees the nodes that have no name; `gone` (or NULL) is told before. */
void mig_model_settle(struct mig_model *m, void (*gone)(void *ctx, struct mig_node *n), void *ctx);

/* What the node counts as with this META's body. Pure. */
struct mig_hash mig_model_item(const struct mig_node *n, const char *meta, size_t n_meta);
void mig_model_set_item(struct mig_model *m, struct mig_node *n, struct mig_hash item);

/* The path of a node, or of a name in it (NULL: none), replaces what is in out: "" the root. */
void mig_model_path(const struct mig_node *n, const char *name, struct buf *out);

/* Adds nodes, names and sums as FS_END has them. */
void mig_model_put(const struct mig_model *m, struct buf *out);
/* Compares with what the other side put. Return: 0; -EBADMSG what came is too short; -EILSEQ they
 * differ, *ret_path is one that does, if that can be told, "" otherwise. */
int mig_model_compare(struct mig_model *m, struct mig_fs_in *in, struct buf *ret_path);

#endif
