/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/proof: the digests of memory images, made by processes beside us, one a processor,
 * while CRIU is at work: the time of a gigabyte is longer than the rest of a restore. It must not
 * know what the digests should be. Called by image.c.
 *
 *	struct ckpt_proof p = CKPT_PROOF_NONE;
 *
 *	r = ckpt_proof_start(&p, files, n, true, e);	... anything else ...
 *	r = ckpt_proof_end(&p, abort_fd, e);			... files[i].digest
 */
#ifndef STIVA_CHECKPOINT_PROOF_H
#define STIVA_CHECKPOINT_PROOF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/err.h"
#include "checkpoint/blake.h"

#define CKPT_PROOF_MAX 8 /* processes */

struct ckpt_proof_file {
	const char *name; /* borrowed */
	int dir_fd;	  /* borrowed */
	uint64_t size;
	char digest[CKPT_BLAKE_TEXT]; /* of ckpt_proof_end() */
};
struct ckpt_proof {
	struct ckpt_proof_file *files; /* borrowed */
	size_t n_files;
	struct ckpt_proof_shared *shared;
	size_t shared_size, n_pieces;
	int pidfds[CKPT_PROOF_MAX]; /* owned */
	pid_t pids[CKPT_PROOF_MAX]; /* not reaped before these are closed */
	unsigned n_workers;
};
#define CKPT_PROOF_NONE                                                                            \
	{                                                                                          \
		.shared = NULL                                                                     \
	}
/* Sizes are those that the files must have. is_aside: the processes take what time others leave.
 * They end with us. Story. */
int ckpt_proof_start(struct ckpt_proof *p, struct ckpt_proof_file *files, size_t n, bool is_aside,
		     struct err *e) MUST_CHECK;
/* Waits for them. EINTR when abort_fd (FD_NONE: none) becomes readable. Story. */
int ckpt_proof_end(struct ckpt_proof *p, int abort_fd, struct err *e) MUST_CHECK;
void ckpt_proof_done(struct ckpt_proof *p);

#endif
