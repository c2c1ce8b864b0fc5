/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/mig_fs: what the source (mig_tree) and the receiving side (mig_sink) of a file tree
 * agree on: the records in the frames FS_ENTRY, FS_DATA, FS_DEL and FS_END, hashes of blocks, and
 * how a path inside such a tree is opened. It knows no container. Called by mig_tree*.c,
 * mig_sink*.c and mig_model.c.
 *
 * Every node of a tree (what an inode is) has a number, 1 is the root, the source counts upwards
 * and never uses one twice. Names lead to nodes; a node without a name lives until FS_END. All
 * numbers are little-endian. FS_ENTRY and FS_DEL hold records, one after the other: length of the
 * body u32, kind u8, body:
 *
 *   ROUND  version u32, number u32 (from 1), is_final u8, type of the root u32 (S_IFDIR, S_IFREG)
 *   NEW    node u32 (the next number), parent u32, mode u32 (its type counts), major u32, minor
 *          u32, length of the name u16, name; of a symlink: its text
 *   LINK   parent u32, node u32, length u16, name
 *   META   node u32, mode u32, uid u32, gid u32, size u64 (0 if not regular), mtime: s64 seconds,
 *          u32 ns; number of xattrs u32, each: length of the name u16, of the value u32, name,
 * value PIECE  node u32, kind u8, offset u64, length u64, bytes if the kind is DATA DEL    parent
 * u32, length u16, name
 *
 * A round begins with ROUND and ends with the frame FS_END. FS_DATA is the body of one PIECE. The
 * pieces of a file ascend, cover every block of 64 KiB that they touch from its beginning to its
 * end or the file's, and are followed by the file's META. What a directory holds is sent before the
 * directory's META. FS_END: number u32, is_final u8, nodes u64, names u64, and the sums of
 * mig_model.h.
 */
#ifndef STIVA_CHECKPOINT_MIG_FS_H
#define STIVA_CHECKPOINT_MIG_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/mem.h"

#define MIG_FS_VERSION	 1u
#define MIG_FS_BLOCK	 (64u << 10)
#define MIG_FS_PIECE_MAX (1u << 20) /* bytes of one piece that is no hole */
#define MIG_FS_NODES_MAX (1u << 23) /* numbers of one tree; names as well */
#define MIG_FS_DEPTH_MAX 4096u
#define MIG_FS_META_MAX	 (2u << 20) /* body of a META: all xattrs of one node */
#define MIG_FS_XATTR_MAX 65536u	    /* the kernel's */
#define MIG_FS_ROOT	 1u

enum mig_fs_record {
	MIG_REC_ROUND = 1,
	MIG_REC_NEW,
	MIG_REC_LINK,
	MIG_REC_META,
	MIG_REC_PIECE,
	MIG_REC_DEL,
};
/* HOLE: no storage; ZEROS: storage that holds zeros. */
enum mig_fs_piece { MIG_PIECE_DATA = 1, MIG_PIECE_ZEROS, MIG_PIECE_HOLE };

/* ---- records ---- */
void mig_fs_put(struct buf *b, uint64_t v, unsigned n_bytes);
/* Length u16, then the text. */
void mig_fs_put_name(struct buf *b, const char *name, size_t n);
/* Begins a record; mig_fs_close() with what it returned fills in its length. */
size_t mig_fs_open(struct buf *b, enum mig_fs_record kind);
void mig_fs_close(struct buf *b, size_t at);

struct mig_fs_in {
	const char *p; /* borrowed */
	size_t n;
	bool is_short; /* more was taken than there was: what was given instead is 0 or "" */
};
uint64_t mig_fs_take(struct mig_fs_in *in, unsigned n_bytes);
const char *mig_fs_take_bytes(struct mig_fs_in *in, size_t n);
const char *mig_fs_take_name(struct mig_fs_in *in, size_t *ret_n);

/* ---- contents ---- */
struct mig_hash { /* 128 bits of SHA-256; all zero: the bytes are */
	uint64_t lo, hi;
};
static inline bool mig_hash_is_none(struct mig_hash h)
{
	return h.lo == 0 && h.hi == 0;
}
static inline bool mig_hash_is_equal(struct mig_hash a, struct mig_hash b)
{
	return a.lo == b.lo && a.hi == b.hi;
}
struct mig_hash mig_fs_hash(const void *p, size_t n);
/* As mig_fs_hash(), none for zeros. */
struct mig_hash mig_fs_hash_block(const void *p, size_t n);

/* The blocks of a file that are not zero, ascending. Zeroed: none. */
struct mig_block {
	uint64_t index;
	struct mig_hash hash;
};
struct mig_blocks {
	struct mig_block *v; /* owned */
	size_t n, cap;
};
void mig_blocks_done(struct mig_blocks *b);
/* index is above that of the last one. */
void mig_blocks_add(struct mig_blocks *b, uint64_t index, struct mig_hash hash);
/* The first one at or above index; n if there is none. */
size_t mig_blocks_from(const struct mig_blocks *b, uint64_t index);
struct mig_hash mig_blocks_get(const struct mig_blocks *b, uint64_t index);
/* Brings b up to date with what changed, of a file that now has so many bytes. */
void mig_blocks_merge(struct mig_blocks *b, const struct mig_blocks *changed, uint64_t size);

/* ---- paths ---- */
/* Opens a path of a tree ("" is the root) of any length. No link is followed, no other mount
 * entered, not even if somebody is changing the tree. Leaf: fd, -errno (-EXDEV: another mount). */
int mig_fs_open_path(int root_fd, const char *path, int flags);
/* For tests: true is as if openat2 were blocked. */
void mig_fs_test_force_walk(bool on);
/* A name that an entry of a directory can have. */
bool mig_fs_is_name(const char *name, size_t n);
/* An extended attribute that is carried. "system." holds views of what is elsewhere (of NFS, of
 * CIFS), but for POSIX ACLs. */
bool mig_fs_is_xattr(const char *name);

#endif
