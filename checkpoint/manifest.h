/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/manifest: stiva.manifest, written last: a digest of every image, where the memory is
 * that is not among them, and the digest of the manifest of the images that these build on: who has
 * the last of a chain has proven all of it. A directory without it is no checkpoint, and one of a
 * pre-dump is none either. Called by image.c, dump.c and restore.c.
 */
#ifndef STIVA_CHECKPOINT_MANIFEST_H
#define STIVA_CHECKPOINT_MANIFEST_H

#include <stdbool.h>
#include "base/auto.h"
#include "base/err.h"
#include "base/json.h"
#include "checkpoint/digest.h"
#include "checkpoint/proof.h"

#define CKPT_MANIFEST "stiva.manifest"
#define CKPT_PARENT   "parent" /* criu's link to the images that these build on */

/* Where the memory is: beside the images; with a page server, whose files come beside them before a
 * restore; with the processes that it is of, who give it away to the restored ones. */
enum ckpt_memory_where { CKPT_MEMORY_HERE, CKPT_MEMORY_SERVER, CKPT_MEMORY_SOURCE, CKPT_MEMORY_N };

struct ckpt_parent {
	char *path;   /* what the link says */
	char *digest; /* of its manifest */
};
struct ckpt_memory {
	struct opt_bool is_pre_dump;
	struct opt_enum where;
	struct ckpt_parent *parent; /* NULL: none */
	/* What the kernel has noted of writes since these images, it noted under this name. NULL:
	 * it noted none. */
	char *tracked;
};

/* What of images is proven while CRIU is at work: the memory, that of their parents too. */
struct ckpt_image_proof {
	struct ckpt_proof proof;
	char **wants;
	struct ckpt_memory *memory; /* of the first directory */
	int *parents;		    /* owned descriptors; the array is the arena's */
	size_t n_parents;
};
#define CKPT_IMAGE_PROOF_NONE                                                                      \
	{                                                                                          \
		.proof = CKPT_PROOF_NONE                                                           \
	}
void ckpt_image_proof_done(struct ckpt_image_proof *p);
/* Its end; 0 also the second time, and of one that was never begun. path: for messages. EINTR when
 * abort_fd (FD_NONE: none) becomes readable. */
int ckpt_image_prove(struct ckpt_image_proof *p, int abort_fd, const char *path,
		     struct err *e) MUST_CHECK;

/* Of all that is there. at: NULL when there is nothing to say of it. */
int ckpt_manifest_write(int dir_fd, const struct ckpt_memory *at, struct err *e) MUST_CHECK;
/* Again, of files that were changed by right; what it says of the memory stays, but for the
 * parent's digest. */
int ckpt_manifest_renew(int dir_fd, struct err *e) MUST_CHECK;
/* Proves that every image is as it was written, and none is there beside, also of the parents. Of
 * memory only the sizes: *proof is begun, and borrows dir_fd and the arena. */
int ckpt_manifest_check(int dir_fd, struct arena *a, struct ckpt_image_proof *proof,
			struct err *e) MUST_CHECK;

/* The digest of a directory's manifest, and what it says of the memory. ENOENT: it has none. */
int ckpt_manifest_look(int dir_fd, struct arena *a, char ret[CKPT_DIGEST_TEXT],
		       struct ckpt_memory **ret_memory, struct err *e) MUST_CHECK;
/* Opens the directory that `name` in dir_fd leads to; nobody else may write there. what: for
 * messages. */
int ckpt_manifest_open_parent(int dir_fd, const char *name, const char *what, int *ret_fd,
			      struct err *e) MUST_CHECK;

/* ---- pagemap.c ---- */
/* That the memory of the process or segment of this pagemap image is there, and all of it. */
int ckpt_pagemap_check(int dir_fd, const char *name, struct err *e) MUST_CHECK;
/* Bytes that such an image says are in *ret_pages. Return: 0 or -EBADMSG. Pure. */
int ckpt_pagemap_sum(const char *p, size_t n, uint32_t *ret_pages, uint64_t *ret_bytes);

#endif
